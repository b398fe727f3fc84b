"""The Mahalanobis distance against closed forms."""

import numpy as np
import pytest
from scipy.spatial.distance import mahalanobis

from bycatch.errors import ConfigError
from bycatch.score import make_score
from bycatch.score.base import Score
from bycatch.score.mahalanobis import Mahalanobis, oracle_shrinkage


@pytest.fixture
def rows():
    rng = np.random.default_rng(0)
    mix = rng.normal(size=(4, 4))
    return rng.normal(size=(500, 4)) @ mix + 3.0


def test_without_shrinkage_it_is_the_textbook_distance(rows):
    score = make_score("mahalanobis", shrinkage=0.0).fit(rows)
    inverse = np.linalg.inv(np.cov(rows.T, bias=True))
    expected = [mahalanobis(row, rows.mean(axis=0), inverse) ** 2 for row in rows[:20]]
    np.testing.assert_allclose(score.score(rows[:20]), expected, rtol=1e-8)


def test_linear_maps_change_nothing_without_shrinkage(rows):
    mix = np.random.default_rng(1).normal(size=(4, 4))
    found = [
        make_score("mahalanobis", shrinkage=0.0).fit(x).score(x) for x in (rows, rows @ mix - 7.0)
    ]
    np.testing.assert_allclose(found[1], found[0], rtol=1e-6)


def test_full_shrinkage_leaves_the_sum_of_squared_pulls(rows):
    score = make_score("mahalanobis", shrinkage=1.0).fit(rows)
    pulls = (rows - rows.mean(axis=0)) / rows.std(axis=0)
    np.testing.assert_allclose(score.score(rows), (pulls**2).sum(axis=1), rtol=1e-8)
    np.testing.assert_allclose(score.contributions(rows), pulls**2, rtol=1e-7)


def test_contributions_sum_to_the_score(rows):
    score = make_score("mahalanobis", members=2).fit(rows)
    np.testing.assert_allclose(score.contributions(rows).sum(axis=1), score.score(rows), rtol=1e-10)


def test_one_row_of_weight_two_is_two_rows(rows):
    weight = np.where(np.arange(500) < 100, 2.0, 1.0)
    repeated = np.concatenate([rows, rows[:100]])
    found = [
        make_score("mahalanobis", shrinkage=0.1).fit(x, w).score(rows)
        for x, w in ((rows, weight), (repeated, None))
    ]
    np.testing.assert_allclose(found[1], found[0], rtol=1e-9)


def test_negative_weights_take_rows_away(rows):
    weight = np.concatenate([np.ones(500), [1.0] * 50, [-1.0] * 50])
    spoiled = np.concatenate([rows, rows[:50] + 9.0, rows[:50] + 9.0])
    found = [
        make_score("mahalanobis", shrinkage=0.1).fit(x, w).score(rows)
        for x, w in ((rows, None), (spoiled, weight))
    ]
    np.testing.assert_allclose(found[1], found[0], rtol=1e-7)


def test_signs_that_leave_no_positive_covariance_are_survived(rows):
    weight = np.ones(500)
    weight[np.argsort(((rows - rows.mean(axis=0)) ** 2).sum(axis=1))[-200:]] = -1.0
    found = make_score("mahalanobis").fit(rows, weight).score(rows)
    assert np.isfinite(found).all()


def test_constant_features_and_more_features_than_rows_are_survived():
    rng = np.random.default_rng(2)
    x = rng.normal(size=(30, 60))
    x[:, 7] = 5.0
    score = make_score("mahalanobis").fit(x)
    assert 0.0 < score.shrinkage_[0] <= 1.0
    moved = x[:1].copy()
    moved[0, 7] = 8.0
    np.testing.assert_allclose(score.score(moved) - score.score(x[:1]), 9.0, rtol=1e-6)


def test_the_oracle_lowers_the_error_of_the_covariance():
    # True covariance 1, so that the best shrinkage is full; and a strong one, where it is none.
    rng = np.random.default_rng(3)
    x = rng.normal(size=(40, 20))
    assert oracle_shrinkage(x.T @ x / 40, 40) > 0.8
    common = rng.normal(size=(2000, 1)) + 0.3 * rng.normal(size=(2000, 20))
    assert oracle_shrinkage(common.T @ common / 2000, 2000) < 0.01


@pytest.mark.parametrize("shrinkage", ["much", -0.1, 1.5])
def test_a_shrinkage_that_makes_no_sense_is_refused(shrinkage):
    with pytest.raises(ConfigError, match="shrinkage"):
        make_score("mahalanobis", shrinkage=shrinkage)


def test_a_score_that_does_not_say_what_it_learned_is_not_saved(tmp_path):
    class Mute(Mahalanobis):
        _shapes = Score._shapes

    score = Mute().fit(np.random.default_rng(0).normal(size=(50, 2)))
    with pytest.raises(NotImplementedError, match="Mute must say what it learned"):
        score.save(tmp_path / "model")
