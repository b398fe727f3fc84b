r"""Thresholds and efficiencies in the tail of a score, also beyond the last event.

What to use when: a trigger keeps five background events in a million, and nobody simulates ten
million. Where at least 30 effective events lie above a cut they are counted; beyond that the tail
over a high threshold is fitted with a generalised Pareto distribution (peaks over threshold), and
the number is marked as extrapolated. Not for scores with few distinct values (quantised to some
bits), and not for a tail whose composition changes beyond the last event: no fit knows of a process
that the sample has not shown yet.

The tail starts where Kish's effective number of events above is :math:`n^{2/3}/\log\log n` [1]_:
a rule that does not look at the tail, so that it does not spoil the intervals' coverage. Whether
it was a good choice is tested afterwards, with half and with twice as many events.

References
----------
.. [1] Scarrott, MacDonald, "A review of extreme value threshold estimation and uncertainty
   quantification", REVSTAT 10 (2012) 33, section 4.1 (the rule).
.. [2] Pickands, "Statistical inference using extreme order statistics", Ann. Stat. 3 (1975) 119;
   Balkema, de Haan, "Residual life time at great age", Ann. Prob. 2 (1974) 792 (the limit).
.. [3] Giles, Feng, Godwin, "Bias-corrected maximum likelihood estimation of the parameters of the
   generalized Pareto distribution", Commun. Stat. Theory Methods 45 (2016) 2465, section 3.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import betainc

from bycatch.errors import DataError, FitError
from bycatch.evaluate.operating import LEVEL
from bycatch.evaluate.sizes import kish
from bycatch.trigger.estimates import Estimate, binomial_interval, weighted_fraction
from bycatch.trigger.pareto import ParetoFit, fit_pareto, log_survival, plausible, quantile
from bycatch.trigger.quantiles import rising_root, weighted_quantile

Floats = NDArray[np.float64]

ENOUGH = 30.0
"""Effective events above a cut from which on they are counted and not extrapolated."""

FEWEST = 25.0
"""Effective events that a tail is fitted to, at least."""

_LOWEST = -690.0
_UNSTABLE = 3.0
"""Standard errors between two shapes that tell that a tail has not settled."""


@dataclass(frozen=True)
class Choice:
    """The fit over one possible threshold.

    Attributes
    ----------
    threshold : float
        Where the tail starts, in units of the score.
    n_effective : float
        Kish's effective number of events above.
    shape, shape_error, scale : float
        Of the generalised Pareto distribution.
    """

    threshold: float
    n_effective: float
    shape: float
    shape_error: float
    scale: float


def n_excesses(n_effective: float) -> float:
    """Return how many effective events the tail shall hold: n^(2/3) / log log n, at least 25.

    Parameters
    ----------
    n_effective : float
        Effective number of all events.
    """
    if n_effective <= 4.0 * FEWEST:
        return FEWEST
    return float(max(FEWEST, n_effective ** (2.0 / 3.0) / np.log(np.log(n_effective))))


class ScoreTail:
    """The upper tail of a sample of scores.

    Parameters
    ----------
    score : array_like of shape (n_events,)
        Higher means more anomalous; finite.
    weight : array_like of shape (n_events,), optional
        Signed weights of positive sum.
    start : float, optional
        Threshold over which the tail is fitted, in units of the score; by the rule otherwise.
    level : float
        Confidence level of intervals.

    Attributes
    ----------
    n_effective : float
        Kish's effective number of events.
    choice : Choice or None
        The fit; None where there are too few events for one.
    fraction : float
        Of all events, that the fitted tail holds; 0 without a fit.
    alternatives : tuple of Choice
        The same with half and twice as many events in the tail.
    status : str
        ``ok``, or a sentence about what is wrong with the fit.

    Raises
    ------
    DataError
        Where a score is not finite, lengths differ or no positive weight is left.
    """

    def __init__(
        self,
        score: ArrayLike,
        weight: ArrayLike | None = None,
        *,
        start: float | None = None,
        level: float = LEVEL,
    ) -> None:
        values = np.asarray(score, dtype=np.float64)
        weights = np.ones(values.shape) if weight is None else np.asarray(weight, np.float64)
        _check(values, weights)
        # stable: equal scores keep their order, so sums do not depend on the sort
        order = np.argsort(-values, kind="stable")
        self._score, self._weight = values[order], weights[order]
        self._above = np.cumsum(self._weight) / self._weight.sum()
        self._squares = np.cumsum(self._weight**2) / self._weight.sum() ** 2
        self.level = level
        self.n_effective = kish(self._weight)
        self.status = "ok"
        self.choice: Choice | None = None
        self.fraction = 0.0
        self.alternatives: tuple[Choice, ...] = ()
        self._fit(start)

    def count(self, threshold: float) -> tuple[float, float]:
        """Return the fraction of the weight at or above a cut, and its effective number."""
        # scores fall, so their negatives rise as searchsorted wants it
        last = int(np.searchsorted(-self._score, -threshold, side="right")) - 1
        if last < 0:
            return 0.0, 0.0
        return float(self._above[last]), self._effective(last)

    def counted(self, threshold: float) -> Estimate:
        """Return the efficiency of a cut as it is counted, however few events are above."""
        return weighted_fraction(self._weight, self._score >= threshold, self.level)

    def efficiency(self, threshold: float) -> Estimate:
        """Return which fraction of all events lies at or above a cut.

        Parameters
        ----------
        threshold : float
            In units of the score.

        Returns
        -------
        Estimate
            Counted where `ENOUGH` effective events lie above the cut, else from the fit and
            marked as extrapolated.

        Raises
        ------
        FitError
            Where the fit is needed and there is none.
        """
        n_above = self.count(threshold)[1]
        choice = self.choice
        if n_above >= ENOUGH or (choice is not None and threshold <= choice.threshold):
            return self.counted(threshold)
        self._require()
        low, middle, high = (self._efficiency_at(threshold, p) for p in _quantiles(self.level))
        return Estimate(middle, low, high, n_above, extrapolated=True)

    def threshold(self, efficiency: float) -> Estimate:
        """Return the cut above which a fraction of all events lies.

        Parameters
        ----------
        efficiency : float
            Between 0 and 1, both excluded.

        Returns
        -------
        Estimate
            In units of the score; counted or extrapolated as in `efficiency`.

        Raises
        ------
        DataError
            Where `efficiency` is not between 0 and 1.
        FitError
            Where the fit is needed and there is none.
        """
        if not 0.0 < efficiency < 1.0:
            raise DataError(f"The efficiency is {efficiency!r}, but it must lie between 0 and 1.")
        last = self._last_below(efficiency)
        n_above = self._effective(last) if last >= 0 else 0.0
        choice = self.choice
        if n_above >= ENOUGH or (choice is not None and efficiency >= self.fraction):
            squares = float(self._squares[last])
            variance = efficiency**2 * squares / max(float(self._above[last]) ** 2, 1e-300)
            low, high = binomial_interval(efficiency, variance * (1.0 - efficiency), self.level)
            return Estimate(
                # a higher efficiency is a lower threshold: the ends change places
                self._at(efficiency),
                self._at(high),
                self._at(low),
                n_above,
                extrapolated=False,
            )
        self._require()
        low, middle, high = (self._threshold_at(efficiency, p) for p in _quantiles(self.level))
        return Estimate(middle, low, high, self.count(middle)[1], extrapolated=True)

    def curve(self, thresholds: Floats) -> tuple[Floats, Floats, Floats]:
        """Return median and interval of the fitted efficiency at cuts inside of the tail."""
        self._require()
        rows = [[self._efficiency_at(t, p) for p in _quantiles(self.level)] for t in thresholds]
        low, middle, high = np.array(rows).T
        return middle, low, high

    def to_json(self) -> dict[str, Any]:
        """Return the fit as JSON can hold it."""
        chosen = self.choice
        return {
            "n_effective": self.n_effective,
            "fit": None if chosen is None else vars(chosen),
            "fraction": None if chosen is None else self.fraction,
            "alternatives": [vars(other) for other in self.alternatives],
            "status": self.status,
        }

    def _effective(self, last: int) -> float:
        squares = float(self._squares[last])
        return float(self._above[last]) ** 2 / squares if squares > 0.0 else 0.0

    def _last_below(self, efficiency: float) -> int:
        """Return the last event down to which the counted efficiency is nowhere above."""
        # negative weights let the running sum fall again
        highest = np.maximum.accumulate(self._above)
        # an efficiency of k events of n must find the k-th in spite of rounding
        return int(np.searchsorted(highest, efficiency * (1.0 + 1e-12), side="right")) - 1

    def _at(self, efficiency: float) -> float:
        return float(self._score[max(self._last_below(efficiency), 0)])

    def _fit(self, start: float | None) -> None:
        """Fit the tail over the chosen threshold and over two others."""
        wanted = n_excesses(self.n_effective)
        if start is None and self.n_effective < 2.0 * FEWEST:
            self.status = (
                f"There are {self.n_effective:.3g} effective events, too few to fit a tail to: "
                f"give at least {2 * FEWEST:.0f}."
            )
            return
        try:
            self._edge = self._edge_of(wanted) if start is None else float(start)
            self._pareto, self.choice = self._fit_over(self._edge)
        except FitError as error:
            self.status = str(error)
            return
        excess, weight = self._excesses(self._edge)
        # excesses are above the edge, and `count` includes it
        self.fraction = self.count(np.nextafter(self._edge, np.inf))[0]
        self._shape, self._scale, self._share = plausible(self._pareto, excess, weight)
        n = self.choice.n_effective
        others = []
        # a tail that has settled has the same shape over any threshold
        for size in (0.5 * n, 2.0 * n):
            if not FEWEST <= size <= 0.5 * self.n_effective:
                continue
            try:
                others.append(self._fit_over(self._edge_of(size))[1])
            except FitError:
                continue
        self.alternatives = tuple(others)
        self.status = self._verdict()

    def _verdict(self) -> str:
        chosen = self.choice
        assert chosen is not None  # noqa: S101 - called after the fit
        if self._pareto.at_bound:
            why, what = ("is too heavy for a power law", "its logarithm")
            if chosen.shape < 0.0:
                why, what = ("seems to end at a bound", "its logit")
            return (
                f"The shape of the tail stopped at its bound {chosen.shape:g}: the score {why}; "
                f"use {what} as the score."
            )
        for other in self.alternatives:
            # Of efficient estimates from nested samples, the variance of the difference is the
            # difference of the variances, (1 + shape)^2 / n each.
            shape = max(chosen.shape, other.shape)
            variance = (1.0 + shape) ** 2 * abs(1.0 / other.n_effective - 1.0 / chosen.n_effective)
            distance = abs(other.shape - _bias(other) - chosen.shape + _bias(chosen))
            pull = distance / np.sqrt(variance)
            if pull > _UNSTABLE:
                return (
                    f"The tail has not settled: its shape is {chosen.shape:.3f} over "
                    f"{chosen.threshold:.4g} but {other.shape:.3f} over {other.threshold:.4g} "
                    f"({pull:.1f} standard errors apart); quote extrapolations with care or give "
                    "more events."
                )
        return "ok"

    def _edge_of(self, n_effective: float) -> float:
        """Return a threshold, between two scores, above which there are that many events."""
        # leading events of weight zero have no effective number
        squares = np.maximum(self._squares, 1e-300)
        enough = np.flatnonzero(np.maximum.accumulate(self._above**2 / squares) >= n_effective)
        last = int(enough[0]) if enough.size else len(self._score) - 1
        below = np.flatnonzero(self._score[last:] < self._score[last])
        if not below.size:
            raise FitError(
                "The tail has too few distinct scores for a fit; is the score quantised?"
            )
        # between two scores: no event lies on the edge, where "above" would be ambiguous
        return 0.5 * float(self._score[last] + self._score[last + int(below[0])])

    def _excesses(self, edge: float) -> tuple[Floats, Floats | None]:
        inside = self._score > edge
        weight = self._weight[inside]
        # equal weights cancel; the fit without weights is faster
        equal = weight.size > 0 and np.ptp(weight) == 0.0
        return self._score[inside] - edge, None if equal else weight

    def _fit_over(self, edge: float) -> tuple[ParetoFit, Choice]:
        excess, weight = self._excesses(edge)
        fit = fit_pareto(excess, weight)
        return fit, Choice(edge, fit.n_effective, fit.shape, fit.shape_error, fit.scale)

    def _require(self) -> None:
        if self.choice is None:
            raise FitError(f"The tail cannot be extrapolated. {self.status}")

    def _probability(self, efficiency: float, threshold: float) -> float:
        """Return how probable it is that the efficiency at a cut is at most `efficiency`."""
        n = self._pareto.n_effective
        total = n / self.fraction
        beyond = log_survival(threshold - self._edge, self._shape, self._scale)
        with np.errstate(over="ignore"):
            # exp of more than 700 overflows, and a fraction is at most 1
            needed = np.minimum(efficiency * np.exp(np.minimum(-beyond, 700.0)), 1.0)
        # Jeffreys' posterior of the fraction above the edge: half an event on either side
        below = betainc(n + 0.5, max(total - n, 0.0) + 0.5, needed)
        return float(self._share @ below)

    def _efficiency_at(self, threshold: float, probability: float) -> float:
        """Return the quantile of the efficiency at a cut; 0 where it is beyond 1e-300."""
        logs = np.log(self.fraction) + log_survival(
            threshold - self._edge, self._shape, self._scale
        )
        # beyond the end of a bounded tail
        if self._probability(np.exp(_LOWEST), threshold) >= probability:
            return 0.0
        found = rising_root(
            lambda log: self._probability(np.exp(log), threshold) - probability,
            weighted_quantile(np.maximum(logs, _LOWEST), self._share, probability),
            0.1,
            (_LOWEST, 0.0),
        )
        return float(np.exp(found))

    def _threshold_at(self, efficiency: float, probability: float) -> float:
        """Return the quantile of the cut that keeps `efficiency`; at least the tail's start."""
        if self._probability(efficiency, self._edge) >= probability:
            return self._edge
        depth = np.log(min(efficiency / self.fraction, 1.0))
        # a hopeless extrapolation is infinite, which no root finder takes
        ends = np.minimum(quantile(depth, self._shape, self._scale), 1e300)
        return self._edge + rising_root(
            lambda excess: self._probability(efficiency, self._edge + excess) - probability,
            weighted_quantile(ends, self._share, probability),
            0.1 * self._pareto.scale,
            (0.0, 1e301),
        )


def _bias(choice: Choice) -> float:
    """Return the bias of the fitted shape to first order [3]_ (for negative shapes: that at 0)."""
    a = max(choice.shape, 0.0)
    return -(1.0 + a) * (3.0 + a) / ((1.0 + 3.0 * a) * choice.n_effective)


def _quantiles(level: float) -> tuple[float, float, float]:
    return 0.5 * (1.0 - level), 0.5, 0.5 * (1.0 + level)


def _check(score: Floats, weight: Floats) -> None:
    if score.ndim != 1 or score.shape != weight.shape:
        raise DataError(
            f"Scores and weights need one number per event, but have the shapes {score.shape} and "
            f"{weight.shape}."
        )
    bad = int(np.count_nonzero(~(np.isfinite(score) & np.isfinite(weight))))
    if bad:
        raise DataError(
            f"{bad} of {len(score)} scores or weights are not finite; remove these events."
        )
    if not weight.sum() > 0.0:
        raise DataError(
            f"The weights of the {len(score)} events sum to {weight.sum():.3g}; check them."
        )
