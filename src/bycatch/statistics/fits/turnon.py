r"""CMS's di-jet function with a turn-on, the one form that is not log-linear.

f(m) = p0 (1-x)^p1 / x^(p2 + p3 ln x) exp(-p4 x) [1 + tanh((m - p6) / p5)] / 2, x = m / sqrt(s):
the six-parameter form of CMS's CASE tools (their normalisation p0 comes on top). It describes a
spectrum that a trigger or a cut turns on. Minuit finds the maximum; several starts guard against
local ones.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bycatch.errors import FitError
from bycatch.statistics.fits.background import FAMILIES, SQRT_S, bin_offset, check_edges
from bycatch.statistics.fits.poisson import BatchFit, check_counts, fit_poisson
from bycatch.statistics.fits.rates import Array, half_deviance

if TYPE_CHECKING:
    from iminuit import Minuit  # type: ignore[import-untyped]

_ORDER = 4  # log-linear part: normalisation, ln(1-x), ln x, ln^2 x
_CALLS = 20_000
_STARTS = (0.0, 0.1, 0.25)  # turn-on masses, as a part of the range


@dataclass(frozen=True)
class TurnOnFit:
    """Fit of one spectrum with a turn-on.

    Attributes
    ----------
    coef : ndarray of shape (4,)
        Log-linear part, in the columns of the family ``dijet``.
    turn_on, width : float
        p6 and p5, in the unit of the edges.
    covariance : ndarray of shape (6, 6)
        Of the log-linear part in orthonormal columns, the turn-on and log width (Hesse).
    rate : ndarray of shape (n_bins,)
    loglike : float
        Log-likelihood minus that of the saturated model.
    edm : float
        Minuit's estimated distance to the minimum.
    attempts : int
        Calls of MIGRAD.
    """

    coef: Array
    turn_on: float
    width: float
    covariance: Array
    rate: Array
    loglike: float
    edm: float
    attempts: int

    @property
    def deviance(self) -> float:
        """Poisson deviance."""
        return -2.0 * self.loglike


@dataclass(frozen=True)
class _Spectrum:
    """One spectrum and its cost in well-conditioned coordinates."""

    bounds: Array
    counts: Array
    used: NDArray[np.bool_]
    design: Array
    basis: Array

    def step(self, turn_on: float, width: float) -> Array:
        """Return log([1 + tanh t] / 2) at the centres of the bins, without overflow."""
        centres = 0.5 * (self.bounds[:-1] + self.bounds[1:])
        # [1 + tanh t] / 2 = 1 / (1 + exp(-2t)), whose logarithm this is
        return np.asarray(-np.logaddexp(0.0, -2.0 * (centres - turn_on) / width))

    def rates(self, point: NDArray[np.float64]) -> tuple[Array, Array]:
        """Return log rates and rates for (inner coefficients, turn-on, log width)."""
        log_rate = self.design @ (self.basis @ point[:_ORDER]) + bin_offset(self.bounds)
        log_rate = log_rate + self.step(point[-2], float(np.exp(point[-1])))
        # exp of more overflows, and MIGRAD tries wild points
        log_rate = np.clip(log_rate, -690.0, 690.0)
        return log_rate, np.exp(log_rate)

    def cost(self, point: NDArray[np.float64]) -> float:
        """Return the deviance of the used bins."""
        log_rate, rate = self.rates(point)
        return float(-2.0 * half_deviance(self.counts, log_rate, rate)[self.used].sum())

    def first(self, turn_on: float, width: float) -> BatchFit:
        """Fit the log-linear part alone."""
        offset = bin_offset(self.bounds) + self.step(turn_on, width)
        return fit_poisson(self.counts, self.design, offset, self.used)


def fit_turn_on(
    counts: ArrayLike,
    edges: ArrayLike,
    mask: ArrayLike | None = None,
    *,
    sqrt_s: float = SQRT_S,
) -> TurnOnFit:
    """Fit the di-jet function with a turn-on to one spectrum.

    MIGRAD starts from several turn-on masses, each with the best log-linear part; a start that
    fails is repeated with SIMPLEX in front and then with Minuit's careful strategy.

    Parameters
    ----------
    counts : array_like of shape (n_bins,)
    edges : array_like of shape (n_bins + 1,), in the unit of `sqrt_s`
    mask : array_like of bool, of shape (n_bins,), optional
        True for the bins that the fit uses.
    sqrt_s : float

    Returns
    -------
    TurnOnFit

    Raises
    ------
    FitError
        If there are too few populated bins or no start converges, with Minuit's reason.
    """
    bounds = check_edges(edges)
    data = check_counts(counts, len(bounds) - 1)[0]
    used = np.ones(len(data), np.bool_) if mask is None else np.asarray(mask, dtype=np.bool_)
    n_populated = int((data[used] > 0.0).sum())
    if n_populated < _ORDER + 2:
        raise FitError(
            f"Only {n_populated} bins are populated, but the function with a turn-on has "
            f"{_ORDER + 2} parameters; widen the range."
        )
    design = FAMILIES["dijet"].design(bounds, _ORDER, sqrt_s)
    spectrum = _Spectrum(bounds, data, used, design, np.eye(_ORDER))
    extent = float(bounds[-1] - bounds[0])
    tried: list[Minuit] = []
    attempts = 0
    for fraction in _STARTS:
        turn_on, width = float(bounds[0]) + fraction * extent, 0.05 * extent
        start = spectrum.first(turn_on, width)
        if not start.converged[0]:
            continue
        if not tried:  # all starts share the first one's well-conditioned columns
            spectrum = replace(spectrum, basis=start.basis)
        inner = np.linalg.solve(spectrum.basis, start.coef[0])
        minuit = _minuit(spectrum, np.concatenate([inner, [turn_on, np.log(width)]]))
        attempts += _climb(minuit)
        tried.append(minuit)
    return _result(spectrum, tried, attempts)


def _minuit(spectrum: _Spectrum, start: NDArray[np.float64]) -> Minuit:
    """Set Minuit up with limits that keep the turn-on distinguishable from a constant."""
    from iminuit import Minuit  # noqa: PLC0415

    bounds = spectrum.bounds
    extent = float(bounds[-1] - bounds[0])
    minuit = Minuit(spectrum.cost, start)
    minuit.errordef = Minuit.LEAST_SQUARES  # the cost is the deviance, -2 log L
    # far below the range the step is 1 everywhere, so there is nothing to learn beyond
    minuit.limits[_ORDER] = (float(bounds[0]) - extent, float(bounds[-1]))
    # a step within one bin looks the same however steep it is
    narrow = 0.05 * float(np.diff(bounds).min())
    minuit.limits[_ORDER + 1] = (float(np.log(narrow)), float(np.log(extent)))
    return minuit


def _climb(minuit: Minuit) -> int:
    """Run MIGRAD with a ladder of retries; return the number of its calls."""
    minuit.migrad(ncall=_CALLS)
    if minuit.valid:
        return 1
    minuit.simplex(ncall=_CALLS)
    minuit.migrad(ncall=_CALLS)
    if minuit.valid:
        return 2
    minuit.strategy = 2
    minuit.migrad(ncall=_CALLS)
    return 3


def _result(spectrum: _Spectrum, tried: list[Minuit], attempts: int) -> TurnOnFit:
    """Return the best valid minimum, or raise with Minuit's reason."""
    valid = [minuit for minuit in tried if minuit.valid]
    if not valid:
        why = "the log-linear part has no solution"
        if tried:
            state = tried[-1].fmin
            why = (
                "the call limit was reached"
                if state.has_reached_call_limit
                else (
                    "a parameter is at its limit"
                    if state.has_parameters_at_limit
                    else f"the estimated distance to the minimum is {state.edm:.2g}"
                )
            )
        raise FitError(
            f"The fit of the di-jet function with a turn-on failed in {attempts} attempts: {why}; "
            f"start the fit range above the turn-on and use the family 'dijet'."
        )
    best = min(valid, key=lambda minuit: float(minuit.fval))
    best.hesse()
    point = np.asarray(best.values, dtype=np.float64)
    return TurnOnFit(
        coef=spectrum.basis @ point[:_ORDER],
        turn_on=float(point[_ORDER]),
        width=float(np.exp(point[_ORDER + 1])),
        covariance=np.asarray(best.covariance),
        rate=spectrum.rates(point)[1],
        loglike=-0.5 * float(best.fval),
        edm=float(best.fmin.edm),
        attempts=attempts,
    )
