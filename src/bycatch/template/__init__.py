"""Background templates for signal regions, one file per method.

What to use when:

- `cwola` (CWoLa hunting): the sidebands stand in for the background. No model to train, no
  simulation; fails where features follow the mass.
- `cathode`: samples of a density of everything outside of the window, interpolated into it. For
  features that follow the mass, and for more template events than the sidebands hold.
- `anode`: the ratio of the window's own density and that of its background. A score without a
  classifier, for a second opinion whose mistakes differ from those of `cathode`.
- `ideal`: a perfect background drawn from truth. The bound of every weakly supervised method.
- `supervised`: truth labels. What a dedicated search for exactly this signal could do.

The last two need truth: they are yardsticks for studies, never a search.
"""

from __future__ import annotations

import inspect

from bycatch.errors import ConfigError, nearest
from bycatch.statistics.region import Region
from bycatch.template._interpolated import InterpolatedTemplate
from bycatch.template._sidebands import SidebandDensity
from bycatch.template.anode import Anode
from bycatch.template.base import Template, TrainingSet
from bycatch.template.cathode import Cathode
from bycatch.template.cwola import CwolaHunting
from bycatch.template.ideal import Ideal
from bycatch.template.supervised import Supervised

__all__ = [
    "TEMPLATES",
    "InterpolatedTemplate",
    "Region",
    "SidebandDensity",
    "Template",
    "TrainingSet",
    "get_template",
    "template_options",
]

TEMPLATES: dict[str, type[Template]] = {
    template.name: template for template in (CwolaHunting, Cathode, Anode, Ideal, Supervised)
}
"""Templates by their name in a configuration file."""


def _template(name: str) -> type[Template]:
    if name not in TEMPLATES:
        message = (
            f"There is no template {name!r}; the nearest are {nearest(name, TEMPLATES)}. "
            "Name one of them under 'methods'."
        )
        raise ConfigError(message)
    return TEMPLATES[name]


def template_options(name: str) -> dict[str, object]:
    """Return the options of a template with their defaults.

    Parameters
    ----------
    name : str
        A key of `TEMPLATES`.

    Returns
    -------
    dict
        Option -> default value, among them ``background``, which is an object and no setting.

    Raises
    ------
    ConfigError
        Where no template has that name; the message lists the nearest.
    """
    parameters = inspect.signature(_template(name)).parameters
    return {key: value.default for key, value in parameters.items()}


def get_template(name: str, **options: object) -> Template:
    """Return a new template by its name.

    Parameters
    ----------
    name : str
        A key of `TEMPLATES`.
    **options
        Options of that template, see `template_options`.

    Returns
    -------
    Template

    Raises
    ------
    ConfigError
        Where no template has that name, or it has no such option; the message lists the nearest.
    """
    known = template_options(name)
    for option in options:
        if option not in known:
            message = (
                f"The template {name!r} has no option {option!r}; the nearest are "
                f"{nearest(option, known)}."
            )
            raise ConfigError(message)
    return _template(name)(**options)
