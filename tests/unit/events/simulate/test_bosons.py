"""Z + jets at both levels, and ZW with and without initial-state radiation."""

from __future__ import annotations

from dataclasses import replace

import awkward as ak
import numpy as np
import pytest

from bycatch.events.simulate.chunk import make_rows
from bycatch.events.simulate.processes import find_process
from bycatch.kinematics.vectors import cartesian, invariant_mass

pytest.importorskip("pythia8mc")


def make(name, rows, *settings):
    process = find_process(name)
    quick = replace(process, settings=process.settings + settings, batch=100)
    return make_rows(quick, rows, 1, (name, 0)).columns


@pytest.fixture(scope="module")
def zjets():
    return make("zjets", 40, "PartonLevel:MPI = off")


@pytest.fixture(scope="module")
def zw():
    return {name: make(name, 25) for name in ("zw_lljj", "zw_lljj_no_isr")}


@pytest.mark.parametrize("prefix", ["true_", ""])
def test_jets_are_their_constituents(zjets, prefix):
    parts = {k: zjets[f"{prefix}constituent_{k}"] for k in ("px", "py", "pz", "E")}
    px, py = (ak.to_numpy(ak.sum(parts[name], axis=1)) for name in ("px", "py"))
    np.testing.assert_allclose(np.hypot(px, py), zjets[f"{prefix}jet_pt"], rtol=1e-4)
    pt = np.hypot(parts["px"], parts["py"])
    assert ak.all(pt[:, :-1] >= pt[:, 1:])
    kind, charge = (zjets[f"{prefix}constituent_{name}"] for name in ("kind", "charge"))
    assert ak.all((charge != 0) == ((kind == 0) | (kind == 3) | (kind == 4)))


def test_levels_agree_within_the_resolution(zjets):
    assert set(zjets) == set(find_process("zjets_tune2").columns)
    assert np.all(zjets["z_pt"] > 200.0)
    ratio = zjets["jet_pt"] / zjets["true_jet_pt"]
    assert 0.8 < np.median(ratio) < 1.05
    # Particle flow without overlaps: tracks measure most of the jet, calorimeters the rest.
    assert 0.005 < np.subtract(*np.percentile(ratio, [84, 16])) / 2.0 < 0.25
    # The jets balance an invisible Z: what is missing is its momentum.
    missing = np.median(np.abs(zjets["met_pt"] / zjets["z_pt"] - 1.0))
    assert missing < 0.15


def test_tunes_differ_in_nothing_but_the_tune():
    first, second = (find_process(name).settings for name in ("zjets", "zjets_tune2"))
    assert [a for a, b in zip(first, second, strict=True) if a != b] == ["Tune:pp = 21"]


@pytest.mark.parametrize("name", ["zw_lljj", "zw_lljj_no_isr"])
def test_zw_masses_at_both_levels(zw, name):
    columns = zw[name]
    assert set(columns) == set(find_process(name).columns)
    four = {
        key: np.stack([columns[f"parton_{key}_{c}"] for c in ("px", "py", "pz", "E")], axis=1)
        for key in ("lepton_minus", "lepton_plus", "q", "qbar")
    }
    for pair, nominal, width in (
        (("lepton_minus", "lepton_plus"), 91.19, 2.5),
        (("q", "qbar"), 80.4, 2.1),
    ):
        stack = np.stack([four[key] for key in pair], axis=1)
        masses = invariant_mass(*np.moveaxis(stack, -1, 0))
        # The median of n Breit-Wigner masses has the error pi / 4 x width / sqrt(n).
        assert abs(np.median(masses) - nominal) < 4.0 * np.pi / 4.0 * width / np.sqrt(25) + 0.3
    seen = [
        cartesian(*(columns[f"lepton_{sign}_{k}"] for k in ("pt", "eta", "phi")), 0.0)
        for sign in ("minus", "plus")
    ]
    masses = invariant_mass(*(np.stack(pair, axis=1) for pair in zip(*seen, strict=True)))
    assert abs(np.median(masses) - 91.2) < 4.0
    assert ak.all(ak.num(columns["jet_pt"]) >= 2)


def test_only_initial_state_radiation_moves_the_pair(zw):
    recoil = {}
    for name, columns in zw.items():
        total = [
            sum(
                columns[f"parton_{key}_{c}"] for key in ("lepton_minus", "lepton_plus", "q", "qbar")
            )
            for c in ("px", "py")
        ]
        recoil[name] = np.median(np.hypot(*total))
    # Without radiation only the intrinsic motion of quarks in the proton is left, about 2 GeV.
    assert recoil["zw_lljj_no_isr"] < 6.0 < recoil["zw_lljj"]
