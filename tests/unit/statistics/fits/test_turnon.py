from __future__ import annotations

import numpy as np
import pytest

from bycatch.errors import FitError
from bycatch.statistics.background import Background
from bycatch.statistics.fits.turnon import fit_turn_on

EDGES = np.linspace(2000.0, 6000.0, 41)
CENTRES = 0.5 * (EDGES[1:] + EDGES[:-1])


def rates(turn_on: float, width: float, total: float = 50_000.0) -> np.ndarray:
    x = CENTRES / 13_000.0
    shape = (1 - x) ** 7 * x ** (-4.5) * 0.5 * (1 + np.tanh((CENTRES - turn_on) / width))
    return total * shape / shape.sum()


@pytest.mark.parametrize(("turn_on", "width"), [(2400.0, 200.0), (2150.0, 300.0)])
def test_turn_on_is_found_without_fluctuations(turn_on: float, width: float) -> None:
    expected = rates(turn_on, width)
    fit = fit_turn_on(expected, EDGES)
    assert fit.deviance < 1e-2
    assert fit.turn_on == pytest.approx(turn_on, abs=20.0)
    assert fit.width == pytest.approx(width, rel=0.05)
    np.testing.assert_allclose(fit.rate, expected, atol=0.02 * np.sqrt(expected).max())


def test_it_describes_toys_that_the_dijet_function_cannot() -> None:
    counts = np.random.default_rng(51).poisson(rates(2400.0, 200.0))
    fit = fit_turn_on(counts, EDGES)
    assert fit.deviance < 34 + 4 * np.sqrt(2 * 34)  # 40 bins, 6 parameters
    assert Background("dijet", EDGES).fit(counts, 5).deviance[0] > fit.deviance + 50.0
    error = np.sqrt(fit.covariance[4, 4])
    assert abs(fit.turn_on - 2400.0) < 5.0 * error
    assert fit.coef.shape == (4,)


def test_masked_bins_do_not_matter() -> None:
    counts = np.random.default_rng(51).poisson(rates(2400.0, 200.0)).astype(float)
    mask = np.arange(40) != 20
    first = fit_turn_on(counts, EDGES, mask)
    counts[20] *= 5.0
    second = fit_turn_on(counts, EDGES, mask)
    np.testing.assert_allclose(second.rate, first.rate, rtol=1e-6)


def test_too_few_bins_is_an_error_in_words() -> None:
    counts = np.zeros(40)
    counts[:5] = 10.0
    with pytest.raises(FitError, match=r"Only 5 bins are populated.*6 parameters"):
        fit_turn_on(counts, EDGES)


def test_failure_carries_the_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    from bycatch.statistics.fits import turnon

    monkeypatch.setattr(turnon, "_CALLS", 5)
    counts = np.random.default_rng(51).poisson(rates(2400.0, 200.0))
    with pytest.raises(FitError, match=r"with a turn-on failed in 9 attempts: .*above the turn-on"):
        fit_turn_on(counts, EDGES)
