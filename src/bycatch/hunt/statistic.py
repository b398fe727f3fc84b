r"""BumpHunter's statistic: the most surprising window of a spectrum, as pure functions.

What to use when
    - `scan`: one spectrum against one background; every window with its log p.
    - `toy_statistics`: the largest t of each of many pseudo-data sets. One background for all of
      them: a table over integer counts. A background of its own for each (refitted): exact log p
      only where a rigorous normal bound leaves a window a chance to be the largest.
    - `bycatch.hunt.hunt` is the whole analysis: background fit, masking, toys.

The statistic: in a window with ``d`` events where ``b`` are expected, ``p = P(N >= d | b)`` if ``d
> b`` and 1 otherwise, and ``t = -log min p`` over all windows. It is computed from log p
(`bycatch.hunt.tails`), which does not underflow: a peak of 100 standard deviations still
tells its best window.

Its weak spot: ``b`` counts as exactly known, so a background fitted to the same data makes t too
large or too small unless the toys repeat the fit.

References
----------
G. Choudalakis, "On hypothesis testing, trials factor, hypertests and the BumpHunter",
arXiv:1101.0390, sections 2 to 4.
A. M. Zubkov and A. A. Serov, "A complete proof of universal inequalities for the distribution
function of the binomial law", arXiv:1207.3838; the Poisson case: M. Short, "Improved inequalities
for the Poisson and binomial distribution and upper tail quantile functions", ISRN Probability and
Statistics (2013) 412958.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri_exp

from bycatch.errors import DataError
from bycatch.hunt.tails import log_lower_tail, log_upper_tail

Array = NDArray[np.float64]
Mode = Literal["excess", "deficit"]

# Elements of one block of (window, toy) matrices: 8 MB each stays near the cache.
_BLOCK = 1_000_000
# The bound is a theorem; the slack covers rounding in it.
_SLACK = 1e-9


@dataclass(frozen=True)
class Windows:
    """Windows of adjacent bins.

    Attributes
    ----------
    first : ndarray of shape (n_windows,)
        Index of the first bin.
    last : ndarray of shape (n_windows,)
        Index after the last bin.
    n_bins : int
        Bins of the spectrum.
    """

    first: NDArray[np.intp]
    last: NDArray[np.intp]
    n_bins: int

    def __len__(self) -> int:
        return int(self.first.shape[0])

    def sums(self, values: Array) -> Array:
        """Return the sum of `values` in every window.

        Parameters
        ----------
        values : ndarray of shape (..., n_bins)

        Returns
        -------
        ndarray of shape (n_windows, ...)
            Windows first: the scans go through one window of all toys at a time.
        """
        # sums over any window become one difference
        cumulative = np.zeros((self.n_bins + 1, *values.shape[:-1]))
        np.cumsum(np.moveaxis(values, -1, 0), axis=0, out=cumulative[1:])
        return np.asarray(cumulative[self.last] - cumulative[self.first])


@dataclass(frozen=True)
class Scan:
    """Every window of one spectrum.

    Attributes
    ----------
    windows : Windows
    counts, background : ndarray of shape (n_windows,)
        Events seen and expected (after sideband normalisation, where asked for).
    log_p : ndarray of shape (n_windows,)
        Natural logarithm of the local p; 0 where there is no excess (deficit).
    t : float
        BumpHunter's statistic, -min log p.
    best : int
        The window with the smallest p (the first one among equals).
    """

    windows: Windows
    counts: Array
    background: Array
    log_p: Array
    t: float
    best: int


def make_windows(
    n_bins: int,
    widths: Sequence[int],
    *,
    used: NDArray[np.bool_] | None = None,
    step: int | Literal["half", "full"] = 1,
) -> Windows:
    """Return all windows of the given widths that touch no excluded bin.

    Parameters
    ----------
    n_bins : int
    widths : sequence of int
        In bins.
    used : ndarray of bool of shape (n_bins,), optional
        False for bins that no window may contain.
    step : int, "half" or "full"
        Distance of neighbouring windows in bins, or half or all of the width.

    Returns
    -------
    Windows
        By width, then by position.

    Raises
    ------
    DataError
        If no window fits.
    """
    if not widths or min(widths) < 1:
        raise DataError(f"Window widths must be at least 1 bin, but they are {list(widths)}.")
    first: list[NDArray[np.intp]] = []
    last: list[NDArray[np.intp]] = []
    for width in widths:
        # half of one bin rounds to 0: a window must move
        stride = {"half": max(1, width // 2), "full": width}.get(str(step), step)
        start = np.arange(0, n_bins - width + 1, int(stride), dtype=np.intp)
        first.append(start)
        last.append(start + width)
    low, high = np.concatenate(first), np.concatenate(last)
    if used is not None:
        # no excluded bin inside: the running count is the same at both ends
        excluded = np.concatenate([[0], np.cumsum(~used)])
        keep = excluded[high] == excluded[low]
        low, high = low[keep], high[keep]
    if low.size == 0:
        raise DataError(
            f"No window of {min(widths)} to {max(widths)} bins fits into the {n_bins} bins"
            " outside of the masks: use smaller widths or finer bins."
        )
    return Windows(first=low, last=high, n_bins=n_bins)


def _log_p(counts: Array, background: Array, mode: Mode) -> Array:
    """Return log p element by element; 0 where the deviation has the other sign or b is 0."""
    extreme = counts > background if mode == "excess" else counts < background
    # without any background every event would be infinitely surprising
    extreme &= background > 0
    log_p = np.zeros(np.broadcast_shapes(counts.shape, background.shape))
    tail = log_upper_tail if mode == "excess" else log_lower_tail
    background = np.broadcast_to(background, log_p.shape)
    counts = np.broadcast_to(counts, log_p.shape)
    log_p[extreme] = tail(counts[extreme], background[extreme])
    return log_p


def _normalised(windows: Windows, counts: Array, background: Array) -> Array:
    """Return each window's background scaled to the data outside of that window."""
    seen, expected = windows.sums(counts), windows.sums(background)
    outside = background.sum(axis=-1) - expected
    with np.errstate(divide="ignore", invalid="ignore"):
        scale = (counts.sum(axis=-1) - seen) / outside
    # a window that covers everything has nothing outside to be scaled to
    return np.asarray(expected * np.where(outside > 0, scale, 1.0))


