"""Scores by models that have not seen the event, and thresholds at fixed background efficiency."""

from __future__ import annotations

import dataclasses
from itertools import pairwise

import numpy as np
import pytest

import bycatch.learn
from bycatch.errors import ConfigError, DataError
from bycatch.learn.base import History
from bycatch.search.folds import assign_folds
from bycatch.search.plan import MethodPlan
from bycatch.search.sample import Sample
from bycatch.search.scored import Scored, score_window
from bycatch.search.selection import select
from bycatch.statistics.region import Region

REGION = Region((4.0, 6.0), ((2.0, 4.0), (6.0, 8.0)))
POINTS = (0.1, 0.01, 0.001)


def make_sample(n: int, seed: int = 0) -> Sample:
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, 3)).astype(np.float32)
    return Sample(rng.uniform(0.0, 10.0, n), X, np.ones(n), None, ("a", "b", "c"))


def make_scored(sample: Sample, score: np.ndarray, k: int = 5, seed: int = 0) -> Scored:
    fold = assign_folds(len(sample), k, seed).fold
    rows = np.flatnonzero(REGION.in_sidebands(sample.mass))
    score = score.astype(np.float32)
    return Scored(
        score=score,
        spread=np.zeros_like(score),
        fold=fold,
        template_row=rows,
        template_score=score[rows],
        template_weight=sample.weight[rows],
        template_fold=fold[rows],
        n_folds=k,
        histories=(),
    )


class Spy:
    """An ensemble that remembers which rows each member has seen and gives that away."""

    def __init__(self, members: int) -> None:
        self.members = members
        self.histories_ = [History((1.0,), (1.0,), 0)] * members

    def fit(self, X, y, weight=None, *, train, validate, seed):
        self.seen = [set(map(bytes, X[t | v])) for t, v in zip(train, validate, strict=True)]
        self.seed = seed
        return self

    def predict(self, X, members=None):
        members = range(self.members) if members is None else members
        known = [[row.tobytes() in self.seen[m] for row in X] for m in members]
        return np.array(known, dtype=np.float32)


@pytest.mark.parametrize("folds", [5, 3, "half"])
@pytest.mark.parametrize("template", ["cwola", "ideal"])
def test_no_score_comes_from_a_model_that_saw_the_event(monkeypatch, folds, template):
    monkeypatch.setattr(bycatch.learn, "make_classifier", lambda name, members, **_: Spy(members))
    sample = dataclasses.replace(make_sample(2_000), label=np.arange(2_000) % 2)
    scored = score_window(
        sample, REGION, MethodPlan(template=template, classifier="spy"), folds, members=4, seed=1
    )
    used = scored.scored
    assert used.sum() == (2_000 if folds != "half" else 1_000)
    assert not scored.score[used].any()
    assert np.isnan(scored.score[~used]).all()
    assert not np.nan_to_num(scored.template_score).any()
    np.testing.assert_array_equal(scored.template_score, scored.score[scored.template_row])


@pytest.fixture(scope="module")
def tied() -> tuple[Sample, Scored]:
    """Early-stopped trees on events without any signal: their scores are tied."""
    sample = make_sample(6_000, seed=5)
    method = MethodPlan(
        template="cwola",
        classifier="trees",
        min_trees=1,
        max_trees=2,
        leaves=3,
        patience=1,
    )
    return sample, score_window(sample, REGION, method, folds=5, members=1, seed=2)


def test_tied_scores_still_select_the_nominal_share(tied):
    sample, scored = tied
    in_fold = scored.score[scored.fold == 0]
    assert np.unique(in_fold).size < 20
    selection = select(scored, sample, REGION, None, (0.1,), seed=2)
    assert selection.status == ("ok",)
    # Rounding to whole events is carried from fold to fold, so one template event at most is off
    # (their weights, which balance the sides, are close to 1).
    n_template = scored.template_row.size
    assert selection.efficiency[0] == pytest.approx(0.1, abs=1.5 / n_template)
    elsewhere = ~REGION.in_sidebands(sample.mass)
    n = np.count_nonzero(elsewhere)
    share = selection.mask[0][elsewhere].mean()
    # The other events' share varies by their number and by the threshold's.
    error = np.sqrt(0.09 * (1.0 / n + 1.0 / n_template))
    assert abs(share - 0.1) < 4.0 * error


