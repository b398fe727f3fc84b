from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from bycatch.errors import FitError
from bycatch.statistics.background import Background
from bycatch.statistics.significance.gaussian import gaussian_shape
from bycatch.statistics.significance.local import window_excess
from bycatch.statistics.significance.look_toys import free_width_excess, toy_calibrated_p

EDGES = np.linspace(2700.0, 6700.0, 41)
DIJET = Background("dijet", EDGES, integrate=False)
WINDOW = (3300.0, 3700.0)
INSIDE = (np.arange(40) >= 6) & (np.arange(40) < 10)


def rates(in_window: float) -> np.ndarray:
    x = 0.5 * (EDGES[1:] + EDGES[:-1]) / 13_000.0
    shape = (1 - x) ** 7 * x ** (-4.5)
    return in_window * shape / shape[INSIDE].sum()


def test_toys_calibrate_a_window_with_few_events() -> None:
    rng = np.random.default_rng(41)
    p = [
        toy_calibrated_p(counts, DIJET, WINDOW, 3, n_toys=200, rng=rng).p
        for counts in rng.poisson(rates(8.0), size=(160, 40))
    ]
    assert stats.kstest(p, "uniform").pvalue > 1e-3


def test_toys_agree_with_the_formula_where_counts_are_large() -> None:
    counts = np.random.default_rng(7).poisson(rates(2000.0)).astype(float)
    counts[INSIDE] *= 1.05
    rng = np.random.default_rng(1)
    for events in (0.0, 80.0):
        found = window_excess(counts, DIJET, WINDOW, 3, events)
        toys = toy_calibrated_p(
            counts,
            DIJET,
            WINDOW,
            3,
            events,
            n_toys=3000,
            rng=rng,
        )
        assert toys.r == pytest.approx(found.r[0])
        expected = stats.norm.sf(found.r_star[0])
        assert abs(toys.p - expected) < 4.0 * toys.p_error + 0.1 * expected
        assert (toys.n_toys, toys.n_failed) == (3000, 0)


def test_smallest_p_is_one_over_the_toys() -> None:
    counts = rates(50.0)
    counts[INSIDE] *= 4.0
    toys = toy_calibrated_p(
        counts,
        DIJET,
        WINDOW,
        3,
        n_toys=99,
        rng=np.random.default_rng(1),
    )
    assert toys.p == pytest.approx(0.01)
    assert toys.p_error == pytest.approx(0.01)


def test_same_stream_same_p() -> None:
    counts = np.random.default_rng(7).poisson(rates(10.0))
    first, second = (
        toy_calibrated_p(
            counts,
            DIJET,
            WINDOW,
            3,
            2.0,
            n_toys=50,
            rng=np.random.default_rng(3),
        )
        for _ in range(2)
    )
    assert first == second


def test_free_width_finds_the_width_and_pays_for_it() -> None:
    rng = np.random.default_rng(5)
    expected = rates(2000.0) + 400.0 * gaussian_shape(EDGES, 3500.0, 150.0)
    found = free_width_excess(
        expected,
        DIJET,
        3500.0,
        [75.0, 150.0, 300.0],
        3,
        n_toys=99,
        rng=rng,
    )
    assert found.width == 150.0
    assert found.p == pytest.approx(0.01)
    p, naive = [], []
    for counts in rng.poisson(rates(200.0), size=(150, 40)):
        scan = free_width_excess(
            counts,
            DIJET,
            3500.0,
            [75.0, 150.0, 300.0],
            3,
            n_toys=100,
            rng=rng,
        )
        p.append(scan.p)
        naive.append(stats.norm.sf(scan.r))
    assert stats.kstest(p, "uniform").pvalue > 1e-3
    assert stats.kstest(naive, "uniform").pvalue < 1e-3  # the largest r alone is not calibrated


def test_systematic_of_a_free_width_enters_its_toys() -> None:
    expected = rates(2000.0) + 250.0 * gaussian_shape(EDGES, 3500.0, 150.0)
    plain, wide = (
        free_width_excess(
            expected,
            DIJET,
            3500.0,
            [100.0, 200.0],
            3,
            events,
            n_toys=200,
            rng=np.random.default_rng(1),
        )
        for events in (0.0, 400.0)
    )
    assert wide.r < 0.5 * plain.r
    assert wide.p > plain.p


def test_failures_are_errors_in_words() -> None:
    rng = np.random.default_rng(1)
    with pytest.raises(FitError, match="all used bins are empty"):
        toy_calibrated_p(np.zeros(40), DIJET, WINDOW, 3, rng=rng)
    with pytest.raises(FitError, match="at least one width"):
        free_width_excess(rates(10.0), DIJET, 3500.0, [], 3, rng=rng)
    sparse = np.zeros(40)
    sparse[[0, 5, 12, 20]] = 1.0
    with pytest.raises(FitError, match=r"toys of this look could not be fitted|failed"):
        toy_calibrated_p(sparse, DIJET, WINDOW, 4, n_toys=50, rng=rng)
