"""Top landscape: the top-tagging reference jets, a pandas table of 200 four-vectors per jet.

Jets of 550 to 650 GeV (anti-kT, R = 0.8) from 14 TeV collisions: tops against QCD.

References
----------
G. Kasieczka et al., "The Machine Learning Landscape of Top Taggers", arXiv:1902.09914. The data are
at https://doi.org/10.5281/zenodo.2603256.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from bycatch.errors import ColumnError, DataError, InputError, nearest
from bycatch.events import extras
from bycatch.events.formats import open_source
from bycatch.events.formats.base import Batch, Source
from bycatch.events.paths import PathLike, Paths, resolve_paths
from bycatch.events.public._layouts import (
    FOUR_VECTOR,
    Pieces,
    binary_label,
    check_chunk,
    jets_of,
    no_events,
    pad,
    pieces,
    truth_of,
    unpad,
)
from bycatch.events.table import Events
from bycatch.tasks.files import atomic_write

MAX_CONSTITUENTS = 200
"""Constituents per jet in the file; jets with fewer are filled with zeros."""

_PREFIXES = ("E", "PX", "PY", "PZ")
_ORDER = (1, 2, 3, 0)  # px, py, pz, E within the file's E, PX, PY, PZ
_CONSTITUENTS = tuple(f"{name}_{i}" for i in range(MAX_CONSTITUENTS) for name in _PREFIXES)
_TRUTH = ("truthE", "truthPX", "truthPY", "truthPZ")
_INTEGERS = ("ttv", "is_signal_new")

COLUMNS = (*_CONSTITUENTS, *_TRUTH, *_INTEGERS)
"""Columns of the file in its order."""

_ROWS = 10_000


def read(path: Paths) -> Events:
    """Read jets into memory.

    Parameters
    ----------
    path : str, path or sequence of them
        ``train.h5``, ``val.h5`` or ``test.h5`` (or the same columns in Parquet). Files that are
        compressed with blosc need the extra ``bycatch[tables]``.

    Returns
    -------
    Events
        jet_pt, jet_eta, jet_phi, jet_mass (sum of the constituents); constituent_px, _py, _pz, _E,
        ragged, by falling pT as in the file; truth_px, truth_py, truth_pz, truth_E of the top quark
        (zeros for QCD); ttv (the file's own number of the sample); label (1 top, 0 QCD). GeV.

    Raises
    ------
    InputError
        If a file cannot be read, holds no jets, or a label is neither 0 nor 1.
    ColumnError
        If a column is missing.
    """
    return Events.concatenate(list(scan(path)))


def scan(path: Paths, chunk: int = _ROWS) -> Iterator[Events]:
    """Stream jets.

    Parameters
    ----------
    path
        As in `read`.
    chunk : int
        Jets at a time (20 kB each while they are read).

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
        with open_source(file) as source:
            _check_columns(source)
            if source.empty(COLUMNS):
                raise no_events(file)
            for raw in source.batches(COLUMNS, chunk, None):
                yield _events(file, raw)


def write(
    path: PathLike, events: Pieces, compression: Literal["blosc", "zlib", "none"] = "blosc"
) -> None:
    """Write jets as a pandas table, which `pandas.read_hdf` and `read` open.

    Needs the extra ``bycatch[tables]``. The compressed file (0.8 kB per jet) is built in memory.

    Parameters
    ----------
    path : str or path
    events : Events, or iterable of Events
        Ragged constituent_px, _py, _pz, _E (GeV) by falling pT, of which the file takes the first
        200, and the label. truth_px, truth_py, truth_pz, truth_E and ttv become zeros where they
        are absent, as they are for QCD jets.
    compression : {"blosc", "zlib", "none"}
        The public files use blosc.

    Raises
    ------
    ColumnError
        If the constituents are missing.
    DataError
        If there are no jets, or no labels of 0 and 1.
    InputError
        If the extra is missing.
    StorageError
        If the file cannot be written.
    """
    library = extras.tables(str(path))
    filters = library.Filters(5, compression) if compression != "none" else library.Filters(0)
    # in memory, because the library crashes when the disk is full while it holds an open file
    memory = {"driver": "H5FD_CORE", "driver_core_backing_store": 0}
    with library.open_file(str(path), "w", filters=filters, **memory) as file:
        rows = _store(library, file, events)
        file.flush()
        image = file.get_file_image()
    if not rows:
        raise DataError(f"There are no jets to write to {path}.")
    atomic_write(Path(path), image)


def _store(library: Any, file: Any, events: Pieces) -> int:
    """Append all events to a new table and return their number."""
    rows = 0
    table = file.create_table("/table", "table", _description(library), createparents=True)
    _pandas_attributes(file, table)
    for part in pieces(events):
        for start in range(0, len(part), _ROWS):
            piece = part.select(np.arange(start, min(start + _ROWS, len(part))))
            table.append(_rows(piece, rows))
            rows += len(piece)
    return rows


def _check_columns(source: Source) -> None:
    there = set(source.columns)
    missing = [name for name in COLUMNS if name not in there]
    if missing:
        count = sum(f"E_{i}" in there for i in range(MAX_CONSTITUENTS))
        raise ColumnError(
            f"{source.path} has no column {missing[0]!r} (nor {len(missing) - 1} others of the "
            f"{len(COLUMNS)} of a top landscape file, and {count} of its {MAX_CONSTITUENTS} "
            f"constituents); the nearest are {nearest(missing[0], source.columns)}."
        )


def _numbers(path: str, raw: Batch, names: tuple[str, ...]) -> NDArray[np.float64]:
    for name in names:
        values = raw[name]
        if (
            not isinstance(values, np.ndarray)
            or values.ndim != 1
            or values.dtype.kind not in "biuf"
        ):
            raise InputError(f"Column {name!r} of {path} does not hold one number per jet.")
    return np.stack([raw[name] for name in names], axis=1).astype(np.float64)


def _events(path: str, raw: Batch) -> Events:
    stacked = _numbers(path, raw, _CONSTITUENTS).reshape(-1, MAX_CONSTITUENTS, 4)
    vectors = stacked[:, :, _ORDER]
    present = (vectors != 0).any(axis=2)  # a NaN is not 0: it stays and can be counted
    truth = _numbers(path, raw, _TRUTH)[:, _ORDER]
    label = binary_label(path, "is_signal_new", raw["is_signal_new"])
    columns: dict[str, Any] = jets_of(vectors)
    for index, name in enumerate(FOUR_VECTOR):
        columns[f"constituent_{name}"] = unpad(vectors[:, :, index], present)
        columns[f"truth_{name}"] = truth[:, index]
    return Events({**columns, "ttv": raw["ttv"], "label": label}, label=label)


def _description(library: Any) -> dict[str, Any]:
    floats = len(_CONSTITUENTS) + len(_TRUTH)
    return {
        "index": library.Int64Col(pos=0),
        "values_block_0": library.Float32Col(shape=(floats,), pos=1),
        "values_block_1": library.Int64Col(shape=(len(_INTEGERS),), pos=2),
    }


def _pandas_attributes(file: Any, table: Any) -> None:
    """Say what pandas has to know; PyTables pickles the lists, which is how the format is."""
    blocks = ["values_block_0", "values_block_1"]
    info: dict[Any, Any] = {1: {"names": [None], "type": "Index"}, "index": {}}
    group: dict[str, Any] = {
        "pandas_type": "frame_table",
        "table_type": "appendable_frame",
        "index_cols": [(0, "index")],
        "values_cols": blocks,
        "non_index_axes": [(1, list(COLUMNS))],
        "data_columns": [],
        "nan_rep": None,
        "encoding": "UTF-8",
        "errors": "strict",
        "levels": 1,
        "info": info | {name: {} for name in blocks},
    }
    for key, value in group.items():
        file.set_node_attr("/table", key, value)
    names = (list(COLUMNS[: -len(_INTEGERS)]), list(_INTEGERS))
    for block, kind, dtype in zip(blocks, names, ("float32", "int64"), strict=True):
        table.attrs[f"{block}_kind"] = kind
        table.attrs[f"{block}_dtype"] = dtype
        table.attrs[f"{block}_meta"] = None
    table.attrs["index_kind"] = "integer"


def _rows(events: Events, first: int) -> NDArray[np.void]:
    """Return jets as rows of the file, numbered from `first`."""
    label = truth_of(events, "Top landscape")
    values = np.zeros((len(events), MAX_CONSTITUENTS + 1, 4), dtype=np.float32)
    for index, name in zip(_ORDER, FOUR_VECTOR, strict=True):
        values[:, :-1, index] = pad(events[f"constituent_{name}"], MAX_CONSTITUENTS, np.float32)
        if f"truth_{name}" in events.columns:
            values[:, -1, index] = events[f"truth_{name}"]
    ttv = events["ttv"] if "ttv" in events.columns else np.zeros(len(events))
    integers = np.stack([np.asarray(ttv), label], axis=1).astype(np.int64)
    width = values.shape[1] * 4
    kinds = [("index", "<i8"), ("values_block_0", "<f4", (width,)), ("values_block_1", "<i8", (2,))]
    rows = np.empty(len(events), dtype=kinds)
    rows["index"] = np.arange(first, first + len(events))
    rows["values_block_0"] = values.reshape(len(events), width)
    rows["values_block_1"] = integers
    return rows
