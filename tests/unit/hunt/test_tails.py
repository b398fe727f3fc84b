"""Logarithms of Poisson tails against arbitrary precision."""

from __future__ import annotations

import numpy as np
import pytest

from bycatch.hunt.tails import log_lower_tail, log_poisson, log_upper_tail

mpmath = pytest.importorskip("mpmath")

# From a fraction of a standard deviation to hundreds of them, few events and very many, weighted.
UPPER = [
    (1.0, 0.5),
    (1.0, 1e-12),
    (2.0, 1e-200),
    (5.0, 1e-3),
    (16.0, 1e-30),
    (100.0, 20.0),
    (200.25, 1e-3),
    (300.0, 1.0),
    (1_000.0, 999.0),
    (2_000.0, 500.0),
    (1e4, 9e3),
    (1e6, 9.6e5),
    (1e6, 9.5e5),
    (1e10, 9.995e9),
]
LOWER = [(0.0, 0.5), (0.0, 1_000.0), (5.0, 900.0), (10.5, 2_000.0), (100.0, 2_000.0), (1e4, 2e4)]


def _reference_upper(n: float, mean: float) -> float:
    """log P(N >= n) from its convergent series at 60 digits."""
    with mpmath.workdps(60):
        a, b = mpmath.mpf(n), mpmath.mpf(mean)
        if n > 1e7:  # the series has too many terms: the fraction, from its far end
            tail = mpmath.mpf(0)
            for k in range(4_000, 0, -1):
                tail = k * b / (a - b + k + tail)
            total = a / (a - b + tail)
        else:
            total = mpmath.hyp1f1(1, a + 1, b)
        return float(a * mpmath.log(b) - b - mpmath.loggamma(a + 1) + mpmath.log(total))


@pytest.mark.parametrize(("n", "mean"), UPPER)
def test_the_upper_tail_is_exact(n: float, mean: float) -> None:
    found = log_upper_tail(np.array([n]), np.array([mean]))[0]
    assert found == pytest.approx(_reference_upper(n, mean), rel=1e-11)


@pytest.mark.parametrize(("n", "mean"), LOWER)
def test_the_lower_tail_is_exact(n: float, mean: float) -> None:
    found = log_lower_tail(np.array([n]), np.array([mean]))[0]
    with mpmath.workdps(60):
        p = mpmath.gammainc(mpmath.mpf(n) + 1, mpmath.mpf(mean), mpmath.inf, regularized=True)
        assert found == pytest.approx(float(mpmath.log(p)), rel=1e-11)


def test_both_branches_meet() -> None:
    # p crosses 1e-290, where the branch changes, between these counts: no step may show
    mean = np.full(400, 1_000.0)
    n = np.arange(2_000.0, 2_400.0)
    log_p = log_upper_tail(n, mean)
    assert log_p[0] > np.log(1e-290) > log_p[-1]
    second = np.diff(log_p, 2)
    assert (second < 0).all()
    assert np.abs(np.diff(second)).max() < 1e-6


def test_probability_of_a_count() -> None:
    n = np.array([0.0, 1.0, 14.0, 16.0, 500.0])
    mean = np.array([3.0, 3.0, 10.0, 10.0, 480.0])
    with mpmath.workdps(40):
        expected = [
            float(a * mpmath.log(b) - b - mpmath.loggamma(a + 1))
            for a, b in zip(map(mpmath.mpf, n), map(mpmath.mpf, mean), strict=True)
        ]
    np.testing.assert_allclose(log_poisson(n, mean), expected, rtol=1e-13)
