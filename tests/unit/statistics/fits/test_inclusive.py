"""The order that selected spectra start from."""

from __future__ import annotations

import math

import numpy as np
import pytest

from bycatch.statistics.background import Background
from bycatch.statistics.fits.order import choose_order
from bycatch.statistics.plan import BackgroundPlan
from bycatch.statistics.region import Region
from bycatch.statistics.significance.inclusive import with_least_order
from bycatch.statistics.significance.local import window_bins, window_excess

EDGES = np.arange(2700.0, 6501.0, 100.0)
DIJET = Background("dijet", EDGES, integrate=False)
WINDOW = (3300.0, 3700.0)
REGION = Region(WINDOW, ((2700.0, 3300.0), (3700.0, 6500.0)))
AUTO = BackgroundPlan(family="dijet", order="auto")


def four_parameters():
    """A spectrum with a turn-on's curvature, as the LHC Olympics background has."""
    x = (EDGES[:-1] + EDGES[1:]) / 2 / 13_000
    shape = (1 - x) ** 2 * x ** (-14.0 - 4.0 * np.log(x))
    return shape / shape.sum()


def events(n, rng):
    counts = rng.multinomial(n, four_parameters())
    centre = (EDGES[:-1] + EDGES[1:]) / 2
    return np.repeat(centre, counts)


def test_all_events_ask_for_what_few_cannot():
    rng = np.random.default_rng(1)
    mass = events(40_000, rng)
    found = with_least_order(AUTO, mass, np.ones(mass.size), EDGES, [REGION])
    assert found.min_order >= 4
    fixed = BackgroundPlan(family="dijet", order=3)
    assert with_least_order(fixed, mass, np.ones(mass.size), EDGES, [REGION]) is fixed


def test_a_selected_spectrum_is_then_unbiased():
    rng = np.random.default_rng(2)
    counts = rng.poisson(2000 * four_parameters(), (3000, EDGES.size - 1)).astype(float)
    inside = window_bins(EDGES, WINDOW)
    few = choose_order(counts, DIJET, inside)
    least = choose_order(counts, DIJET, inside, min_order=4)
    assert (few == 3).mean() > 0.2
    assert least.min() == 4
    r = window_excess(counts, DIJET, WINDOW, least).r
    # Standard normal within 4 standard errors of 3,000 toys, plus 0.02 for the pull of order 5.
    assert abs(r.mean()) < 4 / math.sqrt(3000) + 0.02
    assert r.std() == pytest.approx(1.0, abs=4 / math.sqrt(6000) + 0.02)
    biased = window_excess(counts, DIJET, WINDOW, few).r
    assert abs(biased.mean()) > abs(r.mean()) + 0.05


def test_where_the_least_order_has_no_solution_the_lowest_serves():
    counts = np.zeros((1, EDGES.size - 1))
    counts[0, :4] = (5, 3, 2, 1)
    inside = window_bins(EDGES, WINDOW)
    plain = choose_order(counts, DIJET, inside)
    least = choose_order(counts, DIJET, inside, min_order=5)
    assert least[0] in {plain[0], 5}
    rich = np.full((1, EDGES.size - 1), 50.0)
    assert choose_order(rich, DIJET, inside, min_order=5)[0] == 5
