"""FastJet, imported in this one place: the install line, its banner and its layout of arrays."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from importlib import import_module
from typing import Any

import numpy as np

from bycatch.errors import InputError
from bycatch.kinematics.particles import COMPONENTS, Momenta


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
        raise InputError(
            'Clustering jets needs FastJet, an extra: pip install "bycatch[simulate]".'
        ) from None
    # Its banner would go to standard output, between the lines of JSON that a command prints.
    import_module("fastjet._swig").ClusterSequence.set_fastjet_banner_stream(None)
    return module


def sequence(flat: Momenta, definition: Any) -> Any:
    """Cluster many events at once.

    Parameters
    ----------
    flat : Momenta
        Of `bycatch.kinematics.particles.momenta`.
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
