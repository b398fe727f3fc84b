"""Where the encoder of a score puts events of each process."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from bycatch.anomaly.plan import MethodPlan, Preprocessing, ScorePlan
from bycatch.anomaly.sample import Processes
from bycatch.anomaly.trainings import member_numbers
from bycatch.score.base import Score
from bycatch.tasks.random import stream

VIEWED = 500
"""Tested events of each process, at most."""


def encode(
    score: Score,
    method: MethodPlan,
    n_folds: int,
    sample: Processes,
    pixels: Preprocessing | None,
    plan: ScorePlan,
) -> dict[str, NDArray[Any]]:
    """Encode tested events of each process; with folds, those of fold 0.

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
        ``latent`` of shape (n_rows, n_latent), of the member that scores these events first, and
        ``latent_rows`` of shape (n_rows,), positions in the sample. Empty for a score without a
        latent space.
    """
    if not score.has_latent:
        return {}
    rows = np.concatenate(
        [
            sample.tested(k, VIEWED, stream(plan.seed, "latent", name))
            for k, name in enumerate(plan.names)
        ]
    )
    inputs = sample.inputs.rows(sample.row[rows], pixels, flat=method.flat)
    member = member_numbers(method.members, n_folds, 0)[0]
    return {
        "latent": score.latent(inputs["x"], inputs.get("mask"), member=member),
        "latent_rows": rows,
    }
