"""Budgets, thresholds, rates and tables of a mixture whose truth is known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from bycatch.errors import DataError
from bycatch.trigger.mixture import Mixture, ScoredSample
from bycatch.trigger.rates import Luminosity, Normalisation, Rate
from bycatch.trigger.tables import (
    cross_section_for_events,
    cross_section_for_purity,
    signal_row,
)
from bycatch.trigger.working_point import working_point

N = 20_000
LUMINOSITY = Luminosity(5.0)


def sample(name: str, scale: float, seed: int, n: int = N) -> ScoredSample:
    rng = np.random.default_rng(seed)
    score = scale * rng.exponential(size=n)
    return ScoredSample(name, score, np.ones(n), rng.uniform(size=n) < 0.25)


def rate(name: str, per_day: float, uncertainty: float = 0.0) -> Rate:
    return Rate(name, per_day, uncertainty, Normalisation())


@pytest.fixture(scope="module")
def mixture() -> Mixture:
    samples = [sample("w", 1.0, 1), sample("qcd", 1.5, 2, n=5_000)]
    return Mixture(samples, {"w": rate("w", 9e5), "qcd": rate("qcd", 1e5)})


def test_rates_weight_the_processes(mixture: Mixture) -> None:
    # Truth: 9e5 exp(-t) + 1e5 exp(-t / 1.5).
    point = working_point(mixture, 20_000.0)
    t = point.threshold.value
    truth = 9e5 * np.exp(-t) + 1e5 * np.exp(-t / 1.5)
    assert not point.threshold.extrapolated
    assert point.background_efficiency == pytest.approx(0.02)
    assert point.rate.value == pytest.approx(20_000, rel=0.01)
    error = 20_000 / np.sqrt(point.threshold.n_effective)
    assert abs(truth - 20_000) < 4 * error
    w, qcd = (process.rate for process in point.processes)
    assert w.value + qcd.value == pytest.approx(point.rate.value)
    assert qcd.value == pytest.approx(1e5 * np.exp(-t / 1.5), rel=4 / np.sqrt(qcd.n_effective))


def test_below_the_statistics_the_tail_is_fitted(mixture: Mixture) -> None:
    point = working_point(mixture, 30.0)
    assert point.threshold.extrapolated
    assert point.threshold.n_effective < 30
    assert point.rate.value == pytest.approx(30.0, rel=1e-3)
    assert point.rate.extrapolated
    assert point.rate.low < 30 < point.rate.high


def test_the_existing_menu(mixture: Mixture) -> None:
    every, pure = working_point(mixture, 2e4), working_point(mixture, 2e4, "pure_rate")
    assert every.pure_rate is not None
    assert pure.pure_rate is not None
    # The menu takes a quarter of all events, whatever their score.
    n = every.threshold.n_effective
    assert every.pure_rate.value == pytest.approx(0.75 * 2e4, rel=4 * np.sqrt(0.33 / n))
    assert pure.threshold.value < every.threshold.value
    assert pure.pure_rate.value == pytest.approx(2e4, rel=0.01)
    assert pure.rate.value > 2e4
    assert mixture.total("pure_rate") == pytest.approx(0.75e6, rel=0.02)


def test_without_a_menu_there_is_no_pure_rate() -> None:
    bare = Mixture([replace(sample("w", 1.0, 1), menu=None)], {"w": rate("w", 1e6)})
    assert not bare.has_menu
    assert working_point(bare, 1e4).pure_rate is None


def test_an_uncertain_rate_moves_the_threshold() -> None:
    samples = [sample("w", 1.0, 1)]
    point = working_point(Mixture(samples, {"w": rate("w", 1e6, 0.2)}), 20_000.0)
    low, high = point.threshold_normalisation
    # exp(-t) with 20 % more or less before the score.
    errors = 4 / np.sqrt(400)
    assert high - point.threshold.value == pytest.approx(np.log(1.2), abs=errors)
    assert point.threshold.value - low == pytest.approx(-np.log(0.8), abs=errors)
    total = point.threshold_interval
    assert total[0] < min(low, point.threshold.low)
    assert total[1] > max(high, point.threshold.high)


def test_rates_do_not_depend_on_how_weights_are_scaled(mixture: Mixture) -> None:
    scaled = Mixture([replace(s, weight=3.0 * s.weight) for s in mixture.samples], mixture.rates)
    one, other = working_point(mixture, 30.0), working_point(scaled, 30.0)
    assert other.threshold.value == pytest.approx(one.threshold.value)
    assert other.threshold.high == pytest.approx(one.threshold.high)


def test_signed_weights_cost_statistics(mixture: Mixture) -> None:
    signed = [
        ScoredSample(
            s.name,
            np.repeat(s.score, 2),
            np.tile([1.5, -0.5], len(s.score)),
            np.repeat(s.menu, 2),
        )
        for s in mixture.samples
    ]
    one, other = (working_point(m, 2e4) for m in (mixture, Mixture(signed, mixture.rates)))
    # Between the halves of an event the sum of weights is 0.5 too high: one event earlier it stops.
    error = 4 / one.threshold.n_effective
    assert other.threshold.value == pytest.approx(one.threshold.value, rel=error)
    assert other.threshold.n_effective == pytest.approx(one.threshold.n_effective / 2.5, rel=error)


@pytest.mark.parametrize("budget", [0.0, 1e6, 2e6])
def test_an_impossible_budget(mixture: Mixture, budget: float) -> None:
    with pytest.raises(DataError, match="must lie between 0 and the 1e\\+06 events per day"):
        working_point(mixture, budget)


def test_weights_that_cancel() -> None:
    bad = ScoredSample("w", np.arange(4.0), np.array([1.0, -1.0, 1.0, -1.0]))
    with pytest.raises(DataError, match="weights of 'w' sum to 0"):
        Mixture([bad], {"w": rate("w", 1e6)})


def test_the_row_of_a_signal(mixture: Mixture) -> None:
    signal = sample("a_4l", 3.0, 7, n=10_000)
    known = Normalisation(acceptance=0.2, trigger=0.5, uncertainty=0.1)
    point = working_point(mixture, 20_000.0)
    row = signal_row(signal, known, point, LUMINOSITY)
    passed = np.mean(signal.score >= point.threshold.value)
    assert row.selected == pytest.approx(0.1)
    assert row.score_efficiency.value == pytest.approx(passed)
    assert row.efficiency.value == pytest.approx(0.1 * passed)
    # 10 % of acceptance x trigger is by far the largest error.
    assert row.efficiency.high / row.efficiency.value == pytest.approx(1.1, abs=0.02)
    (ten, for_ten), (hundred, for_hundred) = row.events
    assert (ten, hundred) == (10.0, 100.0)
    assert for_ten.value == pytest.approx(10 / (0.1 * passed * 5000))
    assert for_hundred.value == pytest.approx(10 * for_ten.value)
    assert for_ten.low == pytest.approx(10 / (row.efficiency.high * 5000))
    assert row.purity[1].value == pytest.approx(20_000 * 30 / 3 / (0.1 * passed * 5000))


def test_gain_over_the_menu(mixture: Mixture) -> None:
    signal = sample("a_4l", 3.0, 7, n=10_000)
    known = Normalisation(acceptance=1.0, trigger=1.0)
    row = signal_row(signal, known, working_point(mixture, 2e4), LUMINOSITY)
    assert row.menu_efficiency is not None
    assert row.pure_efficiency is not None
    assert row.menu_efficiency.value == pytest.approx(0.25, abs=4 * np.sqrt(0.1875 / 10_000))
    both = np.mean((signal.score >= working_point(mixture, 2e4).threshold.value) | signal.menu)
    assert row.gain == pytest.approx(both / row.menu_efficiency.value)
    pure = signal_row(signal, known, working_point(mixture, 2e4, "pure_rate"), LUMINOSITY)
    assert pure.score_efficiency.value == pure.pure_efficiency.value


def test_a_signal_that_never_passes_gets_limits(mixture: Mixture) -> None:
    signal = sample("dull", 1e-3, 7, n=1_000)
    row = signal_row(
        signal, Normalisation(acceptance=0.5, trigger=0.5), working_point(mixture, 30.0), LUMINOSITY
    )
    assert row.efficiency.value == row.efficiency.low == 0.0
    assert row.efficiency.high > 0.0
    assert row.events[0][1].value == np.inf
    assert np.isfinite(row.events[0][1].low)
    assert row.events[0][1].to_json()["value"] is None
    assert row.score_efficiency.extrapolated


def test_the_arithmetic_of_cross_sections() -> None:
    assert cross_section_for_events(100, 2.8e-3, LUMINOSITY) == pytest.approx(100 / 14.0)
    assert cross_section_for_purity(1 / 3, 900.0, 2.8e-3, LUMINOSITY) == pytest.approx(300 / 14.0)
    assert cross_section_for_events(100, 0.0, LUMINOSITY) == np.inf
