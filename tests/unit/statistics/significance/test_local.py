from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from bycatch.errors import FitError
from bycatch.statistics.background import Background
from bycatch.statistics.significance.local import window_bins, window_excess

EDGES = np.linspace(2700.0, 6700.0, 41)
DIJET = Background("dijet", EDGES, integrate=False)
WINDOW = (3300.0, 3700.0)
INSIDE = (np.arange(40) >= 6) & (np.arange(40) < 10)
FLAT = np.linspace(0.0, 1.0, 41)


def rates(in_window: float) -> np.ndarray:
    x = 0.5 * (EDGES[1:] + EDGES[:-1]) / 13_000.0
    shape = (1 - x) ** 7 * x ** (-4.5)
    return in_window * shape / shape[INSIDE].sum()


@pytest.mark.parametrize("in_window", [20.0, 100.0, 1000.0])
def test_root_is_standard_normal_under_the_null(in_window: float) -> None:
    n = 4000
    toys = np.random.default_rng(21).poisson(rates(in_window), size=(n, 40))
    found = window_excess(toys, DIJET, WINDOW, 3)
    assert found.reason == ""
    assert abs(found.r.std() - 1.0) < 4.0 / np.sqrt(2.0 * n)
    # r is off by order 1/sqrt(B); its third-order correction must say by how much
    bias = (found.r_star - found.r).mean()
    assert 0.0 < bias < 0.5 / np.sqrt(in_window)
    assert abs(found.r.mean() + bias) < 4.0 / np.sqrt(n)
    assert abs(found.r_star.std() - 1.0) < 4.0 / np.sqrt(2.0 * n)
    assert stats.kstest(found.r_star, "norm").pvalue > 1e-3
    for level in (0.05, 0.01):
        tail = (found.r_star > stats.norm.isf(level)).mean()
        assert abs(tail - level) < 4.0 * np.sqrt(level / n)
    assert (found.p > 0.9).mean() > 0.05
    assert (found.p < 0.1).mean() > 0.05
    np.testing.assert_allclose(found.p, stats.norm.sf(found.r))
    np.testing.assert_array_equal(found.z, found.r)
    np.testing.assert_allclose(found.p_star, stats.norm.sf(found.r_star))


def test_p_is_uniform_where_counts_are_large() -> None:
    toys = np.random.default_rng(2).poisson(rates(20_000.0), size=(4000, 40))
    found = window_excess(toys, DIJET, WINDOW, 3)
    assert stats.kstest(found.p, "uniform").pvalue > 1e-3


@pytest.mark.parametrize("in_window", [20.0, 1000.0])
def test_injected_signal_is_recovered(in_window: float) -> None:
    n = 4000
    expected = rates(in_window)
    signal = 5.0 * np.sqrt(in_window)
    expected[INSIDE] *= 1.0 + signal / in_window
    toys = np.random.default_rng(3).poisson(expected, size=(n, 40))
    found = window_excess(toys, DIJET, WINDOW, 3)
    # the background fit is unbiased up to order one event (log-linear rates are convex)
    assert abs(found.signal.mean() - signal) < 4.0 * found.signal.std() / np.sqrt(n) + 1.0
    assert found.signal.std() == pytest.approx(found.signal_error.mean(), rel=0.05)
    assert found.background.std() == pytest.approx(found.background_error.mean(), rel=0.05)
    np.testing.assert_allclose(found.signal + found.background, found.n_window)


@pytest.mark.parametrize("n_window", [0, 1, 7, 30, 80])
def test_root_with_a_constant_background_has_its_closed_form(n_window: int) -> None:
    # 37 bins of 10 events beside a window of three bins: everything follows by hand
    inside = (np.arange(40) >= 20) & (np.arange(40) < 23)
    counts = np.where(inside, n_window / 3.0, 10.0)
    found = window_excess(
        counts, Background("exppoly", FLAT, integrate=False), (FLAT[20], FLAT[23]), 1
    )
    per_bin, constant = n_window / 3.0, counts.mean()
    free = 37 * (10.0 * np.log(10.0) - 10.0)
    free += 3 * ((per_bin * np.log(per_bin) if per_bin else 0.0) - per_bin)
    null = counts.sum() * np.log(constant) - counts.sum()
    expected = np.sign(n_window - 30.0) * np.sqrt(2.0 * abs(free - null))
    np.testing.assert_allclose(found.r[0], expected, atol=1e-6)
    np.testing.assert_allclose(found.background[0], 30.0, rtol=1e-9)
    np.testing.assert_allclose(found.background_error[0], 3 * np.sqrt(10 / 37), rtol=1e-6)


def test_empty_window_is_exact_and_joins_the_others() -> None:
    counts = rates(3.0)
    counts[INSIDE] = 0.0
    nearly = counts.copy()
    nearly[7] = 1e-9
    table = np.stack([counts, nearly, rates(3.0)])
    found = window_excess(table, DIJET, WINDOW, 3)
    assert found.reason == ""
    assert found.n_window[0] == 0.0
    assert found.r[0] < -1.5
    np.testing.assert_allclose(found.r[1], found.r[0], atol=1e-4)
    np.testing.assert_allclose(found.background[1], found.background[0], rtol=1e-4)
    np.testing.assert_allclose(found.background_error[1], found.background_error[0], rtol=1e-3)
    assert abs(found.r[2]) < 1e-6


