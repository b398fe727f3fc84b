from __future__ import annotations

from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np
import pytest
import uproot
from layout_checks import assert_chunks, assert_same, assert_truncated_is_said

from bycatch.errors import ColumnError, DataError, InputError
from bycatch.events import Events, count_nonfinite
from bycatch.events.public import jetclass

CONSTITUENTS = tuple(f"constituent_{name}" for name in ("px", "py", "pz", "E"))


@pytest.fixture
def classed(jets: Events) -> Events:
    number = np.arange(len(jets)) % 10
    extra = {
        "constituent_d0": jets["constituent_px"] * 0.5,
        "jet_softdrop_mass": np.arange(len(jets)) * 1.5,
        "jet_tau3": np.full(len(jets), 0.25),
        "truth_pid": np.full(len(jets), 25.0),
    }
    return Events({**jets.columns, **extra, "jet_class": number}, label=number > 0)


@pytest.fixture
def file(tmp_path: Path, classed: Events) -> Path:
    path = tmp_path / "HToBB_000.root"
    jetclass.write(path, [classed.select(np.arange(25)), classed.select(np.arange(25, 60))])
    return path


def branches(file: Path) -> dict[str, Any]:
    with uproot.open(file) as opened:
        content = opened["tree"].arrays()
        return {name: content[name] for name in content.fields if name != "npart"}


def store(path: Path, content: dict[str, Any]) -> Path:
    with uproot.recreate(path) as file:
        file.mktree("tree", {name: ak.type(v).content for name, v in content.items()})
        file["tree"].extend(content)
    return path


def test_written_and_read(file: Path, classed: Events) -> None:
    events = jetclass.read(file)
    same = ("constituent_charge", "constituent_kind", "constituent_d0", "jet_class")
    assert_same(events, classed, (*CONSTITUENTS, *same, "jet_softdrop_mass", "jet_tau3"))
    assert_same(events, classed, ("jet_pt", "jet_eta", "jet_phi"), rtol=1e-6)
    assert_same(events, classed, ("jet_mass",), rtol=1e-9, atol=1e-4)
    np.testing.assert_array_equal(events.label, classed["jet_class"] > 0)
    np.testing.assert_array_equal(events["n_constituents"], ak.num(classed["constituent_E"]))
    np.testing.assert_allclose(events["jet_E"], ak.sum(classed["constituent_E"], axis=1), rtol=1e-6)
    assert_chunks(jetclass.scan, file, events)


def test_uproot_reads_the_public_branches(file: Path, classed: Events) -> None:
    with uproot.open(file) as opened:
        types = {name: branch.typename for name, branch in opened["tree"].items()}
    assert types["label_QCD"] == "float"
    assert types["label_Hbb"] == types["label_Hqql"] == "bool"
    assert types["label_Zqq"] == types["label_Tbl"] == "int32_t"
    assert types["part_energy"] == types["part_d0val"] == "float[]"
    assert types["part_isMuon"] == "int32_t[]"
    content = branches(file)
    assert content["part_energy"][3, 0] == classed["constituent_E"][3, 0]
    np.testing.assert_array_equal(content["label_Tbqq"], classed["jet_class"] == 8)
    np.testing.assert_array_equal(content["jet_sdmass"], np.arange(60) * 1.5)
    px, py, pz = (content[f"part_{name}"] for name in ("px", "py", "pz"))
    sign = np.where(content["jet_eta"] > 0, 1, -1)
    deta = (np.arcsinh(pz / np.hypot(px, py)) - content["jet_eta"]) * sign
    assert ak.max(abs(deta - content["part_deta"])) < 1e-5
    turned = np.arctan2(py, px) - content["part_dphi"] - content["jet_phi"]
    assert ak.max(abs(np.sin(turned / 2))) < 1e-5
    assert ak.max(abs(content["part_dphi"])) <= np.float32(np.pi)


def test_least_columns(tmp_path: Path, jets: Events) -> None:
    names = (*CONSTITUENTS, "jet_pt", "jet_eta", "jet_phi")
    least = {name: jets[name] for name in names} | {"jet_class": np.zeros(len(jets))}
    jetclass.write(tmp_path / "x.root", Events(least))
    events = jetclass.read(tmp_path / "x.root")
    assert_same(events, jets, CONSTITUENTS)
    assert "constituent_kind" not in events.columns
    assert not events.label.any()  # type: ignore[union-attr]


