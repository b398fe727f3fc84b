"""What the CWoLa papers promise, on densities that are known."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import norm

from bycatch.evaluate import roc
from bycatch.template.cwola import Cwola, mixed_ratio

SHIFT = 1.5
SUPERVISED_AUC = norm.cdf(SHIFT / np.sqrt(2.0))
SMALL = {"network": {"hidden": (32,), "batch_size": 512, "max_epochs": 10}, "trees": {}}


def pure(n: int, signal: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Two Gaussians of unit width, `SHIFT` apart along the diagonal."""
    return rng.normal(size=(n, 2)) + signal[:, None] * SHIFT / np.sqrt(2.0)


def likelihood_ratio(X: np.ndarray) -> np.ndarray:
    return np.exp(SHIFT * X.sum(axis=1) / np.sqrt(2.0) - SHIFT**2 / 2.0)


def mixed(n: int, f1: float, f2: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    sample = np.repeat([1, 0], n)
    signal = rng.uniform(size=2 * n) < np.where(sample == 1, f1, f2)
    return pure(2 * n, signal, rng), sample


def held_out(n: int = 20_000) -> tuple[np.ndarray, np.ndarray]:
    label = np.arange(n) % 2
    return pure(n, label == 1, np.random.default_rng(99)), label


@pytest.mark.parametrize("classifier", ["trees", "network"])
def test_learned_ratio_is_the_mixed_ratio(classifier):
    f1, f2 = 0.7, 0.1
    X, sample = mixed(8_000, f1, f2, seed=1)
    learned = Cwola(classifier, members=1, folds=3, options=SMALL[classifier]).fit(X, sample)
    test, label = held_out()
    p = learned.score(test).astype(np.float64)
    got, expected = np.log(p / (1.0 - p)), np.log(mixed_ratio(likelihood_ratio(test), f1, f2))
    # The constant ratio 1 would have a root mean square of 0.8; a few hundred events per leaf
    # (trees) know the logarithm to 0.1 to 0.2.
    assert np.sqrt(np.mean(expected**2)) > 0.7
    assert np.sqrt(np.mean((got - expected) ** 2)) < 0.25
    assert np.corrcoef(got, expected)[0, 1] > 0.97
    curve = roc(p, label)
    assert curve.auc == pytest.approx(SUPERVISED_AUC, abs=0.01 + 3.0 * curve.auc_error)


def test_auc_approaches_the_supervised_one_with_purer_samples():
    test, label = held_out()
    areas = []
    for f1, f2 in ((1.0, 0.0), (0.8, 0.2), (0.6, 0.4), (0.52, 0.48)):
        X, sample = mixed(4_000, f1, f2, seed=2)
        areas.append(roc(Cwola(members=1, folds=3).fit(X, sample).score(test), label).auc)
    assert areas[0] == pytest.approx(SUPERVISED_AUC, abs=0.015)
    assert areas[1] == pytest.approx(SUPERVISED_AUC, abs=0.03)
    assert areas[0] > areas[1] > areas[2] > areas[3] > 0.5


def test_equal_fractions_learn_nothing_and_do_not_crash():
    test, label = held_out(4_000)
    of_samples, of_truth = [], []
    for seed in range(12):
        X, sample = mixed(1_000, 0.3, 0.3, seed=100 + seed)
        learned = Cwola(members=1, folds=3, seed=seed).fit(X, sample)
        of_samples.append(roc(learned.scores_, sample))
        of_truth.append(roc(learned.score(test), label).auc)
    error = np.hypot.reduce([curve.auc_error for curve in of_samples]) / len(of_samples)
    # Folds share training events, which widens the spread somewhat: 5 instead of 3 errors.
    assert np.mean([curve.auc for curve in of_samples]) == pytest.approx(0.5, abs=5.0 * error)
    # A random score may order truth either way; on average it does not.
    spread = np.std(of_truth) / np.sqrt(len(of_truth))
    assert np.mean(of_truth) == pytest.approx(0.5, abs=4.0 * spread)


def test_the_sign_follows_the_purer_sample():
    test, label = held_out(4_000)
    X, sample = mixed(2_000, 0.1, 0.6, seed=3)
    assert roc(Cwola(members=1, folds=3).fit(X, sample).score(test), label).auc < 0.25
