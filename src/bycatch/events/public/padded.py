"""Padded constituents in an npz file: four-vectors, a mask of which are there, and a label.

The usual form of small copies of jet data sets (top landscape, quark against gluon).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bycatch.errors import ColumnError, DataError, InputError
from bycatch.events.formats.npz import Reader
from bycatch.events.paths import PathLike, Paths, resolve_paths, split_object
from bycatch.events.public._layouts import (
    FOUR_VECTOR,
    Pieces,
    binary_label,
    check_chunk,
    counts_of,
    jets_of,
    no_events,
    pad,
    pieces,
    truth_of,
    unpad,
)
from bycatch.events.table import Events
from bycatch.tasks.files import atomic_file

_NAMES = ("constituents", "mask", "label")


def read(path: Paths) -> Events:
    """Read jets into memory.

    Parameters
    ----------
    path : str, path or sequence of them
        An npz file of ``constituents`` (n_jets, width, 4) with px, py, pz, E in GeV, ``mask``
        (n_jets, width) and ``label`` (n_jets,).

    Returns
    -------
    Events
        jet_pt, jet_eta, jet_phi, jet_mass (sum of the constituents), ragged constituent_px, _py,
        _pz, _E in the order of the file, and the label (1 signal, 0 background). GeV.

    Raises
    ------
    InputError
        If a file cannot be read, holds no jets, an array has another shape, a constituent outside
        of the mask is not zero, or a label is neither 0 nor 1.
    ColumnError
        If an array is missing.
    """
    return Events.concatenate(list(scan(path)))


def scan(path: Paths, chunk: int = 10_000) -> Iterator[Events]:
    """Stream jets.

    Parameters
    ----------
    path
        As in `read`.
    chunk : int
        Jets at a time.

    Yields
    ------
    Events
        As in `read`.

    Raises
    ------
    InputError, ColumnError
        As in `read`.
    """
    check_chunk(chunk)
    for file in resolve_paths(path):
        with Reader(*split_object(file)) as source:
            source.check(_NAMES)
            if source.empty(("constituents",)):
                raise no_events(file)
            for raw in source.batches(_NAMES, chunk, None):
                yield _events(file, raw)


def write(path: PathLike, events: Pieces, width: int = 128) -> None:
    """Write jets.

    Parameters
    ----------
    path : str or path
    events : Events, or iterable of Events
        Ragged constituent_px, _py, _pz, _E (GeV) by falling pT, of which the file takes the first
        `width`, and the label.
    width : int
        Constituents per jet in the file.

    Raises
    ------
    ColumnError
        If the constituents are missing.
    DataError
        If there are no jets, or no labels of 0 and 1.
    StorageError
        If the file cannot be written.
    """
    parts = [_arrays(part, width) for part in pieces(events)]
    if not parts:
        raise DataError(f"There are no jets to write to {path}.")
    arrays = {name: np.concatenate([part[name] for part in parts]) for name in _NAMES}
    with atomic_file(Path(path)) as temporary, temporary.open("wb") as stream:
        np.savez_compressed(stream, **arrays)  # type: ignore[arg-type]  # names are ours


def _events(path: str, raw: Mapping[str, Any]) -> Events:
    constituents, mask, label = (np.asarray(raw[name]) for name in _NAMES)
    shape = constituents.shape
    if len(shape) != 3 or shape[2] != 4 or mask.shape != shape[:2] or label.shape != shape[:1]:
        listed = ", ".join(f"{name!r} {raw[name].shape}" for name in _NAMES)
        raise InputError(
            f"{path} holds {listed}, but padded constituents are (jets, width, 4), (jets, width) "
            "and (jets,); check how it was written."
        )
    if constituents.dtype.kind not in "biuf":
        raise ColumnError(
            f"'constituents' of {path} are {constituents.dtype}; save them as numbers."
        )
    present = mask.astype(np.bool_)
    vectors = constituents.astype(np.float64)
    stray = (vectors != 0).any(axis=2) & ~present
    if stray.any():
        raise InputError(
            f"{path} has {stray.sum()} constituents that are not zero where its mask says that "
            "there are none; check the mask."
        )
    truth = binary_label(path, "label", label)
    columns: dict[str, Any] = jets_of(vectors)
    for index, name in enumerate(FOUR_VECTOR):
        columns[f"constituent_{name}"] = unpad(vectors[:, :, index], present)
    return Events({**columns, "label": truth}, label=truth)


def _arrays(events: Events, width: int) -> dict[str, NDArray[Any]]:
    columns = [events[f"constituent_{name}"] for name in FOUR_VECTOR]
    counts = counts_of(columns[0])
    return {
        "constituents": np.stack([pad(column, width, np.float32) for column in columns], axis=2),
        "mask": np.arange(width) < counts[:, None],
        "label": truth_of(events, "Padded constituent"),
    }
