"""Bump hunts in the mass behind cuts on a score.

Cuts are set on the events that are hunted, all of them, as in data, and in each fold by itself. A
hunt in background alone says what bump a cut carves; with signal, what would have been found.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bycatch.anomaly.plan import CutPlan, ScorePlan
from bycatch.anomaly.sample import Processes, stored_sample
from bycatch.anomaly.sculpt import direct, falling_range, leveled
from bycatch.anomaly.train import Trained
from bycatch.anomaly.trainings import Training, training_rows
from bycatch.errors import BycatchError
from bycatch.hunt.histogram import Histogram, make_histogram
from bycatch.hunt.hunt import hunt
from bycatch.hunt.plan import HuntPlan
from bycatch.tasks.random import child_seed, stream
from bycatch.tasks.result import plain
from bycatch.tasks.run import Run
from bycatch.tasks.store import Step

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Hunted:
    """A bump hunt behind one cut.

    Attributes
    ----------
    method, score : str
        Empty before any cut.
    signal : str or None
        In the hunted events; None for background alone.
    signal_fraction : float
        Of the hunted events before the cut, by weight.
    n_signal : int
        Signal events among the hunted ones before the cut.
    contamination : float
        Fraction of signal in the training, as asked for.
    cut : float
        Fraction of the hunted events that passes; 1 for no cut.
    n_passed : int
        Events behind the cut, inside of the range of the hunt.
    result : dict or None
        `bycatch.hunt.plan.HuntResult.to_json`; None where the hunt failed.
    status : str
        ``ok``, or why there is nothing.
    """

    method: str
    score: str
    signal: str | None
    signal_fraction: float
    n_signal: int
    contamination: float
    cut: float
    n_passed: int
    result: dict[str, Any] | None
    status: str = "ok"


def hunt_all(
    trained: Sequence[Trained], sample: Processes, plan: ScorePlan, run: Run
) -> list[Hunted]:
    """Hunt bumps before any cut and behind the cuts on the default score of every direct training.

    Parameters
    ----------
    trained : sequence of Trained
    sample : Processes
    plan : ScorePlan
    run : Run
        Keeps each hunt as a step.

    Returns
    -------
    list of Hunted
        Empty where there is no mass.
    """
    if plan.cuts is None or sample.mass is None:
        return []
    tasks: dict[str, dict[str, Any]] = {}
    for item in direct(trained):
        training = item.training
        signals = plan.names[1:] if training.signal is None else (training.signal,)
        for signal in (None, *signals):
            for cut in (1.0, *plan.cuts.cuts):
                whose = training.name.removeprefix("direct/") if cut < 1.0 else "no-cut"
                name = f"hunts/{whose}/{signal or 'background-alone'}/{cut:g}"
                if cut == 1.0 and plan.folds and training.contamination > 0.0:
                    name += f"-{training.contamination:g}"
                arguments = {"training": training, "signal": signal, "cut": cut}
                tasks.setdefault(name, {**arguments, "plan": plan, "folder": str(run.path)})
    words = "Hunting bumps behind cuts"
    stored = run.stage(words, _hunt_task, list(tasks.items()), Step.save_json, Step.load_json)
    return [Hunted(**found) for found in stored]


def _hunt_task(
    training: Training, signal: str | None, cut: float, plan: ScorePlan, folder: str
) -> dict[str, Any]:
    """Return the fields of a `Hunted`."""
    sample, cuts = stored_sample(Path(folder)), plan.cuts
    if cuts is None or sample.mass is None:
        raise ValueError("A hunt was asked for without a mass.")
    stored = Step(Path(folder) / "steps" / "scores" / training.name)
    arrays, document = stored.load_arrays(), stored.load_json()
    events, fraction, n_signal = _hunted_events(training, signal, arrays["rows"], sample, plan)
    where = arrays["rows"][events]
    mass, weight = sample.mass[where], sample.weight[where]
    if cut < 1.0:
        score = arrays["scores"][0].mean(axis=0)[events]
        passed = _passing(leveled(score, sample.fold[where], weight), weight, cut)
        mass, weight = mass[passed], weight[passed]
    low, high = falling_range(sample, cuts)
    found = {
        "method": training.method if cut < 1.0 else "",
        "score": document["names"][0] if cut < 1.0 else "",
        "signal": signal,
        "signal_fraction": fraction,
        "n_signal": n_signal,
        "contamination": training.contamination,
        "cut": cut,
        "n_passed": int(np.count_nonzero((mass >= low) & (mass <= high))),
        "result": None,
        "status": "ok",
    }
    order = cuts.order
    seed = child_seed(plan.seed, "hunt", signal or "", str(cut))
    try:
        histogram = _histogram(mass, weight, (low, high), cuts, plan.mass or "mass")
        result = hunt(
            histogram, HuntPlan(family=cuts.family, order=order, toys=cuts.toys, seed=seed)
        )
    except BycatchError as error:
        return found | {"status": f"No number: {error}"}
    return found | {"result": plain(result)}


def _hunted_events(
    training: Training,
    signal: str | None,
    rows: NDArray[np.int64],
    sample: Processes,
    plan: ScorePlan,
) -> tuple[NDArray[np.int64], float, int]:
    """Choose background and a fraction of signal; return positions in `rows` and what it is."""
    process = sample.process[rows]
    background = np.flatnonzero(process == 0)
    if signal is None or plan.cuts is None:
        return background, 0.0, 0
    there = np.flatnonzero(process == plan.names.index(signal))
    total = float(sample.weight[rows[background]].sum())
    if plan.folds and training.contamination > 0.0:
        # The hunted data are the data that were learned from.
        learned = training_rows(training, sample, plan, 1).learn
        added = there[np.isin(rows[there], learned)]
    else:
        order = stream(plan.seed, "hunt", signal).permutation(len(there))
        there = there[order]
        sums = np.cumsum(sample.weight[rows[there]])
        wanted = total * plan.cuts.signal / (1.0 - plan.cuts.signal)
        added = there[: int(np.argmin(np.abs(sums - wanted))) + 1]
    weight = float(sample.weight[rows[added]].sum())
    chosen = np.sort(np.concatenate([background, added]))
    return chosen, weight / (weight + total), len(added)


def _passing(score: Floats, weight: Floats, cut: float) -> NDArray[np.int64]:
    """Return the events with the highest scores that hold the fraction `cut` of the weight."""
    order = np.argsort(-score, kind="stable")
    reached = np.cumsum(weight[order]) / weight.sum()
    last = np.flatnonzero(np.append(np.diff(score[order]) != 0.0, True))
    count = int(last[int(np.argmin(np.abs(reached[last] - cut)))]) + 1
    return np.sort(order[:count])


def _histogram(
    mass: Floats, weight: Floats, window: tuple[float, float], cuts: CutPlan, label: str
) -> Histogram:
    edges = np.linspace(*window, cuts.bins + 1)
    counts = np.histogram(mass, edges, weights=weight)[0]
    plain = bool((weight == 1.0).all())
    squares = None if plain else np.histogram(mass, edges, weights=weight**2)[0]
    return make_histogram(edges, counts, variances=squares, label=label, source="the spectrum")
