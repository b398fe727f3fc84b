"""Levels of scores in folds, cuts, and the range of hunts."""

from __future__ import annotations

import numpy as np

from bycatch.anomaly.hunts import _passing
from bycatch.anomaly.inputs import StoredInputs
from bycatch.anomaly.plan import CutPlan
from bycatch.anomaly.sample import Processes
from bycatch.anomaly.sculpt import falling_range, leveled, mass_range


def test_scores_of_folds_become_comparable():
    rng = np.random.default_rng(1)
    fold = rng.integers(0, 3, 900).astype(np.int8)
    score = rng.normal(size=900) * 10.0**fold
    weight = rng.uniform(0.5, 2.0, 900)
    found = leveled(score, fold, weight)
    for k in range(3):
        here = fold == k
        assert (np.argsort(found[here]) == np.argsort(score[here])).all()
        above = weight[here & (found > 0.9)].sum() / weight[here].sum()
        assert abs(above - 0.1) < 2 * weight.max() / weight[here].sum()
    np.testing.assert_array_equal(leveled(score, np.zeros(900, np.int8), weight), score)


def test_equal_scores_stay_equal():
    fold = np.array([0, 0, 0, 1, 1, 1], dtype=np.int8)
    found = leveled(np.array([1.0, 1.0, 2.0, 5.0, 5.0, 4.0]), fold, np.ones(6))
    np.testing.assert_allclose(found, [2 / 3, 2 / 3, 1.0, 1.0, 1.0, 1 / 3])


def test_cuts_are_by_weight_and_keep_ties_together():
    score = np.array([5.0, 4.0, 4.0, 3.0, 2.0, 1.0])
    weight = np.array([1.0, 1.0, 1.0, 5.0, 1.0, 1.0])
    np.testing.assert_array_equal(_passing(score, weight, 0.1), [0])
    np.testing.assert_array_equal(_passing(score, weight, 0.25), [0, 1, 2])
    np.testing.assert_array_equal(_passing(score, weight, 0.8), [0, 1, 2, 3])


def test_hunts_begin_at_the_peak():
    mass = 10.0 + np.random.default_rng(1).gamma(3.0, 10.0, 20_000)
    n = len(mass)
    sample = Processes(
        np.zeros(n, np.int8),
        np.ones(n),
        mass,
        np.zeros(n, np.int8),
        np.arange(n),
        StoredInputs("none"),
        (),
        (),
    )
    low, high = falling_range(sample, CutPlan())
    assert 24.0 < low < 34.0  # the mode is at 30
    assert high == mass_range(sample, CutPlan())[1]
    assert falling_range(sample, CutPlan(range=(1.0, 2.0))) == (1.0, 2.0)
