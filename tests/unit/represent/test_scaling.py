import numpy as np
import pytest

from bycatch.errors import DataError
from bycatch.represent.scaling import Standardise


@pytest.fixture
def rows():
    rng = np.random.default_rng(1)
    X = (rng.normal(size=(500, 3)) * [1.0, 1e-3, 50.0] + [5.0, 0.0, 1e4]).astype(np.float32)
    return X, rng.uniform(0.5, 2.0, 500)


def test_moments_are_the_weighted_ones(rows):
    X, weight = rows
    scaling = Standardise.fit(X, weight)
    values = X.astype(np.float64)
    mean = np.average(values, axis=0, weights=weight)
    variance = np.average((values - mean) ** 2, axis=0, weights=weight)
    np.testing.assert_allclose(scaling.mean, mean, rtol=1e-12, atol=1e-15)
    np.testing.assert_allclose(scaling.scale, np.sqrt(variance), rtol=1e-9)


def test_weight_two_equals_two_events(rows):
    X, weight = rows
    doubled = Standardise.fit(X, np.where(np.arange(500) < 100, 2.0, 1.0) * weight)
    repeated = Standardise.fit(np.concatenate([X, X[:100]]), np.concatenate([weight, weight[:100]]))
    np.testing.assert_allclose(doubled.mean, repeated.mean, rtol=1e-12, atol=1e-15)
    np.testing.assert_allclose(doubled.scale, repeated.scale, rtol=1e-12)


def test_negative_weight_takes_an_event_away(rows):
    X, weight = rows
    cancelled = Standardise.fit(np.concatenate([X, X[:50]]), np.concatenate([weight, -weight[:50]]))
    without = Standardise.fit(X[50:], weight[50:])
    np.testing.assert_allclose(cancelled.mean, without.mean, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(cancelled.scale, without.scale, rtol=1e-9)


def test_negative_variance_falls_back_to_absolute_weights():
    X = np.array([[-3.0], [3.0], [-1.0], [1.0]])
    scaling = Standardise.fit(X, np.array([-1.0, -1.0, 2.0, 2.0]))
    assert scaling.scale[0] == pytest.approx(np.sqrt((2 * 9 + 4 * 1) / 6))


def test_constant_feature_becomes_zero():
    X = np.full((7, 2), [0.1, -1e6], dtype=np.float32)
    scaling = Standardise.fit(X, np.linspace(1, 2, 7))
    np.testing.assert_array_equal(scaling.transform(X), 0.0)
    np.testing.assert_array_equal(scaling.scale, 1.0)


def test_inverse_and_jacobian(rows):
    X, weight = rows
    scaling = Standardise.fit(X, weight)
    np.testing.assert_allclose(scaling.inverse(scaling.transform(X)), X, rtol=1e-6, atol=1e-12)
    step = 1e-3
    moved = scaling.transform(X[:1].astype(np.float64) + step * np.eye(3))
    numeric = np.log(np.abs(np.linalg.det((moved - scaling.transform(X[:1])) / step)))
    assert scaling.log_jacobian() == pytest.approx(numeric, rel=1e-6)


def test_refuses_nothing_and_negative_sums():
    with pytest.raises(DataError, match="zero rows"):
        Standardise.fit(np.empty((0, 2)))
    with pytest.raises(DataError, match="sum to -1"):
        Standardise.fit(np.ones((2, 2)), np.array([1.0, -2.0]))
