from __future__ import annotations

import numpy as np
import pytest

from bycatch.errors import ConfigError
from bycatch.statistics.background import Background
from bycatch.statistics.fits.background import FAMILIES
from bycatch.statistics.fits.order import choose_order

EDGES = np.linspace(2700.0, 6700.0, 41)
DIJET = Background("dijet", EDGES)
WINDOW = (np.arange(40) >= 6) & (np.arange(40) < 10)


def rates(total: float, curvature: float = 0.0) -> np.ndarray:
    log_x = np.log(0.5 * (EDGES[1:] + EDGES[:-1]) / 13_000.0)
    x = np.exp(log_x)
    shape = np.exp(7 * np.log1p(-x) - 4.5 * log_x + curvature * (log_x + 1.1) ** 2)
    return total * shape / shape.sum()


@pytest.mark.parametrize("test", ["likelihood", "f"])
def test_size_of_the_first_step_is_the_level(test: str) -> None:
    n = 4000
    toys = np.random.default_rng(4).poisson(rates(20_000.0), size=(n, 40))
    orders = choose_order(toys, DIJET, WINDOW, 0.1, test=test)
    rejected = (orders > 3).mean()
    assert abs(rejected - 0.1) < 4.0 * np.sqrt(0.1 * 0.9 / n)


def test_a_spectrum_that_needs_more_parameters_gets_them() -> None:
    toys = np.random.default_rng(4).poisson(rates(1e6, curvature=6.0), size=(50, 40))
    assert (choose_order(toys, DIJET, WINDOW) >= 4).all()
    assert (choose_order(toys, DIJET, WINDOW, max_order=4) == 4).all()


def test_the_masked_window_has_no_say() -> None:
    toys = np.random.default_rng(4).poisson(rates(20_000.0), size=(40, 40)).astype(float)
    plain = choose_order(toys, DIJET, WINDOW)
    toys[:, WINDOW] *= 3.0
    np.testing.assert_array_equal(choose_order(toys, DIJET, WINDOW), plain)
    # without the mask the signal is described by higher orders: it would be eaten
    assert choose_order(toys, DIJET).mean() > plain.mean() + 0.5


def test_spectra_that_cannot_be_fitted_get_the_lowest_order() -> None:
    table = np.zeros((3, 40))
    table[1, 3] = 4.0
    table[2] = rates(50.0)
    np.testing.assert_array_equal(choose_order(table, DIJET)[:2], [3, 3])


def test_few_bins_limit_the_order() -> None:
    counts = np.array([4000.0, 10.0, 3500.0, 20.0, 4000.0])
    assert choose_order(counts, Background("exppoly", np.arange(6.0)))[0] <= 4
    assert (
        choose_order([40.0, 30.0, 20.0], Background("dijet", [3000.0, 4000.0, 5000.0, 6000.0]))[0]
        == 3
    )


def test_impossible_limits_are_refused() -> None:
    with pytest.raises(ConfigError, match="starts at order 3"):
        choose_order(rates(100.0), DIJET, max_order=2)
    assert FAMILIES["dijet"].orders[0] == 3
