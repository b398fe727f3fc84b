"""Local p-values from toys of one look, where no formula holds.

What to use when: `toy_calibrated_p` below about 20 expected events in the window;
`free_width_excess` for a peak whose width is not known (its largest r over widths has no standard
distribution).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from bycatch.errors import FitError
from bycatch.statistics.background import Background
from bycatch.statistics.fits.rates import Array
from bycatch.statistics.significance.gaussian import gaussian_excess
from bycatch.statistics.significance.local import window_bins, window_excess

_FAILED = 0.1  # largest fraction of toys whose fit may fail


@dataclass(frozen=True)
class ToyP:
    """A local p-value from toys.

    Attributes
    ----------
    p : float
        (S + 1) / (N + 1); ties count half in S.
    p_error : float
        Binomial standard error of S / N, at least 1 / (N + 1).
    r : float
        Observed statistic.
    n_toys : int
        Toys whose fit converged.
    n_failed : int
        Toys left out since their fit had no solution.
    width : float or None
        Width with the largest r, where widths were scanned.
    """

    p: float
    p_error: float
    r: float
    n_toys: int
    n_failed: int
    width: float | None = None


def _compare(observed: float, toys: Array, width: float | None = None) -> ToyP:
    """Rank the observed statistic among the toys'."""
    good = toys[np.isfinite(toys)]
    n, n_failed = len(good), len(toys) - len(good)
    if n_failed > _FAILED * len(toys):
        raise FitError(
            f"{n_failed} of {len(toys)} toys of this look could not be fitted, so its p-value is "
            f"unknown; use a lower order or more events."
        )
    slack = 1e-7 * (1.0 + abs(observed))  # equal counts give equal r only up to the fits' rounding
    above = float((good > observed + slack).sum())
    # few events make ties common: counted whole they would bias p upwards
    above += 0.5 * float((np.abs(good - observed) <= slack).sum())
    fraction = above / n
    # no toy above is no error of zero
    error = max(float(np.sqrt(fraction * (1.0 - fraction) / n)), 1.0 / (n + 1))
    return ToyP((above + 1.0) / (n + 1.0), error, observed, n, n_failed, width)


def toy_calibrated_p(
    counts: ArrayLike,
    background: Background,
    window: tuple[float, float],
    order: int,
    systematic: float = 0.0,
    *,
    n_toys: int = 10_000,
    rng: np.random.Generator,
) -> ToyP:
    """Compute a window's local p-value from toys of its own null fit.

    Toys are drawn from the fit of the whole range without a signal and tested like the data. With
    a systematic of s events, each toy's window is scaled by exp(gamma), gamma ~ N(0, (s / B)^2)
    (prior-predictive).

    Parameters
    ----------
    counts : array_like of shape (n_bins,)
    background : Background
    window : tuple of float
        Low and high end, both bin edges.
    order : int
        Number of background parameters, the same in all toys.
    systematic : float
        Spurious signal, in events.
    n_toys : int
    rng : numpy.random.Generator

    Returns
    -------
    ToyP

    Raises
    ------
    FitError
        If the fit of the data fails, or that of more than a tenth of the toys.
    """
    table = background.counts(counts)
    inside = window_bins(background.edges, window)
    null = background.fit(table, order).require()
    data = window_excess(table, background, window, order, systematic)
    if data.reason:
        raise FitError(
            f"The fit of the window [{window[0]:g}, {window[1]:g}] failed: {data.reason}."
        )
    rate = np.repeat(null.rate, n_toys, axis=0)
    if systematic > 0.0:
        spread = systematic / rate[0, inside].sum()
        # a relative change, as the fit has it; an additive one could go negative
        rate[:, inside] *= np.exp(spread * rng.standard_normal(n_toys))[:, None]
    toys = window_excess(rng.poisson(rate), background, window, order, systematic)
    return _compare(float(data.r[0]), toys.r)


def free_width_excess(
    counts: ArrayLike,
    background: Background,
    mass: float,
    widths: Sequence[float],
    order: int,
    systematic: float = 0.0,
    *,
    n_toys: int = 1000,
    rng: np.random.Generator,
) -> ToyP:
    """Test for a Gaussian peak at a mass whose width is free within a list.

    Parameters
    ----------
    counts : array_like of shape (n_bins,)
    background : Background
    mass : float
        Centre of the peak, in the unit of the edges.
    widths : sequence of float
        Standard deviations to try.
    order : int
        Number of background parameters.
    systematic : float
        Spurious signal, in events; each toy has a peak of N(0, systematic^2) events of a random
        width of the list.
    n_toys : int
    rng : numpy.random.Generator

    Returns
    -------
    ToyP
        `r` is the largest signed root over the widths, `p` its rank among toys that were scanned
        in the same way.

    Raises
    ------
    FitError
        If no width is given, or fits fail.
    """
    if len(widths) == 0:
        raise FitError("A scan of widths needs at least one width.")
    table = background.counts(counts)
    null = background.fit(table, order).require()
    rate = np.repeat(null.rate, n_toys, axis=0)
    if systematic > 0.0:
        rate = _with_peaks(rate, background.edges, mass, widths, systematic, rng)
    toys = rng.poisson(rate).astype(np.float64)

    def scan(spectra: Array) -> Array:
        return np.stack(
            [
                gaussian_excess(spectra, background, mass, width, order, systematic).r
                for width in widths
            ]
        )

    observed = scan(table)[:, 0]
    if not np.isfinite(observed).all():
        raise FitError(
            f"The fit of a peak at {mass:g} has no solution for each of the {len(widths)} widths."
        )
    best = int(np.argmax(observed))
    return _compare(float(observed[best]), scan(toys).max(axis=0), float(widths[best]))


def _with_peaks(
    rate: Array,
    bounds: Array,
    mass: float,
    widths: Sequence[float],
    systematic: float,
    rng: np.random.Generator,
) -> Array:
    """Add a spurious peak to each toy, where needed shortened so that no rate is negative."""
    from bycatch.statistics.significance.gaussian import gaussian_shape  # noqa: PLC0415

    shapes = np.stack([gaussian_shape(bounds, mass, width) for width in widths])
    # the width of a spurious peak is not known either
    shape = shapes[rng.integers(len(widths), size=len(rate))]
    strength = systematic * rng.standard_normal(len(rate))
    lowest = -(rate / np.maximum(shape, 1e-300)).min(axis=1)
    # a little short of the edge: a rate of exactly zero forbids any event
    return np.asarray(rate + np.maximum(strength, 0.999 * lowest)[:, None] * shape)
