from __future__ import annotations

from pathlib import Path

import awkward as ak
import h5py
import numpy as np
import pytest
from layout_checks import assert_truncated_is_said

from bycatch.errors import ColumnError, DataError, InputError
from bycatch.events import Events, count_nonfinite
from bycatch.events.public import adc2021
from bycatch.events.public.adc2021 import Objects, Submission

N = 45


@pytest.fixture
def objects() -> Objects:
    rng = np.random.default_rng(3)
    values = np.stack(
        [rng.exponential(30, (N, 19)) + 3, rng.normal(0, 1, (N, 19)), rng.uniform(-3, 3, (N, 19))],
        axis=2,
    )
    for kind, rows in adc2021.SLOTS.items():
        if kind == "met":
            values[:, 0, 1] = 0
            continue
        block = values[:, rows]
        block[:, :, 0] = -np.sort(-block[:, :, 0], axis=1)
        block[np.arange(block.shape[1]) >= rng.integers(0, block.shape[1] + 1, N)[:, None]] = 0
    return Objects(values)


@pytest.fixture
def file(tmp_path: Path, objects: Objects) -> Path:
    path = tmp_path / "background_for_training.h5"
    adc2021.write(path, objects)
    return path


def change(file: Path, **new: object) -> None:
    with h5py.File(file, "a") as content:
        for key, value in new.items():
            if key in content:
                del content[key]
            if value is not None:
                content[key] = value


def test_written_and_read(file: Path, objects: Objects) -> None:
    there = adc2021.read(file)
    np.testing.assert_array_equal(there.values, objects.values)
    np.testing.assert_array_equal(there.present, objects.present)
    assert there.event is None
    parts = list(adc2021.scan(file, chunk=20))
    assert [len(part) for part in parts] == [20, 20, 5]
    np.testing.assert_array_equal(np.concatenate([p.values for p in parts]), objects.values)


def test_the_public_layout(file: Path, objects: Objects) -> None:
    with h5py.File(file, "r") as content:
        assert sorted(content) == ["Particles", "Particles_Classes", "Particles_Names"]
        assert content["Particles"].shape == (N, 19, 4)
        assert content["Particles"].dtype == np.float64
        assert content["Particles"].compression == "gzip"
        assert content["Particles_Names"][:].tolist() == [b"Pt", b"Eta", b"Phi", b"Class"]
        assert content["Particles_Classes"][0] == b"MET_class_1"
        classes = content["Particles"][:, :, 3]
        np.testing.assert_array_equal(content["Particles"][:, :, :-1], objects.values)
    assert set(classes[:, 0]) == {1}
    for row, kind in {1: 2, 4: 2, 5: 3, 8: 3, 9: 4, 18: 4}.items():
        np.testing.assert_array_equal(classes[:, row], np.where(objects.values[:, row, 0], kind, 0))


def test_events_and_back(tmp_path: Path, objects: Objects) -> None:
    events = adc2021.to_events(Objects(objects.values, np.arange(N) + 100))
    counts = (objects.values[:, 9:, 0] > 0).sum(axis=1)
    np.testing.assert_array_equal(ak.num(events["jet_pt"]), counts)
    first = int(np.flatnonzero(counts > 2)[0])
    assert events["jet_phi"][first, 2] == objects.values[first, 11, 2]
    np.testing.assert_array_equal(events["met_phi"], objects.values[:, 0, 2])
    halves = [events.select(np.arange(20)), adc2021.from_events(events.select(np.arange(20, N)))]
    adc2021.write(tmp_path / "BlackBox.h5", halves)
    there = adc2021.read(tmp_path / "BlackBox.h5")
    np.testing.assert_array_equal(there.values, objects.values)
    np.testing.assert_array_equal(there.event, np.arange(N) + 100)


def test_the_fifth_electron_is_left_out() -> None:
    empty = ak.Array([[]])[:, :0]
    columns = {f"{kind}_{name}": empty for kind in ("muon", "jet") for name in ("pt", "eta", "phi")}
    columns |= {
        f"electron_{name}": ak.Array([[6.0, 5, 4, 3, 2, 1]]) for name in ("pt", "eta", "phi")
    }
    events = Events({**columns, "met_pt": np.ones(1), "met_phi": np.zeros(1)})
    values = adc2021.from_events(events).values[0, :, 0]
    np.testing.assert_array_equal(values[:10], [1, 6, 5, 4, 3, 0, 0, 0, 0, 0])


def test_nan_is_kept_and_counted(tmp_path: Path, objects: Objects) -> None:
    values = objects.values.copy()
    values[2, 1] = np.nan
    adc2021.write(tmp_path / "x.h5", Objects(values))
    there = adc2021.read(tmp_path / "x.h5")
    assert np.isnan(there.values).sum() == 3
    assert there.present[2, 1]
    assert count_nonfinite(adc2021.to_events(there).columns)["electron_pt"] == 1


def test_jets_outside_of_the_acceptance_are_gaps(file: Path, objects: Objects) -> None:
    with h5py.File(file, "a") as content:  # as in the black box: zeros, but still of class 4
        content["Particles"][:, 10, :3] = 0
    there = adc2021.read(file)
    assert not there.present[:, 10].any()
    np.testing.assert_array_equal(there.values[:, 11], objects.values[:, 11])


