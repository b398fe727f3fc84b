"""Top pairs: partons that add up, and the detector beside them."""

from __future__ import annotations

from dataclasses import replace

import awkward as ak
import numpy as np
import pytest

from bycatch.events.simulate.chunk import make_rows
from bycatch.events.simulate.partons import into_frame
from bycatch.events.simulate.processes import find_process
from bycatch.kinematics.vectors import azimuth, delta_phi, mass

pytest.importorskip("pythia8mc")


def make(name, rows, seed=1):
    process = find_process(name)
    quick = replace(process, settings=(*process.settings, "PartonLevel:MPI = off"), batch=80)
    return make_rows(quick, rows, seed, (name, 0)).columns


def parton(columns, name):
    return np.stack([columns[f"parton_{name}_{c}"] for c in ("px", "py", "pz", "E")], axis=1)


@pytest.fixture(scope="module", params=["plus", "minus"])
def semileptonic(request):
    columns = make(f"ttbar_semileptonic_{request.param}", 25)
    return columns, 1 if request.param == "plus" else -1


@pytest.fixture(scope="module")
def hadronic():
    return make("ttbar_6q", 20)


def check_masses(columns, top, w):
    tops, bosons = (mass(*parton(columns, name).T) for name in (top, w))
    # Breit-Wigner: the median of 20 has an error of about 1.6 x width / sqrt(30).
    assert np.median(tops) == pytest.approx(172.5, abs=4.0 * 1.4 * 0.8 / np.sqrt(20) + 1.0)
    assert np.median(bosons) == pytest.approx(80.4, abs=4.0 * 2.1 * 0.8 / np.sqrt(20))


def test_semileptonic_partons_add_up(semileptonic):
    columns, _ = semileptonic
    for whole, parts in (
        ("t_lep", ("w_lep", "b_lep")),
        ("w_lep", ("lepton", "neutrino")),
        ("t_had", ("b_had", "q", "qbar")),
    ):
        total = sum(parton(columns, name) for name in parts)
        np.testing.assert_allclose(total, parton(columns, whole), atol=2e-3)
    check_masses(columns, "t_had", "w_had")
    check_masses(columns, "t_lep", "w_lep")


def test_detector_follows_the_partons(semileptonic):
    columns, sign = semileptonic
    true = parton(columns, "lepton")
    assert set(columns["lepton_charge"]) == {sign}
    assert np.all(columns["lepton_pt"] > 25.0)
    turn = delta_phi(azimuth(true[:, 0], true[:, 1]), columns["lepton_phi"])
    # Of 25 leptons a few come from a b quark or a photon was radiated.
    assert np.mean(np.abs(turn) < 0.05) > 0.8
    neutrino = parton(columns, "neutrino")
    near = np.abs(delta_phi(azimuth(neutrino[:, 0], neutrino[:, 1]), columns["met_phi"])) < 0.8
    assert near.mean() > 0.6


def test_semileptonic_selection(semileptonic):
    columns, _ = semileptonic
    assert set(columns) == set(find_process("ttbar_semileptonic").columns)
    assert ak.all(ak.num(columns["jet_pt"]) >= 4)
    assert ak.all(ak.sum(columns["jet_b_tag"], axis=1) >= 2)
    assert ak.all(columns["jet_pt"] > 25.0)
    assert ak.all(abs(columns["jet_eta"]) < 2.4)
    tagged = columns["jet_flavour"][columns["jet_b_tag"] == 1]
    assert ak.mean(tagged == 5) > 0.6


def test_both_signs_in_equal_parts():
    assert find_process("ttbar_semileptonic").mixture == {
        "ttbar_semileptonic_plus": 0.5,
        "ttbar_semileptonic_minus": 0.5,
    }


def test_six_quarks(hadronic):
    assert set(hadronic) == set(find_process("ttbar_6q").columns)
    assert ak.all(ak.num(hadronic["jet_pt"]) >= 6)
    for top, parts in (
        ("t", ("b", "q_plus", "qbar_plus")),
        ("tbar", ("bbar", "q_minus", "qbar_minus")),
    ):
        total = sum(parton(hadronic, name) for name in parts)
        np.testing.assert_allclose(total, parton(hadronic, top), atol=2e-3)
    check_masses(hadronic, "t", "w_plus")
    check_masses(hadronic, "tbar", "w_minus")


def test_products_follow_their_mother_into_another_frame():
    rng = np.random.default_rng(1)
    p = rng.normal(0.0, 50.0, (20, 2, 3))
    products = np.concatenate([p, np.linalg.norm(p, axis=-1, keepdims=True)], axis=-1)
    mother = products.sum(axis=1)
    m = mass(*mother.T)
    momentum = rng.normal(0.0, 100.0, (20, 3))
    energy = np.sqrt(np.square(momentum).sum(axis=1) + m**2)
    other = np.concatenate([momentum, energy[:, None]], axis=1)
    moved = into_frame(products, mother, other)
    np.testing.assert_allclose(moved.sum(axis=1), other, rtol=1e-9, atol=1e-7)
    np.testing.assert_allclose(mass(*moved.T).T, 0.0, atol=1e-4)
    np.testing.assert_allclose(into_frame(moved, other, mother), products, rtol=1e-8, atol=1e-7)
