"""Null pseudo-experiments: fresh data without a signal, and the search's procedure on them.

A pseudo-experiment is a Poisson number of events whose masses follow the smooth fitted density
and whose features are drawn without replacement from signal-free events. It is never a shuffle of
one spectrum (which would fix the spectrum's fluctuations) and never holds a copy of an event
(which could stand in two folds). Mass and features are independent, so whatever is found is
statistical: what training and scoring on shared folds add to the Poisson spread.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bycatch.errors import DataError, FitError
from bycatch.search.densities import distinct, fit_density, plan_densities
from bycatch.search.folds import assign_folds
from bycatch.search.plan import SearchPlan
from bycatch.search.sample import Sample
from bycatch.search.scored import score_window
from bycatch.search.selection import select
from bycatch.statistics.background import Background
from bycatch.statistics.fits.background import get_family
from bycatch.statistics.fits.order import choose_order, planned_orders
from bycatch.statistics.region import Region
from bycatch.statistics.significance.inclusive import with_least_order
from bycatch.statistics.significance.local import window_bins, window_excess
from bycatch.statistics.significance.overlaps import build_patterns
from bycatch.statistics.significance.spurious import spurious_signal
from bycatch.statistics.significance.toys import merge_blocks, toy_block
from bycatch.tasks.random import child_seed, stream

Floats = NDArray[np.float64]

FIELDS = (
    "r",
    "plain_r",
    "background",
    "systematic",
    "n_window",
    "n_selected",
    "efficiency",
    "order",
)
"""What is kept of each look: r as the search computes it, and r without the systematic."""
_GRID = 4001
_ROOM = 5.0
"""Standard deviations of the Poisson number that the pool must hold."""


@dataclass(frozen=True)
class MassDensity:
    """A smooth density of the mass as a table.

    Attributes
    ----------
    mass : ndarray of shape (n,)
        Grid over the fit range.
    cumulative : ndarray of shape (n,)
        From 0 to 1.
    order : int
        Parameters of the fit that it came from.
    """

    mass: Floats
    cumulative: Floats
    order: int

    def draw(self, rng: np.random.Generator, n: int) -> Floats:
        """Draw masses by inversion."""
        return np.asarray(np.interp(rng.random(n), self.cumulative, self.mass))

    def fractions(self, edges: Floats) -> Floats:
        """Return the probability of each bin."""
        return np.asarray(np.diff(np.interp(edges, self.mass, self.cumulative)))


@dataclass(frozen=True)
class Look:
    """Only a window: what `build_patterns` asks for."""

    window: tuple[float, float]


def smooth_density(counts: Floats, background: Background) -> MassDensity:
    """Fit the unselected spectrum and return its density.

    Parameters
    ----------
    counts : ndarray of shape (n_bins,)
        Signal-free events, not negative.
    background : Background

    Returns
    -------
    MassDensity

    Raises
    ------
    FitError
        Where the fit has no solution.
    """
    order, edges = background.order, background.edges
    if order == "auto":
        order = int(choose_order(counts, background)[0])
    fit = background.fit(counts, order).require()
    grid = np.linspace(edges[0], edges[-1], _GRID)
    span = (float(edges[0]), float(edges[-1]))
    log = get_family(background.family).matrix(grid, order, background.sqrt_s, span) @ fit.coef[0]
    # the norm cancels below; minus the maximum, nothing overflows
    density = np.exp(log - log.max())
    cumulative = np.concatenate([[0.0], np.cumsum((density[1:] + density[:-1]) / 2.0)])
    return MassDensity(grid, cumulative / cumulative[-1], order)


def largest_mean(n_pool: int) -> float:
    """Return the largest mean number of events that a pool can serve without replacement."""
    # solves mean + 5 sqrt(mean) = n_pool for the root of the mean
    root = (-_ROOM + np.sqrt(_ROOM**2 + 4.0 * n_pool)) / 2.0
    return float(max(root, 0.0) ** 2)


def draw_sample(
    pool: Sample, density: MassDensity, mean: float, rng: np.random.Generator
) -> Sample:
    """Draw one pseudo-experiment.

    Parameters
    ----------
    pool : Sample
        Signal-free events; their masses are not used.
    density : MassDensity
    mean : float
        Mean of the Poisson number of events.
    rng : numpy.random.Generator

    Returns
    -------
    Sample

    Raises
    ------
    DataError
        Where the pool holds fewer events than were asked for.
    """
    n = int(rng.poisson(mean))
    if n > len(pool):
        raise DataError(
            f"A pseudo-experiment of {n} events needs as many signal-free events, but there are "
            f"{len(pool)}: use a smaller number of events per pseudo-experiment."
        )
    # no event twice: copies could stand in two folds
    rows = rng.choice(len(pool), size=n, replace=False)
    label = None if pool.label is None else pool.label[rows]
    return Sample(density.draw(rng, n), pool.X[rows], pool.weight[rows], label, pool.features)


def fit_selected(
    counts: Floats, background: Background, window: tuple[float, float]
) -> dict[str, Floats]:
    """Test the spectra of one window as the search does.

    Parameters
    ----------
    counts : ndarray of shape (n_spectra, n_bins)
        Effective counts.
    background : Background
    window : tuple of float

    Returns
    -------
    dict
        ``r``, ``plain_r``, ``background`` and ``systematic`` of shape (n_spectra,), NaN where a
        fit failed.
    """
    n = counts.shape[0]
    result = {name: np.full(n, np.nan) for name in FIELDS[:4]}
    inside = window_bins(background.edges, window)
    good = np.flatnonzero((counts.min(axis=1) >= 0) & (counts.sum(axis=1) > 0))
    if not good.size:
        return result
    orders = planned_orders(counts[good], background, inside)
    systematic = np.full(good.size, np.nan)
    for i, row in enumerate(good):
        try:
            systematic[i] = spurious_signal(counts[row], background, int(orders[i]), window)
        except FitError:
            continue  # the search has no number for such a look either
    plain = window_excess(counts[good], background, window, orders)
    result["plain_r"][good] = np.where(plain.converged, plain.r, np.nan)
    result["background"][good] = plain.background
    result["systematic"][good] = systematic
    known = np.isfinite(systematic)
    rows = good[known]
    if rows.size:
        full = window_excess(counts[rows], background, window, orders[known], systematic[known])
        result["r"][rows] = np.where(full.converged, full.r, np.nan)
    return result


def pseudo_task(
    paths: dict[str, str],
    density: MassDensity,
    mean: float,
    regions: Sequence[Region],
    edges: Floats,
    plan: SearchPlan,
    toys: int,
    first: int,
    n: int,
    apart: Sequence[Region] = (),
) -> dict[str, NDArray[Any]]:
    """Run a block of pseudo-experiments: a task of the pool.

    Parameters
    ----------
    paths : dict of str
        Arrays of the pool: ``X``, ``weight``.
    density : MassDensity
    mean : float
        Mean number of events.
    regions : sequence of Region
    edges : ndarray of shape (n_bins + 1,)
    plan : SearchPlan
    toys : int
        Toys for the global p-value of each pseudo-experiment; 0: none.
    first, n : int
        Indices of the block's experiments: first, ..., first + n - 1. An index names its stream.
    apart : sequence of Region
        Windows of the search's closure test: its densities are learned for these as well.

    Returns
    -------
    dict
        `FIELDS` of shape (n, n_windows, n_methods, n_working_points), and ``maxima`` of shape
        (n, toys).
    """
    columns = {name: np.load(Path(path), mmap_mode="r") for name, path in paths.items()}
    X, weight = columns["X"], columns["weight"]
    label = np.zeros(X.shape[0], dtype=np.int8)
    names = tuple(name for name in plan.features)
    pool = Sample(np.zeros(X.shape[0]), X, weight, label, names)
    parts = []
    for index in range(first, first + n):
        sample = draw_sample(pool, density, mean, stream(plan.seed, "pseudo-experiment", index))
        parts.append(_experiment(sample, regions, apart, edges, plan, toys, index))
    return {name: np.stack([part[name] for part in parts]) for name in parts[0]}


def _experiment(
    sample: Sample,
    regions: Sequence[Region],
    apart: Sequence[Region],
    edges: Floats,
    plan: SearchPlan,
    toys: int,
    index: int,
) -> dict[str, Floats]:
    """Score, select and fit one pseudo-experiment."""
    shape = (len(regions), len(plan.methods), len(plan.working_points))
    table = {name: np.full(shape, np.nan) for name in FIELDS}
    seed = child_seed(plan.seed, "pseudo-experiment", index, "search")
    background = with_least_order(plan.background, sample.mass, sample.weight, edges, regions)
    table["order"][:] = background.min_order
    masks: list[NDArray[np.bool_]] = []
    folds = assign_folds(len(sample), plan.folds, seed)
    windows = (*regions, *apart)
    needed = plan_densities([(method, region) for region in windows for method in plan.methods])
    trained = {
        task.name: fit_density(sample, task, folds, seed)
        for task in distinct(needed)
        if any(region.window in task.windows for region in regions)
    }
    for i, region in enumerate(regions):
        for j, method in enumerate(plan.methods):
            task = needed.get((method.name, region.window))
            density = None if task is None else trained[task.name]
            scored = score_window(
                sample, region, method, folds, plan.members, seed, background=density
            )
            selection = select(scored, sample, region, None, plan.working_points, seed)
            masks.extend(selection.mask)
            counts, squares = _histograms(sample, selection.mask, edges)
            scale = _scale(counts, squares)
            fitted = fit_selected(counts * scale[:, None], background.on(edges), region.window)
            for name, values in fitted.items():
                table[name][i, j] = values
            inside = window_bins(edges, region.window)
            table["n_window"][i, j] = counts[:, inside].sum(axis=1)
            table["n_selected"][i, j] = counts.sum(axis=1)
            table["efficiency"][i, j] = selection.efficiency
    if toys:
        plan = plan.replace(background=background)
        table["maxima"] = _toys(
            sample, np.array(masks), background.on(edges), regions, plan, table, toys, index
        )
    return table


def _toys(
    sample: Sample,
    selected: NDArray[np.bool_],
    background: Background,
    regions: Sequence[Region],
    plan: SearchPlan,
    table: dict[str, Floats],
    toys: int,
    index: int,
) -> Floats:
    """Return the largest r of each toy, with the looks that have a number in the data."""
    per_window = len(plan.methods) * len(plan.working_points)
    looks = [Look(region.window) for region in regions for _ in range(per_window)]
    r, systematic = table["r"].ravel(), table["systematic"].ravel()
    fitted = np.flatnonzero(np.isfinite(r))
    if not fitted.size:
        return np.full(toys, np.nan)
    patterns = build_patterns(
        selected[fitted],
        sample.mass,
        background,
        [looks[i] for i in fitted],
        masked_window=looks[int(fitted[np.argmax(r[fitted])])].window,
        weight=sample.weight,
    )
    rng = stream(plan.seed, "pseudo-experiment", index, "toys")
    block = toy_block(patterns, plan.background, systematic[fitted], rng, toys)
    return merge_blocks([block.r]).maxima


def _histograms(sample: Sample, masks: NDArray[np.bool_], edges: Floats) -> tuple[Floats, Floats]:
    counts = [np.histogram(sample.mass[m], edges, weights=sample.weight[m])[0] for m in masks]
    squares = [np.histogram(sample.mass[m], edges, weights=sample.weight[m] ** 2)[0] for m in masks]
    return np.array(counts), np.array(squares)


def _scale(counts: Floats, squares: Floats) -> Floats:
    total, square = counts.sum(axis=1), squares.sum(axis=1)
    return np.asarray(np.divide(total, square, out=np.ones_like(total), where=square > 0))
