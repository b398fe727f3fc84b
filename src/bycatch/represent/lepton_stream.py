"""The 21 features of the lepton stream: what a trigger knows about an event with a lepton.

What to use when: the events come after a trigger on one lepton, as in the published search for
anomalies at the trigger; for events without a lepton use `objects`.

References
----------
O. Cerri et al., "Variational autoencoders for new physics mining at the Large Hadron Collider",
arXiv:1811.10276, section 2 (the list), eq. 2 and 3.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from bycatch.events.table import Events
from bycatch.kinematics.particles import owners, sum_by
from bycatch.kinematics.vectors import cartesian, delta_phi, mass
from bycatch.represent.base import Representation, flat_column, ragged_columns
from bycatch.represent.leptons import ISOLATION, Leptons, TriggerLepton, hardest, leptons

PUBLISHED_NAMES = {
    "s_t": "HT",
    "met_parallel": "METp",
    "met_orthogonal": "METo",
    "m_t": "MT",
    "n_jets": "nJets",
    "n_b": "bJets",
    "m_jets": "allJetMass",
    "lepton_pt": "LepPt",
    "lepton_iso_charged": "LepIsoCh",
    "lepton_iso_photon": "LepIsoGamma",
    "lepton_iso_neutral": "LepIsoNeu",
    "lepton_charge": "LepCharge",
    "lepton_is_electron": "LepIsEle",
    "n_muons": "nMu",
    "m_muons": "allMuMass",
    "pt_muons": "allMuPt",
    "n_electrons": "nEle",
    "m_electrons": "allEleMass",
    "pt_electrons": "allElePt",
    "n_charged_hadrons": "nChHad",
    "n_neutral_hadrons": "nNeuHad",
}
"""The authors' names of the features, in the authors' order, by ours."""

FEATURES = tuple(PUBLISHED_NAMES)
"""Names of the 21 features, in order. Momenta and masses in GeV."""

PT_MIN = 30.0
"""Softest jet, lepton or photon of S_T, in GeV."""

ETA_MAX = 2.6
"""Largest pseudorapidity of a jet, lepton or photon of S_T."""

Vector = NDArray[np.float64]


def lepton_stream_features(events: Events, isolation: float = ISOLATION) -> Representation:
    """Return the 21 features.

    Parameters
    ----------
    events : Events
        met_pt, met_phi, n_charged_hadrons, n_neutral_hadrons; of variable length electron_ and
        muon_ pt, eta, phi, charge, iso_charged, iso_neutral, iso_photon; photon_ pt and eta; jet_
        pt, eta, phi, mass and b_tag.
    isolation : float
        Leptons count where their three relative isolations sum to less.

    Returns
    -------
    Representation
        Values of shape (n_events, 21), named as in `FEATURES`, no mask. The lepton is the hardest
        isolated one. S_T adds the pt of jets, isolated leptons and photons above 30 GeV within
        2.6; n_jets, n_b and m_jets belong to the same jets, whether or not a lepton is one of
        them. n, m and pt of muons and electrons are of all isolated ones, where pt is that of
        their summed momentum; m and pt are 0 where there are none.

    Raises
    ------
    ColumnError
        If a column is missing.
    DataError
        If an event has no isolated lepton, the lists' lengths differ, or a value is not finite.
    """
    n_events = len(events)
    electrons, muons = (leptons(events, flavour, isolation) for flavour in ("electron", "muon"))
    lepton = hardest(electrons, muons, n_events, isolation, required=True)
    s_t, jets = _hadronic(events)
    for some in (electrons, muons):
        counted = (some.pt > PT_MIN) & (np.abs(some.eta) < ETA_MAX)
        s_t += sum_by(some.owner[counted], some.pt[counted], n_events)
    columns = {
        "s_t": s_t,
        **_missing(events, lepton),
        **jets,
        "lepton_pt": lepton.pt,
        "lepton_iso_charged": lepton.isolation[:, 0],
        "lepton_iso_photon": lepton.isolation[:, 1],
        "lepton_iso_neutral": lepton.isolation[:, 2],
        "lepton_charge": lepton.charge,
        "lepton_is_electron": lepton.is_electron,
        **_set("muons", muons, n_events),
        **_set("electrons", electrons, n_events),
        "n_charged_hadrons": flat_column(events, "n_charged_hadrons"),
        "n_neutral_hadrons": flat_column(events, "n_neutral_hadrons"),
    }
    values = np.stack([columns[name] for name in FEATURES], axis=1, dtype=np.float32)
    return Representation(values, None, FEATURES)


def represent(events: Events, **options: Any) -> Representation:
    """Return `lepton_stream_features`, under the name that all representations share."""
    return lepton_stream_features(events, **options)


def _hadronic(events: Events) -> tuple[Vector, dict[str, Vector]]:
    """Return what jets and photons add to S_T, and the features of the jets."""
    n_events = len(events)
    flat, counts = ragged_columns(events, ("jet_pt", "jet_eta", "jet_phi", "jet_mass", "jet_b_tag"))
    photons, n_photons = ragged_columns(events, ("photon_pt", "photon_eta"))
    kept = (flat["jet_pt"] > PT_MIN) & (np.abs(flat["jet_eta"]) < ETA_MAX)
    pt, eta, phi, own, b_tag = (values[kept] for values in flat.values())
    owner = owners(counts)[kept]
    bright = (photons["photon_pt"] > PT_MIN) & (np.abs(photons["photon_eta"]) < ETA_MAX)
    of_photon = owners(n_photons)[bright]
    s_t = sum_by(owner, pt, n_events) + sum_by(of_photon, photons["photon_pt"][bright], n_events)
    return s_t, {
        "n_jets": sum_by(owner, np.ones_like(pt), n_events),
        "n_b": sum_by(owner, b_tag > 0, n_events),
        "m_jets": _sum(pt, eta, phi, own, owner, n_events)[1],
    }


def _missing(events: Events, lepton: TriggerLepton) -> dict[str, Vector]:
    met = flat_column(events, "met_pt")
    angle = delta_phi(flat_column(events, "met_phi"), lepton.phi)
    # 1 - cos as 2 sin^2, so that a small angle keeps its digits
    return {
        "met_parallel": met * np.cos(angle),
        "met_orthogonal": met * np.sin(angle),
        "m_t": 2.0 * np.sqrt(lepton.pt * met) * np.abs(np.sin(0.5 * angle)),
    }


def _set(name: str, some: Leptons, n_events: int) -> dict[str, Vector]:
    """Return number, mass and transverse momentum of a set of leptons."""
    own = np.full(len(some.pt), some.mass)  # their masses are known, and not in the file
    pt, together = _sum(some.pt, some.eta, some.phi, own, some.owner, n_events)
    return {
        f"n_{name}": sum_by(some.owner, np.ones_like(own), n_events),
        f"m_{name}": together,
        f"pt_{name}": pt,
    }


def _sum(
    pt: Vector, eta: Vector, phi: Vector, own: Vector, owner: NDArray[np.int64], n_events: int
) -> tuple[Vector, Vector]:
    """Return transverse momentum and mass of each event's sum."""
    total = [sum_by(owner, part, n_events) for part in cartesian(pt, eta, phi, own)]
    return np.hypot(total[0], total[1]), np.asarray(mass(*total))
