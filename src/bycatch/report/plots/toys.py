"""Where the global p comes from: the largest excess of each toy beside the observed one."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from bycatch.report.numbers import SIGMA
from bycatch.report.plots.pvalue_scan import global_line
from bycatch.report.style import FAIL, INK, MUTED, PALETTE, TEMPLATE, WIDE, new_figure, styled

__all__ = ["plot_toys"]


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
    figure = new_figure(width, 3.3 if width > 6 else 3.0)
    axes = figure.subplots()
    seen = [observed] if observed is not None and math.isfinite(observed) else []
    ends = [*([maxima.min(), maxima.max()] if maxima.size else [0.0, 3.0]), *seen]
    low, high = math.floor(4 * min(ends)) / 4, math.ceil(4 * max(ends) + 0.5) / 4
    bins = int(np.clip(round(2 * maxima.size ** (1 / 3)), 8, 60))
    top = maxima.max() if maxima.size else high
    bottom = maxima.min() if maxima.size else low
    counts, edges = np.histogram(maxima, bins=bins, range=(bottom, max(top, bottom + 0.5)))
    axes.stairs(counts, edges, fill=True, color=TEMPLATE, label=f"{maxima.size:,} null toys")
    axes.stairs(counts, edges, color=MUTED, lw=0.8)
    for z in seen:
        axes.axvline(z, color=PALETTE[1], lw=2, label=f"observed: {z:.1f}", gid="observed")
    peak = max(1, counts.max(initial=0))
    for k in (1, 2, 3):
        line = global_line(toy_maxima, k)
        if line is None:
            continue
        axes.vlines(line, 0, 1.02 * peak, color=FAIL, lw=1.0, ls=(0, (6, 2)), gid=f"global-{k}")
        axes.text(line, 1.05 * peak, f"{k} {SIGMA}", color=FAIL, fontsize=8, ha="center")
    axes.set_xlim(low, high)
    axes.set_ylim(0, 1.32 * peak)
    axes.set_xlabel("largest local significance of all looks")
    axes.set_ylabel("toys", color=INK)
    axes.legend(loc="upper right" if not seen or seen[0] < 0.6 * (low + high) else "upper left")
    return figure
