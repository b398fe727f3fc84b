"""Quantiles of weighted points, and roots near a guess."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq


def weighted_quantile(
    values: NDArray[np.float64], share: NDArray[np.float64], probability: float
) -> float:
    """Return the smallest value at or below which the shares sum to a probability.

    Parameters
    ----------
    values, share : ndarray of shape (n_points,)
        Shares sum to 1.
    probability : float
    """
    order = np.argsort(values)
    place = np.searchsorted(np.cumsum(share[order]), probability)
    # rounding may keep the summed shares below the probability
    return float(values[order[min(int(place), len(order) - 1)]])


def rising_root(
    function: Callable[[float], float], guess: float, step: float, bounds: tuple[float, float]
) -> float:
    """Return the zero of a rising function, near a guess.

    Parameters
    ----------
    function : callable
        Not falling.
    guess, step : float
        Where to look first, and how far around; the step doubles until the zero is enclosed.
    bounds : tuple of float
        Between which to look; an end is the answer where the function does not change its sign.

    Returns
    -------
    float
    """
    low = high = min(max(guess, bounds[0]), bounds[1])
    width = step
    while function(low) > 0.0 and low > bounds[0]:
        low, width = max(low - width, bounds[0]), 2.0 * width
    width = step
    while function(high) < 0.0 and high < bounds[1]:
        high, width = min(high + width, bounds[1]), 2.0 * width
    # no change of sign down to the lower bound, so that is the answer
    if low == high or function(low) > 0.0:
        return low
    if function(high) < 0.0:
        return high
    return float(brentq(function, low, high, xtol=1e-9 * step, rtol=1e-12))
