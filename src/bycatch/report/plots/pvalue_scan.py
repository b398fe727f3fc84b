"""Local p against mass, with the local p that corresponds to global significances."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from numpy.typing import NDArray
from scipy.special import log_ndtr, ndtr

from bycatch.report.numbers import SIGMA, percent
from bycatch.report.style import (
    FAIL,
    INK,
    MUTED,
    WIDE,
    colours,
    log_label,
    new_figure,
    plain,
    roomy,
    styled,
)
from bycatch.search.result import Look

DEEP = 9.0
"""Beyond 1e-9 the axis is stretched at the top, where the global lines stand."""
CROWDED = 0.1
MARKERS = ("o", "s", "D", "^", "v", "P")


def log10_p(z: float | NDArray[np.float64]) -> NDArray[np.float64]:
    """Return log10 of the one-sided p of `z`; it does not underflow."""
    return np.asarray(log_ndtr(-np.asarray(z, dtype=float)) / math.log(10))


def global_line(toy_maxima: Sequence[float], significance: float) -> float | None:
    """Return the local z that is worth a global `significance` according to the toys.

    It is the smallest observed z for which (S + 1) / (N + 1) <= 1 - Phi(significance), S being the
    number of toys that reach it. None where N toys cannot show so small a p.

    Parameters
    ----------
    toy_maxima : sequence of float
        Largest local z of each toy.
    significance : float
    """
    maxima = np.sort(np.asarray([z for z in toy_maxima if not math.isnan(z)], dtype=float))[::-1]
    allowed = math.floor(float(ndtr(-significance)) * (maxima.size + 1)) - 1
    if allowed < 0 or maxima.size == 0:
        return None
    return float(maxima[min(allowed, maxima.size - 1)])


def _sigma_lines(axes: Axes, lowest: float) -> None:
    """Draw lines at whole local significances and label them on the right."""
    highest = 1
    while float(log10_p(highest + 1)) > lowest:
        highest += 1
    step = max(1, math.ceil(highest / 8))
    for k in range(step, highest + 1, step):
        y = float(log10_p(k))
        axes.axhline(y, color=MUTED, lw=0.6, ls=":", zorder=1)
        axes.annotate(
            f"{k} {SIGMA}",
            (1.008, y),
            xycoords=("axes fraction", "data"),
            va="center",
            fontsize=8,
            color=MUTED,
            annotation_clip=False,
        )


def _global_lines(axes: Axes, toy_maxima: Sequence[float], lowest: float) -> None:
    """Draw the global lines; one common name where they stand too close for three."""
    found = {k: z for k in (1, 2, 3) if (z := global_line(toy_maxima, k)) is not None}
    heights = {k: float(log10_p(z)) for k, z in found.items() if float(log10_p(z)) > lowest}
    for k, y in heights.items():
        axes.axhline(y, color=FAIL, lw=1.1, ls=(0, (6, 2)), zorder=2, gid=f"global-{k}")
    if not heights:
        return
    names = {k: f"global {k} {SIGMA}" for k in heights}
    steps = np.abs(np.diff(_height(list(heights.values()), lowest)))
    if steps.size and steps.min() < CROWDED:
        first = min(heights)
        names = {first: f"global {', '.join(str(k) for k in heights)} {SIGMA}"}
    for k, name in names.items():
        axes.annotate(
            name,
            (0.995, heights[k]),
            xycoords=("axes fraction", "data"),
            va="bottom",
            ha="right",
            fontsize=8,
            color=FAIL,
        )


def _height(y: Sequence[float], lowest: float) -> NDArray[np.float64]:
    """Return where values of log10 p stand, as a fraction of the axis."""
    values = np.asarray(y, dtype=float) / lowest
    return np.sqrt(values) if -lowest > DEEP else values


def _series(axes: Axes, looks: Sequence[Look], name: str, colour: str, place: int, of: int) -> None:
    good = [look for look in looks if look.method == name and look.local_z is not None]
    good = sorted((x for x in good if math.isfinite(x.local_z or 0.0)), key=lambda x: x.window)
    if not good:
        return
    low = np.array([look.window[0] for look in good])
    high = np.array([look.window[1] for look in good])
    y = log10_p(np.array([float(look.local_z or 0.0) for look in good]))
    offset = (high - low) * (0.12 * (place - 0.5 * (of - 1)))  # series side by side, not on top
    x = 0.5 * (low + high) + offset
    axes.hlines(y, low, high, color=colour, lw=1.0, alpha=0.55, zorder=3)
    axes.plot(x, y, color=colour, lw=0.9, ls="-", alpha=0.35, zorder=3)
    marker = MARKERS[place % len(MARKERS)]
    axes.plot(x, y, marker, color=colour, ms=5, mec="white", mew=0.5, zorder=4, clip_on=False)


def _root(y: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(-np.sqrt(np.maximum(-np.asarray(y, dtype=float), 0.0)))


def _square(v: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(-(np.asarray(v, dtype=float) ** 2))


def _axis(axes: Axes, lowest: float) -> None:
    depth = -lowest
    if depth > DEEP:
        axes.set_yscale("function", functions=(_root, _square))
        ticks = sorted({0, 1, *(round(depth * (i / 6) ** 2) for i in range(7))})
        ticks = [t for t in ticks if t == 0 or (t <= depth and math.sqrt(t / depth) > 0.07)]
    else:
        ticks = list(range(0, math.floor(depth) + 1, max(1, math.ceil(depth / 7))))
    axes.set_ylim(lowest, 0.0)
    axes.set_yticks([-float(t) for t in ticks])
    axes.set_yticklabels([log_label(10.0**-t) if t < 300 else f"1e-{t}" for t in ticks])
    axes.minorticks_off()
    axes.tick_params(axis="y", right=False)
    axes.set_ylabel("local p")


@styled
def plot_pvalue_scan(
    looks: Sequence[Look],
    toy_maxima: Sequence[float],
    resonance: str,
    *,
    width: float = WIDE,
) -> Figure:
    """Draw local p against mass: one panel per working point, one colour per method.

    Parameters
    ----------
    looks : sequence of Look
        Looks without a number are left out.
    toy_maxima : sequence of float
        Largest local z of each toy; gives the dashed global lines.
    resonance : str
    width : float
        In inches.

    Returns
    -------
    matplotlib.figure.Figure
        Each panel's y axis is log10 of p, so that nothing underflows; where p falls below 1e-9
        its upper part is stretched.
    """
    points = list(dict.fromkeys(look.working_point for look in looks))
    colour = colours([look.method for look in looks])
    z = [look.local_z for look in looks if look.local_z is not None and math.isfinite(look.local_z)]
    lines = [line for k in (1, 2, 3) if (line := global_line(toy_maxima, k)) is not None]
    lowest = float(log10_p(max([2.5, *z, *lines]))) * 1.12 - 0.25
    height = (2.5 if roomy(width) else 2.2) * max(1, len(points)) + 0.7
    figure = new_figure(width, height)
    panels = figure.subplots(max(1, len(points)), 1, sharex=True, sharey=True, squeeze=False)
    for axes, point in zip(panels[:, 0], points, strict=False):
        here = [look for look in looks if look.working_point == point]
        for place, name in enumerate(colour):
            _series(axes, here, name, colour[name], place, len(colour))
        _axis(axes, lowest)
        _sigma_lines(axes, lowest)
        _global_lines(axes, toy_maxima, lowest)
        axes.set_title(f"background efficiency {percent(point)}", fontsize=9)
    _frame(panels[-1, 0], looks, resonance)
    handles = [
        Line2D([], [], color=colour[name], marker=MARKERS[i % len(MARKERS)], label=plain(name))
        for i, name in enumerate(colour)
    ]
    figure.legend(handles=handles, loc="outside upper left", ncols=4 if roomy(width) else 2)
    return figure


def _frame(axes: Axes, looks: Sequence[Look], resonance: str) -> None:
    axes.set_xlabel(plain(resonance), color=INK)
    if looks:
        low = min(look.window[0] for look in looks)
        high = max(look.window[1] for look in looks)
        margin = 0.06 * (high - low)
        axes.set_xlim(low - margin, high + 3 * margin)  # room for the lines' names