def test_nan_is_counted(tmp_path: Path, file: Path) -> None:
    content = branches(file)
    content["part_px"] = ak.where(
        ak.local_index(content["part_px"]) == 0, np.nan, content["part_px"]
    )
    counts = count_nonfinite(jetclass.read(store(tmp_path / "x.root", content)).columns)
    assert counts["constituent_px"] == 60
    assert counts["jet_mass"] == 60
    assert counts["constituent_py"] == 0


def test_truncated(file: Path) -> None:
    assert_truncated_is_said(file, jetclass.read)


def test_mislabelled(tmp_path: Path, file: Path) -> None:
    content, path = branches(file), tmp_path / "odd.root"
    renamed = {("label_Hb" if name == "label_Hbb" else name): v for name, v in content.items()}
    with pytest.raises(ColumnError, match=r"odd\.root has no column 'label_Hbb'.*'label_Hb'"):
        jetclass.read(store(path, renamed))
    with pytest.raises(InputError, match=r"60 jets of .*odd\.root are not of exactly one class"):
        jetclass.read(store(path, content | {"label_Tbl": content["label_Tbl"] + 2}))
    some = {name: v for name, v in content.items() if name != "part_isMuon"}
    with pytest.raises(ColumnError, match="no column 'part_isMuon'"):
        jetclass.read(store(path, some))
    every = dict.fromkeys((f"part_{name}" for name in jetclass.KINDS), content["part_isMuon"])
    with pytest.raises(InputError, match="constituents of two kinds at once"):
        jetclass.read(store(path, content | every))
    with pytest.raises(InputError, match=r"'part_charge' of .* is 7 in "):
        jetclass.read(store(path, content | {"part_charge": content["part_charge"] * 0 + 7}))


def test_wrongly_shaped(tmp_path: Path, file: Path) -> None:
    content, path = branches(file), tmp_path / "odd.root"
    with pytest.raises(InputError, match=r"Branch 'part_px' of .* has one number per jet"):
        jetclass.read(store(path, content | {"part_px": content["jet_pt"]}))
    with pytest.raises(InputError, match=r"Branch 'jet_pt' of .* has a list per jet"):
        jetclass.read(store(path, content | {"jet_pt": content["part_px"]}))
    with pytest.raises(InputError, match="different numbers of constituents in 60 jets"):
        jetclass.read(store(path, content | {"part_charge": content["part_charge"][:, 1:]}))
    with pytest.raises(InputError, match="holds no events"):
        jetclass.read(store(path, {name: values[:0] for name, values in content.items()}))


def test_a_constituent_of_no_kind(tmp_path: Path, file: Path) -> None:
    content = branches(file)
    none = dict.fromkeys((f"part_{name}" for name in jetclass.KINDS), content["part_isMuon"] * 0)
    kinds = jetclass.read(store(tmp_path / "x.root", content | none))["constituent_kind"]
    assert set(ak.to_numpy(ak.flatten(kinds))) == {-1}


def test_what_cannot_be_written(tmp_path: Path, jets: Events, classed: Events) -> None:
    path = tmp_path / "x.root"
    with pytest.raises(DataError, match="no jets to write"):
        jetclass.write(path, [])
    with pytest.raises(ColumnError, match="no column 'jet_class'"):
        jetclass.write(path, jets)
    with pytest.raises(DataError, match="jet_class has to be 0 to 9"):
        jetclass.write(path, Events({**jets.columns, "jet_class": np.full(60, 10)}))
    fewer = {name: v for name, v in classed.columns.items() if name != "jet_tau3"}
    with pytest.raises(DataError, match=r"different columns; they differ in \['jet_tau3'\]"):
        jetclass.write(path, [classed, Events(fewer)])
    assert not path.exists()


def test_real_jets(tmp_path: Path, tops: Events) -> None:
    number = np.where(tops.label == 1, jetclass.CLASSES.index("Tbqq"), 0)
    jetclass.write(tmp_path / "x.root", Events({**tops.columns, "jet_class": number}))
    events = jetclass.read(tmp_path / "x.root")
    assert_same(events, tops, CONSTITUENTS)
    np.testing.assert_array_equal(events.label, tops.label)
    assert_same(events, tops, ("jet_mass",), atol=1e-6)
    assert ak.max(abs(events["constituent_deta"])) < 1.2  # R = 0.8, by rapidity
