"""What a reader of a format offers: its columns, and batches of rows of some of them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from types import TracebackType
from typing import Any, Self, TypeAlias

import numpy as np

from bycatch.errors import ColumnError, InputError, nearest
from bycatch.events.expressions import Expression

Batch: TypeAlias = dict[str, Any]


class Source(ABC):
    """One open input file.

    Parameters
    ----------
    path : str
        The file.
    inside : str or None
        Object inside the file (a tree, a data frame, a group).

    Attributes
    ----------
    path, inside
        As above.
    columns : tuple of str
        What the file offers, in its order.
    """

    columns: tuple[str, ...]

    def __init__(self, path: str, inside: str | None) -> None:
        self.path = path
        self.inside = inside

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    @abstractmethod
    def close(self) -> None:
        """Close the file."""

    @abstractmethod
    def batches(
        self, columns: Sequence[str], rows: int, where: Expression | None
    ) -> Iterator[Batch]:
        """Yield pieces of the file in order.

        Parameters
        ----------
        columns : sequence of str, at least one
            What to read; nothing else is read.
        rows : int
            Largest number of rows of a piece.
        where : Expression or None
            A cut. Pieces in which no row can pass may be left out; the others are whole, and the
            caller applies the cut.

        Yields
        ------
        dict of str to ndarray or awkward.Array
        """

    @abstractmethod
    def empty(self, columns: Sequence[str]) -> bool:
        """Whether these columns have no rows at all."""

    def check(self, names: Sequence[str]) -> None:
        """Raise `ColumnError` unless the file has all of these columns."""
        for name in names:
            if name not in self.columns:
                raise ColumnError(
                    f"{self.path} has no column {name!r}; the nearest are "
                    f"{nearest(name, self.columns)}."
                )


class RandomAccess(Source):
    """A source whose rows can be addressed: the cut's columns are read first."""

    @abstractmethod
    def rows(self, columns: Sequence[str], start: int, stop: int) -> Batch:
        """Return the rows from `start` to `stop` of some columns."""

    @abstractmethod
    def count(self, columns: Sequence[str]) -> int:
        """Return the number of rows that these columns have in common."""

    def empty(self, columns: Sequence[str]) -> bool:
        """Whether these columns have no rows at all."""
        return self.count(columns) == 0

    def batches(
        self, columns: Sequence[str], rows: int, where: Expression | None
    ) -> Iterator[Batch]:
        """Yield pieces of the file; the rest of a piece is read only if a row of it passes."""
        cut = [name for name in columns if where is not None and name in where.names]
        rest = [name for name in columns if name not in cut]
        total = self.count(columns)
        for start in range(0, total, rows):
            stop = min(start + rows, total)
            first = self.rows(cut, start, stop) if cut else {}
            if cut and where is not None and not np.any(where.mask(first, stop - start)):
                continue
            both = first | (self.rows(rest, start, stop) if rest else {})
            yield {name: both[name] for name in columns}


def one_length(path: str, lengths: Mapping[str, int]) -> int:
    """Return the common length of some columns.

    Parameters
    ----------
    path : str
    lengths : mapping of str to int

    Raises
    ------
    InputError
        If the lengths differ.
    """
    if len(set(lengths.values())) > 1:
        listed = ", ".join(f"{name!r}: {count}" for name, count in list(lengths.items())[:8])
        raise InputError(
            f"The arrays in {path} have different lengths ({listed}); choose those of one length "
            "with columns=[...]."
        )
    return next(iter(lengths.values()), 0)


def unique(path: str, names: Sequence[str]) -> tuple[str, ...]:
    """Return the columns of a file; a name that comes twice is an `InputError`."""
    double = sorted({name for name in names if names.count(name) > 1})
    if double:
        raise InputError(
            f"{path} has two columns named {', '.join(map(repr, double))}; rename one."
        )
    return tuple(names)


def damaged(path: str, kind: str, error: BaseException) -> InputError:
    """Return the error for a file that its library cannot read."""
    lines = str(error).strip().splitlines()
    reason = lines[0].rstrip(".")[:160] if lines else type(error).__name__
    return InputError(f"{path} cannot be read as {kind}; it is truncated or damaged ({reason}).")


def not_found(path: str, what: str, asked: str | None, there: Sequence[str]) -> InputError:
    """Return the error for an object that is not in the file, or that has to be chosen."""
    if not there:
        return InputError(f"{path} holds no {what}.")
    if asked is None:
        listed = ", ".join(repr(name) for name in list(there)[:12])
        return InputError(
            f"{path} holds {len(there)} {what}s ({listed}); name one, as in {path}:{there[0]}."
        )
    return InputError(f"{path} holds no {what} {asked!r}; the nearest are {nearest(asked, there)}.")
