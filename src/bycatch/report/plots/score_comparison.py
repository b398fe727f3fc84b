"""Scores over many signals: a box for each score, and the table of scores and signals as a map."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import SymLogNorm
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle
from numpy.typing import NDArray

from bycatch.evaluate.score_comparison import Comparison, Summary
from bycatch.report.numbers import number
from bycatch.report.style import BAND, INK, MUTED, PALETTE, WIDE, new_figure, plain, roomy, styled

MOST = 40
"""Scores that a figure shows at most, the highest medians first."""

_LINEAR = 1.0
"""Below this improvement, where a cut makes things worse, the axis is linear: zero is common."""
_BOX = 3
"""Signals from which quartiles mean something."""


@styled
def plot_score_boxes(result: Comparison, *, width: float = WIDE) -> Figure:
    """Draw minimum, median and maximum of the total improvement of each score.

    Parameters
    ----------
    result : Comparison
    width : float
        In inches.

    Returns
    -------
    matplotlib.figure.Figure
        One row per score: whiskers from minimum to maximum, the median as a bar, and where signals
        are known a box between the quartiles and a point for each signal; references that learned
        from labels below a line.
    """
    shown = (*result.summaries[:MOST], *result.references)
    figure = new_figure(width, 1.3 + 0.26 * len(shown))
    axes = figure.subplots()
    methods, totals = result.totals()
    rows = dict(zip(methods, totals, strict=True))
    known = (reference.method for reference in result.references)
    rows |= dict(zip(known, result.reference_totals(), strict=True))
    for i, summary in enumerate(shown):
        _box(axes, -float(i), summary, rows.get(summary.method))
    if result.references:
        axes.axhline(len(result.references) - len(shown) + 0.5, color=INK, lw=0.8, gid="labels")
    axes.axvline(1.0, color=MUTED, lw=0.8, ls=":")
    axes.set_xscale("symlog", linthresh=_LINEAR)
    top = max([summary.maximum for summary in shown])
    axes.set_xlim(0.0, 1.5 * max(top, _LINEAR))
    ticks = [t for t in (0, 0.5, 1, 2, 5, 10, 20, 50, 100, 1000) if t <= 1.5 * max(top, _LINEAR)]
    axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    axes.minorticks_off()
    room = 40 if roomy(width) else 20
    names = [plain(s.method, room) for s in result.summaries[:MOST]]
    names += [f"{plain(s.method, room - 9)} (labels)" for s in result.references]
    axes.set_yticks(-np.arange(len(shown)), names)
    axes.tick_params(axis="y", which="both", left=False, right=False, labelsize=8)
    axes.set_ylim(-len(shown) + 0.4, 0.6)
    axes.set_xlabel(r"total improvement max $\varepsilon_S / \sqrt{\varepsilon_B}$")
    handles = [
        Line2D([], [], color=MUTED, lw=1.0, label="minimum to maximum"),
        Line2D([], [], color=PALETTE[1], marker="|", ms=10, mew=2, lw=0, label="median"),
    ]
    if rows:
        handles.append(Line2D([], [], color=PALETTE[0], marker=".", lw=0, label="a signal"))
    figure.legend(handles=handles, loc="outside upper left", ncols=len(handles))
    return figure


def _box(axes: Axes, y: float, summary: Summary, totals: NDArray[np.float64] | None) -> None:
    axes.hlines(y, summary.minimum, summary.maximum, color=MUTED, lw=1.0, gid="whisker")
    for end in (summary.minimum, summary.maximum):
        axes.plot([end], [y], "|", color=MUTED, ms=6)
    there = np.array([]) if totals is None else totals[np.isfinite(totals)]
    if there.size >= _BOX:
        low, high = np.quantile(there, [0.25, 0.75])
        axes.barh(y, high - low, left=low, height=0.55, color=BAND, lw=0, zorder=1, gid="box")
    if there.size:
        axes.plot(there, np.full(there.size, y), ".", color=PALETTE[0], ms=4, zorder=3)
    axes.plot([summary.median], [y], "|", color=PALETTE[1], ms=11, mew=2, zorder=4, gid="median")


@styled
def plot_score_map(result: Comparison, *, width: float = WIDE) -> Figure:
    """Draw the total improvement of each score for each signal.

    Parameters
    ----------
    result : Comparison
        With signals.
    width : float
        In inches.

    Returns
    -------
    matplotlib.figure.Figure
        One row per score, one column per signal; the best score of each signal is framed.
    """
    methods, totals = result.totals()
    methods, totals = methods[:MOST], totals[:MOST]
    figure = new_figure(width, 1.8 + 0.28 * len(methods))
    axes = figure.subplots()
    top = max(float(np.nanmax(totals)), _LINEAR)
    norm = SymLogNorm(_LINEAR, vmin=0.0, vmax=top)
    picture = axes.imshow(totals, aspect="auto", cmap="viridis", norm=norm)
    names = [plain(s, 30 if roomy(width) else 16) for s in result.signals]
    axes.set_xticks(np.arange(len(names)), names, rotation=40, ha="right", fontsize=8)
    axes.set_yticks(
        np.arange(len(methods)), [plain(m, 34 if roomy(width) else 16) for m in methods], fontsize=8
    )
    axes.tick_params(which="both", length=0)
    axes.minorticks_off()
    written = len(names) <= (16 if roomy(width) else 6)
    for j in range(len(names)):
        column = totals[:, j]
        for i in np.flatnonzero(np.isfinite(column)).tolist():
            if written:
                dark = float(norm(column[i])) < 0.6
                text = number(float(column[i]), 2)
                colour = "white" if dark else INK
                axes.text(j, i, text, ha="center", va="center", fontsize=7.5, color=colour)
            if column[i] == np.nanmax(column) and column[i] > 0.0:
                axes.add_patch(_frame(j, i))
    figure.colorbar(picture, ax=axes, label="total improvement", pad=0.01)
    return figure


def _frame(column: int, row: int) -> Rectangle:
    return Rectangle((column - 0.5, row - 0.5), 1, 1, fill=False, ec=PALETTE[1], lw=1.6)
