"""Null pseudo-experiments: fresh masses, features without copies."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import kstest

from bycatch.errors import DataError
from bycatch.search.sample import Sample
from bycatch.search.validation.pseudo import draw_sample, fit_selected, largest_mean, smooth_density
from bycatch.statistics.plan import BackgroundPlan

EDGES = np.arange(2700.0, 6501.0, 100.0)


def _density():
    centre = (EDGES[:-1] + EDGES[1:]) / 2 / 13_000
    return smooth_density(
        1e6 * (1 - centre) ** 9 * centre**-5 / 3e3, replace(PLAN.on(EDGES), integrate="auto")
    )


PLAN = BackgroundPlan(family="dijet", order=3)


def _pool(n=5000):
    X = np.arange(2 * n, dtype=np.float32).reshape(n, 2)
    return Sample(np.zeros(n), X, np.ones(n), None, ("a", "b"))


def test_masses_follow_the_fitted_density():
    density = _density()
    mass = density.draw(np.random.default_rng(1), 20_000)
    assert kstest(mass, lambda m: np.interp(m, density.mass, density.cumulative)).pvalue > 1e-3
    assert density.fractions(EDGES).sum() == pytest.approx(1.0)
    # The density inside a bin is smooth, not flat: its halves differ by the slope of the law.
    first = (mass >= 2700) & (mass < 2800)
    assert np.mean(mass[first] < 2750) > 0.5


def test_features_are_never_copied_and_the_number_is_poisson():
    density, rng = _density(), np.random.default_rng(2)
    sizes = []
    for _ in range(300):
        sample = draw_sample(_pool(), density, 1000.0, rng)
        assert np.unique(sample.X[:, 0]).size == len(sample)
        sizes.append(len(sample))
    # Variance of the sample variance of a Poisson law with mean 1000: 2 / 299 relative.
    assert np.var(sizes) / 1000 == pytest.approx(1.0, abs=4 * math.sqrt(2 / 299))
    assert np.mean(sizes) == pytest.approx(1000, abs=4 * math.sqrt(1000 / 300))


def test_a_pool_that_is_too_small_is_refused():
    mean = largest_mean(5000)
    assert mean + 5 * math.sqrt(mean) == pytest.approx(5000)
    with pytest.raises(DataError, match="smaller number of events"):
        draw_sample(_pool(), _density(), 6000.0, np.random.default_rng(3))


def test_an_empty_spectrum_gives_no_number():
    counts = np.vstack([np.zeros(EDGES.size - 1), 3000 * _density().fractions(EDGES)])
    fitted = fit_selected(counts, PLAN.on(EDGES), (3300.0, 3700.0))
    assert np.isnan(fitted["r"][0])
    # An exact spectrum has no excess, and the systematic cannot change that. Two deviances of
    # some 100 that agree to 1e-9 differ by 1e-7, of which r is the root.
    assert abs(fitted["plain_r"][1]) < 3e-4
    assert abs(fitted["r"][1]) < 3e-4
    assert fitted["systematic"][1] >= 0
