"""Partons of the hard process, before they radiate, and the columns that hold their momenta."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bycatch.events.simulate.process import Batch
from bycatch.kinematics.vectors import mass

COMPONENTS = ("px", "py", "pz", "E")
_QUARKS = (1, 2, 3, 4, 5)
_OUTGOING = 23  # Pythia's status of a decay product in the hard process
_INTERMEDIATE = -22
_LAST_COPY = -62

Vectors = NDArray[np.float64]


def resonance(batch: Batch, code: int, *, last: bool = False) -> Vectors:
    """Return a resonance that every event has.

    Parameters
    ----------
    batch : Batch
    code : int
        Particle code, with sign.
    last : bool
        Its last copy, after the recoil against all initial-state radiation, instead of the one
        that its mother decayed to.

    Returns
    -------
    ndarray of shape (n_events, 4)
        px, py, pz and E in GeV.
    """
    record = batch.record
    status = _LAST_COPY if last else _INTERMEDIATE
    found = record[(record.id == code) & (record.status == status)]
    return _stack(found[:, :1], 1)[:, 0]


def decay_products(batch: Batch, parent: int, codes: Iterable[int] = _QUARKS) -> Any:
    """Return what a resonance decays to, before it radiates.

    Parameters
    ----------
    batch : Batch
    parent : int
        Code of the resonance, with sign.
    codes : iterable of int
        Absolute codes of the products that are wanted.

    Returns
    -------
    awkward array of shape (n_events, var)
        Entries of the event record, in its order.
    """
    record = batch.record
    wanted = abs(record.id) == -1
    for code in codes:
        wanted = wanted | (abs(record.id) == code)
    outgoing = record[(abs(record.status) == _OUTGOING) & wanted]
    return outgoing[record.id[outgoing.mother1] == parent]


def by_code(products: Any, number: int) -> Vectors:
    """Return the four-vectors of a fixed number of products per event.

    Parameters
    ----------
    products : awkward array of shape (n_events, var)
        Of `decay_products`.
    number : int
        Products of every event; a `ValueError` says where there are others.

    Returns
    -------
    ndarray of shape (n_events, number, 4)
        Particles before antiparticles, in GeV.
    """
    import awkward as ak  # noqa: PLC0415 - slow to import

    return _stack(products[ak.argsort(products.id, axis=1, ascending=False)], number)


def into_frame(vectors: Vectors, rest: Vectors, frame: Vectors) -> Vectors:
    """Carry decay products from one momentum of their mother to another one.

    Pythia lets a W recoil against what its sister radiates before it decays. Carried back, products
    sum to the W that the top decayed to, and with the b quark to the top.

    Parameters
    ----------
    vectors : ndarray of shape (n_events, n, 4)
        px, py, pz and E.
    rest : ndarray of shape (n_events, 4)
        The mother that they come from.
    frame : ndarray of shape (n_events, 4)
        The mother as it shall be, of the same mass.

    Returns
    -------
    ndarray of shape (n_events, n, 4)
    """
    at_rest = _boost(vectors, -_velocity(rest))
    return _boost(at_rest, _velocity(frame))


def parton_columns(partons: Mapping[str, Vectors]) -> dict[str, NDArray[np.float64]]:
    """Return the columns ``parton_<name>_px`` and so on, in double precision.

    Parameters
    ----------
    partons : mapping of str to ndarray of shape (n_rows, 4)
    """
    return {
        f"parton_{name}_{component}": np.ascontiguousarray(values[:, i])
        for name, values in partons.items()
        for i, component in enumerate(COMPONENTS)
    }


def parton_text(names: Mapping[str, str]) -> dict[str, str]:
    """Return the description of `parton_columns`, from the partons' names and what they are."""
    return {
        f"parton_{name}_{component}": f"{text}: {component}, GeV"
        for name, text in names.items()
        for component in COMPONENTS
    }


def _stack(entries: Any, number: int) -> Vectors:
    """Return entries of the record as (n_events, number, 4)."""
    import awkward as ak  # noqa: PLC0415 - slow to import

    counts = ak.to_numpy(ak.num(entries))
    if np.any(counts != number):
        bad = int(np.count_nonzero(counts != number))
        raise ValueError(
            f"{bad} of {len(counts)} events do not have {number} partons of the kind wanted."
        )
    momenta = [ak.to_numpy(ak.flatten(entries.p[name])) for name in ("px", "py", "pz", "e")]
    return np.stack(momenta, axis=-1).reshape(len(counts), number, 4).astype(np.float64)


def _velocity(vector: Vectors) -> Vectors:
    """Return gamma beta = p / m."""
    scale: Vectors = vector[:, :3] / mass(*vector.T)[:, None]
    return scale


def _boost(vectors: Vectors, u: Vectors) -> Vectors:
    """Boost by gamma beta = u: p' = p + u (u p / (1 + gamma) + E), E' = gamma E + u p."""
    gamma = np.sqrt(1.0 + np.square(u).sum(axis=1))[:, None]
    along = np.einsum("nij,nj->ni", vectors[..., :3], u)
    energy = vectors[..., 3]
    shift = along / (1.0 + gamma) + energy
    moved = vectors[..., :3] + shift[..., None] * u[:, None, :]
    return np.concatenate([moved, (gamma * energy + along)[..., None]], axis=-1)
