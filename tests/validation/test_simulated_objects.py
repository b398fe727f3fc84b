"""Simulated objects against known masses and edges, and against the features made of them."""

from __future__ import annotations

from dataclasses import replace

import awkward as ak
import numpy as np
import pytest

from bycatch.events.simulate.chunk import make_rows
from bycatch.events.simulate.detector import FULL, detect
from bycatch.events.simulate.generator import Generator
from bycatch.events.simulate.particles import final_state
from bycatch.events.simulate.process import Batch
from bycatch.events.simulate.processes import find_process
from bycatch.events.table import Events
from bycatch.kinematics.vectors import cartesian, invariant_mass
from bycatch.represent.lepton_stream import FEATURES, lepton_stream_features

pytest.importorskip("pythia8mc")

FAST = ("PartonLevel:MPI = off",)


def make(name, rows, *settings):
    process = find_process(name)
    quick = replace(process, settings=(*process.settings, *FAST, *settings), batch=100)
    return make_rows(quick, rows, 1, (name, 0)).columns


def features(columns):
    label = columns["label"]
    made = lepton_stream_features(Events(columns, label=label))
    return dict(zip(FEATURES, np.asarray(made.values).T, strict=True))


@pytest.fixture(scope="module")
def w_features():
    return features(make("w_lepton", 150))


def test_z_mass_of_muons_and_electrons():
    columns = make("z_lepton", 80, "PhaseSpace:mHatMin = 60.")
    for name, mass in (("muon", 0.106), ("electron", 0.0)):
        pair = ak.num(columns[f"{name}_pt"]) == 2
        four = cartesian(*(columns[f"{name}_{k}"][pair] for k in ("pt", "eta", "phi")), mass)
        masses = ak.to_numpy(invariant_mass(*four))
        assert len(masses) >= 10
        # Median of Breit-Wigner (2.5) and resolution (about 1.5 % of each lepton) together.
        assert abs(np.median(masses) - 91.2) < 4.0 * 1.25 * 2.0 / np.sqrt(len(masses)) + 0.3


def test_w_transverse_mass_ends_at_the_w(w_features):
    m_t = w_features["m_t"]
    assert np.mean(m_t > 95.0) < 0.1
    assert 55.0 < np.median(m_t[m_t > 20.0]) < 80.0
    # The edge is at 80 GeV: 60 to 80 holds several times what 80 to 100 does.
    assert np.sum((m_t > 60.0) & (m_t < 80.0)) > 2.0 * np.sum((m_t > 80.0) & (m_t < 100.0))


def test_w_lepton_spectrum_has_its_peak_below_half_the_mass(w_features):
    pt = w_features["lepton_pt"]
    assert np.all(pt > 23.0)
    assert np.sum((pt > 30.0) & (pt < 42.0)) > 2.0 * np.sum((pt > 42.0) & (pt < 54.0))


def test_features_are_those_of_one_lepton(w_features):
    assert np.all(w_features["n_muons"] + w_features["n_electrons"] >= 1)
    isolation = sum(w_features[f"lepton_iso_{name}"] for name in ("charged", "neutral", "photon"))
    assert np.all(isolation < 0.45 + 1e-6)
    assert np.mean(w_features["n_b"]) < 0.2


def test_leptoquarks_have_their_mass():
    process = find_process("lq_btau")
    generator = Generator((*process.settings, *FAST, "HadronLevel:all = off"), 1)
    record, _, _ = generator.batch(200)
    code = abs(record.id)
    quarks, taus = record[code == 5], record[code == 15]
    one = quarks[record.id[quarks.mother1] == 42][:, 0], taus[record.id[taus.mother1] == 42][:, 0]
    four = [np.stack([ak.to_numpy(p.p[k]) for p in one], axis=1) for k in ("px", "py", "pz", "e")]
    assert np.median(invariant_mass(*four)) == pytest.approx(80.0, abs=0.5)


def test_missing_momentum_resolution_grows_in_simulated_events():
    settings = ("Beams:eCM = 13000.", "HardQCD:all = on", *FAST)
    spread, total = [], []
    for low in (30.0, 300.0):
        generator = Generator((*settings, f"PhaseSpace:pTHatMin = {low}"), 1)
        record, info, weight = generator.batch(250)
        batch = Batch(record, info, weight, np.random.default_rng(1), generator.table)
        true = final_state(batch, visible=True)
        inside = true[np.abs(np.arcsinh(true.pz / np.hypot(true.px, true.py))) < 4.9]
        seen = detect(true, FULL, batch.rng)
        difference = ak.to_numpy(ak.sum(seen.px, axis=1) - ak.sum(inside.px, axis=1))
        spread.append(np.subtract(*np.percentile(difference, [84, 16])) / 2.0)
        total.append(np.mean(ak.sum(np.hypot(inside.px, inside.py), axis=1)))
    growth = spread[1] / spread[0]
    # Between the root of the sum (calorimeters' noise) and the sum itself (constant terms).
    root = np.sqrt(total[1] / total[0])
    assert 0.6 * root < growth < 1.3 * root**2
