from __future__ import annotations

import sys
from pathlib import Path

import awkward as ak
import h5py
import numpy as np
import pandas as pd
import pytest
import tables
from layout_checks import assert_chunks, assert_same, assert_truncated_is_said

from bycatch.errors import ColumnError, DataError, InputError
from bycatch.events import Events, count_nonfinite
from bycatch.events.public import top_landscape

CONSTITUENTS = tuple(f"constituent_{name}" for name in ("px", "py", "pz", "E"))
JET = ("jet_pt", "jet_eta", "jet_phi", "jet_mass")


@pytest.fixture
def file(tmp_path: Path, jets: Events) -> Path:
    path = tmp_path / "train.h5"
    top_landscape.write(path, jets)
    return path


def frame(file: Path) -> pd.DataFrame:
    return pd.DataFrame(pd.read_hdf(file, key="table"))


def test_written_and_read(file: Path, jets: Events) -> None:
    events = top_landscape.read(file)
    assert_same(events, jets, CONSTITUENTS)
    assert_same(events, jets, JET, rtol=1e-9, atol=1e-4)
    np.testing.assert_array_equal(events.label, jets.label)
    assert not events["ttv"].any()


def test_pandas_reads_the_public_layout(file: Path, jets: Events) -> None:
    table = frame(file)
    assert list(table.columns[:5]) == ["E_0", "PX_0", "PY_0", "PZ_0", "E_1"]
    assert list(table.columns[-6:]) == [
        *("truthE", "truthPX", "truthPY", "truthPZ"),
        *("ttv", "is_signal_new"),
    ]
    assert table.shape == (len(jets), 806)
    assert set(table.dtypes.iloc[:-2]) == {np.dtype("float32")}
    assert set(table.dtypes.iloc[-2:]) == {np.dtype("int64")}
    np.testing.assert_array_equal(table.index, np.arange(len(jets)))
    np.testing.assert_array_equal(table["PZ_0"], ak.to_numpy(jets["constituent_pz"][:, 0]))
    np.testing.assert_array_equal(table["is_signal_new"], jets.label)
    counts = (table.filter(regex=r"^E_\d+$").to_numpy() > 0).sum(axis=1)
    np.testing.assert_array_equal(counts, ak.num(jets["constituent_E"]))
    some = pd.read_hdf(file, key="table", start=5, stop=8)
    pd.testing.assert_frame_equal(some, table.iloc[5:8])


@pytest.mark.parametrize(
    "options",
    [
        {"format": "table", "complib": "blosc", "complevel": 5},
        {"format": "table"},
        {"format": "fixed"},
    ],
)
def test_a_file_that_pandas_wrote(
    tmp_path: Path, file: Path, jets: Events, options: dict[str, object]
) -> None:
    table = frame(file)
    table["truthPX"] = np.float32(3.5)
    table["ttv"] = 2
    table[sorted(table.columns)].to_hdf(tmp_path / "x.h5", key="table", **options)
    events = top_landscape.read(tmp_path / "x.h5")
    assert_same(events, jets, CONSTITUENTS)
    assert set(events["truth_px"]) == {3.5}
    assert set(events["ttv"]) == {2}
    assert not events["truth_E"].any()


@pytest.mark.parametrize("compression", ["zlib", "none"])
def test_other_compressions(tmp_path: Path, jets: Events, compression: str) -> None:
    top_landscape.write(tmp_path / "x.h5", jets, compression=compression)  # type: ignore[arg-type]
    assert_same(top_landscape.read(tmp_path / "x.h5"), jets, CONSTITUENTS)


def test_pieces_and_chunks(tmp_path: Path, file: Path, jets: Events) -> None:
    halves = [jets.select(np.arange(25)), jets.select(np.arange(25, len(jets)))]
    top_landscape.write(tmp_path / "halves.h5", iter(halves))
    pd.testing.assert_frame_equal(frame(tmp_path / "halves.h5"), frame(file))
    assert_chunks(top_landscape.scan, file, top_landscape.read(file))
    both = top_landscape.read([file, tmp_path / "halves.h5"])
    assert len(both) == 2 * len(jets)
    with pytest.raises(DataError, match="at least one row"):
        next(top_landscape.scan(file, chunk=0))


def test_truth_and_its_own_sample_survive(tmp_path: Path, jets: Events) -> None:
    extra = {f"truth_{name}": np.arange(len(jets)) * 0.5 for name in ("px", "py", "pz", "E")}
    extra["truth_E"] += 7
    more = Events({**jets.columns, **extra, "ttv": np.arange(len(jets))}, label=jets.label)
    top_landscape.write(tmp_path / "x.h5", more)
    assert_same(top_landscape.read(tmp_path / "x.h5"), more, (*extra, "ttv"))


