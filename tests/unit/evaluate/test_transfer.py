"""The transfer matrix: to signals alike and not to others, never on rows that were learned from."""

from __future__ import annotations

import json

import numpy as np
import pytest

from bycatch.errors import DataError
from bycatch.evaluate.transfer import Transfer, transfer_matrix, transfer_sets
from bycatch.score import make_score
from bycatch.tasks.result import plain


def toy(n: int = 3000, seed: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """Background around the origin; signals 1 and 2 to the right, 3 on the other side."""
    rng = np.random.default_rng(seed)
    label = np.repeat([0, 1, 2, 3], [n, n // 4, n // 6, n // 8])
    centre = np.array([[0.0, 0.0], [2.5, 0.0], [2.5, 1.0], [-2.5, 0.0]])[label]
    return (centre + rng.normal(size=centre.shape)).astype(np.float32), label


def matrix(x, label, names, **options) -> Transfer:
    """Learn from the even rows, test with the odd ones."""
    even = np.arange(len(x)) % 2 == 0

    def scores_of(train):
        score = make_score("cocktail", members=len(train), seed=0, **options)
        score.fit(x[even], train=train, label=label[even])
        return score.member_scores(x[~even])

    return transfer_matrix(scores_of, label[even], label[~even], names=names)


def test_transfer_goes_to_what_is_alike_and_not_to_the_rest() -> None:
    found = matrix(*toy(), ("right", "upper", "left"))
    assert found.signals == ("right", "upper", "left")
    assert found.trainings[0] == "all"
    assert len(found.auc) == len(found.trainings) == 7
    # 'upper' stands in for 'right'; nothing stands in for 'left', and its cocktail points away.
    assert found.left_out["right"][0] > 0.8
    assert found.left_out["left"][0] < 0.3
    assert found.row("all")["left"][0] > 0.85
    for name in found.signals:
        supervised, error = found.row(f"only {name}")[name]
        assert supervised > found.left_out[name][0] - 4.0 * error
    assert found.n_background == 1500
    text = json.dumps(plain(found), allow_nan=False)
    assert Transfer.from_json(json.loads(text)) == found
    with pytest.raises(DataError, match="no training"):
        found.row("some")


def test_transfer_never_tests_on_what_it_was_trained_on() -> None:
    """Noise that can be learned by heart is worth nothing on rows that no training saw."""
    rng = np.random.default_rng(5)
    x = rng.normal(size=(800, 4)).astype(np.float32)
    options = {"leaves": 100, "min_rows_per_leaf": 1, "max_trees": 60, "min_trees": 50}
    found = matrix(x, np.arange(800) % 3, ("a", "b"), options=options)
    for areas, errors in zip(found.auc, found.auc_error, strict=True):
        assert (np.abs(np.array(areas) - 0.5) < 4.0 * np.array(errors)).all()


def test_each_set_of_signals_is_learned_from_once() -> None:
    seen = []

    def scores_of(train):
        seen.append(train)
        return np.arange(len(train) * 6.0).reshape(len(train), 6)

    label = np.array([0, 0, 1, 1, 2, 2])
    found = transfer_matrix(scores_of, label, label, np.ones(6), names=("a", "b"))
    # of two signals, all but one is the other
    np.testing.assert_array_equal(
        seen[0], [[1, 1, 1, 1, 1, 1], [1, 1, 0, 0, 1, 1], [1, 1, 1, 1, 0, 0]]
    )
    assert found.row("without a") == found.row("only b")


def test_one_signal_cannot_be_left_out() -> None:
    with pytest.raises(DataError, match="1 signals"):
        transfer_sets(("a",))
    with pytest.raises(DataError, match="names"):
        transfer_sets(("a", "a"))
