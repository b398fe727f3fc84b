"""Learning curves: how long training went on, and whether it learned the training rows by heart."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bycatch.report.style import MUTED, PALETTE, WIDE, plain, roomy, small_multiples, styled
from bycatch.search.result import LearningCurve


def _panel(axes: Axes, curve: LearningCurve, ratio: bool) -> None:
    train = np.asarray(curve.train_loss, dtype=float)
    validation = np.asarray(curve.validation_loss, dtype=float)
    if not ratio:  # a density's own loss has another unit than -log p
        axes.plot(np.arange(1, train.size + 1), train, color=PALETTE[0], label="training")
    axes.plot(np.arange(1, validation.size + 1), validation, color=PALETTE[1], label="validation")
    if not ratio:
        axes.axhline(math.log(2), color=MUTED, lw=0.8, ls=":", label="ln 2: no discrimination")
    if curve.best:
        best = np.asarray(curve.best, dtype=float) + 1
        axes.plot(
            best,
            np.full(best.size, 0.03),
            "|",
            color=PALETTE[2],
            ms=9,
            transform=axes.get_xaxis_transform(),
            label="kept state of a member",
        )
    longest = max(0 if ratio else train.size, validation.size, 2)
    axes.set_xlim(1, longest)
    axes.margins(y=0.15)
    axes.set_title(plain(curve.method, 40), fontsize=9)
    axes.set_xlabel("round" if ratio else "epoch or tree")
    axes.set_ylabel("\N{MINUS SIGN}log p / nat" if ratio else "cross-entropy / nat")


@styled
def plot_curves(
    curves: Sequence[LearningCurve],
    *,
    ratios: Collection[str] = (),
    columns: int = 2,
    width: float = WIDE,
) -> Figure:
    """Draw the median training and validation loss of each method.

    Parameters
    ----------
    curves : sequence of LearningCurve
        One per method, in one window.
    ratios : collection of str
        Methods whose score is a ratio of densities: their validation loss is -log p of held-out
        events, their training loss is not drawn.
    columns : int
    width : float
        In inches.
    """
    columns = max(1, min(columns, len(curves)))
    figure, panels = small_multiples(width, len(curves), columns, 2.5, 0.5)
    named = {}
    for axes, curve in zip(panels, curves, strict=True):
        _panel(axes, curve, curve.method in ratios)
        handles, labels = axes.get_legend_handles_labels()
        named.update(dict(zip(labels, handles, strict=True)))
    if named:
        handles, labels = list(named.values()), list(named)
        figure.legend(handles, labels, loc="outside upper left", ncols=4 if roomy(width) else 2)
    return figure
