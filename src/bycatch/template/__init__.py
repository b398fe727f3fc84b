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

from typing import Any, cast

from bycatch.registry import Registry
from bycatch.statistics.region import Region
from bycatch.template._interpolated import InterpolatedTemplate
from bycatch.template._sidebands import SidebandDensity
from bycatch.template.base import Template, TrainingSet

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

TEMPLATES: Registry[type[Template]] = Registry(
    "template",
    {
        "cwola": "bycatch.template.cwola:CwolaHunting",
        "cathode": "bycatch.template.cathode:Cathode",
        "anode": "bycatch.template.anode:Anode",
        "ideal": "bycatch.template.ideal:Ideal",
        "supervised": "bycatch.template.supervised:Supervised",
    },
    "bycatch.templates",
    hint=". Name one of them under 'methods'",
)
"""Classes of templates by their name in a configuration."""

template_options = TEMPLATES.options
"""Options of a template with their defaults, among them the object ``background``."""


def get_template(name: str, **options: Any) -> Template:
    """Return a new template by its name.

    Parameters
    ----------
    name : str
        A key of `TEMPLATES`.
    **options
        Options of that template, see `template_options`.

    Raises
    ------
    ConfigError
        Where no template has that name, or it has no such option; the message lists the nearest.
    """
    return cast("Template", TEMPLATES.make(name, **options))
