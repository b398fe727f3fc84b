from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from bycatch.errors import FitError
from bycatch.statistics.background import Background
from bycatch.statistics.significance.gaussian import gaussian_excess, gaussian_shape

EDGES = np.linspace(2700.0, 6700.0, 41)
DIJET = Background("dijet", EDGES, integrate=False)
CORE = (np.arange(40) >= 6) & (np.arange(40) < 10)


def rates(in_core: float) -> np.ndarray:
    x = 0.5 * (EDGES[1:] + EDGES[:-1]) / 13_000.0
    shape = (1 - x) ** 7 * x ** (-4.5)
    return in_core * shape / shape[CORE].sum()


def test_shape_is_the_gaussian_integral() -> None:
    shape = gaussian_shape([-1.0, 0.0, 1.0, 2.0], 0.0, 1.0)
    np.testing.assert_allclose(shape, np.diff(stats.norm.cdf([-1.0, 0.0, 1.0, 2.0])))
    with pytest.raises(FitError, match="width of a peak must be positive"):
        gaussian_shape(EDGES, 3500.0, 0.0)
    with pytest.raises(FitError, match="lies outside of the fit range"):
        gaussian_shape(EDGES, 9000.0, 100.0)


@pytest.mark.parametrize("in_core", [100.0, 1000.0])
def test_root_is_standard_normal_under_the_null(in_core: float) -> None:
    n = 3000
    toys = np.random.default_rng(31).poisson(rates(in_core), size=(n, 40))
    found = gaussian_excess(toys, DIJET, 3500.0, 100.0, 3)
    assert found.reason == ""
    # the mean is off by order 1/sqrt(B), for which there is no correction here
    assert abs(found.r.mean()) < 4.0 / np.sqrt(n) + 0.5 / np.sqrt(in_core)
    assert abs(found.r.std() - 1.0) < 4.0 / np.sqrt(2.0 * n) + 0.01
    assert found.background.std() == pytest.approx(found.background_error.mean(), rel=0.06)
    assert found.signal.std() == pytest.approx(found.signal_error.mean(), rel=0.06)


@pytest.mark.parametrize("signal", [-150.0, 200.0])
def test_injected_peak_is_recovered_with_its_sign(signal: float) -> None:
    n = 2000
    expected = rates(1000.0) + signal * gaussian_shape(EDGES, 3500.0, 100.0)
    toys = np.random.default_rng(32).poisson(expected, size=(n, 40))
    found = gaussian_excess(toys, DIJET, 3500.0, 100.0, 3)
    assert abs(found.signal.mean() - signal) < 4.0 * found.signal.std() / np.sqrt(n) + 1.0
    assert np.sign(found.r.mean()) == np.sign(signal)


def test_asimov_data_return_their_signal_exactly() -> None:
    expected = rates(500.0) + 80.0 * gaussian_shape(EDGES, 3500.0, 100.0)
    found = gaussian_excess(expected, DIJET, 3500.0, 100.0, 3)
    np.testing.assert_allclose(found.signal, 80.0, rtol=1e-4)
    np.testing.assert_allclose(found.background, 500.0, rtol=1e-4)
    np.testing.assert_allclose(found.n_window, expected[CORE].sum())


def test_empty_bins_under_the_peak_bound_the_signal() -> None:
    counts = rates(12.0)
    counts[CORE] = 0.0
    found = gaussian_excess(counts, DIJET, 3500.0, 100.0, 3)
    assert found.reason == ""
    assert -14.0 < found.signal[0] < -4.0
    assert -6.0 < found.r[0] < -2.0


def test_systematic_dilutes_the_root() -> None:
    expected = rates(1000.0) + 250.0 * gaussian_shape(EDGES, 3500.0, 100.0)
    table = np.repeat(expected[None], 4, axis=0)
    events = np.array([0.0, 1e-4, 60.0, 1e4])
    found = gaussian_excess(table, DIJET, 3500.0, 100.0, 3, events)
    error = found.signal_error[0]
    np.testing.assert_allclose(found.r[1], found.r[0], rtol=1e-5)
    assert found.r[2] == pytest.approx(found.r[0] * error / np.hypot(error, 60.0), rel=0.06)
    assert 0.0 < found.r[3] < 0.05
    np.testing.assert_allclose(
        found.background_error[2], np.hypot(found.background_error[0], 60.0), rtol=1e-6
    )


def test_batch_orders_and_units() -> None:
    toys = np.random.default_rng(33).poisson(rates(200.0), size=(12, 40)).astype(float)
    orders = np.array([3, 4] * 6)
    together = gaussian_excess(toys, DIJET, 3500.0, 100.0, orders)
    for index in (0, 5):
        alone = gaussian_excess(
            toys[index],
            Background("dijet", EDGES / 1e3, sqrt_s=13.0, integrate=False),
            3.5,
            0.1,
            orders[index],
        )
        np.testing.assert_allclose(alone.r[0], together.r[index], atol=1e-5)
    integrated = gaussian_excess(
        toys, Background("dijet", EDGES, integrate=True), 3500.0, 100.0, orders
    )
    np.testing.assert_allclose(integrated.r, together.r, atol=0.05)


def test_failed_fits_have_no_numbers() -> None:
    table = np.stack([rates(100.0), np.zeros(40)])
    found = gaussian_excess(table, DIJET, 3500.0, 100.0, 3)
    np.testing.assert_array_equal(found.converged, [True, False])
    assert np.isnan([found.r[1], found.p[1], found.signal[1], found.background[1]]).all()
    assert "empty" in found.reason


def test_fits_with_few_events_converge_or_say_why() -> None:
    toys = np.random.default_rng(1).poisson(rates(2.0), size=(2000, 40))
    found = gaussian_excess(toys, DIJET, 3500.0, 100.0, 3)
    assert found.converged.mean() > 0.99
    # all events in neighbouring bins: background and peak share them without a bound
    counts = np.zeros(40)
    counts[[1, 2]] = 2.0
    alone = gaussian_excess(counts, DIJET, 3500.0, 100.0, 3)
    assert not alone.converged[0]
    assert np.isnan(alone.r[0])
    assert alone.reason
