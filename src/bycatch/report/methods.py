"""What the configuration of a search says about its methods, by their names in the result.

A name may be any text, so nothing is read out of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bycatch.search.plan import MethodPlan
from bycatch.template import TEMPLATES


@dataclass(frozen=True)
class Recipe:
    """A method as it was configured.

    Attributes
    ----------
    name : str
        In looks and tables.
    template : str
    classifier : str or None
        None where the template has a score of its own.
    yardstick : bool
        Whether it uses truth labels.
    own_score : bool
        Whether the score is a ratio of densities and no classifier's.
    """

    name: str
    template: str
    classifier: str | None
    yardstick: bool = False
    own_score: bool = False


def recipes(config: Mapping[str, Any]) -> dict[str, Recipe]:
    """Return the methods of a resolved configuration by name.

    Parameters
    ----------
    config : mapping
        Entries that are not understood are left out.
    """
    found = {}
    listed = config.get("methods")
    for entry in listed if isinstance(listed, (list, tuple)) else ():
        if not isinstance(entry, Mapping) or not isinstance(entry.get("template"), str):
            continue
        plan = MethodPlan.model_construct(
            template=entry["template"], classifier=entry.get("classifier"), label=entry.get("name")
        )
        template = TEMPLATES.get(plan.template)
        found[plan.name] = Recipe(
            plan.name,
            plan.template,
            plan.classifier,
            template is not None and template.needs_truth,
            template is not None and template.own_classifier,
        )
    return found
