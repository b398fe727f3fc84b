"""Options, declared once: constructor, checks, documentation and `get_params` follow from a field.

A model states each option as a field of its class::

    class Nae(EnergyScore):
        regulariser: float = option(default=0.0, least=0, most=0.5, says="Weight of ...")
        steps = 1500  # another default of an option that it inherits

and gets a constructor that takes it by keyword, a check of its bounds in `check_options` and its
entry under "Parameters" of the docstring, below those of its parents. Options that only some
children have belong into a mixin, not into a parent whose other children must hide them. What a
model learns or is told later, and no constructor takes, is declared with `learned`.
"""

from __future__ import annotations

import dataclasses
import inspect
import re
import textwrap
from collections.abc import Iterator, Sequence
from typing import Any, Literal, dataclass_transform

import numpy as np

from bycatch.errors import ConfigError
from bycatch.learn.members import check_choice, check_option

_ROOM = 96
"""Columns of a docstring's text, with the indentation of a class."""


def option(
    *,
    default: Any,
    says: str = "",
    least: float | None = None,
    most: float | None = None,
    among: Sequence[str] = (),
    kw_only: bool = True,
) -> Any:
    """Declare an option.

    Give `default` and `kw_only` by keyword: type checkers read them there.

    Parameters
    ----------
    default : object
        Immutable, so that models do not share it.
    says : str
        What it means, with its unit; stands in the docstring.
    least, most : float, optional
        Bounds, both inclusive; of each element where the option is a sequence.
    among : sequence of str
        The words that are allowed; by default those of a ``Literal``.
    kw_only : bool
        Whether the constructor takes it by keyword only.
    """
    metadata = {"says": says, "least": least, "most": most, "among": tuple(among)}
    return dataclasses.field(default=default, kw_only=kw_only, metadata=metadata)


def learned(
    *, default: Any = None, default_factory: Any = None, init: Literal[False] = False
) -> Any:
    """Declare an attribute that is no option: what every model begins with.

    Parameters
    ----------
    default : object
        Immutable, so that models do not share it.
    default_factory : callable, optional
        What makes a value for each model instead, ``dict`` for example.
    init : bool
        Only there to be read by type checkers.
    """
    if default_factory is not None:
        return dataclasses.field(default_factory=default_factory, init=init)
    return dataclasses.field(default=default, init=init)


@dataclass_transform(field_specifiers=(option, learned), eq_default=False)
class Options:
    """Base of all that has options; a subclass is a dataclass without `__eq__` and `__repr__`."""

    def __init_subclass__(cls, **keywords: Any) -> None:
        """Make the subclass a dataclass, and document its options."""
        super().__init_subclass__(**keywords)
        inherited = {
            f.name: f for b in reversed(cls.__mro__[1:]) for f in b.__dict__.get(_FIELDS, ())
        }
        cls.__annotations__ = inspect.get_annotations(cls)
        for name, parent in inherited.items():
            value = cls.__dict__.get(name, dataclasses.MISSING)
            if value is dataclasses.MISSING or isinstance(value, (property, dataclasses.Field)):
                continue
            cls.__annotations__.setdefault(name, parent.type)
            kept = {"init": parent.init, "kw_only": parent.kw_only, "metadata": parent.metadata}
            setattr(cls, name, dataclasses.field(default=value, **kept))
        # dataclass writes the signature where there is no docstring; that is none.
        text = cls.__dict__.get("__doc__") or cls.__name__
        dataclasses.dataclass(eq=False, repr=False)(cls)
        setattr(cls, _FIELDS, dataclasses.fields(cls))  # type: ignore[arg-type]  # it is one now
        cls.__doc__ = _documented(cls, text)

    def check_options(self) -> None:
        """Refuse options that make no sense (ConfigError)."""
        for field in options_of(type(self)):
            value = getattr(self, field.name)
            least, most = field.metadata.get("least"), field.metadata.get("most")
            if value is None and "None" in str(field.type):
                continue
            if among := _words(field):
                check_choice(field.name, value, among)
            if least is None and most is None:
                continue
            listed = re.search("Sequence|tuple", str(field.type))
            several = listed and np.ndim(value) > 0
            # A type that begins with a sequence takes nothing else: told here, not by a training
            # that starts an hour later.
            if listed and listed.start() == 0 and not several:
                raise ConfigError(f"The option '{field.name}' is {value!r}, but it must be a list.")
            low, high = -np.inf if least is None else least, np.inf if most is None else most
            for number in value if several else (value,):
                check_option(field.name, number, low, high)


_FIELDS = "_declared_options"


def options_of(model: type[Options]) -> tuple[dataclasses.Field[Any], ...]:
    """Return the fields of a class of options, its parents' first."""
    fields = dataclasses.fields(model)  # type: ignore[arg-type]  # every subclass is a dataclass
    return tuple(field for field in fields if field.init)


def _words(field: dataclasses.Field[Any]) -> tuple[str, ...]:
    """Return the words that an option may be."""
    if field.metadata.get("among"):
        return tuple(field.metadata["among"])
    text = str(field.type)
    # Only where nothing but words is allowed, or None, which is not looked at.
    if not re.fullmatch(r"Literal\[[^]]*\]( \| None)?", text):
        return ()
    return tuple(re.findall(r"[\"']([^\"']*)[\"']", text))


def _entries(cls: type[Options]) -> Iterator[str]:
    for field in options_of(cls):
        words = _words(field)
        kind = "{" + ", ".join(f'"{w}"' for w in words) + "}" if words else str(field.type)
        kind = re.sub(r"\s*\| None$", "", kind)
        kind = re.sub(r"(?:Sequence|tuple)\[(\w+)(?:, \.\.\.)?\]", r"sequence of \1", kind)
        yield f"{field.name} : {kind}, default {field.default!r}"
        says = str(field.metadata.get("says", ""))
        yield from textwrap.wrap(says, _ROOM - 8, initial_indent="    ", subsequent_indent="    ")


def _documented(cls: type[Options], text: str) -> str:
    """Return the docstring with a section "Parameters" made from the options."""
    text = inspect.cleandoc(text)
    section = "\n".join(["Parameters", "----------", *_entries(cls)])
    later = re.search(r"^(Attributes|Raises|Notes|References|Examples)\n-+$", text, re.MULTILINE)
    at = later.start() if later else len(text)
    return f"{text[:at].rstrip()}\n\n{section}\n\n{text[at:]}".rstrip() + "\n"