def test_ties_would_otherwise_miss_the_working_point(tied):
    sample, scored = tied
    selection = select(scored, sample, REGION, None, (0.1,), seed=2)
    threshold = selection.thresholds[0][scored.fold]
    with_ties = (scored.score >= threshold).mean()
    assert with_ties > 0.12


def test_scores_do_not_depend_on_how_they_are_cut_into_chunks(tied, monkeypatch):
    sample, scored = tied
    monkeypatch.setattr("bycatch.search.scored.CHUNK", 97)
    method = MethodPlan(
        template="cwola",
        classifier="trees",
        min_trees=1,
        max_trees=2,
        leaves=3,
        patience=1,
    )
    again = score_window(sample, REGION, method, folds=5, members=1, seed=2)
    np.testing.assert_array_equal(again.score, scored.score)
    other = score_window(sample, REGION, method, folds=5, members=1, seed=3)
    assert not np.array_equal(other.score, scored.score)


@pytest.mark.parametrize("n_values", [1, 2, 7, 10_000])
def test_working_points_are_nested_and_reached(n_values):
    sample = make_sample(20_000, seed=1)
    score = np.floor(np.random.default_rng(2).uniform(size=20_000) * n_values) / n_values
    scored = make_scored(sample, score)
    shuffled = (0.01, 0.1, 0.001, 1.0, 0.011)
    selection = select(scored, sample, REGION, None, shuffled, seed=3)
    order = np.argsort(shuffled)
    for tight, loose in pairwise(order):
        assert not (selection.mask[tight] & ~selection.mask[loose]).any()
    n = scored.template_row.size
    np.testing.assert_allclose(selection.efficiency, shuffled, rtol=0, atol=1.0 / n)
    # All template events pass at 1; other events may still lie below the last of them.
    assert selection.mask[3][scored.template_row].all()
    expected = np.sqrt(selection.efficiency * (1.0 - selection.efficiency) / n)
    np.testing.assert_allclose(selection.efficiency_error, expected, rtol=1e-9)


def test_unseen_background_passes_as_often_as_the_template():
    """Thresholds that sit on the sidebands must not raise the window above them."""
    template_share, window_share = [], []
    for seed in range(60):
        sample = make_sample(5_000, seed=seed)
        score = np.random.default_rng(1_000 + seed).uniform(size=5_000)
        selection = select(make_scored(sample, score, seed=seed), sample, REGION, None, (0.01,), 1)
        inside = REGION.in_window(sample.mass)
        template_share.append(selection.efficiency[0])
        window_share.append(selection.mask[0][inside].mean())
    error = np.std(window_share) / np.sqrt(60.0)
    assert np.mean(template_share) == pytest.approx(0.01, abs=2e-4)
    assert np.mean(window_share) == pytest.approx(0.01, abs=3.0 * error)


def test_each_fold_has_its_own_threshold():
    sample = make_sample(10_000, seed=3)
    fold = assign_folds(10_000, 5, 0).fold
    score = np.random.default_rng(4).uniform(size=10_000) + 10.0 * fold
    scored = make_scored(sample, score)
    selection = select(scored, sample, REGION, None, (0.1,), seed=1)
    by_fold = np.bincount(fold[scored.template_row][selection.mask[0][scored.template_row]])
    assert np.all(np.abs(by_fold - 0.1 * np.bincount(fold[scored.template_row])) <= 1.0)
    assert np.all(np.abs(selection.thresholds[0] - 10.0 * np.arange(5) - 0.9) < 0.1)


