"""Numbers about scores, with uncertainties and sample sizes.

What to use when: `measure` for one score of one training against one signal; in the inverse
direction background is what stands out of a signal. Errors are of two kinds and are kept apart: of
the samples (Hanley and McNeil, Clopper and Pearson), and of the training (the spread over
repetitions with other seeds).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bycatch.anomaly.plan import Preprocessing, ScorePlan
from bycatch.anomaly.sample import Processes
from bycatch.anomaly.train import Trained
from bycatch.anomaly.trainings import pixels_of
from bycatch.evaluate.operating import Rejection, TruePositives, rejection, tpr_at
from bycatch.evaluate.roc import MaxSic, Roc, max_sic, roc
from bycatch.evaluate.score_tables import REFERENCE

EPS_S = (0.2, 0.3)
"""Signal efficiencies at which 1/eps_B is quoted."""

FPR = 1e-5
"""False-positive rate at which the true-positive rate is quoted, where the sample supports it."""

_ROUNDING = 1e-12
_FEWEST = 10.0
"""Effective background events above the threshold."""


@dataclass(frozen=True)
class Spread:
    """One number for each repetition of a training.

    Attributes
    ----------
    values : tuple of float
        Of each member alone; the quoted number is of their mean score. May be infinite or NaN.
    """

    values: tuple[float, ...]

    @property
    def deviation(self) -> float | None:
        """Standard deviation over the repetitions; None for one, or where one is not finite."""
        if len(self.values) < 2 or not np.isfinite(self.values).all():
            return None
        found = float(np.std(self.values, ddof=1))
        # Equal members differ by the rounding of sums, which is no spread.
        return found if found > _ROUNDING * max(map(abs, self.values)) else 0.0


@dataclass(frozen=True)
class Measured:
    """What one score of one training is worth for one signal.

    Attributes
    ----------
    method, score : str
        ``supervised`` is the reference that learns from labels.
    signal : str
    direction : str
        ``direct``: background is rejected; ``inverse``: the signal is, and background is looked
        for.
    contamination, contamination_found : float
        Fraction of the signal in the training as asked for, and as it came out.
    pixels : Preprocessing or None
    variant : bool
        Whether `pixels` are not the run's own.
    n_learn : int
        Rows of the training, of all folds together.
    curve : Roc
    rejections : tuple of Rejection
        At `EPS_S`.
    best : MaxSic
    tpr : TruePositives
    auc_spread, sic_spread : Spread
    rejection_spread : tuple of Spread
        As `rejections`.
    """

    method: str
    score: str
    signal: str
    direction: str
    contamination: float
    contamination_found: float
    pixels: Preprocessing | None
    variant: bool
    n_learn: int
    curve: Roc
    rejections: tuple[Rejection, ...]
    best: MaxSic
    tpr: TruePositives
    auc_spread: Spread
    rejection_spread: tuple[Spread, ...]
    sic_spread: Spread

    @property
    def auc(self) -> float:
        """Area under the curve."""
        return self.curve.auc

    @property
    def auc_error(self) -> float:
        """Error of the samples alone."""
        return self.curve.auc_error

    @property
    def supervised(self) -> bool:
        """Whether it learned from labels which events are this signal."""
        return self.method == REFERENCE

    def to_json(self) -> dict[str, Any]:
        """Return the numbers as JSON can hold them, but for NaN and infinities."""
        return {
            "method": self.method,
            "score": self.score,
            "signal": self.signal,
            "direction": self.direction,
            "supervised": self.supervised,
            "contamination": self.contamination,
            "contamination_found": self.contamination_found,
            "pixels": self.pixels,
            "variant": self.variant,
            "n_learn": self.n_learn,
            "n_background": self.curve.n_background,
            "n_signal": self.curve.n_signal,
            "auc": self.auc,
            "auc_error": self.auc_error,
            "auc_members": self.auc_spread.values,
            "auc_spread": self.auc_spread.deviation,
            "rejection": [
                {**found.to_json(), "members": spread.values, "spread": spread.deviation}
                for found, spread in zip(self.rejections, self.rejection_spread, strict=True)
            ],
            "max_sic": self.best.value,
            "max_sic_error": self.best.error,
            "max_sic_eps_b": self.best.eps_b,
            "max_sic_eps_s": self.best.eps_s,
            "max_sic_members": self.sic_spread.values,
            "max_sic_spread": self.sic_spread.deviation,
            "tpr": self.tpr,
            "roc": list(self.curve.thin()),
        }


def supported_fpr(n_background: float) -> float:
    """Return 1e-5, or the lowest false-positive rate that ten background events support.

    Parameters
    ----------
    n_background : float
        Kish's effective number.

    Returns
    -------
    float
        At most 0.5.

    Examples
    --------
    >>> supported_fpr(1e7), supported_fpr(1e4)
    (1e-05, 0.001)
    """
    return min(0.5, max(FPR, _FEWEST / max(n_background, 1.0)))


def measure_all(trained: Sequence[Trained], sample: Processes, plan: ScorePlan) -> list[Measured]:
    """Measure every score of every training against every signal that it was tested with.

    Parameters
    ----------
    trained : sequence of Trained
    sample : Processes
    plan : ScorePlan

    Returns
    -------
    list of Measured
        The supervised reference in both directions where the plan asks for the inverse one.
    """
    found = []
    for item in trained:
        training = item.training
        signals = plan.names[1:] if training.signal is None else (training.signal,)
        for i, name in enumerate(item.names):
            for signal in signals:
                rows = _rows(item, sample, plan.names.index(signal))
                scores, process = item.scores[i][:, rows], sample.process[item.rows[rows]]
                weight = sample.weight[item.rows[rows]]
                found.append(measure(item, name, signal, scores, (process > 0, weight), plan))
                if training.method == REFERENCE and plan.inverse:
                    label = process == 0
                    found.append(
                        measure(item, name, signal, -scores, (label, weight), plan, "inverse")
                    )
    return found


def _rows(item: Trained, sample: Processes, k: int) -> NDArray[np.int64]:
    process = sample.process[item.rows]
    return np.flatnonzero((process == 0) | (process == k))


def measure(
    item: Trained,
    name: str,
    signal: str,
    scores: NDArray[np.float64],
    truth: tuple[NDArray[np.bool_], NDArray[np.float64]],
    plan: ScorePlan,
    direction: str | None = None,
) -> Measured:
    """Measure one score.

    Parameters
    ----------
    item : Trained
    name, signal : str
    scores : ndarray of shape (n_members, n_rows)
        Of background and that signal.
    truth : tuple of ndarray of shape (n_rows,)
        Whether a row is the signal, and its weight.
    plan : ScorePlan
    direction : str, optional
        That of the training by default. `truth` is turned round where the training is inverse.

    Returns
    -------
    Measured
    """
    training = item.training
    is_signal, weight = truth
    stands_out = ~is_signal if training.direction == "inverse" else is_signal
    curve = roc(scores.mean(axis=0), stands_out, weight)
    alone = [roc(row, stands_out, weight) for row in scores] if len(scores) > 1 else [curve]
    return Measured(
        training.method,
        name,
        signal,
        direction or training.direction,
        training.contamination,
        item.contamination,
        pixels_of(training, plan),
        training.variant is not None,
        item.n_learn,
        curve,
        tuple(rejection(curve, eps_s) for eps_s in EPS_S),
        max_sic(curve),
        tpr_at(curve, supported_fpr(curve.n_background)),
        Spread(tuple(one.auc for one in alone)),
        tuple(Spread(tuple(rejection(one, e).value for one in alone)) for e in EPS_S),
        Spread(tuple(max_sic(one).value for one in alone)),
    )
