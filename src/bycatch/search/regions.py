"""From the plan of regions to windows, training sidebands and one common binning."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from bycatch.errors import ConfigError, DataError
from bycatch.search.plan import RegionPlan, ScanPlan
from bycatch.statistics.region import Region

Interval = tuple[float, float]

MINIMUM_FIT_BINS = 6
"""Bins outside of a window that a fit needs: one more than the five dijet parameters."""
AUTO_BINS_PER_WINDOW = 4
AUTO_BINS = (20, 200)
_SLIVER = 1e-9


@dataclass(frozen=True)
class Regions:
    """Where a search looks.

    Attributes
    ----------
    edges : tuple of float
        Common binning of all spectra: the plan's bins united with the edges of all windows, so
        that every window is a whole number of bins. In units of the resonance.
    regions : tuple of Region
        Windows with their training sidebands, in ascending order.
    fit_range : tuple of float
    """

    edges: tuple[float, ...]
    regions: tuple[Region, ...]
    fit_range: Interval

    @property
    def windows(self) -> tuple[Interval, ...]:
        """The windows alone."""
        return tuple(region.window for region in self.regions)

    def window_bins(self, window: Interval) -> NDArray[np.bool_]:
        """Mark the bins of a window, of shape (n_bins,)."""
        edges = np.asarray(self.edges)
        middle = (edges[:-1] + edges[1:]) / 2.0
        return np.asarray((middle >= window[0]) & (middle < window[1]))


def window_name(window: Interval) -> str:
    """Return a window as part of a file name, for example ``3300-3700``."""
    return f"{window[0]:g}-{window[1]:g}"


def resolve_regions(plan: RegionPlan, mass: NDArray[np.float64]) -> Regions:
    """Resolve windows, sidebands and bins, and check that they can serve.

    Parameters
    ----------
    plan : RegionPlan
    mass : ndarray of shape (n_events,)
        The resonant feature of the searched events. It decides no edge, since an edge that
        follows the data is a look at the data; it only tells empty regions.

    Returns
    -------
    Regions

    Raises
    ------
    ConfigError
        Where a window or a sideband lies outside of the fit range, sidebands overlap, or the bins
        are too few for a fit.
    DataError
        Where a window or all of its sidebands hold no events.
    """
    low, high = plan.fit_range
    if not (np.isfinite(low) and np.isfinite(high) and low < high):
        raise ConfigError(
            f"'fit_range' is [{low:g}, {high:g}], but it must ascend: give [low, high]."
        )
    windows = _windows(plan)
    edges = _unite(bin_edges(plan, windows), windows)
    regions = tuple(Region(window, _sidebands(plan, window), plan.fit_range) for window in windows)
    resolved = Regions(tuple(float(edge) for edge in edges), regions, (float(low), float(high)))
    for region in regions:
        _require_bins(resolved, region)
        _require_events(region, mass)
    return resolved


def scan_windows(scan: ScanPlan) -> tuple[Interval, ...]:
    """Return the windows of a scan.

    The centres start at `first` and grow by ``step * width * centre``, so that neighbours overlap
    by the same fraction everywhere; the last one does not pass `last`.

    Parameters
    ----------
    scan : ScanPlan

    Returns
    -------
    tuple of (float, float)

    Raises
    ------
    ConfigError
        For a scan without end, or windows of no width.

    Examples
    --------
    >>> scan_windows(ScanPlan(first=100.0, last=120.0, width=0.2, step=0.5))
    ((90.0, 110.0), (99.0, 121.0))
    """
    if not (0.0 < scan.width < 2.0 and scan.step > 0.0 and 0.0 < scan.first <= scan.last):
        raise ConfigError(
            f"The scan has first {scan.first:g}, last {scan.last:g}, width {scan.width:g} and "
            f"step {scan.step:g}, but it needs 0 < first <= last, 0 < width < 2 and step > 0."
        )
    # centres in geometric steps: windows are a fraction of their centre wide
    ratio = 1.0 + scan.step * scan.width
    # 1e-9: a last centre that is hit but for rounding counts
    count = int(np.floor(np.log(scan.last / scan.first) / np.log(ratio) + 1e-9)) + 1
    if count > 1000:
        raise ConfigError(
            f"The scan has {count} windows, more than 1000: use a larger step or width."
        )
    centres = scan.first * ratio ** np.arange(count)
    half = scan.width / 2.0
    # Rounded to 12 digits, so that edges print and compare as a person would write them.
    return tuple(
        (float(f"{centre * (1.0 - half):.12g}"), float(f"{centre * (1.0 + half):.12g}"))
        for centre in centres
    )


def bin_edges(plan: RegionPlan, windows: Sequence[Interval]) -> NDArray[np.float64]:
    """Return the edges of the plan's own bins over the fit range.

    Parameters
    ----------
    plan : RegionPlan
        `bins` is a width (a last bin narrower than half of it joins its neighbour), explicit
        edges (those inside the fit range and its two ends are used), or ``auto``.
    windows : sequence of (float, float)
        The narrowest window sets the automatic width: a quarter of it, in equal steps of the
        logarithm (20 to 200 bins), since resolutions are about proportional to the mass.

    Returns
    -------
    ndarray of shape (n_bins + 1,)

    Raises
    ------
    ConfigError
        For bins that are not positive or edges that do not ascend.
    """
    low, high = plan.fit_range
    if plan.bins == "auto":
        return _auto_edges(low, high, windows)
    if isinstance(plan.bins, tuple):
        edges = np.asarray(plan.bins, dtype=np.float64)
        if edges.size < 2 or not np.all(np.diff(edges) > 0.0):
            raise ConfigError(
                "'bins' lists edges that do not ascend: sort them and drop repeated ones."
            )
        inner = edges[(edges > low) & (edges < high)]
        return np.concatenate([[low], inner, [high]])
    width = float(plan.bins)
    if not 0.0 < width < high - low:
        raise ConfigError(
            f"'bins' is {width:g}, but a bin width must be positive and smaller than the fit "
            f"range of {high - low:g}."
        )
    count = int(np.floor((high - low) / width + _SLIVER)) + 1
    regular = low + width * np.arange(count, dtype=np.float64)
    rest = high - regular[-1]
    if rest < 0.5 * width:
        regular[-1] = high
        return regular
    return np.asarray(np.append(regular, high))


def _auto_edges(low: float, high: float, windows: Sequence[Interval]) -> NDArray[np.float64]:
    if low <= 0.0:
        narrowest = min(b - a for a, b in windows) / AUTO_BINS_PER_WINDOW
        count = int(np.clip(np.ceil((high - low) / narrowest), *AUTO_BINS))
        return np.linspace(low, high, count + 1)
    narrowest = min(np.log(b / a) for a, b in windows) / AUTO_BINS_PER_WINDOW
    count = int(np.clip(np.ceil(np.log(high / low) / narrowest), *AUTO_BINS))
    # equal steps of the logarithm, as resolutions grow with the mass
    return np.asarray(np.geomspace(low, high, count + 1))


def _unite(edges: NDArray[np.float64], windows: Sequence[Interval]) -> NDArray[np.float64]:
    """Add the windows' edges; where one nearly meets a bin's edge, the window's stays."""
    scale = _SLIVER * (edges[-1] - edges[0])
    exact = np.unique(np.asarray(windows, dtype=np.float64).ravel())
    keep = np.min(np.abs(edges[:, None] - exact[None, :]), axis=1) > scale
    united = np.sort(np.concatenate([edges[keep], exact]))
    distinct = np.concatenate([[True], np.diff(united) > scale])
    return np.asarray(united[distinct])


