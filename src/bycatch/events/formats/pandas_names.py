"""Column names of pandas' HDF5 tables, which are pickled, read without unpickling anything."""

from __future__ import annotations

import pickletools

_TEXT = {"STRING", "UNICODE", "BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8", "BINSTRING"}
_TEXT |= {"SHORT_BINSTRING"}
_NUMBER = {"INT", "LONG", "BININT", "BININT1", "BININT2", "LONG1", "LONG4"}
_SILENT = {"PROTO", "FRAME", "MARK", "EMPTY_LIST", "LIST", "APPEND", "APPENDS", "STOP"}
_SILENT |= {"PUT", "BINPUT", "LONG_BINPUT", "MEMOIZE"}


def names_from_pickle(data: bytes) -> list[str] | None:
    """Return a pickled list of texts and integers as texts.

    The stream of opcodes is only looked at, never run. It has to be one flat list: anything else
    (a class, a function call, a reference) gives None.

    Parameters
    ----------
    data : bytes

    Returns
    -------
    list of str or None
    """
    names: list[str] = []
    lists = 0
    try:
        for opcode, argument, _ in pickletools.genops(data):
            if opcode.name in _TEXT or opcode.name in _NUMBER:
                names.append(str(argument))
            elif opcode.name not in _SILENT:
                return None
            lists += opcode.name in {"EMPTY_LIST", "LIST"}
    except ValueError:
        return None
    return names if lists == 1 else None
