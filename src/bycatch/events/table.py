"""The table of events: named columns, a signed weight and, where it is known, the truth label."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bycatch.errors import ColumnError, DataError, nearest
from bycatch.events.expressions import parse

Column: TypeAlias = Any
"""A flat `numpy.ndarray`, or an `awkward.Array` with a variable number of values per event."""


@dataclass(frozen=True, eq=False, repr=False)
class Events:
    """A frozen columnar table of events.

    Attributes
    ----------
    columns : mapping of str to ndarray or awkward.Array, one row per event
        Flat columns are read-only numpy arrays; variable-length ones are awkward arrays.
    weight : ndarray of shape (n_events,), float64
        Signed weights; 1 where none are given.
    label : ndarray of shape (n_events,), int8, or None
        Truth (1 signal, 0 background). Never used for training unless a method is called
        supervised.

    Raises
    ------
    DataError
        If two columns differ in length, or a label is not a small integer.
    """

    columns: Mapping[str, Column]
    weight: NDArray[np.float64] = field(default=None)  # type: ignore[arg-type]
    label: NDArray[np.int8] | None = None

    def __post_init__(self) -> None:
        count = _common_length(self.columns, self.weight, self.label)
        frozen = {name: _frozen(values) for name, values in self.columns.items()}
        object.__setattr__(self, "columns", MappingProxyType(frozen))
        weight = np.ones(count) if self.weight is None else np.asarray(self.weight, np.float64)
        object.__setattr__(self, "weight", _frozen(weight))
        if self.label is not None:
            object.__setattr__(self, "label", _frozen(as_label(self.label)))

    def __len__(self) -> int:
        return int(self.weight.shape[0])

    def __getitem__(self, name: str) -> Column:
        try:
            return self.columns[name]
        except KeyError:
            raise ColumnError(
                f"There is no column {name!r} in these events; the nearest are "
                f"{nearest(name, self.columns)}."
            ) from None

    def __repr__(self) -> str:
        truth = "" if self.label is None else f", {int((self.label == 1).sum()):,} with label 1"
        return f"<Events: {len(self):,} events, columns {', '.join(self.columns)}{truth}>"

    def matrix(self, features: Sequence[str]) -> NDArray[np.float32]:
        """Return features as the matrix that a model eats.

        Parameters
        ----------
        features : sequence of str
            Column names or expressions.

        Returns
        -------
        ndarray of shape (n_events, n_features), float32

        Raises
        ------
        ColumnError
            If a column is missing.
        ExpressionError
            If an expression cannot be used or gives several values per event.
        DataError
            If a finite value is too large for 32 bits.
        """
        out = np.empty((len(self), len(features)), dtype=np.float32)
        for index, text in enumerate(features):
            expression = parse(f"`{text}`" if text in self.columns else text)
            values = expression.vector(self.columns, len(self))
            with np.errstate(over="ignore"):
                out[:, index] = values
            if np.isinf(out[:, index]).sum() > np.isinf(values).sum():
                raise DataError(
                    f"Feature {text!r} reaches {np.nanmax(np.abs(values)):.3g}, which does not fit "
                    "into 32 bits; divide it by its scale."
                )
        return out

    def select(self, mask: ArrayLike) -> Events:
        """Return the events that `mask` (booleans or positions) keeps.

        Parameters
        ----------
        mask : ndarray of bool of shape (n_events,), or of int

        Returns
        -------
        Events
        """
        chosen = np.asarray(mask)
        return Events(
            {name: values[chosen] for name, values in self.columns.items()},
            self.weight[chosen],
            None if self.label is None else self.label[chosen],
        )

    @staticmethod
    def concatenate(parts: Sequence[Events]) -> Events:
        """Join tables that have the same columns.

        Parameters
        ----------
        parts : sequence of Events, at least one

        Returns
        -------
        Events
            In the order of `parts`; the label is None unless every part has one.

        Raises
        ------
        DataError
            If `parts` is empty or the columns differ.
        """
        if not parts:
            raise DataError("There is nothing to concatenate; give at least one table of events.")
        names = list(parts[0].columns)
        for part in parts[1:]:
            if set(part.columns) != set(names):
                odd = sorted(set(part.columns) ^ set(names))
                raise DataError(
                    f"Tables with different columns cannot be joined; they differ in {odd}."
                )
        labels = [part.label for part in parts if part.label is not None]
        return Events(
            {name: join([part.columns[name] for part in parts]) for name in names},
            np.concatenate([part.weight for part in parts]),
            np.concatenate(labels) if len(labels) == len(parts) else None,
        )


def count_nonfinite(columns: Mapping[str, Any]) -> dict[str, int]:
    """Count the values that are NaN or infinite, per column.

    Parameters
    ----------
    columns : mapping of str to array of shape (n_events,) or (n_events, var)
        As in `Events.columns`.

    Returns
    -------
    dict of str to int
        One entry per column of numbers, 0 where all values are finite.
    """
    counts: dict[str, int] = {}
    for name, column in columns.items():
        values = _flat(column)
        if values.dtype.kind in "biuf":
            counts[name] = int(np.count_nonzero(~np.isfinite(values)))
    return counts


def _flat(column: Column) -> NDArray[Any]:
    if getattr(column, "layout", None) is None:
        return np.asarray(column)
    import awkward as ak  # noqa: PLC0415 - slow to import, and most files are flat

    return np.asarray(ak.to_numpy(ak.flatten(column, axis=None)))


def join(parts: Sequence[Column]) -> Column:
    """Concatenate one column's pieces, flat or of variable length."""
    if len(parts) == 1:
        return parts[0]
    if all(isinstance(part, np.ndarray) for part in parts):
        return np.concatenate(list(parts))
    import awkward as ak  # noqa: PLC0415 - slow to import, and most files are flat

    return ak.concatenate(list(parts))


def as_label(values: ArrayLike) -> NDArray[np.int8]:
    """Return truth labels as int8; anything but small integers is a `DataError`."""
    array = np.asarray(values)
    if array.dtype == np.int8:
        return array
    number = np.asarray(array, dtype=np.float64)
    if not (np.isfinite(number).all() and (number == np.round(number)).all()):
        raise DataError("A label must be an integer (1 signal, 0 background), but some are not.")
    if number.size and np.abs(number).max() > 127:
        raise DataError(
            f"A label must lie within -127 and 127, but one is {np.abs(number).max():g}."
        )
    return number.astype(np.int8)


def _common_length(columns: Mapping[str, Column], *others: ArrayLike | None) -> int:
    lengths = {name: len(values) for name, values in columns.items()}
    named = zip(("weight", "label"), others, strict=True)
    lengths |= {name: len(np.asarray(values)) for name, values in named if values is not None}
    if len(set(lengths.values())) > 1:
        raise DataError(f"All columns need one length, but they have {lengths}.")
    return next(iter(lengths.values()), 0)


def _frozen(values: Column) -> Column:
    """Return a read-only view of a numpy column; awkward arrays are immutable enough."""
    if not isinstance(values, np.ndarray):
        return values
    view = values.view()
    view.flags.writeable = False
    return view
