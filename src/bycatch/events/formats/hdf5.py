"""HDF5 through h5py: pandas' fixed and table layouts, compound data sets and plain arrays.

Neither pandas nor PyTables is used, so nothing in a file is ever unpickled.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from bycatch.errors import InputError
from bycatch.events.extras import blosc
from bycatch.events.formats.base import Batch, RandomAccess, damaged, not_found, one_length
from bycatch.events.formats.pandas_names import names_from_pickle

_BLOSC = 32001  # registered number of the filter in HDF5
_BROKEN = (OSError, RuntimeError, LookupError, ValueError, TypeError, AttributeError)


@dataclass(frozen=True)
class _Place:
    """Where a column lies: a data set, a field of it, a position along its second axis."""

    dataset: Any
    field: str | None = None
    position: int | None = None
    transposed: bool = False
    boolean: bool = False

    @property
    def length(self) -> int:
        return int(self.dataset.shape[1 if self.transposed else 0])


class Reader(RandomAccess):
    """One data frame, compound data set or group of arrays in an HDF5 file."""

    def __init__(self, path: str, inside: str | None) -> None:
        super().__init__(path, inside)
        try:
            self._file = h5py.File(path, "r")
            tables = dict(_tables(self._file))
        except _BROKEN as error:
            raise damaged(path, "HDF5", error) from None
        chosen = None if inside is None else (inside.strip("/") or "/")
        # without a name there must be exactly one table
        if chosen not in tables and (chosen is not None or len(tables) != 1):
            self.close()
            raise not_found(path, "table", inside, list(tables))
        try:
            self._places = dict(self._columns(tables[chosen or next(iter(tables))]))
        except InputError:
            self.close()
            raise
        except _BROKEN as error:
            self.close()
            raise damaged(path, "HDF5", error) from None
        self.columns = tuple(self._places)

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def count(self, columns: Sequence[str]) -> int:
        """Return the common length of the columns."""
        try:
            lengths = {name: self._places[name].length for name in columns}
        except _BROKEN as error:
            raise damaged(self.path, "HDF5", error) from None
        return one_length(self.path, lengths)

    def rows(self, columns: Sequence[str], start: int, stop: int) -> Batch:
        """Return some rows; columns of one data set are read together."""
        blocks: dict[str, Any] = {}
        result: Batch = {}
        try:
            for name in columns:
                place = self._places[name]
                key = place.dataset.name
                if key not in blocks:  # columns of one data set share a read
                    blocks[key] = self._block(place, columns, start, stop)
                result[name] = _cut_out(place, blocks[key])
        except InputError:
            raise
        except _BROKEN as error:
            raise damaged(self.path, "HDF5", error) from None
        return result

    def matrix(self, start: int, stop: int) -> NDArray[np.float64]:
        """Return some rows of all columns as one matrix, fast where they lie side by side.

        Parameters
        ----------
        start, stop : int

        Returns
        -------
        ndarray of shape (stop - start, n_columns), float64
        """
        places = list(self._places.values())
        first = places[0]
        together = {(place.dataset.name, place.field) for place in places} == {
            (first.dataset.name, first.field)
        } and [place.position for place in places] == list(range(len(places)))
        if not together or first.transposed:
            rows = self.rows(self.columns, start, stop)
            return np.stack([rows[name] for name in self.columns], axis=1).astype(np.float64)
        try:
            block = self._block(first, self.columns[:1], start, stop)
        except _BROKEN as error:
            raise damaged(self.path, "HDF5", error) from None
        return np.asarray(block if first.field is None else block[first.field], dtype=np.float64)

    def _block(self, place: _Place, columns: Sequence[str], start: int, stop: int) -> Any:
        if _is_blosc(place.dataset):
            return _unpack(self.path, place.dataset, start, stop)
        _check_filters(self.path, place.dataset)
        if place.field is not None:
            places = [self._places[name] for name in columns]
            same = [item.field for item in places if item.dataset.name == place.dataset.name]
            return place.dataset.fields(list(dict.fromkeys(same)))[start:stop]
        return place.dataset[:, start:stop] if place.transposed else place.dataset[start:stop]

    def _columns(self, table: Any) -> Iterator[tuple[str, _Place]]:
        kind = _pandas_kind(table)
        if kind == "frame":
            yield from self._fixed(table)
        elif kind == "frame_table":
            yield from self._appendable(table)
        elif isinstance(table, h5py.Dataset):
            for field in table.dtype.names:
                yield field, _Place(table, field)
        else:
            for name, dataset in table.items():
                if _is_plain(dataset):
                    yield name, _Place(dataset)

    def _fixed(self, group: Any) -> Iterator[tuple[str, _Place]]:
        """Walk pandas' fixed layout: one array per data type, stored (rows, columns)."""
        found: dict[str, _Place] = {}
        for block in range(int(group.attrs["nblocks"])):
            values = group[f"block{block}_values"]
            if "shape" in values.attrs:  # pandas' mark of an array without elements
                raise InputError(f"{self.path} holds no events; check how it was written.")
            if values.dtype.hasobject:  # text columns are pickled; they stay out of reach
                continue
            boolean = values.id.get_type().get_class() == h5py.h5t.BITFIELD
            flipped = not int(values.attrs.get("transposed", 0))
            for index, name in enumerate(self._texts(group[f"block{block}_items"])):
                found[name] = _Place(values, None, index, flipped, boolean)
        for name in self._texts(group["axis0"]):
            if name in found:
                yield name, found[name]

    def _texts(self, dataset: Any) -> list[str]:
        _check_filters(self.path, dataset)
        size = dataset.shape[0]
        raw = _unpack(self.path, dataset, 0, size) if _is_blosc(dataset) else dataset[...]
        return [item.decode() if isinstance(item, bytes) else str(item) for item in raw.tolist()]

    def _appendable(self, group: Any) -> Iterator[tuple[str, _Place]]:
        """Walk pandas' table layout: a compound data set with one field per block of columns."""
        table = group["table"]
        for field in table.dtype.names:
            if field == "index":
                continue
            names = _block_names(table, field)
            shape = table.dtype[field].shape
            boolean = table.attrs.get(f"{field}_dtype", b"") in {b"bool", "bool"}
            if not shape:
                yield (names[0] if names and len(names) == 1 else field), _Place(table, field)
                continue
            if names is None or len(names) != shape[0]:
                names = [str(index) for index in range(shape[0])]
            for index, name in enumerate(names):
                yield name, _Place(table, field, index, boolean=boolean)


