from __future__ import annotations

import numpy as np
import pytest

from bycatch.errors import FitError
from bycatch.statistics.background import Background
from bycatch.statistics.fits.background import FAMILIES
from bycatch.statistics.significance.spurious import spurious_signal, spurious_signals

EDGES = np.linspace(2700.0, 6700.0, 41)
DIJET = Background("dijet", EDGES, integrate=False)
WINDOW = (3300.0, 3700.0)
INSIDE = (np.arange(40) >= 6) & (np.arange(40) < 10)


def dijet(total: float) -> np.ndarray:
    x = 0.5 * (EDGES[1:] + EDGES[:-1]) / 13_000.0
    shape = (1 - x) ** 7 * x ** (-4.5)
    return total * shape / shape.sum()


def test_it_is_the_difference_of_families_in_the_window() -> None:
    counts = np.random.default_rng(1).poisson(dijet(20_000.0))
    found = spurious_signals(counts, DIJET, 3, WINDOW)
    assert set(found) <= set(FAMILIES) - {"dijet", "cms"}
    for name, value in found.items():
        other = Background(name, EDGES).fit(counts, 3, ~INSIDE)
        nominal = Background("dijet", EDGES).fit(other.rate, 3, ~INSIDE)
        predicted, error = nominal.total(INSIDE)
        # the free-signal fit also sees the shape within the window: a small part of its error
        assert abs(value - (other.total(INSIDE)[0] - predicted)[0]) < 0.02 * error[0]
    largest = max(abs(value) for value in found.values())
    assert spurious_signal(counts, DIJET, 3, WINDOW) == pytest.approx(largest)
    rms = spurious_signal(counts, DIJET, 3, WINDOW, how="rms")
    assert 0.0 < rms <= largest


def test_a_stiff_family_on_a_curved_spectrum_is_seen() -> None:
    t = np.linspace(-1.0, 1.0, 40)
    curved = 200.0 * np.exp(-2.0 * t + 0.15 * np.cos(5.0 * t))
    edges = np.linspace(8.0, 12.0, 41)
    window = (9.6, 10.4)
    stiff = spurious_signal(
        curved, Background("exppoly", edges, integrate=False), 3, window, alternatives=["exppoly"]
    )
    assert stiff > 0.02 * curved[16:24].sum()


def test_the_window_does_not_matter_and_the_signal_scales_with_the_data() -> None:
    counts = np.random.default_rng(1).poisson(dijet(20_000.0)).astype(float)
    once = spurious_signals(counts, DIJET, 3, WINDOW, alternatives=["powerexp"])
    counts[INSIDE] *= 2.0
    again = spurious_signals(counts, DIJET, 3, WINDOW, alternatives=["powerexp"])
    assert again == pytest.approx(once)


def test_no_alternative_is_an_error_in_words() -> None:
    counts = np.random.default_rng(1).poisson(dijet(20_000.0))
    with pytest.raises(FitError, match="No other background family describes"):
        spurious_signal(counts, DIJET, 4, WINDOW, alternatives=["cms"])
    with pytest.raises(FitError, match="all used bins are empty"):
        spurious_signal(np.zeros(40), DIJET, 3, WINDOW)