def _windows(plan: RegionPlan) -> tuple[Interval, ...]:
    low, high = plan.fit_range
    scanned = plan.scan is not None
    windows = scan_windows(plan.scan) if plan.scan is not None else plan.windows
    if not windows:
        raise ConfigError("There are no windows: list them under 'windows', or give a scan.")
    for a, b in windows:
        if not a < b:
            raise ConfigError(f"The window [{a:g}, {b:g}] does not ascend: give [low, high].")
        if a < low or b > high:
            remedy = "move 'first' or 'last'" if scanned else "move it"
            raise ConfigError(
                f"The window [{a:g}, {b:g}] is outside of the fit range [{low:g}, {high:g}]: "
                f"{remedy}, or widen 'fit_range'."
            )
    ordered = tuple(sorted((float(a), float(b)) for a, b in windows))
    if len(set(ordered)) < len(ordered):
        raise ConfigError("The same window is listed twice under 'windows': remove one of them.")
    return ordered


def _sidebands(plan: RegionPlan, window: Interval) -> tuple[Interval, ...]:
    low, high = plan.fit_range
    asked: Sequence[Interval]
    if plan.sidebands is None:
        asked = ((low, high),)
    elif isinstance(plan.sidebands, tuple):
        asked = _explicit_sidebands(plan.sidebands, window, plan)
    else:
        if not plan.sidebands > 0.0:
            raise ConfigError(
                f"'sidebands' is {plan.sidebands:g}, but the width of a side must be a positive "
                "fraction of the window's centre: for example 0.12."
            )
        side = plan.sidebands * (window[0] + window[1]) / 2.0
        asked = ((window[0] - side, window[1] + side),)
    parts: list[Interval] = []
    for a, b in asked:
        for part in ((a, min(b, window[0])), (max(a, window[1]), b)):
            clipped = (max(part[0], low), min(part[1], high))
            if clipped[1] - clipped[0] > _SLIVER * (high - low):
                parts.append((float(clipped[0]), float(clipped[1])))
    if not parts:
        raise ConfigError(
            f"The window [{window[0]:g}, {window[1]:g}] has no training sidebands inside of the "
            f"fit range [{low:g}, {high:g}]: widen 'fit_range' or 'sidebands'."
        )
    return tuple(sorted(parts))


