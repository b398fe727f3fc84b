"""Whom to cite: BibTeX of everything that a run can use, read from ``citations.bib``."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from bycatch.errors import ConfigError, nearest
from bycatch.registry import Registry, foreign


def _entries(text: str) -> dict[str, str]:
    """Part BibTeX into its entries by key; each begins a line with ``@``."""
    parts = (part.strip() for part in re.split(r"^(?=@)", text, flags=re.MULTILINE))
    return {part[part.index("{") + 1 : part.index(",")]: part for part in parts if "," in part}


CITATIONS: Mapping[str, str] = _entries(
    Path(__file__).with_suffix(".bib").read_text(encoding="utf-8")
)
"""BibTeX of bycatch's own methods by key, in the order of the file."""


def known_to(keys: Iterable[str]) -> Mapping[str, str]:
    """Return BibTeX by key: `CITATIONS`, and what other packages bring where a key needs it.

    Their methods carry it as text in the class attribute ``bibtex``.
    """
    if set(keys) <= CITATIONS.keys():
        return CITATIONS  # the common case: no stranger's module is imported
    found: dict[str, str] = {}
    for group in dict.fromkeys(entry.group for entry in foreign()):
        others: Registry[Any] = Registry("entry", {}, group)
        for method in others.values():
            found |= _entries(getattr(method, "bibtex", ""))
    return found | dict(CITATIONS)


def bibtex(keys: Iterable[str]) -> str:
    """Return the BibTeX entries of `keys`, each once, in their order.

    Parameters
    ----------
    keys : iterable of str
        Keys of `CITATIONS`, or of what another package brings.

    Returns
    -------
    str

    Raises
    ------
    ConfigError
        Where a key does not exist.

    Examples
    --------
    >>> print(bibtex(["bumphunter"]).splitlines()[0])
    @article{bumphunter,
    """
    chosen = list(dict.fromkeys(keys))
    known = known_to(chosen)
    for key in chosen:
        if key not in known:
            raise ConfigError(
                f"There is no citation {key!r}; the nearest are {nearest(key, known)}."
            )
    return "\n\n".join(known[key] for key in chosen)
