"""ROOT: TTree and RNTuple through uproot; variable-length branches stay variable."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import awkward as ak
import uproot

from bycatch.errors import InputError
from bycatch.events.formats.base import Batch, RandomAccess, damaged, not_found

_TREES = ("TTree", "TNtuple", "TNtupleD", "ROOT::RNTuple", "ROOT::Experimental::RNTuple")


class Reader(RandomAccess):
    """A tree in a ROOT file; with one tree in the file it need not be named."""

    def __init__(self, path: str, inside: str | None) -> None:
        super().__init__(path, inside)
        try:
            # reads, not a memory map: pages of a map would count as memory that grows with the file
            self._file = uproot.open(
                path, handler=uproot.MultithreadedFileSource, num_workers=1, array_cache=None
            )
            found = self._file.classnames(recursive=True, cycle=False)
        except Exception as error:  # noqa: BLE001 - a damaged file raises whatever its bytes provoke
            raise damaged(path, "ROOT", error) from None
        trees = [name for name, kind in found.items() if kind in _TREES]
        if inside not in trees and (inside is not None or len(trees) != 1):
            self.close()
            raise not_found(path, "tree", inside, trees)
        try:
            self._tree = self._file[inside or trees[0]]
            self.columns = tuple(_leaves(self._tree))
            self._entries = int(self._tree.num_entries)
        except Exception as error:  # noqa: BLE001 - as above
            self.close()
            raise damaged(path, "ROOT", error) from None

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def count(self, columns: Sequence[str]) -> int:  # noqa: ARG002 - a tree has one length
        """Return the number of entries."""
        return self._entries

    def rows(self, columns: Sequence[str], start: int, stop: int) -> Batch:
        """Return entries of some branches."""
        return {name: self._branch(name, start, stop) for name in columns}

    def _branch(self, name: str, start: int, stop: int) -> Any:
        try:
            values = self._tree[name].array(entry_start=start, entry_stop=stop, library="ak")
        except Exception as error:  # noqa: BLE001 - as above
            what = f"Branch {name!r} of {self.path}"
            raise damaged(what, "ROOT", error) from None
        if len(values) != stop - start:
            raise InputError(
                f"Branch {name!r} of {self.path} ends before entry {stop}; the file is truncated."
            )
        kind = str(values.type.content)
        if "var" in kind or "{" in kind or "?" in kind or "union" in kind:
            return values
        return ak.to_numpy(values)


def _leaves(tree: Any) -> list[str]:
    """Return the branches that hold values themselves."""
    branches = {name: tree[name] for name in tree.keys(recursive=True)}
    return [name for name, branch in branches.items() if not getattr(branch, "branches", None)]
