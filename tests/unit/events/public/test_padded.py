from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from layout_checks import assert_chunks, assert_same, assert_truncated_is_said

from bycatch.errors import ColumnError, DataError, InputError
from bycatch.events import Events, count_nonfinite
from bycatch.events.public import padded

CONSTITUENTS = tuple(f"constituent_{name}" for name in ("px", "py", "pz", "E"))


@pytest.fixture
def file(tmp_path: Path, jets: Events) -> Path:
    path = tmp_path / "jets.npz"
    padded.write(path, [jets.select(np.arange(20)), jets.select(np.arange(20, len(jets)))])
    return path


def arrays(file: Path) -> dict[str, np.ndarray]:
    with np.load(file, allow_pickle=False) as content:
        return dict(content)


def test_written_and_read(file: Path, jets: Events) -> None:
    events = padded.read(file)
    assert_same(events, jets, CONSTITUENTS)
    assert_same(events, jets, ("jet_pt", "jet_eta", "jet_phi", "jet_mass"), rtol=1e-9, atol=1e-4)
    np.testing.assert_array_equal(events.label, jets.label)
    assert_chunks(padded.scan, file, events)


def test_the_arrays(file: Path, jets: Events) -> None:
    content = arrays(file)
    assert {name: (a.shape, a.dtype.str) for name, a in content.items()} == {
        "constituents": ((len(jets), 128, 4), "<f4"),
        "mask": ((len(jets), 128), "|b1"),
        "label": ((len(jets),), "|i1"),
    }
    assert content["mask"].sum() == sum(len(row) for row in jets["constituent_E"])
    assert content["constituents"][3, 0, 3] == jets["constituent_E"][3, 0]
    assert not content["constituents"][~content["mask"]].any()


def test_damaged(file: Path) -> None:
    assert_truncated_is_said(file, padded.read)


@pytest.mark.parametrize(
    ("change", "kind", "match"),
    [
        ({"label": None}, ColumnError, r"odd\.npz has no column 'label'"),
        ({"label": np.full(60, 2)}, InputError, r"'label' of .*odd\.npz is 2 in 60 of 60 rows"),
        ({"mask": np.zeros((60, 128), bool)}, InputError, "constituents that are not zero"),
        (
            {"constituents": np.zeros((60, 128, 3))},
            InputError,
            r"\(60, 128, 3\).*\(jets, width, 4\)",
        ),
        ({"mask": np.zeros((60, 64), bool)}, InputError, r"'mask' \(60, 64\)"),
        ({"constituents": np.full((60, 128, 4), "a")}, InputError, "save them as numbers"),
        ({"constituents": np.zeros((0, 128, 4))}, InputError, "holds no events"),
        ({"label": np.zeros(50)}, InputError, "different lengths"),
    ],
)
def test_mislabelled_and_wrongly_shaped(
    tmp_path: Path,
    file: Path,
    change: dict[str, np.ndarray | None],
    kind: type[InputError],
    match: str,
) -> None:
    content = {name: array for name, array in (arrays(file) | change).items() if array is not None}
    np.savez(tmp_path / "odd.npz", **content)
    with pytest.raises(kind, match=match):
        padded.read(tmp_path / "odd.npz")


def test_nan_is_counted(tmp_path: Path, file: Path) -> None:
    content = arrays(file)
    content["constituents"][2, 0, :] = np.nan
    np.savez(tmp_path / "nan.npz", **content)
    counts = count_nonfinite(padded.read(tmp_path / "nan.npz").columns)
    assert counts["constituent_pz"] == 1
    assert counts["jet_mass"] == 1
    assert counts["label"] == 0


def test_no_jets_to_write(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no jets to write"):
        padded.write(tmp_path / "x.npz", [])


def test_real_quark_and_gluon_jets(shared_data: Path, tmp_path: Path) -> None:
    events = padded.read(shared_data / "jets" / "quark_gluon_2k.npz")
    assert len(events) == 2000
    assert 499 < events["jet_pt"].min() < events["jet_pt"].max() < 551
    counts = np.array([len(row) for row in events["constituent_E"]])
    more = counts[events.label == 0].mean() - counts[events.label == 1].mean()
    # gluons (0) radiate more than quarks (1); ten standard errors of the difference
    assert more > 10 * np.sqrt(2 * counts.var() / 1000)
    padded.write(tmp_path / "x.npz", events)
    assert_same(padded.read(tmp_path / "x.npz"), events, CONSTITUENTS)
