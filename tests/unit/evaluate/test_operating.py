"""Signal at a false-positive rate and rejection against closed forms and exact coverage."""

from __future__ import annotations

import json

import numpy as np
import pytest
from scipy.stats import binomtest, norm

from bycatch.errors import DataError
from bycatch.evaluate import roc
from bycatch.evaluate.operating import efficiency, rejection, tpr_at
from bycatch.evaluate.roc import Roc

SHIFT = 2.0


def gaussians(n_b: int, n_s: int, seed: int) -> Roc:
    rng = np.random.default_rng(seed)
    score = np.concatenate([rng.normal(size=n_b), rng.normal(SHIFT, 1.0, n_s)])
    return roc(score, np.repeat([0, 1], [n_b, n_s]))


@pytest.mark.parametrize("point_fpr", [0.01, 0.1, 0.5])
def test_unweighted_intervals_are_scipys(point_fpr: float) -> None:
    curve = gaussians(500, 300, 1)
    found = tpr_at(curve, point_fpr)
    for side, n in ((found.background, 500), (found.signal, 300)):
        exact = binomtest(round(side.value * n), n).proportion_ci(0.6827, "exact")
        np.testing.assert_allclose(side.interval, (exact.low, exact.high), rtol=1e-9)
        assert side.n_passed == pytest.approx(side.value * n)


def test_tpr_is_that_of_two_gaussians() -> None:
    found = tpr_at(gaussians(200_000, 20_000, 2), 1e-3)
    exact = norm.sf(norm.isf(1e-3) - SHIFT)
    assert found.status == "ok"
    assert found.background.value <= 1e-3
    low, high = found.interval
    half = 0.5 * (high - low)
    assert 0.0 < half < 0.02
    assert abs(found.value - exact) < 4.0 * half


def test_intervals_cover_the_truth_as_often_as_they_say() -> None:
    exact = norm.sf(norm.isf(0.01) - SHIFT)
    trials = 400
    inside = 0
    for seed in range(trials):
        low, high = tpr_at(gaussians(3000, 300, seed), 0.01).interval
        inside += low <= exact <= high
    # Clopper-Pearson covers at least, and here not much more: four binomial errors below 68 %.
    assert inside / trials > 0.6827 - 4.0 * np.sqrt(0.68 * 0.32 / trials)
    assert inside / trials < 0.9


def test_rejection_is_that_of_two_gaussians_and_its_error_the_spread() -> None:
    exact = 1.0 / norm.sf(norm.isf(0.3) + SHIFT)
    found = [rejection(gaussians(20_000, 2000, seed), 0.3) for seed in range(200)]
    values = np.array([x.value for x in found])
    errors = np.array([x.error for x in found])
    assert abs(np.mean(1.0 / values) * exact - 1.0) < 4.0 * np.std(1.0 / values) * exact / 14.0
    # The standard deviation of 200 numbers is known to 5 %; both are of a skewed number.
    assert np.std(values) == pytest.approx(np.mean(errors), rel=0.25)
    assert all(x.interval[0] < x.value < x.interval[1] for x in found)


def test_fewer_than_one_background_event_is_said() -> None:
    curve = gaussians(1000, 500, 4)
    found = tpr_at(curve, 1e-5)
    assert "Fewer than one background event" in found.status
    assert found.background.value == 0.0
    assert found.background.n_passed == 0.0
    assert found.threshold_interval[0] == 0.0
    # 1 - 0.16^(1/1000): what zero of 1000 events leave at this level.
    assert found.background.interval == pytest.approx((0.0, 1.0 - 0.15865 ** (1 / 1000)), rel=1e-6)


def test_one_expected_event_is_not_fewer_than_one() -> None:
    assert "Fewer" not in tpr_at(gaussians(1000, 500, 4), 1e-3).status


def test_no_background_gives_a_lower_bound() -> None:
    found = rejection(roc([1.0, 2.0, 3.0, 4.0], [0, 0, 1, 1]), 0.5)
    assert found.value == np.inf
    assert "at least" in found.status
    assert found.interval[0] > 1.0
    text = json.dumps(found.to_json(), allow_nan=False)
    assert json.loads(text)["value"] is None


def test_heavy_weights_in_the_tail_count_as_few_events() -> None:
    rng = np.random.default_rng(5)
    score = np.concatenate([rng.normal(size=10_000), [5.0, 6.0], rng.normal(7.0, 1.0, 100)])
    label = np.repeat([0, 1], [10_002, 100])
    light = np.ones(score.size)
    heavy = light.copy()
    heavy[10_000:10_002] = 50.0
    point = {}
    for name, weight in (("light", light), ("heavy", heavy)):
        curve = roc(score, label, weight)
        point[name] = efficiency(
            curve, int(np.flatnonzero(curve.threshold == 5.0)[0]), "background"
        )
    assert point["heavy"].n_passed == pytest.approx(2.0)
    low, high = point["heavy"].interval
    # Two events of whatever weight are known to the relative precision of two events.
    exact = binomtest(2, 10_002).proportion_ci(0.6827, "exact")
    assert high / point["heavy"].value == pytest.approx(exact.high * 10_002 / 2, rel=0.02)
    assert low / point["heavy"].value == pytest.approx(exact.low * 10_002 / 2, rel=0.02)
    # One event of weight 50 is 0.5 % of the background: 1e-3 is below one event.
    assert "Fewer than one" in tpr_at(roc(score, label, heavy), 1e-3).status


def test_a_common_factor_of_weights_changes_nothing_and_signed_ones_are_taken() -> None:
    rng = np.random.default_rng(6)
    score = rng.normal(size=4000)
    label = rng.integers(0, 2, 4000)
    weight = np.where(rng.uniform(size=4000) < 0.1, -0.5, 1.0)
    a, b = (tpr_at(roc(score, label, f * weight), 0.05) for f in (1.0, 7.0))
    assert a.interval == pytest.approx(b.interval)
    assert 0.0 <= a.interval[0] < a.interval[1] <= 1.0
    found = rejection(roc(score, label, weight), 0.2)
    assert np.isfinite([found.value, found.error, *found.interval]).all()


@pytest.mark.parametrize("value", [0.0, 1.0, -1e-5, float("nan")])
def test_rates_outside_of_the_unit_interval_are_refused(value: float) -> None:
    curve = gaussians(50, 50, 7)
    with pytest.raises(DataError, match="between 0 and 1"):
        tpr_at(curve, value)
    with pytest.raises(DataError, match="between 0 and 1"):
        rejection(curve, value)
