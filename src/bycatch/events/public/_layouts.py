"""What the public layouts share: padding, checks of labels and shapes, and pieces of events."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bycatch.errors import ColumnError, DataError, InputError, nearest
from bycatch.events.formats.base import damaged
from bycatch.events.paths import PathLike, split_object
from bycatch.events.table import Events
from bycatch.tasks.files import atomic_write

Pieces: TypeAlias = Events | Iterable[Events]
"""Events at once, or piece by piece for what does not fit into memory."""

FOUR_VECTOR = ("px", "py", "pz", "E")
"""Components of a constituent in our own order."""


def pieces(events: Pieces) -> Iterator[Events]:
    """Yield the pieces of some events; the parts without any are left out."""
    parts = [events] if isinstance(events, Events) else events
    return (part for part in parts if len(part))


def check_chunk(chunk: int) -> None:
    """Raise `DataError` unless a chunk has a row."""
    if chunk < 1:
        raise DataError(f"A chunk must have at least one row, not {chunk}.")


def no_events(path: str) -> InputError:
    """Return the error for a file without events."""
    return InputError(f"{path} holds no events; check how it was written.")


def unpad(matrix: NDArray[Any], present: NDArray[np.bool_]) -> Any:
    """Return the values that are present, as one list per row.

    Parameters
    ----------
    matrix : ndarray of shape (n_rows, n_places)
    present : ndarray of bool of the same shape

    Returns
    -------
    awkward.Array of shape (n_rows, var)
    """
    import awkward as ak  # noqa: PLC0415 - slow to import

    return ak.unflatten(matrix[present], present.sum(axis=1))


def flat(values: Any) -> NDArray[Any]:
    """Return the values of all rows of a ragged column, one after the other."""
    import awkward as ak  # noqa: PLC0415 - slow to import

    return np.asarray(ak.to_numpy(ak.flatten(values, axis=1)))


def counts_of(values: Any) -> NDArray[np.int64]:
    """Return the number of values in every row of a ragged column."""
    import awkward as ak  # noqa: PLC0415 - slow to import

    return np.asarray(ak.to_numpy(ak.num(values, axis=1)), dtype=np.int64)


def pad(values: Any, width: int, dtype: type[np.generic]) -> NDArray[Any]:
    """Return the first `width` values of every row, zeros where there are fewer.

    Parameters
    ----------
    values : awkward.Array of shape (n_rows, var)
    width : int
    dtype : type

    Returns
    -------
    ndarray of shape (n_rows, width)
    """
    from bycatch.kinematics.particles import pad as pad_flat  # noqa: PLC0415 - needs awkward

    matrix, _ = pad_flat(flat(values).astype(dtype), counts_of(values), width)
    return matrix


def jets_of(vectors: NDArray[np.float64]) -> dict[str, NDArray[np.float64]]:
    """Return pt, eta, phi and mass of the sum of the constituents.

    Parameters
    ----------
    vectors : ndarray of shape (n_jets, n_places, 4)
        px, py, pz, E in GeV; zeros are harmless.

    Returns
    -------
    dict of str to ndarray of shape (n_jets,)
        jet_pt, jet_eta, jet_phi, jet_mass.
    """
    from bycatch.kinematics.vectors import pt_eta_phi_mass  # noqa: PLC0415 - needs awkward

    values = pt_eta_phi_mass(*np.moveaxis(vectors.sum(axis=1), 1, 0))
    names = ("jet_pt", "jet_eta", "jet_phi", "jet_mass")
    return {name: np.asarray(value) for name, value in zip(names, values, strict=True)}


def binary_label(path: str, name: str, values: ArrayLike) -> NDArray[np.int8]:
    """Return labels as int8; anything but 0 and 1 is an `InputError` that counts them."""
    array = np.asarray(values)
    wrong = ~np.isin(array, (0, 1))  # NaN is in no set
    if wrong.any():
        raise InputError(
            f"Column {name!r} of {path} is {array[wrong][0]} in {wrong.sum()} of {array.size} rows "
            "(first: row "
            f"{int(np.flatnonzero(wrong)[0])}), but this label is 0 or 1; check how it was written."
        )
    return array.astype(np.int8)


def truth_of(events: Events, layout: str) -> NDArray[np.int8]:
    """Return the labels of events that are to be written; a `DataError` where there are none."""
    if events.label is None:
        raise DataError(
            f"{layout} files hold a label, but these events have none; give Events(label=...)."
        )
    if not np.isin(events.label, (0, 1)).all():
        raise DataError(f"{layout} files hold the labels 0 and 1, but these events have others.")
    return events.label


@contextmanager
def hdf5_file(path: PathLike) -> Iterator[Any]:
    """Make an HDF5 file in memory and write it at the end, whole or not at all.

    The library crashes when the disk is full while it holds an open file.

    Parameters
    ----------
    path : str or path

    Yields
    ------
    h5py.File

    Raises
    ------
    StorageError
        If the file cannot be written.
    """
    import h5py  # noqa: PLC0415 - only for the layouts that need it

    with h5py.File(str(path), "w", driver="core", backing_store=False) as file:
        yield file
        file.flush()
        image = file.id.get_file_image()
    atomic_write(Path(path), image)


def datasets(
    path: str,
    shapes: Mapping[str, tuple[int | None, ...]],
    chunk: int,
    texts: Mapping[str, Sequence[str]] | None = None,
    optional: Sequence[str] = (),
) -> Iterator[dict[str, NDArray[Any]]]:
    """Stream data sets of an HDF5 file that lie side by side.

    Parameters
    ----------
    path : str
    shapes : mapping of str to tuple
        Names and their shapes without the first axis (the events); None stands for any length.
    chunk : int
        Events at a time.
    texts : mapping of str to sequence of str, optional
        Data sets that have to hold exactly these texts.
    optional : sequence of str
        Those in `shapes` that may be absent.

    Yields
    ------
    dict of str to ndarray

    Raises
    ------
    InputError
        If the file is damaged, empty, or a data set has another shape or text.
    ColumnError
        If a data set is missing.
    """
    import h5py  # noqa: PLC0415 - only for the layouts that need it

    check_chunk(chunk)
    name, inside = split_object(path)
    if inside is not None:
        raise InputError(f"{name} has its data sets at the top; leave out {inside!r}.")
    broken = (OSError, RuntimeError, LookupError, ValueError, TypeError, AttributeError)
    try:
        with h5py.File(path, "r") as file:
            chosen = [key for key in shapes if key in file or key not in optional]
            found = {key: _dataset(path, file, key) for key in (*chosen, *(texts or {}))}
            for key, wanted in (texts or {}).items():
                _check_texts(path, key, found[key], wanted)
            total = _common_length(path, {key: found[key] for key in chosen}, shapes)
            for start in range(0, total, chunk):
                yield {key: found[key][start : start + chunk] for key in chosen}
    except InputError:
        raise
    except broken as error:
        raise damaged(path, "HDF5", error) from None


def _dataset(path: str, file: Any, key: str) -> Any:
    if key not in file or not hasattr(file[key], "shape"):
        raise ColumnError(
            f"{path} has no data set {key!r}; the nearest are {nearest(key, list(file))}."
        )
    return file[key]


def _check_texts(path: str, key: str, dataset: Any, wanted: Sequence[str]) -> None:
    values = np.atleast_1d(dataset[()]).ravel().tolist()
    there = [item.decode() if isinstance(item, bytes) else str(item) for item in values]
    if there != list(wanted):
        raise InputError(
            f"{key!r} of {path} is {there}, but this layout has {list(wanted)}; check what the "
            "file holds."
        )


def _common_length(
    path: str, found: Mapping[str, Any], shapes: Mapping[str, tuple[int | None, ...]]
) -> int:
    for key, dataset in found.items():
        wanted, there = shapes[key], tuple(dataset.shape)
        fits = len(there) == len(wanted) + 1 and all(
            size in {None, actual} for size, actual in zip(wanted, there[1:], strict=True)
        )
        if not fits or dataset.dtype.kind not in "biuf":
            listed = ", ".join(
                ("events", *("any" if size is None else str(size) for size in wanted))
            )
            raise InputError(
                f"{key!r} of {path} has the shape {there} of {dataset.dtype}, but this layout has "
                f"({listed}) of numbers; check how it was written."
            )
    lengths = {key: int(dataset.shape[0]) for key, dataset in found.items()}
    if len(set(lengths.values())) > 1:
        raise InputError(
            f"The data sets of {path} have different lengths ({lengths}); it is truncated."
        )
    total = next(iter(lengths.values()))
    if total == 0:
        raise no_events(path)
    return total
