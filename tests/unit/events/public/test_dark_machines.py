from __future__ import annotations

import csv
from pathlib import Path

import awkward as ak
import numpy as np
import pytest
from layout_checks import assert_chunks, assert_same, assert_truncated_is_said

from bycatch.errors import ColumnError, DataError, InputError
from bycatch.events import Events, count_nonfinite
from bycatch.events.public import dark_machines

N = 60
NAMES = (
    "event",
    "weight",
    "met_pt",
    "met_phi",
    *(f"object_{n}" for n in ("E", "pt", "eta", "phi")),
)


@pytest.fixture
def events() -> Events:
    rng = np.random.default_rng(9)
    counts = rng.integers(0, 9, N)
    total = int(counts.sum())
    pt, eta = rng.exponential(50, total) + 20, rng.normal(0, 1, total)
    flat = {
        "object_kind": rng.integers(0, 7, total).astype(np.int8),
        "object_E": pt * np.cosh(eta) * 1.01,
        "object_pt": pt,
        "object_eta": eta,
        "object_phi": rng.uniform(-3.1, 3.1, total),
    }
    weight = rng.random(N)
    columns = {
        "event": rng.integers(0, 10**12, N),
        "process": rng.choice(["njets", "Zp2000.0_DM_50.0"], N),
        "weight": weight,
        "met_pt": rng.exponential(100, N),
        "met_phi": rng.uniform(-3.1, 3.1, N),
        **{name: ak.unflatten(values, counts) for name, values in flat.items()},
    }
    return Events(columns, weight)


@pytest.fixture
def file(tmp_path: Path, events: Events) -> Path:
    path = tmp_path / "background_chan1_7.79.csv"
    dark_machines.write(path, [events.select(np.arange(25)), events.select(np.arange(25, N))])
    return path


def test_written_and_read(file: Path, events: Events) -> None:
    there = dark_machines.read(file)
    assert_same(there, events, NAMES, rtol=5e-16)  # MeV and back
    assert_same(there, events, ("object_kind", "event", "object_eta"))
    assert there["process"].tolist() == events["process"].tolist()
    np.testing.assert_array_equal(there.weight, events["weight"])


def test_chunks(file: Path) -> None:
    whole = dark_machines.read(file)
    text = {name: v for name, v in whole.columns.items() if name != "process"}

    def scan(path: Path, chunk: int):  # type: ignore[no-untyped-def]
        for part in dark_machines.scan(path, chunk):
            yield Events({name: v for name, v in part.columns.items() if name != "process"})

    assert_chunks(scan, file, Events(text))


def test_the_csv_module_reads_it(file: Path, events: Events) -> None:
    with file.open(newline="") as stream:
        rows = list(csv.reader(stream, delimiter=";"))
    assert len(rows) == N
    for index in (0, 26, N - 1):
        number, process, weight, met, phi, *objects = rows[index]
        assert (int(number), process) == (events["event"][index], events["process"][index])
        assert float(weight) == events["weight"][index]
        assert float(met) == pytest.approx(1000 * events["met_pt"][index], rel=1e-15)  # MeV
        assert float(phi) == events["met_phi"][index]
        assert len(objects) == len(events["object_pt"][index])
        for place, text in enumerate(objects):
            kind, _, pt, eta, _ = text.split(",")
            assert kind == dark_machines.OBJECTS[events["object_kind"][index, place]]
            assert float(pt) == pytest.approx(1000 * events["object_pt"][index, place], rel=1e-15)
            assert float(eta) == events["object_eta"][index, place]


