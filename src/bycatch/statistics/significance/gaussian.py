"""Local significance of a Gaussian peak of fixed width on a smooth background.

What to use when: a resonance whose width the detector sets.
`bycatch.statistics.significance.local.window_excess` assumes no shape; `free_width_excess` in
`bycatch.statistics.significance.look_toys` serves a width that is not known.

The signal adds to the rate, so the model is not log-linear: rate_i = b_i(beta) + mu s_i with s_i
the part of the Gaussian in bin i. Both signs of mu are allowed as long as every rate is positive.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bycatch.errors import FitError
from bycatch.statistics.background import Background
from bycatch.statistics.fits.background import check_edges
from bycatch.statistics.fits.newton import Maximum, maximise
from bycatch.statistics.fits.poisson import (
    BatchFit,
)
from bycatch.statistics.fits.rates import Array, Index, RateModel, half_deviance
from bycatch.statistics.fits.solve import OK, STALLED
from bycatch.statistics.significance.local import LocalBatch, Results

_BLOCK = 4096
_PSEUDO = 1e-6  # events added to empty bins: keeps the maximum off the edge where a rate vanishes
_SCORING = 40  # iterations with the expected information, before the observed one takes over
_CLOSE = 1e-6  # decrement with which a creeping fit is good enough: r is off by less than 1e-3


def gaussian_shape(edges: ArrayLike, mass: float, sigma: float) -> Array:
    """Return the part of a Gaussian in each bin.

    Parameters
    ----------
    edges : array_like of shape (n_bins + 1,)
    mass, sigma : float
        Centre and standard deviation, in the unit of the edges.

    Returns
    -------
    ndarray of shape (n_bins,)
        The sum is below 1 where the peak reaches beyond the edges.

    Raises
    ------
    FitError
        If sigma is not positive, or less than a thousandth of the peak lies inside.
    """
    from scipy.special import ndtr  # noqa: PLC0415

    bounds = check_edges(edges)
    if not sigma > 0.0:
        raise FitError(f"The width of a peak must be positive, but it is {sigma:g}.")
    shape = np.diff(ndtr((bounds - mass) / sigma))
    if shape.sum() < 1e-3:
        raise FitError(
            f"A peak at {mass:g} of width {sigma:g} lies outside of the fit range "
            f"[{bounds[0]:g}, {bounds[-1]:g}]."
        )
    return np.asarray(shape)


def gaussian_excess(
    counts: ArrayLike,
    background: Background,
    mass: float,
    sigma: float,
    orders: ArrayLike | int,
    systematic: ArrayLike | float = 0.0,
) -> LocalBatch:
    """Test for a Gaussian peak of fixed mass and width, in many spectra at once.

    Parameters
    ----------
    counts : array_like of shape (n_bins,) or (n_toys, n_bins)
        Not negative; need not be integer.
    background : Background
    mass, sigma : float
        Centre and standard deviation of the peak, in the unit of the edges.
    orders : int or array_like of int, of shape (n_toys,)
        Numbers of background parameters.
    systematic : float or array_like of shape (n_toys,)
        Spurious signal in events: the null has mu ~ N(0, systematic^2).

    Returns
    -------
    LocalBatch
        `signal` counts the events of the whole Gaussian; `background` and `n_window` count those in
        bins whose centre is within two standard deviations of `mass` (at least the nearest bin).

    Raises
    ------
    FitError
        If counts, edges and peak do not fit each other.
    """
    bounds, table = background.edges, background.counts(counts)
    shape = gaussian_shape(bounds, mass, sigma)
    centres = 0.5 * (bounds[:-1] + bounds[1:])
    # two standard deviations hold 95 % of the peak; at least one bin, for narrow peaks
    core = np.abs(centres - mass) <= max(2.0 * sigma, float(np.abs(centres - mass).min()))
    order_of = np.broadcast_to(np.asarray(orders, dtype=np.int64), (len(table),))
    events = np.broadcast_to(np.asarray(systematic, dtype=np.float64), (len(table),))
    result = Results.empty(len(table))
    for order in np.unique(order_of):
        rows = np.flatnonzero(order_of == order)
        # all bins: the null hypothesis has no peak to leave out
        null = background.fit(table[rows], int(order))
        result.n_window[rows] = table[rows][:, core].sum(axis=1)
        result.status[rows] = null.status
        good = np.flatnonzero(null.status == OK)
        for low in range(0, good.size, _BLOCK):
            part = good[low : low + _BLOCK]
            problem = _Peak.start(table[rows[part]], null, part, shape, events[rows[part]])
            result.put(rows[part], problem.test(core))
    return result.finish()


@dataclass(frozen=True)
class _Peak:
    """Likelihood of (mu / unit, inner background coefficients) for one block of spectra."""

    counts: Array
    raised: Array
    model: RateModel
    shape: Array
    unit: Array
    first: Array
    null_value: Array
    systematic: Array

    @classmethod
    def start(
        cls, counts: Array, null: BatchFit, rows: Index, shape: Array, systematic: Array
    ) -> _Peak:
        """Start from the fit without signal; mu is measured in units of its rough error."""
        rate = null.rate[rows]
        raised = np.where(counts > 0.0, counts, _PSEUDO)
        return cls(
            counts=counts,
            raised=raised,
            model=null.model.transformed(null.basis),
            shape=shape,
            # the error of mu if the background were known
            unit=1.0 / np.sqrt((shape**2 / rate).sum(axis=1)),
            first=null.inner_coef[rows],
            null_value=null.loglike[rows],
            systematic=systematic,
        )

    def rates(self, point: Array, index: Index) -> tuple[Array, Array]:
        """Return background and total rates, both of shape (n, n_bins)."""
        background = self.model.rates(point[:, 1:], index)
        strength = point[:, 0] * self.unit[index]
        return background, background + strength[:, None] * self.shape

    def objective(self, point: Array, index: Index) -> tuple[Array, Array, Array]:
        """Return log-likelihood, gradient and expected information; -inf at a negative rate."""
        _, rate = self.rates(point, index)
        counts = self.raised[index]
        allowed = (rate > 0.0).all(axis=1)
        rate = np.where(rate > 0.0, rate, 1.0)
        slopes = np.concatenate(
            [
                np.broadcast_to(
                    (self.unit[index][:, None] * self.shape)[..., None], (*rate.shape, 1)
                ),
                self.model.slopes(point[:, 1:]),
            ],
            axis=2,
        )
        value = half_deviance(counts, np.log(rate), rate).sum(axis=1)
        gradient = np.einsum("ti,tip->tp", counts / rate - 1.0, slopes)
        curvature = np.matmul((slopes / rate[..., None]).transpose(0, 2, 1), slopes)
        return np.where(allowed, value, -np.inf), gradient, curvature

    def observed(self, point: Array, index: Index) -> tuple[Array, Array, Array]:
        """Return the same with the observed information, its negative eigenvalues turned round."""
        value, gradient, curvature = self.objective(point, index)
        background, rate = self.rates(point, index)
        slopes = self.model.slopes(point[:, 1:])
        mixed = np.concatenate(
            [np.broadcast_to(self.shape[:, None], (*rate.shape, 1)), slopes], axis=2
        )
        mixed[..., 0] *= self.unit[index][:, None]
        excess = self.raised[index] / np.where(rate > 0.0, rate, 1.0) - 1.0
        weight = excess / np.where(rate > 0.0, rate, 1.0)
        curvature = curvature + np.matmul((mixed * weight[..., None]).transpose(0, 2, 1), mixed)
        bend = np.matmul((slopes * (excess / background)[..., None]).transpose(0, 2, 1), slopes)
        curvature[:, 1:, 1:] -= bend
        # far from the maximum the observed information need not be positive
        values, vectors = np.linalg.eigh(np.nan_to_num(curvature))
        # turned round, a step goes uphill; bounded, it stays finite
        values = np.maximum(np.abs(values), 1e-6)
        return value, gradient, np.matmul(vectors * values[:, None, :], vectors.transpose(0, 2, 1))

    def climb(self, start: Array, rows: Index, *, constrained: bool) -> Maximum:
        """Maximise with the expected information, then the slow ones with the observed one."""
        noise = 1e-14 * self.counts[rows].sum(axis=1)  # rounding of a sum over that many events

        def scoring(point: Array, index: Index) -> tuple[Array, Array, Array]:
            found = self.objective(point, rows[index])
            return self.constrain(point, rows[index], found) if constrained else found

        def newton(point: Array, index: Index) -> tuple[Array, Array, Array]:
            found = self.observed(point, rows[index])
            return self.constrain(point, rows[index], found) if constrained else found

        best = maximise(scoring, start, rounding=noise, max_iterations=_SCORING)
        slow = np.flatnonzero(~best.converged)
        if slow.size:
            again = maximise(
                lambda point, index: newton(point, slow[index]),
                best.point[slow],
                rounding=noise[slow],
            )
            best.point[slow] = again.point
            best.converged[slow] = again.converged | (np.abs(again.decrement) < _CLOSE)
            # errors come from the expected information, which is never singular here
            best.curvature[slow] = scoring(again.point, slow)[2]
        return best

    def constrain(
        self, point: Array, index: Index, found: tuple[Array, Array, Array]
    ) -> tuple[Array, Array, Array]:
        """Constrain mu to N(0, systematic^2)."""
        value, gradient, curvature = found
        precision = (self.unit[index] / self.systematic[index]) ** 2
        gradient[:, 0] -= precision * point[:, 0]
        curvature[:, 0, 0] += precision
        return value - 0.5 * precision * point[:, 0] ** 2, gradient, curvature

    def test(self, core: NDArray[np.bool_]) -> Results:
        """Maximise with and without the constraint and compare."""
        n = len(self.counts)
        result = Results.empty(n)
        everything: Index = np.arange(n)
        start = np.concatenate([np.zeros((n, 1)), self.first], axis=1)
        best = self.climb(start, everything, constrained=False)
        background, rate = self.rates(best.point, everything)
        result.gain[:] = half_deviance(self.counts, np.log(rate), rate).sum(axis=1)
        result.status[~best.converged] = STALLED
        result.signal[:] = best.point[:, 0] * self.unit
        result.n_window[:] = self.counts[:, core].sum(axis=1)
        result.background[:] = background[:, core].sum(axis=1)
        inverse = np.linalg.pinv(best.curvature, hermitian=True)
        slope = self.model.sum_gradient(best.point[:, 1:], core)
        result.variance[:] = np.einsum("tp,tpq,tq->t", slope, inverse[:, 1:, 1:], slope)
        result.signal_variance[:] = inverse[:, 0, 0] * self.unit**2
        result.variance[:] += self.systematic**2
        result.gain[:] -= self.null(start, result.status)
        return result

    def null(self, start: Array, status: NDArray[np.int8]) -> Array:
        """Return the null's log-likelihood: mu = 0, or constrained where there is a systematic."""
        value = self.null_value.copy()
        rows = np.flatnonzero(self.systematic > 1e-3 * self.unit)  # less does not matter
        if rows.size:
            best = self.climb(start[rows], rows, constrained=True)
            _, rate = self.rates(best.point, rows)
            value[rows] = half_deviance(self.counts[rows], np.log(rate), rate).sum(axis=1)
            strength = best.point[:, 0] * self.unit[rows]
            value[rows] -= 0.5 * (strength / self.systematic[rows]) ** 2
            status[rows[~best.converged]] = STALLED
        return value
