"""The processes of a trigger, with what their files and the plan say about their rates."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from bycatch.errors import ConfigError, InputError
from bycatch.events import column_names
from bycatch.events.simulate.files import simulation_info
from bycatch.trigger.plan import ProcessPlan, TriggerPlan
from bycatch.trigger.rates import Normalisation, Rate, normalisation_of, process_rates


@dataclass(frozen=True)
class Process:
    """One process and its files.

    Attributes
    ----------
    name : str
    kind : {"background", "signal"}
    path : tuple of str
    where, weight : str or None
        Expressions.
    normalisation : Normalisation
    """

    name: str
    kind: Literal["background", "signal"]
    path: tuple[str, ...]
    where: str | None
    weight: str | None
    normalisation: Normalisation


def find_processes(plan: TriggerPlan) -> tuple[Process, ...]:
    """Return the background, then the signals; simulated files fill in what the plan leaves out.

    Raises
    ------
    ConfigError
        Where the efficiency of a signal is not known.
    """
    found = [
        *(_process(name, "background", one, plan) for name, one in plan.background.items()),
        *(_process(name, "signal", one, plan) for name, one in plan.signals.items()),
    ]
    for process in found:
        if process.kind == "signal" and process.normalisation.selected is None:
            raise ConfigError(
                f"'signals.{process.name}' needs 'acceptance' and 'trigger', since its files were "
                "not made by bycatch simulate; efficiencies in the tables are absolute."
            )
    return tuple(found)


def _process(
    name: str, kind: Literal["background", "signal"], asked: ProcessPlan, plan: TriggerPlan
) -> Process:
    try:
        infos = [simulation_info(file) for file in asked.path if file.endswith(".parquet")]
    except InputError:
        infos = []
    known = Normalisation()
    if len(infos) == len(asked.path):
        known = normalisation_of(infos, signal=kind == "signal")
    simulated = infos and "weight" in column_names(asked.path[0])
    weight = plan.weight or ("weight" if simulated else None)
    return Process(name, kind, asked.path, asked.where, weight, known.updated(asked.rate))


def find_rates(plan: TriggerPlan, processes: tuple[Process, ...]) -> dict[str, Rate]:
    """Return the rate of each background process before the score.

    Raises
    ------
    ConfigError
        As `bycatch.trigger.rates.process_rates`.
    """
    known = {one.name: one.normalisation for one in processes if one.kind == "background"}
    return process_rates(known, plan.collected, plan.events_per_month)
