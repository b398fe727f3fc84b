"""Read events: all at once, in chunks, or as derived columns; only what is needed is read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bycatch.errors import ColumnError, DataError, InputError
from bycatch.events.expressions import Expression, parse
from bycatch.events.formats import open_source
from bycatch.events.formats.base import Source
from bycatch.events.paths import Paths, resolve_paths
from bycatch.events.table import Events, as_label

CHUNK = 200_000
"""Rows that are in memory at a time while a file is streamed."""


def read(
    path: Paths,
    columns: Sequence[str] | None = None,
    where: str | None = None,
    weight: str | None = None,
    label: str | None = None,
) -> Events:
    """Read events into memory.

    Parameters
    ----------
    path : str, path or sequence of them
        Parquet, HDF5, ROOT (``file.root:Events``), npz or CSV files; lists and globs are joined.
    columns : sequence of str, optional
        Columns to keep (default: all). Only these and those of the expressions are read.
    where : str, optional
        Cut, for example ``(mjj > 3000) & (label == 0)``.
    weight : str, optional
        Expression of the signed event weight (default: 1).
    label : str, optional
        Expression of the truth label.

    Returns
    -------
    Events
        Possibly none, if no event passes the cut.

    Raises
    ------
    InputError
        If a file is missing, damaged, empty or of an unknown format, or files differ in columns.
    ColumnError
        If a column is missing.
    ExpressionError
        If an expression is refused or does not fit.

    Examples
    --------
    >>> events = read("events.parquet", columns=["mjj"], where="mjj > 3000")  # doctest: +SKIP
    """
    return Events.concatenate(list(scan(path, columns, where, weight, label)))


def scan(
    path: Paths,
    columns: Sequence[str] | None = None,
    where: str | None = None,
    weight: str | None = None,
    label: str | None = None,
    chunk: int = CHUNK,
) -> Iterator[Events]:
    """Stream events in the order of the files, with bounded memory.

    Parameters
    ----------
    path, columns, where, weight, label
        As in `read`.
    chunk : int
        Largest number of rows that are read at a time.

    Yields
    ------
    Events
        Those of a chunk that pass the cut. Chunks without any are left out, but at least one
        (possibly empty) table comes.

    Raises
    ------
    InputError, ColumnError, ExpressionError
        As in `read`.
    """
    keep = None if columns is None else tuple(dict.fromkeys(columns))
    wanted = {"weight": weight, "label": label}
    expressions = {key: parse(text) for key, text in wanted.items() if text is not None}
    request = _Request(keep, None if where is None else parse(where), expressions)
    some = False
    empty: Events | None = None
    for piece in _pieces(path, request, chunk):
        events = Events(
            piece.columns,
            piece.vector("weight") if weight is not None else np.ones(piece.length),
            as_label(piece.vector("label")) if label is not None else None,
        )
        if len(events):
            some = True
            yield events
        elif empty is None:
            empty = events
    if not some:
        yield empty if empty is not None else _nothing(keep, label)


def derive(
    path: Paths,
    expressions: Mapping[str, str],
    where: str | None = None,
    chunk: int = CHUNK,
) -> dict[str, NDArray[np.float64]]:
    """Compute columns from a file while it is streamed; memory holds little but the result.

    Parameters
    ----------
    path : str, path or sequence of them
    expressions : mapping of str to str
        Name and expression of each new column, for example ``{"m": "minimum(m1, m2) / 1000"}``.
    where : str, optional
        Cut.
    chunk : int
        Largest number of rows that are read at a time.

    Returns
    -------
    dict of str to ndarray of shape (n_events,), float64
        In the order of `expressions`. Values may be NaN or infinite: see `count_nonfinite`.

    Raises
    ------
    InputError, ColumnError, ExpressionError
        As in `read`.
    """
    parsed = {name: parse(text) for name, text in expressions.items()}
    request = _Request((), None if where is None else parse(where), parsed)
    columns = {name: _Growing() for name in parsed}
    for piece in _pieces(path, request, chunk):
        for name, column in columns.items():
            column.extend(piece.vector(name))
    return {name: column.finish() for name, column in columns.items()}


def column_names(path: Paths) -> list[str]:
    """Return the columns that a file (the first of several) offers.

    Parameters
    ----------
    path : str, path or sequence of them

    Returns
    -------
    list of str

    Raises
    ------
    InputError
        If the file is missing, damaged or of an unknown format.
    """
    with open_source(resolve_paths(path)[0]) as source:
        return list(source.columns)


class _Growing:
    """A column that grows in place: joining pieces at the end would hold everything twice."""

    def __init__(self) -> None:
        self._data: NDArray[np.float64] = np.empty(0)
        self._used = 0

    def extend(self, values: NDArray[np.float64]) -> None:
        needed = self._used + len(values)
        if needed > len(self._data):
            # a quarter more at a time: few copies, little waste
            self._data.resize(max(needed, len(self._data) * 5 // 4), refcheck=False)
        self._data[self._used : needed] = values
        self._used = needed

    def finish(self) -> NDArray[np.float64]:
        self._data.resize(self._used, refcheck=False)
        return self._data


@dataclass(frozen=True)
class _Request:
    """Columns to keep (None: all), the cut, and expressions to evaluate."""

    columns: tuple[str, ...] | None
    where: Expression | None
    expressions: Mapping[str, Expression]

    def needed(self, source: Source) -> list[str]:
        names = list(source.columns if self.columns is None else self.columns)
        for expression in (self.where, *self.expressions.values()):
            if expression is not None:
                names += sorted(expression.names)
        # a constant needs no column, but something has to tell the number of rows
        return list(dict.fromkeys(names)) or list(source.columns[:1])


@dataclass(frozen=True)
class _Piece:
    """Rows of one batch that passed the cut."""

    request: _Request
    raw: Mapping[str, Any]
    kept: tuple[str, ...]
    length: int

    @property
    def columns(self) -> dict[str, Any]:
        return {name: self.raw[name] for name in self.kept}

    def vector(self, name: str) -> NDArray[np.float64]:
        return self.request.expressions[name].vector(self.raw, self.length)


def _pieces(path: Paths, request: _Request, chunk: int) -> Iterator[_Piece]:
    if chunk < 1:
        raise DataError(f"A chunk must have at least one row, not {chunk}.")
    files = resolve_paths(path)
    first: tuple[str, ...] | None = None
    empty = True
    for file in files:
        with open_source(file) as source:
            first = source.columns if first is None else first
            needed = request.needed(source)
            _check_columns(source, needed, first, files[0], request.columns is None)
            kept = source.columns if request.columns is None else request.columns
            empty = empty and source.empty(needed)
            for raw in source.batches(needed, chunk, request.where):
                yield _select(request, raw, kept)
    if empty:
        raise InputError(f"{', '.join(files[:3])} holds no events; check how it was written.")


def _select(request: _Request, raw: Mapping[str, Any], kept: tuple[str, ...]) -> _Piece:
    """Apply the cut to a batch."""
    count = len(next(iter(raw.values())))
    if request.where is None:
        return _Piece(request, raw, kept, count)
    mask = request.where.mask(raw, count)
    passed = int(np.count_nonzero(mask))
    if passed < count:
        raw = {name: values[mask] for name, values in raw.items()}
    return _Piece(request, raw, kept, passed)


def _check_columns(
    source: Source, needed: Sequence[str], first: tuple[str, ...], origin: str, everything: bool
) -> None:
    try:
        source.check(needed)
    except ColumnError as error:
        if source.path != origin and all(name in first for name in needed):
            raise ColumnError(
                f"{str(error)[:-1]}; the file {origin} of the same input has it."
            ) from None
        raise
    if everything and set(source.columns) != set(first):
        odd = sorted(set(source.columns) ^ set(first))
        raise InputError(
            f"{source.path} and {origin} have different columns (they differ in "
            f"{', '.join(map(repr, odd[:6]))}); choose common ones with columns=[...]."
        )


def _nothing(columns: tuple[str, ...] | None, label: str | None) -> Events:
    empty: dict[str, Any] = {name: np.empty(0) for name in columns or ()}
    return Events(empty, np.empty(0), None if label is None else np.empty(0, np.int8))
