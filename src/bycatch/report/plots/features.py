"""What sets the selected events apart: each feature beside the template, ranked."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from bycatch.evaluate.separation import separation_floor
from bycatch.report.numbers import number
from bycatch.report.style import (
    INK,
    MUTED,
    TEMPLATE,
    WIDE,
    plain,
    roomy,
    small_multiples,
    styled,
)
from bycatch.search.result import FeatureComparison


def ranked(features: Sequence[FeatureComparison]) -> list[FeatureComparison]:
    """Return the comparisons from the most to the least separating feature."""
    return sorted(features, key=lambda item: (-item.separation, item.feature))


def by_chance(item: FeatureComparison) -> float | None:
    """Return the separation that as many events of the template would show on average.

    Parameters
    ----------
    item : FeatureComparison
        The number of selected events follows from the errors: Kish's effective size of the
        histogram. The template is taken as much larger. None where nothing was selected.
    """
    share = np.diff(np.asarray(item.edges, dtype=float))
    squares = float(((np.asarray(item.selected_error, dtype=float) * share) ** 2).sum())
    total = float((np.asarray(item.selected, dtype=float) * share).sum())
    filled = int((np.asarray(item.template, dtype=float) > 0).sum())
    if not (squares > 0 and total > 0 and filled > 0):
        return None
    return min(1.0, separation_floor(filled, total**2 / squares, math.inf))


def _panel(axes: Axes, item: FeatureComparison, place: int) -> None:
    edges = np.asarray(item.edges, dtype=float)
    selected = np.asarray(item.selected, dtype=float)
    template = np.asarray(item.template, dtype=float)
    error = np.asarray(item.selected_error, dtype=float)
    axes.stairs(template, edges, fill=True, color=TEMPLATE, lw=0)
    axes.stairs(template, edges, color=MUTED, lw=0.8)
    centres = 0.5 * (edges[1:] + edges[:-1])
    full = selected > 0
    axes.errorbar(centres[full], selected[full], yerr=error[full], fmt="o", ms=3, lw=0.9, color=INK)
    axes.set_xlim(edges[0], edges[-1])
    highest = np.concatenate([selected + error, template, [0.0]])
    axes.set_ylim(0, 1.12 * float(np.nanmax(highest)) or 1.0)
    chance = by_chance(item)
    separation = number(item.separation, 2) + (f" ({number(chance, 1)})" if chance else "")
    axes.set_title(f"{place}. {plain(item.feature, 24)}   separation {separation}", fontsize=9)
    axes.set_xlabel(plain(item.feature, 30), fontsize=9)
    axes.tick_params(labelsize=8)
    axes.minorticks_off()


@styled
def plot_features(
    features: Sequence[FeatureComparison], *, columns: int = 2, width: float = WIDE
) -> Figure:
    """Draw the selected events beside the template for each feature, best separation first.

    Parameters
    ----------
    features : sequence of FeatureComparison
        Of one method, window and working point.
    columns : int
    width : float
        In inches.
    """
    items = ranked(features)
    columns = max(1, min(columns, len(items)))
    figure, panels = small_multiples(width, len(items), columns, 2.35, 0.4)
    for i, axes in enumerate(panels):
        _panel(axes, items[i], i + 1)
        if i % columns == 0:
            axes.set_ylabel("density", fontsize=9)
    handles = [
        Line2D([], [], color=INK, marker="o", lw=0.9, label="selected events in the window"),
        Patch(facecolor=TEMPLATE, edgecolor=MUTED, label="background template"),
    ]
    figure.legend(handles=handles, loc="outside upper left", ncols=2 if roomy(width) else 1)
    return figure
