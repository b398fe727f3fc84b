"""Errors that a user can act on.

Every message is one clear sentence that names the file, the column or the key, says what is there
instead (nearest names first) and what to do. The command line prints it and exits with code 2;
anything that is not a `BycatchError` is a defect of bycatch.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class BycatchError(Exception):
    """Base of all errors that bycatch raises on purpose."""


class InputError(BycatchError):
    """A file is missing, truncated, of an unknown format, or lacks a tree or data set."""


class ColumnError(InputError):
    """A named column is not in the file; the message lists the nearest names."""


class ExpressionError(BycatchError):
    """An expression cannot be parsed, uses a refused construct, or does not fit its columns."""


class DataError(BycatchError):
    """The events cannot serve: not finite, too few, constant, or an empty region."""


class ConfigError(BycatchError):
    """A configuration file has an unknown key or a value that makes no sense."""


class FitError(BycatchError):
    """A fit has no solution or did not converge; the message gives the reason."""


class StorageError(BycatchError):
    """A result could not be written (disk full, no permission)."""


class TaskError(BycatchError):
    """A worker process died."""


class RunFolderError(BycatchError):
    """A run folder belongs to another configuration or is in use."""


def nearest(name: str, candidates: Iterable[str], count: int = 3) -> str:
    """Return the candidates nearest to `name` as text for an error message.

    Parameters
    ----------
    name : str
        What the user wrote.
    candidates : iterable of str
        What exists.
    count : int
        How many to list at most.

    Returns
    -------
    str
        For example ``'j1_mass', 'j2_mass'``; ``(nothing)`` where there are no candidates.
    """
    names = list(candidates)
    close = difflib.get_close_matches(name, names, n=count, cutoff=0.4) or sorted(names)[:count]
    return ", ".join(repr(other) for other in close) if close else "(nothing)"
