"""Parquet: columns and row groups are chosen in the reader, batches bound the memory."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from bycatch.events.expressions import Expression
from bycatch.events.formats.arrow import column_from_arrow
from bycatch.events.formats.base import Batch, Source, damaged, unique
from bycatch.events.pruning import may_pass

# Decoded pages of one huge row group would otherwise be held together with its compressed bytes.
_BUFFER = 1 << 20


class Reader(Source):
    """A Parquet file; row groups whose statistics exclude the cut are not read."""

    def __init__(self, path: str, inside: str | None) -> None:
        super().__init__(path, inside)
        try:
            self._file = pq.ParquetFile(path, buffer_size=_BUFFER, pre_buffer=False)
        except (pa.ArrowException, OSError) as error:
            raise damaged(path, "Parquet", error) from None
        self.columns = unique(path, self._file.schema_arrow.names)

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def empty(self, columns: Sequence[str]) -> bool:  # noqa: ARG002 - a file has one length
        """Whether the file has no rows."""
        return bool(self._file.metadata.num_rows == 0)

    def batches(
        self, columns: Sequence[str], rows: int, where: Expression | None
    ) -> Iterator[Batch]:
        """Yield batches of at most `rows` rows."""
        groups = [
            index
            for index in range(self._file.metadata.num_row_groups)
            if where is None or may_pass(where, self._bounds(index, where.names))
        ]
        if not groups:
            return
        try:
            for batch in self._file.iter_batches(
                batch_size=rows, row_groups=groups, columns=list(columns), use_threads=False
            ):
                yield {
                    name: column_from_arrow(self.path, name, batch.column(name)) for name in columns
                }
        except (pa.ArrowException, OSError) as error:
            raise damaged(self.path, "Parquet", error) from None

    def _bounds(self, group: int, names: frozenset[str]) -> dict[str, tuple[float, float]]:
        """Return the smallest and largest value of a row group's columns, where known."""
        meta = self._file.metadata.row_group(group)
        bounds: dict[str, tuple[float, float]] = {}
        for index in range(meta.num_columns):
            column: Any = meta.column(index)
            if column.path_in_schema not in names or not column.is_stats_set:
                continue
            low, high = column.statistics.min, column.statistics.max
            known = column.statistics.has_min_max and isinstance(low, int | float | np.number)
            if known and not math.isnan(low) and not math.isnan(high):
                bounds[column.path_in_schema] = (float(low), float(high))
        return bounds
