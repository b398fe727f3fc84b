"""Null spectra of all looks together, with the events that the looks share.

A toy for the global p-value must be null, so it cannot be a resampling of the data (a copy of
their bump), and it must share events between looks as the data do. Here events are split by the
set of looks that select them, their overlap pattern. These sets are disjoint, so the counts of
pattern k in bin b are independent Poisson numbers with means rate[k, b], and a look is the sum of
its patterns:

    n_look[b] = sum over patterns k in the look of n_k[b].

The means come in three steps. (1) A pattern with many events gets a smooth spectrum of its own,
a low-order fit; the others share the shape of all events and keep their observed frequencies.
(2) Each look's null spectrum is a smooth fit to its own counts. The window of the strongest
excess is masked in every fit, and no event in it counts. (3) Rates are scaled, bin by bin and
look by look, until every look's sum of patterns equals its null spectrum (iterative proportional
fitting: of all tables with these margins the one nearest to the start in relative entropy).

References
----------
Csiszar, Ann. Probab. 3 (1975) 146 (iterative proportional fitting as I-projection).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from bycatch.errors import DataError
from bycatch.statistics.background import Background
from bycatch.statistics.fits.background import get_family
from bycatch.statistics.fits.order import planned_orders
from bycatch.statistics.significance.local import window_bins
from bycatch.statistics.significance.patterns import Patterns

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

OWN_FIT = 200
"""Events from which a pattern gets a smooth spectrum of its own."""
LOOK_FIT = 50
"""Events from which a look's null spectrum is its own fit; below, the shape of all events."""
MOST_PATTERNS = 20_000
"""Above this number of patterns the rarest are thinned at random, which leaves their overlaps."""
COMMON = 20
"""Events from which a pattern is drawn by itself; the rarer ones are drawn together."""
_CYCLES = 200
_TOLERANCE = 0.01
_ROOM = 0.98
_SANE = 3.0


class LookLike(Protocol):
    """Anything that says which window it looks at, for example a `Look` or a look's key."""

    @property
    def window(self) -> tuple[float, float]:
        """Lower and upper edge."""


def build_patterns(
    selected: Bools,
    mass: Floats,
    background: Background,
    looks: Sequence[LookLike],
    *,
    masked_window: tuple[float, float] | None = None,
    weight: Floats | None = None,
    seed: int = 0,
) -> Patterns:
    """Split events into overlap patterns and give each its null spectrum.

    Parameters
    ----------
    selected : ndarray of bool, of shape (n_looks, n_events)
        Which look selects which event.
    mass : ndarray of shape (n_events,)
        The resonant feature; events outside of the background's edges are ignored.
    background : Background
        On the fit range's binning, with the order of the looks' null spectra.
    looks : sequence of objects with a ``window``
    masked_window : tuple of float, optional
        The window of the strongest excess: fits leave it out, so that no toy copies a bump.
    weight : ndarray of shape (n_events,), optional
        Signed weights.
    seed : int
        Seed of the random thinning of rare patterns.

    Returns
    -------
    Patterns

    Raises
    ------
    DataError
        Where no look selects an event outside of the masked window.
    """
    edge, n_bins = background.edges, background.n_bins
    used = np.ones(n_bins, dtype=bool)
    if masked_window is not None:
        used &= ~window_bins(edge, masked_window)
    inside = (mass >= edge[0]) & (mass < edge[-1])
    bins = np.searchsorted(edge, mass[inside], side="right") - 1
    w = np.ones(bins.size) if weight is None else np.asarray(weight, dtype=np.float64)[inside]
    picked = selected[:, inside]
    spectra = _Spectra(background, used)
    shape = spectra.shape(_histogram(bins, w, n_bins), _histogram(bins, w * w, n_bins))
    sums = np.array([_histogram(bins[row], w[row], n_bins) for row in picked])
    squares = np.array([_histogram(bins[row], w[row] ** 2, n_bins) for row in picked])
    look_scale = _scale(sums, squares)
    # negative weights may leave a bin below zero, which no Poisson fit takes
    null = spectra.nulls(np.maximum(sums * look_scale[:, None], 0.0), shape)
    # what no look selects needs no toy, and nothing inside of the strongest window may be copied
    kept = used[bins] & picked.any(axis=0)
    if not kept.any():
        raise DataError(
            "No selected event lies outside of the window of the strongest excess, so there is "
            "nothing to build toys from: loosen the working points."
        )
    member, code = _codes(picked[:, kept])
    start = _start(code, bins[kept], w[kept], member.shape[0], spectra, shape, seed)
    member = member[start.pattern]  # the patterns were sorted and thinned: their looks follow
    # back to sums of weights: that is what looks share
    target = _nested(null / look_scale[:, None], member)
    deviation = _fit_margins(start.rate, start.weight, member, target)
    return Patterns(
        edges=edge,
        windows=np.array([look.window for look in looks], dtype=np.float64).reshape(-1, 2),
        member=member,
        rate=start.rate,
        weight=start.weight,
        look_scale=look_scale,
        n_common=start.n_common,
        null=null,
        deviation=deviation,
    )


