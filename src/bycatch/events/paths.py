"""Which files a user means: paths, lists and globs, with an optional object inside a file."""

from __future__ import annotations

import glob
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TypeAlias

from bycatch.errors import InputError, nearest

PathLike: TypeAlias = str | os.PathLike[str]
Paths: TypeAlias = PathLike | Sequence[PathLike]


def split_object(path: str) -> tuple[str, str | None]:
    """Split ``file.root:Events`` into the file and the object inside it.

    Parameters
    ----------
    path : str

    Returns
    -------
    str
        The file.
    str or None
        The tree, data frame or group inside it.
    """
    head, colon, tail = path.rpartition(":")
    if not colon or len(head) < 2 or Path(path).exists():  # a single letter is a Windows drive
        return path, None
    return head, tail or None


def resolve_paths(path: Paths, base: Path | None = None) -> tuple[str, ...]:
    """Return the files that `path` means, in a fixed order.

    Parameters
    ----------
    path : str, path or sequence of them
        Files, globs (``runs/*.root:Events``) or a mixture. The order of a list is kept, the
        files of a glob are sorted.
    base : Path, optional
        Folder against which relative paths are resolved (default: the working directory).

    Returns
    -------
    tuple of str
        Existing files, with ``:object`` where one was given.

    Raises
    ------
    InputError
        If nothing matches, a file is named twice, a folder is named, or the list is empty.
    """
    asked = [path] if isinstance(path, str | os.PathLike) else list(path)
    if not asked:
        raise InputError("The list of input files is empty; name at least one file.")
    found = [item for one in asked for item in _expand(os.fspath(one), base)]
    seen: set[str] = set()
    for item in found:
        if item in seen:
            raise InputError(f"The file {item} is named twice, which would count its events twice.")
        seen.add(item)
    return tuple(found)


def _expand(text: str, base: Path | None) -> list[str]:
    if "://" in text:
        raise InputError(
            f"{text} is a remote address; bycatch reads local files only: copy the file first."
        )
    full = str(base / Path(text).expanduser()) if base is not None else str(Path(text).expanduser())
    name, inside = split_object(full)
    if Path(name).is_dir():
        raise InputError(f"{name} is a folder; name its files, for example {name}/*.parquet.")
    if Path(name).exists():
        return [full]
    suffix = f":{inside}" if inside else ""
    if glob.has_magic(name):
        matches = sorted(item for item in glob.glob(name, recursive=True) if Path(item).is_file())  # noqa: PTH207 - pathlib cannot glob an absolute pattern
        if matches:
            return [item + suffix for item in matches]
        raise InputError(f"No file matches {name}; {_neighbours(Path(name))}.")
    raise InputError(f"There is no file {name}; {_neighbours(Path(name))}.")


def _neighbours(missing: Path) -> str:
    """Say what lies where the missing file was looked for."""
    folder = missing.parent
    if not folder.is_dir():
        while not folder.is_dir() and folder != folder.parent:
            folder = folder.parent
        return f"its folder does not exist either (the nearest that does is {folder.resolve()})"
    names = [item.name for item in folder.iterdir() if item.is_file()]
    if not names:
        return f"the folder {folder.resolve()} holds no files"
    return f"the nearest names in {folder.resolve()} are {nearest(missing.name, names)}"
