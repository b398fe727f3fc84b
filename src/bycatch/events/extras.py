"""Optional libraries, imported in this one place; each says how to install it."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from bycatch.errors import InputError


def blosc(path: str) -> Any:
    """Return the library that unpacks blosc-compressed HDF5 files.

    It comes with PyTables. Only its decompressor is used: PyTables itself would unpickle what the
    file's attributes hold, which runs code of whoever wrote the file.

    Parameters
    ----------
    path : str
        The file, for the message.

    Returns
    -------
    module
        `blosc2`.

    Raises
    ------
    InputError
        With the exact install line.
    """
    try:
        return import_module("blosc2")
    except ImportError:
        raise InputError(
            f'{path} is compressed with blosc, which needs an extra: pip install "bycatch[tables]".'
        ) from None


def tables(path: str) -> Any:
    """Return PyTables, which writes pandas' layouts; files are never read with it.

    Parameters
    ----------
    path : str
        The file that is to be written, for the message.

    Returns
    -------
    module
        `tables`.

    Raises
    ------
    InputError
        With the exact install line.
    """
    try:
        return import_module("tables")
    except ImportError:
        raise InputError(
            f'Writing {path} as a pandas table needs an extra: pip install "bycatch[tables]".'
        ) from None
