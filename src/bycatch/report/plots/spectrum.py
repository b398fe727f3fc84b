"""Selected spectra with their background fit, pulls and the window."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter, NullLocator
from numpy.typing import NDArray
from scipy.special import gammaincinv

from bycatch.report.numbers import number, percent
from bycatch.report.style import (
    BAND,
    FAIL,
    INK,
    MUTED,
    PALETTE,
    SIGNAL,
    WIDE,
    decades,
    new_figure,
    plain,
    roomy,
    small_multiples,
    styled,
)
from bycatch.search.result import Spectrum

_LEGEND = (
    "events before selection",
    "selected events",
    "background fit",
    "its standard error",
    "window (masked in this fit)",
)

Floats = NDArray[np.float64]


def garwood(counts: Floats, errors: Floats) -> tuple[Floats, Floats]:
    """Return the 68.3 % central Poisson interval per bin, scaled where events carry weights.

    Parameters
    ----------
    counts, errors : ndarray of shape (n_bins,)
        Sum of weights and square root of the sum of squared weights.

    Returns
    -------
    tuple of ndarray of shape (n_bins,)
        Lower and upper end. A bin of N events and mean weight w gives w times the interval of N;
        bins without a positive content give their value plus and minus the error.

    References
    ----------
    F. Garwood, Biometrika 28 (1936) 437.
    """
    tail = 0.158655
    good = (counts > 0) & (errors > 0)
    scale = np.divide(errors**2, counts, out=np.ones_like(counts), where=good)
    events = np.divide(counts, scale, out=np.zeros_like(counts), where=good)
    low = np.where(good, scale * gammaincinv(np.maximum(events, 1e-12), tail), counts - errors)
    high = np.where(good, scale * gammaincinv(events + 1.0, 1.0 - tail), counts + errors)
    return low, high


def pulls(counts: Floats, errors: Floats, fit: Floats) -> Floats:
    """Return the signed root of the Poisson deviance of each bin from the fit.

    For many events this is (counts - fit) / sqrt(fit); for few events it does not exaggerate.
    Weighted counts are first divided by the spectrum's mean weight, sum w^2 / sum w.
    """
    total = counts.sum()
    scale = (errors**2).sum() / total if total > 0 and (errors > 0).any() else 1.0
    n = np.maximum(counts / scale, 0.0)
    b = np.maximum(fit / scale, 1e-12)
    log_ratio = np.log(np.where(n > 0, n / b, 1.0))
    deviance = 2 * (n * log_ratio - (n - b))
    return np.asarray(np.sign(n - b) * np.sqrt(np.maximum(deviance, 0.0)))


def _arrays(spectrum: Spectrum) -> tuple[Floats, Floats, Floats, float]:
    """Return edges, counts, errors and the bin width to which unequal bins are scaled."""
    edges = np.asarray(spectrum.edges, dtype=float)
    return (
        edges,
        np.asarray(spectrum.counts, dtype=float),
        np.asarray(spectrum.errors, dtype=float),
        float(np.median(np.diff(edges))),
    )


def _shade(axes: Axes, spectrum: Spectrum, label: str | None) -> None:
    if spectrum.window is not None:
        axes.axvspan(*spectrum.window, color=SIGNAL, lw=0, zorder=0, label=label)


def _limits(counts: Floats, errors: Floats, fit: Floats) -> tuple[float, float]:
    """Return limits that hold all points, and the fit down to a tenth of one event."""
    full = counts > 0
    one = float((errors[full] ** 2 / counts[full]).min()) if full.any() else 1.0
    values = np.concatenate([counts[full], fit[fit > 0], [one] if not full.any() else []])
    return max(0.1 * (one or 1.0), 0.5 * float(values.min())), 4.0 * float(values.max())


def _draw(axes: Axes, spectrum: Spectrum, size: float, labels: bool) -> None:
    edges, counts, errors, width = _arrays(spectrum)
    scale = width / np.diff(edges)
    centres = 0.5 * (edges[1:] + edges[:-1])
    _shade(axes, spectrum, "window (masked in this fit)" if labels else None)
    fit = np.zeros(0)
    if spectrum.fit is not None:
        fit = np.asarray(spectrum.fit, dtype=float) * scale
        if spectrum.fit_error is not None:
            error = np.asarray(spectrum.fit_error, dtype=float) * scale
            low = np.maximum(fit - error, 1e-9)
            band = "its standard error" if labels else None
            axes.stairs(fit + error, edges, baseline=low, fill=True, color=BAND, lw=0, label=band)
        name = "background fit" if labels else None
        axes.stairs(fit, edges, baseline=None, color=PALETTE[0], lw=1.4, label=name)
    low, high = garwood(counts, errors)
    full = counts > 0
    axes.errorbar(
        centres[full],
        (counts * scale)[full],
        yerr=np.abs(np.stack([counts - low, high - counts]) * scale)[:, full],
        fmt="o",
        ms=size,
        lw=0.9,
        color=INK,
        zorder=4,
        label=("events before selection" if spectrum.method == "inclusive" else "selected events")
        if labels
        else None,
    )
    axes.set_yscale("log")
    decades(axes.yaxis)
    axes.yaxis.set_minor_formatter(NullFormatter())
    axes.set_ylim(*_limits(counts * scale, errors * scale, fit))
    axes.set_xlim(edges[0], edges[-1])


def _pull_panel(axes: Axes, spectrum: Spectrum) -> None:
    edges, counts, errors, _ = _arrays(spectrum)
    _shade(axes, spectrum, None)
    axes.axhline(0, color=MUTED, lw=0.8)
    top = 3.0
    if spectrum.fit is not None:
        pull = pulls(counts, errors, np.asarray(spectrum.fit, dtype=float))
        axes.stairs(pull, edges, fill=True, color=PALETTE[0], alpha=0.75, lw=0)
        top = max(top, 1.1 * float(np.abs(pull).max(initial=0.0)))
    for line in (-2, 2):
        axes.axhline(line, color=MUTED, lw=0.7, ls=":")
    axes.set_ylim(-top, top)
    axes.set_ylabel("pull", loc="center")


def _per_bin(spectrum: Spectrum, weighted: bool) -> str:
    events = "Sum of weights" if weighted else "Events"
    return f"{events} per {number(_arrays(spectrum)[3])}"


@styled
def plot_spectrum(
    spectrum: Spectrum,
    resonance: str,
    title: str = "",
    *,
    weighted: bool = False,
    width: float = WIDE,
    height: float | None = None,
) -> Figure:
    """Draw one spectrum with fit, pulls and the shaded window.

    Parameters
    ----------
    spectrum : Spectrum
    resonance : str
        Name for the mass axis.
    title : str
    weighted : bool
        Whether the contents are sums of weights.
    width, height : float
        In inches.

    Returns
    -------
    matplotlib.figure.Figure
        Two axes: the spectrum (log y) and the pulls.
    """
    figure = new_figure(width, height or (5.0 if roomy(width) else 4.3))
    top, bottom = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
    _draw(top, spectrum, 4.0, labels=True)
    _pull_panel(bottom, spectrum)
    top.set_ylabel(_per_bin(spectrum, weighted))
    bottom.set_xlabel(plain(resonance))
    handles, labels = top.get_legend_handles_labels()
    order = sorted(range(len(labels)), key=lambda i: _LEGEND.index(labels[i]))
    top.legend([handles[i] for i in order], [labels[i] for i in order], loc="upper right")
    if spectrum.fit is None:
        top.text(0.03, 0.05, "no fit: see the table", transform=top.transAxes, color=FAIL)
    if title:
        top.set_title(plain(title, 90 if roomy(width) else 44))
    return figure


@styled
def plot_spectra(
    spectra: Sequence[Spectrum],
    resonance: str,
    notes: Sequence[str] | None = None,
    *,
    columns: int = 3,
    weighted: bool = False,
    width: float = WIDE,
) -> Figure:
    """Draw many spectra as small multiples: one panel per look, the same mass axis.

    Parameters
    ----------
    spectra : sequence of Spectrum
    resonance : str
    notes : sequence of str, optional
        A second title line per panel, for example its local p.
    columns : int
    weighted : bool
    width : float
        In inches.
    """
    columns = max(1, min(columns, len(spectra)))
    height = 2.35 if roomy(width) else 2.0
    figure, panels = small_multiples(width, len(spectra), columns, height, 0.3, sharex=True)
    for i, (axes, spectrum) in enumerate(zip(panels, spectra, strict=True)):
        _draw(axes, spectrum, 2.4, labels=False)
        axes.set_title(
            f"{plain(spectrum.method, 26)}, {percent(spectrum.working_point)}"
            + (f"\n{notes[i]}" if notes else ""),
            fontsize=8.5,
        )
        axes.tick_params(labelsize=8)
        axes.xaxis.set_minor_locator(NullLocator())
        locator: Any = axes.xaxis.get_major_locator()
        locator.set_params(nbins=4)
        if i + columns >= len(spectra):
            axes.tick_params(labelbottom=True)
            axes.set_xlabel(plain(resonance, 24), fontsize=8.5)
        if i % columns == 0:
            axes.set_ylabel(_per_bin(spectrum, weighted), fontsize=8.5)
    return figure