def test_systematic_enters_the_null_and_the_error() -> None:
    counts = rates(1000.0)
    counts[INSIDE] *= 1.05
    plain = window_excess(counts, DIJET, WINDOW, 3)
    tiny = window_excess(counts, DIJET, WINDOW, 3, 1e-3)
    wide = window_excess(counts, DIJET, WINDOW, 3, [100.0])
    np.testing.assert_allclose(tiny.r, plain.r, rtol=1e-6)
    np.testing.assert_allclose(wide.background, plain.background)
    np.testing.assert_allclose(
        wide.background_error, np.hypot(plain.background_error, 100.0), rtol=1e-9
    )
    # Gaussian limit, good to about signal / (2 background): variances of the excess add
    expected = 50.0 / np.sqrt(1000.0 + plain.background_error[0] ** 2 + 100.0**2)
    assert wide.r[0] == pytest.approx(expected, rel=0.05)


def test_systematic_covers_a_biased_background() -> None:
    n, rng = 4000, np.random.default_rng(5)
    expected = np.repeat(rates(1000.0)[None], n, axis=0)
    expected[:, INSIDE] *= np.exp(0.05 * rng.standard_normal(n))[:, None]
    toys = rng.poisson(expected)
    covered = window_excess(toys, DIJET, WINDOW, 3, 50.0)
    naive = window_excess(toys, DIJET, WINDOW, 3)
    assert abs(covered.r_star.std() - 1.0) < 4.0 / np.sqrt(2.0 * n) + 0.01
    assert stats.kstest(covered.r_star, "norm").pvalue > 1e-3
    assert naive.r.std() > 1.3


def test_each_spectrum_uses_its_own_order_and_systematic() -> None:
    toys = np.random.default_rng(6).poisson(rates(200.0), size=(30, 40))
    orders = np.array([3, 4, 5] * 10)
    events = np.linspace(0.0, 20.0, 30)
    mixed = window_excess(toys, DIJET, WINDOW, orders, events)
    for index in (0, 4, 11, 29):
        alone = window_excess(
            toys[index],
            DIJET,
            WINDOW,
            orders[index],
            events[index],
        )
        np.testing.assert_allclose(alone.r[0], mixed.r[index], atol=1e-6)
        np.testing.assert_allclose(alone.r_star[0], mixed.r_star[index], atol=1e-5)


def test_unit_and_weights_do_not_matter() -> None:
    toys = np.random.default_rng(6).poisson(rates(200.0), size=(30, 40)).astype(float)
    plain = window_excess(toys, DIJET, WINDOW, 3)
    tev = window_excess(
        toys, Background("dijet", EDGES / 1e3, sqrt_s=13.0, integrate=False), (3.3, 3.7), 3
    )
    np.testing.assert_allclose(tev.r, plain.r, atol=1e-7)
    double = window_excess(2.0 * toys, DIJET, WINDOW, 3)
    np.testing.assert_allclose(double.r, np.sqrt(2.0) * plain.r, atol=1e-6)


def test_integrated_bins_agree_with_narrow_ones() -> None:
    fine_edges = np.linspace(2700.0, 6700.0, 161)
    x = 0.5 * (fine_edges[1:] + fine_edges[:-1]) / 13_000.0
    shape = (1 - x) ** 7 * x ** (-4.5)
    fine = 2e6 * shape / shape.sum()
    fine[24:40] *= 1.003
    window = (3300.0, 3700.0)
    edges = fine_edges[[0, 8, 16, 24, 40, 56, 72, 88, 104, 120, 136, 160]]
    coarse = np.add.reduceat(fine, np.searchsorted(fine_edges, edges[:-1] - 1e-6))
    narrow = window_excess(fine, Background("dijet", fine_edges, integrate=True), window, 3)
    integrated = window_excess(coarse, Background("dijet", edges, integrate="auto"), window, 3)
    pointwise = window_excess(coarse, Background("dijet", edges, integrate=False), window, 3)
    assert narrow.r[0] > 1.0
    assert integrated.r[0] == pytest.approx(narrow.r[0], abs=0.05)
    assert abs(pointwise.r[0] - narrow.r[0]) > 0.5


def test_failed_fits_have_no_numbers() -> None:
    table = np.stack([rates(50.0), np.zeros(40), np.where(np.arange(40) < 2, 5.0, 0.0)])
    found = window_excess(table, DIJET, WINDOW, 3, [0.0, 1.0, 2.0])
    np.testing.assert_array_equal(found.converged, [True, False, False])
    for values in (found.r, found.p, found.z, found.r_star, found.signal, found.background):
        assert np.isnan(values[1:]).all()
    assert "empty" in found.reasons[1]
    assert found.reason.startswith("2 of 3 fits")


def test_windows_off_the_binning_are_refused_in_words() -> None:
    with pytest.raises(FitError, match=r"does not end on bin edges.*nearest are 3300, 3400"):
        window_excess(rates(10.0), DIJET, (3310.0, 3700.0), 3)
    with pytest.raises(FitError, match="holds every bin"):
        window_bins(EDGES, (2700.0, 6700.0))
    with pytest.raises(FitError, match="holds no bin"):
        window_bins(EDGES, (3700.0, 3300.0))
