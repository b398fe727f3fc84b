"""FastJet, imported in this one place: the install line, its banner, and arrays in its layout."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bycatch.errors import ColumnError, DataError, InputError, nearest

__all__ = ["COMPONENTS", "Momenta", "fastjet", "momenta", "quiet", "sequence"]

COMPONENTS = ("px", "py", "pz", "E")

Vector = NDArray[np.float64]
Momenta = tuple[Vector, Vector, Vector, Vector, NDArray[np.int64]]
"""Flat px, py, pz and E of all particles, and the number of particles of each event."""


@cache
def fastjet() -> Any:
    """Return FastJet's Python package.

    Returns
    -------
    module

    Raises
    ------
    InputError
        With the exact install line.
    """
    try:
        module = import_module("fastjet")
    except ImportError:
        message = 'Clustering jets needs FastJet, an extra: pip install "bycatch[simulate]".'
        raise InputError(message) from None
    # Its banner would go to standard output, between the lines of JSON that a command prints.
    import_module("fastjet._swig").ClusterSequence.set_fastjet_banner_stream(None)
    return module


def momenta(particles: Any) -> Momenta:
    """Return the flat components of ragged particles, and how many each event has.

    Parameters
    ----------
    particles : awkward array of shape (n_events, var)
        Records with the fields px, py, pz and E, in GeV.

    Returns
    -------
    px, py, pz, E : ndarray of shape (n_particles,), float64
    counts : ndarray of shape (n_events,), int64

    Raises
    ------
    ColumnError
        If a component is missing.
    DataError
        If particles are not one list per event, or a component is not finite.
    """
    import awkward as ak  # noqa: PLC0415 - slow to import

    for name in COMPONENTS:
        if name not in particles.fields:
            message = (
                f"Particles need a field {name!r}, but these have "
                f"{nearest(name, particles.fields)}."
            )
            raise ColumnError(message)
    if particles.ndim != 2:
        message = (
            f"Particles need the shape (n_events, var), but these have {particles.ndim} axes; "
            "one event is particles[np.newaxis]."
        )
        raise DataError(message)
    counts = np.asarray(ak.num(particles, axis=1), dtype=np.int64)
    flat: list[Vector] = []
    for name in COMPONENTS:
        values = np.ascontiguousarray(ak.flatten(particles[name], axis=1), dtype=np.float64)
        bad = int(np.count_nonzero(~np.isfinite(values)))
        if bad:
            message = (
                f"{bad} of {values.size} particles have a {name} that is not finite; remove them "
                "before clustering."
            )
            raise DataError(message)
        flat.append(values)
    px, py, pz, energy = flat
    return px, py, pz, energy, counts


def sequence(flat: Momenta, definition: Any) -> Any:
    """Cluster many events at once.

    Parameters
    ----------
    flat : Momenta
        Of `momenta`.
    definition : fastjet.JetDefinition

    Returns
    -------
    fastjet.ClusterSequence
        Its methods return awkward arrays, one entry per event.
    """
    import awkward as ak  # noqa: PLC0415 - slow to import

    *components, counts = flat
    offsets = np.concatenate([[0], np.cumsum(counts, dtype=np.int64)])
    record = ak.contents.RecordArray(
        [ak.contents.NumpyArray(values) for values in components], list(COMPONENTS)
    )
    layout = ak.contents.ListOffsetArray(ak.index.Index64(offsets), record)
    return fastjet().ClusterSequence(ak.Array(layout), definition)


@contextmanager
def quiet() -> Iterator[None]:
    """Silence FastJet's warning about exclusive jets, which it also gives for kT, by mistake."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="dcut and exclusive jets", category=UserWarning)
        kept = warnings.formatwarning
        try:
            yield
        finally:
            warnings.formatwarning = kept  # FastJet replaces it for the whole process