def test_lines_of_the_public_files(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_text(
        "93;njets;1;182341;-1.5;j,320100,290000,0.4,1.6;b,1e5,90000.5,-0.4,-1;e-,3e4,2e4,0,0;\r\n"
        "94;Zp;0.5;1000;0.25\n"
        "95 ; Zp ; 2 ; 5e4 ; 0 ; m+, 4e4, 3e4, 0.5, 0.1 ; g, 2e4, 2e4, 0, nan\n"
    )
    events = dark_machines.read(path)
    assert events["object_kind"].to_list() == [[0, 1, 2], [], [5, 6]]
    assert events["object_pt"].to_list() == [[290, 90.0005, 20], [], [30, 20]]
    assert events["process"].tolist() == ["njets", "Zp", "Zp"]
    assert events.weight.tolist() == [1, 0.5, 2]
    assert events["met_pt"].tolist() == [182.341, 1, 50]
    assert count_nonfinite(events.columns)["object_phi"] == 1
    assert "process" not in count_nonfinite(events.columns)


def test_columns_of_the_lepton_stream(tmp_path: Path, events: Events) -> None:
    stream = dark_machines.to_stream(events)
    for name, kinds in {"jet": (0, 1), "electron": (2, 3), "muon": (4, 5), "photon": (6,)}.items():
        among = (events["object_kind"] >= min(kinds)) & (events["object_kind"] <= max(kinds))
        chosen = events["object_pt"][among]
        wanted = ak.sort(chosen, axis=1, ascending=False)
        assert stream[f"{name}_pt"].to_list() == wanted.to_list()
    assert ak.sum(stream["jet_b_tag"]) == ak.sum(events["object_kind"] == 1)
    assert ak.sum(stream["muon_charge"] == -1) == ak.sum(events["object_kind"] == 4)
    jets = events["object_kind"] <= 1
    pt, eta, energy = (events[f"object_{name}"][jets] for name in ("pt", "eta", "E"))
    mass = np.sqrt(energy**2 - (pt * np.cosh(eta)) ** 2)
    assert ak.sum(stream["jet_mass"]) == pytest.approx(ak.sum(mass), rel=1e-9)
    dark_machines.write(tmp_path / "x.csv", stream)
    again = dark_machines.to_stream(dark_machines.read(tmp_path / "x.csv"))
    names = tuple(name for name in stream.columns if name not in {"process", "jet_mass"})
    assert_same(again, stream, names, rtol=5e-16)
    assert_same(again, stream, ("jet_mass",), rtol=1e-9)


def test_a_simulation_without_numbers(tmp_path: Path, events: Events) -> None:
    columns = dict(dark_machines.to_stream(events).columns)
    del columns["event"], columns["process"]
    parts = [Events(columns).select(np.arange(20)), Events(columns).select(np.arange(20, N))]
    dark_machines.write(tmp_path / "x.csv", parts)
    there = dark_machines.read(tmp_path / "x.csv")
    np.testing.assert_array_equal(there["event"], np.arange(N))
    assert set(there["process"]) == {"events"}


def test_truncated(file: Path) -> None:
    assert_truncated_is_said(file, dark_machines.read)


@pytest.mark.parametrize(
    ("line", "match"),
    [
        (b"1;a;1;2", r"Line 3 of .*odd\.csv \('1;a;1;2'\) has 4 fields, not at least 5"),
        (b"event,process,weight", "has 1 fields"),
        (b"1;a;1;2;3;tau,1,2,3,4", "an object 'tau', which is none of j, b, e-"),
        (b"1;a;1;2;3;j,1,2,3", "an object that is not kind, E, pt, eta, phi"),
        (b"1;a;1;2;3;j,1,2,x,4", "has 'x' where a number should be"),
        (b"1;a;heavy;2;3", "has 'heavy' where"),
        (b"1.5;a;1;2;3", "has '1.5' where"),
        (b"", "has 1 fields"),
        (b"\xff\xfe;1;2;3;4", "is no text"),
    ],
)
@pytest.mark.parametrize("chunk", [1, 10])
def test_odd_lines(tmp_path: Path, line: bytes, match: str, chunk: int) -> None:
    path = tmp_path / "odd.csv"
    path.write_bytes(b"7;a;1;2;3;j,1,2,3,4\n8;a;1;2;3\n" + line + b"\n9;a;1;2;3\n")
    with pytest.raises(InputError, match=match) as caught:
        list(dark_machines.scan(path, chunk))
    assert "odd.csv" in str(caught.value)
    path.write_bytes(b"7;a;1;2;3;j,1,2,3,4\n8;a;1;2;3")
    with pytest.raises(InputError, match=r"odd\.csv ends in the middle of line 2"):
        list(dark_machines.scan(path, chunk))


def test_no_events(tmp_path: Path) -> None:
    path = tmp_path / "none.csv"
    path.touch()
    with pytest.raises(InputError, match=r"none\.csv holds no events"):
        dark_machines.read(path)
    with pytest.raises(DataError, match="no events to write"):
        dark_machines.write(tmp_path / "x.csv", [])
    with pytest.raises(InputError, match="There is no file"):
        dark_machines.read(tmp_path / "missing.csv")


def test_what_cannot_be_written(tmp_path: Path, events: Events) -> None:
    path = tmp_path / "x.csv"
    for name in ("a;b", ""):
        with pytest.raises(DataError, match="name without semicolons"):
            dark_machines.write(path, Events({**events.columns, "process": np.full(N, name)}))
    with pytest.raises(DataError, match="object_kind has to be 0 to 6"):
        dark_machines.write(
            path, Events({**events.columns, "object_kind": events["object_kind"] + 1})
        )
    with pytest.raises(ColumnError, match="no column 'jet_pt'"):
        dark_machines.write(path, Events({"met_pt": np.ones(3)}))
    assert not path.exists()
