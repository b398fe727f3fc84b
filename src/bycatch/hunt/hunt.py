"""`bycatch hunt`: the bump hunt on one histogram, from counts to a global p-value.

The procedure, the same for the data and for every toy:

1. fit the background to all bins outside of the user's masks, its order by likelihood ratio;
2. scan all windows with BumpHunter's statistic;
3. while a window free of masks has p below `HuntPlan.mask_level`, mask it and fit again: a large
   peak would bend the background and hide the others;
4. t is the largest -log p over all windows under the last fit.

The null hypothesis of the toys is the data's last fit. The local p of a found window is not
BumpHunter's p (which takes the background as known) but the profile likelihood ratio's.

References
----------
arXiv:1101.0390; masking the most significant window where the fit is poor: ATLAS di-jet searches,
for example arXiv:1703.09127, section 6.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bycatch.errors import ConfigError, FitError
from bycatch.hunt.histogram import Histogram
from bycatch.hunt.plan import HuntFit, HuntPlan, HuntResult
from bycatch.hunt.smooth import Smooth, choose_family
from bycatch.hunt.statistic import Windows, make_windows, scan, toy_statistics
from bycatch.hunt.windows import found_windows, rounded
from bycatch.statistics.background import Background
from bycatch.statistics.significance.global_p import global_p
from bycatch.tasks import Progress, SilentProgress
from bycatch.tasks.random import stream

Array = NDArray[np.float64]
Bools = NDArray[np.bool_]

_BLOCK = 500  # toys of one random stream
_MAX_MASKED = 0.5  # of the bins: beyond that there is no sideband left to speak of
_MAX_ROUNDS = 12
_MAX_FAILED = 0.01


@dataclass(frozen=True)
class Outcome:
    """The procedure's result for many spectra.

    Attributes
    ----------
    t : ndarray of shape (n_toys,)
        NaN where the background fit failed.
    rate : ndarray of shape (n_toys, n_bins)
        Background of the last fit.
    order : ndarray of int of shape (n_toys,)
    used : ndarray of bool of shape (n_toys, n_bins)
        Bins of the last fit.
    goodness : ndarray of shape (n_toys,)
        Asymptotic p-value of the last fit.
    """

    t: Array
    rate: Array
    order: NDArray[np.int64]
    used: Bools
    goodness: Array


def analyse(
    counts: Array, smooth: Smooth, windows: Windows, used: Bools, plan: HuntPlan
) -> Outcome:
    """Run the procedure (module docstring, steps 1 to 4) on many spectra.

    Parameters
    ----------
    counts : ndarray of shape (n_toys, n_bins)
    smooth : Smooth
    windows : Windows
        Without the user's masks.
    used : ndarray of bool of shape (n_bins,)
        False in the user's masks.
    plan : HuntPlan

    Returns
    -------
    Outcome
    """
    masks = np.repeat(used[None], len(counts), axis=0)
    first = smooth.fit(counts, masks)
    state = Outcome(np.full(len(counts), np.nan), first.rate, first.order, masks, first.goodness)
    good = np.flatnonzero(first.good)
    state.t[good], found = _statistics(counts[good], first.rate[good], windows, plan)
    # mask_level is a p-value, and t is -log p
    threshold = -np.log(plan.mask_level) if plan.mask_level > 0 else np.inf
    strong = state.t[good] > threshold
    active, found = good[strong], found[strong]
    # two bins more than the lowest order has parameters must remain
    least = max(int(np.ceil((1.0 - _MAX_MASKED) * used.sum())), smooth.orders[0] + 2)
    for _ in range(_MAX_ROUNDS):
        active, found = _mask(state.used, windows, active, found, least)
        if active.size == 0:
            break
        fit = smooth.fit(counts[active], state.used[active])
        state.rate[active], state.order[active] = fit.rate, fit.order
        state.goodness[active], state.t[active] = fit.goodness, np.nan
        active = active[fit.good]
        part, rate = counts[active], state.rate[active]
        # the statistic counts all windows, the masked ones too
        state.t[active] = _statistics(part, rate, windows, plan)[0]
        # what may be masked next lies outside of what is masked already
        t, found = _statistics(part, rate, windows, plan, excluded=~state.used[active])
        active, found = active[t > threshold], found[t > threshold]
    return state


def _statistics(
    counts: Array, rate: Array, windows: Windows, plan: HuntPlan, excluded: Bools | None = None
) -> tuple[Array, NDArray[np.intp]]:
    return toy_statistics(
        counts,
        rate,
        windows,
        mode=plan.mode,
        normalise=plan.normalise,
        veto=plan.veto,
        excluded=excluded,
    )


def _mask(
    used: Bools, windows: Windows, active: NDArray[np.intp], found: NDArray[np.intp], least: int
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Mask the found window of each active toy, in place; drop those with too few bins left."""
    bins = np.arange(windows.n_bins)
    inside = (bins >= windows.first[found][:, None]) & (bins < windows.last[found][:, None])
    masked = used[active] & ~inside
    enough = masked.sum(axis=1) >= least
    used[active[enough]] = masked[enough]
    return active[enough], found[enough]


