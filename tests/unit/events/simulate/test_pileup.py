"""Overlaid collisions, the density that they leave, and matched jets."""

from __future__ import annotations

from dataclasses import replace

import awkward as ak
import numpy as np
import pytest

from bycatch.events.simulate.chunk import make_rows
from bycatch.events.simulate.processes import find_process, pileup
from bycatch.events.simulate.processes.pileup import overlay, pileup_density


def some_particles(rng, n_events, per_event):
    n = n_events * per_event
    px, py, pz = rng.normal(0.0, 3.0, (3, n))
    fields = {
        "px": px, "py": py, "pz": pz, "E": np.sqrt(px**2 + py**2 + pz**2),
        "id": np.full(n, 211), "charge": np.ones(n, np.int8),
        "index": np.arange(n, dtype=np.int32),
    }  # fmt: skip
    return ak.unflatten(ak.zip(fields), np.full(n_events, per_event))


def test_overlay_adds_poisson_many_turned_collisions():
    rng = np.random.default_rng(1)
    hard, pool = some_particles(rng, 400, 5), some_particles(rng, 7, 3)
    mixed, added = overlay(hard, pool, 12.0, rng)
    assert added.mean() == pytest.approx(12.0, abs=4.0 * np.sqrt(12.0 / 400))
    assert added.var() == pytest.approx(12.0, rel=4.0 * np.sqrt(2.2 / 400))
    np.testing.assert_array_equal(ak.to_numpy(ak.num(mixed)), 5 + 3 * added)
    assert ak.array_equal(mixed[:, :5].px, hard.px)
    extra = ak.flatten(mixed[mixed["index"] < 0])
    assert len(extra) == 3 * added.sum()
    true = np.sort(np.unique(np.round(np.hypot(*(ak.flatten(pool)[k] for k in ("px", "py"))), 6)))
    got = np.unique(np.round(ak.to_numpy(np.hypot(extra.px, extra.py)), 6))
    np.testing.assert_allclose(got, true, atol=2e-6)
    phi = np.arctan2(ak.to_numpy(extra.py), ak.to_numpy(extra.px))[::3]
    assert abs(np.mean(np.cos(phi))) < 4.0 / np.sqrt(2 * len(phi))
    assert abs(np.mean(extra.pz > 0) - 0.5) < 4.0 * 0.5 * np.sqrt(3.0 / len(extra))
    momentum = np.sqrt(extra.px**2 + extra.py**2 + extra.pz**2)
    assert np.allclose(extra.E, momentum)


def test_overlay_of_nothing():
    rng = np.random.default_rng(2)
    hard = some_particles(rng, 3, 2)
    mixed, added = overlay(hard, some_particles(rng, 2, 2), 0.0, rng)
    assert added.tolist() == [0, 0, 0]
    assert ak.num(mixed).to_list() == [2, 2, 2]


def test_density_of_an_even_event_ignores_jets():
    eta, phi = np.meshgrid(
        np.arange(-3.95, 4.0, 0.1), np.linspace(-np.pi, np.pi, 120, False) + 0.01
    )
    eta, phi = eta.ravel(), phi.ravel()
    pt = np.full(len(eta), 0.2)
    pt[:20] = 100.0
    fields = {"px": pt * np.cos(phi), "py": pt * np.sin(phi), "pz": pt * np.sinh(eta)}
    even = ak.unflatten(ak.zip(fields), [len(pt), 0])
    # 80 x 120 particles of 0.2 GeV over 8 units of eta and 2 pi.
    expected = 80 * 120 * 0.2 / (8.0 * 2.0 * np.pi)
    np.testing.assert_allclose(pileup_density(even), [expected, 0.0], rtol=1e-9)


@pytest.fixture(scope="module")
def rows():
    pytest.importorskip("pythia8mc")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pileup, "_POOL", 80)
        # Diffraction takes Pythia seconds to start with, and hardly fills the detector.
        patch.setattr(pileup, "_COLLISIONS", ("Beams:eCM = 13000.", "SoftQCD:nonDiffractive = on"))
        process = replace(find_process("pileup_jets"), batch=30)
        quick = replace(process, settings=(*process.settings, "PartonLevel:MPI = off"))
        return make_rows(quick, 100, 1, ("pileup", 0)).columns


def test_columns_and_window(rows):
    assert set(rows) == set(find_process("pileup_jets").columns)
    assert np.all(rows["pt_true"] > 15.0)
    assert np.all(np.abs(rows["eta_true"]) < 2.5)
    turn = np.angle(np.exp(1j * (rows["phi_reco"] - rows["phi_true"])))
    assert np.all(np.hypot(rows["eta_reco"] - rows["eta_true"], turn) < 0.3)
    assert abs(np.mean(rows["n_vertices"]) - 31.0) < 4.0 * np.sqrt(31.0 / 25)


def test_pileup_shifts_jets_by_density_times_area(rows):
    found = rows["pt_no_pileup"] > 0.0
    assert found.mean() > 0.9
    shift = (rows["pt_reco"] - rows["pt_no_pileup"])[found]
    expected = (rows["rho"] * np.pi * 0.4**2)[found]
    assert np.median(shift) > 4.0
    # The density varies within the event; medians of 100 jets agree to a third.
    assert np.median(shift) == pytest.approx(np.median(expected), rel=0.35)
    slope = np.corrcoef(rows["rho"], rows["n_vertices"])[0, 1]
    assert slope > 0.4


def test_more_pileup_in_the_other_processes():
    means = [find_process(name).select.keywords["mean"]
             for name in ("pileup_jets", "pileup_jets_60", "pileup_jets_140")]  # fmt: skip
    assert means == [30.0, 60.0, 140.0]
