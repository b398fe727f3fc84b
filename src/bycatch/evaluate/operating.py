"""Numbers at one operating point: the signal at a fixed false-positive rate, and the rejection.

What to use when: a trigger keeps a fixed rate of background, so ask `tpr_at` that rate; papers on
jets quote `rejection`, 1 / eps_B at eps_S = 0.2 or 0.3. Not the numbers to compare methods by where
less than ten background events pass: their intervals then overlap whatever the methods are.

Intervals are Clopper and Pearson's. A weighted efficiency eps with variance V counts as one of
n = eps (1 - eps) / V events, of which k = n eps pass: for equal weights these are the events
themselves, for others the tail counts with the weights that it has.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy.stats import beta, binom

from bycatch.errors import DataError
from bycatch.evaluate.roc import Roc
from bycatch.tasks.result import Plain, document

LEVEL = 0.6827
"""Confidence level of intervals: one standard deviation of a Gaussian."""

_ROUNDING = 1e-12

Side = Literal["background", "signal"]


@dataclass(frozen=True)
class Efficiency(Plain):
    """A weighted efficiency with its interval.

    Attributes
    ----------
    value : float
        Fraction of the weight that passes; outside of [0, 1] only by negative weights.
    interval : tuple of float
        Clopper-Pearson interval.
    n_passed : float
        Kish's effective number of events that pass.
    n_total : float
        Kish's effective number of events.
    """

    value: float
    interval: tuple[float, float]
    n_passed: float
    n_total: float


@dataclass(frozen=True)
class TruePositives:
    """The signal efficiency at a false-positive rate.

    Attributes
    ----------
    fpr : float
        What was asked for.
    threshold : float
        The lowest cut whose measured background efficiency does not exceed `fpr`; an event passes
        where its score is at least this. Infinite where no such cut passes anything.
    background : Efficiency
        At this threshold.
    signal : Efficiency
        At this threshold: the true-positive rate, with the interval of the signal's statistics.
    threshold_interval : tuple of float
        Range of the true-positive rate while the threshold moves over the interval that the
        background's statistics leaves for the quantile 1 - `fpr`.
    interval : tuple of float
        Both together, their distances from the value added in quadrature.
    status : str
        ``ok``, or a sentence that says why the number is weak.
    """

    fpr: float
    threshold: float
    background: Efficiency
    signal: Efficiency
    threshold_interval: tuple[float, float]
    interval: tuple[float, float]
    status: str

    @property
    def value(self) -> float:
        """The true-positive rate."""
        return self.signal.value

    def to_json(self) -> dict[str, Any]:
        """Return the numbers as JSON can hold them."""
        return document(
            fpr=self.fpr,
            threshold=self.threshold,
            tpr=self.value,
            interval=self.interval,
            threshold_interval=self.threshold_interval,
            background=self.background,
            signal=self.signal,
            status=self.status,
        )


@dataclass(frozen=True)
class Rejection(Plain):
    """The inverse background efficiency 1 / eps_B at a signal efficiency.

    Attributes
    ----------
    eps_s : float
        What was asked for; the threshold is the highest that keeps as much.
    threshold : float
    value : float
        1 / eps_B; infinite where no background passes.
    error : float
        Standard error: of the background that passes, and of the threshold that the signal sets;
        NaN where no background passes.
    interval : tuple of float
        From the Clopper-Pearson interval of eps_B, widened by the threshold's error in quadrature;
        its upper end is infinite where no background passes.
    background : Efficiency
    status : str
        ``ok``, or a sentence that says why the number is weak.
    """

    eps_s: float
    threshold: float
    value: float
    error: float
    interval: tuple[float, float]
    background: Efficiency
    status: str


def efficiency(curve: Roc, point: int, side: Side, level: float = LEVEL) -> Efficiency:
    """Return the efficiency of a class at a point of a ROC curve, with its interval.

    Parameters
    ----------
    curve : Roc
    point : int
        Index into the curve.
    side : {"background", "signal"}
    level : float
        Confidence level of the central interval.

    Returns
    -------
    Efficiency

    References
    ----------
    .. [1] Clopper, Pearson, Biometrika 26 (1934) 404.
    """
    passing, squares, total = _class_of(curve, side)
    value, passed = float(passing[point]), float(squares[point])
    # a difference of sums, which rounding may leave below zero
    rest = max(float(squares[-1]) - passed, 0.0)
    # of a ratio whose numerator is part of the denominator
    variance = (1.0 - value) ** 2 * passed + value**2 * rest
    n_passed = value**2 / passed if passed > 0.0 else 0.0
    n = total
    if variance > 0.0 and 0.0 < value < 1.0:
        n = value * (1.0 - value) / variance
    return Efficiency(value, _clopper_pearson(n * value, n, level), n_passed, total)


def _class_of(curve: Roc, side: Side) -> tuple[NDArray[np.float64], NDArray[np.float64], float]:
    """Return efficiencies, sums of squared weights and the effective size of a class."""
    if side == "signal":
        passing, squares, total = curve.eps_s, curve.squares_s, curve.n_signal
    else:
        passing, squares, total = curve.eps_b, curve.squares_b, curve.n_background
    return passing, passing / total if squares is None else squares, total


def _clopper_pearson(k: float, n: float, level: float) -> tuple[float, float]:
    """Return the central interval of k of n events, neither of them necessarily whole."""
    # negative weights may leave less than nothing, or more than all
    k = min(max(k, 0.0), n)
    tail = 0.5 * (1.0 - level)
    low = float(beta.ppf(tail, k, n - k + 1.0)) if k > 0.0 else 0.0
    high = float(beta.isf(tail, k + 1.0, n - k)) if k < n else 1.0
    return low, high


def tpr_at(curve: Roc, fpr: float, level: float = LEVEL) -> TruePositives:
    """Return the true-positive rate at a false-positive rate.

    The threshold is the lowest cut whose measured background efficiency nowhere above exceeds
    `fpr`; nothing is interpolated. Where fewer than one background event is expected to pass, the
    sample does not know its quantile, and `status` says so.

    Parameters
    ----------
    curve : Roc
        Of `bycatch.evaluate.roc`.
    fpr : float
        Between 0 and 1, both excluded.
    level : float
        Confidence level of intervals.

    Returns
    -------
    TruePositives

    Raises
    ------
    DataError
        Where `fpr` is not between 0 and 1.
    """
    _require_fraction("fpr", fpr)
    point = _last_below(curve, fpr)
    background = efficiency(curve, point, "background", level)
    signal = efficiency(curve, point, "signal", level)
    n_tail = _tail_size(curve, point, fpr)
    moved = _threshold_range(curve, fpr, n_tail, level)
    statistical = signal.interval
    interval = (
        max(0.0, signal.value - _hypot(signal.value - statistical[0], signal.value - moved[0])),
        min(1.0, signal.value + _hypot(statistical[1] - signal.value, moved[1] - signal.value)),
    )
    return TruePositives(
        fpr,
        float(curve.threshold[point]),
        background,
        signal,
        moved,
        interval,
        _tail_status(background.n_passed, fpr * n_tail),
    )


def _require_fraction(name: str, value: float) -> None:
    if not 0.0 < value < 1.0:
        raise DataError(f"'{name}' is {value!r}, but it must lie between 0 and 1.")


def _last_below(curve: Roc, fpr: float) -> int:
    """Return the last point before the background efficiency first exceeds `fpr`."""
    highest = np.maximum.accumulate(curve.eps_b)
    # a rate of k of n events must find the k-th in spite of rounding
    return int(np.searchsorted(highest, fpr * (1.0 + _ROUNDING), side="right")) - 1


def _tail_size(curve: Roc, point: int, fpr: float) -> float:
    """Return how many events of the tail's weight the whole background would be."""
    eps_b, squares, total = _class_of(curve, "background")
    # Where nothing passes yet: the weights of the events just below the threshold.
    reached = np.flatnonzero(eps_b > 0.0)
    at = point if eps_b[point] > 0.0 else int(reached[0]) if reached.size else -1
    if not squares[at] > 0.0 or fpr <= 0.0:
        return total
    return float(eps_b[at] / squares[at])


