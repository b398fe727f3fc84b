"""Separation of two histograms, to rank the features that set selected events apart."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike


def separation(s: ArrayLike, t: ArrayLike) -> float:
    """Return 1/2 sum (s - t)^2 / (s + t) over bins of unit-sum histograms.

    Also known as the triangular discriminator (TMVA's separation).

    Parameters
    ----------
    s, t : array_like of shape (n_bins,)
        Sums of weights per bin; each is normalised to unit sum.

    Returns
    -------
    float
        0 for equal shapes, 1 for no overlap; NaN where a histogram does not have a positive sum.
        Bins where the two do not sum to a positive number (negative weights) are left out.

    References
    ----------
    .. [1] Hoecker et al., "TMVA - Toolkit for multivariate data analysis", arXiv:physics/0703039.

    Examples
    --------
    >>> separation([1, 0], [0, 4]), separation([1, 1], [3, 3])
    (1.0, 0.0)
    """
    a, b = np.asarray(s, dtype=np.float64), np.asarray(t, dtype=np.float64)
    if not (a.sum() > 0.0 and b.sum() > 0.0):
        return float("nan")
    a, b = a / a.sum(), b / b.sum()
    both = a + b > 0.0
    return float(0.5 * np.sum((a[both] - b[both]) ** 2 / (a[both] + b[both])))


def separation_floor(n_bins: int, n_s: float, n_t: float) -> float:
    """Return the separation that two samples of the same distribution show on average.

    To leading order in 1 / n, for filled bins: (n_bins - 1) / 4 (1 / n_s + 1 / n_t). A feature
    whose separation is not above it sets nothing apart.

    Parameters
    ----------
    n_bins : int
    n_s, n_t : float
        (Kish's effective) numbers of events, positive.

    Returns
    -------
    float

    Examples
    --------
    >>> separation_floor(21, 100, 100)
    0.1
    """
    return (n_bins - 1) / 4.0 * (1.0 / n_s + 1.0 / n_t)
