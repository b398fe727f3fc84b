"""Ask whether the template describes the background and the selection leaves it smooth.

Both questions are put to events that the tested window does not hold: *sculpting* to the selected
spectrum outside of the window, *closure* to windows placed in the sidebands, where the whole
procedure is repeated and no signal is expected.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.stats import chi2

from bycatch.search.regions import Regions
from bycatch.search.result import Check, Look, TemplateEstimate
from bycatch.search.spectra import SelectedSpectrum
from bycatch.statistics.region import Region

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]
Interval = tuple[float, float]

SCULPTED = 0.25
"""Spread of the efficiency over the fit range from which a spectrum counts as sculpted."""
SIGNIFICANT = 0.01
FEWEST_EXPECTED = 5.0
ENOUGH_WINDOWS = 3
SIDE = 0.12
"""Width of the closure windows' sidebands where none was asked for, a fraction of the mass."""


def sculpting_check(
    selected: SelectedSpectrum, inclusive: Floats, inside: Mask, n_tests: int
) -> Check:
    """Ask whether the selected spectrum outside of the window is a scaled copy of the whole.

    The likelihood ratio of one common efficiency against one efficiency per bin gives the p-value;
    the spread is the standard deviation of the bins' efficiencies, relative to their mean and with
    the statistical part taken off. A smooth fit absorbs a small spread. A large one means that the
    features follow the resonance, and the bump may be the selection's own.

    Parameters
    ----------
    selected : SelectedSpectrum
    inclusive : ndarray of shape (n_bins,)
        Spectrum before the selection.
    inside : ndarray of shape (n_bins,)
        Bins of the window.
    n_tests : int
        Number of such checks in the run, which the p-value pays for.

    Returns
    -------
    Check
    """
    key = selected.key
    kept, whole = _merged(selected.counts[~inside] * selected.scale, inclusive[~inside])
    efficiency = kept.sum() / whole.sum() if whole.sum() > 0 else 0.0
    if kept.size < 3 or not 0 < efficiency < 1:
        message = "Too few selected sideband events to judge the shape of the selected spectrum."
        return Check("sculpting", True, message, key.method, key.window)
    p, spread = _homogeneity(kept, whole, efficiency)
    values = {
        "working_point": key.working_point,
        "p": p,
        "spread": spread,
        "highest": float((kept / whole).max()),
        "lowest": float((kept / whole).min()),
    }
    significant = p * n_tests < SIGNIFICANT
    if significant and spread > SCULPTED:
        message = (
            f"Warning: the selected spectrum is no scaled copy of the whole. Its efficiency runs "
            f"from {values['lowest']:.2g} to {values['highest']:.2g} over the sidebands (spread "
            f"{spread:.0%}), so the features follow the resonance and an excess here may be made "
            "by the selection itself. Remove or decorrelate such features."
        )
        return Check("sculpting", False, message, key.method, key.window, values)
    if significant:
        message = (
            f"The efficiency changes over the sidebands by {spread:.0%} (p = {p:.1g}), slowly "
            "enough for the smooth fit to follow."
        )
    else:
        message = (
            f"The selected sidebands are a scaled copy of the unselected ones (p = {p:.2g}, "
            f"spread {spread:.0%})."
        )
    return Check("sculpting", True, message, key.method, key.window, values)


def _merged(kept: Floats, whole: Floats) -> tuple[Floats, Floats]:
    """Merge neighbouring bins until each is expected to keep five events."""
    efficiency = kept.sum() / max(float(whole.sum()), 1.0)
    groups, start = [], 0
    for stop in range(1, len(whole) + 1):
        if whole[start:stop].sum() * efficiency >= FEWEST_EXPECTED:
            groups.append((start, stop))
            start = stop
    if groups and start < len(whole):
        # the rest joins the last group, which would else be too small
        groups[-1] = (groups[-1][0], len(whole))
    sums = [(kept[low:high].sum(), whole[low:high].sum()) for low, high in groups]
    table = np.array(sums, dtype=np.float64).reshape(-1, 2)
    return table[:, 0], table[:, 1]


def _homogeneity(kept: Floats, whole: Floats, efficiency: float) -> tuple[float, float]:
    lost = np.maximum(whole - kept, 0.0)  # negative weights may keep more than there was
    # the floor only keeps 0 log 0 finite
    terms = kept * np.log(np.maximum(kept, 1e-12) / (whole * efficiency))
    terms += lost * np.log(np.maximum(lost, 1e-12) / (whole * (1 - efficiency)))
    p = float(chi2.sf(2 * terms.sum(), kept.size - 1))
    relative = kept / whole / efficiency - 1.0
    # the binomial part of the relative spread, which is no sculpting
    noise = (1 - efficiency) / (whole * efficiency)
    variance = np.average(relative**2 - noise, weights=whole)
    return p, float(np.sqrt(max(variance, 0.0)))