def _vetoed(windows: Windows, counts: Array, background: Array, level: float) -> NDArray[np.bool_]:
    """Return whether a sideband of the window deviates itself (1101.0390, section 3.1, step 3)."""
    half = np.maximum(1, (windows.last - windows.first) // 2)
    veto = np.zeros((len(windows), *counts.shape[:-1]), dtype=bool)
    for first, last in (
        (np.maximum(windows.first - half, 0), windows.first),
        (windows.last, np.minimum(windows.last + half, windows.n_bins)),
    ):
        side = Windows(first=first, last=last, n_bins=windows.n_bins)
        seen, expected = side.sums(counts), side.sums(background)
        expected = expected.reshape(expected.shape + (1,) * (seen.ndim - expected.ndim))
        log_p = np.minimum(_log_p(seen, expected, "excess"), _log_p(seen, expected, "deficit"))
        veto |= log_p < np.log(level)  # either side is enough
    return veto


def scan(
    counts: Array,
    background: Array,
    windows: Windows,
    *,
    mode: Mode = "excess",
    normalise: bool = False,
    veto: float | None = None,
) -> Scan:
    """Scan one spectrum.

    Parameters
    ----------
    counts : ndarray of shape (n_bins,)
        Events, or weighted events scaled by sum w / sum w^2.
    background : ndarray of shape (n_bins,)
        Expected events.
    windows : Windows
    mode : {"excess", "deficit"}
    normalise : bool
        Scale the background of each window to the data outside of it.
    veto : float, optional
        Ignore windows of which a sideband (half a width on each side) deviates with a p below it;
        1e-3 in the paper.

    Returns
    -------
    Scan

    References
    ----------
    arXiv:1101.0390, equations 17 and 18.
    """
    counts = np.asarray(counts, dtype=np.float64)
    background = np.asarray(background, dtype=np.float64)
    seen = windows.sums(counts)
    expected = _normalised(windows, counts, background) if normalise else windows.sums(background)
    log_p = _log_p(seen, expected, mode)
    if veto is not None:
        log_p[_vetoed(windows, counts, background, veto)] = 0.0
    best = int(np.argmin(log_p))
    # 0.0 - x, since -0.0 would show in results
    return Scan(windows, seen, expected, log_p, float(0.0 - log_p[best]), best)


def toy_statistics(
    toys: NDArray[np.integer] | Array,
    background: Array,
    windows: Windows,
    *,
    mode: Mode = "excess",
    normalise: bool = False,
    veto: float | None = None,
    excluded: NDArray[np.bool_] | None = None,
) -> tuple[Array, NDArray[np.intp]]:
    """Scan many pseudo-data sets at once.

    Parameters
    ----------
    toys : ndarray of shape (n_toys, n_bins)
        Integer counts.
    background : ndarray of shape (n_bins,) or (n_toys, n_bins)
        One background for all toys, or each toy's own.
    windows : Windows
    mode, normalise, veto
        As in `scan`.
    excluded : ndarray of bool of shape (n_toys, n_bins), optional
        Bins that no window of that toy may contain.

    Returns
    -------
    t : ndarray of shape (n_toys,)
        Equal to ``scan(toy, ...).t``.
    best : ndarray of shape (n_toys,)
        Index of the window, -1 where none is extreme (t = 0).
    """
    background = np.asarray(background, dtype=np.float64)
    fixed = background.ndim == 1
    if fixed and not normalise and veto is None and excluded is None:
        found = _scan_with_table(np.asarray(toys), background, windows, mode)
        if found is not None:
            return found
    n_toys = toys.shape[0]
    t, best = np.zeros(n_toys), np.full(n_toys, -1, dtype=np.intp)
    block = max(1, _BLOCK // len(windows))
    for start in range(0, n_toys, block):
        part = slice(start, start + block)
        counts = np.asarray(toys[part], dtype=np.float64)
        own = np.broadcast_to(background, counts.shape) if fixed else background[part]
        seen = windows.sums(counts)
        expected = _normalised(windows, counts, own) if normalise else windows.sums(own)
        allowed = None if veto is None else ~_vetoed(windows, counts, own, veto)
        if excluded is not None:
            free = windows.sums(excluded[part].astype(np.float64)) == 0.0
            allowed = free if allowed is None else allowed & free
        t[part], best[part] = _largest(seen, expected, allowed, mode)
    return t, best


def _largest(
    seen: Array, expected: Array, allowed: NDArray[np.bool_] | None, mode: Mode
) -> tuple[Array, NDArray[np.intp]]:
    r"""Return the largest t of each column and its row, with few exact tails.

    With :math:`w(d) = \sqrt{2(d \log(d/b) - d + b)}` an integer d > b obeys
    :math:`P(N \ge d) > 1 - \Phi(w(d))` (a deficit: :math:`P(N \le d) > \Phi(-w(d))`), so t is
    below the bound :math:`-\log(1 - \Phi(w))`. The window with the largest w gives an exact t;
    only windows whose w exceeds the normal quantile of that t can beat it.
    """
    extreme = seen > expected if mode == "excess" else seen < expected
    extreme &= expected > 0
    if allowed is not None:
        extreme &= allowed
    with np.errstate(divide="ignore", invalid="ignore"):
        # 0 log 0 is 0: an empty window keeps its expected events
        deviance = seen * np.log(np.where(seen > 0, seen / expected, 1.0)) - seen + expected
    bound = np.where(extreme, np.sqrt(2.0 * np.maximum(deviance, 0.0)), -1.0)
    column = np.arange(seen.shape[1])
    best = np.argmax(bound, axis=0)
    t = -_log_p(seen[best, column], expected[best, column], mode)
    t[bound[best, column] < 0.0] = 0.0  # -1 marks that no window of this toy is extreme
    with np.errstate(divide="ignore"):
        # a window beats t only if the normal bound of its deviance does
        reach = np.where(t > 0.0, -ndtri_exp(-t), -np.inf)
    row, toy = np.nonzero(extreme & (bound >= reach - _SLACK * (1.0 + np.abs(reach))))
    exact = -_log_p(seen[row, toy], expected[row, toy], mode)
    # From the smallest t up, so that the last one written is the largest; rows down: first wins.
    order = np.lexsort((-row, exact))
    t[toy[order]] = exact[order]
    best[toy[order]] = row[order]
    best[t <= 0.0] = -1
    return t, best


def _scan_with_table(
    toys: NDArray[np.generic], background: Array, windows: Windows, mode: Mode
) -> tuple[Array, NDArray[np.intp]] | None:
    """Scan toys of one background by looking integer counts up in a table per window.

    None where the tables would be longer than the list of counts (few toys, many events).
    """
    n_toys = toys.shape[0]
    cumulative = np.zeros((windows.n_bins + 1, n_toys), dtype=np.int64)
    np.cumsum(toys.T, axis=0, out=cumulative[1:], dtype=np.int64)
    expected = windows.sums(background)
    low, high = _count_range(cumulative, windows)
    # a table longer than the list of counts saves nothing
    if int((high - low + 1).sum()) > n_toys * len(windows):
        return None
    table, offset = _tables(low, high, expected, mode)
    t, best = np.zeros(n_toys), np.full(n_toys, -1, dtype=np.intp)
    seen = np.empty(n_toys, dtype=np.int64)
    value = np.empty(n_toys)
    for index, (first, last) in enumerate(zip(windows.first, windows.last, strict=True)):
        np.subtract(cumulative[last], cumulative[first], out=seen)
        seen += offset[index] - low[index]
        # "clip" spares the check of bounds: every count lies in its table
        np.take(table, seen, out=value, mode="clip")
        # >, so that the first among equal windows stays, as in `scan`
        larger = np.flatnonzero(value > t)
        t[larger] = value[larger]
        best[larger] = index
    return t, best


def _count_range(
    cumulative: NDArray[np.int64], windows: Windows
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the smallest and the largest count of each window over all toys."""
    low = np.empty(len(windows), dtype=np.int64)
    high = np.empty(len(windows), dtype=np.int64)
    for index, (first, last) in enumerate(zip(windows.first, windows.last, strict=True)):
        seen = cumulative[last] - cumulative[first]
        low[index], high[index] = seen.min(), seen.max()
    return low, high


def _tables(
    low: NDArray[np.int64], high: NDArray[np.int64], expected: Array, mode: Mode
) -> tuple[Array, NDArray[np.int64]]:
    """Return -log p of every count that occurs, all windows in one array, and their offsets."""
    size = high - low + 1
    offset = np.concatenate([[0], np.cumsum(size)[:-1]])
    owner = np.repeat(np.arange(size.size), size)
    counts = (np.arange(int(size.sum())) - offset[owner] + low[owner]).astype(np.float64)
    return -_log_p(counts, expected[owner], mode), offset
