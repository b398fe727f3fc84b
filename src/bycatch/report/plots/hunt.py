"""Figures of a bump hunt: the spectrum with its fit and windows, and the toys."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from bycatch.hunt.plan import HuntResult
from bycatch.report.numbers import number
from bycatch.report.plots.spectrum import garwood, pulls
from bycatch.report.style import (
    BAND,
    INK,
    MUTED,
    PALETTE,
    SIGNAL,
    TEMPLATE,
    WIDE,
    new_figure,
    plain,
    roomy,
    styled,
)

Floats = NDArray[np.float64]
_LOG_RANGE = 30.0


@styled
def plot_hunt(result: HuntResult, *, width: float = WIDE, height: float | None = None) -> Figure:
    """Draw data and fit, the pulls, and the p-value of every window.

    Parameters
    ----------
    result : HuntResult
    width, height : float
        In inches.

    Returns
    -------
    matplotlib.figure.Figure
        Three axes that share the mass.
    """
    figure = new_figure(width, height or (6.2 if roomy(width) else 5.4))
    axes = figure.subplots(3, 1, sharex=True, height_ratios=(3, 1, 1.5))
    for panel in axes:
        _shade(panel, result, labels=panel is axes[0])
    _spectrum(axes[0], result, roomy=roomy(width))
    _pulls(axes[1], result)
    _windows(axes[2], result)
    axes[2].set_xlabel(plain(result.histogram.label))
    figure.align_ylabels(axes)
    return figure


def _shade(axes: Axes, result: HuntResult, *, labels: bool) -> None:
    for index, window in enumerate(result.fit.masked):
        name = "left out of the fit" if labels and index == 0 else None
        axes.axvspan(*window, color=TEMPLATE, alpha=0.5, lw=0, zorder=0, label=name)
    name = "best window" if labels else None
    axes.axvspan(*result.best.window, color=SIGNAL, lw=0, zorder=0.5, label=name)


def _spectrum(axes: Axes, result: HuntResult, *, roomy: bool) -> None:
    histogram = result.histogram
    edges = histogram.edges
    widths = np.diff(edges)
    unit = float(np.median(widths))
    scale = unit / widths
    counts, centres = histogram.counts, 0.5 * (edges[1:] + edges[:-1])
    low, high = garwood(counts, np.sqrt(counts))
    upper = (result.rate + result.rate_error) * scale
    lower = np.maximum((result.rate - result.rate_error) * scale, 1e-9)
    axes.stairs(upper, edges, baseline=lower, fill=True, color=BAND, lw=0, label="its error")
    name = f"background fit ({result.fit.family}, {result.fit.order} parameters)"
    axes.stairs(result.rate * scale, edges, baseline=None, color=PALETTE[0], lw=1.4, label=name)
    full = counts > 0
    error = np.abs(np.stack([counts - low, high - counts]) * scale)[:, full]
    axes.errorbar(
        centres[full],
        (counts * scale)[full],
        yerr=error,
        fmt="o",
        ms=3.5,
        lw=0.9,
        color=INK,
        zorder=4,
        label="data",
    )
    shown = np.concatenate([(counts * scale)[full], result.rate * scale])
    if shown.max() > _LOG_RANGE * shown.min():
        axes.set_yscale("log")
        axes.set_ylim(
            max(0.3 * shown.min(), 1e-8 * shown.max()), (4.0 if roomy else 300.0) * shown.max()
        )
    else:
        axes.set_ylim(0.0, (1.35 if roomy else 2.0) * shown.max())
    axes.set_xlim(edges[0], edges[-1])
    events = "Effective events" if histogram.weighted else "Events"
    axes.set_ylabel(f"{events} per {unit:.4g}")
    axes.legend(loc="best" if roomy else "upper right", fontsize=9 if roomy else 7)


def _pulls(axes: Axes, result: HuntResult) -> None:
    pull = pulls(result.histogram.counts, np.sqrt(result.histogram.counts), result.rate)
    axes.stairs(pull, result.histogram.edges, fill=True, color=PALETTE[0], alpha=0.75, lw=0)
    axes.axhline(0, color=MUTED, lw=0.8)
    for line in (-2, 2):
        axes.axhline(line, color=MUTED, lw=0.7, ls=":")
    top = max(3.0, 1.1 * float(np.abs(pull).max()))
    axes.set_ylim(-top, top)
    axes.set_ylabel("pull", loc="center")


def _windows(axes: Axes, result: HuntResult) -> None:
    """Draw every window with an excess as a bar at its BumpHunter p."""
    edges, scan = result.histogram.edges, result.scan
    log10 = -scan.log_p / np.log(10.0)
    shown = np.flatnonzero(log10 > 0)
    axes.hlines(
        log10[shown],
        edges[scan.windows.first[shown]],
        edges[scan.windows.last[shown]],
        color=PALETTE[0],
        lw=0.7,
        alpha=0.5,
    )
    best = scan.best
    axes.hlines(
        log10[best],
        edges[scan.windows.first[best]],
        edges[scan.windows.last[best]],
        color=PALETTE[1],
        lw=2.5,
    )
    axes.set_ylim(0.0, max(1.15 * float(log10.max()), 1.0))
    axes.set_ylabel(r"$-\log_{10}\,p$", loc="center")


@styled
def plot_hunt_toys(result: HuntResult, *, width: float = WIDE) -> Figure:
    """Draw the distribution of t in the toys and the observed one."""
    figure = new_figure(width, 3.2)
    axes = figure.subplots()
    finite = result.toys[np.isfinite(result.toys)]
    top = max(float(finite.max()), min(result.scan.t, 3.0 * float(finite.max())))
    axes.hist(finite, bins=60, range=(0.0, 1.05 * top), color=TEMPLATE, log=True, label="toys")
    if result.scan.t <= 1.05 * top:
        axes.axvline(result.scan.t, color=PALETTE[1], lw=1.8, label="data")
    else:
        text = f"data: t = {number(result.scan.t)} →"
        axes.text(0.98, 0.6, text, transform=axes.transAxes, ha="right", color=PALETTE[1])
    axes.set_xlim(0.0, 1.05 * top)
    axes.set_xlabel(r"BumpHunter's $t = -\log\,p$ of the best window")
    axes.set_ylabel("Toys")
    axes.legend(loc="upper right")
    return figure
