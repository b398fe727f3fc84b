"""Readers of histogram files: CSV tables, ROOT TH1, UHI JSON."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bycatch.errors import ConfigError, DataError, InputError, nearest
from bycatch.hunt.histogram import Histogram, make_histogram

Array = NDArray[np.float64]
Reader = Callable[[Path, str], Histogram]

_COUNT_COLUMNS = 3
_ONE_SIGMA_TAIL = 0.15865525393145707


def read_csv(path: Path, *, luminosity: float | None = None, unit_scale: float = 1.0) -> Histogram:
    """Read ``low,high,count`` or ``low,high,value,error[,error_down]``, with or without a header.

    The second form is a differential cross section: counts = value * (high - low) * luminosity *
    unit_scale, rounded to whole events. The units must cancel: a value in pb/TeV on edges in GeV
    with a luminosity in 1/fb does (the two factors of a thousand cancel), pb/GeV on GeV with 1/fb
    needs ``unit_scale`` 1000. Since nobody can see that in the numbers, the quoted errors are
    held against the counting errors, and a table where they differ by more than 15 % in the
    median is refused.

    Parameters
    ----------
    path : Path
    luminosity : float, optional
        Needed for the second form.
    unit_scale : float

    Returns
    -------
    Histogram
        Its notes say how far the counts were from whole numbers, and which luminosity near the
        given one would make them whole.

    Raises
    ------
    InputError
        If the file is no table of numbers.
    ConfigError
        If `luminosity` is missing, or given for a table of counts.
    DataError
        If bins are not adjacent, or the counts contradict the errors.
    """
    header, table = _read_table(path)
    edges = _adjacent(table[:, 0], table[:, 1], path.name)
    label = _axis_label(header)
    if table.shape[1] == _COUNT_COLUMNS:
        if luminosity is not None:
            raise ConfigError(f"{path.name} holds counts (three columns): leave --luminosity out.")
        return make_histogram(edges, table[:, 2], label=label, source=path.name)
    if luminosity is None:
        raise ConfigError(
            f"{path.name} has {table.shape[1]} columns, low, high, value and error: give"
            " --luminosity to turn the values into counts (value x width x luminosity)."
        )
    if not (np.isfinite(luminosity) and luminosity > 0 and unit_scale > 0):
        raise ConfigError(
            f"The luminosity and the unit scale must be positive, not {luminosity:g}."
        )
    factor = np.diff(edges) * luminosity * unit_scale
    expected = table[:, 2] * factor
    if (expected < 0).any() or not np.isfinite(table).all():
        return make_histogram(edges, expected, variances=expected, source=path.name)  # raises
    _check_errors(expected, table[:, 3:].mean(axis=1) * factor, path.name)
    notes = _whole_numbers(expected, luminosity)
    return make_histogram(edges, np.rint(expected), label=label, source=path.name, notes=notes)


def _read_table(path: Path) -> tuple[list[str], Array]:
    """Return the header (empty if there is none) and the numbers, of shape (n_bins, 3 to 5)."""
    try:
        with path.open(newline="", encoding="utf-8") as file:
            rows = [row for row in csv.reader(file) if row and not row[0].lstrip().startswith("#")]
    except (UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path.name} is no CSV text file ({error}).") from error
    header: list[str] = []
    if rows and not _is_number(rows[0][0]):
        header = [cell.strip() for cell in rows.pop(0)]
    lengths = {len(row) for row in rows}
    if not rows or len(lengths) != 1 or not lengths <= {3, 4, 5}:
        raise InputError(
            f"{path.name} must have the columns low, high, count or low, high, value, error in"
            f" every row, but rows have {sorted(lengths)} columns; if it holds events, name the"
            " column to histogram with --column."
        )
    try:
        return header, np.array([[float(cell) for cell in row] for row in rows])
    except ValueError as error:
        raise InputError(f"{path.name} has a cell that is no number: {error}.") from error


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _axis_label(header: list[str]) -> str:
    """Return a name for the axis from the header of the lower edges."""
    name = header[0] if header else ""
    for word in ("_low", "_lo", "_min", "low_", "_left"):
        name = name.replace(word, "")
    return "mass" if name.lower() in {"", "low", "lo", "left", "min"} else name


def _adjacent(low: Array, high: Array, source: str) -> Array:
    """Return the edges of adjacent bins."""
    width = high - low
    if not np.isfinite(width).all() or (width <= 0).any():
        row = int(np.argmin(np.where(np.isfinite(width), width, -np.inf)))
        raise DataError(
            f"Bin {row + 1} of {source} goes from {low[row]:g} to {high[row]:g}: edges must rise."
        )
    # tables round their edges: a millionth of a bin is no gap
    gap = np.abs(low[1:] - high[:-1]) > 1e-6 * np.minimum(width[1:], width[:-1])
    if gap.any():
        row = int(np.argmax(gap))
        raise DataError(
            f"The bins of {source} are not adjacent: one ends at {high[row]:g} and the next one"
            f" starts at {low[row + 1]:g}; sort the rows and fill gaps with empty bins."
        )
    return np.append(low, high[-1])


def garwood(counts: Array) -> Array:
    """Return half the width of the central 68.3 % interval of a Poisson mean.

    Parameters
    ----------
    counts : ndarray of shape (n,)

    Returns
    -------
    ndarray of shape (n,)

    References
    ----------
    F. Garwood, Biometrika 28 (1936) 437.
    """
    from scipy.special import gammainccinv, gammaincinv  # noqa: PLC0415

    upper = gammainccinv(counts + 1.0, _ONE_SIGMA_TAIL)
    lower = np.where(counts > 0, gammaincinv(np.maximum(counts, 1e-9), _ONE_SIGMA_TAIL), 0.0)
    return np.asarray(0.5 * (upper - lower))


def _check_errors(counts: Array, errors: Array, source: str) -> None:
    """Refuse counts of which the quoted errors are not counting errors."""
    filled = (counts > 0) & (errors > 0)
    if not filled.any():
        raise DataError(f"{source} has no bin with a positive value and error.")
    relative = errors[filled] / counts[filled]
    ratio = float(np.median(relative * counts[filled] / garwood(counts[filled])))
    if 1 / 1.15 < ratio < 1.15:
        return
    known = np.geomspace(0.1, 1e12, 4_000)
    stands_for = np.interp(-np.log(relative), -np.log(garwood(known) / known), np.log(known))
    factor = float(np.median(counts[filled] / np.exp(stands_for)))
    power = round(np.log10(1.0 / factor))
    units = (
        f"the units of value, edges and luminosity do not cancel (try --unit-scale {10.0**power:g})"
        if power and abs(np.log10(1.0 / factor) - power) < 0.05
        else "the luminosity is another one, or the errors hold more than counting (then give a"
        " table of low, high, count)"
    )
    raise DataError(
        f"value x width x luminosity gives {factor:.3g} times as many events as the errors in"
        f" {source} stand for (median over the bins): {units}."
    )


def _whole_numbers(counts: Array, luminosity: float) -> tuple[str, ...]:
    """Say how whole the counts are, and at which luminosity within 1 % they would be whole."""
    small = counts[(counts > 0.5) & (counts < 300)]
    if small.size < 3:
        return ()
    trial = np.linspace(0.99, 1.01, 401)
    scaled = trial[:, None] * small
    off = np.abs(scaled - np.rint(scaled))
    best = int(np.argmin((off**2).sum(axis=1)))
    here = float(np.abs(small - np.rint(small)).max())
    note = f"Counts below 300 were rounded to whole events by at most {here:.2g}."
    if here > 0.1 and off[best].max() < 0.1:
        note += (
            f" They come out whole (within {off[best].max():.1g}) for a luminosity of"
            f" {luminosity * trial[best]:.5g}."
        )
    return (note,)


def read_root(path: Path, key: str) -> Histogram:
    """Read a one-dimensional histogram (TH1) of a ROOT file.

    Parameters
    ----------
    path : Path
    key : str
        Its name in the file, directories included.

    Returns
    -------
    Histogram

    Raises
    ------
    InputError
        If the file cannot be read or has no such histogram.
    """
    import uproot  # noqa: PLC0415

    try:
        with uproot.open(path) as file:
            _check_key(key, file.keys(cycle=False, filter_classname="TH1*"), path.name)
            histogram = file[key]
            edges = histogram.axis().edges()
            values, variances = histogram.values(), histogram.variances()
            title = histogram.member("fXaxis").member("fTitle")
    except InputError:
        raise
    except Exception as error:  # uproot has many ways to say that a file is broken
        raise InputError(f"{path.name} cannot be read as a ROOT file ({error!s:.200}).") from error
    return make_histogram(
        edges, values, variances=variances, label=title or key, source=f"{path.name}:{key}"
    )


def _check_key(key: str, names: list[str], source: str) -> None:
    if key not in names:
        raise InputError(
            f"{source} has no histogram {key!r}; the nearest are {nearest(key, names)}: write"
            f" {source}:name."
        )


def read_uhi(path: Path, key: str = "") -> Histogram:
    """Read a one-dimensional histogram in UHI's JSON form.

    Parameters
    ----------
    path : Path
    key : str
        Name of the histogram in a file that holds several; "" for a file that is one.

    Returns
    -------
    Histogram

    Raises
    ------
    InputError
        If the file is no UHI histogram.

    References
    ----------
    UHI serialization, https://uhi.readthedocs.io/en/latest/serialization.html
    """
    try:
        content: Any = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise InputError(f"{path.name} is no JSON file ({error}).") from error
    if isinstance(content, dict) and key:
        if key not in content:
            raise InputError(
                f"{path.name} has no histogram {key!r}; the nearest are {nearest(key, content)}."
            )
        content = content[key]
    if not isinstance(content, dict) or not {"axes", "storage"} <= content.keys():
        names = content.keys() if isinstance(content, dict) else []
        raise InputError(
            f"{path.name} is no UHI histogram (it lacks 'axes' and 'storage'); if it holds several,"
            f" write {path.name}:name with one of {nearest(key, names)}."
        )
    try:
        return _from_uhi(content, path.name)
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise InputError(
            f"{path.name} is no valid UHI histogram ({type(error).__name__}: {error})."
        ) from error


def _from_uhi(content: dict[str, Any], source: str) -> Histogram:
    axes, storage = content["axes"], content["storage"]
    if len(axes) != 1:
        raise InputError(f"{source} has {len(axes)} axes, but a hunt needs a histogram with one.")
    axis = axes[0]
    if axis["type"] == "regular":
        edges = np.linspace(axis["lower"], axis["upper"], int(axis["bins"]) + 1)
    elif axis["type"] == "variable":
        edges = np.asarray(axis["edges"], dtype=np.float64)
    else:
        raise InputError(
            f"{source} has an axis of type {axis['type']!r}: use 'regular' or 'variable'."
        )
    if storage["type"] not in {"int", "double", "weighted"}:
        raise InputError(
            f"{source} has storage {storage['type']!r}: use 'int', 'double' or 'weighted'."
        )
    flow = slice(1 if axis.get("underflow") else 0, -1 if axis.get("overflow") else None)
    values = np.asarray(storage["values"], dtype=np.float64)[flow]
    variances = None
    if storage["type"] == "weighted":
        variances = np.asarray(storage["variances"], dtype=np.float64)[flow]
    metadata = {**content.get("metadata", {}), **axis.get("metadata", {})}
    label = str(metadata.get("label") or metadata.get("name") or "mass")
    return make_histogram(edges, values, variances=variances, label=label, source=source)
