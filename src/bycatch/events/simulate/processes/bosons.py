"""Bosons and jets: Z + jets in two tunes for unfolding, and ZW -> l l j j for inversion.

``zjets`` and ``zjets_tune2`` follow the samples of OmniFold: 14 TeV, Z -> nu nu with pT > 200 GeV,
the hardest jet with R = 0.4 of the stable particles and of the detector's candidates (here within
abs(eta) < 2.5), in Pythia's tunes 21 (A14) and 26 (its variation 2-). Mass, width, multiplicity,
groomed mass, momentum sharing and tau21 follow from the constituents of both.

``zw_lljj`` and ``zw_lljj_no_isr``: 13 TeV, no multiple interactions, two isolated leptons of one
flavour and opposite charge above 10 GeV and at least two jets above 25 GeV within abs(eta) < 2.5,
with and without initial-state radiation.

References
----------
A. Andreassen et al., "OmniFold: a method to simultaneously unfold all observables",
arXiv:1911.09107; M. Bellagente et al., "Invertible networks or partons to detector and back again",
arXiv:2006.06685.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from bycatch.events.candidates import CHARGED_HADRON, ELECTRON, MUON, NEUTRAL_HADRON, PHOTON
from bycatch.events.simulate import objects
from bycatch.events.simulate.detector import FULL, detect
from bycatch.events.simulate.particles import final_state
from bycatch.events.simulate.partons import by_code, decay_products, parton_columns, parton_text
from bycatch.events.simulate.process import Batch, Process, Selection
from bycatch.kinematics.clustering import cluster
from bycatch.kinematics.vectors import pt_eta_phi_mass

_Z_PT = 200.0
_JET_PT = 20.0
_JET_ETA = 2.5
_FOUR = ("pt", "eta", "phi", "mass")
_MOMENTUM = ("px", "py", "pz", "E")

_CONSTITUENT = {
    **dict.fromkeys(_MOMENTUM, "GeV, hardest first"),
    "charge": "in e",
    "kind": "0 charged hadron, 1 neutral hadron, 2 photon, 3 electron, 4 muon",
}
_UNIT = {"pt": "GeV", "eta": "pseudorapidity", "phi": "azimuth in (-pi, pi]", "mass": "GeV"}


def _side(prefix: str, text: str) -> dict[str, str]:
    jet = {f"{prefix}jet_{name}": f"{text}: {unit}" for name, unit in _UNIT.items()}
    return jet | {
        f"{prefix}constituent_{name}": f"{text}, constituents: {unit}"
        for name, unit in _CONSTITUENT.items()
    }


ZJETS_COLUMNS = {
    **{f"z_{name}": f"the Z after all radiation: {unit}" for name, unit in _UNIT.items()},
    **_side("true_", "hardest jet of stable particles"),
    **_side("", "hardest jet of candidates"),
    "met_pt": "missing transverse momentum, GeV",
    "met_phi": "its azimuth in (-pi, pi]",
}
"""Columns of ``zjets`` and ``zjets_tune2``."""

ZW_COLUMNS = {
    **parton_text(
        {
            "lepton_minus": "negative lepton of the Z",
            "lepton_plus": "positive lepton of the Z",
            "q": "quark of the W",
            "qbar": "antiquark of the W",
        }
    ),
    **{f"lepton_{sign}_{name}": f"{sign} lepton: {_UNIT[name]}" for sign in ("minus", "plus")
       for name in ("pt", "eta", "phi")},
    "lepton_is_muon": "1 muons, 0 electrons",
    **{f"jet_{name}": f"anti-kT jets R=0.4, hardest first: {unit}" for name, unit in _UNIT.items()},
    "met_pt": "missing transverse momentum, GeV",
    "met_phi": "its azimuth in (-pi, pi]",
}  # fmt: skip
"""Columns of ``zw_lljj`` and ``zw_lljj_no_isr``."""


def select_zjets(batch: Batch) -> Selection:
    """Select events with a Z above 200 GeV and a jet above 20 GeV at both levels."""
    import awkward as ak  # noqa: PLC0415 - slow to import

    stable = final_state(batch, visible=True)
    stable["kind"] = _kinds(stable)
    candidates = detect(stable, FULL, batch.rng)
    record = batch.record
    z = record[(record.id == 23) & (record.status == -62)][:, 0]
    z_four = pt_eta_phi_mass(*(ak.to_numpy(z.p[name]) for name in ("px", "py", "pz", "e")))
    true, seen = _hardest(stable), _hardest(candidates)
    mask = (z_four[0] > _Z_PT) & (ak.num(true) > 0) & (ak.num(seen) > 0)
    event = np.flatnonzero(ak.to_numpy(mask))
    columns: dict[str, Any] = {
        f"z_{name}": values[event].astype(np.float32)
        for name, values in zip(_FOUR, z_four, strict=True)
    }
    columns.update(_jet_columns("true_", true[event], stable[event]))
    columns.update(_jet_columns("", seen[event], candidates[event]))
    met_pt, met_phi = objects.missing_momentum(candidates)
    columns["met_pt"] = met_pt[event].astype(np.float32)
    columns["met_phi"] = met_phi[event].astype(np.float32)
    return Selection(event, columns)


def select_zw(batch: Batch) -> Selection:
    """Select events with two leptons of the Z and two jets."""
    import awkward as ak  # noqa: PLC0415 - slow to import

    candidates = detect(final_state(batch, visible=True), FULL, batch.rng)
    found = [objects.leptons(candidates, kind, batch.rng) for kind in (ELECTRON, MUON)]
    found = [some[(some.pt > 10.0) & (abs(some.eta) < _JET_ETA)] for some in found]
    jets = objects.jets(candidates, *found, pt_min=25.0, eta_max=_JET_ETA)
    pairs = [ak.to_numpy((ak.num(some) == 2) & (ak.sum(some.charge, axis=1) == 0))
             for some in found]  # fmt: skip
    event = np.flatnonzero((pairs[0] != pairs[1]) & ak.to_numpy(ak.num(jets) >= 2))
    is_muon = pairs[1][event]
    both = ak.concatenate([some[event] for some in found], axis=1)
    both["is_muon"] = ak.concatenate(
        [ak.full_like(some[event].charge, kind) for kind, some in enumerate(found)], axis=1
    )
    pair = both[both.is_muon == is_muon]
    columns: dict[str, Any] = {"lepton_is_muon": is_muon.astype(np.int8)}
    for sign, charge in (("minus", -1), ("plus", 1)):
        lepton = pair[pair.charge == charge][:, 0]
        for name in ("pt", "eta", "phi"):
            columns[f"lepton_{sign}_{name}"] = ak.to_numpy(lepton[name]).astype(np.float32)
    for name in _FOUR:
        columns[f"jet_{name}"] = ak.values_astype(jets[event][name], np.float32)
    met_pt, met_phi = objects.missing_momentum(candidates)
    columns["met_pt"] = met_pt[event].astype(np.float32)
    columns["met_phi"] = met_phi[event].astype(np.float32)
    leptons = by_code(decay_products(batch, 23, (11, 13)), 2)[event]
    quarks = _w_quarks(batch)[event]
    partons = {
        "lepton_minus": leptons[:, 0],
        "lepton_plus": leptons[:, 1],
        "q": quarks[:, 0],
        "qbar": quarks[:, 1],
    }
    return Selection(event, columns | parton_columns(partons))


def _w_quarks(batch: Batch) -> NDArray[np.float64]:
    """Return quark and antiquark of the W of either charge, (n_events, 2, 4)."""
    import awkward as ak  # noqa: PLC0415 - slow to import

    both = [decay_products(batch, 24 * sign) for sign in (1, -1)]
    return by_code(ak.concatenate(both, axis=1), 2)


def _kinds(particles: Any) -> Any:
    """Return the kind of candidate that each stable particle would be."""
    import awkward as ak  # noqa: PLC0415 - slow to import

    code = np.abs(ak.to_numpy(ak.flatten(particles.id)))
    charge = ak.to_numpy(ak.flatten(particles.charge))
    kind = np.where(charge != 0, CHARGED_HADRON, NEUTRAL_HADRON).astype(np.int8)
    for value, name in ((22, PHOTON), (11, ELECTRON), (13, MUON)):
        kind[code == value] = name
    return ak.unflatten(kind, ak.num(particles))


def _hardest(particles: Any) -> Any:
    """Return the hardest jet within abs(eta) < 2.5, at most one per event."""
    jets = cluster(particles, 0.4, pt_min=_JET_PT)
    return jets[np.abs(jets.eta) < _JET_ETA][:, :1]


def _jet_columns(prefix: str, jets: Any, particles: Any) -> dict[str, Any]:
    """Return the columns of the only jet of each event and its constituents."""
    import awkward as ak  # noqa: PLC0415 - slow to import

    jet = jets[:, 0]
    inside = particles[jet.constituents]
    out: dict[str, Any] = {
        f"{prefix}jet_{name}": ak.to_numpy(jet[name]).astype(np.float32) for name in _FOUR
    }
    for name in _MOMENTUM:
        out[f"{prefix}constituent_{name}"] = ak.values_astype(inside[name], np.float32)
    for name in ("charge", "kind"):
        out[f"{prefix}constituent_{name}"] = ak.values_astype(inside[name], np.int8)
    return out


def _zjets(name: str, tune: int, text: str) -> Process:
    return Process(
        name=name,
        title=f"Z -> nu nu above 200 GeV + jet, at both levels, tune {text}",
        settings=(
            f"Tune:pp = {tune}",
            "Beams:eCM = 14000.",
            "WeakBosonAndParton:qqbar2gmZg = on",
            "WeakBosonAndParton:qg2gmZq = on",
            "WeakZ0:gmZmode = 2",
            "23:onMode = off",
            "23:onIfAny = 12 14 16",
            # Of the events with a Z above 200 GeV, fewer than one in a thousand come from below.
            "PhaseSpace:pTHatMin = 120.",
        ),
        select=select_zjets,
        columns=ZJETS_COLUMNS,
        references=("arXiv:1911.09107",),
        chunk=500,
        batch=200,
    )


def _zw(name: str, text: str, *settings: str) -> Process:
    return Process(
        name=name,
        title=f"ZW -> l l j j, partons and detector, {text} initial-state radiation",
        settings=(
            "Beams:eCM = 13000.",
            "WeakDoubleBoson:ffbar2ZW = on",
            "PartonLevel:MPI = off",
            *settings,
            "23:onMode = off",
            "23:onIfAny = 11 13",
            "24:onMode = off",
            "24:onIfAny = 1 2 3 4 5",
        ),
        select=select_zw,
        columns=ZW_COLUMNS,
        references=("arXiv:2006.06685",),
        chunk=500,
        batch=400,
    )


PROCESSES = (
    _zjets("zjets", 21, "21 (A14)"),
    _zjets("zjets_tune2", 26, "26 (A14, variation 2-)"),
    _zw("zw_lljj", "with"),
    _zw("zw_lljj_no_isr", "without", "PartonLevel:ISR = off"),
)