def test_truncated(file: Path) -> None:
    assert_truncated_is_said(file, adc2021.read)


def test_mislabelled(file: Path) -> None:
    change(file, Particle=np.zeros((3, 19, 4)), Particles=None)
    with pytest.raises(ColumnError, match="no data set 'Particles'; the nearest are 'Particle'"):
        adc2021.read(file)


def test_other_names_and_classes(file: Path) -> None:
    with h5py.File(file, "r") as content:
        particles = content["Particles"][()]
    odd = particles.copy()
    odd[7, 3, 3] = 4
    change(file, Particles=odd)
    with pytest.raises(InputError, match=r"Event 7 of .* has class 4 .* row 3, .* for class 2"):
        list(adc2021.scan(file, chunk=5))
    odd[7, 3] = (20, 0, 0, 0)
    change(file, Particles=odd)
    with pytest.raises(InputError, match="class 0 and pT 20 in row 3"):
        adc2021.read(file)
    change(file, Particles=particles, Particles_Names=[b"Eta", b"Pt", b"Phi", b"Class"])
    with pytest.raises(InputError, match=r"'Particles_Names' of .* is \['Eta', 'Pt'"):
        adc2021.read(file)
    change(file, Particles_Names=None)
    with pytest.raises(ColumnError, match="no data set 'Particles_Names'"):
        adc2021.read(file)


@pytest.mark.parametrize(
    ("values", "match"),
    [
        (np.zeros((5, 18, 4)), r"shape \(5, 18, 4\) of float64.*\(events, 19, 4\)"),
        (np.zeros((5, 57)), r"shape \(5, 57\)"),
        (np.full((5, 19, 4), b"a"), "of numbers"),
        (np.zeros((0, 19, 4)), "holds no events"),
    ],
)
def test_wrongly_shaped(file: Path, values: np.ndarray, match: str) -> None:
    change(file, Particles=values)
    with pytest.raises(InputError, match=match):
        adc2021.read(file)
    change(file, Particles=np.zeros((5, 19, 4)), EvtId=np.arange(4))
    with pytest.raises(InputError, match="different lengths"):
        adc2021.read(file)


def test_what_cannot_be_written(tmp_path: Path, objects: Objects) -> None:
    path = tmp_path / "x.h5"
    with pytest.raises(DataError, match="no events to write"):
        adc2021.write(path, [])
    with pytest.raises(DataError, match="Some of the events"):
        adc2021.write(path, [objects, Objects(objects.values, np.arange(N))])
    with pytest.raises(DataError, match=r"\(events, 19, 3\), not \(2, 19, 4\)"):
        Objects(np.zeros((2, 19, 4)))
    with pytest.raises(DataError, match="event numbers"):
        Objects(objects.values, np.arange(3))
    assert not path.exists()


def test_submission(tmp_path: Path) -> None:
    path = tmp_path / "team.h5"
    wanted = Submission(
        np.array([7, 0, 123456]), 1e9, "xcu250-figd2104-2L-e", 500, DSP=50, LUT=1, FF=3, BRAM=0
    )
    adc2021.write_submission(path, wanted)
    with h5py.File(path, "r") as content:
        assert content["Result"][:].tolist() == [7, 0, 123456]
        attributes = dict(content.attrs)
    assert attributes == {
        "FLOPs": 1e9,
        "Latency": 500,
        "DSP": 50,
        "LUT": 1,
        "FF": 3,
        "BRAM": 0,
        "Device": "xcu250-figd2104-2L-e",
    }
    there = adc2021.read_submission(path)
    assert there.events.tolist() == [7, 0, 123456]
    assert (there.FLOPs, there.Device, there.Latency) == (1e9, "xcu250-figd2104-2L-e", 500)
    assert_truncated_is_said(path, adc2021.read_submission)


def test_bad_submissions(tmp_path: Path, file: Path) -> None:
    path = tmp_path / "team.h5"
    for events in ([1, 1], [-1], [0.5], [[1]]):
        with pytest.raises(DataError, match="selected"):
            adc2021.write_submission(path, Submission(np.array(events), 1))
    with pytest.raises(DataError, match="Latency of a submission is at least 0, not -1"):
        adc2021.write_submission(path, Submission(np.array([1]), 1, Latency=-1))
    with pytest.raises(InputError, match=r"is no ADC2021 submission: it holds .*'Particles'"):
        adc2021.read_submission(file)
    adc2021.write_submission(path, Submission(np.array([1]), 1))
    with h5py.File(path, "a") as content:
        del content.attrs["BRAM"]
    with pytest.raises(InputError, match="lacks BRAM"):
        adc2021.read_submission(path)
    adc2021.write_submission(path, Submission(np.empty(0, np.int64), 1))
    assert adc2021.read_submission(path).events.size == 0
    change(path, Result=[2, 2])
    with pytest.raises(InputError, match=r"team\.h5 is no .*selected twice"):
        adc2021.read_submission(path)
