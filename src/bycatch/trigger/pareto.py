r"""The generalised Pareto distribution: density, fit with signed weights, integrated likelihood.

What to use when: `bycatch.trigger.tail` decides where a tail begins and asks this file for its
shape; use it alone where the threshold is known. Not for a score that ends at a bound which it
reaches (shape below -1/2): likelihood intervals do not hold there, so the fit stops at that shape
and says so.

An excess y over a threshold has the survival :math:`(1 + \xi y / \sigma)^{-1/\xi}`, which is
:math:`e^{-y/\sigma}` for :math:`\xi = 0`. All formulae are written with
:math:`\varphi(x) = \log(1 + x)/x`, so that nothing special happens at :math:`\xi = 0`.

References
----------
.. [1] Coles, "An Introduction to Statistical Modeling of Extreme Values", Springer (2001),
   chapter 4.
.. [2] Davison, Smith, "Models for exceedances over high thresholds", J. R. Stat. Soc. B 52 (1990)
   393.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar

from bycatch.errors import FitError
from bycatch.evaluate.sizes import kish

Floats = NDArray[np.float64]

SHAPE_BOUNDS = (-0.5, 2.0)
"""Below -1/2 the likelihood is not regular; above 2 no score has been seen."""

_SERIES = 1e-4
_POINTS = 1000
_BLOCK = 100_000
_TINY = 1e-9
_RADIUS = 6.5
_DEEPEST = 25.0
_STEP = 1e-5
_ITERATIONS = 200
_CONVERGED = 1e-10
_REGULAR = -0.4


def _phi(x: Floats) -> Floats:
    """Return log(1 + x) / x."""
    safe = np.where(x == 0.0, 1.0, x)
    return np.where(x == 0.0, 1.0, np.log1p(safe) / safe)


def _phi_slope(x: Floats) -> Floats:
    """Return the derivative of log(1 + x) / x."""
    small = np.abs(x) < _SERIES
    safe = np.where(small, 1.0, x)
    exact = (safe / (1.0 + safe) - np.log1p(safe)) / (safe * safe)
    # the series, where the exact form cancels
    return np.where(small, -0.5 + 2.0 * x / 3.0 - 0.75 * x * x, exact)


def log_survival(excess: Floats | float, shape: Floats | float, scale: Floats | float) -> Floats:
    """Return the logarithm of the probability to exceed `excess`; arguments are broadcast.

    Parameters
    ----------
    excess : float or ndarray
        Above the threshold, not negative, in units of the score.
    shape, scale : float or ndarray

    Returns
    -------
    ndarray
        -inf beyond the end of a tail of negative shape.
    """
    z = np.asarray(excess, dtype=np.float64) / scale
    x = shape * z
    inside = x > -1.0
    return np.where(inside, -z * _phi(np.where(inside, x, 0.0)), -np.inf)


def quantile(
    log_probability: Floats | float, shape: Floats | float, scale: Floats | float
) -> Floats:
    """Return the excess that is exceeded with a probability; arguments are broadcast.

    Parameters
    ----------
    log_probability : float or ndarray
        Natural logarithm of the probability, at most 0.
    shape, scale : float or ndarray

    Returns
    -------
    ndarray
        In units of `scale`.
    """
    depth = -np.asarray(log_probability, dtype=np.float64)
    x = np.asarray(shape) * depth
    small = np.abs(x) < _SERIES
    safe = np.where(small, 1.0, x)
    with np.errstate(over="ignore"):  # an infinite excess is what a hopeless extrapolation gives
        growth = np.where(small, 1.0 + x / 2.0 + x * x / 6.0, np.expm1(safe) / safe)
        return np.asarray(scale * depth * growth)


@dataclass(frozen=True, eq=False)
class ParetoFit:
    """A fitted tail.

    Attributes
    ----------
    shape, scale : float
        The scale in units of the score.
    covariance : ndarray of shape (2, 2)
        Of the shape and of the logarithm of the scale: the inverse of the observed information of
        `n_effective` excesses. Exact for weights that do not depend on the excess.
    n_effective : float
        Kish's effective number of excesses.
    at_bound : bool
        Whether the shape stopped at a bound of `SHAPE_BOUNDS`.
    """

    shape: float
    scale: float
    covariance: Floats
    n_effective: float
    at_bound: bool

    @property
    def shape_error(self) -> float:
        """Standard error of the shape."""
        return float(np.sqrt(self.covariance[0, 0]))


def _loss(theta: Floats, excess: Floats, weight: Floats) -> float:
    """Return the mean of -log density at theta = (shape, log scale)."""
    z = excess / np.exp(theta[1])
    x = theta[0] * z
    if x.min() <= -1.0:
        return np.inf
    return float(theta[1] + weight @ (np.log1p(x) + z * _phi(x)))


def _losses(theta: Floats, excess: Floats, weight: Floats) -> Floats:
    """Return `_loss` at several theta, of shape (n_points, 2)."""
    shape = np.where(
        np.abs(theta[:, 0]) < _TINY, _TINY, theta[:, 0]
    )  # z phi(x) = log(1 + x) / shape
    x = (shape * np.exp(-theta[:, 1]))[:, None] * excess
    allowed = x.min(axis=1) > -1.0
    x[~allowed] = 0.0  # any finite value: these points are infinite below
    found = theta[:, 1] + (np.log1p(x) @ weight) * (1.0 + 1.0 / shape)
    return np.where(allowed, found, np.inf)


def _slopes(theta: Floats, excess: Floats) -> Floats:
    """Return the gradient of -log density of each excess, of shape (2, n)."""
    z = excess / np.exp(theta[1])
    x = theta[0] * z
    return np.stack([z / (1.0 + x) + z * z * _phi_slope(x), 1.0 - (x + z) / (1.0 + x)])


def _curvature(theta: Floats, excess: Floats, weight: Floats) -> Floats:
    """Return the second derivatives of `_loss`, from differences of its gradient."""
    columns = []
    for axis in range(2):
        step = np.zeros(2)
        step[axis] = _STEP
        up, down = (_slopes(theta + sign * step, excess) @ weight for sign in (1.0, -1.0))
        columns.append((up - down) / (2.0 * _STEP))
    hessian = np.array(columns)
    return np.asarray(0.5 * (hessian + hessian.T))


def fit_pareto(excess: Floats, weight: Floats | None = None) -> ParetoFit:
    """Fit a generalised Pareto distribution by maximum likelihood.

    Parameters
    ----------
    excess : ndarray of shape (n,)
        Positive, in units of the score.
    weight : ndarray of shape (n,), optional
        Signed weights of positive sum.

    Returns
    -------
    ParetoFit

    Raises
    ------
    FitError
        Where excesses are fewer than three, all equal, or their weights allow no maximum.
    """
    excess = np.asarray(excess, dtype=np.float64)
    raw = np.ones(len(excess)) if weight is None else np.asarray(weight, dtype=np.float64)
    total = float(raw.sum())
    if len(excess) < 3 or not total > 0.0 or not np.ptp(excess) > 0.0:
        raise FitError(
            f"A tail needs at least three different excesses of positive weight, but there are "
            f"{len(excess)} of summed weight {total:.3g}; give more events or a lower threshold."
        )
    w = raw / total
    unit = float(np.sqrt(np.mean(excess**2)))  # so that the start and its steps know no units
    scaled = excess / unit
    theta = _minimum(scaled, w)
    at_bound = bool(np.isclose(theta[0], SHAPE_BOUNDS, atol=1e-6).any())
    hessian = _curvature(theta, scaled, w)
    if at_bound:  # the likelihood still rises beyond: only the expected information is positive
        hessian = np.asarray(np.linalg.inv(_inverse_information(max(theta[0], _REGULAR))))
    if np.linalg.eigvalsh(hessian).min() <= 0.0:
        raise FitError(
            f"The likelihood of the tail has no maximum ({len(excess)} excesses, effective number "
            f"{kish(raw):.3g}): negative weights or too few events; choose a lower threshold."
        )
    n = kish(raw)
    covariance = np.asarray(np.linalg.inv(hessian) / n)
    return ParetoFit(float(theta[0]), float(np.exp(theta[1]) * unit), covariance, n, at_bound)


def _minimum(excess: Floats, weight: Floats) -> Floats:
    """Return (shape, log scale) of the largest likelihood inside of the bounds."""
    top = float(excess.max())
    # negative weights may leave a mean that is no scale
    centre = np.log(max(float(weight @ excess), 1e-3 * top))
    shapes = np.linspace(SHAPE_BOUNDS[0], 1.0, 7)
    scales = centre + np.linspace(-1.5, 1.5, 7)
    # only where the largest excess lies inside of the tail's end
    starts = [np.array([a, b]) for a in shapes for b in scales if a * top > -np.exp(b)]
    losses = [_loss(start, excess, weight) for start in starts]
    theta, loss = starts[int(np.argmin(losses))], min(losses)
    for _ in range(_ITERATIONS):
        # Fisher scoring: the expected information is always positive, the observed one need not be
        step = -_inverse_information(theta[0]) @ (_slopes(theta, excess) @ weight)
        for _ in range(40):
            trial = theta + step
            # the shape may run into a bound, where the scale is then fitted alone
            trial[0] = np.clip(trial[0], *SHAPE_BOUNDS)
            found = _loss(trial, excess, weight)
            if found <= loss:
                break
            step = 0.5 * step
        moved = float(np.abs(trial - theta).max())
        if found <= loss:
            theta, loss = trial, found
        if moved < _CONVERGED:
            break
    if np.isclose(theta[0], SHAPE_BOUNDS, atol=1e-9).any():
        lowest = np.log(max(-theta[0] * top, 1e-12 * top))
        line = minimize_scalar(
            lambda scale: _loss(np.array([theta[0], scale]), excess, weight),
            bounds=(lowest + 1e-9, centre + 5.0),
            method="bounded",
            options={"xatol": 1e-10},
        )
        theta = np.array([min(SHAPE_BOUNDS, key=lambda end: abs(end - theta[0])), line.x])
    return theta


def _inverse_information(shape: float) -> Floats:
    """Return the inverse of Fisher's information of one excess, for shape and log scale [2]_."""
    a = 1.0 + shape
    return np.array([[a * a, -a], [-a, 2.0 * a]])


