r"""Third-order correction of the signed root: r* = r + log(u / r) / r.

The signed root of a likelihood ratio is standard normal up to terms of order 1/sqrt(n): with 20
expected events in a window its mean is near -0.09, which a few hundred pseudo-experiments see. In
an exponential family r* is normal up to order n^(-3/2). For a canonical parameter gamma with
nuisance parameters beta,

u = gamma-hat sqrt(|j(gamma-hat, beta-hat)| / |j_beta,beta(0, beta-tilde)|),

with j the observed information, beta-hat the free and beta-tilde the null fit.

References
----------
Barndorff-Nielsen, Biometrika 73 (1986) 307; Davison, J. R. Stat. Soc. B 50 (1988) 445;
Brazzale, Davison, Reid, Applied Asymptotics (Cambridge, 2007), section 8.6.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from bycatch.statistics.fits.poisson import BatchFit
from bycatch.statistics.fits.rates import Array, RateModel

_SMALL = 0.02  # |r| below which the quotient is replaced by its limit
_LARGEST = 1.0  # a larger correction means that the expansion has broken down


def third_order(
    free: BatchFit,
    null: BatchFit,
    rows: NDArray[np.intp],
    model: RateModel,
    inside: NDArray[np.bool_],
) -> Array:
    """Return r* - r for the coefficient gamma of the window's indicator.

    Parameters
    ----------
    free : BatchFit
        Fits with gamma in the first column, of shape (len(rows), ...).
    null : BatchFit
        Fits with gamma = 0 of all toys.
    rows : ndarray of int
        The toys that `free` holds.
    model : RateModel
        Background alone.
    inside : ndarray of bool, of shape (n_bins,)

    Returns
    -------
    ndarray of shape (len(rows),)
        NaN where a fit failed or the correction exceeds 1 (the expansion does not hold there).
    """
    # failed fits are NaN, and r of zero divides by zero before it is replaced
    with np.errstate(all="ignore"):
        gamma = free.coef[:, 0]
        gain = np.maximum(free.loglike - null.loglike[rows], 0.0)
        r = np.sign(gamma) * np.sqrt(2.0 * gain)
        information = 0.5 * (_log_information(free) - _log_information(null)[rows])
        shift = (np.log(np.abs(gamma)) + information - np.log(np.abs(r))) / r
        near = np.flatnonzero(np.abs(r) < _SMALL)
        shift[near] = _limit(null, rows[near], model, inside)
        # NaN tells the caller to keep r as it is
        return np.where(np.abs(shift) <= _LARGEST, shift, np.nan)


def _log_information(fit: BatchFit) -> Array:
    """Return log |j| in the coordinates of `coef`."""
    inner = np.linalg.slogdet(fit.inner_covariance)[1]
    # the determinant in `coef` follows from the change of basis, without inverting
    return np.asarray(-inner - 2.0 * np.linalg.slogdet(fit.basis)[1])


def _limit(
    null: BatchFit, rows: NDArray[np.intp], model: RateModel, inside: NDArray[np.bool_]
) -> Array:
    """Return the limit of log(u / r) / r for r to 0.

    With d the indicator's residual after its weighted projection on the background's columns, j_p
    = sum rate d^2 and h the leverage, it is [sum rate d h / 2 + sum rate d^3 / (6 j_p)] / sqrt(j_p)
    (expand u and r in gamma-hat).
    """
    if rows.size == 0:
        return np.empty(0)
    design = model.transformed(null.basis).design
    rate, inverse = null.rate[rows], null.inner_covariance[rows]
    weighted = rate[:, None, :] * design.T
    projection = np.einsum("tpq,tqi,i->tp", inverse, weighted, inside.astype(np.float64))
    residual = inside - projection @ design.T
    leverage = np.einsum("ip,tpq,iq->ti", design, inverse, design)
    variance = (rate * residual**2).sum(axis=1)
    skewness = (rate * residual**3).sum(axis=1) / (6.0 * variance)
    nuisance = 0.5 * (rate * residual * leverage).sum(axis=1)
    return np.asarray((skewness + nuisance) / np.sqrt(variance))
