"""Simulated jets show the masses they were made with; the di-jets are those of the sample."""

from __future__ import annotations

import dataclasses

import awkward as ak
import numpy as np
import pytest
from scipy.stats import ks_2samp

from bycatch.events import read
from bycatch.events.simulate import find_process
from bycatch.events.simulate.chunk import make_rows
from bycatch.events.simulate.generator import Generator
from bycatch.events.simulate.particles import final_state
from bycatch.events.simulate.process import Batch
from bycatch.events.simulate.tally import combine
from bycatch.kinematics.vectors import invariant_mass


def make(name, rows, *settings):
    """Return rows and numbers of a process, with more settings of Pythia."""
    process = find_process(name)
    process = dataclasses.replace(process, settings=(*process.settings, *settings))
    made = make_rows(process, rows, 20261201, (name, 0))
    return made.columns, combine([made.tallies[name]])


def constituents(columns):
    return ak.zip({name: columns[f"constituent_{name}"] for name in ("px", "py", "pz", "E")})


def smallest_pair_mass(columns):
    """Smallest mass of two of three exclusive kT subjets of each jet (FastJet)."""
    import fastjet

    particles = ak.values_astype(constituents(columns), np.float64)
    definition = fastjet.JetDefinition(fastjet.kt_algorithm, 1.0)
    three = fastjet.ClusterSequence(particles, definition).exclusive_jets(n_jets=3)
    pairs = ak.combinations(three, 2, fields=["a", "b"])
    px, py, pz, energy = (
        np.stack([ak.to_numpy(pairs.a[name]), ak.to_numpy(pairs.b[name])], axis=-1)
        for name in ("px", "py", "pz", "E")
    )
    return invariant_mass(px, py, pz, energy).min(axis=1)


@pytest.fixture(scope="module")
def tops():
    return make("top_jets", 120)[0]


# The error of a median is 1.25 sigma / sqrt(n); sigma from the quartiles (1.35 sigma apart).
def median_within(values, low, high):
    spread = np.subtract(*np.percentile(values, [75, 25])) / 1.35
    error = 4.0 * 1.25 * spread / np.sqrt(len(values))
    return low - error < np.median(values) < high + error


def test_top_jets_peak_at_the_top_mass(tops):
    mass = tops["jet_mass"]
    near = mass[np.abs(mass - 173.0) < 30.0]
    assert len(near) > 0.8 * len(mass)
    assert median_within(near, 171.0, 176.0)  # 173 GeV, with radiation in and out of R = 0.8


@pytest.mark.filterwarnings("ignore:dcut and exclusive jets:UserWarning")
def test_two_of_three_subjets_of_a_top_peak_at_the_w_mass(tops):
    pair = smallest_pair_mass(tops)
    near = pair[np.abs(pair - 80.0) < 25.0]
    assert len(near) > 0.45 * len(pair)
    assert median_within(near, 77.0, 84.0)


def test_jets_lie_in_their_window_and_are_sums_of_their_constituents(tops):
    assert np.all((tops["jet_pt"] >= 550.0) & (tops["jet_pt"] < 650.0))
    assert np.all(np.abs(tops["jet_eta"]) < 2.0)
    total = ak.values_astype(constituents(tops), np.float64)
    mass = invariant_mass(*(total[name] for name in ("px", "py", "pz", "E")))
    np.testing.assert_allclose(mass, tops["jet_mass"], rtol=1e-3)  # from single precision
    pt = np.hypot(total.px, total.py)
    assert ak.all(pt[:, 1:] <= pt[:, :-1] * (1.0 + 1e-6))


def test_the_wprime_gives_its_three_masses():
    columns, numbers = make("wprime_xy", 100)
    assert median_within(columns["mjj"], 3480.0, 3520.0)
    heavy, light = columns["jH_mass"], columns["jL_mass"]
    assert median_within(heavy[np.abs(heavy - 500.0) < 60.0], 495.0, 515.0)
    assert np.mean(np.abs(heavy - 500.0) < 60.0) > 0.5
    # R = 1.0 is wide for Y at 1.5 TeV: initial-state radiation and the underlying event add mass
    assert np.percentile(light, 20) == pytest.approx(104.0, abs=6.0)
    assert np.all(columns["label"] == 1)
    assert 0.6 < numbers["acceptance"] < 0.85


def test_the_dijet_recipe_is_that_of_the_projects_sample(shared_data):
    columns, _ = make("dijet", 100)
    sample = read(shared_data / "pythia/dijet_qcd.parquet")
    assert set(columns) == set(sample.columns)
    for name, values in columns.items():
        assert values.dtype == sample[name].dtype, name
    names = [name for name in columns if name != "label"]
    values = {name: ks_2samp(columns[name], sample[name]).pvalue for name in names}
    assert min(values.values()) > 0.001 / len(names), values


def test_gluino_jets_have_the_gluinos_mass():
    columns, _ = make("rpv_gluino", 25, "PartonLevel:MPI = off")
    assert median_within(columns["jet_mass"], 395.0, 420.0)


def generate(name, n_events):
    process = find_process(name)
    generator = Generator(process.settings, 7)
    record, info, weight = generator.batch(n_events)
    return Batch(record, info, weight, np.random.default_rng(1), generator.table)


def codes(particles):
    return np.abs(ak.to_numpy(ak.flatten(particles.id)))


@pytest.mark.parametrize(("name", "r_inv"), [("semivisible_jets", 0.75), ("dark_jets", 0.0)])
def test_the_invisible_share_of_dark_mesons(name, r_inv):
    batch = generate(name, 30)
    every = codes(batch.record)
    mesons = np.isin(every, (4900111, 4900113, 4900211, 4900213)).sum()
    pairs = np.count_nonzero(every == 51) / 2
    assert mesons > 150
    assert abs(pairs / mesons - r_inv) <= 4.5 * np.sqrt(r_inv * (1.0 - r_inv) / mesons)


def test_neutrinos_and_dark_matter_are_not_seen_but_carry_the_missing_momentum():
    batch = generate("semivisible_jets", 30)
    hidden = {12, 14, 16, 51}
    assert not hidden & set(codes(final_state(batch)))
    every = final_state(batch, visible=False)
    assert {12, 14, 51} <= set(codes(every))
    for name in ("px", "py"):  # the protons have none
        assert np.all(np.abs(ak.to_numpy(ak.sum(every[name], axis=1))) < 1e-3)
    energy = ak.to_numpy(ak.sum(every.E, axis=1))
    np.testing.assert_allclose(energy, 13000.0, rtol=1e-6)
