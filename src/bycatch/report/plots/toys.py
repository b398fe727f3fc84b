"""Where the global p comes from: the largest excess of each toy beside the observed one."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bycatch.report.numbers import SIGMA
from bycatch.report.plots.pvalue_scan import global_line
from bycatch.report.style import (
    FAIL,
    INK,
    MUTED,
    PALETTE,
    TEMPLATE,
    WIDE,
    new_figure,
    roomy,
    styled,
)

FAR = 3.0
"""An observation further out, in widths of the toys' distribution, becomes an arrow."""


@styled
def plot_toys(
    toy_maxima: Sequence[float], observed: float | None, *, width: float = WIDE
) -> Figure:
    """Draw the largest local z of each toy, and the observed one.

    Parameters
    ----------
    toy_maxima : sequence of float
        NaN entries (toys without a number) are left out.
    observed : float or None
        Local z of the best look.
    width : float
        In inches.
    """
    maxima = np.asarray([z for z in toy_maxima if math.isfinite(z)], dtype=float)
    figure = new_figure(width, 3.3 if roomy(width) else 3.0)
    axes = figure.subplots()
    bottom, top = (maxima.min(), maxima.max()) if maxima.size else (0.0, 3.0)
    bins = int(np.clip(round(2 * maxima.size ** (1 / 3)), 8, 60))
    counts, edges = np.histogram(maxima, bins=bins, range=(bottom, max(top, bottom + 0.5)))
    axes.stairs(counts, edges, fill=True, color=TEMPLATE, label=f"{maxima.size:,} null toys")
    axes.stairs(counts, edges, color=MUTED, lw=0.8)
    peak = max(1, counts.max(initial=0))
    limits = _limits(bottom, max(top, bottom + 0.5), observed)
    _observed(axes, observed, limits)
    for k in (1, 2, 3):
        line = global_line(toy_maxima, k)
        if line is None:
            continue
        axes.vlines(line, 0, 1.02 * peak, color=FAIL, lw=1.0, ls=(0, (6, 2)), gid=f"global-{k}")
        axes.text(line, 1.05 * peak, f"{k} {SIGMA}", color=FAIL, fontsize=8, ha="center")
    axes.set_xlim(*limits)
    axes.set_ylim(0, 1.32 * peak)
    axes.set_xlabel("largest local significance of all looks")
    axes.set_ylabel("toys", color=INK)
    left = observed is not None and observed > 0.6 * sum(limits)
    axes.legend(loc="upper left" if left else "upper right")
    return figure


def _limits(bottom: float, top: float, observed: float | None) -> tuple[float, float]:
    """Return limits that hold the toys, and the observation unless it is far away."""
    span = top - bottom
    low, high = bottom - 0.05 * span, top + 0.3 * span
    if observed is not None and math.isfinite(observed):
        low = min(low, observed - 0.1 * span)
        high = max(high, min(observed + 0.2 * span, bottom + FAR * span))
    return low, high


def _observed(axes: Axes, observed: float | None, limits: tuple[float, float]) -> None:
    if observed is None or not math.isfinite(observed):
        return
    name = f"observed: {observed:.1f}"
    if observed < limits[1]:
        axes.axvline(observed, color=PALETTE[1], lw=2, label=name, gid="observed")
        return
    axes.annotate(
        f"{name}, beyond the axis",
        (1.0, 0.45),
        (0.72, 0.45),
        xycoords="axes fraction",
        textcoords="axes fraction",
        ha="right",
        va="center",
        color=PALETTE[1],
        arrowprops={"arrowstyle": "-|>", "color": PALETTE[1], "lw": 2},
        gid="observed",
    )
