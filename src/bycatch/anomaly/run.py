"""`bycatch score`: from a plan to a result, in steps that survive a kill."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bycatch.anomaly.hunts import hunt_all
from bycatch.anomaly.judge import measure_all
from bycatch.anomaly.latent import view_all
from bycatch.anomaly.plan import ScorePlan
from bycatch.anomaly.result import Explained, Learned, ScoreResult
from bycatch.anomaly.sample import Processes, load_sample
from bycatch.anomaly.sculpt import sculpt_all
from bycatch.anomaly.train import Trained, train_all
from bycatch.anomaly.trainings import plan_trainings
from bycatch.anomaly.transfer import extra_trainings, transfer_all
from bycatch.evaluate.score_tables import REFERENCE
from bycatch.score import score_class
from bycatch.tasks.files import atomic_file
from bycatch.tasks.run import Run


def run_scores(plan: ScorePlan, resolved: Mapping[str, Any], run: Run) -> ScoreResult:
    """Train and judge scores, or continue where that was stopped.

    Parameters
    ----------
    plan : ScorePlan
    resolved : mapping
        The resolved configuration, which the result repeats.
    run : Run
        Its folder holds the steps; it gets ``models/``, ``scores.parquet`` and ``result.json``.

    Returns
    -------
    ScoreResult

    Raises
    ------
    BycatchError
        For anything that the user can mend; the message says how.
    """
    with run.doing("Reading and representing events"):
        sample = load_sample(plan, run.folder)
        run.log(
            "read",
            n_events={size.name: size.n_events for size in sample.sizes},
            dropped={size.name: size.n_dropped for size in sample.sizes},
        )
    trained = train_all(plan_trainings(plan), plan, run)
    transferred = transfer_all(plan, run)
    hunted = hunt_all(trained, sample, plan, run)
    with run.doing("Judging scores"):
        result = ScoreResult(
            resolved,
            sample.sizes,
            plan.inputs.layout,
            sample.names,
            tuple(_learned(plan, trained)),
            None if plan.reference is None else plan.reference.name,
            tuple(measure_all(trained, sample, plan)),
            tuple(sculpt_all(trained, sample, plan)),
            tuple(hunted),
            tuple(_explained(plan, trained)),
            tuple(view_all(trained, sample, plan)),
            tuple(transferred),
        )
        write_scores(run.path / "scores.parquet", sample, trained, plan)
        run.write_result(result)
    return result


def _learned(plan: ScorePlan, trained: Sequence[Trained]) -> list[Learned]:
    first: dict[str, Trained] = {}
    for item in trained:
        first.setdefault(item.training.method, item)
    return [
        Learned(
            method.name,
            method.kind,
            first[method.name].names,
            method.members,
            first[method.name].n_parameters,
            method.flat,
            method.uses,
            (score_class(method.kind).citation, *score_class(method.kind).further_citations),
        )
        for method in plan.methods
    ]


def _explained(plan: ScorePlan, trained: Sequence[Trained]) -> list[Explained]:
    return [
        Explained(
            item.training.method,
            plan.names,
            item.contributions["mean"],
            item.contributions["error"],
            tuple(int(n) for n in item.contributions["n"]),
        )
        for item in trained
        if item.contributions
    ]


def write_scores(
    path: Path, sample: Processes, trained: Sequence[Trained], plan: ScorePlan
) -> None:
    """Write the scores of all events that have one, one column for each score.

    Columns: ``process``, ``label`` (0 background, 1 signal), ``weight``, ``split`` (``test``: no
    model that scored an event has seen it), ``fold``, ``mass`` where there is one, and
    ``METHOD.SCORE`` of the direct trainings at the first contamination; where a training belongs to
    one signal, ``METHOD.SCORE@SIGNAL``, NaN for other signals.

    Raises
    ------
    StorageError
        Where the file cannot be written.
    """
    import pyarrow as pa  # noqa: PLC0415 - slow to import
    import pyarrow.parquet as pq  # noqa: PLC0415

    rows = np.flatnonzero(sample.fold >= 0)
    columns: dict[str, Any] = {
        "process": np.asarray(plan.names)[sample.process[rows]],
        "label": (sample.process[rows] > 0).astype(np.int8),
        "weight": sample.weight[rows],
        "split": np.full(len(rows), "test"),
        "fold": sample.fold[rows],
    }
    if sample.mass is not None:
        # Single precision is a number of another kind than scores, and enough to plot.
        columns["mass"] = sample.mass[rows]
    first: dict[str, float] = {}
    for item in trained:
        training = item.training
        if training.direction != "direct" or training.variant is not None:
            continue
        if training.contamination != first.setdefault(training.method, training.contamination):
            continue
        for i, name in enumerate(item.names):
            whose = "" if training.signal is None else f"@{training.signal}"
            columns[f"{training.method}.{name}{whose}"] = _spread_out(item, i, rows)
    table = pa.table({name: pa.array(values) for name, values in columns.items()})
    with atomic_file(path) as temporary:
        pq.write_table(table, temporary)


def _spread_out(item: Trained, i: int, rows: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the mean score of `rows`, NaN where this training did not score."""
    result = np.full(len(rows), np.nan)
    result[np.searchsorted(rows, item.rows)] = item.score[i]
    return result


def describe_scores(plan: ScorePlan) -> str:
    """Say in one sentence how much work a plan is.

    Parameters
    ----------
    plan : ScorePlan

    Returns
    -------
    str
    """
    trainings = plan_trainings(plan)
    members = {method.name: method.members for method in plan.methods}
    if plan.reference is not None:
        members[REFERENCE] = plan.reference.members
    folds = max(1, plan.folds)
    models = sum(members[training.method] * folds for training in trainings)
    extra = extra_trainings(plan)
    direct = sum(t.direction == "direct" for t in trainings)
    return (
        f"{len(plan.methods)} methods against {len(plan.signals)} signals: {len(trainings)} "
        f"trainings ({direct} on background, {len(trainings) - direct} on a signal) of {models} "
        f"models, {folds} folds."
        + (f" {extra} more for the transfer of cocktails." if extra else "")
    )
