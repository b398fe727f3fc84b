"""What each cocktail of a run is worth for signals that it was not shown: one stored step each."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bycatch.anomaly.plan import MethodPlan, ScorePlan
from bycatch.anomaly.sample import stored_sample
from bycatch.errors import BycatchError
from bycatch.evaluate.transfer import Transfer, transfer_matrix, transfer_sets
from bycatch.score import make_score
from bycatch.tasks.random import child_seed
from bycatch.tasks.result import plain
from bycatch.tasks.run import Run
from bycatch.tasks.store import Step


@dataclass(frozen=True)
class Transferred:
    """The transfer matrix of one cocktail.

    Attributes
    ----------
    method : str
    matrix : Transfer or None
        None where a training failed.
    status : str
        ``ok``, or why there is nothing.
    """

    method: str
    matrix: Transfer | None
    status: str = "ok"


def cocktails(plan: ScorePlan) -> list[MethodPlan]:
    """Return the methods that learn from labels, where a signal can be left out."""
    if len(plan.signals) < 2:
        return []
    return [method for method in plan.methods if method.uses == "label"]


def extra_trainings(plan: ScorePlan) -> int:
    """Return how many models the matrices need beside the run's own."""
    found = cocktails(plan)
    return len(found) * len(set(transfer_sets(plan.names[1:]).values())) if found else 0


def transfer_all(plan: ScorePlan, run: Run) -> list[Transferred]:
    """Train every cocktail on all signals, on all but one and on one, and test each on each.

    One repetition of each training, since with the errors of the samples it shows what it has to.
    Where the data themselves are scored, the first fold is tested by models of the others.

    Parameters
    ----------
    plan : ScorePlan
    run : Run
        Its folder holds the sample already; keeps each matrix as a step.

    Returns
    -------
    list of Transferred
        Empty where there is no cocktail.
    """
    arguments = {"plan": plan, "folder": str(run.path)}
    tasks = [
        (f"transfer/{method.name}", {**arguments, "method": method}) for method in cocktails(plan)
    ]
    if not tasks:
        return []
    words = "Testing cocktails on what they were not shown"
    stored = run.stage(words, _transfer_task, tasks, Step.save_json, Step.load_json)
    return [
        Transferred(
            found["method"],
            None if found["matrix"] is None else Transfer.from_json(found["matrix"]),
            found["status"],
        )
        for found in stored
    ]


def _transfer_task(method: MethodPlan, plan: ScorePlan, folder: str) -> dict[str, Any]:
    """Return the fields of a `Transferred`."""
    sample = stored_sample(Path(folder))
    process, weight = sample.process, sample.weight
    tested = np.flatnonzero(sample.fold == 0)
    # with folds every event has one, without them those to learn from have -1
    learned = np.flatnonzero(sample.fold != 0)

    def inputs(rows: NDArray[np.int64]) -> NDArray[Any]:
        return sample.inputs.rows(sample.row[rows], plan.pixels, flat=method.flat)["x"]

    def scores_of(train: NDArray[np.bool_]) -> NDArray[np.float64]:
        seed = child_seed(plan.seed, "transfer", method.name)
        score = make_score(method.kind, **{**method.options, "members": len(train)}, seed=seed)
        further: dict[str, Any] = {"label": process[learned].astype(np.int64)}
        score.fit(inputs(learned), weight[learned], train=train, **further)
        return score.member_scores(inputs(tested))

    of_learned, of_tested = process[learned], process[tested]
    found = {"method": method.name, "matrix": None, "status": "ok"}
    try:
        matrix = transfer_matrix(
            scores_of, of_learned, of_tested, weight[tested], names=plan.names[1:]
        )
    except BycatchError as error:  # a signal of a few events must not end the whole run
        return found | {"status": f"No number: {error}"}
    return found | {"matrix": plain(matrix)}
