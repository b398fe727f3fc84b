"""Results as JSON can hold them, and how they introduce themselves."""

from __future__ import annotations

import dataclasses
import html
from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np


def plain(value: Any) -> Any:
    """Return `value` as plain JSON types.

    Tuples and arrays become lists, dataclasses mappings of their fields; what has a `to_json` of
    its own is asked for it. What is NaN or infinite becomes None: JSON has no word for it, and
    other readers refuse Python's.
    """
    if isinstance(value, (np.ndarray, np.generic)):
        value = value.tolist()
    elif hasattr(value, "to_json"):
        value = value.to_json()
    elif dataclasses.is_dataclass(value) and not isinstance(value, type):
        value = {item.name: getattr(value, item.name) for item in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    return None if isinstance(value, float) and not np.isfinite(value) else value


def document(**found: Any) -> dict[str, Any]:
    """Return named values as a mapping that JSON can hold."""
    return {name: plain(value) for name, value in found.items()}


class Plain:
    """Base of frozen dataclasses that JSON holds as they are: their fields, in their order."""

    apart: ClassVar[tuple[str, ...]] = ()
    """Fields that JSON does not hold: large ones go into files of their own."""
    further: ClassVar[tuple[str, ...]] = ()
    """Properties and constants that JSON holds behind the fields."""

    def to_json(self) -> dict[str, Any]:
        """Return the fields as JSON can hold them; what is NaN or infinite becomes None."""
        names = [name for name in vars(self) if name not in self.apart]
        return document(**{name: getattr(self, name) for name in (*names, *self.further)})


class Result(Plain):
    """What a verb found: the base of frozen dataclasses that become ``result.json``.

    A verb whose public format has other names than its fields writes a `to_json` of its own. Its
    page asks it for `citations`: a field, a property or a constant of the class.
    """

    def _headline(self) -> dict[str, Any]:
        """Return the fields that are one number or word each: what fits on a line."""
        return {
            name: value
            for name, value in vars(self).items()
            if isinstance(value, (str, int, float)) or value is None
        }

    def __repr__(self) -> str:
        told = ", ".join(f"{name}={value!r}" for name, value in self._headline().items())
        return f"{type(self).__name__}({told})"

    def _repr_html_(self) -> str:
        """Return the same as a table, which notebooks show."""
        rows = "".join(
            f"<tr><th>{html.escape(name)}</th><td>{html.escape(str(value))}</td></tr>"
            for name, value in self._headline().items()
        )
        return f"<table><caption>{type(self).__name__}</caption>{rows}</table>"
