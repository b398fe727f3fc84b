"""From columns to what a model eats: images, constituents, substructure, objects; and scaling.

What to use when: one jet per row goes to ``images`` (convolutional networks), ``constituents``
(deep sets, transformers) or ``substructure`` (dense networks, trees); one event per row to
``lepton_stream`` (21 features), ``objects`` (19 objects with a mask) or ``particle_flow`` (a
sequence). `REPRESENTATIONS` holds them by name.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import TYPE_CHECKING, Any

from bycatch.errors import ConfigError, nearest

if TYPE_CHECKING:
    from bycatch.events.table import Events
    from bycatch.represent.base import Representation

__all__ = ["REPRESENTATIONS", "represent"]


def _lazy(name: str) -> Callable[..., Representation]:
    def function(events: Events, **options: Any) -> Representation:
        module = import_module(f"{__name__}.{name}")
        made: Representation = module.represent(events, **options)
        return made

    function.__name__ = name
    function.__doc__ = f"Call `bycatch.represent.{name}.represent`, imported when it is called."
    return function


REPRESENTATIONS: dict[str, Callable[..., Representation]] = {
    name: _lazy(name)
    for name in (
        "images",
        "constituents",
        "substructure",
        "lepton_stream",
        "objects",
        "particle_flow",
    )
}
"""Functions of events and own options by name; each is a module of this room."""


def represent(name: str, events: Events, **options: Any) -> Representation:
    """Return events in the representation of that name.

    Parameters
    ----------
    name : str
        One of `REPRESENTATIONS`.
    events : Events
    **options
        Of the module of that name.

    Returns
    -------
    Representation

    Raises
    ------
    ConfigError
        If there is no representation of that name, or an option makes no sense.
    ColumnError, DataError, InputError
        As the representation says.
    """
    if name not in REPRESENTATIONS:
        message = (
            f"There is no representation {name!r}; the nearest are "
            f"{nearest(name, REPRESENTATIONS)}."
        )
        raise ConfigError(message)
    return REPRESENTATIONS[name](events, **options)
