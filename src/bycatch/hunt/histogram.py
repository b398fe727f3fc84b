"""The histogram that a hunt looks at (`bycatch.hunt.inputs` reads it).

A hunt needs counts that fluctuate like Poisson numbers. Weighted bins (sum of weights v, variance
V) are turned into effective counts v * k with one k = sum v / sum V, Kish's scale: their relative
error is then that of a count, on average over the bins.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bycatch.errors import DataError

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Histogram:
    """Counts of adjacent bins.

    Attributes
    ----------
    edges : ndarray of shape (n_bins + 1,)
        Rising, in units of `label`.
    counts : ndarray of shape (n_bins,)
        Events, or effective events for a weighted histogram.
    scale : float
        Effective events per unit of weight (1: unweighted).
    label : str
        Name of the axis.
    source : str
        Where it came from, for the report.
    notes : tuple of str
        What was assumed or noticed, in sentences.
    """

    edges: Array
    counts: Array
    scale: float
    label: str
    source: str
    notes: tuple[str, ...] = ()

    @property
    def n_bins(self) -> int:
        """Number of bins."""
        return int(self.counts.shape[0])

    @property
    def weighted(self) -> bool:
        """Whether the counts are effective ones."""
        return self.scale != 1.0 or bool(np.any(self.counts != np.rint(self.counts)))

    def within(self, low: float, high: float) -> Histogram:
        """Return the bins that lie entirely inside [low, high].

        Raises
        ------
        DataError
            If fewer than three bins do.
        """
        slack = 1e-9 * float(self.edges[-1] - self.edges[0])
        inside = (self.edges[:-1] >= low - slack) & (self.edges[1:] <= high + slack)
        index = np.flatnonzero(inside)
        if index.size < 3:
            raise DataError(
                f"The range {low:g} to {high:g} holds {index.size} whole bins of {self.source},"
                f" which covers {self.edges[0]:g} to {self.edges[-1]:g}: choose a wider range."
            )
        edges = self.edges[index[0] : index[-1] + 2]
        notes = self.notes
        if abs(edges[0] - low) > slack or abs(edges[-1] - high) > slack:
            notes = (
                *notes,
                f"The range was narrowed to whole bins: {edges[0]:g} to {edges[-1]:g}.",
            )
        return replace(self, edges=edges, counts=self.counts[index], notes=notes)


def make_histogram(
    edges: ArrayLike,
    values: ArrayLike,
    *,
    variances: ArrayLike | None = None,
    label: str = "mass",
    source: str = "the histogram",
    notes: tuple[str, ...] = (),
) -> Histogram:
    """Check a histogram and turn weighted bins into effective counts.

    Parameters
    ----------
    edges : array_like of shape (n_bins + 1,)
    values : array_like of shape (n_bins,)
        Events or sums of weights.
    variances : array_like of shape (n_bins,), optional
        Sums of squared weights; None for plain counts.
    label, source : str
        Names for messages and plots.
    notes : tuple of str

    Returns
    -------
    Histogram

    Raises
    ------
    DataError
        If edges do not rise, or a count is negative, not finite, or not whole although no
        variances are given.
    """
    bounds = np.asarray(edges, dtype=np.float64)
    counts = np.asarray(values, dtype=np.float64)
    if bounds.ndim != 1 or bounds.size != counts.size + 1 or counts.size < 3:
        raise DataError(
            f"{source} has {bounds.size} edges and {counts.size} counts, but a hunt needs at least"
            " 3 bins and one edge more than bins."
        )
    _check_numbers(bounds, counts, source)
    scale = 1.0
    if variances is not None:
        variance = np.asarray(variances, dtype=np.float64)
        if not np.isfinite(variance).all() or variance.min() < 0 or variance.sum() <= 0:
            raise DataError(f"{source} has variances that are negative, not finite or all zero.")
        if not np.allclose(variance, counts, rtol=1e-9, atol=1e-9):
            scale = float(counts.sum() / variance.sum())
            note = (
                f"Weighted bins: {counts.sum():.6g} weighted events stand for"
                f" {counts.sum() * scale:.6g} effective ones."
            )
            notes = (*notes, note)
    elif np.any(np.abs(counts - np.rint(counts)) > 1e-6 * np.maximum(1.0, counts)):
        where = int(np.argmax(np.abs(counts - np.rint(counts))))
        raise DataError(
            f"{source} holds {counts[where]:g} events in the bin from {bounds[where]:g}, which is"
            " no whole number: give the errors of weighted bins too, or the counts themselves."
        )
    else:
        counts = np.rint(counts)
    return Histogram(bounds, counts * scale, scale, label, source, notes)


def _check_numbers(edges: Array, counts: Array, source: str) -> None:
    if not np.isfinite(edges).all() or not np.isfinite(counts).all():
        bad = int(np.count_nonzero(~np.isfinite(edges)) + np.count_nonzero(~np.isfinite(counts)))
        raise DataError(
            f"{source} has {bad} NaN or infinite edges or counts: repair or remove these bins."
        )
    if not (np.diff(edges) > 0).all():
        where = int(np.argmin(np.diff(edges)))
        raise DataError(
            f"The edges of {source} must rise, but {edges[where]:g} is followed by"
            f" {edges[where + 1]:g}."
        )
    if (counts < 0).any():
        where = int(np.argmin(counts))
        raise DataError(
            f"{source} has a negative count ({counts[where]:g} in the bin from {edges[where]:g}):"
            " use wider bins where negative weights prevail."
        )
    if counts.sum() <= 0:
        raise DataError(f"{source} is empty: check the range and the cuts.")