def test_the_201st_constituent_is_left_out(tmp_path: Path) -> None:
    momenta = ak.Array([np.arange(250, 0, -1.0), [3.0]])
    jets = Events(dict.fromkeys(CONSTITUENTS, momenta), label=np.array([1, 0]))
    top_landscape.write(tmp_path / "x.h5", jets)
    assert ak.to_list(ak.num(top_landscape.read(tmp_path / "x.h5")["constituent_E"])) == [200, 1]


def test_nan_is_kept_and_counted(tmp_path: Path, file: Path) -> None:
    table = frame(file)
    table.loc[3, "E_0"] = np.nan
    table.loc[4, "PX_0"] = np.inf
    table.to_hdf(tmp_path / "x.h5", key="table", format="table")
    counts = count_nonfinite(top_landscape.read(tmp_path / "x.h5").columns)
    assert (counts["constituent_E"], counts["constituent_px"], counts["constituent_py"]) == (
        1,
        1,
        0,
    )
    assert counts["jet_pt"] == 1


def test_damaged(tmp_path: Path, file: Path) -> None:
    with pytest.raises(InputError, match=r"x\.h5 is empty"):
        (tmp_path / "x.h5").touch()
        top_landscape.read(tmp_path / "x.h5")
    assert_truncated_is_said(file, top_landscape.read)


def test_mislabelled(tmp_path: Path, file: Path) -> None:
    table = frame(file)
    path = tmp_path / "odd.h5"
    table.rename(columns={"is_signal_new": "is_signal"}).to_hdf(path, key="table", format="table")
    with pytest.raises(ColumnError, match=r"odd\.h5 has no column 'is_signal_new' .*'is_signal'"):
        top_landscape.read(path)
    table.assign(is_signal_new=np.where(table.index == 4, 5, 0)).to_hdf(path, key="table")
    with pytest.raises(InputError, match=r"'is_signal_new' of .*odd\.h5 is 5 in 1 of 60 rows"):
        top_landscape.read(path)
    table.assign(is_signal_new=np.nan).to_hdf(path, key="table")
    with pytest.raises(InputError, match="is nan in 60 of 60 rows"):
        top_landscape.read(path)


def test_wrongly_shaped(tmp_path: Path, file: Path) -> None:
    table = frame(file)
    path = tmp_path / "odd.h5"
    kept = [name for name in table.columns if not name.endswith(("_150", "_199"))]
    table[kept].to_hdf(path, key="table", format="table")
    with pytest.raises(ColumnError, match=r"no column 'E_150' .*7 others.*198 of its 200"):
        top_landscape.read(path)
    with h5py.File(path, "w") as out:
        out["table"] = np.zeros((5, 806))
    with pytest.raises(ColumnError, match="no column 'E_0'"):
        top_landscape.read(path)


def test_no_jets(tmp_path: Path, file: Path, jets: Events) -> None:
    path = tmp_path / "none.h5"
    frame(file).iloc[:0].to_hdf(path, key="table", format="fixed")
    with pytest.raises(InputError, match=r"none\.h5 holds no events"):
        top_landscape.read(path)
    path.unlink()
    with tables.open_file(str(file), "a") as opened:
        opened.root.table.table.remove_rows(0)
    with pytest.raises(InputError, match=r"train\.h5 holds no events"):
        top_landscape.read(file)
    with pytest.raises(DataError, match="no jets to write"):
        top_landscape.write(path, jets.select(np.zeros(len(jets), bool)))
    assert not list(tmp_path.glob("*none*"))


def test_what_cannot_be_written(
    tmp_path: Path, jets: Events, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "x.h5"
    with pytest.raises(DataError, match="these events have none"):
        top_landscape.write(path, Events(jets.columns))
    with pytest.raises(DataError, match="labels 0 and 1"):
        top_landscape.write(path, Events(jets.columns, label=np.full(len(jets), 3)))
    with pytest.raises(ColumnError, match="no column 'constituent_px'"):
        top_landscape.write(path, Events({"jet_pt": jets["jet_pt"]}, label=jets.label))
    monkeypatch.setitem(sys.modules, "tables", None)
    with pytest.raises(InputError, match=r'pip install "bycatch\[tables\]"'):
        top_landscape.write(path, jets)
    assert not path.exists()


def test_real_jets(tmp_path: Path, tops: Events) -> None:
    top_landscape.write(tmp_path / "x.h5", tops)
    events = top_landscape.read(tmp_path / "x.h5")
    assert_same(events, tops, CONSTITUENTS)
    assert 549.9 < events["jet_pt"].min() < events["jet_pt"].max() < 650.1
    assert np.abs(events["jet_eta"]).max() < 2.1
    top = events["jet_mass"][events.label == 1]
    edges = np.arange(0, 401, 10)
    peak = edges[np.histogram(top, edges)[0].argmax()]
    assert peak in {160, 170, 180}  # the top quark's 173 GeV
    assert np.median(events["jet_mass"][events.label == 0]) < 100
