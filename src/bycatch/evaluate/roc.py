"""How well a score separates signal from background: ROC, AUC and significance improvement.

What to use when: the area under the curve says how well a score orders events on average; a
search keeps a small tail, so compare methods by the maximum significance improvement, and only at
the same cut on the background's statistical error: without one it grows without bound where no
background is left.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bycatch.errors import DataError
from bycatch.evaluate.sizes import kish


@dataclass(frozen=True)
class Roc:
    """Efficiencies of all cuts on a score.

    Attributes
    ----------
    threshold : ndarray of shape (n_points,)
        Descending; an event passes where its score is at least the threshold. The first is
        infinite. Events with equal scores pass together, so there is one point per score.
    eps_b, eps_s : ndarray of shape (n_points,)
        Weighted background and signal efficiency, from 0 to 1.
    n_background, n_signal : float
        Kish's effective numbers of events.
    squares_b, squares_s : ndarray of shape (n_points,), optional
        Sum of the squared weights of what passes, over the squared sum of all weights. Where they
        are absent the weights count as equal.
    """

    threshold: NDArray[np.float64]
    eps_b: NDArray[np.float64]
    eps_s: NDArray[np.float64]
    n_background: float
    n_signal: float
    squares_b: NDArray[np.float64] | None = None
    squares_s: NDArray[np.float64] | None = None

    @property
    def auc(self) -> float:
        """Area under the curve: P(signal scores higher) + P(equal scores) / 2."""
        return float(np.trapezoid(self.eps_s, self.eps_b))

    @property
    def auc_error(self) -> float:
        """Standard error of the area.

        References
        ----------
        .. [1] Hanley, McNeil, "The meaning and use of the area under a ROC curve",
           Radiology 143 (1982) 29.
        """
        a = min(max(self.auc, 0.0), 1.0)  # negative weights may carry the area beyond
        q1, q2 = a / (2.0 - a), 2.0 * a * a / (1.0 + a)
        s, b = self.n_signal, self.n_background
        variance = a * (1.0 - a) + (s - 1.0) * (q1 - a * a) + (b - 1.0) * (q2 - a * a)
        return float(np.sqrt(max(variance, 0.0) / (s * b)))

    def sic(self) -> NDArray[np.float64]:
        """Return eps_S / sqrt(eps_B) at each point; NaN where eps_B is not positive."""
        sic = np.full(self.eps_b.shape, np.nan)
        positive = self.eps_b > 0.0
        sic[positive] = self.eps_s[positive] / np.sqrt(self.eps_b[positive])
        return sic

    def thin(self, n_points: int = 200) -> tuple[tuple[float, float], ...]:
        """Return about `n_points` (eps_B, eps_S) for a plot, even in the logarithm of eps_B."""
        if self.eps_b.size <= n_points:
            chosen = np.arange(self.eps_b.size)
        else:
            lowest = 1.0 / max(self.n_background, 2.0)  # below one event the curve is empty
            grid = np.geomspace(lowest, 1.0, n_points - 2)
            # with negative weights the curve may turn back, and searchsorted wants it sorted
            inner = np.searchsorted(np.maximum.accumulate(self.eps_b), grid)
            chosen = np.unique(
                np.concatenate([[0], np.minimum(inner, self.eps_b.size - 1), [self.eps_b.size - 1]])
            )
        return tuple((float(self.eps_b[i]), float(self.eps_s[i])) for i in chosen)


@dataclass(frozen=True)
class MaxSic:
    """The best significance improvement of a score.

    Attributes
    ----------
    value : float
        eps_S / sqrt(eps_B) at its maximum; NaN where no cut has enough background.
    error : float
        Binomial standard error of both efficiencies at that cut. It leaves out that the maximum
        was looked for, which raises the value by about as much.
    eps_b, eps_s : float
        Where it is.
    """

    value: float
    error: float
    eps_b: float
    eps_s: float


def roc(score: ArrayLike, label: ArrayLike, weight: ArrayLike | None = None) -> Roc:
    """Return the ROC curve of a score, with signed weights and ties handled.

    Parameters
    ----------
    score : array_like of shape (n_events,)
        Higher means more signal-like.
    label : array_like of shape (n_events,)
        1 for signal, 0 for background.
    weight : array_like of shape (n_events,), optional
        Signed weights.

    Returns
    -------
    Roc

    Raises
    ------
    DataError
        Where a class is absent, its weights do not sum to a positive number, or a score is NaN.

    Examples
    --------
    >>> roc([0.1, 0.4, 0.4, 0.8], [0, 0, 1, 1]).auc
    0.875
    """
    s = np.asarray(score, dtype=np.float64)
    signal = np.asarray(label) == 1
    w = np.ones(s.shape) if weight is None else np.asarray(weight, dtype=np.float64)
    if np.isnan(s).any():
        raise DataError(
            f"{int(np.isnan(s).sum())} of {s.size} scores are NaN: drop events without one."
        )
    # stable: equal scores keep the order of the file, on every platform
    order = np.argsort(-s, kind="stable")
    s, signal, w = s[order], signal[order], w[order]
    w_s, w_b = np.where(signal, w, 0.0), np.where(signal, 0.0, w)
    if not (w_s.sum() > 0.0 and w_b.sum() > 0.0):
        raise DataError(
            f"A ROC curve needs signal and background of positive weight, but the sums are "
            f"{float(w_s.sum()):g} (label 1) and {float(w_b.sum()):g} (label 0): check 'truth'."
        )
    # one point per score: events that tie pass together
    last = np.flatnonzero(np.append(np.diff(s) != 0.0, True))
    return Roc(
        # an infinite cut first, so that the curve begins at (0, 0)
        threshold=np.concatenate([[np.inf], s[last]]),
        eps_b=np.concatenate([[0.0], np.cumsum(w_b)[last] / w_b.sum()]),
        eps_s=np.concatenate([[0.0], np.cumsum(w_s)[last] / w_s.sum()]),
        n_background=kish(w[~signal]),
        n_signal=kish(w[signal]),
        squares_b=np.concatenate([[0.0], np.cumsum(w_b**2)[last] / w_b.sum() ** 2]),
        squares_s=np.concatenate([[0.0], np.cumsum(w_s**2)[last] / w_s.sum() ** 2]),
    )


def max_sic(curve: Roc, max_error: float = 0.2) -> MaxSic:
    """Return the maximum significance improvement where the background is known well enough.

    Only cuts whose background efficiency has a relative error below `max_error` count:
    1 / sqrt(eps_B N_B) < max_error, which is eps_B > 25 / N_B for 20 %. Published numbers with
    another cut are not comparable.

    Parameters
    ----------
    curve : Roc
    max_error : float
        Largest relative statistical error of eps_B.

    Returns
    -------
    MaxSic

    References
    ----------
    .. [1] Finke et al., "Back to the roots: tree-based algorithms for weakly supervised anomaly
       detection", arXiv:2309.13111 (the 20 % cut).
    """
    # 1 / sqrt(eps_B N_B) < max_error
    allowed = curve.eps_b > 1.0 / (max_error**2 * curve.n_background)
    if not allowed.any():
        return MaxSic(np.nan, np.nan, np.nan, np.nan)
    best = int(np.argmax(np.where(allowed, curve.sic(), -np.inf)))
    eps_b, eps_s = float(curve.eps_b[best]), float(curve.eps_s[best])
    value = eps_s / np.sqrt(eps_b)
    if eps_s <= 0.0:
        return MaxSic(value, np.nan, eps_b, eps_s)
    relative = max(1.0 - eps_s, 0.0) / (eps_s * curve.n_signal)
    # a quarter: SIC has the square root of eps_B
    relative += max(1.0 - eps_b, 0.0) / (4.0 * eps_b * curve.n_background)
    return MaxSic(value, value * float(np.sqrt(relative)), eps_b, eps_s)
