"""The background's mass behind cuts on a score: how much the cuts sculpt it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bycatch.anomaly.plan import CutPlan, ScorePlan
from bycatch.anomaly.sample import Processes
from bycatch.anomaly.train import Trained
from bycatch.errors import BycatchError
from bycatch.evaluate.score_tables import REFERENCE
from bycatch.evaluate.sculpting import EFFICIENCIES, Sculpting, sculpting
from bycatch.tasks.random import child_seed
from bycatch.tasks.result import document

Floats = NDArray[np.float64]

_QUANTILES = (0.01, 0.99)
_COARSE = 25


@dataclass(frozen=True)
class Sculpted:
    """What cuts on one score do to the background's mass.

    Attributes
    ----------
    method, score : str
    signal : str or None
        That contaminates the training.
    contamination : float
    found : Sculpting or None
    status : str
        ``ok``, or why there is nothing.
    """

    method: str
    score: str
    signal: str | None
    contamination: float
    found: Sculpting | None
    status: str = "ok"

    def to_json(self) -> dict[str, Any]:
        """Return the numbers as JSON can hold them."""
        kept = {k: v for k, v in vars(self).items() if k != "found"}
        return document(**kept, found=self.found)  # last: a public format


def leveled(score: Floats, fold: NDArray[np.int8], weight: Floats) -> Floats:
    """Make scores of different folds comparable: the weight below an event in its own fold.

    Scores of one fold are returned as they are.

    Parameters
    ----------
    score : ndarray of shape (n_events,)
    fold : ndarray of shape (n_events,)
    weight : ndarray of shape (n_events,)

    Returns
    -------
    ndarray of shape (n_events,)
        In each fold a rising function of the score; events of equal scores stay equal.
    """
    if len(np.unique(fold)) < 2:
        return score
    result = np.empty(len(score))
    for k in np.unique(fold):
        here = np.flatnonzero(fold == k)
        order = here[np.argsort(score[here], kind="stable")]
        _, group = np.unique(score[order], return_inverse=True)
        sums = np.cumsum(np.bincount(group, np.abs(weight[order])))
        result[order] = sums[group] / sums[-1]
    return result


def sculpt_all(trained: Sequence[Trained], sample: Processes, plan: ScorePlan) -> list[Sculpted]:
    """Measure what cuts on scores do to the background's mass.

    Every score of the first training of each method, and the default one of those with other
    contaminations.

    Parameters
    ----------
    trained : sequence of Trained
    sample : Processes
    plan : ScorePlan

    Returns
    -------
    list of Sculpted
        Empty where there is no mass.
    """
    if plan.cuts is None or sample.mass is None:
        return []
    edges = np.linspace(*mass_range(sample, plan.cuts), plan.cuts.bins + 1)
    found = []
    first: set[str] = set()
    for item in direct(trained):
        names = item.names if item.training.method not in first else item.names[:1]
        first.add(item.training.method)
        rows = np.flatnonzero(sample.process[item.rows] == 0)
        where = item.rows[rows]
        for i, name in enumerate(names):
            weight = sample.weight[where]
            score = leveled(item.score[i][rows], sample.fold[where], weight)
            what = (item.training.method, name, item.training.signal, item.training.contamination)
            try:
                seed = child_seed(plan.seed, "sculpting")
                one = sculpting(sample.mass[where], score, weight, EFFICIENCIES, edges, seed=seed)
                found.append(Sculpted(*what, one))
            except BycatchError as error:
                found.append(Sculpted(*what, None, str(error)))
    return found


def direct(trained: Sequence[Trained]) -> list[Trained]:
    """Return direct trainings without variants, the supervised one left out."""
    return [
        item
        for item in trained
        if item.training.direction == "direct"
        and item.training.variant is None
        and item.training.method != REFERENCE
    ]


def mass_range(sample: Processes, cuts: CutPlan) -> tuple[float, float]:
    """Return the range of spectra: as asked for, or where 98 % of the background are."""
    if cuts.range is not None or sample.mass is None:
        return cuts.range or (0.0, 1.0)
    mass = sample.mass[sample.of(0)]
    low, high = (float(np.quantile(mass, q)) for q in _QUANTILES)
    return low, high if high > low else low + 1.0


def falling_range(sample: Processes, cuts: CutPlan) -> tuple[float, float]:
    """Return the range of hunts: as asked for, or from the peak of the background's spectrum.

    The families of smooth backgrounds are made for spectra that fall. Where the peak lies beyond
    the middle, the whole range is taken.
    """
    low, high = mass_range(sample, cuts)
    if cuts.range is not None or sample.mass is None:
        return low, high
    there = sample.of(0)
    edges = np.linspace(low, high, _COARSE + 1)
    counts = np.histogram(sample.mass[there], edges, weights=sample.weight[there])[0]
    fullest = int(np.argmax(counts))
    return (float(edges[fullest]), high) if fullest < _COARSE // 2 else (low, high)
