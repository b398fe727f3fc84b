"""Ragged lists of particles as flat arrays and as padded ones.

Flat arrays with the number of particles per event are what numpy and FastJet are fast on; padded
arrays with a mask are what networks eat.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from bycatch.errors import ColumnError, DataError, nearest

COMPONENTS = ("px", "py", "pz", "E")
"""Fields of a particle, in GeV."""

# Squares of larger numbers overflow.
_LARGEST = 1e150

Vector = NDArray[np.float64]
Momenta = tuple[Vector, Vector, Vector, Vector, NDArray[np.int64]]
"""Flat px, py, pz and E of all particles, and the number of particles of each event."""


def momenta(particles: Any, mask: NDArray[np.bool_] | None = None) -> Momenta:
    """Return the flat components of ragged or padded particles, and how many each event has.

    Parameters
    ----------
    particles : awkward array of shape (n_events, var), or ndarray of shape (n_events, n_max, 4)
        Records with the fields px, py, pz and E; or these four along the last axis (GeV).
    mask : ndarray of bool of shape (n_events, n_max), optional
        Of padded particles: True where there is one. Without it, rows of four zeros are padding.

    Returns
    -------
    px, py, pz, E : ndarray of shape (n_particles,), float64
    counts : ndarray of shape (n_events,), int64

    Raises
    ------
    ColumnError
        If a component is missing.
    DataError
        If the shape is another one, or a component is not finite.
    """
    if isinstance(particles, np.ndarray) and particles.dtype.names is None:
        return _from_padded(particles, mask)
    if mask is not None:
        raise DataError("A mask belongs to padded particles, but these are ragged: leave it out.")
    for name in COMPONENTS:
        if name not in particles.fields:
            raise ColumnError(
                f"Particles need a field {name!r}, but these have "
                f"{nearest(name, particles.fields)}."
            )
    (px, counts), *others = (flatten(particles[name], name) for name in COMPONENTS)
    py, pz, energy = (values for values, _ in others)
    return px, py, pz, energy, counts


def flatten(values: Any, name: str) -> tuple[Vector, NDArray[np.int64]]:
    """Return a ragged column as one flat array and its number of values per event.

    Parameters
    ----------
    values : awkward array of shape (n_events, var)
    name : str
        For messages.

    Returns
    -------
    flat : ndarray of shape (n_values,), float64
    counts : ndarray of shape (n_events,), int64

    Raises
    ------
    DataError
        If the column is not one list of numbers per event, or a value is not finite.
    """
    import awkward as ak  # noqa: PLC0415 - slow to import

    ragged = ak.Array(values)
    if ragged.ndim != 2:
        raise DataError(
            f"Column {name!r} needs one list per event, but it has {ragged.ndim} axes; one event "
            "alone is column[numpy.newaxis]."
        )
    counts = np.asarray(ak.fill_none(ak.num(ragged, axis=1), 0), dtype=np.int64)
    inner = ak.flatten(ragged, axis=1)
    if ak.any(ak.is_none(inner)):
        raise DataError(f"Column {name!r} has empty entries within its lists; remove them.")
    flat = np.ascontiguousarray(ak.to_numpy(inner), dtype=np.float64)
    _require_finite(flat, name)
    return flat, counts


def pad(
    values: NDArray[Any], counts: NDArray[np.int64], n_max: int
) -> tuple[NDArray[Any], NDArray[np.bool_]]:
    """Turn flat values into rows of one length, filled with zeros.

    Parameters
    ----------
    values : ndarray of shape (n_values, ...)
    counts : ndarray of int of shape (n_events,)
    n_max : int
        Values to keep of each event, the first ones.

    Returns
    -------
    padded : ndarray of shape (n_events, n_max, ...), of the dtype of `values`
    mask : ndarray of bool of shape (n_events, n_max)
        True where there is a value.
    """
    mask = np.arange(n_max) < counts[:, None]
    starts = np.cumsum(counts) - counts  # where each event begins
    position = np.arange(len(values)) - np.repeat(starts, counts)
    out = np.zeros((len(counts), n_max, *values.shape[1:]), dtype=values.dtype)
    out[mask] = values[position < n_max]
    return out, mask


def order_by(values: Vector, counts: NDArray[np.int64]) -> NDArray[np.int64] | None:
    """Return the positions that sort each event's values from large to small.

    Parameters
    ----------
    values : ndarray of shape (n_values,)
    counts : ndarray of int of shape (n_events,)

    Returns
    -------
    ndarray of int of shape (n_values,), or None
        None where they are sorted already, which files of ours are. Equal values keep their order.
    """
    owner = owners(counts)
    rises = (values[1:] > values[:-1]) & (owner[1:] == owner[:-1])
    if not rises.any():
        return None
    return np.asarray(np.lexsort((-values, owner)), dtype=np.int64)


def sum_by(owner: NDArray[np.int64], values: NDArray[Any], n_events: int) -> Vector:
    """Return the sum of each event's values, of shape (n_events,); 0 for an empty event.

    Parameters
    ----------
    owner : ndarray of int of shape (n_values,)
        Position of each value's event.
    values : ndarray of shape (n_values,)
        Numbers, or booleans to be counted.
    n_events : int

    Returns
    -------
    ndarray of shape (n_events,), float64
    """
    return np.asarray(np.bincount(owner, values, n_events), dtype=np.float64)


def owners(counts: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the position of each value's event from the numbers of values per event."""
    return np.repeat(np.arange(len(counts)), counts)


def _from_padded(particles: NDArray[Any], mask: NDArray[np.bool_] | None) -> Momenta:
    if particles.ndim != 3 or particles.shape[2] != len(COMPONENTS):
        raise DataError(
            "Padded particles need the shape (n_events, n_max, 4) of px, py, pz, E, but they have "
            f"{particles.shape}."
        )
    kept = (particles != 0.0).any(axis=2) if mask is None else np.asarray(mask)
    if kept.dtype != np.bool_ or kept.shape != particles.shape[:2]:
        raise DataError(
            f"The mask needs booleans of the shape {particles.shape[:2]}, but it has "
            f"{kept.dtype} of {kept.shape}."
        )
    flat = np.ascontiguousarray(particles[kept].T, dtype=np.float64)
    for name, values in zip(COMPONENTS, flat, strict=True):
        _require_finite(values, name)
    px, py, pz, energy = flat
    return px, py, pz, energy, kept.sum(axis=1, dtype=np.int64)


def _require_finite(values: Vector, name: str) -> None:
    bad = values.size - int(np.count_nonzero(np.abs(values) < _LARGEST))  # NaN compares false
    if bad:
        raise DataError(
            f"{bad} of {values.size} values of {name!r} are not finite or beyond {_LARGEST:g}; "
            "remove them first."
        )
