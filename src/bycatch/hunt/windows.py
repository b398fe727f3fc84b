"""The windows that a hunt lists: the best, others away from it, and their local significance."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from bycatch.hunt.histogram import Histogram
from bycatch.hunt.plan import FoundWindow, HuntPlan
from bycatch.hunt.smooth import Smooth
from bycatch.hunt.statistic import Scan
from bycatch.statistics.fits.poisson import fit_model
from bycatch.statistics.significance.global_p import global_p
from bycatch.statistics.significance.local import with_signal_column

Array = NDArray[np.float64]
Bools = NDArray[np.bool_]

_WORTH_LISTING = 0.32  # global p of a further window


def rounded(low: float, high: float) -> tuple[float, float]:
    """Return an interval without the rounding noise of computed edges (9.6, not 9.600000000001)."""
    return float(f"{low:.12g}"), float(f"{high:.12g}")


def found_windows(
    histogram: Histogram,
    found: Scan,
    smooth: Smooth,
    order: int,
    used: Bools,
    toys: Array,
    plan: HuntPlan,
) -> Iterator[FoundWindow]:
    """Yield the best window and further ones away from those before them.

    Parameters
    ----------
    histogram : Histogram
    found : Scan
        Of the data.
    smooth : Smooth
    order : int
        Of the data's background.
    used : ndarray of bool of shape (n_bins,)
        Bins of the background fit.
    toys : ndarray of shape (n_toys,)
        t of each toy.
    plan : HuntPlan

    Yields
    ------
    FoundWindow
        By rising BumpHunter p; after the best at most ``plan.n_windows``, global p below 0.32.
    """
    windows = found.windows
    bins = np.arange(windows.n_bins)
    taken = np.zeros(windows.n_bins, dtype=np.bool_)
    listed = 0
    for index in np.argsort(found.log_p, kind="stable"):
        inside = (bins >= windows.first[index]) & (bins < windows.last[index])
        if taken[inside].any():
            continue
        t = float(0.0 - found.log_p[index])
        overall = global_p(t, toys).p
        # the best window is listed whatever its p
        if listed > plan.n_windows or (listed > 0 and overall > _WORTH_LISTING):
            return
        listed += 1
        taken |= _neighbourhood(inside, ~used)
        p, z, expected, error = local_excess(histogram.counts, smooth, order, used, inside)
        sign = 1.0 if plan.mode == "excess" else -1.0
        yield FoundWindow(
            window=rounded(
                histogram.edges[windows.first[index]], histogram.edges[windows.last[index]]
            ),
            n_window=float(histogram.counts[inside].sum()),
            background=expected,
            background_error=error,
            local_p=p if sign > 0 else 1.0 - p,
            local_z=sign * z,
            bumphunter_t=t,
            global_p=overall,
        )


def _neighbourhood(inside: Bools, masked: Bools) -> Bools:
    """Return a window with the masked bins around it and half its width on each side.

    What touches a peak is its shoulder and no bump of its own.
    """
    run = inside | masked
    first, last = np.flatnonzero(inside)[[0, -1]]
    half = (last - first + 2) // 2  # half of the width in bins (last - first + 1), rounded up
    while first > 0 and run[first - 1]:
        first -= 1
    while last < run.size - 1 and run[last + 1]:
        last += 1
    near = np.zeros_like(inside)
    near[max(0, first - half) : last + 1 + half] = True
    return near


def local_excess(
    counts: Array, smooth: Smooth, order: int, used: Bools, inside: Bools
) -> tuple[float, float, float, float]:
    r"""Test one window by the profile likelihood ratio, other masks kept.

    Parameters
    ----------
    counts : ndarray of shape (n_bins,)
    smooth : Smooth
    order : int
    used : ndarray of bool of shape (n_bins,)
        Bins of the background fit.
    inside : ndarray of bool of shape (n_bins,)
        The window; it joins the test whether or not it is masked in `used`.

    Returns
    -------
    p, z : float
        One-sided, :math:`z = \mathrm{sign}(\hat\gamma) \sqrt{2 (l_1 - l_0)}`.
    background, background_error : float
        Events expected in the window from the bins outside of it.

    Raises
    ------
    FitError
        If a fit has no solution.

    References
    ----------
    arXiv:1007.1727, equation 12.
    """
    model = smooth.model(order)
    # the window takes part in null and alternative, and everything else that is masked in neither
    joint = used | inside
    null = fit_model(counts[None], model, joint).require()
    outside = fit_model(counts[None], model, used & ~inside).require()
    expected, error = outside.total(inside)
    if counts[inside].sum() > 0:
        free = fit_model(counts[None], with_signal_column(model, inside), joint).require()
        best, sign = free.loglike[0], np.sign(free.coef[0, 0])
    else:  # gamma runs to minus infinity, where the window adds nothing
        best, sign = outside.loglike[0], -1.0
    z = float(sign * np.sqrt(2.0 * max(best - null.loglike[0], 0.0)))
    return float(ndtr(-z)), z, float(expected[0]), float(error[0])
