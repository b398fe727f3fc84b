"""npz: the members are streamed side by side, also from a compressed archive; no pickles."""

from __future__ import annotations

import struct
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from tokenize import TokenError
from typing import IO

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from bycatch.errors import InputError
from bycatch.events.expressions import Expression
from bycatch.events.formats.base import Batch, Source, damaged, one_length

# zipfile and numpy's header parser raise all of these on damaged bytes
_BROKEN: tuple[type[Exception], ...] = (
    *(zipfile.BadZipFile, zlib.error, EOFError, OSError, ValueError, RuntimeError),
    *(SyntaxError, TokenError, TypeError, KeyError, OverflowError, struct.error),
)


@dataclass(frozen=True)
class _Header:
    shape: tuple[int, ...]
    fortran: bool
    dtype: np.dtype[np.generic]


class Reader(Source):
    """An archive of arrays; each array with at least one dimension is a column."""

    def __init__(self, path: str, inside: str | None) -> None:
        super().__init__(path, inside)
        if inside is not None:
            raise InputError(
                f"{path} is an npz file, which has no object {inside!r} inside; leave it out."
            )
        try:
            self._archive = zipfile.ZipFile(path)
            self._headers = dict(self._read_headers())
        except _BROKEN as error:
            raise damaged(path, "npz", error) from None
        self.columns = tuple(name for name, header in self._headers.items() if header.shape)
        if not self.columns:
            raise InputError(f"{path} holds no arrays with events.")

    def close(self) -> None:
        """Close the archive."""
        self._archive.close()

    def empty(self, columns: Sequence[str]) -> bool:
        """Whether these arrays have no rows."""
        return all(self._headers[name].shape[0] == 0 for name in columns)

    def batches(
        self,
        columns: Sequence[str],
        rows: int,
        where: Expression | None,  # noqa: ARG002 - a compressed stream cannot skip
    ) -> Iterator[Batch]:
        """Yield `rows` rows of all columns at a time."""
        for name in columns:
            if self._headers[name].dtype.hasobject:
                raise InputError(
                    f"Column {name!r} of {self.path} holds Python objects, which are never loaded; "
                    "save it as numbers."
                )
        total = one_length(self.path, {name: self._headers[name].shape[0] for name in columns})
        try:
            streams = {name: self._stream(name) for name in columns}
            for start in range(0, total, rows):
                count = min(rows, total - start)
                yield {name: stream.take(count) for name, stream in streams.items()}
        except _BROKEN as error:
            raise damaged(self.path, "npz", error) from None

    def _read_headers(self) -> Iterator[tuple[str, _Header]]:
        for member in self._archive.namelist():
            if member.endswith(".npy"):
                with self._archive.open(member) as file:
                    yield member.removesuffix(".npy"), _header(file)

    def _stream(self, name: str) -> _Stream:
        return _Stream(self._archive.open(f"{name}.npy"))


class _Stream:
    """Rows of one member, in order."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._header = _header(file)
        self._whole: NDArray[np.generic] | None = None
        if self._header.fortran:  # rows of such an array are spread over all of it
            flat = self._read(int(np.prod(self._header.shape)))
            self._whole = flat.reshape(self._header.shape, order="F")

    def take(self, count: int) -> NDArray[np.generic]:
        if self._whole is not None:
            taken, self._whole = self._whole[:count], self._whole[count:]
            return taken
        shape = (count, *self._header.shape[1:])
        return self._read(int(np.prod(shape))).reshape(shape)

    def _read(self, items: int) -> NDArray[np.generic]:
        size = items * self._header.dtype.itemsize
        data = self._file.read(size)
        if len(data) != size:
            raise EOFError("an array ends too early")
        return np.frombuffer(data, dtype=self._header.dtype)


def _header(file: IO[bytes]) -> _Header:
    version = npy.read_magic(file)
    read = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
    return _Header(*read(file))
