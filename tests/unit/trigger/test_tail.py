"""Thresholds and efficiencies in the tail of a score."""

from __future__ import annotations

import numpy as np
import pytest

from bycatch.errors import DataError, FitError
from bycatch.trigger.tail import ENOUGH, FEWEST, ScoreTail, n_excesses


@pytest.fixture(scope="module")
def score() -> np.ndarray:
    return np.random.default_rng(3).exponential(size=20_000)


@pytest.fixture(scope="module")
def tail(score: np.ndarray) -> ScoreTail:
    return ScoreTail(score)


def test_the_tail_starts_by_the_rule(tail: ScoreTail) -> None:
    expected = 20_000 ** (2 / 3) / np.log(np.log(20_000))
    assert n_excesses(20_000.0) == pytest.approx(expected)
    assert tail.choice is not None
    assert abs(tail.choice.n_effective - expected) <= 1
    assert n_excesses(10.0) == FEWEST
    assert tail.status == "ok"


def test_where_events_are_many_they_are_counted(tail: ScoreTail, score: np.ndarray) -> None:
    found = tail.threshold(0.01)
    assert not found.extrapolated
    assert found.value == np.sort(score)[-200]
    assert found.n_effective == pytest.approx(200)
    assert found.low < -np.log(0.01) < found.high
    back = tail.efficiency(found.value)
    assert back.value == pytest.approx(0.01)
    assert back.low < 0.01 < back.high
    # A binomial error: sqrt(200) of 200 events.
    assert back.high - back.low == pytest.approx(2 * np.sqrt(200) / 20_000, rel=0.1)


def test_the_interval_of_a_cut_just_inside_of_the_tail_ends_at_its_start() -> None:
    small = ScoreTail(np.random.default_rng(2).exponential(size=300))
    assert small.choice is not None
    found = small.threshold(0.99 * small.choice.n_effective / 300)
    assert found.extrapolated  # 25 effective events are fewer than 30
    assert small.choice.threshold == found.low <= found.value < found.high


def test_where_events_are_few_the_tail_is_fitted_and_marked(tail: ScoreTail) -> None:
    found = tail.threshold(5e-6)
    assert found.extrapolated
    assert found.n_effective < ENOUGH
    assert found.low < found.value < found.high
    assert found.low < -np.log(5e-6) < found.high
    back = tail.efficiency(found.value)
    assert back.extrapolated
    assert back.value == pytest.approx(5e-6, rel=1e-3)  # medians are inverse
    assert tail.efficiency(found.high).low < 5e-6 < tail.efficiency(found.low).high


def test_30_effective_events_divide_counting_from_fitting(tail: ScoreTail) -> None:
    assert not tail.threshold(31 / 20_000).extrapolated
    assert tail.threshold(29 / 20_000).extrapolated


def test_counted_and_fitted_agree_inside_of_the_tail(tail: ScoreTail) -> None:
    assert tail.choice is not None
    middle, low, high = tail.curve(np.array([tail.choice.threshold]))
    counted = tail.counted(tail.choice.threshold)
    assert middle[0] == pytest.approx(counted.value, rel=1.0 / tail.choice.n_effective)
    assert low[0] == pytest.approx(counted.low, rel=0.01)
    assert high[0] == pytest.approx(counted.high, rel=0.01)


def test_a_stricter_level_gives_a_wider_interval(score: np.ndarray, tail: ScoreTail) -> None:
    one, two = tail.threshold(1e-5), ScoreTail(score, level=0.95).threshold(1e-5)
    assert two.low < one.low < one.high < two.high
    assert two.value == pytest.approx(one.value)


def test_weights(score: np.ndarray, tail: ScoreTail) -> None:
    same = ScoreTail(score, np.full(len(score), 0.3))
    one, other = same.threshold(1e-5), tail.threshold(1e-5)
    assert [one.value, one.low, one.high] == pytest.approx([other.value, other.low, other.high])
    split = ScoreTail(np.repeat(score, 2), np.tile([2.0, -1.0], len(score)))
    assert split.n_effective == pytest.approx(len(score) / 5)
    assert split.choice is not None
    assert split.threshold(1e-5).high - split.threshold(1e-5).low > (
        tail.threshold(1e-5).high - tail.threshold(1e-5).low
    )


def test_one_event_of_weight_2_counts_as_two(score: np.ndarray) -> None:
    weighted = ScoreTail(score, np.full(len(score), 2.0), start=5.0)
    twice = ScoreTail(np.repeat(score, 2), start=5.0)
    assert weighted.choice is not None
    assert twice.choice is not None
    assert weighted.choice.shape == pytest.approx(twice.choice.shape, abs=1e-7)
    assert weighted.efficiency(6.0).value == twice.efficiency(6.0).value


def test_too_few_events_have_no_tail() -> None:
    few = ScoreTail(np.arange(40.0))
    assert few.choice is None
    assert "too few" in few.status
    with pytest.raises(FitError, match="cannot be extrapolated"):
        few.threshold(1e-3)
    assert few.counted(39.0).value == pytest.approx(1 / 40)


def test_a_quantised_score_has_no_tail() -> None:
    score = np.where(np.random.default_rng(1).uniform(size=1000) < 0.1, 1.0, 0.0)
    with pytest.raises(FitError, match="different excesses"):
        ScoreTail(score).threshold(1e-4)


def test_a_tail_that_changes_is_told() -> None:
    rng = np.random.default_rng(1)
    score = rng.normal(size=50_000)
    score[:60] = 4.0 + 2.0 * rng.exponential(size=60)  # a second process far out
    assert "has not settled" in ScoreTail(score).status


def test_a_score_that_ends_is_told() -> None:
    assert "seems to end" in ScoreTail(np.random.default_rng(1).uniform(size=5000)).status


def test_nothing_above_gives_a_limit() -> None:
    found = ScoreTail(np.arange(1000.0)).counted(2000.0)
    assert (found.value, found.low) == (0.0, 0.0)
    # -log((1 - 0.6827) / 2) events of 1,000.
    assert found.high == pytest.approx(-np.log(0.5 * (1 - 0.6827)) / 1000, rel=0.01)


@pytest.mark.parametrize("efficiency", [0.0, 1.0, -1e-3])
def test_an_efficiency_outside_of_0_to_1(tail: ScoreTail, efficiency: float) -> None:
    with pytest.raises(DataError, match="between 0 and 1"):
        tail.threshold(efficiency)


@pytest.mark.parametrize(
    ("score", "weight", "message"),
    [
        ([1.0, np.nan], None, "1 of 2 scores or weights are not finite"),
        ([1.0, 2.0], [1.0, np.inf], "1 of 2 scores or weights are not finite"),
        ([1.0, 2.0], [1.0], "shapes"),
        ([1.0, 2.0], [1.0, -1.0], "sum to 0"),
    ],
)
def test_bad_events(score: list[float], weight: list[float] | None, message: str) -> None:
    with pytest.raises(DataError, match=message):
        ScoreTail(score, weight)
