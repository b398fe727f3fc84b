"""Separation of two histograms."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import norm

from bycatch.evaluate import separation, separation_floor


def test_two_gaussians():
    edges = np.linspace(-6.0, 8.0, 400)
    s, t = np.diff(norm.cdf(edges, 2.0)), np.diff(norm.cdf(edges))

    def integrand(x: float) -> float:
        a, b = norm.pdf(x, 2.0), norm.pdf(x)
        return float(0.5 * (a - b) ** 2 / (a + b))

    assert separation(s, t) == pytest.approx(quad(integrand, -8.0, 10.0)[0], rel=1e-3)


def test_symmetric_and_free_of_scale():
    a, b = [1.0, 4.0, 2.0, 0.0], [3.0, 1.0, 0.5, 0.0]
    assert separation(a, b) == separation(b, a)
    assert separation(np.multiply(7.0, a), b) == pytest.approx(separation(a, b), rel=1e-12)
    assert np.isnan(separation([0.0, 0.0], [1.0, 2.0]))


def test_floor_is_the_mean_of_equal_distributions():
    rng = np.random.default_rng(1)
    p = np.array([0.1, 0.2, 0.3, 0.25, 0.15])
    draws = [separation(rng.multinomial(300, p), rng.multinomial(900, p)) for _ in range(2_000)]
    error = np.std(draws) / np.sqrt(len(draws))
    assert np.mean(draws) == pytest.approx(separation_floor(5, 300, 900), abs=4.0 * error)
