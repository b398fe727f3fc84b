"""ROC, AUC and maximum significance improvement against closed forms."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import minimize_scalar
from scipy.stats import norm
from sklearn.metrics import roc_auc_score

from bycatch.errors import DataError
from bycatch.evaluate import max_sic, roc

SHIFT = 1.5


def gaussians(n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    score = np.concatenate([rng.normal(0.0, 1.0, n), rng.normal(SHIFT, 1.0, n)])
    return score, np.repeat([0, 1], n)


def test_auc_of_two_gaussians():
    n = 40_000
    curve = roc(*gaussians(n, 1))
    expected = norm.cdf(SHIFT / np.sqrt(2.0))
    assert 0.0 < curve.auc_error < 0.003
    assert abs(curve.auc - expected) < 4.0 * curve.auc_error


def test_auc_error_is_the_spread_of_the_auc():
    curves = [roc(*gaussians(400, seed)) for seed in range(200)]
    spread = np.std([curve.auc for curve in curves])
    # The standard deviation of 200 numbers is known to 5 %.
    assert curves[0].auc_error == pytest.approx(spread, rel=0.2)


def test_max_sic_of_two_gaussians():
    n = 40_000
    best = max_sic(roc(*gaussians(n, 2)))

    def minus_sic(cut: float) -> float:
        return float(-norm.sf(cut - SHIFT) / np.sqrt(norm.sf(cut)))

    lowest = 25.0 / n
    limit = norm.isf(lowest)
    exact = -minimize_scalar(minus_sic, bounds=(-3.0, limit), method="bounded").fun
    assert best.eps_b > lowest
    # The maximum over noisy points lies above the exact one by up to a few standard errors.
    assert -4.0 * best.error < best.value - exact < 4.0 * best.error


def test_max_sic_needs_enough_background():
    rng = np.random.default_rng(3)
    # The best event is signal: without a cut the improvement has no bound.
    score = np.concatenate([rng.uniform(size=200), [2.0]])
    label = np.append(rng.integers(0, 2, 200), 1)
    curve = roc(score, label)
    best = max_sic(curve)
    assert best.eps_b > 25.0 / np.count_nonzero(label == 0)
    assert max_sic(curve, max_error=0.02).value != max_sic(curve, max_error=0.02).value  # NaN
    assert np.isnan(curve.sic()[0])


def test_a_constant_score_has_one_cut():
    curve = roc(np.zeros(100), np.arange(100) % 2)
    assert curve.auc == 0.5
    assert curve.eps_b.tolist() == [0.0, 1.0]
    assert max_sic(curve).value == 1.0


@pytest.mark.parametrize("rounding", [0, 1, 6])
def test_auc_agrees_with_scikit_learn_on_ties_and_weights(rounding):
    score, label = gaussians(300, 4)
    score = score.round(rounding)
    weight = np.random.default_rng(5).uniform(0.1, 3.0, score.size)
    expected = roc_auc_score(label, score, sample_weight=weight)
    assert roc(score, label, weight).auc == pytest.approx(expected, rel=1e-12)


def test_weight_two_is_two_events():
    score, label = gaussians(300, 6)
    weight = np.random.default_rng(7).integers(1, 4, score.size)
    weighted = roc(score, label, weight)
    repeated = roc(np.repeat(score, weight), np.repeat(label, weight))
    np.testing.assert_allclose(weighted.eps_b, repeated.eps_b, rtol=0, atol=1e-12)
    np.testing.assert_allclose(weighted.eps_s, repeated.eps_s, rtol=0, atol=1e-12)


def test_auc_with_negative_weights_is_the_pair_sum():
    score, label = gaussians(200, 8)
    score = score.round(1)
    weight = np.where(np.random.default_rng(9).uniform(size=score.size) < 0.1, -1.0, 1.0)
    s, b = label == 1, label == 0
    higher = (score[s][:, None] > score[b]) + 0.5 * (score[s][:, None] == score[b])
    pairs = weight[s] @ higher @ weight[b] / (weight[s].sum() * weight[b].sum())
    assert roc(score, label, weight).auc == pytest.approx(pairs, rel=1e-12)


def test_thinned_curve_keeps_its_ends():
    points = roc(*gaussians(5_000, 10)).thin(50)
    assert points[0] == (0.0, 0.0)
    assert points[-1] == (1.0, 1.0)
    assert len(points) <= 51
    assert sorted(points) == list(points)


def test_missing_class_is_refused():
    with pytest.raises(DataError, match="label 1"):
        roc([0.1, 0.2], [0, 0])
    with pytest.raises(DataError, match="1 of 2 scores are NaN"):
        roc([np.nan, 0.2], [0, 1])
