"""From columns to what a model eats: images, constituents, substructure, objects; and scaling.

What to use when: one jet per row goes to ``images`` (convolutional networks), ``constituents``
(deep sets, transformers) or ``substructure`` (dense networks, trees); one event per row to
``lepton_stream`` (21 features), ``objects`` (19 objects with a mask) or ``particle_flow`` (a
sequence). `REPRESENTATIONS` holds them by name.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from bycatch.registry import Registry

if TYPE_CHECKING:
    from bycatch.events.table import Events
    from bycatch.represent.base import Representation

__all__ = ["REPRESENTATIONS", "represent"]


REPRESENTATIONS: Registry[Callable[..., Representation]] = Registry(
    "representation",
    {
        name: f"bycatch.represent.{name}:represent"
        for name in (
            "images",
            "constituents",
            "substructure",
            "lepton_stream",
            "objects",
            "particle_flow",
        )
    },
    "bycatch.representations",
)
"""Functions of events and own options by name; each is in a module of this room."""


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
    return REPRESENTATIONS[name](events, **options)
