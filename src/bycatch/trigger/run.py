"""The main job of `bycatch trigger`: score, mix, set thresholds, fill the tables."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bycatch import __version__
from bycatch.tasks import Progress, RunFolder, SilentProgress
from bycatch.trigger.mixture import Mixture, Sample
from bycatch.trigger.plan import ProcessPlan, TriggerPlan
from bycatch.trigger.rates import Rate
from bycatch.trigger.scored import score_process
from bycatch.trigger.tables import SignalRow, signal_row
from bycatch.trigger.tail import ScoreTail
from bycatch.trigger.working_point import WorkingPoint, working_point

__all__ = ["CITATIONS", "TriggerResult", "run_trigger"]

CITATIONS = ("bycatch", "vae-mining", "clopper-pearson", "pareto-tails")
"""Keys of `bycatch.report.citations`."""


@dataclass(frozen=True, eq=False)
class TriggerResult:
    """Thresholds, rates and tables of a score.

    Attributes
    ----------
    version : str
    config : mapping
        The resolved configuration.
    plan : TriggerPlan
    background, signals : tuple of Sample
    rates : mapping of str to Rate
        Before the score.
    mixture : Mixture
    tail : ScoreTail
        Of the background that the budget counts.
    points : tuple of WorkingPoint
        One per budget.
    rows : tuple of SignalRow
        One per budget and signal.
    """

    version: str
    config: Mapping[str, Any]
    plan: TriggerPlan
    background: tuple[Sample, ...]
    signals: tuple[Sample, ...]
    rates: Mapping[str, Rate]
    mixture: Mixture
    tail: ScoreTail
    points: tuple[WorkingPoint, ...]
    rows: tuple[SignalRow, ...]

    def to_json(self) -> dict[str, Any]:
        """Return the result as JSON can hold it."""
        return {
            "version": self.version,
            "config": self.config,
            "luminosity_fb_per_month": self.plan.luminosity.per_month,
            "days_per_month": 30,
            "level": self.plan.level,
            "efficiency": "absolute: acceptance x existing trigger x score",
            "background": [self._process(s) for s in self.background],
            "signals": [self._process(s) for s in self.signals],
            "rate_before_score_per_day": self.mixture.total("rate"),
            "tail": self.tail.to_json(),
            "working_points": [point.to_json() for point in self.points],
            "tables": [row.to_json() for row in self.rows],
            "citations": list(CITATIONS),
        }

    def _process(self, sample: Sample) -> dict[str, Any]:
        plans = {p.name: p for p in (*self.plan.background, *self.plan.signals)}
        known = plans[sample.name].normalisation
        found: dict[str, Any] = {
            "name": sample.name,
            "n_events": len(sample.score),
            "n_effective": sample.n_effective,
            "cross_section_pb": known.cross_section,
            "acceptance": known.acceptance,
            "trigger": known.trigger,
            "uncertainty": known.uncertainty,
        }
        if sample.name in self.rates:
            rate = self.rates[sample.name]
            found |= {"events_per_day": rate.per_day, "uncertainty": rate.uncertainty}
        return found


def run_trigger(
    plan: TriggerPlan,
    resolved: Mapping[str, Any],
    folder: RunFolder,
    progress: Progress | None = None,
) -> TriggerResult:
    """Turn a score into a trigger, or continue where that was stopped.

    Parameters
    ----------
    plan : TriggerPlan
    resolved : mapping
        Which the result repeats.
    folder : RunFolder
        Holds the scores of each process; gets ``result.json``.
    progress : Progress, optional

    Returns
    -------
    TriggerResult

    Raises
    ------
    BycatchError
        For anything that the user can mend; the message says how.
    """
    progress = progress or SilentProgress()
    progress.stage("Scoring events", len(plan.background) + len(plan.signals))
    background = tuple(_sample(p, "background", plan, folder, progress) for p in plan.background)
    signals = tuple(_sample(p, "signal", plan, folder, progress) for p in plan.signals)
    mixture = Mixture(background, plan.rates, start=plan.tail_start, level=plan.level)
    progress.stage("Setting thresholds", len(plan.budgets))
    points = []
    for budget in plan.budgets:
        points.append(working_point(mixture, budget, plan.of))
        progress.advance()
    result = TriggerResult(
        __version__,
        resolved,
        plan,
        background,
        signals,
        plan.rates,
        mixture,
        mixture.tail(plan.of),
        tuple(points),
        _rows(plan, signals, points),
    )
    folder.write_text("result.json", json.dumps(result.to_json(), indent=1, allow_nan=False) + "\n")
    return result


def _rows(
    plan: TriggerPlan, signals: Sequence[Sample], points: Sequence[WorkingPoint]
) -> tuple[SignalRow, ...]:
    """Return the tables: one row per budget and signal."""
    return tuple(
        signal_row(
            sample,
            process.normalisation,
            point,
            plan.luminosity,
            events=plan.events,
            s_over_b=plan.s_over_b,
            level=plan.level,
        )
        for point in points
        for sample, process in zip(signals, plan.signals, strict=True)
    )


def _sample(
    process: ProcessPlan, kind: str, plan: TriggerPlan, folder: RunFolder, progress: Progress
) -> Sample:
    """Return a process's scores, from the run folder where they are there already."""
    step = folder.step(f"scores/{kind}-{process.name}")
    if not step.done:
        sample = score_process(process, plan.score, plan.menu)
        arrays: dict[str, NDArray[Any]] = {"score": sample.score, "weight": sample.weight}
        if sample.menu is not None:
            arrays["menu"] = sample.menu
        step.save(arrays)
    found = step.load_arrays()
    progress.advance()
    menu = found.get("menu")
    return Sample(
        process.name, found["score"], found["weight"], None if menu is None else np.asarray(menu)
    )
