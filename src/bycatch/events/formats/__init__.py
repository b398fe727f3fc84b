"""File formats: one file each, found by what the file starts with and else by its suffix.

To add a format, write a `Source` in a new file and one line in `FORMATS`; another package offers a
`Format` in the entry points ``bycatch.formats``.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

from bycatch.errors import InputError
from bycatch.events.formats.base import Source
from bycatch.events.paths import split_object
from bycatch.registry import Registry

__all__ = ["FORMATS", "Format", "open_source"]


@dataclass(frozen=True)
class Format:
    """How to recognise a format and where its reader is.

    Attributes
    ----------
    name : str
        For messages.
    module : str
        Module with a class `Reader`, one of this package or a full name; imported on first use.
    suffixes : tuple of str
    magic : bytes
        First bytes of every file of this format; empty for plain text.
    """

    name: str
    module: str
    suffixes: tuple[str, ...]
    magic: bytes


_OWN = (
    Format("Parquet", "parquet", (".parquet", ".pq"), b"PAR1"),
    Format("HDF5", "hdf5", (".h5", ".hdf5", ".hdf"), b"\x89HDF\r\n\x1a\n"),
    Format("ROOT", "root", (".root",), b"root"),
    Format("npz", "npz", (".npz",), b"PK"),
    Format("CSV", "csv", (".csv", ".tsv", ".txt"), b""),
)

FORMATS: Registry[Format] = Registry(
    "format", {kind.name: kind for kind in _OWN}, "bycatch.formats"
)
"""Formats by name, in the order in which they are tried; those of other packages come last."""


def open_source(path: str) -> Source:
    """Open a file with the reader of its format.

    Parameters
    ----------
    path : str
        ``file`` or ``file:object``.

    Returns
    -------
    Source

    Raises
    ------
    InputError
        If the file cannot be read, is empty, or its format is not known.
    """
    name, inside = split_object(path)
    kind = _recognise(name)
    module = kind.module if "." in kind.module else f"{__name__}.{kind.module}"
    reader = import_module(module).Reader
    source: Source = reader(name, inside)
    return source


def _recognise(name: str) -> Format:
    try:
        with Path(name).open("rb") as file:
            head = file.read(16)
    except OSError as error:
        raise InputError(f"{name} cannot be read: {error.strerror}.") from None
    if not head:
        raise InputError(f"{name} is empty (0 bytes); write it again.")
    for kind in FORMATS.values():
        if kind.magic and head.startswith(kind.magic):
            return kind
    suffix = Path(name).suffix.lower()
    for kind in FORMATS.values():
        if suffix in kind.suffixes:
            if kind.magic:
                raise InputError(
                    f"{name} is named like a {kind.name} file but does not start like one; it is "
                    "damaged or of another format."
                )
            return kind
    known = ", ".join(f"{kind.name} ({kind.suffixes[0]})" for kind in FORMATS.values())
    raise InputError(f"The format of {name} is not known; bycatch reads {known}.")
