"""Background templates for signal regions, one file per method.

What to use when:

- `cwola` (CWoLa hunting): the sidebands stand in for the background. No model to train, no
  simulation; fails where features follow the mass.
- `ideal`: a perfect background drawn from truth. The bound of every weakly supervised method.
- `supervised`: truth labels. What a dedicated search for exactly this signal could do.

The last two need truth: they are yardsticks for studies, never a search.
"""

from __future__ import annotations

from bycatch.errors import ConfigError, nearest
from bycatch.template.base import Region, Template, TrainingSet
from bycatch.template.cwola import CwolaHunting
from bycatch.template.ideal import Ideal
from bycatch.template.supervised import Supervised

__all__ = ["TEMPLATES", "Region", "Template", "TrainingSet", "get_template"]

TEMPLATES: dict[str, type[Template]] = {
    template.name: template for template in (CwolaHunting, Ideal, Supervised)
}
"""Templates by their name in a configuration file."""


def get_template(name: str) -> Template:
    """Return a new template by its name.

    Parameters
    ----------
    name : str
        A key of `TEMPLATES`.

    Returns
    -------
    Template

    Raises
    ------
    ConfigError
        Where no template has that name; the message lists the nearest.
    """
    try:
        return TEMPLATES[name]()
    except KeyError:
        message = (
            f"There is no template {name!r}; the nearest are {nearest(name, TEMPLATES)}. "
            "Name one of them under 'methods'."
        )
        raise ConfigError(message) from None
