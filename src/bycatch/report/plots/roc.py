"""ROC and significance improvement (SIC), where truth is known."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bycatch.report.style import (
    MUTED,
    WIDE,
    beside,
    colours,
    decades,
    legend_above,
    plain,
    roomy,
    styled,
)
from bycatch.search.result import Evaluation

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
    figure, left, right = beside(width, 3.5, 5.6)
    colour = colours([item.method for item in evaluation])
    for item in evaluation:
        look: dict[str, Any] = {"color": colour[item.method], "label": plain(item.method, 30)}
        draw_curve(left, right, item.roc, item.n_background, **look)
    frame_curves(left, right)
    legend_above(figure, left, 5 if roomy(width) else 2)
    return figure


def draw_curve(left: Axes, right: Axes, points: Any, n_background: float, **look: Any) -> None:
    """Draw 1/eps_B (left) and SIC (right), as far as eps_B is known to 20 %.

    Parameters
    ----------
    left, right : matplotlib.axes.Axes
    points : array_like of shape (n, 2)
        eps_B and eps_S.
    n_background : float
        (Effective) background events that eps_B is a fraction of.
    **look
        Of the lines.
    """
    table = np.asarray(points, dtype=float).reshape(-1, 2)
    known = table[:, 0] * n_background > 1 / MAX_RELATIVE_ERROR**2
    eps_b, eps_s = table[known].T
    left.plot(eps_s, 1 / eps_b, **look)
    right.plot(eps_s, eps_s / np.sqrt(eps_b), **look)


def frame_curves(left: Axes, right: Axes) -> None:
    """Draw what a random score gives, and label the axes of 1/eps_B (left) and SIC (right)."""
    diagonal = np.linspace(0.01, 1, 200)
    left.plot(diagonal, 1 / diagonal, color=MUTED, ls=":", lw=1, label="random")
    right.plot(diagonal, np.sqrt(diagonal), color=MUTED, ls=":", lw=1, label="random")
    left.set_yscale("log")
    decades(left.yaxis)
    left.set_ylabel("background rejection 1/ε$_B$")
    right.set_ylabel(r"SIC  ε$_S$ / √ε$_B$")
    right.set_ylim(bottom=0)
    for axes in (left, right):
        axes.set_xlim(0, 1)
        axes.set_xlabel("signal efficiency ε$_S$")
