"""How well scores separate truth, with errors: from the curves that a result keeps."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bycatch.evaluate.roc import Roc, max_sic
from bycatch.search.result import Evaluation, Look


@dataclass(frozen=True)
class Truth:
    """An evaluation with its errors.

    Attributes
    ----------
    evaluation : Evaluation
    auc_error : float or None
        Hanley and McNeil's standard error; None where no curve was kept.
    max_sic_error : float or None
        Binomial, at the maximum; it leaves out that the maximum was looked for.
    """

    evaluation: Evaluation
    auc_error: float | None
    max_sic_error: float | None


def with_truth(evaluation: Evaluation) -> Truth:
    """Return an evaluation with the errors that its kept curve and its events give.

    Weights are not kept, so that the errors hold for events of weight one.
    """
    points = np.asarray(evaluation.roc, dtype=np.float64).reshape(-1, 2)
    if len(points) < 2 or evaluation.n_signal < 1 or evaluation.n_background < 1:
        return Truth(evaluation, None, None)
    curve = Roc(
        np.full(len(points), np.nan),
        points[:, 0],
        points[:, 1],
        float(evaluation.n_background),
        float(evaluation.n_signal),
    )
    best = max_sic(curve)
    relative = best.error / best.value if best.value > 0 else math.nan
    sic_error = relative * evaluation.max_sic
    return Truth(
        evaluation,
        curve.auc_error,
        sic_error if math.isfinite(sic_error) else None,
    )


def truth_of(evaluation: Sequence[Evaluation], look: Look) -> Truth | None:
    """Return the evaluation of a look's method in its window; None where there is none."""
    for item in evaluation:
        if item.method == look.method and item.window == look.window:
            return with_truth(item)
    return None
