"""The table of events."""

from __future__ import annotations

import awkward as ak
import numpy as np
import pytest

from bycatch.errors import ColumnError, DataError, ExpressionError
from bycatch.events import Events, count_nonfinite


@pytest.fixture
def events() -> Events:
    columns = {"m": np.array([1.0, 2.0, 3.0]), "n": np.array([1, 2, 300], dtype=np.int16)}
    return Events(columns | {"pt": ak.Array([[1.0], [], [2.0, 3.0]])}, label=np.array([0, 1, 0]))


def test_defaults(events: Events) -> None:
    assert len(events) == 3
    assert events.weight.dtype == np.float64
    assert events.weight.tolist() == [1.0, 1.0, 1.0]
    assert events.label is not None
    assert events.label.dtype == np.int8
    assert Events({"m": np.ones(2)}).label is None
    assert "3 events, columns m, n, pt, 1 with label 1" in repr(events)


def test_frozen(events: Events) -> None:
    with pytest.raises(AttributeError):
        events.columns = {}  # type: ignore[misc]
    with pytest.raises(TypeError):
        events.columns["m"] = np.ones(3)  # type: ignore[index]
    with pytest.raises(ValueError, match="read-only"):
        events["m"][0] = 7.0
    with pytest.raises(ValueError, match="read-only"):
        events.weight[0] = 7.0


def test_the_callers_array_stays_writable() -> None:
    mine = np.ones(3)
    Events({"m": mine}, weight=mine)
    mine[0] = 2.0


def test_missing_column(events: Events) -> None:
    with pytest.raises(ColumnError, match="no column 'mm' in these events; the nearest are 'm'"):
        _ = events["mm"]


def test_matrix(events: Events) -> None:
    matrix = events.matrix(["m", "n ** 2", "sum(pt)", "1"])
    assert matrix.dtype == np.float32
    expected = [[1, 1, 1, 1], [2, 4, 0, 1], [3, 90000, 5, 1]]
    np.testing.assert_array_equal(matrix, expected)
    matrix[0, 0] = 5.0  # the model may work in place
    assert events["m"][0] == 1.0


def test_matrix_of_odd_names() -> None:
    events = Events({"a-b": np.array([5.0]), "a": np.array([1.0]), "b": np.array([2.0])})
    np.testing.assert_array_equal(events.matrix(["a-b", "a - b"]), [[5.0, -1.0]])


def test_matrix_refuses(events: Events) -> None:
    with pytest.raises(ColumnError, match="'q'"):
        events.matrix(["m + q"])
    with pytest.raises(ExpressionError, match="several values per event"):
        events.matrix(["pt"])
    with pytest.raises(DataError, match=r"'m \* 1e39' reaches 3e\+39, which does not fit into 32"):
        events.matrix(["m * 1e39"])
    # infinities that were there before are the caller's to count
    assert np.isinf(events.matrix(["m / 0"])).all()


def test_select_and_concatenate(events: Events) -> None:
    weighted = Events(events.columns, np.array([1.0, -2.0, 3.0]), events.label)
    second = weighted.select(np.array([False, True, True]))
    assert second.weight.tolist() == [-2.0, 3.0]
    assert ak.to_list(second["pt"]) == [[], [2.0, 3.0]]
    both = Events.concatenate([weighted, second])
    assert both["m"].tolist() == [1.0, 2.0, 3.0, 2.0, 3.0]
    assert ak.to_list(both["pt"])[-1] == [2.0, 3.0]
    assert both.label is not None
    assert both.label.tolist() == [0, 1, 0, 1, 0]
    assert both.weight.sum() == 3.0
    assert Events.concatenate([second, Events(second.columns)]).label is None
    assert weighted.select(np.array([2, 0]))["m"].tolist() == [3.0, 1.0]


def test_concatenate_refuses(events: Events) -> None:
    with pytest.raises(DataError, match="nothing to concatenate"):
        Events.concatenate([])
    with pytest.raises(DataError, match=r"differ in \['n', 'pt'\]"):
        Events.concatenate([events, Events({"m": np.ones(2)})])


def test_lengths() -> None:
    with pytest.raises(DataError, match="one length, but they have"):
        Events({"a": np.ones(2), "b": np.ones(3)})
    with pytest.raises(DataError, match="'weight': 3"):
        Events({"a": np.ones(2)}, weight=np.ones(3))
    assert len(Events({})) == 0


@pytest.mark.parametrize(
    ("label", "message"), [([0.5, 1], "integer"), ([np.nan, 1], "integer"), ([300, 1], "300")]
)
def test_labels(label: list[float], message: str) -> None:
    with pytest.raises(DataError, match=message):
        Events({"a": np.ones(2)}, label=np.array(label))


def test_count_nonfinite() -> None:
    columns = {"a": np.array([1.0, np.nan, np.inf, -np.inf]), "b": np.array([1, 2, 3, 4])}
    assert count_nonfinite(columns) == {"a": 3, "b": 0}
