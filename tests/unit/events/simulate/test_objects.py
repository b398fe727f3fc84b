"""Objects from candidates, held against the written response and against loops."""

from __future__ import annotations

from types import SimpleNamespace

import awkward as ak
import numpy as np
import pytest

from bycatch.events.candidates import ELECTRON, MUON, PHOTON
from bycatch.events.simulate import objects
from bycatch.events.simulate.detector import FULL, detect
from bycatch.kinematics.vectors import cartesian


def make_candidates(pt, eta, phi, kind, counts, charge=None):
    px, py, pz, energy = cartesian(np.asarray(pt, float), np.asarray(eta), np.asarray(phi), 0.0)
    kind = np.asarray(kind, np.int8)
    charge = np.where(np.isin(kind, (1, 2)), 0, 1) if charge is None else charge
    fields = {"px": px, "py": py, "pz": pz, "E": energy, "charge": np.asarray(charge, np.int8),
              "kind": kind}  # fmt: skip
    return ak.unflatten(ak.zip(fields), np.asarray(counts))


def random_candidates(rng, n_events=40, mean=60):
    counts = rng.poisson(mean, n_events)
    n = counts.sum()
    return make_candidates(
        rng.exponential(5.0, n) + 0.3,
        rng.uniform(-2.0, 2.0, n),
        rng.uniform(-np.pi, np.pi, n),
        rng.integers(0, 5, n),
        counts,
    )


WRITTEN = [
    (ELECTRON, 12.0, 0.7, 0.75), (ELECTRON, 40.0, -0.7, 0.92), (ELECTRON, 12.0, 2.2, 0.65),
    (ELECTRON, 40.0, -2.9, 0.85), (ELECTRON, 40.0, 3.1, 0.0), (ELECTRON, 4.9, 0.0, 0.0),
    (MUON, 5.0, 0.3, 0.90), (MUON, 30.0, -2.0, 0.97), (MUON, 30.0, 2.2, 0.0),
    (MUON, 2.9, 0.0, 0.0), (PHOTON, 15.0, 0.1, 0.70), (PHOTON, 50.0, 0.1, 0.88),
    (PHOTON, 15.0, 2.0, 0.60), (PHOTON, 50.0, -2.0, 0.80), (PHOTON, 9.0, 0.0, 0.0),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "pt", "eta", "efficiency"), WRITTEN)
def test_identification_is_as_written(kind, pt, eta, efficiency):
    n = 4000
    rng = np.random.default_rng(kind)
    phi = rng.uniform(-np.pi, np.pi, n)
    alone = make_candidates(np.full(n, pt), np.full(n, eta), phi, np.full(n, kind), np.ones(n, int))
    found = objects.leptons(alone, kind, rng)
    share = ak.sum(ak.num(found)) / n
    assert abs(share - efficiency) <= 4.0 * np.sqrt(efficiency * (1.0 - efficiency) / n)
    assert np.allclose(ak.to_numpy(ak.flatten(found.pt)), pt)


def test_isolation_equals_loops():
    rng = np.random.default_rng(1)
    candidates = random_candidates(rng, 30, 40)
    everything = {kind: objects.Identification((9.0, 9.9), (0.0, 1.0), ((1.0,) * 2,) * 2)
                  for kind in (ELECTRON, MUON)}  # fmt: skip
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(objects, "IDENTIFICATION", everything)
        patch.setattr(objects, "ISOLATION", {ELECTRON: np.inf, MUON: np.inf})
        found = objects.leptons(candidates, ELECTRON, rng)
    assert ak.sum(ak.num(found)) > 150
    for event in range(len(candidates)):
        px, py, pz, kind = (
            ak.to_list(candidates[name][event]) for name in ("px", "py", "pz", "kind")
        )
        pt = np.hypot(px, py)
        eta, phi = np.arcsinh(pz / pt), np.arctan2(py, px)
        for lepton in ak.to_list(found[event]):
            sums = [0.0, 0.0, 0.0]
            for i in range(len(pt)):
                distance = np.hypot(
                    eta[i] - lepton["eta"], np.angle(np.exp(1j * (phi[i] - lepton["phi"])))
                )
                if i != lepton["index"] and distance < 0.4:
                    sums[{1: 1, 2: 2}.get(kind[i], 0)] += pt[i]
            got = [lepton[f"iso_{name}"] for name in ("charged", "neutral", "photon")]
            np.testing.assert_allclose(np.array(got) * lepton["pt"], sums, rtol=1e-6, atol=1e-9)


def test_isolated_objects_only_and_by_falling_pt():
    rng = np.random.default_rng(2)
    found = objects.leptons(random_candidates(rng, 200, 20), MUON, rng)
    total = found.iso_charged + found.iso_neutral + found.iso_photon
    assert ak.all(total < 0.45)
    assert ak.all(found.pt[:, :-1] >= found.pt[:, 1:])
    assert ak.any(ak.num(found) > 1)


