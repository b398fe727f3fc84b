"""Classification without labels between any two mixed samples."""

from __future__ import annotations

import numpy as np
import pytest

from bycatch.errors import DataError
from bycatch.template.cwola import Cwola, mixed_ratio, mixed_samples, pure_ratio


def test_mixed_ratio_against_the_mixed_densities():
    s, b = np.array([0.1, 2.0, 0.7, 0.0]), np.array([0.5, 0.1, 0.7, 0.3])
    f1, f2 = 0.3, 0.05
    expected = (f1 * s + (1 - f1) * b) / (f2 * s + (1 - f2) * b)
    np.testing.assert_allclose(mixed_ratio(s / b, f1, f2), expected, rtol=1e-12)


@pytest.mark.parametrize(("f1", "f2"), [(1.0, 0.0), (0.9, 0.1), (0.006, 0.0), (0.5, 0.49)])
def test_mixed_ratio_is_monotone_and_inverts(f1, f2):
    pure = np.geomspace(1e-3, 1e3, 50)
    mixed = mixed_ratio(pure, f1, f2)
    assert np.all(np.diff(mixed) > 0.0)
    # Rounding of the mixed ratio is magnified by dL / dM, up to (f1 - f2)^-1 (f2 L + 1)^2 / L.
    rtol = 1e-13 * np.max((f2 * pure + 1.0) ** 2 / (pure * (f1 - f2)))
    np.testing.assert_allclose(pure_ratio(mixed, f1, f2), pure, rtol=rtol)


def test_ratios_beyond_the_fractions():
    assert pure_ratio([0.0, 100.0], 0.5, 0.1).tolist() == [0.0, np.inf]
    np.testing.assert_array_equal(mixed_ratio([0.1, 1.0, 9.0], 0.2, 0.2), 1.0)
    for f1, f2 in ((0.2, 0.2), (0.1, 0.3), (1.1, 0.0)):
        with pytest.raises(ValueError, match="can be inverted"):
            pure_ratio(1.0, f1, f2)


def test_estimator_scores_and_seeds():
    rng = np.random.default_rng(1)
    X = rng.normal(size=(600, 2))
    sample = np.repeat([1, 0], 300)
    X[sample == 1] += 1.0
    estimator = Cwola(members=2, seed=3, options={"max_trees": 10})
    assert vars(estimator) == {
        "classifier": "trees",
        "members": 2,
        "folds": 5,
        "seed": 3,
        "options": {"max_trees": 10},
    }
    assert estimator.fit(X, sample) is estimator
    assert estimator.scores_.shape == estimator.spread_.shape == estimator.score(X).shape == (600,)
    assert estimator.score([[2.0, 2.0]])[0] > estimator.score([[-1.0, -1.0]])[0]
    again = Cwola(members=2, seed=3, options={"max_trees": 10}).fit(X, sample)
    np.testing.assert_array_equal(again.scores_, estimator.scores_)
    # A training event's score leaves out the models that have seen it.
    assert not np.array_equal(estimator.scores_, estimator.score(X))


def test_mixed_samples_from_cuts_and_from_files(tmp_path):
    rng = np.random.default_rng(2)
    x, m = rng.normal(size=500), rng.uniform(size=500)
    np.savez(tmp_path / "a.npz", x=x, m=m)
    np.savez(tmp_path / "b.npz", x=x + 5.0, m=m)
    features = {"twice": "2 * x", "m": "m"}
    X, sample = mixed_samples(tmp_path / "a.npz", features, "m > 0.3", "m < 0.2")
    assert X.dtype == np.float32
    np.testing.assert_allclose(X[sample == 1, 0], 2.0 * x[m > 0.3], rtol=1e-6)
    np.testing.assert_allclose(X[sample == 0, 1], m[m < 0.2], rtol=1e-6)
    X, sample = mixed_samples(tmp_path / "a.npz", features, path_2=tmp_path / "b.npz")
    np.testing.assert_allclose(X[sample == 0, 0], 2.0 * x + 10.0, rtol=1e-5)
    with pytest.raises(DataError, match="give two cuts or two files"):
        mixed_samples(tmp_path / "a.npz", features, "m > 0.3", "m > 0.3")
    with pytest.raises(DataError, match="passes 'm > 2'"):
        mixed_samples(tmp_path / "a.npz", features, "m > 2", "m < 0.2")


@pytest.mark.parametrize(
    ("X", "sample", "match"),
    [
        (np.zeros((100, 2)), np.zeros(99), "must be"),
        (np.zeros(100), np.zeros(100), "must be"),
        (np.full((100, 2), np.nan), np.zeros(100), "NaN"),
        (np.zeros((100, 2)), np.full(100, 2), "must be 0 or 1"),
        (np.zeros((100, 2)), np.repeat([0, 1], [70, 30]), "Sample 1 has 30 events"),
    ],
)
def test_fit_refuses(X, sample, match):
    with pytest.raises(DataError, match=match):
        Cwola().fit(X, sample)