def _explicit_sidebands(
    sidebands: tuple[Interval, ...], window: Interval, plan: RegionPlan
) -> tuple[Interval, ...]:
    ordered = tuple(sorted(sidebands))
    for a, b in ordered:
        if not a < b:
            raise ConfigError(f"The sideband [{a:g}, {b:g}] does not ascend: give [low, high].")
    for (a, b), (c, d) in pairwise(ordered):
        if c < b:
            raise ConfigError(
                f"The sidebands [{a:g}, {b:g}] and [{c:g}, {d:g}] overlap: join them into one."
            )
    # In a scan the sidebands serve all windows, and each window is cut out of them; beside a
    # single window an overlap is a mistake.
    alone = plan.windows is not None and len(plan.windows) == 1
    for a, b in ordered:
        if alone and max(a, window[0]) < min(b, window[1]):
            raise ConfigError(
                f"The sideband [{a:g}, {b:g}] overlaps the window [{window[0]:g}, "
                f"{window[1]:g}]: end it at the window's edge."
            )
    return ordered


def _require_bins(regions: Regions, region: Region) -> None:
    inside = regions.window_bins(region.window)
    name = f"[{region.window[0]:g}, {region.window[1]:g}]"
    if inside[0] or inside[-1]:
        side = "lower" if inside[0] else "upper"
        raise ConfigError(
            f"The window {name} touches the {side} end of the fit range, and the background under "
            "it would be extrapolated: widen 'fit_range' or move the window."
        )
    outside = int(np.count_nonzero(~inside))
    if outside < MINIMUM_FIT_BINS:
        raise ConfigError(
            f"Outside of the window {name} there are {outside} bins, but a fit needs "
            f"{MINIMUM_FIT_BINS}: use narrower 'bins' or a wider 'fit_range'."
        )


def _require_events(region: Region, mass: NDArray[np.float64]) -> None:
    name = f"[{region.window[0]:g}, {region.window[1]:g}]"
    spread = "there are none at all"
    if mass.size:
        spread = f"they lie between {float(mass.min()):g} and {float(mass.max()):g}"
    if not region.in_window(mass).any():
        raise DataError(
            f"The window {name} holds none of the {mass.size} events ({spread}): check the unit "
            "of 'resonance', or move the window."
        )
    if not region.in_sidebands(mass).any():
        raise DataError(
            f"The training sidebands of {name} hold none of the {mass.size} events ({spread}): "
            "widen 'sidebands'."
        )
