"""Selected spectra: how they are binned for the fits, and how they are shown.

All spectra of a run share one binning, which has the edges of every window. Windows that overlap
leave slivers in it: right for the fits, unreadable in a figure. Shown spectra keep the edges of
their own window and merge what is left of a regular bin into its neighbour.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from bycatch.search.result import Spectrum
from bycatch.search.sample import Sample
from bycatch.statistics.fits.poisson import BatchFit

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]

SLIVER = 0.6
"""Bins narrower than this fraction of the median bin are merged."""


@dataclass(frozen=True)
class LookKey:
    """What names a look."""

    method: str
    window: tuple[float, float]
    working_point: float

    def __str__(self) -> str:
        low, high = self.window
        return f"{self.method} at {self.working_point:g} in [{low:g}, {high:g}]"


@dataclass(frozen=True)
class SelectedSpectrum:
    """Selected events of one look, binned over the fit range.

    Attributes
    ----------
    key : LookKey
    counts, variances : ndarray of shape (n_bins,)
        Sums of weights and of squared weights.
    efficiency, efficiency_error : float
    status : str
        ``ok``, or why nothing was selected.
    """

    key: LookKey
    counts: Floats
    variances: Floats
    efficiency: float
    efficiency_error: float
    status: str = "ok"

    @property
    def scale(self) -> float:
        """Sum of weights over sum of squared weights: times it, counts are Poisson-like."""
        squares = float(self.variances.sum())
        return float(self.counts.sum()) / squares if squares > 0 else 1.0


def spectrum_of(
    sample: Sample,
    selected: Mask,
    edges: Floats,
    key: LookKey,
    efficiency: tuple[float, float] = (1.0, 0.0),
    status: str = "ok",
) -> SelectedSpectrum:
    """Histogram the selected events with their weights.

    Parameters
    ----------
    sample : Sample
    selected : ndarray of shape (n_events,)
    edges : ndarray of shape (n_bins + 1,)
    key : LookKey
    efficiency : tuple of float
        Achieved efficiency and its error.
    status : str

    Returns
    -------
    SelectedSpectrum
    """
    counts, _ = np.histogram(sample.mass[selected], edges, weights=sample.weight[selected])
    squares, _ = np.histogram(sample.mass[selected], edges, weights=sample.weight[selected] ** 2)
    return SelectedSpectrum(key, counts, squares, efficiency[0], efficiency[1], status)


def without_negative_bins(
    selected: SelectedSpectrum, edges: Floats
) -> tuple[SelectedSpectrum, Floats]:
    """Merge bins whose sum of signed weights is negative with a neighbour.

    No Poisson model describes a negative count. A bin is merged on its own side of the window's
    edges, with the neighbour that has fewer events, until no bin is negative.

    Parameters
    ----------
    selected : SelectedSpectrum
    edges : ndarray of shape (n_bins + 1,)

    Returns
    -------
    selected : SelectedSpectrum
        As given where no bin is negative, or none can be merged.
    edges : ndarray
    """
    kept = list(edges)
    counts, variances = list(selected.counts), list(selected.variances)
    # these edges must stay, or the window would change
    fixed = {kept[0], kept[-1], *selected.key.window}
    while min(counts) < 0:
        pairs = [
            (low, low + 1)
            for low in range(len(counts) - 1)
            if min(counts[low : low + 2]) < 0 and kept[low + 1] not in fixed
        ]
        if not pairs:  # nothing left to merge: the caller refuses the negative bin
            return selected, edges
        low, high = min(pairs, key=lambda pair: variances[pair[0]] + variances[pair[1]])
        counts[low : high + 1] = [counts[low] + counts[high]]
        variances[low : high + 1] = [variances[low] + variances[high]]
        del kept[high]
    if len(kept) == edges.size:
        return selected, edges
    merged = replace(selected, counts=np.array(counts), variances=np.array(variances))
    return merged, np.array(kept)


def shown_edges(edges: Floats, window: tuple[float, float]) -> Floats:
    """Return the edges to show a spectrum with.

    Parameters
    ----------
    edges : ndarray of shape (n_bins + 1,)
        The common binning.
    window : tuple of float
        The spectrum's own window, whose edges stay.

    Returns
    -------
    ndarray
        A subset of `edges`; ends and window edges stay, and no other edge leaves a bin much
        narrower than the median bin.
    """
    kept = list(edges)
    fixed = {edges[0], edges[-1], *window}
    smallest = SLIVER * float(np.median(np.diff(edges)))
    while True:
        widths = np.diff(kept)
        slivers = (i for i in np.argsort(widths, kind="stable") if widths[i] < smallest)
        ends = ([end for end in (i, i + 1) if kept[end] not in fixed] for i in slivers)
        movable = next((pair for pair in ends if pair), None)
        if movable is None:
            return np.array(kept)
        merged = [kept[end + 1] - kept[end - 1] for end in movable]
        del kept[movable[int(np.argmin(merged))]]


def shown_spectrum(
    selected: SelectedSpectrum, edges: Floats, fit: BatchFit | None, *, inclusive: bool = False
) -> Spectrum:
    """Return a spectrum with its fit as the report shows it.

    Parameters
    ----------
    selected : SelectedSpectrum
    edges : ndarray of shape (n_bins + 1,)
    fit : BatchFit or None
        Fit of the scaled counts; None where it failed.
    inclusive : bool
        The spectrum before any selection, which belongs to no window.

    Returns
    -------
    Spectrum
    """
    shown = shown_edges(edges, selected.key.window)
    of_bin = np.searchsorted(shown, edges[:-1], side="right") - 1
    n_shown = shown.size - 1
    counts = np.bincount(of_bin, selected.counts, n_shown)
    variances = np.bincount(of_bin, selected.variances, n_shown)
    rate = error = None
    if fit is not None:
        totals = [fit.total(of_bin == index) for index in range(n_shown)]
        rate = tuple(float(value[0]) / selected.scale for value, _ in totals)
        error = tuple(float(value[0]) / selected.scale for _, value in totals)
    return Spectrum(
        method=selected.key.method,
        window=None if inclusive else selected.key.window,
        working_point=selected.key.working_point,
        edges=tuple(shown.tolist()),
        counts=tuple(counts.tolist()),
        errors=tuple(np.sqrt(variances).tolist()),
        fit=rate,
        fit_error=error,
    )
