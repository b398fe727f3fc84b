"""The bounded scaling of densities; `Standardise` has tests of its own."""

import numpy as np
import pytest

from bycatch.errors import DataError
from bycatch.represent.scaling import LogitStandardise

BOUNDS = np.array([[0.0, -3.0, 100.0], [1.0, 5.0, 9000.0]])


@pytest.fixture
def rows():
    rng = np.random.default_rng(1)
    u = rng.beta([2.0, 0.5, 1.0], [2.0, 0.5, 6.0], size=(500, 3))
    return BOUNDS[0] + (BOUNDS[1] - BOUNDS[0]) * u, rng.uniform(0.5, 2.0, 500)


def logit(X, scaling):
    u = (X - scaling.low) / (scaling.high - scaling.low)
    return np.log(u / (1 - u))


def test_the_support_is_the_bounds_and_a_margin(rows):
    X, _ = rows
    scaling = LogitStandardise.fit(X, bounds=BOUNDS, margin=0.01)
    width = BOUNDS[1] - BOUNDS[0]
    np.testing.assert_allclose(scaling.low, BOUNDS[0] - 0.01 * width, rtol=1e-12)
    np.testing.assert_allclose(scaling.high, BOUNDS[1] + 0.01 * width, rtol=1e-12)
    own = LogitStandardise.fit(X)
    room = 1e-3 * (X.max(axis=0) - X.min(axis=0))
    np.testing.assert_allclose(own.low, X.min(axis=0) - room, rtol=1e-12)
    np.testing.assert_allclose(own.high, X.max(axis=0) + room, rtol=1e-12)
    assert own.inside(X).all()


def test_moments_of_the_logit_are_the_weighted_ones(rows):
    X, weight = rows
    scaling = LogitStandardise.fit(X, weight)
    values = logit(X, scaling)
    mean = np.average(values, axis=0, weights=weight)
    np.testing.assert_allclose(scaling.mean, mean, rtol=1e-9, atol=1e-9)
    variance = np.average((values - mean) ** 2, axis=0, weights=weight)
    np.testing.assert_allclose(scaling.scale, np.sqrt(variance), rtol=1e-9)
    np.testing.assert_allclose(scaling.transform(X), (values - mean) / scaling.scale, atol=1e-9)


def test_weight_two_equals_two_events_and_a_negative_one_cancels(rows):
    X, weight = rows
    doubled = LogitStandardise.fit(X, np.where(np.arange(500) < 100, 2.0, 1.0) * weight)
    repeated = LogitStandardise.fit(
        np.concatenate([X, X[:100]]), np.concatenate([weight, weight[:100]])
    )
    cancelled = LogitStandardise.fit(
        np.concatenate([X, X[:50]]), np.concatenate([weight, -weight[:50]]), bounds=BOUNDS
    )
    without = LogitStandardise.fit(X[50:], weight[50:], bounds=BOUNDS)
    for one, other in ((doubled, repeated), (cancelled, without)):
        np.testing.assert_allclose(one.mean, other.mean, rtol=1e-9, atol=1e-12)
        np.testing.assert_allclose(one.scale, other.scale, rtol=1e-9)


def test_inverse(rows):
    X, weight = rows
    scaling = LogitStandardise.fit(X, weight)
    np.testing.assert_allclose(scaling.inverse(scaling.transform(X)), X, rtol=1e-12, atol=1e-12)
    z = np.random.default_rng(2).normal(size=(400, 3)) * 3
    x = scaling.inverse(z)
    # What the rounding of x does: its last digit times dz/dx.
    slope = 1 / (x - scaling.low) + 1 / (scaling.high - x)
    rounding = np.finfo(float).eps * (np.abs(x) + scaling.high) * slope / scaling.scale
    assert (np.abs(scaling.transform(x) - z) < 4 * rounding + 1e-12).all()


def test_log_jacobian_against_the_numerical_derivative(rows):
    X, weight = rows
    scaling = LogitStandardise.fit(X, weight)
    numeric = np.zeros(len(X))
    for j in range(3):
        # A step that is small beside the distance to the nearer end, where the map bends most; the
        # error of a central difference is then (step / distance)^2 / 3 at most.
        step = 1e-4 * np.minimum(X[:, j] - scaling.low[j], scaling.high[j] - X[:, j])
        moved = np.zeros_like(X)
        moved[:, j] = step
        slope = scaling.transform(X + moved) - scaling.transform(X - moved)
        assert (np.delete(slope, j, axis=1) == 0.0).all(), "a feature moves another one"
        numeric += np.log(slope[:, j] / (2 * step))
    np.testing.assert_allclose(scaling.log_jacobian(X), numeric, rtol=0, atol=3e-8)


def test_outside_of_the_support_there_is_nothing(rows):
    X, weight = rows
    scaling = LogitStandardise.fit(X, weight, BOUNDS)
    probe = np.tile(X[:1], (7, 1))
    probe[1, 0] = scaling.low[0]
    probe[2, 0] = scaling.high[0]
    probe[3, 1] = -1e30
    probe[4, 2] = np.inf
    probe[5, 1] = np.nan
    expected = [True, False, False, False, False, False, True]
    np.testing.assert_array_equal(scaling.inside(probe), expected)
    np.testing.assert_array_equal(np.isfinite(scaling.log_jacobian(probe)), expected)
    z = scaling.transform(probe)
    np.testing.assert_array_equal(np.isfinite(z).all(axis=1), expected)
    assert np.isfinite(z[1, 1:]).all(), "only the feature that is outside becomes NaN"


def test_inverse_of_anything_can_be_clipped_into_the_support(rows):
    X, weight = rows
    scaling = LogitStandardise.fit(X, weight)
    far = scaling.inverse(np.array([[-1e4, 1e4, -50.0], [0.0, 0.0, 1e300]]))
    clipped = scaling.clip(far)
    assert scaling.inside(clipped.astype(np.float32)).all()
    np.testing.assert_array_equal(scaling.clip(X), X)


def test_refusals(rows):
    X, weight = rows
    with pytest.raises(DataError, match="zero rows"):
        LogitStandardise.fit(np.empty((0, 2)))
    with pytest.raises(DataError, match=r"Feature 1 has the one value 7, .* remove it"):
        LogitStandardise.fit(np.stack([np.arange(5.0), np.full(5, 7.0)], axis=1))
    with pytest.raises(DataError, match=r"Feature 2 runs from .* beyond the bounds .* widen"):
        LogitStandardise.fit(X, weight, BOUNDS * [1, 1, 0.5])
    with pytest.raises(DataError, match="sum to -500"):
        LogitStandardise.fit(X, -np.ones(500))
