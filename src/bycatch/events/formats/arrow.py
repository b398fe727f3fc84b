"""Arrow columns as numpy or awkward arrays (shared by the Parquet and the CSV reader)."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa

from bycatch.errors import InputError


def column_from_arrow(path: str, name: str, column: Any) -> Any:
    """Convert one column; a missing number becomes NaN, to be counted later.

    Parameters
    ----------
    path, name : str
        For the message.
    column : pyarrow.Array or pyarrow.ChunkedArray

    Returns
    -------
    ndarray or awkward.Array

    Raises
    ------
    InputError
        If the column's type has no place in a table of events.
    """
    kind = column.type
    if pa.types.is_dictionary(kind):
        column = column.cast(kind.value_type)
        kind = column.type
    if pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind):
        import awkward as ak  # noqa: PLC0415 - slow to import, and most files are flat

        values = ak.from_arrow(column)
        return ak.to_numpy(values) if _regular(values) else values
    if pa.types.is_decimal(kind):
        column = column.cast(pa.float64())
    if pa.types.is_boolean(kind) and column.null_count:
        column = column.cast(pa.int8())
    if pa.types.is_null(kind):
        return np.full(len(column), np.nan)
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        return column.to_numpy(zero_copy_only=False).astype(np.str_)
    if pa.types.is_primitive(kind):
        return column.to_numpy(zero_copy_only=False)
    raise InputError(
        f"Column {name!r} of {path} has the type {kind}, which cannot be an event column; choose "
        "others with columns=[...]."
    )


def _regular(values: Any) -> bool:
    kind = str(values.type)
    return "var" not in kind and "?" not in kind and "option" not in kind
