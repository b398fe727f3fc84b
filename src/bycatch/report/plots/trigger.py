"""Figures of a trigger: the tail with its fit, and rates against the threshold."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from bycatch.report.style import (
    BAND,
    INK,
    MUTED,
    PALETTE,
    SIGNAL,
    WIDE,
    colours,
    decades,
    new_figure,
    plain,
    roomy,
    styled,
)
from bycatch.trigger.mixture import ScoredSample
from bycatch.trigger.run import TriggerResult

Floats = NDArray[np.float64]
_POINTS = 50
_WIDE = 20.0
"""Ratio of thresholds from which on their axis is logarithmic."""


@styled
def plot_tail(result: TriggerResult, *, width: float = WIDE) -> Figure:
    """Draw the background's rate above a threshold: counted, fitted and extrapolated.

    Parameters
    ----------
    result : TriggerResult
    width : float
        In inches.

    Returns
    -------
    matplotlib.figure.Figure
    """
    figure = new_figure(width, 4.2 if roomy(width) else 4.0)
    axes = figure.subplots()
    tail, total = result.tail, result.mixture.total(result.plan.of)
    choice = tail.choice
    ends = [point.threshold_interval[1] for point in result.points]
    start = _start(result)
    stop = max([point.threshold.value for point in result.points] + ends[:1])
    stop = min(stop, start + 3.0 * (max(p.threshold.value for p in result.points) - start))
    wide = start > 0.0 and stop > _WIDE * start
    spaced = np.geomspace if wide else np.linspace
    grid = spaced(start, stop, _POINTS)
    if choice is not None:
        inside = spaced(max(start, choice.threshold), stop, _POINTS)
        middle, low, high = (total * part for part in tail.curve(inside))
        axes.fill_between(inside, low, high, color=BAND, lw=0, label="its interval")
        axes.plot(inside, middle, color=PALETTE[0], label="fitted tail")
        axes.axvline(choice.threshold, color=MUTED, ls=":", lw=1)
    _counted(axes, result, grid)
    for point in result.points:
        axes.axhline(point.budget, color=PALETTE[1], lw=0.8, ls="--")
        axes.text(
            stop, point.budget, f"{point.budget:g}/day", ha="right", va="bottom", color=PALETTE[1]
        )
    axes.set_yscale("log")
    decades(axes.yaxis)
    axes.set_ylim(0.2 * min(point.budget for point in result.points), None)
    axes.set_xlim(start, stop)
    if wide:
        _logarithmic(axes)
    axes.set_xlabel("threshold on the score")
    axes.set_ylabel("background events per day above")
    axes.legend(loc="upper right")
    return figure


def _counted(axes: Axes, result: TriggerResult, grid: Floats) -> None:
    """Draw what is counted, as long as it is not less than one event of mean weight.

    Below, only events of small weight are left, and say nothing about those of large weight.
    """
    tail, total = result.tail, result.mixture.total(result.plan.of)
    found = [(x, tail.counted(x)) for x in grid]
    least = 0.0 if tail.choice is None else tail.fraction / tail.choice.n_effective
    shown = [(x, count) for x, count in found if count.value > 0 and count.value >= 0.999 * least]
    value = total * np.array([count.value for _, count in shown])
    ends = total * np.array([[count.low, count.high] for _, count in shown]).reshape(-1, 2).T
    axes.errorbar(
        [x for x, _ in shown],
        value,
        yerr=np.abs(ends - value),
        fmt="o",
        ms=3,
        lw=0.8,
        color=INK,
        label="counted",
    )


def _logarithmic(axes: Axes) -> None:
    axes.set_xscale("log")
    decades(axes.xaxis)


def _start(result: TriggerResult) -> float:
    choice = result.tail.choice
    lowest = min(point.threshold.value for point in result.points)
    return lowest if choice is None else min(lowest, choice.threshold)


@styled
def plot_rates(result: TriggerResult, *, width: float = WIDE) -> Figure:
    """Draw the rate of each process, and the efficiency of each signal, against the threshold.

    Parameters
    ----------
    result : TriggerResult
    width : float
        In inches.

    Returns
    -------
    matplotlib.figure.Figure
        Two axes that share the threshold.
    """
    figure = new_figure(width, 5.6)
    n_rows = 2 if result.signals else 1
    panels = np.atleast_1d(figure.subplots(n_rows, 1, sharex=True))
    everything = np.concatenate([s.score for s in result.background])
    low, high = np.quantile(everything, 0.001), max(p.threshold.value for p in result.points)
    wide = low > 0.0 and high > _WIDE * low
    colour = colours([s.name for s in result.background])
    for sample in result.background:
        x, fraction = _above(sample)
        rate = fraction * result.rates[sample.name].per_day
        panels[0].step(x, rate, where="post", color=colour[sample.name], label=plain(sample.name))
    panels[0].set_ylabel("events per day above")
    _lines(panels[0], result)
    if result.signals:
        colour = colours([s.name for s in result.signals])
        for sample in result.signals:
            x, fraction = _above(sample)
            panels[1].step(x, fraction, color=colour[sample.name], label=plain(sample.name))
        panels[1].set_ylabel("efficiency of the score")
        _lines(panels[1], result)
    for axes in panels:
        axes.set_yscale("log")
        decades(axes.yaxis)
        axes.set_xlim(low, 1.5 * high if wide else 1.1 * high - 0.1 * low)
        axes.legend(loc="lower left")
    if wide:
        _logarithmic(panels[-1])
    panels[-1].set_xlabel("threshold on the score")
    return figure


def _lines(axes: Axes, result: TriggerResult) -> None:
    for point in result.points:
        axes.axvspan(*point.threshold_interval, color=SIGNAL, alpha=0.5, lw=0, zorder=0)
        axes.axvline(point.threshold.value, color=MUTED, lw=0.8, ls="--")


def _above(sample: ScoredSample) -> tuple[Floats, Floats]:
    """Return rising thresholds, and the weighted fraction above each, where it is positive."""
    order = np.argsort(sample.score)
    score, weight = sample.score[order], sample.weight[order]
    fraction = np.cumsum(weight[::-1])[::-1] / weight.sum()
    chosen = np.unique(np.linspace(0, len(score) - 1, 2000).astype(int))
    chosen = np.union1d(chosen, np.arange(max(0, len(score) - 500), len(score)))
    chosen = chosen[fraction[chosen] > 0.0]
    return score[chosen], fraction[chosen]
