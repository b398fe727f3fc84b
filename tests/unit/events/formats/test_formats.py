"""All formats: the same events come back, whichever way they are asked for."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from pathlib import Path

import awkward as ak
import h5py
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.csv as pacsv
import pyarrow.parquet as pq
import pytest
import uproot

from bycatch.errors import ColumnError, InputError
from bycatch.events import column_names, derive, read, scan

N = 1000


@pytest.fixture(scope="module")
def columns() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(7)
    return {
        "mass": rng.exponential(500.0, N) + 1000.0,
        "tau": rng.random(N).astype(np.float32),
        "n": rng.integers(0, 100, N).astype(np.int32),
        "label": (rng.random(N) < 0.1).astype(np.int8),
    }


Writer = Callable[[Path, dict[str, np.ndarray]], str]


def write_parquet(folder: Path, columns: dict[str, np.ndarray]) -> str:
    path = folder / "x.parquet"
    pq.write_table(pa.table(columns), path, row_group_size=300)
    return str(path)


def write_one_row_group(folder: Path, columns: dict[str, np.ndarray]) -> str:
    path = folder / "x.pq"
    pq.write_table(pa.table(columns), path)
    return str(path)


def write_h5py(folder: Path, columns: dict[str, np.ndarray]) -> str:
    path = folder / "x.h5"
    with h5py.File(path, "w") as file:
        for name, values in columns.items():
            file[name] = values
    return str(path)


def write_group(folder: Path, columns: dict[str, np.ndarray]) -> str:
    path = folder / "x.hdf5"
    with h5py.File(path, "w") as file:
        file["other/x"] = np.zeros(3)
        for name, values in columns.items():
            file.create_dataset(f"events/{name}", data=values, chunks=(64,), compression="gzip")
    return f"{path}:events"


def write_compound(folder: Path, columns: dict[str, np.ndarray]) -> str:
    path = folder / "compound.h5"
    kind = np.dtype([(name, values.dtype) for name, values in columns.items()])
    table = np.empty(N, kind)
    for name, values in columns.items():
        table[name] = values
    with h5py.File(path, "w") as file:
        file["jets"] = table
    return str(path)


def pandas_writer(**options: object) -> Writer:
    def write(folder: Path, columns: dict[str, np.ndarray]) -> str:
        path = folder / "pandas.h5"
        pd.DataFrame(columns).to_hdf(path, key="df", **options)
        return str(path)

    return write


def write_ttree(folder: Path, columns: dict[str, np.ndarray]) -> str:
    path = folder / "x.root"
    with uproot.recreate(path) as file:
        file.mktree("Events", {name: values.dtype for name, values in columns.items()})
        for start in range(0, N, 300):
            part = {name: values[start : start + 300] for name, values in columns.items()}
            file["Events"].extend(part)
    return f"{path}:Events"


def write_rntuple(folder: Path, columns: dict[str, np.ndarray]) -> str:
    path = folder / "ntuple.root"
    with uproot.recreate(path) as file:
        file.mkrntuple("Events", columns)
    return str(path)


def write_npz(folder: Path, columns: dict[str, np.ndarray]) -> str:
    path = folder / "x.npz"
    np.savez(path, **columns, version=3)
    return str(path)


def write_packed_npz(folder: Path, columns: dict[str, np.ndarray]) -> str:
    path = folder / "packed.npz"
    np.savez_compressed(path, **columns)
    return str(path)


def write_csv(folder: Path, columns: dict[str, np.ndarray]) -> str:
    path = folder / "x.csv"
    pacsv.write_csv(pa.table(columns), path)
    return str(path)


def write_semicolons(folder: Path, columns: dict[str, np.ndarray]) -> str:
    path = folder / "x.txt"
    pd.DataFrame(columns).to_csv(path, sep=";", index=False)
    return str(path)


WRITERS: dict[str, Writer] = {
    "parquet": write_parquet,
    "parquet-one-group": write_one_row_group,
    "h5py": write_h5py,
    "h5py-group": write_group,
    "h5py-compound": write_compound,
    "pandas-fixed": pandas_writer(format="fixed"),
    "pandas-fixed-blosc": pandas_writer(format="fixed", complevel=5, complib="blosc"),
    "pandas-table": pandas_writer(format="table"),
    "pandas-table-zlib": pandas_writer(format="table", complevel=5, complib="zlib"),
    "pandas-table-blosc": pandas_writer(format="table", complevel=9, complib="blosc"),
    "pandas-table-zstd": pandas_writer(format="table", complevel=9, complib="blosc:zstd"),
    "pandas-data-columns": pandas_writer(format="table", data_columns=True),
    "ttree": write_ttree,
    "rntuple": write_rntuple,
    "npz": write_npz,
    "npz-packed": write_packed_npz,
    "csv": write_csv,
    "csv-semicolons": write_semicolons,
}


TEXT = {"csv", "txt"}


@pytest.fixture(params=WRITERS)
def path(request: pytest.FixtureRequest, tmp_path: Path, columns: dict[str, np.ndarray]) -> str:
    return WRITERS[request.param](tmp_path, columns)


def test_everything_comes_back(path: str, columns: dict[str, np.ndarray]) -> None:
    events = read(path)
    assert len(events) == N
    assert sorted(events.columns) == sorted(column_names(path)) == sorted(columns)
    for name, values in columns.items():
        # CSV holds decimal numbers; the writers print enough digits to recover each exactly
        np.testing.assert_array_equal(events[name].astype(values.dtype), values)


@pytest.mark.parametrize("chunk", [1, 77, 300, 5000])
def test_chunks_do_not_matter(path: str, columns: dict[str, np.ndarray], chunk: int) -> None:
    if chunk == 1:
        cut = "(mass > 3500) & (label == 0)"
        expected = columns["mass"][(columns["mass"] > 3500) & (columns["label"] == 0)]
    else:
        cut, expected = "mass < 1500", columns["mass"][columns["mass"] < 1500]
    parts = list(scan(path, columns=["mass"], where=cut, chunk=chunk))
    assert max(len(part) for part in parts) <= chunk
    np.testing.assert_array_equal(np.concatenate([part["mass"] for part in parts]), expected)


def test_derive(path: str, columns: dict[str, np.ndarray]) -> None:
    got = derive(path, {"y": "tau * mass", "one": "1"}, where="n % 3 == 0", chunk=333)
    keep = columns["n"] % 3 == 0
    expected = columns["tau"][keep].astype(np.float64) * columns["mass"][keep]
    # a CSV holds the decimals that identify a float32: half a unit of its last place is lost
    np.testing.assert_allclose(got["y"], expected, rtol=2**-24 if path[-3:] in TEXT else 1e-15)
    np.testing.assert_array_equal(got["one"], np.ones(keep.sum()))


def test_missing_column(path: str) -> None:
    with pytest.raises(ColumnError, match=r"no column 'mas'; the nearest are 'mass'"):
        derive(path, {"y": "mas / 2"})


def test_truncated(path: str, tmp_path: Path) -> None:
    whole = Path(path.removesuffix(":events").removesuffix(":Events"))
    inside = path[len(str(whole)) :]
    cut = tmp_path / f"cut{whole.suffix}"
    data = whole.read_bytes()
    if whole.suffix in {".csv", ".txt"}:
        # the end of a text file is lost without a trace unless a line is cut
        data = data[: data.rindex(b";" if whole.suffix == ".txt" else b",")]
    else:
        data = data[: len(data) * 2 // 3]
    cut.write_bytes(data)
    with pytest.raises(InputError, match=r"cut\.\w+.*(truncated|damaged)"):
        read(f"{cut}{inside}")


def test_empty_file(path: str, tmp_path: Path) -> None:
    whole = Path(path.removesuffix(":events").removesuffix(":Events"))
    empty = tmp_path / f"empty{whole.suffix}"
    empty.touch()
    with pytest.raises(InputError, match=r"empty \(0 bytes\)"):
        read(empty)


def nested(folder: Path, kind: str, pt: ak.Array) -> str:
    if kind == "parquet":
        path = folder / "nested.parquet"
        pq.write_table(pa.table({"Jet_pt": ak.to_arrow(pt, extensionarray=False)}), path)
        return str(path)
    path = folder / "nested.root"
    with uproot.recreate(path) as file:
        if kind == "ttree":
            file.mktree("Events", {"Jet_pt": "var * float64"})
            file["Events"].extend({"Jet_pt": pt})
        else:
            file.mkrntuple("Events", {"Jet_pt": pt})
    return f"{path}:Events"


@pytest.mark.parametrize("kind", ["parquet", "ttree", "rntuple"])
@pytest.mark.parametrize("chunk", [2, 100])
def test_variable_length(tmp_path: Path, kind: str, chunk: int) -> None:
    pt = ak.Array([[50.0, 40.0], [], [70.0], [10.0, 20.0, 30.0], []])
    path = nested(tmp_path, kind, pt)
    expressions = {"first": "Jet_pt[:, 0]", "ht": "sum(Jet_pt)", "n": "len(Jet_pt)"}
    got = derive(path, expressions, chunk=chunk)
    np.testing.assert_array_equal(got["first"], [50.0, np.nan, 70.0, 10.0, np.nan])
    np.testing.assert_array_equal(got["ht"], [90.0, 0.0, 70.0, 60.0, 0.0])
    np.testing.assert_array_equal(got["n"], [2, 0, 1, 3, 0])
    events = read(path, columns=["Jet_pt"], where="len(Jet_pt) > 0")
    assert ak.to_list(events["Jet_pt"]) == [[50.0, 40.0], [70.0], [10.0, 20.0, 30.0]]
    assert ak.to_list(events.select(np.array([False, True, False]))["Jet_pt"]) == [[70.0]]


@pytest.mark.parametrize("suffix", ["npz", "h5"])
def test_fixed_number_of_values(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"fixed.{suffix}"
    values = np.arange(24.0).reshape(4, 3, 2)
    if suffix == "npz":
        np.savez(path, P=values, F=np.asfortranarray(values[:, :, 0]))
    else:
        with h5py.File(path, "w") as file:
            file["P"], file["F"] = values, values[:, :, 0]
    got = derive(path, {"p": "P[:, 1, 1]", "f": "F[:, -1]", "s": "sum(F)"}, chunk=3)
    np.testing.assert_array_equal(got["p"], values[:, 1, 1])
    np.testing.assert_array_equal(got["f"], values[:, 2, 0])
    np.testing.assert_array_equal(got["s"], values[:, :, 0].sum(axis=1))


def test_choice_of_a_tree(tmp_path: Path) -> None:
    path = tmp_path / "two.root"
    with uproot.recreate(path) as file:
        for name in ("Events", "Runs"):
            file.mktree(name, {"x": "float64"})
            file[name].extend({"x": np.ones(2)})
        file["h"] = np.histogram([1.0], bins=2)
    with pytest.raises(
        InputError, match=r"2 trees \('Events', 'Runs'\); name one, as in .*:Events"
    ):
        read(path)
    with pytest.raises(InputError, match="no tree 'Event'; the nearest are 'Events'"):
        read(f"{path}:Event")
    assert len(read(f"{path}:Runs")) == 2


def test_a_file_without_a_tree(tmp_path: Path) -> None:
    path = tmp_path / "histogram.root"
    with uproot.recreate(path) as file:
        file["h"] = np.histogram([1.0], bins=2)
    with pytest.raises(InputError, match="holds no tree"):
        read(path)


def test_choice_of_a_table(tmp_path: Path) -> None:
    path = tmp_path / "two.h5"
    with h5py.File(path, "w") as file:
        file["a/x"], file["b/c/x"] = np.ones(3), np.zeros(2)
    with pytest.raises(InputError, match=r"2 tables \('a', 'b/c'\); name one, as in .*:a"):
        read(path)
    with pytest.raises(InputError, match="no table 'b/d'; the nearest are 'b/c'"):
        read(f"{path}:b/d")
    assert read(f"{path}:b/c")["x"].tolist() == [0.0, 0.0]


def test_arrays_of_different_lengths(tmp_path: Path) -> None:
    path = tmp_path / "odd.npz"
    np.savez(path, x=np.ones(3), y=np.ones(3), z=np.ones(4))
    with pytest.raises(InputError, match=r"different lengths \('x': 3, 'y': 3, 'z': 4\)"):
        read(path)
    assert len(read(path, columns=["x", "y"])) == 3


def test_pickles_are_never_loaded(tmp_path: Path) -> None:
    path = tmp_path / "objects.npz"
    np.savez(path, x=np.array([{"a": 1}], dtype=object), y=np.ones(1))
    with pytest.raises(InputError, match=r"Column 'x' of .* holds Python objects"):
        read(path)
    assert len(read(path, columns=["y"])) == 1


def test_two_columns_of_one_name(tmp_path: Path) -> None:
    table = pa.table([pa.array([1.0]), pa.array([2.0])], names=["a", "a"])
    pq.write_table(table, tmp_path / "x.parquet")
    with pytest.raises(InputError, match=r"x\.parquet has two columns named 'a'"):
        read(tmp_path / "x.parquet")


@pytest.mark.parametrize("layout", ["fixed", "table"])
def test_a_filter_that_is_not_there(tmp_path: Path, layout: str) -> None:
    frame = pd.DataFrame({"x": np.arange(1e4)})
    frame.to_hdf(tmp_path / "x.h5", key="df", format=layout, complevel=5, complib="bzip2")
    with pytest.raises(InputError, match=r"packed with bzip2, .* complib='zlib'"):
        read(tmp_path / "x.h5")


def test_an_empty_data_frame(tmp_path: Path) -> None:
    pd.DataFrame({"x": np.empty(0)}).to_hdf(tmp_path / "x.h5", key="df", format="fixed")
    with pytest.raises(InputError, match=r"x\.h5 holds no events"):
        read(tmp_path / "x.h5")


def test_suffix_and_content(tmp_path: Path, columns: dict[str, np.ndarray]) -> None:
    wrong = tmp_path / "really_parquet.dat"
    wrong.write_bytes(Path(write_parquet(tmp_path, columns)).read_bytes())
    assert len(read(wrong)) == N
    liar = tmp_path / "liar.root"
    liar.write_bytes(b"not a tree")
    with pytest.raises(InputError, match="named like a ROOT file but does not start like one"):
        read(liar)
    stranger = tmp_path / "x.docx"
    stranger.write_bytes(b"hello")
    with pytest.raises(InputError, match=r"format of .* is not known; bycatch reads Parquet"):
        read(stranger)
    for name in ("x.npz", "x.csv"):
        path = tmp_path / name
        path.write_bytes(b"a,b\n1,2\n") if name == "x.csv" else np.savez(path, a=np.ones(2))
        with pytest.raises(InputError, match="no object 'tree' inside"):
            read(f"{path}:tree")


def test_zip_without_arrays(tmp_path: Path) -> None:
    path = tmp_path / "x.npz"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("readme", "nothing")
    with pytest.raises(InputError, match="no arrays"):
        read(path)


def test_damage_in_the_middle(tmp_path: Path, columns: dict[str, np.ndarray]) -> None:
    path = Path(write_packed_npz(tmp_path, columns))
    data = bytearray(path.read_bytes())
    data[1000:1100] = bytes(100)
    path.write_bytes(data)
    with pytest.raises(InputError, match="truncated or damaged"):
        read(path)


def _quiet() -> object:
    import warnings

    return warnings.catch_warnings(action="ignore")
