"""CSV: streamed by pyarrow; comma, semicolon or tab, with a line of column names."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv as pacsv

from bycatch.errors import InputError
from bycatch.events.expressions import Expression
from bycatch.events.formats.arrow import column_from_arrow
from bycatch.events.formats.base import Batch, Source, damaged, unique

_BLOCK = 1 << 21  # bytes; also how much of the file decides whether a column holds numbers


class Reader(Source):
    """A text table; all numbers are read as double, an empty field is NaN."""

    def __init__(self, path: str, inside: str | None) -> None:
        super().__init__(path, inside)
        if inside is not None:
            raise InputError(
                f"{path} is a CSV file, which has no object {inside!r} inside; leave it out."
            )
        self._delimiter = _delimiter(path)
        schema, self._empty = self._first_block()
        self.columns = unique(path, schema.names)
        if all(_is_number(name) for name in self.columns):
            raise InputError(f"The first line of {path} holds numbers; it has to name the columns.")
        self._types = {
            field.name: pa.float64() if _is_numeric(field.type) else field.type for field in schema
        }

    def close(self) -> None:
        """Nothing stays open."""

    def empty(self, columns: Sequence[str]) -> bool:  # noqa: ARG002 - all have one length
        """Whether there is only the line of names."""
        return self._empty

    def batches(
        self,
        columns: Sequence[str],
        rows: int,
        where: Expression | None,  # noqa: ARG002 - text has to be parsed to be skipped
    ) -> Iterator[Batch]:
        """Yield at most `rows` rows at a time."""
        reader = self._open(list(columns))
        try:
            for block in reader:
                for start in range(0, block.num_rows, rows):
                    part = block.slice(start, rows)
                    yield {
                        name: column_from_arrow(self.path, name, part.column(name))
                        for name in columns
                    }
        except (pa.ArrowException, OSError) as error:
            raise damaged(self.path, "CSV", error) from None

    def _first_block(self) -> tuple[Any, bool]:
        reader = self._open(None)
        try:
            return reader.schema, next(iter(reader)).num_rows == 0
        except StopIteration:
            return reader.schema, True
        except (pa.ArrowException, OSError) as error:
            raise damaged(self.path, "CSV", error) from None

    def _open(self, columns: list[str] | None) -> Any:
        types = None if columns is None else {name: self._types[name] for name in columns}
        try:
            return pacsv.open_csv(
                self.path,
                read_options=pacsv.ReadOptions(use_threads=False, block_size=_BLOCK),
                parse_options=pacsv.ParseOptions(delimiter=self._delimiter),
                convert_options=pacsv.ConvertOptions(include_columns=columns, column_types=types),
            )
        except (pa.ArrowException, OSError) as error:
            raise damaged(self.path, "CSV", error) from None


def _delimiter(path: str) -> str:
    with Path(path).open("rb") as file:
        # at most a mebibyte: a file without line breaks must not fill the memory
        line = file.readline(1 << 20)
    # the one that stands most often between the names
    return max((",", ";", "\t"), key=lambda mark: line.count(mark.encode()))


def _is_numeric(kind: Any) -> bool:
    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_null(kind))


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
