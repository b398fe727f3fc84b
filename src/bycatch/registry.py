"""Names to what they stand for: one table for each kind of thing that bycatch can be extended by.

Each entry is imported when it is asked for, not before. Other packages add entries of their own: an
entry point in the group of the kind (docs/howto/extend.md) is found by name like those of bycatch.
"""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Collection, Iterator, Mapping
from functools import cache, cached_property
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, TypeVar, cast

from bycatch.errors import BycatchError, ConfigError, nearest

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

T = TypeVar("T")


class _UnknownNameError(ConfigError, KeyError):
    """A KeyError too, so that `Mapping.get` works; it prints a sentence, not a quoted key."""

    __str__ = Exception.__str__


@cache
def _entry_points() -> tuple[EntryPoint, ...]:
    from importlib.metadata import entry_points  # noqa: PLC0415 - 0.1 s that few starts need

    found = entry_points()
    groups = (group for group in found.groups if group.startswith("bycatch."))
    return tuple(entry for group in sorted(groups) for entry in found.select(group=group))


def foreign(group: str = "") -> list[EntryPoint]:
    """Return what other packages offer, of one group or of all; nothing is imported."""
    return [entry for entry in _entry_points() if group in {"", entry.group}]


def _load(entry: EntryPoint, kind: str) -> Any:
    try:
        return entry.load()
    # a stranger's module can fail in any way at all, and the user must learn whose it is
    except (Exception, SystemExit) as error:
        package = entry.dist.name if entry.dist is not None else entry.module
        raise BycatchError(
            f"The {kind} {entry.name!r} of the package '{package}' cannot be loaded from "
            f"'{entry.value}' ({error!r}); mend the package, or remove it."
        ) from error


class Registry(Mapping[str, T], Generic[T]):
    """Things of one kind by name, as a mapping whose values are imported when they are asked for.

    Parameters
    ----------
    kind : str
        What messages call one of them, for example ``"score"``.
    own : mapping of str to str or object
        Those of bycatch: ``module:attribute``, or what it is.
    group : str
        Entry points of other packages that add to them.
    hint : str
        What the message about an unknown name ends with.
    apart : collection of str
        Arguments that are no options.
    """

    def __init__(
        self,
        kind: str,
        own: Mapping[str, str | T],
        group: str,
        hint: str = "",
        apart: Collection[str] = (),
    ) -> None:
        self.kind, self.group, self.hint, self.apart = kind, group, hint, apart
        self.own = dict(own)

    @cached_property
    def others(self) -> dict[str, EntryPoint]:
        """Entries of other packages. A name of bycatch's own keeps its meaning, with a warning."""
        found: dict[str, EntryPoint] = {}
        for entry in foreign(self.group):
            if entry.name in self.own or entry.name in found:
                message = (
                    f"The {self.kind} {entry.name!r} of '{entry.value}' is refused: the name is "
                    "taken; give it another name in its package."
                )
                warnings.warn(message, stacklevel=2)
            else:
                found[entry.name] = entry
        return found

    def __contains__(self, name: object) -> bool:
        return name in self.own or name in self.others

    def __iter__(self) -> Iterator[str]:
        return iter((*self.own, *self.others))

    def __len__(self) -> int:
        return len(self.own) + len(self.others)

    def __getitem__(self, name: str) -> T:
        if name not in self:
            near = nearest(name, self)
            raise _UnknownNameError(
                f"There is no {self.kind} {name!r}; the nearest are {near}{self.hint}."
            )
        if name in self.others:
            return cast("T", _load(self.others[name], self.kind))
        target = self.own[name]
        if not isinstance(target, str):
            return target
        module, _, attribute = target.partition(":")
        return cast("T", getattr(import_module(module), attribute))

    def checked(self, key: str, name: str, source: str) -> T:
        """Return what a configuration names under `key`; the error says which file and key."""
        if name not in self:
            raise ConfigError(
                f"{source}: {key!r} is {name!r}, which does not exist; the nearest are "
                f"{nearest(name, self)}."
            )
        return self[name]

    def options(self, name: str) -> dict[str, Any]:
        """Return the options of one of them with their defaults, without `apart`."""
        made = self[name]
        if not callable(made):
            raise BycatchError(
                f"The {self.kind} {name!r} is {made!r}, which makes nothing; mend its package."
            )
        parameters = inspect.signature(made).parameters
        return {key: value.default for key, value in parameters.items() if key not in self.apart}

    def make(self, name: str, *arguments: Any, **options: Any) -> Any:
        """Return an object of a class, after checking that each option exists."""
        known = self.options(name)
        for option in options:
            if option not in known and option not in self.apart:
                raise ConfigError(
                    f"The {self.kind} {name!r} has no option {option!r}; the nearest options are "
                    f"{nearest(option, known)}."
                )
        return cast("Any", self[name])(*arguments, **options)

    def load(self, folder: Path, name: str) -> Any:
        """Read an object of the class of that name, with the class's own `load`."""
        return cast("Any", self[name]).load(folder)
