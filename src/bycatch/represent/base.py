"""What a representation returns, and the jets of an events file as particles."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bycatch.errors import DataError
from bycatch.events.table import Events
from bycatch.kinematics.particles import COMPONENTS, Momenta, flatten, momenta, owners


@dataclass(frozen=True, eq=False)
class Representation:
    """Events as a model eats them.

    Attributes
    ----------
    values : ndarray of shape (n_events, ...), float32
        Units as the function that made them says.
    mask : ndarray of bool, or None
        True where there is an object; of the shape of `values` without its last axis. None where
        every event has all values.
    names : tuple of str
        Of the last axis of `values`, or, for images, of the two axes of the picture.
    """

    values: NDArray[np.float32]
    mask: NDArray[np.bool_] | None
    names: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.values)


def ragged_columns(
    events: Events, names: tuple[str, ...]
) -> tuple[dict[str, NDArray[np.float64]], NDArray[np.int64]]:
    """Return variable-length columns of one kind of object as flat arrays.

    Parameters
    ----------
    events : Events
    names : tuple of str
        Columns whose lists have the same length in each event.

    Returns
    -------
    flat : dict of str to ndarray of shape (n_objects,), float64
    counts : ndarray of int64 of shape (n_events,)

    Raises
    ------
    ColumnError
        If a column is missing.
    DataError
        If the lists' lengths differ, or a value is not finite.
    """
    flat, lengths = {}, {}
    for name in names:
        flat[name], lengths[name] = flatten(events[name], name)
    counts = lengths[names[0]]
    for name, other in lengths.items():
        unequal = int(np.count_nonzero(other != counts))
        if unequal:
            raise DataError(
                f"Columns {names[0]!r} and {name!r} describe the same objects, but their lists "
                f"differ in length in {unequal} of {len(counts)} events."
            )
    return flat, counts


def flat_column(events: Events, name: str) -> NDArray[np.float64]:
    """Return a column with one finite number per event.

    Parameters
    ----------
    events : Events
    name : str

    Returns
    -------
    ndarray of shape (n_events,), float64

    Raises
    ------
    ColumnError
        If the column is missing.
    DataError
        If it is of variable length, or a value is not finite.
    """
    column = events[name]
    if getattr(column, "ndim", 1) != 1:
        raise DataError(
            f"Column {name!r} needs one number per event, but it has {column.ndim} axes."
        )
    values = np.asarray(column, dtype=np.float64)
    bad = int(np.count_nonzero(~np.isfinite(values)))
    if bad:
        raise DataError(
            f"{bad} of {len(values)} values of {name!r} are not finite; remove these events."
        )
    return values


def jet_momenta(events: Events) -> Momenta:
    """Return the constituents of each jet of an events file.

    Parameters
    ----------
    events : Events
        One jet per row; columns constituent_px, _py, _pz and _E (GeV), of variable length.

    Returns
    -------
    Momenta

    Raises
    ------
    ColumnError
        If a column is missing.
    DataError
        If the lists' lengths differ, or a value is not finite.
    """
    flat, counts = ragged_columns(events, tuple(f"constituent_{name}" for name in COMPONENTS))
    px, py, pz, energy = flat.values()
    return px, py, pz, energy, counts


def as_momenta(constituents: Any, mask: NDArray[np.bool_] | None) -> Momenta:
    """Return constituents, ragged, padded or flat already, without those that have no pt.

    A constituent without transverse momentum (padding, or an added one of zero energy) has no
    direction and no weight: it is not there.
    """
    flat = constituents if isinstance(constituents, tuple) else momenta(constituents, mask)
    px, py, pz, energy, counts = flat
    there = (px != 0.0) | (py != 0.0)
    if there.all():
        return px, py, pz, energy, counts
    owner = owners(counts)
    # minlength: events that lose all of theirs still count
    kept = np.bincount(owner[there], minlength=len(counts))
    return px[there], py[there], pz[there], energy[there], kept
