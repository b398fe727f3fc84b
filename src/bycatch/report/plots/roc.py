"""ROC and significance improvement (SIC), where truth is known."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from bycatch.report.style import MUTED, WIDE, colours, log_label, new_figure, plain, styled
from bycatch.search.result import Evaluation

__all__ = ["plot_roc"]

MAX_RELATIVE_ERROR = 0.2


@styled
def plot_roc(evaluation: Sequence[Evaluation], *, width: float = WIDE) -> Figure:
    """Draw background rejection and SIC against signal efficiency, one line per method.

    Parameters
    ----------
    evaluation : sequence of Evaluation
        Of one window. Points whose background efficiency is not known to 20 %,
        1 / sqrt(eps_B n_B) >= 0.2, are not drawn.
    width : float
        In inches.

    Returns
    -------
    matplotlib.figure.Figure
        Two axes: 1/eps_B (log) and eps_S / sqrt(eps_B).
    """
    side = width > 6
    figure = new_figure(width, 3.5 if side else 5.6)
    left, right = figure.subplots(1, 2) if side else figure.subplots(2, 1)
    colour = colours([item.method for item in evaluation])
    for item in evaluation:
        points = np.asarray(item.roc, dtype=float).reshape(-1, 2)
        known = points[:, 0] * item.n_background > 1 / MAX_RELATIVE_ERROR**2
        eps_b, eps_s = points[known].T
        label = plain(item.method, 30)
        left.plot(eps_s, 1 / eps_b, color=colour[item.method], label=label)
        right.plot(eps_s, eps_s / np.sqrt(eps_b), color=colour[item.method], label=label)
    diagonal = np.linspace(0.01, 1, 200)
    left.plot(diagonal, 1 / diagonal, color=MUTED, ls=":", lw=1, label="random")
    right.plot(diagonal, np.sqrt(diagonal), color=MUTED, ls=":", lw=1, label="random")
    left.set_yscale("log")
    left.yaxis.set_major_formatter(FuncFormatter(log_label))
    left.set_ylabel("background rejection 1/ε$_B$")
    right.set_ylabel(r"SIC  ε$_S$ / √ε$_B$")
    right.set_ylim(bottom=0)
    for axes in (left, right):
        axes.set_xlim(0, 1)
        axes.set_xlabel("signal efficiency ε$_S$")
    figure.legend(
        *left.get_legend_handles_labels(), loc="outside upper left", ncols=5 if side else 2
    )
    return figure
