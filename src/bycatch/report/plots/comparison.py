"""Methods side by side in one window: local significance, and two estimates of the background."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import NullLocator

from bycatch.report.numbers import SIGMA, percent
from bycatch.report.style import INK, MUTED, PALETTE, WIDE, new_figure, plain, roomy, styled
from bycatch.search.result import Look

FIT, TEMPLATE = PALETTE[0], PALETTE[1]
APART = 0.17
"""Half the distance of the two estimates of one look, in rows."""
LARGE = 2.5
"""Largest ratio of a linear axis."""
GAP = 0.45
"""Additional distance between methods, in rows."""


def _places(looks: Sequence[Look]) -> list[float]:
    """Return heights, from the top down, methods parted by a gap."""
    heights: list[float] = []
    y = 0.0
    for i, look in enumerate(looks):
        if i:
            y -= 1.0 + (GAP if look.method != looks[i - 1].method else 0.0)
        heights.append(y)
    return heights


def _missing(axes: Axes, y: float, what: str, colour: str) -> None:
    axes.annotate(
        what,
        (0.99, y),
        xycoords=("axes fraction", "data"),
        ha="right",
        va="center",
        fontsize=7.5,
        color=colour,
    )


def _significances(axes: Axes, looks: Sequence[Look], heights: Sequence[float]) -> None:
    axes.axvline(0, color=MUTED, lw=0.8)
    for look, y in zip(looks, heights, strict=True):
        template = look.template
        pairs = (
            (look.local_z, y + APART, "o", FIT, FIT, "fit"),
            (
                None if template is None else template.local_z,
                y - APART,
                "D",
                TEMPLATE,
                "white",
                "template",
            ),
        )
        for z, height, marker, colour, face, name in pairs:
            if z is None or not math.isfinite(z):
                _missing(axes, height, f"{name}: no number", colour)
                continue
            axes.plot([z], [height], marker, color=colour, mfc=face, ms=5, gid=f"z-{name}")
    axes.set_xlabel(f"local significance z / {SIGMA}")


def _estimate(
    axes: Axes, y: float, value: float, errors: Sequence[float], colour: str, name: str
) -> None:
    """Draw one estimate: a thin bar for the last error, a thick one for the first of two."""
    for error, width in zip(errors, (0.9, 2.6), strict=False):
        axes.hlines(y, value - error, value + error, color=colour, lw=width, zorder=3)
    marker, face = ("o", colour) if name == "fit" else ("D", "white")
    axes.plot([value], [y], marker, color=colour, mfc=face, ms=5, zorder=4, gid=f"expected-{name}")


def _expectations(axes: Axes, looks: Sequence[Look], heights: Sequence[float]) -> None:
    """Draw events in the window in units of the fit's background."""
    axes.axvline(1, color=MUTED, lw=0.8)
    for look, y in zip(looks, heights, strict=True):
        unit = look.background
        if unit is None or not unit > 0:
            _missing(axes, y, "no fit to compare with", FIT)
            continue
        _estimate(axes, y + APART, 1.0, [(look.background_error or 0.0) / unit], FIT, "fit")
        axes.plot([look.n_window / unit], [y], "|", color=INK, ms=13, mew=1.6, gid="observed")
        template = look.template
        if template is None or template.background is None:
            _missing(axes, y - APART, "template: no number", TEMPLATE)
            continue
        finite = (template.background_error or 0.0) / unit
        total = math.hypot(finite, (template.systematic or 0.0) / unit)
        value = template.background / unit
        _estimate(axes, y - APART, value, [total, finite], TEMPLATE, "template")
    _ratio_axis(axes, looks)
    axes.set_xlabel("events in the window / background of the fit")


def _ratio_axis(axes: Axes, looks: Sequence[Look]) -> None:
    """Make the axis logarithmic where a large excess would squeeze the estimates together."""
    ratios = []
    for look in looks:
        if look.background is None or not look.background > 0:
            continue
        ratios.append(look.n_window / look.background)
        if look.template is not None and look.template.background is not None:
            ratios.append(look.template.background / look.background)
    positive = [ratio for ratio in ratios if ratio > 0]
    if not positive or max(positive) < LARGE:
        return
    axes.set_xscale("log")
    low, high = min(0.8, *positive), max(positive)
    axes.set_xlim(low / 1.6, high * 1.25)
    ticks = [t for t in (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100) if low / 1.6 < t < high * 1.25]
    axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    axes.xaxis.set_minor_locator(NullLocator())


@styled
def plot_comparison(looks: Sequence[Look], *, width: float = WIDE) -> Figure:
    """Draw fit and template beside each other, one row per look.

    Parameters
    ----------
    looks : sequence of Look
        Of one window, method by method.
    width : float
        In inches.

    Returns
    -------
    matplotlib.figure.Figure
        Two axes: local z, and the events in the window in units of the fit's background, with the
        error of each estimate (for the template thick: finite template, thin: with its bias).
    """
    rows, side = list(looks), roomy(width)
    heights = _places(rows)
    depth = 0.36 * (1.0 - (heights[-1] if heights else 0.0))
    figure = new_figure(width, depth + 1.15 if side else 2 * depth + 1.9)
    left, right = (
        figure.subplots(1, 2, sharey=True) if side else figure.subplots(2, 1, sharex=False)
    )
    _significances(left, rows, heights)
    _expectations(right, rows, heights)
    for axes in (left, right):
        axes.set_ylim((heights[-1] if heights else 0.0) - 0.65, 0.65)
        if axes.get_xscale() == "linear":
            axes.margins(x=0.12)
            axes.autoscale_view(scaley=False)
        axes.tick_params(axis="y", which="both", left=False, right=False)
        axes.tick_params(axis="x", top=False, which="both")
        for low, high in zip(heights[1:], heights[:-1], strict=True):
            if high - low > 1.0:
                axes.axhline(0.5 * (low + high), color=MUTED, lw=0.5, ls=":")
    names = [f"{plain(look.method, 24)}, {percent(look.working_point)}" for look in rows]
    for axes in (left,) if side else (left, right):
        axes.set_yticks(np.asarray(heights), names, fontsize=8.5)
    handles = [
        Line2D([], [], color=FIT, marker="o", lw=1, label="fit"),
        Line2D([], [], color=TEMPLATE, marker="D", mfc="white", lw=1, label="template"),
        Line2D([], [], color=INK, marker="|", ms=11, mew=1.6, lw=0, label="observed"),
    ]
    figure.legend(handles=handles, loc="outside upper left", ncols=3)
    return figure
