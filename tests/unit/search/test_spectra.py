"""How spectra are shown: merged bins keep every event and the window's own edges."""

from __future__ import annotations

import numpy as np
import pytest

from bycatch.search.spectra import LookKey, SelectedSpectrum, shown_edges, shown_spectrum
from bycatch.statistics.background import Background

WINDOWS = [(3313.2, 3698.9), (3140.5, 3506.0), (3495.4, 3902.3)]
EDGES = np.unique(np.concatenate([np.arange(2700.0, 6600.0, 100.0), np.ravel(WINDOWS)]))


@pytest.mark.parametrize("window", WINDOWS)
def test_own_window_stays_and_slivers_go(window):
    shown = shown_edges(EDGES, window)
    assert set(shown) <= set(EDGES)
    assert {*window, 2700.0, 6500.0} <= set(shown)
    assert np.diff(shown).min() >= 60.0 - 1e-9
    assert np.diff(shown).max() < 200.0


def test_regular_bins_stay_as_they_are():
    edges = np.arange(2700.0, 6600.0, 100.0)
    np.testing.assert_array_equal(shown_edges(edges, (3300.0, 3700.0)), edges)


def test_edges_that_must_all_stay():
    edges = np.array([0.0, 1.0, 10.0])
    np.testing.assert_array_equal(shown_edges(edges, (0.0, 1.0)), edges)


def test_merging_keeps_sums_and_errors_of_the_fit():
    middle = (EDGES[:-1] + EDGES[1:]) / 26000
    rate = (1 - middle) ** 10 / middle**5 * np.diff(EDGES)
    counts = np.random.default_rng(1).poisson(rate / rate.sum() * 5000).astype(float)
    fit = Background("dijet", EDGES, integrate=False).fit(counts, 3)
    selected = SelectedSpectrum(LookKey("m", WINDOWS[0], 0.1), counts, counts, 0.1, 0.0)
    shown = shown_spectrum(selected, EDGES, fit)
    assert sum(shown.counts) == counts.sum()
    assert sum(shown.fit) == pytest.approx(fit.rate.sum())
    low, high = shown.edges[3], shown.edges[4]
    inside = (EDGES[:-1] >= low) & (EDGES[:-1] < high)
    assert shown.counts[3] == counts[inside].sum()
    value, error = fit.total(inside)
    assert shown.fit[3] == pytest.approx(value[0])
    assert shown.fit_error[3] == pytest.approx(error[0])
    assert shown_spectrum(selected, EDGES, None).fit is None
