"""Which models learn from which rows.

A training is one score, in one direction, on background with a stated fraction of one signal, with
one preprocessing. Its members are repetitions; with folds there are as many members for each fold,
and member m of fold k is number ``m * n_folds + k``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from bycatch.anomaly.plan import MethodPlan, Preprocessing, ScorePlan
from bycatch.anomaly.sample import Processes
from bycatch.errors import DataError
from bycatch.evaluate.score_tables import REFERENCE
from bycatch.tasks.random import stream


@dataclass(frozen=True)
class Training:
    """What one training is about.

    Attributes
    ----------
    method : str
        Name of a method, or ``supervised``.
    direction : {"direct", "inverse"}
        Inverse: it learns from a signal, and background is what is unlike it.
    signal : str or None
        The one that it learns from (inverse), is contaminated with, or is left out of a cocktail;
        None where all signals are tested by the same models.
    contamination : float
        Fraction of that signal in the training, by weight, as asked for.
    variant : Preprocessing or None
        Of pixels, where it is not the run's own.
    """

    method: str
    direction: Literal["direct", "inverse"] = "direct"
    signal: str | None = None
    contamination: float = 0.0
    variant: Preprocessing | None = None

    @property
    def name(self) -> str:
        """Of its step and of the folder of its models."""
        place: str = self.direction
        if self.variant is not None:
            place += f"/power-{self.variant.power:g}-smear-{self.variant.smear:g}"
        parts = [place, self.method]
        if self.signal is not None:
            contaminated = f"-{self.contamination:g}" if self.contamination > 0.0 else ""
            parts.append(f"{self.signal}{contaminated}")
        return "/".join(parts)


@dataclass(frozen=True)
class Rows:
    """Rows of a training, as positions in the sample.

    Attributes
    ----------
    learn : ndarray of int of shape (n_learn,)
    train : ndarray of bool of shape (n_members * n_folds, n_learn) or None
        Which of them each member may see; None: all.
    score : ndarray of int of shape (n_score,)
        Rows to be scored, none of which the models that score it have seen.
    n_folds : int
    contamination : float
        Fraction of signal by weight in `learn`, as it came out.
    """

    learn: NDArray[np.int64]
    train: NDArray[np.bool_] | None
    score: NDArray[np.int64]
    n_folds: int
    contamination: float


def plan_trainings(plan: ScorePlan) -> tuple[Training, ...]:
    """List the trainings of a run, those first that all numbers are compared with."""
    found: list[Training] = []
    for method in plan.methods:
        if method.uses == "label":
            found += [Training(method.name, signal=s.name) for s in plan.signals]
            continue
        for fraction in plan.contamination:
            found += _contaminated(method.name, fraction, plan)
    unlabelled = [method for method in plan.methods if method.uses != "label"]
    for method in unlabelled:
        if plan.inverse:
            found += [Training(method.name, "inverse", s.name) for s in plan.signals]
        for variant in plan.variants:
            found.append(Training(method.name, variant=variant))
            if plan.inverse:
                found += [
                    Training(method.name, "inverse", s.name, variant=variant) for s in plan.signals
                ]
    if plan.reference is not None:
        found += [Training(REFERENCE, signal=s.name) for s in plan.signals]
    return tuple(found)


def _contaminated(method: str, fraction: float, plan: ScorePlan) -> list[Training]:
    if fraction == 0.0:
        return [Training(method)]
    return [Training(method, signal=s.name, contamination=fraction) for s in plan.signals]


def training_rows(training: Training, sample: Processes, plan: ScorePlan, members: int) -> Rows:
    """Choose the rows of a training.

    Parameters
    ----------
    training : Training
    sample : Processes
    plan : ScorePlan
    members : int
        Repetitions, for each fold.

    Returns
    -------
    Rows

    Raises
    ------
    DataError
        Where a signal has too few events for the contamination.
    """
    k = 0 if training.signal is None else plan.names.index(training.signal)
    uses = {method.name: method.uses for method in plan.methods}.get(training.method, "")
    may_learn = sample.fold < 0 if not plan.folds else np.ones(len(sample.fold), dtype=bool)
    fraction = 0.0
    if training.method == REFERENCE:
        learns = may_learn & (sample.of(0) | sample.of(k))
    elif uses == "label":
        learns = may_learn & ~sample.of(k)
    elif training.direction == "inverse":
        learns = may_learn & sample.of(k)
    else:
        learns = may_learn & sample.of(0)
        if training.contamination > 0.0:
            added, fraction = _added(training, k, learns, may_learn, sample, plan)
            learns[added] = True
    tested = sample.fold >= 0
    if training.signal is not None:
        tested &= sample.of(0) | sample.of(k)
    learn = np.flatnonzero(learns)
    train = None
    if plan.folds:
        scores = np.tile(np.arange(plan.folds), members)
        train = sample.fold[learn] != scores[:, None]
    return Rows(learn, train, np.flatnonzero(tested), max(1, plan.folds), fraction)


def _added(
    training: Training,
    k: int,
    background: NDArray[np.bool_],
    may_learn: NDArray[np.bool_],
    sample: Processes,
    plan: ScorePlan,
) -> tuple[NDArray[np.int64], float]:
    """Return signal events that make up the fraction, and the fraction that they make up.

    The events of a lower fraction are among those of a higher one.
    """
    rows = np.flatnonzero(may_learn & sample.of(k))
    rows = rows[stream(plan.seed, "contaminate", training.signal or "").permutation(len(rows))]
    total = float(sample.weight[background].sum())
    sums = np.cumsum(sample.weight[rows])
    wanted = total * training.contamination / (1.0 - training.contamination)
    if not len(rows) or sums[-1] < wanted:
        there = float(sums[-1]) if len(rows) else 0.0
        raise DataError(
            f"A contamination of {training.contamination:g} by '{training.signal}' needs a sum of "
            f"weights of {wanted:.4g} in the training, but there is {there:.4g}; lower "
            "'contamination', or give more signal or less background."
        )
    count = int(np.argmin(np.abs(sums - wanted))) + 1
    return rows[:count], float(sums[count - 1] / (sums[count - 1] + total))


def member_numbers(members: int, n_folds: int, fold: int) -> list[int]:
    """Return the members that score a fold, one per repetition."""
    return [m * n_folds + fold for m in range(members)]


def pixels_of(training: Training, plan: ScorePlan) -> Preprocessing | None:
    """Return how a training sees pixels; None where it sees none."""
    return training.variant or plan.pixels


def method_of(training: Training, plan: ScorePlan) -> MethodPlan:
    """Return the plan of a training's method."""
    return next(method for method in plan.methods if method.name == training.method)
