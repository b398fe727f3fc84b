"""What models eat, on disk: written while files are streamed, read row by row.

Memory holds a chunk while events are read or scored, and the rows of a training while it runs; a
file of any length can be scored. Images lie there as they are before pixels are raised to a power
and smeared, so that one file serves every preprocessing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bycatch.anomaly.plan import InputPlan, Preprocessing, SamplePlan
from bycatch.errors import DataError
from bycatch.events import column_names, scan
from bycatch.events.table import Events
from bycatch.represent import represent
from bycatch.represent.images import reweighted
from bycatch.tasks.files import atomic_file

ROWS = 20_000
"""Rows in memory at a time."""

_PREFIXES = {
    "images": ("constituent_",),
    "constituents": ("constituent_",),
    "substructure": ("constituent_",),
    "particle_flow": ("particle_", "constituent_", "electron_", "muon_"),
    "objects": ("met_", "electron_", "muon_", "jet_"),
    "lepton_stream": (
        "met_",
        "electron_",
        "muon_",
        "photon_",
        "jet_",
        "n_charged_hadrons",
        "n_neutral_hadrons",
    ),
}


@dataclass(frozen=True)
class StoredInputs:
    """Rows on disk.

    Attributes
    ----------
    values : str
        Path of an array of shape (n_rows, ...), float32.
    mask : str or None
        Path of an array of bool of shape (n_rows, n_objects).
    normalise : bool
        Whether images are divided by their sum after a reweighting.
    """

    values: str
    mask: str | None = None
    normalise: bool = True

    def rows(
        self,
        rows: NDArray[np.int64],
        pixels: Preprocessing | None = None,
        *,
        flat: bool = False,
    ) -> dict[str, NDArray[Any]]:
        """Return ``x``, and ``mask`` for sets, of these rows.

        Parameters
        ----------
        rows : ndarray of int of shape (n_rows,)
            Positions in the file.
        pixels : Preprocessing, optional
            Of images.
        flat : bool
            Make vectors of images and sets; what is not there is zero.

        Returns
        -------
        dict of str to ndarray
        """
        stored = np.load(self.values, mmap_mode="r", allow_pickle=False)
        x = np.empty((len(rows), *stored.shape[1:]), dtype=np.float32)
        for start in range(0, len(rows), ROWS):
            part = np.asarray(stored[rows[start : start + ROWS]])
            if pixels is not None and pixels != Preprocessing():
                part = reweighted(part, pixels.power, pixels.smear, normalise=self.normalise)
            x[start : start + ROWS] = part
        if self.mask is None:
            return {"x": x.reshape(len(x), -1) if flat else x}
        mask = np.asarray(np.load(self.mask, mmap_mode="r", allow_pickle=False)[rows])
        if flat:
            return {"x": np.where(mask[..., None], x, 0.0).reshape(len(x), -1)}
        return {"x": x, "mask": mask}

    def chunks(
        self, rows: NDArray[np.int64], pixels: Preprocessing | None, *, flat: bool
    ) -> Iterator[tuple[slice, dict[str, NDArray[Any]]]]:
        """Yield slices of `rows` and what they hold, a chunk at a time."""
        for start in range(0, len(rows), ROWS):
            part = slice(start, start + ROWS)
            yield part, self.rows(rows[part], pixels, flat=flat)


def needed_columns(name: str, available: Sequence[str]) -> list[str]:
    """Return the columns that a representation reads, of those that there are."""
    return [column for column in available if column.startswith(_PREFIXES[name])]


def write_inputs(
    samples: Sequence[SamplePlan],
    chosen: Sequence[NDArray[np.int64]],
    inputs: InputPlan,
    folder: Path,
    *,
    drop: bool,
) -> tuple[StoredInputs, NDArray[np.bool_], tuple[str, ...]]:
    """Stream files into the representation of their events.

    Parameters
    ----------
    samples : sequence of SamplePlan
    chosen : sequence of ndarray of int
        Rising positions of the events to keep, after the cut, for each sample.
    inputs : InputPlan
        Any but ``features``.
    folder : Path
        Gets ``values.npy`` and, for sets, ``mask.npy``.
    drop : bool
        Leave events out that have a value that is not finite, instead of refusing them.

    Returns
    -------
    stored : StoredInputs
        A row for every chosen event.
    good : ndarray of bool of shape (n_rows,)
        False for events that were left out; their rows are zero.
    names : tuple of str
        Of the last axis.

    Raises
    ------
    InputError, ColumnError, ConfigError, DataError
        As the files and the representation say.
    """
    total = sum(map(len, chosen))
    good = np.ones(total, dtype=bool)
    names: tuple[str, ...] = ()
    values: Any = None
    mask: Any = None
    position = 0
    with ExitStack() as stack:
        for found, kept in _streamed(samples, chosen, inputs, drop=drop):
            n_rows = len(kept)
            if values is None:
                names = found.names
                values = _array(stack, folder / "values.npy", np.float32, total, found.values)
                if found.mask is not None:
                    mask = _array(stack, folder / "mask.npy", np.bool_, total, found.mask)
            here = position + np.flatnonzero(kept)
            values[here] = found.values
            if mask is not None:
                mask[here] = found.mask
            good[position : position + n_rows] = kept
            position += n_rows
        for array in (values, mask):
            if array is not None:
                array.flush()
    if values is None:
        raise DataError(
            f"There are no events in {', '.join(s.name for s in samples)} to represent."
        )
    path = str(folder / "values.npy")
    normalise = bool(inputs.options.get("normalise", True))
    stored = StoredInputs(path, None if mask is None else str(folder / "mask.npy"), normalise)
    return stored, good, names


def _array(stack: ExitStack, path: Path, dtype: Any, total: int, like: NDArray[Any]) -> Any:
    temporary = stack.enter_context(atomic_file(path))
    return np.lib.format.open_memmap(
        temporary, mode="w+", dtype=dtype, shape=(total, *like.shape[1:])
    )


def _streamed(
    samples: Sequence[SamplePlan],
    chosen: Sequence[NDArray[np.int64]],
    inputs: InputPlan,
    *,
    drop: bool,
) -> Iterator[tuple[Any, NDArray[np.bool_]]]:
    """Yield the representation of the good events of each chunk, and which of them are good."""
    for sample, wanted in zip(samples, chosen, strict=True):
        columns = needed_columns(inputs.name, column_names(sample.path))
        first = 0
        for events in scan(sample.path, columns, where=sample.where, chunk=ROWS):
            low, high = (int(i) for i in np.searchsorted(wanted, [first, first + len(events)]))
            part = events.select(np.asarray(wanted[low:high]) - first)
            first += len(events)
            if len(part) == 0:
                continue
            kept: NDArray[np.bool_] = np.ones(len(part), dtype=bool)
            if drop:
                kept = _finite(part)
            found = represent(inputs.name, part.select(kept), **inputs.options)
            fine = np.isfinite(found.values).all(axis=tuple(range(1, found.values.ndim)))
            bad = np.atleast_1d(~fine)
            if bad.any():
                raise DataError(
                    f"{int(bad.sum())} of {len(bad)} events of '{sample.name}' become NaN or "
                    f"infinite as '{inputs.name}'; cut them with 'where'."
                )
            yield found, kept


def _finite(events: Events) -> NDArray[np.bool_]:
    """Mark the events that have no value that is not finite."""
    import awkward as ak  # noqa: PLC0415 - slow to import, and most files are flat

    good = np.ones(len(events), dtype=bool)
    columns: Mapping[str, Any] = events.columns
    for column in columns.values():
        fine = np.isfinite(column)
        good &= np.asarray(fine if fine.ndim == 1 else ak.to_numpy(ak.all(fine, axis=1)))
    return good
