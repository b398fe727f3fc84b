"""Effective sample sizes."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike


def kish(weight: ArrayLike) -> float:
    """Return Kish's effective sample size (sum w)^2 / sum w^2.

    Parameters
    ----------
    weight : array_like of shape (n_events,)
        Signed weights.

    Returns
    -------
    float
        Number of unweighted events whose sum has the same relative error; 0 for no events or
        for weights that are all zero.

    References
    ----------
    .. [1] Kish, "Survey Sampling", Wiley (1965).

    Examples
    --------
    >>> kish([1.0, 1.0, 1.0]), kish([2.0, 1.0, 1.0])
    (3.0, 2.6666666666666665)
    """
    w = np.asarray(weight, dtype=np.float64)
    squares = float(np.sum(w * w))
    return float(np.sum(w)) ** 2 / squares if squares > 0.0 else 0.0
