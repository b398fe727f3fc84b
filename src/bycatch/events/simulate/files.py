"""Files of simulated events: Parquet with what was simulated, and how, in their metadata."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from bycatch.errors import InputError

_KEY = b"bycatch"


def simulation_info(path: Path | str) -> dict[str, Any]:
    """Return what a simulated file says about itself.

    Parameters
    ----------
    path : Path or str

    Returns
    -------
    dict
        process, title, label, seed, pythia (settings), columns, references, software, units; the
        numbers of `bycatch.events.simulate.tally.combine` (cross_section_pb,
        cross_section_error_pb, acceptance, acceptance_error, n_generated, ...); and under parts
        the same numbers for each process of a mixture.

    Raises
    ------
    InputError
        If the file is missing, damaged or was not made by ``bycatch simulate``.
    """
    import pyarrow as pa  # noqa: PLC0415 - slow to import
    import pyarrow.parquet as pq  # noqa: PLC0415

    try:
        metadata = pq.read_schema(path).metadata or {}
    except (pa.ArrowException, OSError) as error:
        raise InputError(f"{path} cannot be read as Parquet ({error}).") from None
    try:
        info = json.loads(metadata[_KEY])
    except (KeyError, ValueError):
        info = None
    if not isinstance(info, dict) or "process" not in info:
        raise InputError(
            f"{path} was not made by bycatch simulate: its metadata have no key 'bycatch'."
        )
    return info


def table_from_columns(columns: Mapping[str, Any], info: Mapping[str, Any]) -> Any:
    """Return an Arrow table of flat (numpy) and ragged (awkward) columns.

    Parameters
    ----------
    columns : mapping of str to array of length n_rows
    info : mapping
        JSON-compatible; stored in the metadata.

    Returns
    -------
    pyarrow.Table
    """
    import awkward as ak  # noqa: PLC0415 - slow to import
    import pyarrow as pa  # noqa: PLC0415

    arrays = {}
    for name, values in columns.items():
        if isinstance(values, np.ndarray):
            arrays[name] = pa.array(values)
            continue
        offsets = np.concatenate([[0], np.cumsum(ak.to_numpy(ak.num(values)))]).astype(np.int32)
        content = pa.array(ak.to_numpy(ak.flatten(values)))
        arrays[name] = pa.ListArray.from_arrays(pa.array(offsets), content)
    text = json.dumps(info, sort_keys=True, allow_nan=False).encode()
    return pa.table(arrays).replace_schema_metadata({_KEY: text})


@contextmanager
def writer(path: Path) -> Iterator[Callable[[Any], None]]:
    """Open a Parquet file; the function that it yields writes a table as one row group."""
    import pyarrow.parquet as pq  # noqa: PLC0415 - slow to import

    opened: list[pq.ParquetWriter] = []

    def write(table: Any) -> None:
        if not opened:
            opened.append(pq.ParquetWriter(path, table.schema, compression="zstd"))
        opened[0].write_table(table)

    try:
        yield write
    finally:
        for file in opened:
            file.close()