def hunt(
    histogram: Histogram,
    plan: HuntPlan,
    progress: Progress | None = None,
) -> HuntResult:
    """Hunt for a bump.

    Parameters
    ----------
    histogram : Histogram
    plan : HuntPlan
    progress : Progress, optional
        Shows the toys.

    Returns
    -------
    HuntResult

    Raises
    ------
    FitError
        If the background of the data has no solution, or that of more than 1 % of the toys.
    ConfigError, DataError
        If the plan does not fit the histogram.
    """
    used = _used_bins(histogram, plan)
    windows = make_windows(histogram.n_bins, _widths(histogram, plan), used=used)
    family = plan.family
    if family == "auto":
        family = choose_family(histogram.edges, histogram.counts, plan.sqrt_s)
    smooth = Smooth.of(Background(family, histogram.edges, plan.sqrt_s, order=plan.order))
    data, smooth = _analyse_data(histogram, smooth, windows, used, plan)
    order = int(data.order[0])
    found = scan(
        histogram.counts,
        data.rate[0],
        windows,
        mode=plan.mode,
        normalise=plan.normalise,
        veto=plan.veto,
    )
    toys, goodness, failed = _throw(data, smooth, windows, used, plan, progress or SilentProgress())
    # the asymptotic p is only a statistic here: toys calibrate it
    below = np.count_nonzero(goodness <= data.goodness[0])
    fit = smooth.single(histogram.counts, data.used[0], order)
    return HuntResult(
        histogram=histogram,
        plan=plan,
        windows=tuple(found_windows(histogram, found, smooth, order, data.used[0], toys, plan)),
        global_p=global_p(found.t, toys),
        fit=HuntFit(
            family=family,
            order=order,
            coefficients=tuple(float(value) for value in fit.coef[0]),
            goodness_p=float((1 + below) / (1 + goodness.size)),
            range=rounded(histogram.edges[0], histogram.edges[-1]),
            masked=_ranges(histogram.edges, ~data.used[0]),
            status=_fit_status(failed, plan),
        ),
        rate=data.rate[0],
        rate_error=fit.rate_error()[0],
        scan=found,
        toys=toys,
    )


def _used_bins(histogram: Histogram, plan: HuntPlan) -> Bools:
    """Return which bins lie outside of the user's masks."""
    used = np.ones(histogram.n_bins, dtype=np.bool_)
    low, high = histogram.edges[:-1], histogram.edges[1:]
    # a mask that ends on an edge does not touch the next bin
    slack = 1e-9 * float(high[-1] - low[0])
    for start, stop in plan.mask:
        touched = (high > start + slack) & (low < stop - slack)
        if not start < stop or not touched.any():
            raise ConfigError(
                f"The mask {start:g} to {stop:g} covers no bin of {low[0]:g} to {high[-1]:g}:"
                " give its lower and its upper end in units of the axis."
            )
        used &= ~touched
    return used


def _widths(histogram: Histogram, plan: HuntPlan) -> tuple[int, ...]:
    if plan.widths is None:
        return tuple(range(2, max(5, histogram.n_bins // 8) + 1))
    if not plan.widths or min(plan.widths) < 1 or max(plan.widths) > histogram.n_bins // 2:
        raise ConfigError(
            f"Window widths must lie between 1 and half of the {histogram.n_bins} bins, but they"
            f" are {list(plan.widths)}."
        )
    return plan.widths


def _analyse_data(
    histogram: Histogram, smooth: Smooth, windows: Windows, used: Bools, plan: HuntPlan
) -> tuple[Outcome, Smooth]:
    """Analyse the data, iterate the within-bin shape, and analyse them again with it."""
    counts = histogram.counts
    # the within-bin shape comes from a fit with the final masks, which depend on the shape
    for last in (False, True):
        data = analyse(counts[None], smooth, windows, used, plan)
        order = int(data.order[0])
        smooth.single(counts, data.used[0], order)  # raises with the reason where it failed
        if not last:
            smooth = smooth.with_shape(counts, data.used[0], order)
    if not np.isfinite(data.t[0]):
        raise FitError("The background fit of the data failed: choose another family or range.")
    return data, smooth


def _throw(
    data: Outcome,
    smooth: Smooth,
    windows: Windows,
    used: Bools,
    plan: HuntPlan,
    progress: Progress,
) -> tuple[Array, Array, int]:
    """Return t and the goodness of fit of each toy, and how many fits failed.

    A toy whose fit failed counts as more extreme than the data: that can only raise global p.
    """
    if plan.toys < 1:
        raise ConfigError(f"A global p-value needs at least one toy, but --toys is {plan.toys}.")
    progress.stage("Hunting in toys", plan.toys)
    t, goodness = np.empty(plan.toys), np.empty(plan.toys)
    for block, start in enumerate(range(0, plan.toys, _BLOCK)):
        stop = min(start + _BLOCK, plan.toys)
        rng = stream(plan.seed, "hunt", block)
        # whole blocks are drawn and cut: toy 700 is the same whether 800 or 10,000 are asked for
        counts = rng.poisson(data.rate[0], size=(_BLOCK, windows.n_bins))[: stop - start]
        part = analyse(counts.astype(np.float64), smooth, windows, used, plan)
        t[start:stop], goodness[start:stop] = part.t, part.goodness
        progress.advance(stop - start)
    failed = int(np.count_nonzero(~np.isfinite(t)))
    # one failed toy is allowed however few there are
    if failed > max(1.0, _MAX_FAILED * plan.toys):
        raise FitError(
            f"The background fit failed in {failed} of {plan.toys} toys: use a lower order, a"
            " wider range or wider bins."
        )
    t[~np.isfinite(t)] = np.inf
    return t, np.nan_to_num(goodness), failed


def _fit_status(failed: int, plan: HuntPlan) -> str:
    if failed == 0:
        return "ok"
    return f"ok; the fit failed in {failed} of {plan.toys} toys, which count as more extreme"


def _ranges(edges: Array, chosen: Bools) -> tuple[tuple[float, float], ...]:
    """Return runs of chosen bins as ranges."""
    step = np.diff(np.concatenate([[0], chosen.astype(np.int8), [0]]))
    starts, stops = np.flatnonzero(step == 1), np.flatnonzero(step == -1)
    return tuple(rounded(edges[a], edges[b]) for a, b in zip(starts, stops, strict=True))
