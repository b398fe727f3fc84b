"""The validation of a configuration, on a small sample of our own."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest

from bycatch.errors import DataError
from bycatch.search.plan import DataPlan, MethodPlan, RegionPlan, SearchPlan
from bycatch.search.validation.run import run_validation
from bycatch.search.validation.validated import load_correction
from bycatch.statistics.plan import BackgroundPlan
from bycatch.tasks import Run, RunFolder

RESOLVED = {"resonance": "m", "folds": 3}


@pytest.fixture(scope="module")
def plan(tmp_path_factory):
    rng = np.random.default_rng(1)
    n = 4000
    path = tmp_path_factory.mktemp("data") / "null.npz"
    mass = 2700 + rng.exponential(700, 2 * n)
    mass = mass[mass < 6500][:n]
    np.savez(
        path,
        m=mass,
        a=rng.standard_normal(mass.size),
        b=rng.standard_normal(mass.size),
        label=(rng.random(mass.size) < 0.1).astype(np.int8),
    )
    return SearchPlan(
        data=DataPlan(path=(str(path),)),
        resonance="m",
        features={"a": "a", "b": "b"},
        regions=RegionPlan(bins=200.0, fit_range=(2700.0, 6500.0), windows=((3300.0, 3900.0),)),
        methods=(MethodPlan(template="cwola", classifier="trees", max_trees=12),),
        truth="label",
        folds=3,
        members=1,
        working_points=(0.5, 0.2),
        background=BackgroundPlan(family="dijet", order=3),
        seed=3,
    )


def _run(plan, path, n=22, workers=1, **options):
    with RunFolder.open(path, "x", "seed: 3") as folder:
        return run_validation(plan, RESOLVED, n, Run(folder, workers), events=1500.0, **options)


@pytest.fixture(scope="module")
def finished(plan, tmp_path_factory):
    path = tmp_path_factory.mktemp("run")
    return _run(plan, path, toys=49), path


def test_reports_every_look_before_and_after(finished):
    result, path = finished
    assert (result.n, len(result.looks), len(result.corrected)) == (22, 2, 2)
    assert result.corrected_by == "itself"
    loose = result.looks[0]
    assert loose.failed == 0
    assert loose.efficiency == pytest.approx(0.5, abs=0.02)
    assert 0.4 < loose.sd < 1.8
    assert result.global_p is not None
    assert result.global_p.n_toys == 49
    document = json.loads((path / "result.json").read_text())
    assert document["correction"]["calibrated_down_to"] == pytest.approx(20 / 22)
    assert document["config"] == RESOLVED
    assert "pseudo-experiments of 1500 events" in str(result)


def test_only_background_events_serve(finished, plan):
    result, _ = finished
    with np.load(plan.data.path[0]) as data:
        assert result.pool == np.count_nonzero(data["label"] == 0)


def test_a_search_can_name_it(finished, plan):
    result, path = finished
    correction = load_correction(plan.replace(validation=str(path)), RESOLVED)
    assert correction == result.correction


def test_continues_and_does_not_depend_on_workers(finished, plan, tmp_path):
    _, path = finished
    again = tmp_path / "again"
    shutil.copytree(path, again)
    steps = sorted((again / "steps" / "pseudo").iterdir())
    steps[-1].unlink()
    steps[0].unlink()
    (again / "result.json").unlink()
    _run(plan, again, workers=2, toys=49)
    assert (again / "result.json").read_text() == (path / "result.json").read_text()


def test_fresh_pseudo_experiments_test_an_earlier_correction(finished, plan, tmp_path):
    result, path = finished
    fresh = _run(plan.replace(seed=4, validation=str(path)), tmp_path, n=20, toys=0)
    assert fresh.corrected_by == str(path)
    assert fresh.global_p is None
    mean, sd = result.correction.entries[0].mean, result.correction.entries[0].dispersion
    assert fresh.corrected[0].mean == pytest.approx((fresh.looks[0].mean - mean) / sd)


def test_too_many_events_are_refused(plan, tmp_path):
    with (
        RunFolder.open(tmp_path, "x", "y") as folder,
        pytest.raises(DataError, match="ask for at most"),
    ):
        run_validation(plan, RESOLVED, 20, Run(folder), events=1e6)
