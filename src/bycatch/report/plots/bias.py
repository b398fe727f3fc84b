"""The template's bias against the working point, one colour per method."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullFormatter, NullLocator

from bycatch.report.numbers import percent
from bycatch.report.plots.pvalue_scan import MARKERS
from bycatch.report.style import INK, MUTED, WIDE, colours, new_figure, plain, roomy, styled
from bycatch.search.result import Look

REACH, SPACING = 0.42, 0.12
"""Spread of all methods of one working point and, at most, distance of two, in units of the
distance of the closest two working points."""


def _offsets(points: Sequence[float], number: int) -> np.ndarray:
    """Return offsets in log10 that set `number` methods side by side."""
    logs = np.unique(np.log10(points))
    step = float(np.diff(logs).min()) if logs.size > 1 else 1.0
    if number < 2:
        return np.zeros(max(number, 1))
    width = min(REACH, SPACING * (number - 1)) * step
    return np.linspace(0.5, -0.5, number) * width  # the axis runs from loose to tight


@styled
def plot_bias(looks: Sequence[Look], *, width: float = WIDE) -> Figure:
    """Draw delta_sys with its statistical (inner) and total (outer) error.

    Parameters
    ----------
    looks : sequence of Look
        Of one window; those without a measured bias are left out.
    width : float
        In inches.

    Returns
    -------
    matplotlib.figure.Figure
        One axes: the bias in per cent against the background efficiency (logarithmic).
    """
    measured = [x for x in looks if x.template is not None and x.template.delta_sys is not None]
    colour = colours([look.method for look in measured])
    figure = new_figure(width, 3.3 if roomy(width) else 3.2)
    axes = figure.subplots()
    axes.set_xscale("log")
    axes.axhline(0, color=MUTED, lw=0.8)
    points = sorted({look.working_point for look in measured})
    if points:
        axes.set_xlim(points[-1] * 2.2, points[0] / 2.2)
    shift = _offsets(points, len(colour))
    for place, (name, paint) in enumerate(colour.items()):
        mine = [look for look in measured if look.method == name]
        x = np.array([look.working_point for look in mine]) * 10 ** shift[place]
        values = np.array(
            [
                [
                    100 * (value if value is not None and math.isfinite(value) else 0.0)
                    for value in (
                        look.template.delta_sys,
                        look.template.delta_sys_statistical,
                        look.template.delta_sys_error,
                    )
                ]
                for look in mine
                if look.template is not None
            ]
        )
        y, inner, outer = values.T
        label = plain(name, 30)
        axes.errorbar(x, y, yerr=outer, fmt="none", ecolor=paint, elinewidth=1.0, capsize=3.5)
        axes.errorbar(x, y, yerr=inner, fmt="none", ecolor=paint, elinewidth=3.6, alpha=0.5)
        marker = MARKERS[place % len(MARKERS)]
        axes.plot(x, y, marker, color=paint, ms=5, mec="white", mew=0.5, zorder=4, label=label)
    if points:
        axes.set_xticks(points)
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: percent(value)))
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.xaxis.set_minor_locator(NullLocator())
    axes.margins(y=0.12)
    axes.set_xlabel("background efficiency")
    axes.set_ylabel("template bias / %", color=INK)
    if measured:
        figure.legend(loc="outside upper left", ncols=4 if roomy(width) else 2)
    return figure
