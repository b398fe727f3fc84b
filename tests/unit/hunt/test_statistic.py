"""BumpHunter's statistic against a loop over windows, and its options."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import poisson

from bycatch.errors import DataError
from bycatch.hunt.statistic import make_windows, scan, toy_statistics

BACKGROUND = 400.0 * np.exp(-np.linspace(0.0, 6.0, 25)) + 0.3


def _toys(n: int, seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).poisson(BACKGROUND, size=(n, BACKGROUND.size))


def _by_hand(counts: np.ndarray, background: np.ndarray, widths: range) -> float:
    best = 0.0
    for width in widths:
        for first in range(counts.size - width + 1):
            d = counts[first : first + width].sum()
            b = background[first : first + width].sum()
            if d > b:
                best = max(best, -poisson.logsf(d - 1, b))
    return best


def test_scan_equals_a_loop_over_all_windows() -> None:
    windows = make_windows(25, range(1, 7))
    for toy in _toys(20):
        expected = _by_hand(toy, BACKGROUND, range(1, 7))
        assert scan(toy, BACKGROUND, windows).t == pytest.approx(expected, rel=1e-10)


@pytest.mark.parametrize("mode", ["excess", "deficit"])
@pytest.mark.parametrize("options", [{}, {"normalise": True}, {"veto": 0.05}])
def test_all_toys_at_once_equal_one_by_one(mode: str, options: dict) -> None:
    toys, windows = _toys(300), make_windows(25, range(1, 7))
    single = [scan(toy, BACKGROUND, windows, mode=mode, **options) for toy in toys]
    expected = np.array([one.t for one in single])
    t, best = toy_statistics(toys, BACKGROUND, windows, mode=mode, **options)
    np.testing.assert_allclose(t, expected, rtol=1e-12)
    chosen = [one.best if one.t > 0 else -1 for one in single]
    assert np.mean(best == chosen) == 1.0


@pytest.mark.parametrize("mode", ["excess", "deficit"])
def test_each_toy_with_its_own_background(mode: str) -> None:
    # pruning by the normal bound must never lose the largest t, also at few expected events
    rng = np.random.default_rng(3)
    scale = rng.uniform(0.02, 3.0, size=(400, 1)) * rng.uniform(0.8, 1.25, size=(400, 25))
    own = BACKGROUND * scale
    toys, windows = (
        rng.poisson(BACKGROUND * scale.mean(axis=1, keepdims=True)),
        make_windows(25, range(1, 9)),
    )
    t, best = toy_statistics(toys, own, windows, mode=mode)
    for toy, background, value, index in zip(toys, own, t, best, strict=True):
        one = scan(toy, background, windows, mode=mode)
        assert value == pytest.approx(one.t, rel=1e-12)
        assert index == (one.best if one.t > 0 else -1)


def test_table_and_pruning_agree() -> None:
    toys, windows = _toys(500), make_windows(25, range(2, 8))
    table = toy_statistics(toys, BACKGROUND, windows)
    pruned = toy_statistics(toys, np.tile(BACKGROUND, (500, 1)), windows)
    np.testing.assert_allclose(table[0], pruned[0], rtol=1e-13)
    np.testing.assert_array_equal(table[1], pruned[1])


def test_few_toys_of_many_events_need_no_table() -> None:
    background = 1e9 * BACKGROUND
    toys = np.random.default_rng(1).poisson(background, size=(4, 25))
    windows = make_windows(25, [2, 3])
    t, _ = toy_statistics(toys, background, windows)
    np.testing.assert_allclose(t, [scan(toy, background, windows).t for toy in toys], rtol=1e-12)


def test_a_huge_peak_does_not_underflow_and_finds_its_best_window() -> None:
    counts = np.rint(1e4 * np.ones(40))
    counts[17:20] += [4e4, 9e4, 4e4]
    found = scan(counts, np.full(40, 1e4), make_windows(40, range(1, 9)))
    assert np.isfinite(found.t)
    assert found.t > 5e4
    assert (found.windows.first[found.best], found.windows.last[found.best]) == (17, 20)


def test_no_excess_gives_zero() -> None:
    windows = make_windows(5, [2])
    counts = np.array([[1, 1, 1, 1, 1]])
    assert scan(counts[0], np.full(5, 2.0), windows).t == 0.0
    t, best = toy_statistics(counts, np.full(5, 2.0), windows)
    assert (t[0], best[0]) == (0.0, -1)


def test_bins_without_expectation_make_no_window() -> None:
    found = scan(np.array([3.0, 0, 0, 0]), np.array([0.0, 1, 1, 1]), make_windows(4, [1]))
    assert found.t == 0.0


def test_excluded_bins_per_toy() -> None:
    toys, windows = _toys(50), make_windows(25, [2, 3])
    toys[:, 10:12] += 500
    excluded = np.zeros((50, 25), dtype=bool)
    excluded[::2, 9:13] = True
    t, best = toy_statistics(toys, BACKGROUND, windows, excluded=excluded)
    inside = (windows.last[best] > 9) & (windows.first[best] < 13)
    assert not inside[::2].any()
    assert inside[1::2].all()
    used = make_windows(25, [2, 3], used=~excluded[0])
    expected = [scan(toy, BACKGROUND, used).t for toy in toys[::2]]
    np.testing.assert_allclose(t[::2], expected, rtol=1e-12)


def test_normalisation_by_the_outside() -> None:
    counts, background = np.array([10.0, 30.0, 10.0]), np.array([5.0, 5.0, 5.0])
    found = scan(counts, background, make_windows(3, [1]), normalise=True)
    np.testing.assert_allclose(found.background, [5 * 40 / 10, 5 * 20 / 10, 5 * 40 / 10])


def test_veto_skips_a_window_next_to_an_anomaly() -> None:
    background = np.full(20, 100.0)
    counts = background.copy()
    counts[10] = 160.0  # one bin: two-bin windows beside it contain it or touch it
    plain = scan(counts, background, make_windows(20, [2]))
    vetoed = scan(counts, background, make_windows(20, [2]), veto=1e-3)
    assert plain.t > 5.0
    kept = vetoed.log_p < 0
    touching = (vetoed.windows.last == 10) | (vetoed.windows.first == 11)
    assert not kept[touching].any()


def test_p_values_of_toys_are_calibrated() -> None:
    # one window: P(p <= a) <= a for counts, and t of the toys has that distribution
    windows = make_windows(25, [25])
    t, _ = toy_statistics(_toys(20_000), BACKGROUND, windows)
    for level in (0.1, 0.01):
        fraction = np.mean(t >= -np.log(level))
        assert fraction < level + 3 * np.sqrt(level / 20_000)
        assert fraction > 0.7 * level


@pytest.mark.parametrize(
    ("step", "first"), [(1, [0, 1, 2, 3]), ("half", [0, 1, 2, 3]), ("full", [0, 3])]
)
def test_steps(step: object, first: list[int]) -> None:
    assert make_windows(6, [3], step=step).first.tolist() == first  # type: ignore[arg-type]


def test_windows_that_do_not_fit_are_refused() -> None:
    with pytest.raises(DataError, match="at least 1 bin, but they are"):
        make_windows(10, [0, 1])
    with pytest.raises(DataError, match="No window of 5 to 5 bins fits"):
        make_windows(10, [5], used=np.arange(10) % 4 != 3)