@dataclass(frozen=True)
class _Spectra:
    """Smooth fits of spectra in the used bins, with a fallback that is smooth as well."""

    background: Background
    used: Bools

    def shape(self, sums: Floats, squares: Floats) -> Floats:
        """Return the spectrum of all events, normalised in the used bins, of shape (n_bins,)."""
        counts = np.maximum(sums[None] * _scale(sums[None], squares[None]), 0.0)
        order = int(planned_orders(counts, self.background, ~self.used)[0])
        fit = self.background.fit(counts, order, self.used).require()
        rate = fit.rate[0]
        return np.asarray(rate / rate[self.used].sum())

    def nulls(self, counts: Floats, shape: Floats) -> Floats:
        """Return the null spectrum of each look from its own counts, (n_looks, n_bins)."""
        null = np.outer(counts[:, self.used].sum(axis=1), shape)
        rich = np.flatnonzero(counts[:, self.used].sum(axis=1) >= LOOK_FIT)
        if rich.size:
            orders = planned_orders(counts[rich], self.background, ~self.used)
            for order in np.unique(orders):
                rows = rich[orders == order]
                self._replace(null, rows, counts[rows], int(order))
        return null

    def own(self, counts: Floats, shape: Floats) -> Floats:
        """Return low-order smooth spectra of patterns, (n_patterns, n_bins)."""
        smooth = np.outer(counts[:, self.used].sum(axis=1), shape)
        if counts.shape[0]:
            lowest = get_family(self.background.family).orders[0]
            self._replace(smooth, np.arange(counts.shape[0]), counts, lowest)
        return smooth

    def _replace(self, smooth: Floats, rows: NDArray[np.intp], counts: Floats, order: int) -> None:
        """Put fits in the place of the scaled shape where they have a sane solution."""
        fit = self.background.fit(counts, order, self.used)
        extra = fit.rate[:, ~self.used].sum(axis=1)
        before = smooth[rows][:, ~self.used].sum(axis=1)
        # A window at the end of the range is an extrapolation, which few events do not determine.
        sane = fit.converged & (extra <= _SANE * before) & (extra >= before / _SANE)
        smooth[rows[sane]] = fit.rate[sane]


@dataclass(frozen=True)
class _Start:
    """Patterns before the margins are fitted, the common ones first."""

    pattern: NDArray[np.intp]
    rate: Floats
    weight: Floats
    n_common: int


