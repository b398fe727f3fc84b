"""Are p-values uniform under the null? Numbers, tests and words.

What to use when: `calibrate` on signed roots r of one look over many null pseudo-experiments;
`calibrate_global` on global p-values. A p-value is calibrated where its distribution is uniform:
the standard deviation of r is 1, and 5 % and 1 % of the values lie below 0.05 and 0.01.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binomtest, kstest, norm

from bycatch.statistics.significance.global_p import binomial_interval
from bycatch.tasks.result import Plain

Floats = NDArray[np.float64]

ENOUGH_FOR_KS = 20.0
"""Expected background events in the window from which p is continuous enough for a KS test."""
LEVELS = (0.05, 0.01)


@dataclass(frozen=True)
class Fraction(Plain):
    """How many p-values lie below a level.

    Attributes
    ----------
    level : float
    count, n : int
    interval : tuple of float
        68.3 % Clopper-Pearson interval of count / n.
    p_value : float
        Two-sided exact binomial test against `level`.
    """

    further: ClassVar = ("value",)

    level: float
    count: int
    n: int
    interval: tuple[float, float]
    p_value: float

    @property
    def value(self) -> float:
        """The fraction itself."""
        return self.count / self.n


@dataclass(frozen=True)
class LookCalibration(Plain):
    """Calibration of one method, window and working point.

    Attributes
    ----------
    method : str
    window : tuple of float
    working_point : float
    n, failed : int
        Pseudo-experiments with and without a fit.
    expected : float
        Mean background events in the window.
    efficiency : float
        Mean achieved background efficiency.
    mean, mean_error, sd, sd_error : float
        Of r and their standard errors.
    sd_p_value : float
        Two-sided test of sd = 1 (normal, with `sd_error`).
    fractions : tuple of Fraction
        Below 0.05 and 0.01, of p (or of the mid-p, see `kind`).
    ks : float or None
        p-value of a Kolmogorov-Smirnov test against the uniform distribution; None below 20
        expected events where only an asymptotic p is at hand.
    kind : str
        ``asymptotic``, or ``mid-p``: calibrated by toys without training at this look's counts,
        with half of the ties.
    """

    method: str
    window: tuple[float, float]
    working_point: float
    n: int
    failed: int
    expected: float
    efficiency: float
    mean: float
    mean_error: float
    sd: float
    sd_error: float
    sd_p_value: float
    fractions: tuple[Fraction, ...]
    ks: float | None
    kind: str

    def tests(self) -> list[float]:
        """Return the p-values of all tests of this look, for a Bonferroni bound."""
        found = [fraction.p_value for fraction in self.fractions]
        if self.kind == "asymptotic":
            found.append(self.sd_p_value)
        return found if self.ks is None else [*found, self.ks]

    def __str__(self) -> str:
        low, high = self.window
        below = ", ".join(
            f"{fraction.value:.4f} below {fraction.level:g}" for fraction in self.fractions
        )
        ks = "" if self.ks is None else f", KS p = {self.ks:.3f}"
        return (
            f"{self.method} in [{low:g}, {high:g}] at {self.working_point:g}: "
            f"{self.expected:.1f} expected, sd = {self.sd:.3f} +- {self.sd_error:.3f}, "
            f"mean = {self.mean:+.3f} +- {self.mean_error:.3f}, {below}{ks} (n = {self.n}, "
            f"{self.failed} without a fit, {self.kind})"
        )


@dataclass(frozen=True)
class GlobalCalibration(Plain):
    """Calibration of the global p-value.

    Attributes
    ----------
    n, n_toys : int
        Pseudo-experiments, and toys in each.
    fractions : tuple of Fraction
    ks : float
        After spreading each p over its step of 1 / (n_toys + 1).
    """

    n: int
    n_toys: int
    fractions: tuple[Fraction, ...]
    ks: float

    def tests(self) -> list[float]:
        """Return the p-values of all tests."""
        return [*(fraction.p_value for fraction in self.fractions), self.ks]

    def __str__(self) -> str:
        below = ", ".join(
            f"{fraction.value:.4f} below {fraction.level:g}" for fraction in self.fractions
        )
        return f"global p: {below}, KS p = {self.ks:.3f} (n = {self.n}, {self.n_toys} toys each)"


def calibrate(
    r: Floats,
    *,
    method: str,
    window: tuple[float, float],
    working_point: float,
    expected: float,
    efficiency: float,
    kind: Literal["asymptotic", "mid-p"] = "asymptotic",
) -> LookCalibration:
    """Judge the signed roots of one look over null pseudo-experiments.

    Parameters
    ----------
    r : ndarray of shape (n_experiments,)
        NaN where a fit failed. For ``mid-p``: the normal quantiles of `mid_p`.
    method, window, working_point, expected, efficiency, kind
        See `LookCalibration`.

    Returns
    -------
    LookCalibration
    """
    values = r[np.isfinite(r)]
    n = values.size
    mean, sd = float(values.mean()), float(values.std(ddof=1))
    # the error of a variance needs the fourth moment: r need not be normal
    fourth = float(np.mean((values - mean) ** 4))
    sd_error = math.sqrt(max(fourth - sd**4, 0.0) / n) / (2 * sd)
    p = norm.sf(values)
    ks = None
    # few events give few distinct p, which no KS test takes for uniform
    if kind == "mid-p" or expected >= ENOUGH_FOR_KS:
        ks = float(kstest(p, "uniform").pvalue)
    return LookCalibration(
        method=method,
        window=window,
        working_point=working_point,
        n=n,
        failed=int(r.size - n),
        expected=expected,
        efficiency=efficiency,
        mean=mean,
        mean_error=sd / math.sqrt(n),
        sd=sd,
        sd_error=sd_error,
        sd_p_value=float(2 * norm.sf(abs(sd - 1) / sd_error)) if sd_error > 0 else 0.0,
        fractions=tuple(_fraction(p, level) for level in LEVELS),
        ks=ks,
        kind=kind,
    )


def calibrate_global(p: Floats, n_toys: int, rng: np.random.Generator) -> GlobalCalibration:
    """Judge global p-values (S + 1) / (N + 1) over null pseudo-experiments.

    Parameters
    ----------
    p : ndarray of shape (n_experiments,)
    n_toys : int
        N.
    rng : numpy.random.Generator
        Spreads p uniformly over its step, which makes it exactly uniform under the null.

    Returns
    -------
    GlobalCalibration
    """
    # p comes in steps of 1 / (N + 1), which a KS test would see
    smooth = p - rng.random(p.size) / (n_toys + 1)
    fractions = tuple(_fraction(smooth, level) for level in LEVELS)
    return GlobalCalibration(p.size, n_toys, fractions, float(kstest(smooth, "uniform").pvalue))


def mid_p(r: Floats, reference: Floats) -> Floats:
    """Return p-values counted in toys, with half of the ties: P(R > r) + P(R = r) / 2.

    Parameters
    ----------
    r : ndarray of shape (n,)
        Finite.
    reference : ndarray of shape (n_toys,)
        r of toys; NaN (failed fits) is left out.

    Returns
    -------
    ndarray of shape (n,)
        Within (0, 1).
    """
    table = np.sort(reference[np.isfinite(reference)])
    # Equal counts give equal r up to rounding in the fits.
    slack = 1e-6
    above = table.size - np.searchsorted(table, r + slack, side="right")
    equal = table.size - np.searchsorted(table, r - slack, side="left") - above
    # half a toy more: p is never 0 or 1, whose quantiles are infinite
    return np.asarray((above + 0.5 * equal + 0.5) / (table.size + 1))


def _fraction(p: Floats, level: float) -> Fraction:
    count = int(np.count_nonzero(p < level))
    test = binomtest(count, p.size, level)
    return Fraction(level, count, p.size, binomial_interval(count, p.size), float(test.pvalue))
