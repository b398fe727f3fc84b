"""The isolation forest against scikit-learn's own, and what weights do to it."""

import numpy as np
import pytest
from sklearn.ensemble import IsolationForest

from bycatch.score import load_score, make_score
from bycatch.score.isolation_forest import average_path
from bycatch.tasks.random import child_seed


@pytest.fixture
def rows():
    return np.random.default_rng(0).normal(size=(700, 5)).astype(np.float32)


@pytest.mark.parametrize("weighted", [False, True])
def test_scores_are_those_of_scikit_learn(rows, weighted, tmp_path):
    weight = np.random.default_rng(1).uniform(0.1, 2.0, 700) if weighted else None
    score = make_score("isolation_forest", trees=50, rows_per_tree=200).fit(rows, weight)
    seed = child_seed(0, "member", 0) % 2**32
    theirs = IsolationForest(n_estimators=50, max_samples=200, random_state=seed)
    theirs.fit(rows, sample_weight=None if weight is None else weight / weight.mean())
    new = np.random.default_rng(2).normal(size=(300, 5)).astype(np.float32) * 2.0
    score.save(tmp_path / "forest")
    for ours in (score, load_score(tmp_path / "forest")):
        np.testing.assert_allclose(ours.score(new), -theirs.score_samples(new), rtol=0, atol=1e-6)


def test_the_mean_path_is_that_of_random_search_trees():
    # With exact harmonic numbers, 2 H of which the logarithm approximates to 1 / n.
    n = np.array([1, 2, 3, 50, 256])
    harmonic = np.array([np.sum(1.0 / np.arange(1, k)) for k in n])
    exact = np.where(n > 1, 2.0 * harmonic - 2.0 * (n - 1.0) / n, 0.0)
    assert (np.abs(average_path(n) - exact) < 1.0 / np.maximum(n - 1, 1)).all()


def test_few_rows_are_all_used(rows):
    small = make_score("isolation_forest", trees=20).fit(rows[:3]).score(rows[:30])
    assert np.isfinite(small).all()
    one = make_score("isolation_forest", trees=20).fit(rows[:1]).score(rows[:30])
    np.testing.assert_allclose(one, 0.5)


def test_what_weighs_little_is_anomalous(rows):
    # Two bulks of equal numbers of rows; the second weighs a thousandth.
    x = np.concatenate([rows, rows + 20.0])
    weight = np.repeat([1.0, 0.001], 700)
    score = make_score("isolation_forest", trees=50).fit(x, weight)
    assert score.score(rows + 20.0).min() > np.median(score.score(rows))
    plain = make_score("isolation_forest", trees=50).fit(x)
    assert abs(np.median(plain.score(rows)) - np.median(plain.score(rows + 20.0))) < 0.02


def test_negative_weights_take_rows_away(rows):
    # A second bulk that cancels must be as anomalous as if it were not there.
    x = np.concatenate([rows, rows + 20.0, rows + 20.0])
    weight = np.repeat([1.0, 1.0, -1.0], 700)
    found = make_score("isolation_forest", trees=50).fit(x, weight)
    without = make_score("isolation_forest", trees=50).fit(rows)
    far = found.score(rows + 20.0)
    assert far.min() > np.quantile(found.score(rows), 0.99)
    # Two forests differ by their draws of rows: by about 0.05 for one row of 50 trees.
    assert abs(far.mean() - without.score(rows + 20.0).mean()) < 0.05
