"""Figures of the mass behind cuts on a score, and of what a score reacts to."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bycatch.anomaly.hunts import Hunted
from bycatch.anomaly.result import Explained
from bycatch.anomaly.sculpt import Sculpted
from bycatch.report.numbers import SIGMA
from bycatch.report.plots.anomaly import log_labels
from bycatch.report.style import (
    INK,
    MUTED,
    PALETTE,
    SIGNAL,
    WIDE,
    beside,
    colours,
    new_figure,
    plain,
    roomy,
    small_multiples,
    styled,
)

MOST_BARS = 24
_SHOWN = (0.1, 0.01)


@styled
def plot_sculpting(items: Sequence[Sculpted], mass: str, *, width: float = WIDE) -> Figure:
    """Draw the divergence against the efficiency, and the spectra behind cuts of the first score.

    Parameters
    ----------
    items : sequence of Sculpted
        With numbers.
    mass : str
        Name of the axis.
    width : float
        In inches.

    Returns
    -------
    matplotlib.figure.Figure
    """
    figure, left, right = beside(width, 3.5, 6.0)
    names = [f"{item.method}, {item.score}" for item in items]
    colour = colours(names)
    for name, item in zip(names, items, strict=True):
        if item.found is None:
            continue
        points = item.found.points
        x = [point.efficiency for point in points]
        look: dict[str, Any] = {"color": colour[name], "ms": 4, "label": plain(name, 30)}
        left.plot(x, [max(p.divergence, 1e-7) for p in points], "o-", lw=1.2, **look)
        expected = [max(p.expected, 1e-7) for p in points]
        left.plot(x, expected, ls=":", lw=1, color=colour[name])
    left.set_xscale("log")
    left.set_yscale("log")
    for axis in (left.xaxis, left.yaxis):
        log_labels(axis)
    left.set_xlabel("background efficiency of the cut")
    left.set_ylabel("Jensen-Shannon divergence / bit")
    _behind(right, items[0], mass)
    left.legend(fontsize=7.5)
    return figure


def _behind(axes: Axes, item: Sculpted, mass: str) -> None:
    found = item.found
    if found is None:
        return
    edges = np.array(found.edges)
    spectra = {"all": np.array(found.spectrum)}
    for wanted in _SHOWN:
        point = min(found.points, key=lambda p: abs(np.log(max(p.efficiency, 1e-9) / wanted)))
        spectra[f"{100 * point.efficiency:.2g} % pass"] = np.array(point.passed)
    for (name, counts), look in zip(spectra.items(), (INK, *PALETTE), strict=False):
        total = counts.sum() * np.diff(edges)[0]
        if total > 0:
            axes.stairs(counts / total, edges, label=name, color=look, lw=1.3)
    axes.set_xlim(edges[0], edges[-1])
    axes.set_ylim(bottom=0)
    axes.set_xlabel(plain(mass))
    axes.set_ylabel("background density")
    axes.legend(fontsize=7.5, title=plain(f"{item.method}, {item.score}", 30), title_fontsize=7.5)


@styled
def plot_spectra(hunts: Sequence[Hunted], *, width: float = WIDE) -> Figure:
    """Draw the spectrum, the background's fit and the best window of each hunt.

    Parameters
    ----------
    hunts : sequence of Hunted
        With numbers, at least one.
    width : float
        In inches.

    Returns
    -------
    matplotlib.figure.Figure
    """
    columns = min(len(hunts), 3 if roomy(width) else 1)
    figure, panels = small_multiples(width, len(hunts), columns, 2.5, 0.2)
    for axes, hunt in zip(panels, hunts, strict=True):
        _spectrum(axes, hunt)
    return figure


def _spectrum(axes: Axes, hunt: Hunted) -> None:
    result: dict[str, Any] = hunt.result or {}
    spectrum = result["spectrum"]
    edges, counts, fit = (np.array(spectrum[key]) for key in ("edges", "counts", "fit"))
    axes.axvspan(*result["best"]["window"], color=SIGNAL, lw=0, zorder=0)
    axes.stairs(fit, edges, color=PALETTE[0], lw=1.3, baseline=None)
    centres = 0.5 * (edges[1:] + edges[:-1])
    axes.errorbar(centres, counts, yerr=np.sqrt(counts), fmt="o", ms=2.2, lw=0.7, color=INK)
    axes.set_xlim(edges[0], edges[-1])
    axes.set_ylim(0, 1.4 * float((counts + np.sqrt(counts)).max()))
    what = hunt.signal or "background"
    where = f"{hunt.method}, {100 * hunt.cut:g} %" if hunt.cut < 1 else "no cut"
    axes.set_title(plain(f"{where}: {what}", 34), fontsize=8.5)
    z, p = result["best"]["local_z"], result["global_p"]
    text = f"local {z:.1f} {SIGMA}, global p {p:.2g}"
    axes.text(0.97, 0.95, text, transform=axes.transAxes, ha="right", va="top", fontsize=8)
    axes.set_xlabel(plain(result["histogram"]["label"]))
    axes.set_ylabel("events")


@styled
def plot_contributions(
    item: Explained, names: Sequence[str], layout: str, *, width: float = WIDE
) -> Figure:
    """Draw what a score reacts to: pictures for images, else bars or points.

    Parameters
    ----------
    item : Explained
    names : sequence of str
        Of the features.
    layout : {"vector", "image", "set"}
    width : float
        In inches.

    Returns
    -------
    matplotlib.figure.Figure
    """
    if layout == "image":
        return _pictures(item, width)
    if layout == "set":
        return _places(item, width)
    return _bars(item, names, width)


def _pictures(item: Explained, width: float) -> Figure:
    count = len(item.processes)
    columns = min(count, 4 if roomy(width) else 2)
    figure, panels = small_multiples(width, count, columns, width / columns * 0.95, 0.3)
    top = float(np.nanmax(np.abs(item.mean))) or 1.0
    negative = bool(np.nanmin(item.mean) < -0.05 * top)
    picture = None
    for i, axes in enumerate(panels):
        picture = axes.imshow(
            item.mean[i],
            origin="lower",
            cmap="RdBu_r" if negative else "magma",
            vmin=-top if negative else 0.0,
            vmax=top,
        )
        axes.set_title(plain(f"{item.processes[i]} ({item.n[i]} events)", 28), fontsize=9)
        axes.set_xticks([])
        axes.set_yticks([])
        axes.minorticks_off()
    if picture is not None:
        figure.colorbar(picture, ax=figure.axes, label="mean contribution", shrink=0.85)
    return figure


def _places(item: Explained, width: float) -> Figure:
    figure = new_figure(width, 3.2)
    axes = figure.subplots()
    x = np.arange(1, item.mean.shape[1] + 1)
    for i, name in enumerate(item.processes):
        axes.errorbar(
            x,
            item.mean[i],
            yerr=item.error[i],
            fmt="o-",
            ms=2.5,
            lw=0.9,
            color=PALETTE[i % len(PALETTE)],
            label=plain(f"{name} ({item.n[i]} events)", 30),
        )
    axes.axhline(0, color=MUTED, lw=0.8)
    axes.set_xlim(0, x[-1] + 1)
    axes.set_xlabel("object of the set")
    axes.set_ylabel("mean contribution")
    axes.legend(fontsize=8)
    return figure


def _bars(item: Explained, names: Sequence[str], width: float) -> Figure:
    size = np.nan_to_num(np.abs(item.mean)).max(axis=0)
    order = np.argsort(-size, kind="stable")[:MOST_BARS]
    figure = new_figure(width, 0.9 + (0.16 * len(item.processes) + 0.12) * len(order))
    axes = figure.subplots()
    height = 0.8 / len(item.processes)
    for i, name in enumerate(item.processes):
        axes.barh(
            np.arange(len(order)) + height * (i - 0.5 * (len(item.processes) - 1)),
            np.nan_to_num(item.mean[i][order]),
            xerr=np.nan_to_num(item.error[i][order]),
            height=height,
            color=PALETTE[i % len(PALETTE)],
            error_kw={"lw": 0.8, "ecolor": INK},
            label=plain(f"{name} ({item.n[i]} events)", 30),
        )
    axes.set_yticks(np.arange(len(order)), [plain(names[j], 26) for j in order])
    axes.tick_params(axis="y", which="both", length=0)
    axes.set_ylim(len(order) - 0.4, -0.6)
    axes.axvline(0, color=MUTED, lw=0.8)
    axes.set_xlabel("mean contribution to the score")
    axes.legend(fontsize=8)
    return figure
