"""The second look at a plan of `bycatch trigger`: keys that are each right but do not fit."""

from __future__ import annotations

from pathlib import Path

from bycatch.config.plan import Configuration
from bycatch.errors import ConfigError
from bycatch.trigger.plan import TriggerPlan


def _check_values(plan: TriggerPlan, source: str) -> None:
    """Check keys against each other, and names against what exists."""
    if plan.of == "pure_rate" and plan.menu is None:
        raise ConfigError(
            f"{source}: 'of' is pure_rate, which needs 'menu': the existing menu's decision."
        )
    both = sorted(set(plan.background) & set(plan.signals))
    if both:
        raise ConfigError(f"{source}: {both[0]!r} stands under 'background' and under 'signals'.")
    if plan.score.representation is None:
        return
    from bycatch.represent import REPRESENTATIONS  # noqa: PLC0415 - loads late

    REPRESENTATIONS.checked("score.representation.name", plan.score.representation.name, source)


def _check_rates(plan: TriggerPlan, source: str) -> None:
    """Check that there is a score, and that the rates of all processes are known."""
    from bycatch.trigger.processes import find_processes, find_rates  # noqa: PLC0415 - readers

    if plan.score.folder is not None:
        from bycatch.learn.checkpoint import read_kind  # noqa: PLC0415 - loads safetensors

        read_kind(Path(plan.score.folder))
    try:
        find_rates(plan, find_processes(plan))
    except ConfigError as error:
        raise ConfigError(f"{source}: {error}") from None


TRIGGER = Configuration(TriggerPlan, "trigger", _check_values, _check_rates)
load_trigger, build_trigger = TRIGGER.load, TRIGGER.build
