r"""Local significance of an excess over a smooth spectrum whose parameters are profiled.

What to use when: `window_excess` for an excess in a window of bins (the search's looks);
`bycatch.statistics.significance.gaussian.gaussian_excess` for a peak of known width. Both give the
signed root of the profile likelihood ratio, r = sign(mu-hat) sqrt(2 (l1 - l0)), and p = 1 - Phi(r)
over all of (0, 1).

References
----------
Cowan, Cranmer, Gross, Vitells, arXiv:1007.1727, equations 12 and 52 (there one-sided).
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bycatch.errors import FitError
from bycatch.statistics.background import Background
from bycatch.statistics.fits.background import check_edges
from bycatch.statistics.fits.poisson import BatchFit, fit_model, summary
from bycatch.statistics.fits.rates import Array, Integrated, LogLinear, RateModel
from bycatch.statistics.fits.solve import OK, REASONS, Prior
from bycatch.statistics.significance.higher_order import third_order


@dataclass(frozen=True)
class LocalBatch:
    """Local significance in many spectra.

    Attributes
    ----------
    r : ndarray of shape (n_toys,)
        Signed root of the profile likelihood ratio; NaN where a fit failed.
    p : ndarray of shape (n_toys,)
        1 - Phi(r), small for an excess.
    z : ndarray of shape (n_toys,)
        Phi^-1(1 - p): equal to r as long as no correction is applied.
    signal : ndarray of shape (n_toys,)
        Fitted signal events (negative for a deficit).
    signal_error : ndarray of shape (n_toys,)
        Its standard error (statistical).
    r_star : ndarray of shape (n_toys,)
        r with its third-order correction, which is closer to a standard normal where counts are
        small (see `bycatch.statistics.significance.higher_order`); equal to r where there is none.
    background : ndarray of shape (n_toys,)
        Expected background events in the window from the fit with a free signal.
    background_error : ndarray of shape (n_toys,)
        Its standard error (fit and systematic in quadrature), in events.
    n_window : ndarray of shape (n_toys,)
        Observed events in the window.
    converged : ndarray of bool, of shape (n_toys,)
    reason : str
        ``""`` where all converged, else what went wrong first and how often.
    status : ndarray of int8, of shape (n_toys,)
        Index into `bycatch.statistics.fits.solve.REASONS`.
    """

    r: Array
    p: Array
    z: Array
    signal: Array
    signal_error: Array
    r_star: Array
    background: Array
    background_error: Array
    n_window: Array
    converged: NDArray[np.bool_]
    reason: str
    status: NDArray[np.int8]

    @property
    def p_star(self) -> Array:
        """1 - Phi(r_star), of shape (n_toys,): calibrated down to about five expected events."""
        from scipy.special import ndtr  # noqa: PLC0415

        return np.asarray(ndtr(-self.r_star))

    @property
    def reasons(self) -> tuple[str, ...]:
        """The status of each spectrum in words."""
        return tuple(REASONS[code] for code in self.status)


def window_bins(edges: ArrayLike, window: tuple[float, float]) -> NDArray[np.bool_]:
    """Return which bins make up a window.

    Parameters
    ----------
    edges : array_like of shape (n_bins + 1,)
    window : tuple of float
        Low and high end; both must be bin edges.

    Returns
    -------
    ndarray of bool, of shape (n_bins,)

    Raises
    ------
    FitError
        If an end is not a bin edge, the window is empty, or it leaves no bin outside.
    """
    bounds = check_edges(edges)
    # edges come from decimal numbers and arithmetic: equal means to a millionth of a bin
    slack = 1e-6 * float(np.diff(bounds).min())
    for end in window:
        if np.abs(bounds - end).min() > slack:
            near = ", ".join(f"{edge:g}" for edge in bounds[np.argsort(np.abs(bounds - end))[:2]])
            raise FitError(
                f"The window [{window[0]:g}, {window[1]:g}] does not end on bin edges ({end:g} "
                f"is none, the nearest are {near}); give the binning an edge there."
            )
    inside = (bounds[:-1] > window[0] - slack) & (bounds[1:] < window[1] + slack)
    if not inside.any() or inside.all():
        what = "no bin" if not inside.any() else "every bin"
        raise FitError(f"The window [{window[0]:g}, {window[1]:g}] holds {what} of the fit range.")
    return np.asarray(inside)


def window_excess(
    counts: ArrayLike,
    background: Background,
    window: tuple[float, float],
    orders: ArrayLike | int,
    systematic: ArrayLike | float = 0.0,
) -> LocalBatch:
    """Test for an excess of events in a window, in many spectra at once.

    The rate in the window is the background's times exp(gamma). The alternative leaves gamma free;
    the null has gamma = 0 or, with a systematic of s events, gamma ~ N(0, (s / B)^2) with B the
    background that the alternative predicts.

    Parameters
    ----------
    counts : array_like of shape (n_bins,) or (n_toys, n_bins)
        Not negative; need not be integer (scale weighted spectra by sum w / sum w^2 first).
    background : Background
        Where it is integrated over the bins, the within-bin shape of the background fit is an
        offset of both fits.
    window : tuple of float
        Low and high end, both bin edges.
    orders : int or array_like of int, of shape (n_toys,)
        Numbers of background parameters.
    systematic : float or array_like of shape (n_toys,)
        Spurious signal, in events.

    Returns
    -------
    LocalBatch

    Raises
    ------
    FitError
        If counts, edges and window do not fit each other.
    """
    table = background.counts(counts)
    inside = window_bins(background.edges, window)
    order_of = np.broadcast_to(np.asarray(orders, dtype=np.int64), (len(table),))
    events = np.broadcast_to(np.asarray(systematic, dtype=np.float64), (len(table),))
    result = Results.empty(len(table))
    for order in np.unique(order_of):
        rows = np.flatnonzero(order_of == order)
        # decided by the first order for all: spectra of one test are treated alike
        background = background.decided(table[rows], int(order), ~inside)
        model = background.model(int(order))
        result.put(rows, _excess(table[rows], model, inside, events[rows]))
    return result.finish()


@dataclass(frozen=True)
class Results:
    """Raw numbers of a test, to be put together from parts.

    Attributes
    ----------
    gain : ndarray of shape (n_toys,)
        Log-likelihood of the alternative minus that of the null.
    signal, signal_variance : ndarray of shape (n_toys,)
    shift : ndarray of shape (n_toys,)
        Third-order correction r* - r; NaN where it is not known.
    background, variance, n_window : ndarray of shape (n_toys,)
    status : ndarray of int8, of shape (n_toys,)
    """

    gain: Array
    signal: Array
    signal_variance: Array
    shift: Array
    background: Array
    variance: Array
    n_window: Array
    status: NDArray[np.int8]

    @classmethod
    def empty(cls, n_toys: int) -> Results:
        """Return a table of NaN."""
        gain, signal, variance, shift, background, spread, n_window = np.full((7, n_toys), np.nan)
        status = np.zeros(n_toys, dtype=np.int8)
        return cls(gain, signal, variance, shift, background, spread, n_window, status)

    def put(self, rows: NDArray[np.intp], part: Results) -> None:
        """Write the results of some toys."""
        for column in fields(self):
            getattr(self, column.name)[rows] = getattr(part, column.name)

    def finish(self) -> LocalBatch:
        """Turn likelihood gains into signed roots and p-values."""
        from scipy.special import ndtr  # noqa: PLC0415

        good = self.status == OK
        # adding it turns the numbers of failed fits into NaN, whatever they were
        nan = np.where(good, 0.0, np.nan)
        r = np.sign(self.signal) * np.sqrt(2.0 * np.maximum(self.gain, 0.0)) + nan
        return LocalBatch(
            r=r,
            p=np.asarray(ndtr(-r)),
            z=r.copy(),
            signal=self.signal + nan,
            signal_error=np.sqrt(self.signal_variance) + nan,
            # no correction known is no correction
            r_star=r + np.where(np.isfinite(self.shift), self.shift, 0.0),
            background=self.background + nan,
            background_error=np.sqrt(self.variance) + nan,
            n_window=self.n_window,
            converged=good,
            reason=summary(self.status),
            status=self.status,
        )


def with_signal_column(model: RateModel, inside: NDArray[np.bool_]) -> RateModel:
    """Put the window's indicator in front of a model's columns: its coefficient is gamma."""
    column = inside.astype(np.float64)[:, None]
    design = np.concatenate([column, model.design], axis=1)
    if isinstance(model, Integrated):
        wide = np.broadcast_to(column[:, None], (*model.nodes.shape[:2], 1))
        return Integrated(design, np.concatenate([wide, model.nodes], axis=2), model.log_weight)
    assert isinstance(model, LogLinear)  # noqa: S101
    return LogLinear(design, model.offset)


def _excess(
    counts: Array, model: RateModel, inside: NDArray[np.bool_], systematic: Array
) -> Results:
    """Test many spectra against one rate model."""
    result = Results.empty(len(counts))
    result.n_window[:] = counts[:, inside].sum(axis=1)
    empty = result.n_window == 0.0
    _alternative_without_events(result, np.flatnonzero(empty), counts, model, inside)
    rows = np.flatnonzero(~empty)
    free = None
    if rows.size:
        free = fit_model(counts[rows], with_signal_column(model, inside))
        _alternative(result, rows, free, model, inside)
    # the free signal absorbs all of the window, so this difference is its estimate
    result.signal[:] = result.n_window - result.background
    # Poisson error of the window and error of the background under it are independent
    result.signal_variance[:] = result.n_window + result.variance
    null = fit_model(counts, model)
    if free is not None:
        result.shift[rows] = third_order(free, null, rows, model, inside)
    _subtract_null(result, null, counts, model, inside, systematic)
    # the correction is one of the counts: a systematic dilutes it as it dilutes r
    counting = result.background + result.variance
    result.shift[:] *= np.sqrt(counting / (counting + systematic**2))
    result.variance[:] += systematic**2
    return result


def _alternative_without_events(
    result: Results,
    rows: NDArray[np.intp],
    counts: Array,
    model: RateModel,
    inside: NDArray[np.bool_],
) -> None:
    """With an empty window gamma goes to minus infinity: what remains is the masked fit."""
    if rows.size == 0:
        return
    fit = fit_model(counts[rows], model, ~inside)
    value, error = fit.total(inside)
    result.gain[rows], result.status[rows] = fit.loglike, fit.status
    result.background[rows], result.variance[rows] = value, error**2


def _alternative(
    result: Results,
    rows: NDArray[np.intp],
    fit: BatchFit,
    model: RateModel,
    inside: NDArray[np.bool_],
) -> None:
    """Read the fit with a free gamma; the background is what remains where gamma is zero."""
    # gamma comes first and the basis is triangular, so the rest does not involve gamma
    shape = model.transformed(fit.basis[1:, 1:])
    inner, covariance = fit.inner_coef[:, 1:], fit.inner_covariance[:, 1:, 1:]
    slope = shape.sum_gradient(inner, inside)
    everything: NDArray[np.intp] = np.arange(len(rows))
    result.gain[rows], result.status[rows] = fit.loglike, fit.status
    result.background[rows] = shape.rates(inner, everything)[:, inside].sum(axis=1)
    result.variance[rows] = np.einsum("tp,tpq,tq->t", slope, covariance, slope)


def _subtract_null(
    result: Results,
    null: BatchFit,
    counts: Array,
    model: RateModel,
    inside: NDArray[np.bool_],
    systematic: Array,
) -> None:
    """Subtract the log-likelihood of the null (gamma = 0, or constrained) from the gain."""
    fitted = result.status == OK
    # a thousandth of the statistical error changes r by less than 1e-6 of itself
    matters = systematic > 1e-3 * np.sqrt(result.background + result.variance)
    plain = np.flatnonzero(fitted & ~matters)
    result.gain[plain] -= null.loglike[plain]
    result.status[plain] = null.status[plain]
    rows = np.flatnonzero(fitted & matters)
    if rows.size:
        width = model.n_parameters + 1
        precision = np.zeros((len(rows), width))
        # gamma is a relative change of the background, hence s / B
        precision[:, 0] = (result.background[rows] / systematic[rows]) ** 2
        prior = Prior(np.zeros(width), precision)
        fit = fit_model(counts[rows], with_signal_column(model, inside), prior=prior)
        result.gain[rows] -= fit.loglike
        result.status[rows] = fit.status
