"""The machinery of Poisson fits: conditioning, existence of a maximum, start values, blocks."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bycatch.errors import FitError
from bycatch.statistics.fits.newton import maximise
from bycatch.statistics.fits.rates import Array, Index, RateModel

OK, EMPTY, FEW, SEPARATED, STALLED = range(5)

REASONS = (
    "ok",
    "all used bins are empty, so the fit has no maximum; widen the selection or the range",
    "fewer populated bins than parameters; use a lower order, a wider range or more events",
    "the events leave a parameter unbounded (separation); use a lower order or more events",
    "Newton's method did not converge; check the range, the binning and the counts",
)
"""Status codes 0 to 4 of a fit, in words."""

_BLOCK = 8192  # toys solved together: large enough for BLAS, small enough for the cache
_NOISE = 1e-14  # rounding of the log-likelihood per event
_LOOSE = 1e10  # variance of an inner coefficient, relative to its expectation, that means no bound


@dataclass(frozen=True)
class Prior:
    """Independent Gaussian penalties on coefficients.

    Attributes
    ----------
    mean : ndarray of shape (n_parameters,)
    precision : ndarray of shape (n_parameters,) or (n_toys, n_parameters)
        1 / sigma^2; 0 leaves a coefficient free.
    """

    mean: Array
    precision: Array


@dataclass(frozen=True)
class Solution:
    """Maxima in well-conditioned coordinates: coef = basis @ inner.

    Attributes
    ----------
    inner : ndarray of shape (n_toys, n_parameters)
    value : ndarray of shape (n_toys,)
    inverse : ndarray of shape (n_toys, n_parameters, n_parameters)
        Inverse of the information.
    status : ndarray of int8, of shape (n_toys,)
    basis : ndarray of shape (n_parameters, n_parameters)
    """

    inner: Array
    value: Array
    inverse: Array
    status: NDArray[np.int8]
    basis: Array


@dataclass(frozen=True)
class _Problem:
    """Data of one batch in inner coordinates; masked bins have `used` = 0."""

    model: RateModel
    counts: Array
    used: Array | None
    toys: Index
    centre: Array | None = None
    penalty: Array | None = None

    def part(self, rows: Index) -> _Problem:
        """Return the problems of some toys."""
        return _Problem(
            self.model,
            self.counts[rows],
            None if self.used is None else self.used[rows],
            self.toys[rows],
            self.centre,
            None if self.penalty is None else self.penalty[rows],
        )

    def weights(self) -> Array:
        """Return 1 for used and 0 for masked bins, of shape (n_toys, n_bins)."""
        return np.ones_like(self.counts) if self.used is None else self.used

    def objective(self, coef: Array, index: Index) -> tuple[Array, Array, Array]:
        """Return the penalised log-likelihood, its gradient and the information."""
        everything = len(index) == len(self.counts)
        counts = self.counts if everything else self.counts[index]
        used = None if self.used is None else self.used[index]
        value, gradient, curvature = self.model.evaluate(coef, counts, used, self.toys[index])
        if self.penalty is not None and self.centre is not None:
            strength = self.penalty[index]
            shift = coef - self.centre
            pull = np.einsum("tpq,tq->tp", strength, shift)
            value = value - 0.5 * np.einsum("tp,tp->t", shift, pull)
            gradient, curvature = gradient - pull, curvature + strength
        return value, gradient, curvature


def _orthonormal(model: RateModel, mean: Array, free: int) -> Array:
    """Return R^-1 of the QR decomposition weighted with the mean counts of the used bins."""
    # a bin that no toy fills keeps some weight, or its rows would drop out of the decomposition
    weight = mean + 1e-3 * mean.mean() + 1e-9
    # columns of equal length first: QR then compares directions and not units
    norm = np.sqrt((weight[:, None] * model.design**2).sum(axis=0))
    n_used, n_parameters = model.design.shape
    bad = n_used < free or not (norm > 0.0).all()
    if not bad:
        upper = np.linalg.qr(np.sqrt(weight)[:, None] * model.design / norm, mode="r")
        diagonal = np.abs(np.diag(upper))
        bad = len(upper) < n_parameters or diagonal.min() < 1e-11 * diagonal.max()
    if bad:
        raise FitError(
            f"The {n_used} bins that the fit uses cannot determine {n_parameters} parameters; use "
            f"a lower order, more bins or a wider range."
        )
    return np.asarray(np.linalg.solve(upper, np.eye(len(upper))) / norm[:, None])


def _existence(problem: _Problem, n_free: NDArray[np.int64]) -> NDArray[np.int8]:
    """Return a status code per toy from the pattern of populated bins alone.

    A maximum exists unless some direction lowers the rates of empty bins only. With at least as
    many populated bins as free parameters there is none (for smooth families); with one fewer the
    direction is unique and is tried; below that the fit is refused.
    """
    weights = problem.weights()
    populated = (problem.counts > 0.0) & (weights > 0.0)
    empty = ~(problem.counts > 0.0) & (weights > 0.0)
    n_populated = populated.sum(axis=1)
    missing = n_free - n_populated
    status = np.zeros(len(populated), dtype=np.int8)
    for toy in np.flatnonzero(missing == 1):
        rows = problem.model.design[populated[toy]]
        if problem.penalty is not None:
            rows = np.concatenate([rows, problem.penalty[toy]])
        # the one direction that leaves all populated bins as they are: the last right singular
        # vector
        push = problem.model.design[empty[toy]] @ np.linalg.svd(rows)[2][-1]
        # if it moves all empty bins the same way, the likelihood rises along it for ever
        if not ((push > 0.0).any() and (push < 0.0).any()):
            status[toy] = SEPARATED
    status[missing >= 2] = FEW
    status[n_populated == 0] = EMPTY
    return status


def _least_squares(model: RateModel, mean: Array) -> Array:
    """Return start values from a weighted least-squares fit of log(mean counts)."""
    # half an event at most: the logarithm of an empty bin must exist and hardly count
    weight = mean + 0.5 * min(1.0, float(mean.max())) + 1e-300
    root = np.sqrt(weight)
    target = root * (np.log(weight) - model.log_exposure)
    return np.asarray(np.linalg.lstsq(root[:, None] * model.design, target, rcond=None)[0])


def _start(problem: _Problem) -> Array:
    """Fit the mean of all toys and scale its normalisation to each: the start of every fit."""
    weights = problem.weights()
    seen = weights.sum(axis=0)
    # each bin averages only the toys that use it, since masks may differ
    mean = (problem.counts * weights).sum(axis=0) / np.maximum(seen, 1.0)
    inner = _least_squares(problem.model, mean)
    zero = np.zeros(1, dtype=np.intp)
    if len(mean) and len(problem.counts) > 1:
        pooled = _Problem(
            problem.model,
            mean[None],
            (seen > 0.0).astype(np.float64)[None],
            zero,
            problem.centre,
            None if problem.penalty is None else problem.penalty.mean(axis=0)[None],
        )
        # only a start value: full precision would be wasted on it
        found = maximise(pooled.objective, inner[None], tolerance=1e-6)
        inner = found.point[0] if found.converged[0] else inner
    expected = weights @ problem.model.rates(inner[None], zero)[0]
    total = (problem.counts * weights).sum(axis=1)
    # the coefficients that multiply all rates by e: the normalisation in inner coordinates
    constant = np.linalg.lstsq(problem.model.design, np.ones(len(mean)), rcond=None)[0]
    # an empty toy, or a start that expects nothing, must not give an infinite start value
    ratio = np.log(np.maximum(total, 0.5) / np.maximum(expected, 1e-9))
    # e^30 is more than any spectrum holds; beyond, exp would overflow before the first step
    return np.asarray(inner + np.clip(ratio, -30.0, 30.0)[:, None] * constant)


def _invert(curvature: Array) -> Array:
    """Invert each information matrix; infinite where it is singular."""
    try:
        return np.asarray(np.linalg.inv(curvature))
    except np.linalg.LinAlgError:
        result = np.full_like(curvature, np.inf)
        # one singular toy must not cost the others their inverse
        regular = np.linalg.cond(curvature) < 1e15
        result[regular] = np.linalg.inv(curvature[regular])
        return result


def _prior_in_basis(
    prior: Prior | None, basis: Array, n_toys: int
) -> tuple[Array | None, Array | None]:
    """Return centre (p,) and penalty matrices (n_toys, p, p) in inner coordinates."""
    if prior is None:
        return None, None
    precision = np.broadcast_to(prior.precision, (n_toys, len(basis)))
    # diagonal in the coefficients, a full matrix in the inner ones
    penalty = np.einsum("jp,tj,jq->tpq", basis, precision, basis)
    return np.asarray(np.linalg.solve(basis, prior.mean)), np.asarray(penalty)


def solve(
    model: RateModel, counts: Array, used: NDArray[np.bool_], prior: Prior | None
) -> Solution:
    """Maximise the Poisson likelihood of every toy.

    Parameters
    ----------
    model : RateModel
    counts : ndarray of shape (n_toys, n_bins)
    used : ndarray of bool, of shape (n_bins,) or (n_toys, n_bins)
    prior : Prior or None

    Returns
    -------
    Solution

    Raises
    ------
    FitError
        If no toy could determine the parameters with the used bins.
    """
    n_toys, p = len(counts), model.n_parameters
    keep = np.asarray(used if used.ndim == 1 else used.any(axis=0))
    small, data = model.on_bins(keep), counts[:, keep]
    each = None if used.ndim == 1 else used[:, keep].astype(np.float64)
    # masked bins hold no counts from here on, so that sums need no mask
    data = data if each is None else data * each
    # a penalised coefficient is always determined: existence asks only for the free ones
    penalised = 0 if prior is None else (np.broadcast_to(prior.precision, (n_toys, p)) > 0.0).sum(1)
    n_free = np.broadcast_to(np.asarray(p - penalised, dtype=np.int64), (n_toys,))
    basis = _orthonormal(small, data.mean(axis=0), int(n_free.min(initial=p)))
    centre, penalty = _prior_in_basis(prior, basis, n_toys)
    problem = _Problem(small.transformed(basis), data, each, np.arange(n_toys), centre, penalty)
    status = _existence(problem, n_free)
    inner, value = np.full((n_toys, p), np.nan), np.full(n_toys, np.nan)
    inverse = np.full((n_toys, p, p), np.nan)
    toys = np.flatnonzero(status == OK)
    start = _start(problem.part(toys)) if toys.size else inner
    for low in range(0, toys.size, _BLOCK):
        rows = toys[low : low + _BLOCK]
        total = data[rows].sum(axis=1)
        best = maximise(
            problem.part(rows).objective, start[low : low + _BLOCK], rounding=_NOISE * total
        )
        spread = _invert(best.curvature)
        # the basis is orthonormal for the mean toy, so variances are about 1 / size there
        size = total / max(float(data.sum(axis=1).mean()), 1e-300)
        tight = np.einsum("tpp->tp", spread).max(axis=1) * size < _LOOSE
        # Newton stops on a plateau as well, where the likelihood has no maximum at all
        status[rows[~tight]] = SEPARATED
        status[rows[~best.converged]] = STALLED
        inner[rows], value[rows], inverse[rows] = best.point, best.value, spread
    failed = status != OK
    inner[failed], value[failed], inverse[failed] = np.nan, np.nan, np.nan
    return Solution(inner, value, inverse, status, basis)