def test_weighted_template_and_explicit_rows():
    sample = make_sample(10_000, seed=6)
    weight = np.random.default_rng(7).uniform(0.2, 2.0, 10_000)
    sample = dataclasses.replace(sample, weight=weight)
    scored = make_scored(sample, np.random.default_rng(8).uniform(size=10_000))
    selection = select(scored, sample, REGION, None, POINTS, seed=1)
    rows = scored.template_row
    for mask, point, share in zip(selection.mask, POINTS, selection.efficiency, strict=True):
        achieved = weight[rows][mask[rows]].sum() / weight[rows].sum()
        assert share == pytest.approx(achieved, rel=1e-12)
        assert share == pytest.approx(point, abs=2.0 / rows.size)
    same = select(scored, sample, REGION, rows, POINTS, seed=1)
    np.testing.assert_array_equal(same.mask, selection.mask)
    by_mask = select(scored, sample, REGION, REGION.in_sidebands(sample.mass), POINTS, seed=1)
    np.testing.assert_array_equal(by_mask.mask, selection.mask)


def test_negative_weights_keep_the_nesting():
    sample = make_sample(5_000, seed=9)
    weight = np.where(np.random.default_rng(10).uniform(size=5_000) < 0.2, -1.0, 1.0)
    sample = dataclasses.replace(sample, weight=weight)
    scored = make_scored(sample, np.random.default_rng(11).uniform(size=5_000))
    points = (0.3, 0.2, 0.1, 0.05, 0.01, 0.005)
    selection = select(scored, sample, REGION, None, points, seed=1)
    for loose, tight in pairwise(selection.mask):
        assert not (tight & ~loose).any()
    # A step of one event of weight +-1 moves the efficiency by 1 / (0.6 n).
    n = scored.template_row.size
    np.testing.assert_allclose(selection.efficiency, points, rtol=0, atol=5 * 2.0 / (0.6 * n))


def test_synthetic_template_events_set_thresholds():
    sample = make_sample(2_000, seed=12)
    scored = make_scored(sample, np.full(2_000, 0.5))
    rng = np.random.default_rng(13)
    scored = dataclasses.replace(
        scored,
        template_row=np.full(3_000, -1),
        template_score=rng.uniform(size=3_000).astype(np.float32),
        template_weight=np.ones(3_000),
        template_fold=(np.arange(3_000) % 5).astype(np.int8),
    )
    selection = select(scored, sample, REGION, None, (0.6, 0.4), seed=1)
    np.testing.assert_allclose(selection.efficiency, (0.6, 0.4), rtol=0, atol=1.0 / 3_000)
    assert selection.mask.mean(axis=1).tolist() == [1.0, 0.0]


def test_a_working_point_beyond_the_template_says_so():
    sample = make_sample(1_000, seed=14)
    scored = make_scored(sample, np.random.default_rng(15).uniform(size=1_000))
    selection = select(scored, sample, REGION, None, (0.1, 1e-5), seed=1)
    assert selection.status[0] == "ok"
    assert "use a looser working point" in selection.status[1]
    assert not selection.mask[1].any()
    assert np.isinf(selection.thresholds[1]).all()


def test_refusals():
    sample = make_sample(1_000, seed=16)
    scored = make_scored(sample, np.zeros(1_000))
    for points in ((), (0.0,), (1.5,)):
        with pytest.raises(ConfigError, match="working_points"):
            select(scored, sample, REGION, None, points, seed=1)
    with pytest.raises(DataError, match="no unseen template events"):
        select(scored, sample, REGION, np.array([], dtype=np.int64), POINTS, seed=1)
    with pytest.raises(ConfigError, match="There is no template 'cwoal'; the nearest are 'cwola'"):
        score_window(sample, REGION, MethodPlan(template="cwoal", classifier="trees"), 5, 1, seed=1)
    with pytest.raises(DataError, match="fewer folds"):
        score_window(
            make_sample(100), REGION, MethodPlan(template="cwola", classifier="trees"), 5, 1, seed=1
        )
