"""What a score reacts to: contributions of inputs, averaged over events of each process."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from bycatch.anomaly.plan import MethodPlan, Preprocessing, ScorePlan
from bycatch.anomaly.sample import Processes
from bycatch.anomaly.trainings import member_numbers
from bycatch.score.base import Score
from bycatch.tasks.random import stream

EXPLAINED = 300
"""Events of each process, at most: hiding every pixel in turn costs as many evaluations."""


def explain(
    score: Score,
    method: MethodPlan,
    n_folds: int,
    sample: Processes,
    pixels: Preprocessing | None,
    plan: ScorePlan,
) -> dict[str, NDArray[Any]]:
    """Average the contributions to the default score.

    With folds, events of fold 0 are explained by the models that score them.

    Parameters
    ----------
    score : Score
        Trained.
    method : MethodPlan
    n_folds : int
    sample : Processes
    pixels : Preprocessing, optional
    plan : ScorePlan

    Returns
    -------
    dict of str to ndarray
        ``mean`` and its standard ``error`` of shape (n_processes, *places), where places are
        features, pixels or objects of a set, NaN where there are fewer than two events; ``n`` of
        shape (n_processes,), the number of events.
    """
    members = member_numbers(method.members, n_folds, 0)
    means, errors, numbers = [], [], []
    for k, name in enumerate(plan.names):
        rows = sample.tested(k, EXPLAINED, stream(plan.seed, "explain", name))
        inputs = sample.inputs.rows(sample.row[rows], pixels, flat=method.flat)
        found = score.contributions(inputs["x"], inputs.get("mask"), members=members)
        there = inputs.get("mask", np.ones(found.shape, dtype=bool))
        if method.flat:
            found, there = _places(found, sample, rows)
        mean, error = _weighted(found, there, sample.weight[rows])
        means.append(mean)
        errors.append(error)
        numbers.append(len(rows))
    return {"mean": np.stack(means), "error": np.stack(errors), "n": np.array(numbers)}


def _places(
    found: NDArray[np.float64], sample: Processes, rows: NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Give contributions to flattened inputs their places again."""
    whole = sample.inputs.rows(sample.row[rows])
    shaped = found.reshape(whole["x"].shape)
    if "mask" in whole:
        return shaped.sum(axis=2), whole["mask"]
    return shaped, np.ones(shaped.shape, dtype=bool)


def _weighted(
    found: NDArray[np.float64], there: NDArray[np.bool_], weight: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return weighted means over rows and their standard errors."""
    w = np.where(there, weight.reshape(-1, *[1] * (found.ndim - 1)), 0.0)
    total = w.sum(axis=0)
    usable = (total > 0.0) & (np.count_nonzero(there, axis=0) > 1)
    safe = np.where(usable, total, 1.0)
    mean = (w * found).sum(axis=0) / safe
    error = np.sqrt((w**2 * (found - mean) ** 2).sum(axis=0)) / safe
    return np.where(usable, mean, np.nan), np.where(usable, error, np.nan)
