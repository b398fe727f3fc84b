"""Reading: what `read`, `scan` and `derive` promise, whatever the format."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from bycatch.errors import ColumnError, DataError, ExpressionError, InputError
from bycatch.events import Events, column_names, derive, read, scan
from bycatch.events.expressions import Expression
from bycatch.events.formats import parquet

N = 500


@pytest.fixture
def path(tmp_path: Path) -> Path:
    rng = np.random.default_rng(1)
    table = {
        "mjj": np.sort(rng.random(N)),
        "x": rng.random(N).astype(np.float32),
        "w": rng.normal(size=N),
        "label": (np.arange(N) % 10 == 0).astype(np.int64),
        "name": [f"event {i}" for i in range(N)],
    }
    pq.write_table(pa.table(table), tmp_path / "x.parquet", row_group_size=100)
    return tmp_path / "x.parquet"


def test_weight_and_label(path: Path) -> None:
    events = read(path, columns=["x"], where="mjj > 0.5", weight="2 * w", label="label")
    table = pq.read_table(path).to_pandas()
    table = table[table.mjj > 0.5]
    assert list(events.columns) == ["x"]
    np.testing.assert_array_equal(events.weight, 2 * table.w)
    assert events.label is not None
    np.testing.assert_array_equal(events.label, table.label)
    assert read(path, columns=["x"], weight="2").weight.sum() == 2 * N


def test_a_label_must_be_an_integer(path: Path) -> None:
    with pytest.raises(DataError, match="A label must be an integer"):
        read(path, columns=["x"], label="x")


def test_text_is_kept_but_not_computed_with(path: Path) -> None:
    assert read(path)["name"][3] == "event 3"
    with pytest.raises(ExpressionError, match="'name' does not hold numbers"):
        derive(path, {"y": "name + 1"})


def test_only_what_is_needed_is_read(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str] = []
    original = parquet.Reader.batches

    def spy(
        self: parquet.Reader, columns: Sequence[str], rows: int, where: Expression | None
    ) -> Iterator[dict[str, np.ndarray]]:
        seen.extend(columns)
        return original(self, columns, rows, where)

    monkeypatch.setattr(parquet.Reader, "batches", spy)
    derive(path, {"y": "x + 1"}, where="label == 0")
    assert seen == ["label", "x"]


def test_row_groups_are_left_out(path: Path) -> None:
    with parquet.Reader(str(path), None) as source:
        groups = [source._bounds(index, frozenset({"mjj"}))["mjj"] for index in range(N // 100)]
    cut = groups[3][0]
    decoded = []
    original = parquet.column_from_arrow

    def spy(path: str, name: str, column: object) -> object:
        decoded.append(len(column))  # type: ignore[arg-type]
        return original(path, name, column)

    parquet.column_from_arrow = spy  # type: ignore[assignment]
    try:
        got = derive(path, {"mjj": "mjj"}, where=f"mjj >= {cut}")
    finally:
        parquet.column_from_arrow = original
    assert len(got["mjj"]) == 200
    assert sum(decoded) == 200


def test_nothing_passes(path: Path) -> None:
    events = read(path, columns=["x"], where="mjj > 7", label="label")
    assert len(events) == 0
    assert events["x"].shape == (0,)
    assert events.label is not None
    assert derive(path, {"y": "x"}, where="mjj > 7")["y"].shape == (0,)
    assert [len(part) for part in scan(path, where="x > 7")] == [0]


def test_several_files_in_order(path: Path, tmp_path: Path) -> None:
    table = pq.read_table(path)
    pq.write_table(table.slice(0, 100), tmp_path / "part2.parquet")
    pq.write_table(table.slice(100), tmp_path / "part10.parquet")
    got = derive(tmp_path / "part*.parquet", {"mjj": "mjj"})["mjj"]
    mjj = table.column("mjj").to_numpy()
    np.testing.assert_array_equal(got, np.concatenate([mjj[100:], mjj[:100]]))
    listed = [tmp_path / "part2.parquet", tmp_path / "part10.parquet"]
    np.testing.assert_array_equal(derive(listed, {"mjj": "mjj"})["mjj"], mjj)


def test_files_with_different_columns(path: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.parquet"
    pq.write_table(pq.read_table(path).drop(["w"]), other)
    with pytest.raises(InputError, match=r"other\.parquet and .*x\.parquet have different .*'w'"):
        read([path, other])
    with pytest.raises(
        ColumnError, match=r"other\.parquet has no column 'w'.*; the file .*x\.parquet .* has it"
    ):
        derive([path, other], {"y": "w"})
    assert len(read([path, other], columns=["x"])) == 2 * N


def test_formats_can_be_mixed(path: Path, tmp_path: Path) -> None:
    np.savez(tmp_path / "y.npz", x=np.ones(3))
    assert len(read([path, tmp_path / "y.npz"], columns=["x"])) == N + 3


def test_a_file_without_rows(path: Path, tmp_path: Path) -> None:
    empty = tmp_path / "empty.parquet"
    pq.write_table(pq.read_table(path).slice(0, 0), empty)
    with pytest.raises(InputError, match=r"empty\.parquet holds no events"):
        read(empty)
    assert len(read([path, empty])) == N
    (tmp_path / "x.csv").write_text("a,b\n")
    np.savez(tmp_path / "x.npz", a=np.ones(0))
    for name in ("x.csv", "x.npz"):
        with pytest.raises(InputError, match=f"{name} holds no events"):
            derive(tmp_path / name, {"a": "a"})


def test_missing_column_in_columns(path: Path) -> None:
    with pytest.raises(ColumnError, match=r"x\.parquet has no column 'mj'.*'mjj'"):
        read(path, columns=["mj"])


def test_derive_refuses_lists(tmp_path: Path) -> None:
    np.savez(tmp_path / "x.npz", grid=np.ones((4, 2)))
    with pytest.raises(ExpressionError, match="several values per event"):
        derive(tmp_path / "x.npz", {"g": "grid"})


def test_a_chunk_has_rows(path: Path) -> None:
    with pytest.raises(DataError, match="at least one row"):
        derive(path, {"x": "x"}, chunk=0)


def test_column_names(path: Path) -> None:
    assert column_names(path) == ["mjj", "x", "w", "label", "name"]


def test_scan_can_be_left_early(path: Path) -> None:
    first = next(iter(scan(path, chunk=10)))
    assert isinstance(first, Events)
    assert len(first) == 10


def test_unreadable_file(tmp_path: Path) -> None:
    target = tmp_path / "x.parquet"
    target.symlink_to(tmp_path / "gone.parquet")
    with pytest.raises(InputError, match=r"no file .*x\.parquet"):
        read(target)
