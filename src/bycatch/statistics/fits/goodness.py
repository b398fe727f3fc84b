"""Goodness of fit by toys, and the range in which a family describes a spectrum."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bycatch.errors import FitError
from bycatch.statistics.background import Background
from bycatch.statistics.fits.background import get_family
from bycatch.statistics.fits.order import choose_order
from bycatch.statistics.fits.poisson import BatchFit, check_counts, fit_model
from bycatch.tasks.random import stream

_FAILED = 0.1  # largest fraction of toys whose fit may fail
_SPARE = 3  # bins that a suggested range has beyond the parameters


def goodness_of_fit(
    counts: ArrayLike, fit: BatchFit, *, n_toys: int = 1000, rng: np.random.Generator
) -> float:
    """Return the p-value of a fit from its Poisson deviance, by a parametric bootstrap.

    Toys are drawn from the fitted rates and fitted in the same way, so that neither small counts
    nor the fitted parameters need an asymptotic formula.

    Parameters
    ----------
    counts : array_like of shape (n_bins,)
        What was fitted.
    fit : BatchFit
        The fit of `counts` alone; masked bins stay masked.
    n_toys : int
    rng : numpy.random.Generator

    Returns
    -------
    float
        (S + 1) / (N + 1) with S toys that fit at most as well.

    Raises
    ------
    FitError
        If the fit did not converge, or more than a tenth of the toys' fits.
    """
    table = check_counts(counts, fit.model.n_bins)
    if len(table) != 1 or len(fit.rate) != 1:
        raise FitError(f"Goodness of fit takes one spectrum at a time, but there are {len(table)}.")
    fit.require()
    toys = rng.poisson(fit.rate[0], size=(n_toys, fit.model.n_bins)).astype(np.float64)
    # the same masked bins: toys must have the same freedom as the data
    again = fit_model(toys, fit.model, fit.mask if fit.mask.ndim == 1 else fit.mask[0])
    deviance = again.deviance[again.converged]
    if len(deviance) < (1.0 - _FAILED) * n_toys:
        raise FitError(
            f"Only {len(deviance)} of {n_toys} toys of the fit could be fitted again "
            f"({again.reason}), so its goodness of fit is unknown; use a lower order."
        )
    observed = fit.deviance[0]
    # ties count as worse, and toys of few events tie up to rounding
    worse = int((deviance >= observed - 1e-9 * abs(observed)).sum())
    return (worse + 1) / (len(deviance) + 1)


def suggest_fit_range(
    counts: ArrayLike,
    background: Background,
    *,
    order: int | None = None,
    level: float = 0.05,
    n_toys: int = 400,
    rng: np.random.Generator | None = None,
) -> tuple[float, float] | None:
    """Find the widest range, shortened from below, in which a family describes a spectrum.

    A trigger or a cut on a jet's momentum turns a spectrum on, and no falling function describes
    that. If no lower end helps, the range is shortened from above instead.

    Parameters
    ----------
    counts : array_like of shape (n_bins,)
        The unselected spectrum.
    background : Background
        On the whole range.
    order : int, optional
        Number of parameters; chosen by likelihood ratio in each range if not given.
    level : float
        Smallest acceptable goodness of fit.
    n_toys : int
    rng : numpy.random.Generator, optional
        A fixed stream if not given.

    Returns
    -------
    tuple of float, or None
        Lower and upper end; None where no range of at least half of the bins works.
    """
    bounds = background.edges
    table = background.counts(counts)[0]
    generator = stream(0, "suggest_fit_range") if rng is None else rng
    longest = get_family(background.family).orders[0] if order is None else order
    n_bins = len(table)
    least = max(longest + _SPARE, n_bins // 2)
    candidates = [(low, n_bins) for low in range(n_bins - least + 1)]
    candidates += [(0, high) for high in range(n_bins - 1, least - 1, -1)]
    for low, high in candidates:
        part = replace(background, edges=bounds[low : high + 1])
        if _describes(table[low:high], part, order, level, n_toys, generator):
            return float(bounds[low]), float(bounds[high])
    return None


def _describes(
    counts: NDArray[np.float64],
    background: Background,
    order: int | None,
    level: float,
    n_toys: int,
    rng: np.random.Generator,
) -> bool:
    """Say whether a family describes a spectrum at the given level."""
    if order is None:
        order = int(choose_order(counts, background)[0])
    fit = background.fit(counts, order)
    if not fit.converged[0]:
        return False
    # ten standard deviations of the deviance above its mean: no toys are needed to say no
    freedom = len(counts) - order
    if fit.deviance[0] > freedom + 10.0 * np.sqrt(2.0 * freedom) + 10.0:
        return False
    try:
        return goodness_of_fit(counts, fit, n_toys=n_toys, rng=rng) >= level
    except FitError:
        return False
