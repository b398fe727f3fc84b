"""No event is scored by a model that trained or stopped early on it."""

from __future__ import annotations

import numpy as np
import pytest

from bycatch.errors import ConfigError, DataError
from bycatch.search.folds import assign_folds
from bycatch.template.base import TrainingSet


def training(n_events: int, n_synthetic: int = 0, seed: int = 0) -> TrainingSet:
    """Some events of a sample (one of them twice) and some that are not in it."""
    rng = np.random.default_rng(seed)
    row = rng.choice(n_events, n_events // 2, replace=False)
    row = np.concatenate([row, row[:1], np.full(n_synthetic, -1)])
    y = np.where(row >= 0, np.arange(row.size) % 2, 0).astype(np.int8)
    X = rng.normal(size=(row.size, 2)).astype(np.float32)
    return TrainingSet(X, y, np.ones(row.size), row)


@pytest.mark.parametrize(("mode", "members"), [(3, 1), (5, 4), (5, 10), (4, 7)])
@pytest.mark.parametrize("n_synthetic", [0, 400])
def test_brute_force_that_no_model_has_seen_what_it_scores(mode, members, n_synthetic):
    rows = training(1_000, n_synthetic)
    folds = assign_folds(1_000, mode, seed=7)
    fold_of_row = folds.of_rows(rows)
    masks = folds.masks(rows, members)
    assert masks.scores.size == folds.n_members(members) == mode * members
    for event in range(1_000):
        judges = np.flatnonzero(masks.scores == folds.fold[event])
        assert judges.size == members
        of_event = rows.row == event
        assert not masks.train[np.ix_(judges, of_event)].any()
        assert not masks.validate[np.ix_(judges, of_event)].any()
    for row in np.flatnonzero(rows.row < 0):
        judges = np.flatnonzero(masks.scores == fold_of_row[row])
        assert judges.size == members
        assert not (masks.train[judges, row] | masks.validate[judges, row]).any()


@pytest.mark.parametrize("members", [1, 4, 10])
def test_half_mode_scores_only_what_was_not_trained_on(members):
    rows = training(1_000, 100)
    folds = assign_folds(1_000, "half", seed=3)
    masks = folds.masks(rows, members)
    seen = np.unique(rows.row[(masks.train | masks.validate).any(axis=0)])
    assert masks.scores.tolist() == [1] * members
    assert not folds.scored[seen[seen >= 0]].any()
    assert abs(np.count_nonzero(folds.scored) - 500) <= 1
    # Every row of the training half serves each member, either way.
    used = masks.train | masks.validate
    np.testing.assert_array_equal(used, np.broadcast_to(folds.of_rows(rows) == 0, used.shape))


@pytest.mark.parametrize("mode", [5, "half"])
def test_training_and_stopping_rows_are_disjoint(mode):
    masks = assign_folds(1_000, mode, seed=1).masks(training(1_000, 100), 6)
    assert not (masks.train & masks.validate).any()
    assert masks.train.any(axis=1).all()
    assert masks.validate.any(axis=1).all()


def test_members_stop_on_all_other_folds_in_turn():
    rows = training(1_000)
    folds = assign_folds(1_000, 5, seed=2)
    masks = folds.masks(rows, 8)
    fold = folds.of_rows(rows)
    for k in range(5):
        stops = [np.unique(fold[masks.validate[m]]) for m in np.flatnonzero(masks.scores == k)]
        counts = np.bincount(np.concatenate(stops), minlength=5)
        assert counts.tolist() == [0 if other == k else 2 for other in range(5)]


def test_one_event_keeps_one_fold_in_all_its_rows():
    rows = training(1_000)
    twice = np.flatnonzero(rows.row == rows.row[0])
    assert twice.size == 2
    for mode in (5, "half"):
        masks = assign_folds(1_000, mode, seed=5).masks(rows, 4)
        np.testing.assert_array_equal(masks.train[:, twice[0]], masks.train[:, twice[1]])
        np.testing.assert_array_equal(masks.validate[:, twice[0]], masks.validate[:, twice[1]])


def test_folds_are_equal_seeded_and_mixed():
    one, same, other = (assign_folds(1_003, 5, seed).fold for seed in (1, 1, 2))
    np.testing.assert_array_equal(one, same)
    assert np.ptp(np.bincount(one)) <= 1
    # Two independent assignments agree for a fifth of the events: 200.6 +- 12.7.
    assert abs(np.count_nonzero(one == other) - 200.6) < 5 * 12.7


@pytest.mark.parametrize("mode", [0, 1, 2, 101])
def test_folds_that_cannot_be_nested(mode):
    with pytest.raises(ConfigError, match="3 to 100"):
        assign_folds(100, mode, seed=1)


@pytest.mark.parametrize("mode", [5, "half"])
def test_too_few_events_for_the_folds(mode):
    with pytest.raises(DataError, match=r"events in the signal region.*fewer folds"):
        assign_folds(60, mode, seed=1).masks(training(60), 4)
