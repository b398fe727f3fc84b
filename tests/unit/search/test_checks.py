"""Each check can fail, and says why."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from bycatch.search import checks
from bycatch.search.regions import Regions
from bycatch.search.result import Look
from bycatch.search.sample import Sample
from bycatch.search.scored import Scored
from bycatch.search.validation.correction import Correction
from bycatch.statistics.region import Region

REGION = Region((3300.0, 3700.0), ((2900.0, 3300.0), (3700.0, 4100.0)))
REGIONS = Regions(tuple(np.arange(2700.0, 6600.0, 100.0)), (REGION,), (2700.0, 6500.0))
LOOK = Look(
    "cwola-trees", REGION.window, 0.1, 0.1, 0.001, 1000, 300, 290.0, 9.0, 0.0, 0.3, 0.5, 0.3, 1.0,
    3, 0.5,
)  # fmt: skip


def sample(weight=None, n=4000):
    rng = np.random.default_rng(1)
    weight = np.ones(n) if weight is None else weight
    mass = rng.uniform(2700, 6500, n)
    return Sample(mass, rng.normal(size=(n, 2)).astype(np.float32), weight, None, ("a", "b"))


def scored(n, fold):
    zeros = np.zeros(0)
    score = np.random.default_rng(2).random(n).astype(np.float32)
    return Scored(
        score, np.full(n, 0.01, np.float32), fold, zeros.astype(np.int64),
        zeros.astype(np.float32), zeros, zeros.astype(np.int8), 5, (),
    )  # fmt: skip


def test_inclusive_fit_suggests_a_range():
    bad = checks.inclusive_check(1e-5, (3000.0, 6500.0), REGIONS)
    assert not bad.passed
    assert "[3000, 6500]" in bad.message
    assert "try another background family" in checks.inclusive_check(0.0, None, REGIONS).message
    assert checks.inclusive_check(0.3, None, REGIONS).passed


def test_failed_fit_is_named():
    failed = replace(LOOK, local_p=None, status="too few events; loosen the working point")
    (first, *_) = checks.fit_checks([LOOK, failed])
    assert not first.passed
    assert "1 of 2 looks" in first.message
    assert "loosen the working point" in first.message


def test_bad_fit_pays_for_the_number_of_fits():
    looks = [replace(LOOK, goodness_of_fit=p) for p in (0.004, 0.5, 0.9)]
    assert checks.fit_checks(looks)[1].passed  # 0.004 x 3 > 0.01
    assert not checks.fit_checks([replace(LOOK, goodness_of_fit=0.004)])[1].passed


def test_stability_sees_a_fold_that_differs():
    table = sample()
    fold = (np.arange(len(table)) % 5).astype(np.int8)
    inside = REGION.in_window(table.mass)
    rng = np.random.default_rng(3)
    fair = rng.random(len(table)) < 0.3
    unfair = fair & ~((fold == 2) & (rng.random(len(table)) < 0.9))
    assert inside.sum() > 300
    assert checks.stability_check(LOOK, scored(len(table), fold), fair, table, REGION).passed
    check = checks.stability_check(LOOK, scored(len(table), fold), unfair, table, REGION)
    assert not check.passed
    assert check.values["p"] < 1e-4


def test_sizes_are_kish():
    weight = np.where(np.arange(4000) < 40, 1000.0, 1.0)
    check = checks.sizes_check(sample(weight), REGIONS)
    assert not check.passed
    expected = weight.sum() ** 2 / (weight**2).sum()
    assert check.values["sample"][1] == pytest.approx(expected)
    assert checks.sizes_check(sample(), REGIONS).passed


def test_trials_count_only_looks_with_a_result():
    check = checks.trials_check([LOOK, replace(LOOK, local_p=None)], 1)
    assert check.values["n_looks"] == 1
    assert "less 1 without a result" in check.message


def test_toys_with_many_failures_warn():
    assert not checks.toys_check(100, 1000).passed
    assert checks.toys_check(10, 1000).passed


def test_calibration_is_claimed_only_where_shown():
    assert not checks.calibration_check(None, 5, [LOOK]).passed
    assert "not calibrated below p = 0.01" in checks.calibration_check(None, 5, [LOOK]).message
    told = checks.calibration_check(None, 5, [LOOK], interpolated=True).message
    assert "not calibrated below p = 0.01" in told
    assert "less anomalous" in told
    assert checks.calibration_check(None, "half", [LOOK]).passed
    shown = checks.calibration_check(Correction((), 0.01), 5, [replace(LOOK, background=3.0)])
    assert shown.passed
    assert "1 looks expect fewer than 20" in shown.message
