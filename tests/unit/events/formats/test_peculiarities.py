"""What single formats hold that the others do not: structs, booleans, texts, holes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from bycatch.errors import InputError
from bycatch.events import derive, read


def test_names_with_dots_and_structs(tmp_path: Path) -> None:
    path = tmp_path / "x.parquet"
    pq.write_table(pa.table({"jet.pt": [1.0, 2.0], "jet": [{"pt": 5.0}, {"pt": 6.0}]}), path)
    assert derive(path, {"y": "`jet.pt` + 1"})["y"].tolist() == [2.0, 3.0]
    with pytest.raises(InputError, match=r"'jet' of .* has the type struct"):
        derive(path, {"y": "jet"})


def test_pandas_booleans_and_texts(tmp_path: Path) -> None:
    frame = pd.DataFrame(
        {
            "flag": [True, False],
            "byte": np.array([3, 4], dtype=np.uint8),
            "jet mass": [1.0, 2.0],
            "name": ["a", "b"],
        }
    )
    for layout in ("fixed", "table"):
        path = tmp_path / f"{layout}.h5"
        with _quiet():
            frame.to_hdf(path, key="df", format=layout)
        got = read(path, columns=["flag", "byte", "jet mass"])
        assert got["flag"].dtype == np.bool_
        assert got["byte"].tolist() == [3, 4]
        assert got["jet mass"].tolist() == [1.0, 2.0]


def test_missing_numbers_become_nan(tmp_path: Path) -> None:
    path = tmp_path / "holes.csv"
    path.write_text("x,y,z\n1,,inf\n2,3,nan\n")
    events = read(path)
    np.testing.assert_array_equal(events["y"], [np.nan, 3.0])
    np.testing.assert_array_equal(events["z"], [np.inf, np.nan])
    table = pa.table({"x": pa.array([1, None]), "b": pa.array([True, None])})
    pq.write_table(table, tmp_path / "holes.parquet")
    events = read(tmp_path / "holes.parquet")
    np.testing.assert_array_equal(events["x"], [1.0, np.nan])
    np.testing.assert_array_equal(events["b"], [1.0, np.nan])


def test_csv_mistakes(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_text("1,2\n3,4\n")
    with pytest.raises(InputError, match="has to name the columns"):
        read(path)
    path.write_text("a,a\n3,4\n")
    with pytest.raises(InputError, match="two columns named 'a'"):
        read(path)
    path.write_text("a,b\n3,4\n5\n")
    with pytest.raises(InputError, match="truncated or damaged"):
        read(path)


def test_text_after_the_first_block_of_a_csv_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_text("a,b\n" + "1,2\n" * 2_200_000 + "x,2\n")
    with pytest.raises(InputError, match=r"x\.csv cannot be read as CSV"):
        derive(path, {"a": "a"})


def _quiet() -> object:
    import warnings

    return warnings.catch_warnings(action="ignore")
