"""Read the correction that an earlier `bycatch validate` measured for a configuration."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bycatch.errors import ConfigError, InputError
from bycatch.search.plan import SearchPlan
from bycatch.search.validation.correction import Correction

SAME = ("resonance", "features", "regions", "methods", "folds", "members", "background")
"""Keys that must agree between a search and the validation that it names."""


def load_correction(plan: SearchPlan, resolved: Mapping[str, Any]) -> Correction | None:
    """Return the correction that a plan names, or None where it names none.

    Parameters
    ----------
    plan : SearchPlan
    resolved : mapping
        The resolved configuration, compared with the one that was validated.

    Returns
    -------
    Correction or None

    Raises
    ------
    InputError
        Where the folder holds no finished validation.
    ConfigError
        Where the validation was made for another configuration.
    """
    if plan.validation is None:
        return None
    path = Path(plan.validation) / "result.json"
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        correction, validated = document["correction"], document["config"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(
            f"{plan.validation} (key 'validation') holds no finished validation: {path} cannot be "
            "read as one; run `bycatch validate` on this configuration."
        ) from error
    different = [key for key in SAME if validated.get(key) != resolved.get(key)]
    if different:
        raise ConfigError(
            f"The validation in {plan.validation} was made for another configuration: "
            f"{', '.join(different)} differ; run `bycatch validate` on this one."
        )
    return Correction.from_json(correction)
