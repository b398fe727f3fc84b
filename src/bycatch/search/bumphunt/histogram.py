"""Histograms to hunt in: from a column of events, or from a file that holds one.

What to use when
    - `from_events`: events in any format that `bycatch.events` reads; streamed, so memory does not
      grow with the file.
    - `read_histogram`: a CSV table, a ROOT TH1 (``file.root:name``) or UHI JSON.

A hunt needs counts that fluctuate like Poisson numbers. Weighted bins (sum of weights v, variance
V) are turned into effective counts v * k with one k = sum v / sum V, Kish's scale: their relative
error is then that of a count, on average over the bins.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bycatch.errors import ConfigError, DataError, InputError, nearest

__all__ = ["Histogram", "from_events", "load_histogram", "make_histogram", "read_histogram"]

Array = NDArray[np.float64]

_BINS = 100


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
            message = (
                f"The range {low:g} to {high:g} holds {index.size} whole bins of {self.source},"
                f" which covers {self.edges[0]:g} to {self.edges[-1]:g}: choose a wider range."
            )
            raise DataError(message)
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
        message = (
            f"{source} has {bounds.size} edges and {counts.size} counts, but a hunt needs at least"
            " 3 bins and one edge more than bins."
        )
        raise DataError(message)
    _check_numbers(bounds, counts, source)
    scale = 1.0
    if variances is not None:
        variance = np.asarray(variances, dtype=np.float64)
        if not np.isfinite(variance).all() or variance.min() < 0 or variance.sum() <= 0:
            message = f"{source} has variances that are negative, not finite or all zero."
            raise DataError(message)
        if not np.allclose(variance, counts, rtol=1e-9, atol=1e-9):
            scale = float(counts.sum() / variance.sum())
            note = (
                f"Weighted bins: {counts.sum():.6g} weighted events stand for"
                f" {counts.sum() * scale:.6g} effective ones."
            )
            notes = (*notes, note)
    elif np.any(np.abs(counts - np.rint(counts)) > 1e-6 * np.maximum(1.0, counts)):
        where = int(np.argmax(np.abs(counts - np.rint(counts))))
        message = (
            f"{source} holds {counts[where]:g} events in the bin from {bounds[where]:g}, which is"
            " no whole number: give the errors of weighted bins too, or the counts themselves."
        )
        raise DataError(message)
    else:
        counts = np.rint(counts)
    return Histogram(bounds, counts * scale, scale, label, source, notes)


def _check_numbers(edges: Array, counts: Array, source: str) -> None:
    if not np.isfinite(edges).all() or not np.isfinite(counts).all():
        bad = int(np.count_nonzero(~np.isfinite(edges)) + np.count_nonzero(~np.isfinite(counts)))
        message = (
            f"{source} has {bad} NaN or infinite edges or counts: repair or remove these bins."
        )
        raise DataError(message)
    if not (np.diff(edges) > 0).all():
        where = int(np.argmin(np.diff(edges)))
        message = (
            f"The edges of {source} must rise, but {edges[where]:g} is followed by"
            f" {edges[where + 1]:g}."
        )
        raise DataError(message)
    if (counts < 0).any():
        where = int(np.argmin(counts))
        message = (
            f"{source} has a negative count ({counts[where]:g} in the bin from {edges[where]:g}):"
            " use wider bins where negative weights prevail."
        )
        raise DataError(message)
    if counts.sum() <= 0:
        message = f"{source} is empty: check the range and the cuts."
        raise DataError(message)


def from_events(
    path: str,
    column: str,
    *,
    window: tuple[float, float] | None = None,
    bins: int = _BINS,
    where: str | None = None,
    weight: str | None = None,
) -> Histogram:
    """Histogram a column of events, chunk by chunk.

    Parameters
    ----------
    path : str
        Anything that `bycatch.events.read` takes, for example ``file.root:Events``.
    column : str
        Column or expression.
    window : tuple of float, optional
        Range; by default that of the values (one more pass over the file).
    bins : int
        Number of bins of equal width.
    where, weight : str, optional
        Cut and weight expressions.

    Returns
    -------
    Histogram

    Raises
    ------
    DataError
        If a value is NaN or infinite, or no event lies in the range.
    ConfigError
        If the range or the number of bins makes no sense.
    """
    if bins < 3:
        message = f"A hunt needs at least 3 bins, but --bins is {bins}."
        raise ConfigError(message)
    source = f"column {column!r} of {Path(path).name}"
    low, high = window if window is not None else _value_range(path, column, where, source)
    if not low < high:
        message = f"The range of {source} is empty: from {low:g} to {high:g}."
        raise ConfigError(message)
    edges = np.linspace(low, high, bins + 1)
    values, variances = np.zeros(bins), np.zeros(bins)
    for mass, weights in _chunks(path, column, where, weight, source):
        values += np.histogram(mass, edges, weights=weights)[0]
        variances += np.histogram(mass, edges, weights=weights**2)[0]
    if values.sum() == 0 and variances.sum() == 0:
        message = (
            f"No event of {source} lies between {low:g} and {high:g}: check --range and --where."
        )
        raise DataError(message)
    return make_histogram(
        edges,
        values,
        variances=None if weight is None else variances,
        label=column,
        source=source,
    )


def load_histogram(
    path: str,
    *,
    column: str | None = None,
    window: tuple[float, float] | None = None,
    bins: int | None = None,
    where: str | None = None,
    weight: str | None = None,
    luminosity: float | None = None,
    unit_scale: float | None = None,
) -> Histogram:
    """Make or read the histogram that a user's options describe.

    Parameters
    ----------
    path : str
        Events if `column` is given, a histogram otherwise.
    column, window, bins, where, weight
        See `from_events`; `window` also cuts a histogram to whole bins.
    luminosity, unit_scale
        See `read_histogram`.

    Returns
    -------
    Histogram

    Raises
    ------
    ConfigError
        If options of the other kind of input are given.
    """
    events = {"--bins": bins, "--where": where, "--weight": weight}
    tables = {"--luminosity": luminosity, "--unit-scale": unit_scale}
    wrong = [name for name, value in (tables if column else events).items() if value is not None]
    if wrong:
        kind = "a column of events" if column else "a histogram that is binned already"
        message = f"{' and '.join(wrong)} make no sense for {kind}: leave them out" + (
            "." if column else ", or name the column with --column."
        )
        raise ConfigError(message)
    if column is not None:
        return from_events(
            path, column, window=window, bins=bins or _BINS, where=where, weight=weight
        )
    histogram = read_histogram(path, luminosity=luminosity, unit_scale=unit_scale or 1.0)
    return histogram if window is None else histogram.within(*window)


def _chunks(
    path: str, column: str, where: str | None, weight: str | None, source: str
) -> Iterator[tuple[Array, Array]]:
    """Yield (values, weights) of each chunk, values checked to be finite."""
    from bycatch.events import scan  # noqa: PLC0415 - readers are heavy
    from bycatch.events.expressions import parse  # noqa: PLC0415

    expression = parse(column)
    for events in scan(path, columns=sorted(expression.names), where=where, weight=weight):
        values = np.asarray(expression.evaluate(events.columns), dtype=np.float64)
        if values.shape != (len(events),):
            message = (
                f"{source} has several values per event: choose one, for example {column}[:,0]."
            )
            raise DataError(message)
        bad = int(np.count_nonzero(~np.isfinite(values)))
        if bad:
            message = (
                f"{bad} values of {source} are NaN or infinite: remove these events with a cut,"
                " for example --where 'isfinite(x)'."
            )
            raise DataError(message)
        yield values, np.asarray(events.weight, dtype=np.float64)


def _value_range(path: str, column: str, where: str | None, source: str) -> tuple[float, float]:
    low, high = np.inf, -np.inf
    for mass, _ in _chunks(path, column, where, None, source):
        if mass.size:
            low, high = min(low, float(mass.min())), max(high, float(mass.max()))
    if low > high:
        message = f"{source} has no events: check --where."
        raise DataError(message)
    return low, high


def read_histogram(
    path: str, *, luminosity: float | None = None, unit_scale: float = 1.0
) -> Histogram:
    """Read a histogram from a file; the format follows from the suffix.

    Parameters
    ----------
    path : str
        ``table.csv``, ``file.root:name`` or ``file.json``.
    luminosity : float, optional
        For a CSV table of cross sections; see `bycatch.search.bumphunt.files.read_csv`.
    unit_scale : float
        Further factor of the counts, for units that do not cancel.

    Returns
    -------
    Histogram

    Raises
    ------
    InputError
        If the file is missing or of an unknown format.
    """
    from bycatch.search.bumphunt import files  # noqa: PLC0415

    name, _, key = path.rpartition(":") if _has_key(path) else (path, "", "")
    file = Path(name)
    if not file.is_file():
        others = [entry.name for entry in file.parent.glob("*")] if file.parent.is_dir() else []
        message = (
            f"There is no file {name}; the nearest in {file.parent} are"
            f" {nearest(file.name, others)}."
        )
        raise InputError(message)
    suffix = file.suffix.lower()
    if luminosity is not None and suffix != ".csv":
        message = f"--luminosity applies to CSV tables of cross sections, not to {file.name}."
        raise ConfigError(message)
    if suffix == ".csv":
        return files.read_csv(file, luminosity=luminosity, unit_scale=unit_scale)
    readers: Mapping[str, files.Reader] = {".root": files.read_root, ".json": files.read_uhi}
    if suffix not in readers:
        message = (
            f"{file.name} is no histogram file (.csv, .root:name or .json): name the column to"
            " histogram with --column if it holds events."
        )
        raise InputError(message)
    return readers[suffix](file, key)


def _has_key(path: str) -> bool:
    """Return whether ``:name`` follows a file name (and not a drive letter)."""
    return any(f"{suffix}:" in path.lower() for suffix in (".root", ".json"))
