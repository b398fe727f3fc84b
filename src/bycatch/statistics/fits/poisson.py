"""Binned Poisson fits of smooth spectra, thousands at once.

What to use when: `bycatch.statistics.background.Background.fit` for a named family on binned data;
`fit_poisson` for a design matrix of your own. A fit without a solution is never a number: its row
is NaN, `converged` is False and `reasons` says why.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bycatch.errors import FitError
from bycatch.statistics.fits.rates import Array, LogLinear, RateModel
from bycatch.statistics.fits.solve import OK, REASONS, Prior, solve


@dataclass(frozen=True)
class BatchFit:
    """Result of many fits.

    Attributes
    ----------
    coef : ndarray of shape (n_toys, n_parameters)
        NaN where the fit has no solution, as are the other numbers.
    rate : ndarray of shape (n_toys, n_bins)
        Expected counts in all bins, also in masked ones.
    loglike : ndarray of shape (n_toys,)
        Log-likelihood of the used bins minus that of the saturated model (penalties included):
        minus twice it is the deviance.
    covariance : ndarray of shape (n_toys, n_parameters, n_parameters)
        Inverse of the information.
    converged : ndarray of bool, of shape (n_toys,)
    reason : str
        ``""`` where all converged, else what went wrong first and how often.
    status : ndarray of int8, of shape (n_toys,)
        Index into `REASONS`.
    mask : ndarray of bool, of shape (n_bins,) or (n_toys, n_bins)
        True for the used bins.
    model : RateModel
    basis : ndarray of shape (n_parameters, n_parameters)
        coef = basis @ inner coefficients, in which the problem is well conditioned.
    inner_coef : ndarray of shape (n_toys, n_parameters)
    inner_covariance : ndarray of shape (n_toys, n_parameters, n_parameters)
    """

    coef: Array
    rate: Array
    loglike: Array
    covariance: Array
    converged: NDArray[np.bool_]
    reason: str
    status: NDArray[np.int8]
    mask: NDArray[np.bool_]
    model: RateModel
    basis: Array
    inner_coef: Array
    inner_covariance: Array

    @property
    def reasons(self) -> tuple[str, ...]:
        """The status of each fit in words."""
        return tuple(REASONS[code] for code in self.status)

    @property
    def deviance(self) -> Array:
        """Poisson deviance of each fit, of shape (n_toys,)."""
        return -2.0 * self.loglike

    @property
    def n_parameters(self) -> int:
        """Number of coefficients."""
        return int(self.coef.shape[1])

    def total(self, bins: ArrayLike) -> tuple[Array, Array]:
        """Sum the rates of some bins.

        Parameters
        ----------
        bins : array_like of bool, of shape (n_bins,)

        Returns
        -------
        value, error : ndarray of shape (n_toys,)
            Expected counts and their standard error (delta method).
        """
        chosen = np.asarray(bins, dtype=np.bool_)
        slope = self.model.transformed(self.basis).sum_gradient(self.inner_coef, chosen)
        variance = np.einsum("tp,tpq,tq->t", slope, self.inner_covariance, slope)
        # rounding can leave a variance just below zero where the error vanishes
        return self.rate[:, chosen].sum(axis=1), np.sqrt(np.maximum(variance, 0.0))

    def rate_error(self) -> Array:
        """Return the standard error of each rate, of shape (n_toys, n_bins)."""
        return np.stack([self.total(row)[1] for row in np.eye(self.rate.shape[1]) > 0], axis=1)

    def require(self) -> BatchFit:
        """Return self, or raise if any fit failed.

        Raises
        ------
        FitError
            With the reason.
        """
        if self.reason:
            raise FitError(f"The background fit failed: {self.reason}.")
        return self


def check_counts(counts: ArrayLike, n_bins: int) -> Array:
    """Return counts as float64 of shape (n_toys, n_bins).

    Parameters
    ----------
    counts : array_like of shape (n_bins,) or (n_toys, n_bins)
    n_bins : int

    Returns
    -------
    ndarray of shape (n_toys, n_bins)

    Raises
    ------
    FitError
        If the shape does not fit, or a count is negative or not finite.
    """
    table = np.atleast_2d(np.asarray(counts, dtype=np.float64))
    if table.ndim != 2 or table.shape[1] != n_bins:
        raise FitError(f"Counts of shape {np.shape(counts)} do not fit {n_bins} bins.")
    if not np.isfinite(table).all():
        raise FitError("A bin count is NaN or infinite; repair the histogram.")
    if (table < 0.0).any():
        worst = int(np.argmin(table.min(axis=0)))
        raise FitError(
            f"Bin {worst} holds the negative count {table[:, worst].min():g}, which no Poisson "
            f"model describes; use wider bins or drop the negative weights."
        )
    return table


def check_mask(mask: ArrayLike | None, shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """Return the used bins as booleans; all where there is no mask.

    Raises
    ------
    FitError
        If the mask fits neither one spectrum nor the table of them.
    """
    if mask is None:
        return np.ones(shape[1], dtype=np.bool_)
    used = np.asarray(mask, dtype=np.bool_)
    if used.shape not in {(shape[1],), shape}:
        raise FitError(
            f"A mask of shape {used.shape} fits neither ({shape[1]},) nor {shape}: True marks the "
            f"bins that the fit uses."
        )
    return used


def fit_model(
    counts: ArrayLike,
    model: RateModel,
    mask: ArrayLike | None = None,
    prior: Prior | None = None,
) -> BatchFit:
    """Maximise the Poisson likelihood of a rate model for many toys.

    Parameters
    ----------
    counts : array_like of shape (n_bins,) or (n_toys, n_bins)
        Not negative; need not be integer.
    model : RateModel
    mask : array_like of bool, of shape (n_bins,) or (n_toys, n_bins), optional
        True for the bins that the fit uses.
    prior : Prior, optional

    Returns
    -------
    BatchFit

    Raises
    ------
    FitError
        If the shapes or counts make no sense, or the used bins cannot determine the parameters of
        any toy. What fails for single toys is in `BatchFit.status`.
    """
    table = check_counts(counts, model.n_bins)
    used = check_mask(mask, table.shape)
    solution = solve(model, table, used, prior)
    coef = solution.inner @ solution.basis.T
    rate = np.full(table.shape, np.nan)
    good = np.flatnonzero(solution.status == OK)
    # in inner coordinates: `coef` may have lost digits to cancellation
    rate[good] = model.transformed(solution.basis).rates(solution.inner[good], good)
    covariance = solution.basis @ solution.inverse @ solution.basis.T
    converged = solution.status == OK
    return BatchFit(
        coef=coef,
        rate=rate,
        loglike=solution.value,
        covariance=covariance,
        converged=converged,
        reason=summary(solution.status),
        status=solution.status,
        mask=used,
        model=model,
        basis=solution.basis,
        inner_coef=solution.inner,
        inner_covariance=solution.inverse,
    )


def summary(status: NDArray[np.int8]) -> str:
    """Return what went wrong first and how often; an empty text where nothing did."""
    failed = np.flatnonzero(status != OK)
    if failed.size == 0:
        return ""
    reason = REASONS[status[failed[0]]]
    return reason if status.size == 1 else f"{failed.size} of {status.size} fits: {reason}"


def fit_poisson(
    counts: ArrayLike,
    design: ArrayLike,
    offset: ArrayLike,
    mask: ArrayLike | None = None,
    prior: Prior | None = None,
) -> BatchFit:
    """Fit rate = exp(offset + design @ coef) to Poisson counts, for many toys at once.

    Parameters
    ----------
    counts : array_like of shape (n_bins,) or (n_toys, n_bins)
    design : array_like of shape (n_bins, n_parameters)
    offset : array_like of shape (n_bins,) or (n_toys, n_bins)
        For example the logarithm of the bin widths.
    mask : array_like of bool, of shape (n_bins,) or (n_toys, n_bins), optional
        True for the bins that the fit uses.
    prior : Prior, optional
        Gaussian penalties on coefficients.

    Returns
    -------
    BatchFit

    Raises
    ------
    FitError
        If the shapes or counts make no sense or the used bins cannot determine the parameters.
    """
    columns = np.asarray(design, dtype=np.float64)
    model = LogLinear(columns, np.asarray(offset, dtype=np.float64))
    return fit_model(counts, model, mask, prior)
