"""The generalised Pareto distribution and its fit."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import genpareto

from bycatch.errors import FitError
from bycatch.trigger import pareto
from bycatch.trigger.pareto import fit_pareto, log_survival, plausible, quantile

SHAPES = (-0.4, -0.1, -1e-5, 0.0, 1e-9, 1e-4, 0.05, 0.7)


def draw(shape: float, n: int, seed: int = 1, scale: float = 2.0) -> np.ndarray:
    return genpareto.rvs(shape, scale=scale, size=n, random_state=np.random.default_rng(seed))


@pytest.mark.parametrize("shape", SHAPES)
def test_survival_and_quantile_are_exact_and_inverse(shape: float) -> None:
    excess = np.array([0.0, 1e-6, 0.3, 2.0, 4.5])
    found = log_survival(excess, shape, 2.0)
    # scipy's logsf loses digits for tiny shapes: 1e-9 / shape is what remains of them.
    assert found == pytest.approx(genpareto.logsf(excess, shape, scale=2.0), rel=1e-6, abs=1e-12)
    assert quantile(found, shape, 2.0) == pytest.approx(excess, rel=1e-9, abs=1e-14)


def test_the_shape_goes_through_zero_smoothly() -> None:
    shapes = np.array([-2e-4, -1.0001e-4, -1e-4, -1e-12, 0.0, 1e-12, 0.99e-4, 1.01e-4])
    excess = np.full(8, 6.0)
    # To second order log S = -y + shape y^2 / 2 - shape^2 y^3 / 3.
    expected = -6.0 + shapes * 18.0 - shapes**2 * 72.0
    assert log_survival(excess, shapes, 1.0) == pytest.approx(
        expected, abs=3e-9
    )  # the third order is left out


def test_beyond_the_end_of_a_finite_tail_there_is_nothing() -> None:
    assert log_survival(np.array([3.9, 4.0, 5.0]), -0.5, 2.0).tolist()[1:] == [-np.inf, -np.inf]
    assert quantile(-1e6, -0.5, 2.0) == pytest.approx(4.0)


@pytest.mark.parametrize("shape", [-0.3, 0.0, 5e-5, 0.4])
def test_slopes_are_the_derivatives_of_the_density(shape: float) -> None:
    theta, excess = np.array([shape, 0.3]), np.array([0.01, 0.5, 1.7, 2.9])
    found = pareto._slopes(theta, excess)
    for axis in range(2):
        step = np.zeros(2)
        step[axis] = 1e-6
        for index, y in enumerate(excess):
            ends = [
                pareto._loss(theta + sign * step, np.array([y]), np.ones(1)) for sign in (1, -1)
            ]
            assert found[axis, index] == pytest.approx((ends[0] - ends[1]) / 2e-6, abs=1e-7)


def test_the_loss_at_several_points_is_the_loss_at_each() -> None:
    excess, weight = draw(0.2, 30), np.full(30, 1 / 30)
    theta = np.array([[0.2, 0.5], [0.0, 0.0], [-0.45, -1.0]])
    expected = [pareto._loss(point, excess, weight) for point in theta]
    assert pareto._losses(theta, excess, weight) == pytest.approx(expected)
    assert expected[2] == np.inf  # events beyond the end


@pytest.mark.parametrize("shape", [-0.25, 0.0, 0.3])
def test_the_fit_is_consistent(shape: float) -> None:
    fit = fit_pareto(draw(shape, 20_000))
    if shape >= 0.0:  # below, the observed information has a large variance of its own
        # Davison and Smith: variances (1 + shape)^2 / n and 2 (1 + shape) / n of the log scale.
        assert fit.shape_error == pytest.approx((1 + shape) / np.sqrt(20_000), rel=0.05)
        assert fit.covariance[1, 1] == pytest.approx(2 * (1 + shape) / 20_000, rel=0.05)
    assert abs(fit.shape - shape) < 4 * fit.shape_error
    assert abs(np.log(fit.scale / 2.0)) < 4 * np.sqrt(fit.covariance[1, 1])


def test_units_of_the_score_do_not_matter() -> None:
    excess = draw(0.2, 200)
    one, other = fit_pareto(excess), fit_pareto(1e7 * excess)
    assert other.shape == pytest.approx(one.shape, abs=1e-6)
    assert other.scale == pytest.approx(1e7 * one.scale, rel=1e-6)


def test_weights_split_and_scale() -> None:
    excess = draw(0.1, 300)
    whole = fit_pareto(excess)
    doubled = fit_pareto(np.repeat(excess, 2), np.tile([1.5, -0.5], 300))
    assert doubled.shape == pytest.approx(whole.shape, abs=1e-7)
    assert doubled.n_effective == pytest.approx(300**2 / (300 * 2.5))
    scaled = fit_pareto(excess, np.full(300, 7.0))
    assert scaled.covariance == pytest.approx(whole.covariance)


def test_a_tail_that_ends_stops_at_the_bound() -> None:
    fit = fit_pareto(np.random.default_rng(1).uniform(size=500))
    assert fit.at_bound
    assert fit.shape == -0.5
    assert np.linalg.eigvalsh(fit.covariance).min() > 0


@pytest.mark.parametrize(
    ("excess", "weight"),
    [([1.0, 2.0], None), ([1.0, 1.0, 1.0], None), ([1.0, 2.0, 3.0], [1, -1, 0])],
)
def test_what_cannot_be_fitted(excess: list[float], weight: list[float] | None) -> None:
    with pytest.raises(FitError, match="at least three different excesses"):
        fit_pareto(np.array(excess), None if weight is None else np.array(weight))


def test_plausible_parameters_have_the_fit_s_covariance() -> None:
    excess = draw(0.1, 5_000)
    fit = fit_pareto(excess)
    shape, scale, share = plausible(fit, excess)
    assert share.sum() == pytest.approx(1.0)
    points = np.stack([shape, np.log(scale)])
    centred = points - (points @ share)[:, None]
    # With 5,000 excesses the likelihood is a Gaussian to 1/sqrt(5,000).
    assert (centred * share) @ centred.T == pytest.approx(fit.covariance, rel=0.1)
