"""The main job of `bycatch trigger`: score, mix, set thresholds, fill the tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from bycatch import __version__
from bycatch.tasks import Result, Run, Step, document
from bycatch.trigger.mixture import Mixture, ScoredSample
from bycatch.trigger.plan import TriggerPlan
from bycatch.trigger.processes import Process, find_processes, find_rates
from bycatch.trigger.rates import Rate
from bycatch.trigger.scored import score_process
from bycatch.trigger.tables import SignalRow, signal_row
from bycatch.trigger.tail import ScoreTail
from bycatch.trigger.working_point import WorkingPoint, working_point


@dataclass(frozen=True, eq=False, repr=False)
class TriggerResult(Result):
    """Thresholds, rates and tables of a score.

    Attributes
    ----------
    version : str
    config : mapping
        The resolved configuration.
    plan : TriggerPlan
    processes : tuple of Process
        Background, then signals.
    background, signals : tuple of ScoredSample
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

    citations: ClassVar = ("bycatch", "vae-mining", "clopper-pearson", "pareto-tails")

    version: str
    config: Mapping[str, Any]
    plan: TriggerPlan
    processes: tuple[Process, ...]
    background: tuple[ScoredSample, ...]
    signals: tuple[ScoredSample, ...]
    rates: Mapping[str, Rate]
    mixture: Mixture
    tail: ScoreTail
    points: tuple[WorkingPoint, ...]
    rows: tuple[SignalRow, ...]

    def to_json(self) -> dict[str, Any]:
        """Return the result as JSON can hold it."""
        return document(
            version=self.version,
            config=self.config,
            luminosity_fb_per_month=self.plan.collected.per_month,
            days_per_month=30,
            level=self.plan.level,
            efficiency="absolute: acceptance x existing trigger x score",
            background=[self._process(s) for s in self.background],
            signals=[self._process(s) for s in self.signals],
            rate_before_score_per_day=self.mixture.total("rate"),
            tail=self.tail,
            working_points=self.points,
            tables=self.rows,
            citations=self.citations,
        )

    def _process(self, sample: ScoredSample) -> dict[str, Any]:
        known = {p.name: p for p in self.processes}[sample.name].normalisation
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


def run_trigger(plan: TriggerPlan, resolved: Mapping[str, Any], run: Run) -> TriggerResult:
    """Turn a score into a trigger, or continue where that was stopped.

    Parameters
    ----------
    plan : TriggerPlan
    resolved : mapping
        Which the result repeats.
    run : Run
        Its folder holds the scores of each process; it gets ``result.json``.

    Returns
    -------
    TriggerResult

    Raises
    ------
    BycatchError
        For anything that the user can mend; the message says how.
    """
    processes = find_processes(plan)
    rates = find_rates(plan, processes)
    background, signals = _samples(plan, processes, run)
    mixture = Mixture(background, rates, start=plan.tail_start, level=plan.level)
    run.progress.stage("Setting thresholds", len(plan.budget))
    points = []
    for budget in plan.budget:
        points.append(working_point(mixture, budget, plan.of))
        run.progress.advance()
    result = TriggerResult(
        __version__,
        resolved,
        plan,
        processes,
        background,
        signals,
        rates,
        mixture,
        mixture.tail(plan.of),
        tuple(points),
        _rows(plan, processes, signals, points),
    )
    run.write_result(result)
    return result


def _rows(
    plan: TriggerPlan,
    processes: Sequence[Process],
    signals: Sequence[ScoredSample],
    points: Sequence[WorkingPoint],
) -> tuple[SignalRow, ...]:
    """Return the tables: one row per budget and signal."""
    asked = [process for process in processes if process.kind == "signal"]
    return tuple(
        signal_row(
            sample,
            process.normalisation,
            point,
            plan.collected,
            events=plan.events,
            s_over_b=plan.s_over_b,
            level=plan.level,
        )
        for point in points
        for sample, process in zip(signals, asked, strict=True)
    )


def _samples(
    plan: TriggerPlan, processes: Sequence[Process], run: Run
) -> tuple[tuple[ScoredSample, ...], tuple[ScoredSample, ...]]:
    """Return the scores of background and signals, from the run folder where they are there."""
    tasks = [
        (
            f"scores/{process.kind}-{process.name}",
            {"process": process, "score": plan.score, "menu": plan.menu},
        )
        for process in processes
    ]
    stored = run.stage("Scoring events", score_process, tasks, _save, Step.load_arrays)
    samples = tuple(
        ScoredSample(process.name, found["score"], found["weight"], found.get("menu"))
        for process, found in zip(processes, stored, strict=True)
    )
    return samples[: len(plan.background)], samples[len(plan.background) :]


def _save(step: Step, sample: ScoredSample) -> None:
    menu = {} if sample.menu is None else {"menu": sample.menu}
    step.save({"score": sample.score, "weight": sample.weight, **menu})
