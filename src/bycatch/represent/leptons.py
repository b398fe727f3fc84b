"""The lepton that triggered an event of the lepton stream, and which leptons are selected.

References
----------
O. Cerri et al., "Variational autoencoders for new physics mining at the Large Hadron Collider",
arXiv:1811.10276, section 2.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bycatch.errors import DataError
from bycatch.events.table import Events
from bycatch.kinematics.particles import owners
from bycatch.represent.base import ragged_columns

ISOLATION = 0.45
"""Largest sum of the three relative isolations of a selected lepton: very loose."""

MASSES = {"electron": 0.000511, "muon": 0.10566}
"""In GeV."""

PARTS = ("charged", "photon", "neutral")
"""Parts of the isolation, in the order of the published features."""

Vector = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Leptons:
    """Selected leptons of one flavour, flat over events.

    Attributes
    ----------
    pt : ndarray of shape (n_leptons,), in GeV
    eta, phi, charge : ndarray of shape (n_leptons,)
    isolation : ndarray of shape (n_leptons, 3)
        Relative sums of charged hadrons, photons and neutral hadrons, as in `PARTS`.
    owner : ndarray of int of shape (n_leptons,)
        Position of the event.
    mass : float, in GeV
    """

    pt: Vector
    eta: Vector
    phi: Vector
    charge: Vector
    isolation: Vector
    owner: NDArray[np.int64]
    mass: float


@dataclass(frozen=True, eq=False)
class TriggerLepton:
    """The hardest selected lepton of each event.

    Attributes
    ----------
    pt : ndarray of shape (n_events,), in GeV
    eta, phi, charge : ndarray of shape (n_events,)
    isolation : ndarray of shape (n_events, 3)
        As in `Leptons`.
    is_electron : ndarray of bool of shape (n_events,)
    present : ndarray of bool of shape (n_events,)
        False where an event has no selected lepton; all else is zero there.
    """

    pt: Vector
    eta: Vector
    phi: Vector
    charge: Vector
    isolation: Vector
    is_electron: NDArray[np.bool_]
    present: NDArray[np.bool_]


def leptons(events: Events, flavour: str, isolation: float = ISOLATION) -> Leptons:
    """Select the isolated leptons of one flavour.

    Parameters
    ----------
    events : Events
        Columns electron_pt, _eta, _phi, _charge, _iso_charged, _iso_photon and _iso_neutral, or
        the same of muons.
    flavour : {"electron", "muon"}
    isolation : float
        Largest sum of the relative isolations (exclusive).

    Returns
    -------
    Leptons

    Raises
    ------
    ColumnError
        If a column is missing.
    DataError
        If the lists' lengths differ, or a value is not finite.
    """
    kinematic = tuple(f"{flavour}_{name}" for name in ("pt", "eta", "phi", "charge"))
    parts = tuple(f"{flavour}_iso_{name}" for name in PARTS)
    flat, counts = ragged_columns(events, kinematic + parts)
    sums = np.stack([flat[name] for name in parts], axis=1)
    kept = sums.sum(axis=1) < isolation
    pt, eta, phi, charge = (flat[name][kept] for name in kinematic)
    owner = owners(counts)[kept]
    return Leptons(pt, eta, phi, charge, sums[kept], owner, MASSES[flavour])


def trigger_lepton(
    events: Events, isolation: float = ISOLATION, *, required: bool = True
) -> TriggerLepton:
    """Find the hardest isolated electron or muon of each event.

    Parameters
    ----------
    events : Events
        The columns of `leptons` for both flavours.
    isolation : float
        As in `leptons`.
    required : bool
        Refuse events without such a lepton; otherwise they are marked.

    Returns
    -------
    TriggerLepton

    Raises
    ------
    ColumnError
        If a column is missing.
    DataError
        If an event has no isolated lepton although it is required, the lists' lengths differ, or
        a value is not finite.
    """
    electrons, muons = (leptons(events, flavour, isolation) for flavour in ("electron", "muon"))
    return hardest(electrons, muons, len(events), isolation, required=required)


def hardest(
    electrons: Leptons, muons: Leptons, n_events: int, isolation: float, *, required: bool
) -> TriggerLepton:
    """Return the hardest of both flavours; of equal pt, the electron. See `trigger_lepton`."""
    pt = np.concatenate([electrons.pt, muons.pt])
    owner = np.concatenate([electrons.owner, muons.owner])
    # by event, and by falling pt within; stable, so the electron wins a tie
    order = np.lexsort((-pt, owner))
    sorted_owner = owner[order]
    first = np.ones(len(order), dtype=np.bool_)
    first[1:] = sorted_owner[1:] != sorted_owner[:-1]  # the first of each event is its hardest
    chosen, rows = order[first], sorted_owner[first]
    present = np.zeros(n_events, dtype=np.bool_)
    present[rows] = True
    if required and not present.all():
        raise DataError(
            f"{int((~present).sum())} of {n_events} events have no electron or muon with an "
            f"isolation below {isolation:g}, so they do not belong into the lepton stream; keep "
            "those that trigger_lepton(events, required=False).present marks."
        )

    def pick(of_electrons: Vector, of_muons: Vector) -> Vector:
        values = np.concatenate([of_electrons, of_muons])
        out = np.zeros((n_events, *values.shape[1:]))
        out[rows] = values[chosen]
        return out

    is_electron = np.zeros(n_events, dtype=np.bool_)
    is_electron[rows] = chosen < len(electrons.pt)  # electrons were put in front
    return TriggerLepton(
        pick(electrons.pt, muons.pt),
        pick(electrons.eta, muons.eta),
        pick(electrons.phi, muons.phi),
        pick(electrons.charge, muons.charge),
        pick(electrons.isolation, muons.isolation),
        is_electron,
        present,
    )