def _tables(group: Any) -> Iterator[tuple[str, Any]]:
    """Find everything in the file that can serve as a table."""
    name = group.name.strip("/") or "/"
    if _pandas_kind(group) in {"frame", "frame_table"}:
        yield name, group
        return
    if any(_is_plain(item) for item in group.values()):
        yield name, group
    for item in group.values():
        if isinstance(item, h5py.Group):
            yield from _tables(item)
        elif isinstance(item, h5py.Dataset) and item.dtype.names and item.ndim == 1:
            yield item.name.strip("/"), item


def _pandas_kind(item: Any) -> str:
    kind = item.attrs.get("pandas_type", b"")
    return kind.decode() if isinstance(kind, bytes) else str(kind)


def _is_plain(item: Any) -> bool:
    return isinstance(item, h5py.Dataset) and item.ndim >= 1 and item.dtype.kind in "biuf"


def _block_names(table: Any, field: str) -> list[str] | None:
    raw = table.attrs.get(f"{field}_kind")
    return names_from_pickle(bytes(raw)) if isinstance(raw, bytes) else None


def _cut_out(place: _Place, block: Any) -> Any:
    values = block if place.field is None else block[place.field]
    if place.position is not None:
        values = values[place.position] if place.transposed else values[:, place.position]
    values = np.ascontiguousarray(values)
    return (
        values.astype(np.bool_) if place.boolean else values.astype(values.dtype.newbyteorder("="))
    )


def _check_filters(path: str, dataset: Any) -> None:
    plist = dataset.id.get_create_plist()
    for index in range(plist.get_nfilters()):
        number, _, _, name = plist.get_filter(index)
        if number != _BLOSC and not h5py.h5z.filter_avail(number):
            raise InputError(
                f"{path} is packed with {name.decode() or f'HDF5 filter {number}'}, which is not "
                "installed here; write it again with gzip (in pandas, complib='zlib')."
            )


def _is_blosc(dataset: Any) -> bool:
    plist = dataset.id.get_create_plist()
    return any(plist.get_filter(index)[0] == _BLOSC for index in range(plist.get_nfilters()))


def _unpack(path: str, dataset: Any, start: int, stop: int) -> Any:
    """Read rows of a blosc-compressed data set chunk by chunk."""
    plist = dataset.id.get_create_plist()
    if plist.get_nfilters() != 1 or any(
        size < full for size, full in zip(dataset.chunks[1:], dataset.shape[1:], strict=True)
    ):
        raise InputError(
            f"{path} packs {dataset.name} in an unusual way; save it without compression."
        )
    library = blosc(path)
    height = dataset.chunks[0]
    size = int(np.prod(dataset.chunks)) * dataset.dtype.itemsize
    pieces = []
    # whole chunks only can be unpacked
    for offset in range(start // height * height, stop, height):
        position = (offset, *(0 for _ in dataset.shape[1:]))
        mask, packed = dataset.id.read_direct_chunk(position)
        # blosc states the unpacked size in bytes 4 to 8; a damaged one would be allocated blindly
        if not mask and int.from_bytes(packed[4:8], "little") != size:
            raise OSError("a chunk has a wrong size")
        # a set mask means that the filter was skipped for this chunk
        data = packed if mask else library.decompress(packed)
        rows = np.frombuffer(data, dtype=dataset.dtype).reshape(dataset.chunks)
        # the first and the last chunk reach beyond what is asked for
        pieces.append(rows[max(start - offset, 0) : stop - offset])
    whole = np.concatenate(pieces) if pieces else np.empty((0, *dataset.chunks[1:]), dataset.dtype)
    # chunks at the edge are padded
    return whole[(slice(None), *(slice(size) for size in dataset.shape[1:]))]
