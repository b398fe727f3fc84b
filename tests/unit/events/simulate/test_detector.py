"""The detector answers as its module writes down."""

from __future__ import annotations

import awkward as ak
import numpy as np
import pytest

from bycatch.events.candidates import CHARGED_HADRON, ELECTRON, MUON, NEUTRAL_HADRON, PHOTON
from bycatch.events.simulate.detector import FULL, SMEARED, detect
from bycatch.kinematics.vectors import cartesian, pt_eta_phi_mass

N = 20_000
CODES = {
    "pion": (211, 1),
    "electron": (11, -1),
    "muon": (13, -1),
    "photon": (22, 0),
    "kaon": (130, 0),
}


def particles(name, pt, eta, n=N, per_event=10):
    """Return n equal particles with random azimuths, some in each event."""
    code, charge = CODES[name]
    phi = np.random.default_rng(3).uniform(-np.pi, np.pi, n)
    px, py, pz, energy = cartesian(np.full(n, pt), np.full(n, eta), phi, 0.0)
    flat = ak.zip({
        "px": px, "py": py, "pz": pz, "E": energy, "id": np.full(n, code, dtype=np.int32),
        "charge": np.full(n, charge, dtype=np.int8), "index": np.arange(n, dtype=np.int32),
    })  # fmt: skip
    return ak.unflatten(flat, np.full(n // per_event, per_event))


def response(name, pt, eta, detector=FULL, n=N):
    """Return the kinds that are seen and their energies over the true one."""
    made = particles(name, pt, eta, n)
    seen = ak.flatten(detect(made, detector, np.random.default_rng(5)))
    return ak.to_numpy(seen.kind), ak.to_numpy(seen.E) / float(made.E[0, 0])


def check_moments(ratio, sigma):
    """Mean 1 and width sigma, within 4.5 standard errors of a normal sample."""
    n = len(ratio)
    assert abs(ratio.mean() - 1.0) < 4.5 * sigma / np.sqrt(n)
    assert abs(ratio.std() / sigma - 1.0) < 4.5 / np.sqrt(2 * n)


@pytest.mark.parametrize(
    ("name", "pt", "eta", "kind", "sigma"),
    [
        ("pion", 100.0, 0.5, CHARGED_HADRON, np.hypot(0.01, 1e-4 * 100)),
        ("pion", 900.0, 2.0, CHARGED_HADRON, np.hypot(0.01, 1e-4 * 900)),
        ("muon", 50.0, -1.0, MUON, np.hypot(0.01, 1e-4 * 50)),
        ("photon", 40.0, 0.0, PHOTON, np.hypot(0.10 / np.sqrt(40), 0.01)),
        ("photon", 5.0, 4.0, PHOTON, np.hypot(0.28 / np.sqrt(5 * np.cosh(4.0)), 0.035)),
        ("electron", 40.0, 0.0, ELECTRON, np.hypot(0.10 / np.sqrt(40), 0.01)),
        ("kaon", 50.0, 0.0, NEUTRAL_HADRON, np.hypot(0.60 / np.sqrt(50), 0.05)),
        ("kaon", 10.0, 4.0, NEUTRAL_HADRON, np.hypot(1.00 / np.sqrt(10 * np.cosh(4.0)), 0.10)),
    ],
)
def test_resolutions_are_the_written_ones(name, pt, eta, kind, sigma):
    kinds, ratio = response(name, pt, eta)
    check_moments(ratio[kinds == kind], sigma)


@pytest.mark.parametrize(
    ("name", "pt", "eta", "kind", "lost_as", "efficiency"),
    [
        ("pion", 5.0, 0.5, CHARGED_HADRON, NEUTRAL_HADRON, 0.95),
        ("pion", 20.0, 2.0, CHARGED_HADRON, NEUTRAL_HADRON, 0.90),
        ("pion", 20.0, 2.6, CHARGED_HADRON, NEUTRAL_HADRON, 0.0),
        ("electron", 30.0, 1.0, ELECTRON, PHOTON, 0.95),
        ("electron", 30.0, -2.0, ELECTRON, PHOTON, 0.90),
        ("muon", 30.0, 1.0, MUON, None, 0.95),
        ("muon", 2.5, 1.0, MUON, None, 0.0),
        ("muon", 30.0, 2.6, MUON, None, 0.0),
    ],
)
def test_efficiencies_are_the_written_ones(name, pt, eta, kind, lost_as, efficiency):
    kinds, _ = response(name, pt, eta)
    found = np.count_nonzero(kinds == kind) / N
    assert abs(found - efficiency) <= 4.5 * np.sqrt(efficiency * (1.0 - efficiency) / N)
    others = set(kinds[kinds != kind])
    assert others == (set() if lost_as is None else {lost_as})


@pytest.mark.parametrize(("pt", "eta", "efficiency"), [(0.9, 1.0, 0.85), (0.9, 2.0, 0.75)])
def test_soft_tracks_are_found_more_seldom(pt, eta, efficiency):
    kinds, _ = response("pion", pt, eta)
    found = np.count_nonzero(kinds == CHARGED_HADRON) / N
    assert abs(found - efficiency) < 4.5 * np.sqrt(efficiency * (1.0 - efficiency) / N)


@pytest.mark.parametrize(
    ("name", "pt", "eta", "seen"),
    [
        ("photon", 0.3, 0.0, False),
        ("pion", 0.2, 0.0, False),
        ("photon", 50.0, 4.95, False),
        ("kaon", 50.0, -4.95, False),
        ("kaon", 50.0, -4.85, True),
    ],
)
def test_thresholds_and_the_end_of_the_detector(name, pt, eta, seen):
    # Far enough from the threshold on pT (8 sigma for the photon's 18 %) to be certain.
    detector = FULL if name != "photon" or pt > 1.0 else SMEARED
    made = particles(name, 0.05 if not seen and pt < 1.0 else pt, eta, 100)
    out = detect(made, detector, np.random.default_rng(1))
    assert bool(ak.any(ak.num(out) > 0)) is seen


def test_thresholds_act_on_the_smeared_pt():
    _, ratio = response("photon", 0.6, 0.0)
    assert ratio.min() * 0.6 > 0.5
    assert len(ratio) < N


def test_the_recipe_of_the_dijet_sample_loses_no_track_and_has_no_end_of_the_tracker():
    for name, eta in (("pion", 4.5), ("electron", 4.5), ("muon", -4.5)):
        kinds, ratio = response(name, 20.0, eta, SMEARED)
        assert len(kinds) == N
        assert set(kinds) == {{"pion": 0, "electron": ELECTRON, "muon": MUON}[name]}
        check_moments(ratio, np.hypot(0.01, 1e-4 * 20.0))


def test_directions_are_kept_and_energies_never_negative():
    made = particles("kaon", 1.0, 1.2)
    seen = detect(made, FULL, np.random.default_rng(8))
    flat = ak.flatten(seen)
    _, eta, phi, mass = pt_eta_phi_mass(flat.px, flat.py, flat.pz, flat.E)
    truth = ak.flatten(made)[ak.to_numpy(flat["index"])]
    _, eta0, phi0, _ = pt_eta_phi_mass(truth.px, truth.py, truth.pz, truth.E)
    np.testing.assert_allclose(eta, eta0, atol=1e-9)
    np.testing.assert_allclose(phi, phi0, atol=1e-9)
    assert np.all(ak.to_numpy(flat.E) > 0.0)
    assert np.all(ak.to_numpy(mass) < 1e-6)


def test_neutral_candidates_have_no_charge():
    kinds, _ = response("pion", 5.0, 2.0)
    seen = ak.flatten(detect(particles("pion", 5.0, 2.0), FULL, np.random.default_rng(5)))
    charge = ak.to_numpy(seen.charge)
    np.testing.assert_array_equal(charge[kinds == CHARGED_HADRON], 1)
    np.testing.assert_array_equal(charge[kinds == NEUTRAL_HADRON], 0)


def test_events_without_particles_stay_empty():
    made = particles("pion", 5.0, 0.0, 20)
    made = ak.concatenate([made[:1], made[:0], made[1:][:, :0]])
    out = detect(made, FULL, np.random.default_rng(0))
    assert len(out) == 2
    assert ak.num(out)[1] == 0


def test_particles_that_do_not_move_leave_no_nan():
    made = particles("pion", 1e-300, 0.0, 20)
    out = detect(made, FULL, np.random.default_rng(0))
    assert ak.sum(ak.num(out)) == 0


def test_the_same_stream_gives_the_same_candidates():
    made = particles("kaon", 5.0, 0.0, 200)
    a, b = (detect(made, FULL, np.random.default_rng(4)) for _ in range(2))
    assert ak.array_equal(a, b)