def plausible(
    fit: ParetoFit, excess: Floats, weight: Floats | None = None
) -> tuple[Floats, Floats, Floats]:
    """Return parameters that the data allow, each with its share of the likelihood.

    The likelihood (of weighted events: divided by their mean weight, sum w^2 / sum w) is integrated
    over the shape and the logarithm of the scale, on points that fill a disc evenly where the fit's
    covariance is the unit matrix. Quantiles of any function of the parameters over these shares are
    its interval. Profile likelihood intervals cover less than they say with 50 excesses (60 % for
    68 %), since the likelihood is skewed; these do not: docs/statistics/trigger-tail.md.

    Parameters
    ----------
    fit : ParetoFit
    excess, weight
        As they were given to `fit_pareto`.

    Returns
    -------
    shape, scale, share : ndarray of shape (n_points,)
        Shares sum to 1.
    """
    excess = np.asarray(excess, dtype=np.float64)
    raw = np.ones(len(excess)) if weight is None else np.asarray(weight, dtype=np.float64)
    step = np.arange(_POINTS)
    radius = _RADIUS * np.sqrt((step + 0.5) / _POINTS)
    angle = step * np.pi * (3.0 - np.sqrt(5.0))  # the golden angle: no two points line up
    disc = np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1)
    best = np.array([fit.shape, np.log(fit.scale)])
    theta = best + disc @ np.linalg.cholesky(fit.covariance).T
    theta = theta[theta[:, 0] >= SHAPE_BOUNDS[0]]
    w = raw / raw.sum()
    block = max(1, _BLOCK // len(excess))
    parts = range(0, len(theta), block)
    loss = np.concatenate([_losses(theta[i : i + block], excess, w) for i in parts])
    # the loss is a mean: times the effective number it is -log L
    depth = fit.n_effective * (loss - loss.min())
    kept = depth < _DEEPEST
    share = np.exp(-depth[kept])
    return theta[kept, 0], np.exp(theta[kept, 1]), share / share.sum()
