"""A number with its interval, and what stands behind it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import beta

from bycatch.evaluate.sizes import kish
from bycatch.tasks.result import document


@dataclass(frozen=True)
class Estimate:
    """A number with its confidence interval.

    Attributes
    ----------
    value, low, high : float
        The ends may be infinite.
    n_effective : float
        Kish's effective number of events that stand behind the number.
    extrapolated : bool
        Whether a fitted tail stands behind it instead.
    """

    value: float
    low: float
    high: float
    n_effective: float
    extrapolated: bool

    def map(self, function: Callable[[float], float]) -> Estimate:
        """Return a monotone function of the number; where it falls, the ends change places."""
        ends = function(self.low), function(self.high)
        return Estimate(
            function(self.value), min(ends), max(ends), self.n_effective, self.extrapolated
        )

    def times(self, factor: float) -> Estimate:
        """Return the number in another unit, `factor` being positive."""
        return Estimate(
            self.value * factor,
            self.low * factor,
            self.high * factor,
            self.n_effective,
            self.extrapolated,
        )

    def widened(self, low: float, high: float) -> Estimate:
        """Return the number with an independent error: distances to the ends add in quadrature."""
        return Estimate(
            self.value,
            self.value - float(np.hypot(self.value - self.low, max(self.value - low, 0.0))),
            self.value + float(np.hypot(self.high - self.value, max(high - self.value, 0.0))),
            self.n_effective,
            self.extrapolated,
        )

    def to_json(self) -> dict[str, Any]:
        """Return the number as JSON can hold it; what is infinite or NaN becomes None."""
        return document(
            value=self.value,
            interval=(self.low, self.high),
            n_effective=self.n_effective,
            extrapolated=self.extrapolated,
        )


def binomial_interval(value: float, variance: float, level: float) -> tuple[float, float]:
    """Return Clopper and Pearson's interval of a weighted fraction.

    Parameters
    ----------
    value : float
        The fraction.
    variance : float
        Its variance; it counts as one of n = value (1 - value) / variance events. Where nothing
        passes, 1 / n, with n the effective number of all events.
    level : float

    Returns
    -------
    tuple of float
    """
    tail = 0.5 * (1.0 - level)
    p = min(max(value, 0.0), 1.0)  # signed weights may leave a fraction outside of [0, 1]
    if variance <= 0.0:
        return p, p
    # the number of unweighted events that would be as uncertain
    n = p * (1.0 - p) / variance if 0.0 < p < 1.0 else 1.0 / variance
    low = float(beta.ppf(tail, n * p, n * (1.0 - p) + 1.0)) if p > 0.0 else 0.0
    high = float(beta.isf(tail, n * p + 1.0, n * (1.0 - p))) if p < 1.0 else 1.0
    return low, high


def weighted_fraction(
    weight: NDArray[np.float64], passed: NDArray[np.bool_], level: float
) -> Estimate:
    """Return the weighted fraction of a sample that passes, with its Clopper-Pearson interval.

    Parameters
    ----------
    weight : ndarray of shape (n_events,)
        Signed weights of positive sum.
    passed : ndarray of bool of shape (n_events,)
    level : float
    """
    total = float(weight.sum())
    value = float(weight[passed].sum() / total)
    squares = float((weight[passed] ** 2).sum() / total**2)
    rest = float((weight[~passed] ** 2).sum() / total**2)
    # of a ratio whose numerator is part of the denominator
    variance = (1.0 - value) ** 2 * squares + value**2 * rest
    # a variance of zero would claim certainty: as if one effective event could still pass
    if not 0.0 < value < 1.0:
        variance = 1.0 / kish(weight)
    low, high = binomial_interval(value, variance, level)
    return Estimate(value, low, high, kish(weight[passed]), extrapolated=False)