def closure_regions(
    regions: Regions, asked: float | tuple[Interval, ...] | None
) -> tuple[Region, ...]:
    """Place windows in the sidebands for the closure test.

    A scan tests itself, since its windows are each other's sidebands. With fewer than three
    windows, one more is put below and one above each, of the same width; neither its sidebands nor
    its density see the tested windows, so the test interpolates a little farther than the search
    does.

    Parameters
    ----------
    regions : Regions
    asked : float or tuple of tuple of float or None
        The plan's training sidebands. A number is their width as a fraction of a window's centre,
        here as there; otherwise it is 0.12.

    Returns
    -------
    tuple of Region
    """
    if len(regions.regions) >= ENOUGH_WINDOWS:
        return ()
    found = []
    share = asked if isinstance(asked, float) else SIDE
    for region in regions.regions:
        low, high = region.window
        width = high - low
        for start in (low - width, high):
            window = (start, start + width)
            placed = _closure_region(window, region.window, regions, share)
            if placed is not None and not _touches(window, regions.windows):
                found.append(placed)
    return tuple(found)


def _touches(window: Interval, others: Sequence[Interval]) -> bool:
    return any(window[0] < high and low < window[1] for low, high in others)


def _closure_region(
    window: Interval, tested: Interval, regions: Regions, share: float
) -> Region | None:
    fit_range = regions.fit_range
    low, high = min(window[0], tested[0]), max(window[1], tested[1])
    reach = share * (window[0] + window[1]) / 2
    below = (max(fit_range[0], (low if window[0] > tested[0] else window[0]) - reach), window[0])
    above = (window[1], min(fit_range[1], (high if window[0] < tested[0] else window[1]) + reach))
    sidebands = [part for side in (below, above) for part in _without(side, tested)]
    usable = tuple(part for part in sidebands if part[1] - part[0] > 0)
    on_both_sides = usable and usable[0][0] < window[0] and usable[-1][1] > window[1]
    if window[0] < fit_range[0] or window[1] > fit_range[1] or not on_both_sides:
        return None
    return Region(window, usable, fit_range, regions.windows)


def _without(side: Interval, tested: Interval) -> list[Interval]:
    low, high = side
    parts = [(low, min(high, tested[0])), (max(low, tested[1]), high)]
    return [part for part in parts if part[1] > part[0]]


def closure_check(look: Look) -> Check:
    """Judge the template's bias delta_sys = observed / expected - 1 in signal-free windows.

    Parameters
    ----------
    look : Look
        The tested look, with its template's estimate: delta_sys is measured in one place,
        `bycatch.search.template_bias`.

    Returns
    -------
    Check
        Failed where delta_sys is larger than twice its statistical error and would move the
        estimated background in the look's window by more than twice the fit's own error.

    References
    ----------
    arXiv:2411.00085 (definition of delta_sys).
    """
    estimate = look.template
    if estimate is None or estimate.delta_sys is None:
        message = "The template's bias was not measured."
        if estimate is not None:
            message = estimate.status
        return Check("closure", True, message, look.method, look.window)
    if look.background_error is None:
        message = "Without a fit of the background there is no error to hold the bias against."
        return Check("closure", True, message, look.method, look.window)
    delta, error = estimate.delta_sys, estimate.delta_sys_statistical or 0.0
    shift = delta * (estimate.background or 0.0)
    values = {
        "working_point": look.working_point,
        "delta_sys": delta,
        "delta_sys_error": estimate.delta_sys_error,
        "delta_sys_statistical": error,
        "delta_sys_spread": estimate.delta_sys_spread,
        "n_windows": estimate.n_windows,
        "shift": shift,
        "fit_error": look.background_error,
    }
    effect = f"{shift:+.1f} events in the window against a fit error of {look.background_error:.1f}"
    text = _bias_in_words(look.working_point, estimate)
    if abs(delta) > 2 * error and abs(shift) > 2 * look.background_error:
        message = (
            f"Warning: {text}, which is {effect}. Trust the fit and not the template's yield, and "
            "suspect features that follow the resonance."
        )
        return Check("closure", False, message, look.method, look.window, values)
    return Check("closure", True, f"{text}: {effect}.", look.method, look.window, values)


def _bias_in_words(working_point: float, estimate: TemplateEstimate) -> str:
    windows = "windows" if estimate.n_windows > 1 else "window"
    spread = estimate.delta_sys_spread
    return (
        f"At efficiency {working_point:g} the template is off by {estimate.delta_sys:+.0%} +- "
        f"{estimate.delta_sys_statistical:.0%} in {estimate.n_windows} signal-free {windows}"
        + (f" (spread between them {spread:.0%})" if spread else "")
    )
