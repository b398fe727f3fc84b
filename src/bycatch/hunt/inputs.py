"""Histograms to hunt in: from a column of events, or from a file that holds one.

What to use when
    - `from_events`: events in any format that `bycatch.events` reads; streamed, so memory does not
      grow with the file.
    - `read_histogram`: a CSV table, a ROOT TH1 (``file.root:name``) or UHI JSON.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bycatch.errors import ConfigError, DataError, InputError, nearest
from bycatch.hunt import files
from bycatch.hunt.histogram import Histogram, make_histogram

Array = NDArray[np.float64]

_BINS = 100


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
        raise ConfigError(f"A hunt needs at least 3 bins, but --bins is {bins}.")
    source = f"column {column!r} of {Path(path).name}"
    low, high = window if window is not None else _value_range(path, column, where, source)
    if not low < high:
        raise ConfigError(f"The range of {source} is empty: from {low:g} to {high:g}.")
    edges = np.linspace(low, high, bins + 1)
    values, variances = np.zeros(bins), np.zeros(bins)
    for mass, weights in _chunks(path, column, where, weight, source):
        values += np.histogram(mass, edges, weights=weights)[0]
        variances += np.histogram(mass, edges, weights=weights**2)[0]
    if values.sum() == 0 and variances.sum() == 0:
        raise DataError(
            f"No event of {source} lies between {low:g} and {high:g}: check --range and --where."
        )
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
            raise DataError(
                f"{source} has several values per event: choose one, for example {column}[:,0]."
            )
        bad = int(np.count_nonzero(~np.isfinite(values)))
        if bad:
            raise DataError(
                f"{bad} values of {source} are NaN or infinite: remove these events with a cut,"
                " for example --where 'isfinite(x)'."
            )
        yield values, np.asarray(events.weight, dtype=np.float64)


def _value_range(path: str, column: str, where: str | None, source: str) -> tuple[float, float]:
    low, high = np.inf, -np.inf
    for mass, _ in _chunks(path, column, where, None, source):
        if mass.size:
            low, high = min(low, float(mass.min())), max(high, float(mass.max()))
    if low > high:
        raise DataError(f"{source} has no events: check --where.")
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
        For a CSV table of cross sections; see `bycatch.hunt.files.read_csv`.
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
    name, _, key = path.rpartition(":") if _has_key(path) else (path, "", "")
    file = Path(name)
    if not file.is_file():
        others = [entry.name for entry in file.parent.glob("*")] if file.parent.is_dir() else []
        raise InputError(
            f"There is no file {name}; the nearest in {file.parent} are"
            f" {nearest(file.name, others)}."
        )
    suffix = file.suffix.lower()
    if luminosity is not None and suffix != ".csv":
        raise ConfigError(
            f"--luminosity applies to CSV tables of cross sections, not to {file.name}."
        )
    if suffix == ".csv":
        return files.read_csv(file, luminosity=luminosity, unit_scale=unit_scale)
    readers: Mapping[str, files.Reader] = {".root": files.read_root, ".json": files.read_uhi}
    if suffix not in readers:
        raise InputError(
            f"{file.name} is no histogram file (.csv, .root:name or .json): name the column to"
            " histogram with --column if it holds events."
        )
    return readers[suffix](file, key)


def _has_key(path: str) -> bool:
    """Return whether ``:name`` follows a file name (and not a drive letter)."""
    return any(f"{suffix}:" in path.lower() for suffix in (".root", ".json"))
