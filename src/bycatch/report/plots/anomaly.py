"""Figures of scores without labels: curves, both directions, contamination, preprocessing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from bycatch.anomaly.judge import Measured
from bycatch.report.plots.roc import draw_curve, frame_curves
from bycatch.report.style import (
    INK,
    MUTED,
    WIDE,
    beside,
    colours,
    decades,
    legend_above,
    new_figure,
    plain,
    roomy,
    styled,
)


def _label(item: Measured) -> str:
    return "supervised (labels)" if item.supervised else f"{item.method}, {item.score}"


def _palette(rows: Sequence[Measured]) -> dict[str, str]:
    """Give every score a colour; the supervised reference is black."""
    names = [_label(item) for item in rows if not item.supervised]
    return {**colours(names), "supervised (labels)": INK}


def log_labels(axis: Axis) -> None:
    """Label decades and, between them, twos and fives."""
    decades(axis)
    axis.set_minor_formatter(FuncFormatter(_between))


def _between(value: float, _position: object = None) -> str:
    digits = value / 10.0 ** np.floor(np.log10(value)) if value > 0.0 else 0.0
    return f"{value:g}" if round(float(digits), 6) in {2.0, 5.0} else ""


def _line(item: Measured) -> str:
    return "--" if item.supervised else "-"


@styled
def plot_score_curves(rows: Sequence[Measured], *, width: float = WIDE) -> Figure:
    """Draw background rejection and SIC against signal efficiency, one line per score.

    Parameters
    ----------
    rows : sequence of Measured
        Of one signal. Points whose background efficiency is not known to 20 % are not drawn.
    width : float
        In inches.

    Returns
    -------
    matplotlib.figure.Figure
        Two axes: 1/eps_B (log) and eps_S / sqrt(eps_B).
    """
    figure, left, right = beside(width, 3.6, 6.0)
    colour = _palette(rows)
    for item in rows:
        look: dict[str, Any] = {
            "color": colour[_label(item)],
            "ls": _line(item),
            "label": plain(_label(item), 30),
        }
        draw_curve(left, right, item.curve.thin(), item.curve.n_background, **look)
    frame_curves(left, right)
    log_labels(left.yaxis)
    legend_above(figure, left, 3 if roomy(width) else 1)
    return figure


@styled
def plot_directions(pairs: Sequence[tuple[Measured, Measured]], *, width: float = WIDE) -> Figure:
    """Draw the AUC of every score in both directions, one row per score and signal.

    Parameters
    ----------
    pairs : sequence of (Measured, Measured)
        Direct and inverse.
    width : float
        In inches.

    Returns
    -------
    matplotlib.figure.Figure
    """
    figure = new_figure(width, 1.1 + 0.3 * len(pairs))
    axes = figure.subplots()
    several = len({direct.signal for direct, _ in pairs}) > 1
    names = []
    for place, (direct, inverse) in enumerate(pairs):
        axes.plot([direct.auc, inverse.auc], [place, place], color=MUTED, lw=0.8, zorder=1)
        for item, marker, filled in ((direct, "o", True), (inverse, "s", False)):
            error = float(np.hypot(item.auc_error, item.auc_spread.deviation or 0.0))
            axes.errorbar(
                item.auc,
                place,
                xerr=error,
                fmt=marker,
                color=INK if item.supervised else colours(["direct", "inverse"])[item.direction],
                mfc=None if filled else "white",
                ms=5.5,
                lw=1,
            )
        short = "supervised" if direct.supervised else f"{direct.method}, {direct.score}"
        names.append(plain(f"{short} ({direct.signal})" if several else short, 34))
    axes.axvline(0.5, color=MUTED, ls=":", lw=1)
    axes.set_yticks(range(len(names)), names)
    axes.tick_params(axis="y", which="both", length=0)
    axes.minorticks_off()
    axes.set_ylim(len(names) - 0.5, -0.5)
    axes.set_xlim(0, 1)
    axes.set_xlabel("AUC    ● trained on background    □ trained on the signal (inverse)")
    return figure


@styled
def plot_contamination(rows: Sequence[Measured], *, width: float = WIDE) -> Figure:
    """Draw AUC and 1/eps_B at the higher signal efficiency against the contamination.

    Parameters
    ----------
    rows : sequence of Measured
        Direct ones of one signal, at several contaminations; the supervised reference is a line.
    width : float
        In inches.

    Returns
    -------
    matplotlib.figure.Figure
    """
    figure, left, right = beside(width, 3.4, 5.8)
    colour = _palette(rows)
    places = sorted({item.contamination for item in rows if not item.supervised})
    for name in dict.fromkeys(_label(item) for item in rows):
        here = sorted((x for x in rows if _label(x) == name), key=lambda x: x.contamination)
        look: dict[str, Any] = {"color": colour[name], "label": plain(name, 30)}
        if here[0].supervised:
            left.axhline(here[0].auc, ls="--", lw=1, **look)
            right.axhline(here[0].rejections[-1].value, ls="--", lw=1, **look)
            continue
        x = [places.index(item.contamination) for item in here]
        error = [np.hypot(i.auc_error, i.auc_spread.deviation or 0.0) for i in here]
        left.errorbar(x, [i.auc for i in here], yerr=error, fmt="o-", lw=1, **look)
        value = np.array([i.rejections[-1].value for i in here])
        bounds = np.array([i.rejections[-1].interval for i in here])
        fine = np.isfinite(value) & np.isfinite(bounds).all(axis=1)
        limits = np.abs(bounds[fine].T - value[fine])
        right.errorbar(np.array(x)[fine], value[fine], yerr=limits, fmt="o-", lw=1, **look)
    left.set_ylabel("AUC")
    left.axhline(0.5, color=MUTED, ls=":", lw=1)
    right.set_ylabel(f"1/ε$_B$ at ε$_S$ = {rows[0].rejections[-1].eps_s:g}")
    right.set_yscale("log")
    log_labels(right.yaxis)
    for axes in (left, right):
        _named_places(axes, [f"{100 * place:g} %" for place in places])
        axes.set_xlabel("signal in the training")
    legend_above(figure, left, 3 if roomy(width) else 1)
    return figure


def _named_places(axes: Axes, names: Sequence[str]) -> None:
    axes.set_xticks(range(len(names)), names)
    axes.tick_params(axis="x", which="minor", length=0)
    axes.set_xlim(-0.3, len(names) - 0.7)


@styled
def plot_preprocessing(rows: Sequence[Measured], *, width: float = WIDE) -> Figure:
    """Draw the AUC against the pixels' power and smearing, in both directions.

    Parameters
    ----------
    rows : sequence of Measured
        Of one signal; those with the run's own pixels are among them.
    width : float
        In inches.

    Returns
    -------
    matplotlib.figure.Figure
    """
    figure, *panels = beside(width, 3.4, 5.8)
    colour = _palette(rows)
    own = next(item.pixels for item in rows if not item.variant)
    labels = {"power": "power of the pixels", "smear": "smearing / pixel"}
    for axes, (key, text) in zip(panels, labels.items(), strict=True):
        other = "smear" if key == "power" else "power"
        chosen = [
            item
            for item in rows
            if item.pixels is not None
            and own is not None
            and getattr(item.pixels, other) == getattr(own, other)
        ]
        places = sorted({getattr(item.pixels, key) for item in chosen})
        for name in dict.fromkeys(_label(item) for item in chosen):
            for direction, line in (("direct", "-"), ("inverse", "--")):
                here = [i for i in chosen if _label(i) == name and i.direction == direction]
                here.sort(key=lambda item: float(getattr(item.pixels, key)))
                if not here:
                    continue
                x = [places.index(getattr(item.pixels, key)) for item in here]
                error = [np.hypot(i.auc_error, i.auc_spread.deviation or 0.0) for i in here]
                label = plain(f"{name}{'' if direction == 'direct' else ', inverse'}", 36)
                axes.errorbar(
                    x,
                    [i.auc for i in here],
                    yerr=error,
                    fmt=f"o{line}",
                    lw=1,
                    color=colour[name],
                    label=label,
                )
        axes.axhline(0.5, color=MUTED, ls=":", lw=1)
        _named_places(axes, [f"{place:g}" for place in places])
        axes.set_xlabel(text)
        axes.set_ylabel("AUC")
    legend_above(figure, panels[0], 3 if roomy(width) else 1)
    return figure
