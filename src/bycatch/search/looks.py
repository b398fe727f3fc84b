"""From selections to looks: spectra, background fits and local significances."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm

from bycatch.errors import FitError
from bycatch.search.result import Look, Spectrum
from bycatch.search.spectra import (
    LookKey,
    SelectedSpectrum,
    shown_spectrum,
    without_negative_bins,
)
from bycatch.search.validation.correction import Correction
from bycatch.statistics.background import Background
from bycatch.statistics.fits.goodness import goodness_of_fit
from bycatch.statistics.fits.order import planned_orders
from bycatch.statistics.fits.poisson import BatchFit
from bycatch.statistics.significance.local import LocalBatch, window_bins, window_excess
from bycatch.statistics.significance.look_toys import toy_calibrated_p
from bycatch.statistics.significance.spurious import spurious_signal
from bycatch.tasks.random import stream

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]

GOODNESS_TOYS = 300
LOW_COUNT = 20.0
"""Expected events in the window below which the asymptotic p is not calibrated."""
LOW_COUNT_TOYS = 2000
LOW_COUNT_HITS = 10
"""Toys that must reach the data for a p from toys; beyond them the asymptotic p stands."""


@dataclass(frozen=True)
class FittedLook:
    """A look with what the toys and the report need beside it.

    Attributes
    ----------
    look : Look
    spectrum : Spectrum
    r : float
        Signed root of the profile likelihood ratio, uncorrected; NaN where the fit failed.
    corrected_r : float
        With the measured over-dispersion divided out, on the scale of toys without training.
    systematic : float
        Spurious signal in effective events, as the toys use it.
    """

    look: Look
    spectrum: Spectrum
    r: float
    corrected_r: float
    systematic: float


def fit_look(
    selected: SelectedSpectrum, background: Background, correction: Correction | None, seed: int
) -> FittedLook:
    """Fit one selected spectrum and test its window for an excess.

    Parameters
    ----------
    selected : SelectedSpectrum
    background : Background
        On the fit range's binning.
    correction : Correction or None
        Measured over-dispersion to divide out.
    seed : int
        Seed of the run, for the toys of the goodness of fit and of low counts.

    Returns
    -------
    FittedLook
        A fit that failed gives a look without numbers and a status that says why.
    """
    window = selected.key.window
    inside = window_bins(background.edges, window)
    if selected.status != "ok":
        return _failed(selected, background.edges, inside, 0, selected.status)
    selected, edges = without_negative_bins(selected, background.edges)
    background, inside = replace(background, edges=edges), window_bins(edges, window)
    counts = selected.counts * selected.scale
    if counts.min() < 0:
        reason = "negative weights leave the window with a negative sum; widen it"
        return _failed(selected, edges, inside, 0, reason)
    try:
        order = int(planned_orders(counts, background, inside)[0])
        systematic = spurious_signal(counts, background, order, window)
        local = window_excess(counts, background, window, order, systematic)
    except FitError as error:
        return _failed(selected, edges, inside, 0, str(error))
    if not local.converged[0]:
        return _failed(selected, edges, inside, order, f"the fit failed: {local.reason}")
    return _succeeded(selected, background, correction, seed, order, systematic, local)


def _failed(
    selected: SelectedSpectrum, edges: Floats, inside: Mask, order: int, reason: str
) -> FittedLook:
    look = Look(
        method=selected.key.method,
        window=selected.key.window,
        working_point=selected.key.working_point,
        efficiency=selected.efficiency,
        efficiency_error=selected.efficiency_error,
        n_selected=round(float(selected.counts.sum())),
        n_window=round(float(selected.counts[inside].sum())),
        background=None,
        background_error=None,
        systematic=0.0,
        local_p=None,
        local_z=None,
        uncorrected_p=None,
        dispersion=1.0,
        order=order,
        goodness_of_fit=None,
        status=reason,
    )
    return FittedLook(look, shown_spectrum(selected, edges, None), np.nan, np.nan, 0.0)


def _succeeded(
    selected: SelectedSpectrum,
    background: Background,
    correction: Correction | None,
    seed: int,
    order: int,
    systematic: float,
    local: LocalBatch,
) -> FittedLook:
    key, scale, edges = selected.key, selected.scale, background.edges
    counts = selected.counts * scale
    inside = window_bins(edges, key.window)
    # what is shown under the window is extrapolated from outside of it
    fit = background.fit(counts, order, ~inside)
    goodness = _goodness(counts, fit, seed, key)
    r = float(local.r[0])
    p, status = _local_p(counts, background, order, systematic, local, seed, key)
    dispersion, corrected_r = 1.0, r
    corrected_p = p
    if correction is not None:
        dispersion = correction.entry(key.method, key.working_point).dispersion
        corrected_r = float(correction.on_toy_scale(r, key.method, key.working_point))
        corrected_p = float(
            norm.sf(correction.apply(float(norm.isf(p)), key.method, key.working_point))
        )
    look = Look(
        method=key.method,
        window=key.window,
        working_point=key.working_point,
        efficiency=selected.efficiency,
        efficiency_error=selected.efficiency_error,
        n_selected=round(float(selected.counts.sum())),
        n_window=round(float(selected.counts[inside].sum())),
        background=float(local.background[0]) / scale,
        background_error=float(local.background_error[0]) / scale,
        systematic=systematic / scale,
        local_p=corrected_p,
        local_z=float(norm.isf(corrected_p)),
        uncorrected_p=p,
        dispersion=dispersion,
        order=order,
        goodness_of_fit=goodness,
        status=status,
    )
    return FittedLook(look, shown_spectrum(selected, edges, fit), r, corrected_r, systematic)


def _goodness(counts: Floats, fit: BatchFit, seed: int, key: LookKey) -> float | None:
    """Return the p-value of a fit, or None where too few of its toys can be fitted to tell."""
    rng = stream(seed, "goodness", str(key))
    try:
        return goodness_of_fit(counts, fit, n_toys=GOODNESS_TOYS, rng=rng)
    except FitError:  # a sparse spectrum: its excess may still be tested
        return None


def _local_p(
    counts: Floats,
    background: Background,
    order: int,
    systematic: float,
    local: LocalBatch,
    seed: int,
    key: LookKey,
) -> tuple[float, str]:
    """Return the asymptotic p, or at low counts the one from toys of this look alone.

    Where too few toys reach the data, their fraction says nothing and the asymptotic p stands.
    """
    asymptotic = float(local.p[0])
    if local.background[0] >= LOW_COUNT:
        return asymptotic, "ok"
    try:
        from_toys = toy_calibrated_p(
            counts,
            background,
            key.window,
            order,
            systematic,
            n_toys=LOW_COUNT_TOYS,
            rng=stream(seed, "low-count", str(key)),
        ).p
    except FitError:  # one look whose toys cannot be fitted must not end the whole search
        return asymptotic, "ok"
    # p = (S + 1) / (N + 1), so this asks for at least ten hits
    if from_toys * (LOW_COUNT_TOYS + 1) > LOW_COUNT_HITS:
        return from_toys, "ok"
    return asymptotic, "ok"