def test_jets_leave_out_the_leptons_and_name_their_constituents():
    rng = np.random.default_rng(3)
    candidates = random_candidates(rng, 60, 80)
    muons = objects.leptons(candidates, MUON, rng)
    jets = objects.jets(candidates, muons)
    assert ak.sum(ak.num(muons)) > 10
    assert ak.all(jets.pt > 15.0)
    for event in range(len(candidates)):
        taken = set(ak.to_list(muons["index"][event]))
        px, py = (np.asarray(candidates[name][event]) for name in ("px", "py"))
        for jet in ak.to_list(jets[event]):
            inside = jet["constituents"]
            assert not taken & set(inside)
            assert np.hypot(px[inside].sum(), py[inside].sum()) == pytest.approx(jet["pt"])
    assert ak.all(objects.jets(candidates, eta_max=1.0).eta < 1.0)


@pytest.mark.parametrize(("flavours", "efficiency"), [((5, 4), 0.70), ((4,), 0.15), ((), 0.01)])
def test_b_tags_are_as_written(flavours, efficiency):
    n = 8000
    rng = np.random.default_rng(len(flavours))
    phi = rng.uniform(-np.pi, np.pi, n)
    jets = ak.unflatten(ak.zip({"eta": np.full(n, 0.5), "phi": phi}), np.ones(n, int))
    near = {"eta": np.full(n, 0.7), "phi": phi + 0.2}
    hadrons = [
        ak.unflatten(ak.zip({**near, "flavour": np.full(n, f, np.int8)}), np.ones(n, int))
        for f in flavours
    ]
    far = {"eta": np.full(n, 0.95), "phi": phi, "flavour": np.full(n, 5, np.int8)}
    others = ak.unflatten(ak.zip(far), np.ones(n, int))
    tag, flavour = objects.b_tags(jets, ak.concatenate([*hadrons, others], axis=1), rng)
    assert set(ak.to_list(ak.flatten(flavour))) == {max(flavours, default=0)}
    assert abs(ak.mean(tag) - efficiency) < 4.0 * np.sqrt(efficiency * (1 - efficiency) / n)


def test_no_tag_beyond_the_tracker():
    ones = np.ones(500, int)
    jets = ak.unflatten(ak.zip({"eta": 2.6 * ones, "phi": 0.0 * ones}), ones)
    hadrons = ak.unflatten(
        ak.zip({"eta": 2.6 * ones, "phi": 0.0 * ones, "flavour": np.full(500, 5, np.int8)}), ones
    )
    tag, flavour = objects.b_tags(jets, hadrons, np.random.default_rng(1))
    assert not ak.any(tag)
    assert ak.all(flavour == 5)


def test_heavy_hadrons_by_code():
    codes = [511, -5122, 10531, 553, 411, -4122, 443, 211, 2212, 5, 21, 5503, 1000005, 521]
    momenta = ak.zip({"px": [10.0] * 13 + [4.0], "py": [0.0] * 14, "pz": [0.0] * 14})
    record = ak.Array([ak.zip({"id": codes, "p": momenta}, depth_limit=1)])
    found = objects.heavy_hadrons(SimpleNamespace(record=record))
    assert found.flavour.to_list() == [[5, 5, 5, 5, 4, 4, 4]]


def test_missing_momentum_of_balanced_events_is_zero():
    rng = np.random.default_rng(4)
    candidates = random_candidates(rng)
    opposite = ak.copy(candidates)
    for name in ("px", "py"):
        opposite[name] = -candidates[name]
    pt, _ = objects.missing_momentum(ak.concatenate([candidates, opposite], axis=1))
    assert np.all(pt < 1e-9)
    pt, phi = objects.missing_momentum(make_candidates([30.0], [1.0], [0.5], [0], [1, 0]))
    np.testing.assert_allclose(pt, [30.0, 0.0])
    np.testing.assert_allclose(phi, [0.5 - np.pi, 0.0])


def test_missing_momentum_resolution_grows_as_the_root_of_the_sum():
    rng = np.random.default_rng(5)
    n_events = 1500
    spread = {}
    for number in (50, 200):
        n = n_events * number
        phi = rng.uniform(-np.pi, np.pi, n)
        px, py, pz, energy = cartesian(np.full(n, 5.0), rng.uniform(-2, 2, n), phi, 0.0)
        fields = {"px": px, "py": py, "pz": pz, "E": energy, "id": np.full(n, 130),
                  "charge": np.zeros(n, int), "index": np.zeros(n, int)}  # fmt: skip
        true = ak.unflatten(ak.zip(fields), np.full(n_events, number))
        seen = detect(true, FULL, rng)
        spread[number] = np.std(ak.to_numpy(ak.sum(seen.px, axis=1) - ak.sum(true.px, axis=1)))
    # Four times the sum of pT: twice the width, whose relative error is 1 / sqrt(2 n) each.
    assert spread[200] / spread[50] == pytest.approx(2.0, rel=4.0 / np.sqrt(n_events))


def test_events_without_candidates():
    rng = np.random.default_rng(6)
    empty = make_candidates([], [], [], [], [0, 0])
    assert ak.num(objects.leptons(empty, MUON, rng)).to_list() == [0, 0]
    assert ak.num(objects.photons(empty, rng)).to_list() == [0, 0]
    jets = objects.jets(empty)
    assert ak.num(jets).to_list() == [0, 0]
    hadrons = ak.unflatten(
        ak.zip({"eta": np.zeros(0), "phi": np.zeros(0), "flavour": np.zeros(0, np.int8)}), [0, 0]
    )
    assert ak.num(objects.b_tags(jets, hadrons, rng)[0]).to_list() == [0, 0]
