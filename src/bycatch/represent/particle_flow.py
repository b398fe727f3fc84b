"""Particle-flow candidates as a sequence, for recurrent autoencoders.

What to use when: for models that read and write particles one after the other; `constituents` for
models that do not care for the order.

Per candidate: log pt, delta eta, sine and cosine of delta phi, and its kind one-hot. Differences
are to the trigger lepton (events of the lepton stream) or to the jet's axis.

References
----------
O. Cerri et al., "Variational autoencoders for new physics mining at the Large Hadron Collider",
arXiv:1811.10276 (the stream); the sequence is our own.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from bycatch.errors import ConfigError, DataError
from bycatch.events.candidates import KINDS
from bycatch.events.table import Events
from bycatch.kinematics.particles import order_by, owners, pad, sum_by
from bycatch.kinematics.vectors import azimuth, delta_phi, rapidity
from bycatch.represent.base import Representation, jet_momenta, ragged_columns
from bycatch.represent.leptons import ISOLATION, trigger_lepton

NAMES = ("log_pt", "delta_eta", "sin_delta_phi", "cos_delta_phi", *KINDS)
"""Names of the features of a candidate."""

Vector = NDArray[np.float64]


def represent(
    events: Events,
    *,
    relative_to: Literal["lepton", "jet"] = "lepton",
    n_max: int = 100,
    isolation: float = ISOLATION,
) -> Representation:
    """Return the hardest candidates of each event, or of each jet.

    Parameters
    ----------
    events : Events
        ``lepton``: of variable length particle_ pt (GeV), eta, phi and kind, and the columns of
        `bycatch.represent.leptons.trigger_lepton`. ``jet``: one jet per row, of variable length
        constituent_ px, py, pz, E (GeV) and kind; the axis is that of the constituents' sum, and
        differences are in rapidity, which equals eta for particles without mass.
    relative_to : {"lepton", "jet"}
        Origin of the angles.
    n_max : int
        Candidates to keep; softer ones are left out.
    isolation : float
        Largest relative isolation of the trigger lepton.

    Returns
    -------
    Representation
        Values of shape (n_events, n_max, 9), sorted by falling pt, zero where masked. Candidates
        without transverse momentum do not count.

    Raises
    ------
    ColumnError
        If a column is missing.
    ConfigError
        If n_max or the origin makes no sense.
    DataError
        If a kind is not a code of `KINDS`, an event has no trigger lepton, the lists' lengths
        differ, or a value is not finite.
    """
    if n_max < 1:
        raise ConfigError(
            f"n_max, the number of candidates to keep, must be at least 1, not {n_max}."
        )
    if relative_to not in {"lepton", "jet"}:
        raise ConfigError(f"Candidates are relative to 'lepton' or 'jet', not to {relative_to!r}.")
    pt, along, across, kind, counts = (
        _to_lepton(events, isolation) if relative_to == "lepton" else _to_jet(events)
    )
    there = pt > 0.0
    owner = owners(counts)[there]
    left = sum_by(owner, np.ones(len(owner)), len(counts)).astype(np.int64)
    pt, along, across, kind = pt[there], along[there], across[there], kind[there]
    values = np.zeros((len(pt), len(NAMES)), dtype=np.float32)
    # sine and cosine: the angle itself jumps at pi
    values[:, :4] = np.stack([np.log(pt), along, np.sin(across), np.cos(across)], axis=1)
    values[np.arange(len(pt)), 4 + _codes(kind)] = 1.0
    order = order_by(pt, left)
    padded, mask = pad(values if order is None else values[order], left, n_max)
    return Representation(padded, mask, NAMES)


def sequence_length(sequences: Representation) -> NDArray[np.int64]:
    """Return the number of candidates that are there, of shape (n_events,).

    Parameters
    ----------
    sequences : Representation
        Of `represent`; candidates come first, padding last.

    Returns
    -------
    ndarray of int64

    Raises
    ------
    DataError
        If it has no mask.
    """
    if sequences.mask is None:
        raise DataError(
            "A representation without a mask has no lengths; make it with particle_flow."
        )
    return np.asarray(sequences.mask.sum(axis=1), dtype=np.int64)


def _to_lepton(
    events: Events, isolation: float
) -> tuple[Vector, Vector, Vector, Vector, NDArray[np.int64]]:
    flat, counts = ragged_columns(
        events, ("particle_pt", "particle_eta", "particle_phi", "particle_kind")
    )
    lepton = trigger_lepton(events, isolation)
    owner = owners(counts)
    pt, eta, phi, kind = flat.values()
    return pt, eta - lepton.eta[owner], delta_phi(phi, lepton.phi[owner]), kind, counts


def _to_jet(events: Events) -> tuple[Vector, Vector, Vector, Vector, NDArray[np.int64]]:
    px, py, pz, energy, counts = jet_momenta(events)
    flat, _ = ragged_columns(events, ("constituent_kind", "constituent_px"))
    owner = owners(counts)
    jet = [sum_by(owner, values, len(counts)) for values in (px, py, pz, energy)]
    along = rapidity(px, py, pz, energy) - rapidity(*jet)[owner]
    across = delta_phi(azimuth(px, py), azimuth(jet[0], jet[1])[owner])
    return np.hypot(px, py), along, across, flat["constituent_kind"], counts


def _codes(kind: Vector) -> NDArray[np.int64]:
    codes = kind.astype(np.int64)
    wrong = (codes != kind) | (codes < 0) | (codes >= len(KINDS))
    if wrong.any():
        raise DataError(
            f"{int(wrong.sum())} of {len(kind)} candidates have a kind that is not one of 0 to "
            f"{len(KINDS) - 1}, such as {kind[wrong][0]:g}; the codes are {', '.join(KINDS)}."
        )
    return codes