def _threshold_range(curve: Roc, fpr: float, n: float, level: float) -> tuple[float, float]:
    """Return the signal efficiencies between which the quantile's interval moves it.

    The number of background events above the true quantile is binomial.
    """
    tail = 0.5 * (1.0 - level)
    whole = max(1, round(n))
    few, many = (float(k) / whole for k in np.ravel(binom.ppf([tail, 1.0 - tail], whole, fpr)))
    # Where none may be above, nothing says how far up the quantile lies.
    low = float(curve.eps_s[_last_below(curve, few)]) if few > 0.0 else 0.0
    high = float(curve.eps_s[_last_below(curve, many)])
    return min(low, high), max(low, high)


def _hypot(a: float, b: float) -> float:
    return float(np.hypot(max(a, 0.0), max(b, 0.0)))


def _tail_status(passed: float, expected: float) -> str:
    if expected < 1.0 - _ROUNDING:
        return (
            f"Fewer than one background event is above: {expected:.2g} effective ones are expected "
            "at this false-positive rate, so the threshold is set by the highest of them; use more "
            "background, or fit the tail."
        )
    if passed < 10.0:
        return (
            f"Only {passed:.3g} effective background events are above; the threshold is uncertain."
        )
    return "ok"


def rejection(curve: Roc, eps_s: float, level: float = LEVEL) -> Rejection:
    """Return 1 / eps_B at a signal efficiency, with errors.

    Parameters
    ----------
    curve : Roc
        Of `bycatch.evaluate.roc`.
    eps_s : float
        Between 0 and 1, both excluded.
    level : float
        Confidence level of the interval.

    Returns
    -------
    Rejection

    Raises
    ------
    DataError
        Where `eps_s` is not between 0 and 1.
    """
    _require_fraction("eps_s", eps_s)
    point = _first_above(curve, eps_s)
    background = efficiency(curve, point, "background", level)
    eps_b = background.value
    low, high = background.interval
    if not eps_b > 0.0:
        status = (
            f"No background passes at this signal efficiency: 1/eps_B is at least {1.0 / high:.3g} "
            "(upper end of the Clopper-Pearson interval); use more background."
        )
        threshold = float(curve.threshold[point])
        return Rejection(eps_s, threshold, np.inf, np.nan, (1.0 / high, np.inf), background, status)
    value = 1.0 / eps_b
    # The signal's statistics moves the threshold, and the rejection with it.
    at_point = efficiency(curve, point, "signal", level)
    ends = [
        _at_eps_b(curve, _first_above(curve, end), value) for end in at_point.interval if end < 1.0
    ]
    moved_down, moved_up = min([value, *ends]), max([value, *ends])
    upper = 1.0 / low if low > 0.0 else np.inf
    interval = (
        max(1.0, value - _hypot(value - 1.0 / high, value - moved_down)),
        value + _hypot(upper - value, moved_up - value),
    )
    relative = float(np.sqrt(max(1.0 - eps_b, 0.0) / background.n_passed))
    error = float(np.hypot(value * relative, 0.5 * (moved_up - moved_down)))
    few = background.n_passed < 10.0
    status = (
        f"Only {background.n_passed:.3g} effective background events pass; quote the interval."
        if few
        else "ok"
    )
    return Rejection(
        eps_s, float(curve.threshold[point]), value, error, interval, background, status
    )


def _first_above(curve: Roc, eps_s: float) -> int:
    """Return the first point where the signal efficiency is at least `eps_s`."""
    highest = np.maximum.accumulate(curve.eps_s)
    found = int(np.searchsorted(highest, eps_s * (1.0 - _ROUNDING)))
    return min(found, highest.size - 1)


def _at_eps_b(curve: Roc, point: int, otherwise: float) -> float:
    eps_b = float(curve.eps_b[point])
    return 1.0 / eps_b if eps_b > 0.0 else otherwise
