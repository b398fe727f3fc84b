"""From a YAML file to the plan of a search: what can be wrong is found before work begins."""

from __future__ import annotations

from pathlib import Path

from bycatch.config.checks import check_background, check_values
from bycatch.config.methods import check_methods
from bycatch.config.plan import Configuration
from bycatch.errors import InputError
from bycatch.search.plan import SearchPlan


def _check(plan: SearchPlan, source: str) -> None:
    check_values(plan, source)
    check_methods(plan, source)
    check_background(plan, source)


def _check_validation(plan: SearchPlan, source: str) -> None:
    if plan.validation is not None and not (Path(plan.validation) / "result.json").is_file():
        raise InputError(
            f"{source}: 'validation' names the folder {plan.validation}, which holds no finished "
            "validation (result.json); make it with `bycatch validate` or remove the key."
        )


SEARCH = Configuration(SearchPlan, "search", _check, _check_validation)
load_search, build_search = SEARCH.load, SEARCH.build