def _start(
    code: NDArray[np.int64],
    bins: NDArray[np.intp],
    w: Floats,
    n_patterns: int,
    spectra: _Spectra,
    shape: Floats,
    seed: int,
) -> _Start:
    n = np.bincount(code, minlength=n_patterns)
    total, square = np.bincount(code, w, n_patterns), np.bincount(code, w * w, n_patterns)
    common = np.flatnonzero((n >= COMMON) & (total > 0))
    common = common[np.argsort(-n[common], kind="stable")]
    rare = np.setdiff1d(np.arange(n_patterns), common)
    room = max(MOST_PATTERNS - common.size, 1)
    thinning = max(1.0, rare.size / room)
    if thinning > 1:
        rare = np.sort(np.random.default_rng(seed).choice(rare, room, replace=False))
    # Single events of a rare pattern may have any weight; together they have an effective one.
    rare_total, rare_square = total[rare].sum(), square[rare].sum()
    rare_weight = rare_square / rare_total if rare_total > 0 else 1.0
    weight = np.concatenate([square[common] / total[common], np.full(rare.size, rare_weight)])
    effective = np.concatenate([total[common], thinning * np.maximum(total[rare], 0.0)]) / weight
    rate = effective[:, None] * shape
    own = common[n[common] >= OWN_FIT]
    position = np.full(n_patterns, -1)
    position[own] = np.arange(own.size)
    mine = position[code] >= 0
    cell = position[code[mine]] * shape.size + bins[mine]
    sums = np.bincount(cell, w[mine], own.size * shape.size).reshape(own.size, shape.size)
    rate[: own.size] = spectra.own(np.maximum(sums, 0.0) / weight[: own.size, None], shape)
    return _Start(np.concatenate([common, rare]), rate, weight, common.size)


def _histogram(bins: NDArray[np.intp], w: Floats, n_bins: int) -> Floats:
    return np.asarray(np.bincount(bins, w, n_bins), dtype=np.float64)


def _scale(sums: Floats, squares: Floats) -> Floats:
    """Return sum w / sum w^2 per row: what makes a weighted spectrum Poisson-like."""
    total, square = sums.sum(axis=1), squares.sum(axis=1)
    return np.asarray(np.where((total > 0) & (square > 0), total / np.maximum(square, 1e-300), 1.0))


def _codes(selected: Bools) -> tuple[Bools, NDArray[np.int64]]:
    """Return the distinct columns of `selected` as rows, and which of them each event has."""
    n_looks, n_events = selected.shape
    code = np.zeros(n_events, dtype=np.int64)
    for low in range(0, n_looks, 32):
        part = selected[low : low + 32].astype(np.int64)
        bits = np.einsum("le,l->e", part, np.int64(1) << np.arange(part.shape[0], dtype=np.int64))
        # Codes stay below 2^31 and bits below 2^32, so that together they fit 63 bits.
        # renumbered after each 32 looks, so that any number of looks fits 63 bits
        code = np.unique((code << 32) | bits, return_inverse=True)[1]
    first = np.unique(code, return_index=True)[1]
    return np.ascontiguousarray(selected[:, first].T), code


def _nested(target: Floats, member: Bools) -> Floats:
    """Keep a look that is part of another below it in every bin, where two fits may cross."""
    m = member.astype(np.float64)
    overlap = m.T @ m
    size = np.diag(overlap)
    result = target.copy()
    for tight in np.argsort(-size, kind="stable"):
        wider = np.flatnonzero((overlap[tight] == size[tight]) & (size > size[tight]))
        if wider.size and size[tight]:
            # a little below, so that the patterns of the rest keep a positive rate
            result[tight] = np.minimum(result[tight], _ROOM * result[wider].min(axis=0))
    return result


def _fit_margins(rate: Floats, weight: Floats, member: Bools, target: Floats) -> float:
    """Scale rates in place until each look's sum of patterns is its target; return the rest."""
    rows = [np.flatnonzero(column) for column in member.T]
    # each scaling disturbs the others a little and the last is exact: the smallest looks come last
    looks = [i for i in np.argsort([-r.size for r in rows], kind="stable") if rows[i].size]
    # a deviation counts in units of what a toy would fluctuate by
    error = np.sqrt(np.maximum(target, 1.0))
    worst = np.inf
    for _ in range(_CYCLES):
        worst = 0.0
        for i in looks:
            present = weight[rows[i]] @ rate[rows[i]]
            worst = max(worst, float(np.max(np.abs(present - target[i]) / error[i])))
            # a bin without any pattern cannot be scaled
            factor = np.divide(target[i], present, out=np.ones_like(present), where=present > 0)
            rate[rows[i]] *= factor
        if worst < _TOLERANCE:
            break
    return worst
