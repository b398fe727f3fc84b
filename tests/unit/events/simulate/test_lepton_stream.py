"""The lepton stream: its trigger, its table, and the weighted generation of QCD."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from itertools import pairwise

import awkward as ak
import numpy as np
import pytest

from bycatch.errors import DataError
from bycatch.events.simulate import leptons_redecay
from bycatch.events.simulate.chunk import make_rows
from bycatch.events.simulate.generator import Generator
from bycatch.events.simulate.leptons import LEPTON_COLUMNS, PARTICLE_COLUMNS, true_leptons
from bycatch.events.simulate.leptons_redecay import (
    HEAVY,
    LIGHT,
    STABLE,
    Versions,
    _copies,
    pick_versions,
    redecay,
    start_decays,
)
from bycatch.events.simulate.leptons_table import PUBLISHED, acceptance_table
from bycatch.events.simulate.particles import final_state
from bycatch.events.simulate.process import Batch
from bycatch.events.simulate.processes import find_process
from bycatch.events.simulate.processes.lepton_stream import FRACTIONS, QCD_SETTINGS, select_qcd
from bycatch.events.simulate.tally import combine

pytest.importorskip("pythia8mc")

# Multiple interactions take most of the time and have no part in what is tested here.
FAST = ("PartonLevel:MPI = off",)
BEAUTY = ("Beams:eCM = 13000.", "HardQCD:hardbbbar = on", "PhaseSpace:pTHatMin = 20.", *FAST)


def fast(name, **changes):
    process = find_process(name)
    return replace(process, settings=process.settings + FAST, **changes)


def make_batch(settings, n_events, seed, setup=None):
    generator = Generator(settings, seed, setup)
    record, info, weight = generator.batch(n_events)
    rng = np.random.default_rng(seed)
    return Batch(record, info, weight, rng, generator.table, generator.shared), generator


@pytest.fixture(scope="module")
def w_rows():
    return make_rows(fast("w_lepton_particles"), 80, 1, ("w", 0))


def test_every_event_has_an_isolated_trigger_lepton(w_rows):
    columns = w_rows.columns
    hardest = []
    for name in ("electron", "muon"):
        total = sum(columns[f"{name}_iso_{part}"] for part in ("charged", "neutral", "photon"))
        assert ak.all(total < 0.45)
        pt = columns[f"{name}_pt"]
        assert ak.all(pt[:, :-1] >= pt[:, 1:])
        hardest.append(ak.to_numpy(ak.fill_none(ak.max(pt, axis=1), 0.0)))
    assert np.all(np.maximum(*hardest) > 23.0)
    assert ak.all(abs(columns["muon_eta"]) < 2.1)
    assert ak.all(abs(columns["electron_eta"]) < 3.0)
    assert ak.all(abs(columns["jet_eta"]) < 4.0)


def test_columns_are_those_declared_and_candidates_add_up(w_rows):
    columns = w_rows.columns
    assert set(columns) == set(LEPTON_COLUMNS) | set(PARTICLE_COLUMNS)
    assert set(find_process("w_lepton").columns) == set(LEPTON_COLUMNS)
    kind = columns["particle_kind"]
    assert np.all(ak.to_numpy(ak.sum(kind == 0, axis=1)) <= columns["n_charged_hadrons"])
    assert np.all(ak.to_numpy(ak.sum(kind == 1, axis=1)) <= columns["n_neutral_hadrons"])
    assert ak.all(ak.num(columns["particle_pt"]) == ak.num(columns["particle_charge"]))
    assert ak.all(columns["particle_pt"] > 1.0)
    assert set(columns["process"]) == {0}
    assert set(columns["label"]) == {0}
    assert columns["electron_charge"].type.content.content.primitive == "int8"


def test_w_trigger_efficiency_lies_between_identification_and_acceptance(w_rows):
    numbers = combine(list(w_rows.tallies.values()))
    inside, _ = numbers["counts"]["in_acceptance"]
    taken, error = numbers["counts"]["triggered_in_acceptance"]
    # Track, identification: from 0.90 x 0.85 (electrons, forward) to 0.95 x 0.97 (muons).
    assert 0.74 - 4.0 * error / inside < taken / inside < 0.93 + 4.0 * error / inside


def test_same_seed_same_rows():
    process = fast("w_lepton", batch=50)
    first, second = (make_rows(process, 10, 5, ("w", 0)).columns for _ in range(2))
    for name, values in first.items():
        assert ak.array_equal(values, second[name]), name


def test_mixture_has_the_fractions_of_the_lecture():
    process = find_process("lepton_stream")
    assert process.mixture == FRACTIONS
    assert sum(FRACTIONS.values()) == pytest.approx(1.0)
    assert FRACTIONS["qcd_lepton"] == 0.338
    for name in process.mixture:
        part = find_process(name)
        assert set(part.columns) == set(LEPTON_COLUMNS)
        assert part.label == 0


@pytest.mark.parametrize("name", ["a_4l", "lq_btau", "h0_tautau", "hplus_taunu"])
def test_benchmarks_are_signals_that_pythia_accepts(name):
    process = fast(name, batch=50)
    rows = make_rows(process, 2, 1, (name, 0))
    assert set(rows.columns["label"]) == {1}
    assert len(set(rows.columns["process"])) == 1
    assert name in PUBLISHED


def test_table_names_both_numbers():
    part = {
        "counts": {"in_acceptance": (0.3, 0.01), "triggered_in_acceptance": (0.24, 0.01)},
        "acceptance": 0.25,
        "acceptance_error": 0.01,
        "cross_section_pb": 4.4e4,
        "n_accepted": 99,
        "effective_accepted": 60.4,
    }
    lines = acceptance_table({"parts": {"w_lepton": part, "a_4l_particles": part}}).splitlines()
    assert len(lines) == 4
    # 24/30: error from (1 - 2 r) 0.01^2 + r^2 0.01^2 with r = 0.8, over 0.3.
    expected = "W | 30 +- 1 55.6 | 80 +- 0.7 68 | 25 +- 1 38 | 44 58 | 99 60"
    assert lines[2].split() == expected.split()
    assert lines[3].startswith("A -> 4l")
    assert lines[3].split("|")[-2].split()[-1] == "-"
    assert len({line.count("|") for line in (lines[0], *lines[2:])}) == 1


def leading(particles):
    """Return the hardest true electron or muon in acceptance per event; 0 without one."""
    size = abs(particles.id)
    pt = np.hypot(particles.px, particles.py)
    eta = np.arcsinh(particles.pz / pt)
    good = ((size == 11) & (abs(eta) < 3.0)) | ((size == 13) & (abs(eta) < 2.1))
    return ak.to_numpy(ak.fill_none(ak.max(pt[good], axis=1), 0.0))


def test_weighted_and_plain_generation_agree():
    edges = np.array([5.0, 8.0, 12.0, 20.0, np.inf])
    plain, generator = make_batch(BEAUTY, 2000, 1)
    hardest = leading(final_state(plain))
    n = len(hardest)
    expected = np.histogram(hardest, edges)[0] / n
    expected_error = np.sqrt(expected * (1.0 - expected) / n)
    bias = ("Selection = on", "SelectionPow = 2.", "SelectionRef = 20.")
    settings = (*BEAUTY, *STABLE, *(f"PhaseSpace:bias2{line}" for line in bias))
    weighted, other = make_batch(settings, 500, 2, start_decays)
    versions = redecay(weighted, 6, pt_min=5.0)
    pt = leading(versions.particles)
    share = np.stack([versions.share((pt >= a) & (pt < b)) for a, b in pairwise(edges)])
    w = weighted.weight
    assert w.std() > 0.2
    got = share @ w / w.sum()
    error = np.sqrt(np.square((share - got[:, None]) * w).sum(axis=1)) / w.sum()
    assert np.all(error < 0.7 * expected)
    pull = (got - expected) / np.hypot(error, expected_error)
    assert np.all(np.abs(pull) < 4.0), pull
    total = (got.sum() - expected.sum()) / np.hypot(
        np.sqrt(np.square((share.sum(axis=0) - got.sum()) * w).sum()) / w.sum(),
        np.sqrt(expected.sum() / n),
    )
    assert abs(total) < 4.0
    a, b = generator.cross_section(), other.cross_section()
    assert abs(a.value - b.value) < 4.0 * np.hypot(a.error, b.error)


def test_versions_keep_charge_and_have_their_leptons():
    batch, _ = make_batch((*BEAUTY, *STABLE), 120, 3, start_decays)
    versions = redecay(batch, 10, pt_min=8.0)
    assert len(versions.event) > 20
    assert np.all(np.diff(versions.event) >= 0)
    assert np.all(true_leptons(versions.particles, 8.0))
    # Neutrinos and what was not decayed carry no charge away.
    before = ak.to_numpy(ak.sum(final_state(batch).charge, axis=1))
    after = ak.to_numpy(ak.sum(versions.particles.charge, axis=1))
    np.testing.assert_array_equal(after, before[versions.event])
    left = np.abs(ak.to_numpy(ak.flatten(versions.particles.id)))
    assert not np.isin(left, (*HEAVY, *LIGHT)).any()
    energy = ak.to_numpy(ak.sum(versions.particles.E, axis=1))
    assert np.all(energy <= 13000.0 * (1.0 + 1e-6))


# All pi0 decay to e e gamma, and b and c hadrons not at all, so that every lepton is of a pi0.
DALITZ = ("111:onMode = off", "111:onIfAny = 11")
ONLY_PI0 = (*(f"{code}:mayDecay = off" for code in HEAVY), *DALITZ)


def decay_pi0(pythia, seed):
    decayer = start_decays(pythia, seed)
    for line in ONLY_PI0:
        assert decayer.readString(line)
    assert decayer.init()
    return decayer


def test_leptons_of_light_mesons_have_the_rate_of_plain_generation():
    gluons = ("Beams:eCM = 13000.", "HardQCD:gg2gg = on", "PhaseSpace:pTHatMin = 20.", *FAST)
    plain, _ = make_batch((*gluons, *ONLY_PI0), 500, 5)
    hard = leading(final_state(plain)) > 5.0
    rate = hard.mean()
    batch, _ = make_batch((*gluons, *STABLE), 500, 6, decay_pi0)
    versions = redecay(batch, 40, pt_min=5.0)
    share = versions.share(leading(versions.particles) > 5.0)
    assert hard.sum() > 16
    error = np.hypot(hard.std(), share.std()) / np.sqrt(500)
    assert abs(share.mean() - rate) < 4.0 * error


def test_versions_beyond_the_most_are_drawn_without_bias(monkeypatch):
    shares = []
    for most in (2, 10_000):
        monkeypatch.setattr(leptons_redecay, "MOST", most)
        batch, _ = make_batch((*BEAUTY, *STABLE), 150, 7, start_decays)
        versions = redecay(batch, 60, pt_min=4.0)
        assert np.bincount(versions.event).max() <= most
        hard = leading(versions.particles) > 7.0  # another cut than the one of the drawing
        shares.append(versions.share(hard))
    drawn, all_of_them = shares
    assert np.bincount(versions.event).max() > 2
    difference = drawn - all_of_them  # of the same events, decayed anew
    assert np.count_nonzero(difference) > 10
    assert abs(difference.mean()) < 4.0 * difference.std() / np.sqrt(len(difference))


def test_events_are_decayed_most_where_a_lepton_can_be_isolated():
    def particles(rows):
        px, eta, code = np.array(rows, dtype=float).T
        fields = {"px": px, "py": 0.0 * px, "pz": px * np.sinh(eta), "E": px * np.cosh(eta)}
        return ak.zip(fields | {"id": code.astype(int)})

    beauty, pion, jet = (40.0, 1.0, 511), (40.0, 1.0, 111), (21.0, 1.2, 211)
    far = (100.0, -1.0, 211)
    events = [[beauty, far], [beauty, jet], [pion, far], [pion, jet], [far]]
    events.append([beauty, jet, (30.0, -2.0, 111)])
    stable = ak.Array([particles(rows) for rows in events])
    hard = stable[(stable.id == 511) | (stable.id == 111)]
    np.testing.assert_array_equal(_copies(stable, hard, 400), [400, 20, 40, 20, 1, 40])


def test_no_event_with_a_lepton_gives_no_version():
    batch, _ = make_batch((*BEAUTY, *STABLE), 20, 4, start_decays)
    versions = redecay(batch, 1, pt_min=500.0)
    assert len(versions.event) == 0
    assert len(versions.particles) == 0
    assert np.all(versions.share(np.zeros(0, bool)) == 0.0)


def test_one_version_of_each_accepted_event_is_picked_at_random():
    event = np.repeat(np.arange(300), 4)
    versions = Versions(None, event, np.full(301, 8))
    accepted = np.tile([False, True, True, False], 300)
    accepted[:4] = False
    rows = pick_versions(versions, accepted, np.random.default_rng(1))
    np.testing.assert_array_equal(versions.event[rows], np.arange(1, 300))
    assert np.all(accepted[rows])
    assert abs(np.mean(rows % 4 == 1) - 0.5) < 4.0 * 0.5 / np.sqrt(299)
    np.testing.assert_allclose(versions.share(accepted), [0.0] + [0.25] * 299 + [0.0])


def test_qcd_rows_carry_the_accepted_share():
    settings = [line for line in QCD_SETTINGS if not line.startswith("HardQCD")]
    process = replace(
        find_process("qcd_lepton"),
        settings=(*settings, "HardQCD:hardbbbar = on", *FAST),
        select=partial(select_qcd, copies=40),
    )
    rows = make_rows(process, 6, 1, ("qcd", 0))
    (tally,) = rows.tallies.values()
    weight = rows.columns["weight"]
    assert len(set(weight)) == 6
    # All but the last row enter the tally, which the column repeats up to its constant.
    ratio = tally.accepted / weight[:5].sum()
    assert ratio == pytest.approx(1.2e-3, rel=1e-9)
    assert tally.n_accepted == 5
    kish = np.square(weight[:5].sum()) / np.square(weight[:5]).sum()
    assert combine([tally])["effective_accepted"] == pytest.approx(kish)
    assert 0.0 < tally.counts["triggered_in_acceptance"] <= tally.counts["in_acceptance"]


def test_tries_are_limited():
    process = fast("hplus_taunu", batch=20, max_tries=20)
    with pytest.raises(DataError, match="of 1000 rows in 20 generated"):
        make_rows(process, 1000, 1, ("h", 0))
