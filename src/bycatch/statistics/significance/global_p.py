"""Global p-values: one number that pays for everything that was looked at.

What to use when:

- `global_p`: always. It counts toys of the whole procedure and cannot be smaller than 1/(N+1).
- `bonferroni`: a bound that needs no toys and ignores that looks overlap.
- `tail_extrapolation`: beyond the toys, where looks of several families were taken; marked as an
  extrapolation.
- `gross_vitells`: beyond the toys, for one mass scan of one family of looks; marked likewise.

References
----------
Clopper and Pearson, Biometrika 26 (1934) 404; Davison and Hinkley, Bootstrap Methods (1997),
eq. (4.11), for (S + 1)/(N + 1); Gross and Vitells, arXiv:1005.1891, eq. (3).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from scipy.stats import beta, norm

from bycatch.tasks.result import Plain

_ONE_SIGMA = 0.6826894921370859
_SMALLEST_TAIL = 20  # the error of the slope is 1 / sqrt(20), a fifth, at most


@dataclass(frozen=True)
class GlobalP(Plain):
    """Global p-value counted in toys.

    Attributes
    ----------
    p : float
        (S + 1) / (N + 1): valid at every N (under the null, P(p <= a) <= a).
    interval : tuple of float
        68.3 % Clopper-Pearson interval of S / N.
    z : float
        One-sided normal quantile of `p`; a lower bound where `exceeding` is 0.
    n_toys : int
        N.
    exceeding : int
        S, the toys at least as extreme as the observation.
    """

    p: float
    interval: tuple[float, float]
    z: float
    n_toys: int
    exceeding: int


@dataclass(frozen=True)
class Extrapolation(Plain):
    """A global p-value beyond the toys; never to be quoted without that word.

    Attributes
    ----------
    p : float
        Extrapolated global p-value.
    interval : tuple of float
        68.3 % interval from the statistical error of the extrapolation's parameters alone.
    method : str
        ``tail`` or ``gross-vitells``.
    n_tail : int
        Toys (or upcrossings) that determine the parameters.
    scale : float
        Fitted slope of -ln p_global against -ln p_local (``tail``; 1 where looks are independent
        and calibrated) or the mean number of upcrossings (``gross-vitells``).
    scale_error : float
        Standard error of `scale`.
    message : str
        What the number rests on, in words.
    """

    extrapolation: ClassVar = True
    further: ClassVar = ("extrapolation",)  # the mark that no reader of the number may miss

    p: float
    interval: tuple[float, float]
    method: str
    n_tail: int
    scale: float
    scale_error: float
    message: str


def binomial_interval(
    successes: int, trials: int, level: float = _ONE_SIGMA
) -> tuple[float, float]:
    """Return the central Clopper-Pearson interval of a binomial probability.

    Parameters
    ----------
    successes, trials : int
    level : float
        Confidence level; 0.683 by default.

    Returns
    -------
    tuple of float
        Covers the true probability at least with `level`, for every number of trials.

    Raises
    ------
    ValueError
        Where there are no trials, or more successes than trials.
    """
    if trials < 1 or not 0 <= successes <= trials:
        raise ValueError(f"{successes} successes in {trials} trials have no binomial interval.")
    tail = (1.0 - level) / 2.0
    low = 0.0
    high = 1.0
    if successes > 0:
        low = float(beta.ppf(tail, successes, trials - successes + 1))
    if successes < trials:
        high = float(beta.ppf(1.0 - tail, successes + 1, trials - successes))
    return low, high


def global_p(observed: float, toys: NDArray[np.float64]) -> GlobalP:
    """Count the toys that are at least as extreme as the observation.

    Parameters
    ----------
    observed : float
        The largest statistic (for example r) over all looks in the data.
    toys : ndarray of shape (n_toys,)
        The same maximum in toys of the same procedure.

    Returns
    -------
    GlobalP

    Raises
    ------
    ValueError
        Where there are no toys or a value is NaN (a failed toy must be counted by the caller, not
        hidden here).
    """
    maxima = np.asarray(toys, dtype=np.float64).ravel()
    if maxima.size == 0:
        raise ValueError("A global p-value needs at least one toy.")
    if math.isnan(observed) or bool(np.isnan(maxima).any()):
        raise ValueError(
            "A global p-value cannot be counted with NaN among the toys or as observation."
        )
    exceeding = int(np.count_nonzero(maxima >= observed))  # >=: a tie is as extreme as the data
    p = (exceeding + 1) / (maxima.size + 1)
    interval = binomial_interval(exceeding, maxima.size)
    # + 0.0 turns -0.0 into 0.0
    return GlobalP(p, interval, float(norm.isf(p)) + 0.0, maxima.size, exceeding)


def bonferroni(p: float, n_looks: int) -> float:
    """Return the bound min(1, n p) on the global p-value of `n_looks` looks.

    It holds for any overlap between looks, and is far too large where they overlap much.
    """
    return min(1.0, n_looks * p)


def tail_extrapolation(
    toys: NDArray[np.float64], observed: float, fraction: float = 0.15
) -> Extrapolation:
    """Extrapolate the distribution of the toys' maxima beyond the largest toy.

    With t = -ln(1 - Phi(maximum)), the chance that the smallest of n calibrated local p-values
    lies below exp(-t) tends to n_eff exp(-t): the upper tail of t is exponential, a Gumbel tail.
    The exponential law is fitted to the toys' upper `fraction` by maximum likelihood,

        P(t > u + x) = k/N exp(-x / s),   s = mean of (t - u) over the k largest toys,

    so that tails heavier than normal (s > 1) are found and not assumed away. The interval holds
    the errors of s (s / sqrt k) and of k/N.

    Parameters
    ----------
    toys : ndarray of shape (n_toys,)
        Largest r (in units of the standard normal) of each toy.
    observed : float
        Largest r of the data.
    fraction : float
        Part of the toys that is fitted, 0.1 to 0.2.

    Returns
    -------
    Extrapolation
        Where the observation lies below the fitted range, the counted fraction is the better
        number, and the message says so.

    Raises
    ------
    ValueError
        Where fewer than 20 toys lie in the tail.

    References
    ----------
    Davison and Smith, J. R. Stat. Soc. B 52 (1990) 393 (peaks over threshold).
    """
    t = np.sort(-norm.logsf(np.asarray(toys, dtype=np.float64)))
    n_tail = round(fraction * t.size)
    if n_tail < _SMALLEST_TAIL:
        raise ValueError(
            f"A tail fit needs at least {_SMALLEST_TAIL} toys in the tail, but {t.size} toys have "
            f"{n_tail} there; use more toys."
        )
    threshold = float(t[-n_tail - 1])  # the largest toy that is not in the tail
    scale = float(np.mean(t[-n_tail:] - threshold))
    if not scale > 0:
        raise ValueError("The largest toys are all equal, so their tail has no slope.")
    beyond = float(-norm.logsf(observed)) - threshold
    log_p = math.log(n_tail / t.size) - beyond / scale
    # the errors of the slope and of the share k/N, both relative to p
    relative = math.hypot(beyond / scale / math.sqrt(n_tail), math.sqrt(1 / n_tail - 1 / t.size))
    message = (
        f"Extrapolation of an exponential tail fitted to the {n_tail} largest of {t.size} toys."
    )
    if beyond < 0:
        message += " The observation lies below that tail: use the counted fraction instead."
    return Extrapolation(
        p=min(1.0, math.exp(log_p)),
        interval=(min(1.0, math.exp(log_p - relative)), min(1.0, math.exp(log_p + relative))),
        method="tail",
        n_tail=n_tail,
        scale=scale,
        scale_error=scale / math.sqrt(n_tail),
        message=message,
    )


def gross_vitells(
    scan_z_toys: NDArray[np.float64], observed: float, level: float = 0.5
) -> Extrapolation:
    """Extrapolate the global p-value of ONE mass scan from upcrossings at a low level.

    For z(m) a smooth standard normal process of the mass hypothesis m,

        P(max z > u) <= 1 - Phi(u) + <N(u0)> exp(-(u^2 - u0^2) / 2),

    where N(u0) counts how often z(m) crosses u0 upwards. It does not hold across families of looks
    (methods, working points), which are no smooth process of one parameter.

    Parameters
    ----------
    scan_z_toys : ndarray of shape (n_toys, n_masses)
        Local z along the scan, masses in order and dense compared with the peak's width.
    observed : float
        Largest local z of the data.
    level : float
        u0, in units of the standard normal.

    Returns
    -------
    Extrapolation
        An upper bound at large `observed`.

    Raises
    ------
    ValueError
        Where there are no two masses or no upcrossing at all.

    References
    ----------
    Gross and Vitells, arXiv:1005.1891, eq. (3), with c = u^2 and one degree of freedom.
    """
    z = np.atleast_2d(np.asarray(scan_z_toys, dtype=np.float64))
    counts = np.count_nonzero((z[:, :-1] < level) & (z[:, 1:] >= level), axis=1)
    crossings = int(counts.sum())
    if crossings == 0:
        raise ValueError(
            f"No scan of the {z.shape[0]} toys crosses {level:g} upwards: use a denser scan."
        )
    mean = crossings / z.shape[0]
    # measured between scans: upcrossings within one are not independent
    spread = float(np.std(counts, ddof=1)) if z.shape[0] > 1 else math.sqrt(crossings)
    error = spread / math.sqrt(z.shape[0])
    falling = math.exp(-(observed**2 - level**2) / 2)
    local = float(norm.sf(observed))
    return Extrapolation(
        p=min(1.0, local + mean * falling),
        interval=(
            min(1.0, local + max(0.0, mean - error) * falling),
            min(1.0, local + (mean + error) * falling),
        ),
        method="gross-vitells",
        n_tail=crossings,
        scale=mean,
        scale_error=error,
        message=f"Extrapolation from {crossings} upcrossings of {level:g} in {z.shape[0]} scans.",
    )
