"""From a YAML file to the plan of a search: what can be wrong is found before work begins."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bycatch.config.checks import check_background, check_values
from bycatch.config.methods import check_methods
from bycatch.config.plan import Loaded, build, load
from bycatch.errors import InputError
from bycatch.search.plan import SearchPlan


def load_search(path: Path | str, output: Path | str | None = None) -> Loaded[SearchPlan]:
    """Read, check and resolve the configuration of a search, see `bycatch.config.plan.load`."""
    return load(SearchPlan, path, output, before=_check, after=_check_validation)


def build_search(
    content: Mapping[str, Any],
    *,
    base: Path,
    source: str = "configuration",
    output: Path | str | None = None,
    name: str = "search",
) -> Loaded[SearchPlan]:
    """Check and resolve a mapping, see `bycatch.config.plan.build`."""
    return build(
        SearchPlan, content, base=base, source=source, output=output, name=name,
        before=_check, after=_check_validation,
    )  # fmt: skip


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
