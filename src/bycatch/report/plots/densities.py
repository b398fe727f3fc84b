"""Learning curves of background densities: how surprising held-out events are, round by round."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bycatch.report.style import PALETTE, WIDE, legend_above, plain, small_multiples, styled
from bycatch.search.result import DensityCurve

START = 0.15
"""Share of the rounds that the axis need not show whole: the first ones fall steeply."""


def served(curve: DensityCurve) -> str:
    """Return for how many windows a density was trained."""
    number = len(curve.windows)
    return f"one density for {number} window{'' if number == 1 else 's'}"


def _panel(axes: Axes, curve: DensityCurve) -> None:
    loss = np.asarray(curve.validation_loss, dtype=float)
    rounds = np.arange(1, loss.size + 1)
    axes.plot(rounds, loss, color=PALETTE[1], label="held-out events")
    if 0 <= curve.best < loss.size:
        axes.axvline(curve.best + 1, color=PALETTE[2], lw=0.9, ls="--")
        axes.plot(
            [curve.best + 1],
            [loss[curve.best]],
            "o",
            color=PALETTE[2],
            ms=6,
            label="kept state",
            gid="kept",
        )
    axes.set_xlim(0, max(loss.size, 2) + 1)
    late = loss[int(START * loss.size) :]
    late = late[np.isfinite(late)]
    if late.size:
        margin = 0.25 * max(float(np.ptp(late)), 1e-3)
        axes.set_ylim(late.min() - margin, late.max() + margin)
    axes.set_title(f"{plain(curve.name, 26)}: {served(curve)}", fontsize=9)
    axes.set_xlabel("round")
    axes.minorticks_off()


@styled
def plot_densities(
    curves: Sequence[DensityCurve], *, columns: int = 2, width: float = WIDE
) -> Figure:
    """Draw -log p of held-out events per round, one panel per density.

    Parameters
    ----------
    curves : sequence of DensityCurve
    columns : int
    width : float
        In inches.
    """
    columns = max(1, min(columns, len(curves)))
    figure, panels = small_multiples(width, len(curves), columns, 2.5, 0.5)
    for i, axes in enumerate(panels):
        _panel(axes, curves[i])
        if i % columns == 0:
            axes.set_ylabel("\N{MINUS SIGN}log p / nat")
    if panels:
        legend_above(figure, panels[0], 2)
    return figure
