r"""Logarithms of Poisson tail probabilities that neither underflow nor lose digits.

``log P(N >= d | b)`` for d > b is the logarithm of the regularised incomplete gamma function
P(d, b), which scipy offers only without the logarithm: it is 0 beyond about 37 standard
deviations. There the prefactor (Poisson probability of d) is taken in logarithms by Stirling's
series and the rest from a continued fraction.

References
----------
W. Gautschi, "A computational procedure for incomplete gamma functions", ACM Trans. Math. Softw. 5
(1979) 466. NIST Digital Library of Mathematical Functions, equations 8.7.1 and 8.9.2.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammainc, gammaincc, gammaln

from bycatch.errors import FitError

Array = NDArray[np.float64]

# Below this scipy's function is about to become subnormal and loses digits.
_TINY = 1e-290
_MAX_TERMS = 20_000
_TOLERANCE = 1e-14


def log_poisson(n: Array, mean: Array) -> Array:
    r"""Return the logarithm of the Poisson probability of `n`, for real n > 0.

    :math:`-\,(n \log(n/\mu) - n + \mu) - \log\sqrt{2\pi n} - s(n)` with Stirling's remainder s:
    unlike :math:`n\log\mu - \mu - \log\Gamma(n+1)` it does not cancel for large n.

    Parameters
    ----------
    n, mean : ndarray of shape (...)
        `mean` positive.

    Returns
    -------
    ndarray of shape (...)
    """
    n, mean = np.asarray(n, dtype=np.float64), np.asarray(mean, dtype=np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        direct = np.where(n > 0, n, 1.0) * np.log(mean) - mean - gammaln(n + 1.0)
        excess = (mean - n) / n
        inverse = 1.0 / n
        square = inverse * inverse
        remainder = inverse * (1 / 12 - square * (1 / 360 - square * (1 / 1260 - square / 1680)))
        near = np.abs(excess) < 0.5  # log1p keeps digits near 0 and loses them near -1
        deviance = n * (excess - np.where(near, np.log1p(excess), np.log(mean) - np.log(n)))
        stirling = -deviance - 0.5 * np.log(2.0 * np.pi * n) - remainder
    # the first term that Stirling's remainder leaves out is below 3e-14 from 15 on
    return np.where(n > 15.0, stirling, np.where(n > 0, direct, -mean))


def log_upper_tail(n: Array, mean: Array) -> Array:
    r"""Return :math:`\log P(N \ge n \mid \mathrm{mean})` for n > mean.

    Parameters
    ----------
    n : ndarray of shape (...)
        Events seen; a real number stands for weighted events.
    mean : ndarray of shape (...)
        Expected events, positive and below `n`.

    Returns
    -------
    ndarray of shape (...)
        Natural logarithm.

    Raises
    ------
    FitError
        If the continued fraction does not converge (never seen for n > mean).
    """
    n, mean = np.broadcast_arrays(np.asarray(n, np.float64), np.asarray(mean, np.float64))
    p = gammainc(n, mean)
    deep = p < _TINY
    log_p = np.log(np.where(deep, 1.0, p))  # those in the deep tail are filled in below
    if deep.any():
        log_p[deep] = log_poisson(n[deep], mean[deep]) + np.log(_upper_sum(n[deep], mean[deep]))
    return log_p


def log_lower_tail(n: Array, mean: Array) -> Array:
    r"""Return :math:`\log P(N \le n \mid \mathrm{mean})` for n < mean.

    Parameters
    ----------
    n, mean : ndarray of shape (...)
        As in `log_upper_tail`, with `n` below `mean`.

    Returns
    -------
    ndarray of shape (...)
        Natural logarithm.
    """
    n, mean = np.broadcast_arrays(np.asarray(n, np.float64), np.asarray(mean, np.float64))
    p = gammaincc(n + 1.0, mean)
    deep = p < _TINY
    log_p = np.log(np.where(deep, 1.0, p))
    if deep.any():
        log_p[deep] = log_poisson(n[deep], mean[deep]) + np.log(_lower_sum(n[deep], mean[deep]))
    return log_p


def _continued_fraction(first: Array, terms: Callable[[int], tuple[Array, Array]]) -> Array:
    """Return first + a1 / (b1 + a2 / (b2 + ...)) by Lentz's method, for positive terms.

    Parameters
    ----------
    first : ndarray of shape (n,)
    terms : callable
        Maps k = 1, 2, ... to (a_k, b_k).

    Raises
    ------
    FitError
        If it has not converged after 20,000 terms.
    """
    value = first.copy()
    c, d = first.copy(), np.zeros_like(first)
    for k in range(1, _MAX_TERMS):
        numerator, denominator = terms(k)
        d = 1.0 / (denominator + numerator * d)
        c = denominator + numerator / c
        factor = c * d
        value *= factor
        if np.all(np.abs(factor - 1.0) < _TOLERANCE):
            return value
    raise FitError(
        "The continued fraction of a Poisson tail did not converge: please report the counts."
    )


def _upper_sum(n: Array, mean: Array) -> Array:
    """Return P(N >= n) / P(N = n): n / (n-b + b / (n+1-b + 2b / (n+2-b + ...)))."""
    gap = n - mean
    return n / _continued_fraction(gap, lambda k: (k * mean, gap + k))


def _lower_sum(n: Array, mean: Array) -> Array:
    """Return P(N <= n) / P(N = n): b / (b-n + n / (b-n+2 + 2(n-1) / (b-n+4 + ...)))."""
    gap = mean - n
    return mean / _continued_fraction(gap, lambda k: (k * (n + 1.0 - k), gap + 2.0 * k))
