"""The significance improvement of one score for one signal, as in the Dark Machines challenge.

What to use when: eps_S / sqrt(eps_B) is read at fixed background efficiencies, and its maximum over
them is the total improvement; `bycatch.evaluate.score_comparison` compares scores by it over many
signals. Not for one known signal: `bycatch.evaluate.roc.max_sic` finds its best cut.

References
----------
.. [1] Aarrestad et al., "The Dark Machines anomaly score challenge: benchmark data and model
   independent event classification for the Large Hadron Collider", arXiv:2105.14027.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from bycatch.evaluate.operating import tpr_at
from bycatch.evaluate.roc import Roc
from bycatch.tasks.result import Plain

EPS_B = (1e-2, 1e-3, 1e-4)
"""Background efficiencies of the challenge."""


@dataclass(frozen=True)
class Improvement(Plain):
    """What one score is worth for one signal in one channel.

    Attributes
    ----------
    method, signal, channel : str
        The channel is empty where there is one only.
    eps_b : tuple of float
        Background efficiencies that were asked for.
    eps_s : tuple of float
        Signal efficiencies there.
    error : tuple of float
        Standard errors of the signal efficiencies, by the signal's statistics and by the
        background's, which sets the threshold; NaN where they are unknown (published tables).
    auc : float
        NaN where it is unknown.
    n_background, n_signal : float
        Kish's effective numbers of events; NaN where they are unknown.
    status : str
        ``ok``, or a sentence that says why the numbers are weak.
    """

    further: ClassVar = ("improvements", "total", "total_error")

    method: str
    signal: str
    channel: str
    eps_b: tuple[float, ...]
    eps_s: tuple[float, ...]
    error: tuple[float, ...]
    auc: float
    n_background: float
    n_signal: float
    status: str = "ok"

    @property
    def improvements(self) -> tuple[float, ...]:
        """The significance improvement at each background efficiency."""
        return tuple(s / np.sqrt(b) for s, b in zip(self.eps_s, self.eps_b, strict=True))

    @property
    def total(self) -> float:
        """Their maximum, the total improvement."""
        return max(self.improvements)

    @property
    def total_error(self) -> float:
        """Standard error of the improvement where it is largest; the choice is left out."""
        best = int(np.argmax(self.improvements))
        return float(self.error[best] / np.sqrt(self.eps_b[best]))


def improvement(
    curve: Roc,
    method: str,
    signal: str,
    channel: str = "",
    eps_b: Sequence[float] = EPS_B,
) -> Improvement:
    """Return the significance improvement of a score for a signal at fixed efficiencies.

    Parameters
    ----------
    curve : Roc
        Of that signal against all background.
    method, signal, channel : str
    eps_b : sequence of float
        Background efficiencies.

    Returns
    -------
    Improvement

    Raises
    ------
    DataError
        Where an efficiency is not between 0 and 1.
    """
    points = [tpr_at(curve, b) for b in eps_b]
    weak = [p.status for p in points if p.status != "ok"]
    return Improvement(
        method,
        signal,
        channel,
        tuple(float(b) for b in eps_b),
        tuple(p.value for p in points),
        # half of the 68 % interval, which need not be symmetric
        tuple(0.5 * (p.interval[1] - p.interval[0]) for p in points),
        curve.auc,
        curve.n_background,
        curve.n_signal,
        # The tightest cut is the weakest.
        weak[-1] if weak else "ok",
    )
