from __future__ import annotations

from pathlib import Path

import awkward as ak
import h5py
import numpy as np
import pytest
from layout_checks import assert_chunks, assert_same, assert_truncated_is_said

from bycatch.errors import ColumnError, DataError, InputError
from bycatch.events import Events, count_nonfinite
from bycatch.events.public import jetnet

RELATIVE = ("constituent_eta_rel", "constituent_phi_rel", "constituent_pt_rel")
N = 60


def arrays(width: int = 30) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(5)
    counts = rng.integers(1, width + 1, N)
    mask = np.arange(width) < counts[:, None]
    pt = -np.sort(-rng.exponential(0.1, (N, width)) * mask, axis=1)
    particles = [rng.normal(0, 0.1, (N, width)) * mask, rng.normal(0, 0.1, (N, width)) * mask, pt]
    jets = [rng.uniform(800, 1600, N), rng.normal(0, 1, N), rng.uniform(20, 200, N), counts]
    return {
        "particle_features": np.stack([*particles, mask], axis=2).astype(np.float32),
        "jet_features": np.stack(jets, axis=1).astype(np.float32),
    }


def store(path: Path, content: dict[str, np.ndarray]) -> None:
    with h5py.File(path, "w") as file:
        for name, array in content.items():
            file[name] = array


@pytest.fixture
def file(tmp_path: Path) -> Path:
    store(tmp_path / "t.hdf5", arrays())
    return tmp_path / "t.hdf5"


@pytest.mark.parametrize("width", [30, 150])
def test_read_and_written(tmp_path: Path, width: int) -> None:
    content = arrays(width)
    store(tmp_path / "t.hdf5", content)
    events = jetnet.read(tmp_path / "t.hdf5")
    np.testing.assert_array_equal(
        ak.num(events["constituent_pt_rel"]), content["jet_features"][:, 3]
    )
    np.testing.assert_array_equal(events["jet_mass"], content["jet_features"][:, 2])
    assert events["constituent_phi_rel"][4, 0] == content["particle_features"][4, 0, 1]
    jetnet.write(tmp_path / "again.hdf5", events, width)  # type: ignore[arg-type]
    with h5py.File(tmp_path / "again.hdf5", "r") as there:
        assert sorted(there) == sorted(content)
        for name, array in content.items():
            assert there[name].dtype == np.float32
            np.testing.assert_array_equal(there[name][()], array)


def test_four_vectors_and_back(tmp_path: Path, jets: Events) -> None:
    halves = [jets.select(np.arange(20)), jets.select(np.arange(20, len(jets)))]
    jetnet.write(tmp_path / "x.hdf5", halves, 150)
    events = jetnet.read(tmp_path / "x.hdf5")
    assert ak.max(abs(events["constituent_phi_rel"])) < np.pi
    angle, counts = jets["jet_phi"], ak.num(jets["constituent_px"])
    px, py = jets["constituent_px"], jets["constituent_py"]
    turned = {
        **jets.columns,
        "constituent_px": px * np.cos(angle) + py * np.sin(angle),
        "constituent_py": py * np.cos(angle) - px * np.sin(angle),
    }
    names = tuple(f"constituent_{name}" for name in ("px", "py", "pz", "E"))
    # relative numbers of 32 bits: 1e-7 of the largest constituent's momentum along the beam
    assert_same(events, Events(turned), names, rtol=2e-6, atol=3e-4)
    assert_same(events, jets, ("jet_pt", "jet_eta", "jet_mass"), rtol=1e-6)
    np.testing.assert_array_equal(events["n_constituents"], counts)


def test_chunks(file: Path) -> None:
    assert_chunks(jetnet.scan, file, jetnet.read(file))


def test_the_31st_particle_is_left_out(tmp_path: Path) -> None:
    values = ak.Array([np.linspace(1, 0.1, 40), [1.0]])
    jets = dict.fromkeys(("jet_pt", "jet_eta", "jet_mass"), np.ones(2))
    jetnet.write(tmp_path / "x.hdf5", Events({**dict.fromkeys(RELATIVE, values), **jets}))
    assert jetnet.read(tmp_path / "x.hdf5")["n_constituents"].tolist() == [30, 1]


def test_nan_is_counted(tmp_path: Path) -> None:
    content = arrays()
    content["particle_features"][1, 0, 0] = np.nan
    content["particle_features"][2, 0, 0] = 1e6  # so far forward that the momentum overflows
    store(tmp_path / "x.hdf5", content)
    counts = count_nonfinite(jetnet.read(tmp_path / "x.hdf5").columns)
    assert counts["constituent_eta_rel"] == 1
    assert counts["constituent_pz"] == 2
    assert counts["constituent_px"] == 0


def test_truncated(file: Path) -> None:
    assert_truncated_is_said(file, jetnet.read)


@pytest.mark.parametrize(
    ("change", "kind", "match"),
    [
        ({"jet_features": None}, ColumnError, r"odd\.hdf5 has no data set 'jet_features'"),
        ({"jet_features": np.zeros((N, 3))}, InputError, r"\(60, 3\) of float64.*\(events, 4\)"),
        ({"jet_features": np.zeros((N - 1, 4))}, InputError, "different lengths"),
        ({"particle_features": np.zeros((N, 30, 3))}, InputError, r"\(events, any, 4\)"),
        ({"particle_features": np.zeros((N, 40, 4))}, InputError, "40 particles.* 30 or 150"),
        ({"particle_features": np.full((N, 30, 4), 0.5)}, InputError, "mask .* is 0.5 in 1800"),
        (
            {"particle_features": np.zeros((0, 30, 4)), "jet_features": np.zeros((0, 4))},
            InputError,
            "holds no events",
        ),
    ],
)
def test_mislabelled_and_wrongly_shaped(
    tmp_path: Path, change: dict[str, np.ndarray | None], kind: type[InputError], match: str
) -> None:
    content = {name: array for name, array in (arrays() | change).items() if array is not None}
    store(tmp_path / "odd.hdf5", content)
    with pytest.raises(kind, match=match):
        jetnet.read(tmp_path / "odd.hdf5")


def test_what_cannot_be_written(tmp_path: Path, jets: Events) -> None:
    path = tmp_path / "x.hdf5"
    with pytest.raises(DataError, match="no jets to write"):
        jetnet.write(path, [])
    with pytest.raises(DataError, match="30 or 150 particles per jet, not 20"):
        jetnet.write(path, jets, 20)  # type: ignore[arg-type]
    with pytest.raises(ColumnError, match="no column 'constituent_px'"):
        jetnet.write(path, Events({"jet_pt": np.ones(3)}))
    with pytest.raises(InputError, match="leave out 'jets'"):
        jetnet.write(path, jets)
        jetnet.read(f"{path}:jets")


def test_real_jets(tmp_path: Path, tops: Events) -> None:
    jetnet.write(tmp_path / "x.hdf5", tops, 150)
    events = jetnet.read(tmp_path / "x.hdf5")
    total = ak.to_numpy(ak.sum(events["constituent_px"], axis=1))
    np.testing.assert_allclose(total, tops["jet_pt"], rtol=1e-4)
    assert abs(np.median(events["jet_mass"][tops.label == 1]) - 173) < 5
