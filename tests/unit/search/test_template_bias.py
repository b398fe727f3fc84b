"""delta_sys and its errors, on events whose selection has a bias that was put in by hand."""

from __future__ import annotations

import numpy as np
import pytest

from bycatch.search.folds import assign_folds
from bycatch.search.sample import Sample
from bycatch.search.scored import Scored
from bycatch.search.selection import select
from bycatch.search.template_bias import (
    ClosurePoint,
    SharedEvents,
    count_windows,
    measure_bias,
)
from bycatch.statistics.region import Region

EFFICIENCY = 0.2
OVERLAPPING = tuple(
    Region((low, low + 1.0), ((low - 1.0, low), (low + 1.0, low + 2.0)))
    for low in (1.0, 1.5, 2.0, 2.5)
)
"""Half of each window is in the next one, and a sideband of one is the inside of another."""


def make_sample(rng, n=2500, weights="one"):
    mass = rng.triangular(0.0, 0.0, 5.0, rng.poisson(n))
    weight = {
        "one": np.ones(mass.size),
        "signed": rng.choice([0.5, 2.0, -0.4], mass.size, p=[0.5, 0.4, 0.1]),
    }[weights]
    return Sample(mass, np.zeros((mass.size, 1), np.float32), weight, None, ("x",))


def scored_with(rng, sample, region, bias, u, fold, synthetic=False):
    """Give window events 1 + bias times the template's probability to pass any threshold."""
    inside = region.in_window(sample.mass)
    score = np.where(inside, 1.0 - (1.0 - u) / (1.0 + bias), u).astype(np.float32)
    if fold.max() == 1:  # half mode: fold 0 trains
        score[fold == 0] = np.nan
    rows = np.flatnonzero(region.in_sidebands(sample.mass))
    drawn = rng.random(600).astype(np.float32)
    drawn_fold = np.arange(600, dtype=np.int8) % (fold.max() + 1)
    if fold.max() == 1:
        drawn[drawn_fold == 0] = np.nan
    return Scored(
        score=score,
        spread=np.zeros_like(score),
        fold=fold,
        template_row=np.full(600, -1) if synthetic else rows,
        template_score=drawn if synthetic else score[rows],
        template_weight=np.ones(600) if synthetic else sample.weight[rows],
        template_fold=drawn_fold if synthetic else fold[rows],
        n_folds=int(fold.max()) + 1,
        histories=(),
    )


def windows_of(rng, sample, regions, biases, folds=5, synthetic=False):
    """One score for all windows, so that they share as much as they can."""
    u, fold = rng.random(len(sample)), assign_folds(len(sample), folds, 3).fold
    found = []
    for region, bias in zip(regions, biases, strict=True):
        scored = scored_with(rng, sample, region, bias, u, fold, synthetic)
        selection = select(scored, sample, region, None, (EFFICIENCY,), seed=4)
        found.append((region, scored, selection))
    return found


@pytest.mark.parametrize(
    ("weights", "synthetic", "bias"),
    [("one", False, 0.3), ("one", True, -0.2), ("signed", False, 0.0)],
)
def test_pull_of_delta_sys_in_overlapping_windows(weights, synthetic, bias):
    rng = np.random.default_rng(1)
    n = 500
    pull, naive = np.empty(n), np.empty(n)
    for toy in range(n):
        sample = make_sample(rng, weights=weights)
        biases = [bias] * len(OVERLAPPING)
        windows = windows_of(rng, sample, OVERLAPPING, biases, synthetic=synthetic)
        points, shared = count_windows(sample, windows, 0)
        found = measure_bias(points, shared)
        pull[toy] = (found.delta - bias) / found.statistical
        expected = sum(point.expected for point in points)
        observed = sum(point.observed for point in points)
        naive[toy] = (found.delta - bias) * expected / np.sqrt(observed)
    assert abs(pull.mean()) < 4 / np.sqrt(n)
    assert abs(pull.std() - 1.0) < 4 / np.sqrt(2 * n)
    if synthetic:  # the same events counted as independent ones; real templates share them, too
        assert naive.std() > 1.0 + 4 / np.sqrt(2 * n)


def test_spread_between_windows_is_recovered():
    """Windows of three cells each, whose biases are drawn per cell: what neighbours share."""
    rng = np.random.default_rng(2)
    n_toys, n_windows, inclusive, spread = 2000, 10, 3000.0, 0.25
    cells = np.array([[first, first + 1, first + 2] for first in range(0, 2 * n_windows, 2)])
    member = np.zeros((n_windows, cells.max() + 1))
    np.put_along_axis(member, cells, 1.0, axis=1)
    common = member @ member.T
    assert common[0, 1] == 1
    per_cell = inclusive / 3 * EFFICIENCY
    # the mean over three cells has a third of the variance of a cell
    bias = rng.normal(0.1, spread * np.sqrt(3), (n_toys, cells.max() + 1))
    count = rng.poisson(per_cell * np.maximum(1 + bias, 0.0))
    squared, miss, error = np.empty((3, n_toys))
    for toy in range(n_toys):
        observed = member @ count[toy]
        points = [ClosurePoint((0, 1), 0.2, value, EFFICIENCY, inclusive) for value in observed]
        among = member @ np.diag(count[toy]) @ member.T
        shared = SharedEvents(among, np.zeros_like(common), np.zeros_like(common), common / 3)
        found = measure_bias(points, shared)
        squared[toy] = found.spread**2
        miss[toy] = found.delta - rng.normal(0.1, spread)
        error[toy] = found.error
    # 21 cells give the variance to 31 %, at most
    assert squared.mean() == pytest.approx(spread**2, rel=5 * np.sqrt(2 / 9 / n_toys))
    ratio = miss.var() / np.mean(error**2)
    assert ratio == pytest.approx(1.0, abs=5 * np.sqrt(2 / n_toys))


def test_windows_that_agree_have_no_spread_beyond_statistics():
    rng = np.random.default_rng(3)
    n = 400
    spread, statistical = np.empty(n), np.empty(n)
    for toy in range(n):
        observed = rng.poisson(200, 6)
        points = [ClosurePoint((0, 1), 0.001, value, 0.001, 2e5) for value in observed]
        found = measure_bias(points)
        spread[toy], statistical[toy] = found.spread, found.statistical
    # the scatter lies below its expectation more often than not: chi^2 of 5 below 5 (58 %)
    assert np.mean(spread == 0.0) == pytest.approx(0.584, abs=4 * np.sqrt(0.25 / n))
    np.testing.assert_allclose(statistical, np.sqrt(1 / 1200), rtol=0.2)


def test_half_mode_counts_only_the_searched_half():
    rng = np.random.default_rng(4)
    sample = make_sample(rng, 40_000)
    windows = windows_of(rng, sample, OVERLAPPING, [0.0] * 4, folds="half")
    points, shared = count_windows(sample, windows, 0)
    scored = windows[0][1].scored
    inside = OVERLAPPING[0].in_window(sample.mass)
    assert scored.sum() == pytest.approx(len(sample) / 2, abs=1)
    assert points[0].inclusive == (inside & scored).sum()
    found = measure_bias(points, shared)
    assert abs(found.delta) < 4 * found.statistical
    assert found.statistical < 0.05  # a factor of two would be seen


def test_heavy_event_counts_with_the_square_of_its_weight():
    """Two disjoint windows, ten events each, by hand."""
    mass = np.repeat([0.5, 2.5], 10)
    weight = np.ones(20)
    weight[3] = 2.0
    sample = Sample(mass, np.zeros((20, 1), np.float32), weight, None, ("x",))
    regions = [Region((0.0, 1.0), ((9.0, 10.0),)), Region((2.0, 3.0), ((9.0, 10.0),))]
    score = np.tile(np.linspace(0.05, 0.95, 10), 2).astype(np.float32)
    score[[3, 9]] = score[[9, 3]]  # the heavy one is selected
    drawn = np.linspace(0.0, 1.0, 1000).astype(np.float32)
    scored = Scored(
        score, np.zeros_like(score), np.zeros(20, np.int8), np.full(1000, -1), drawn,
        np.ones(1000), np.zeros(1000, np.int8), 1, (),
    )  # fmt: skip
    windows = [(r, scored, select(scored, sample, r, None, (0.2,), seed=1)) for r in regions]
    points, shared = count_windows(sample, windows, 0)
    assert [point.observed for point in points] == [3.0, 2.0]
    assert [point.inclusive for point in points] == [11.0, 10.0]
    efficiency = points[0].efficiency
    assert efficiency == pytest.approx(0.2)
    np.testing.assert_allclose(shared.observed, np.diag([5.0, 2.0]))
    np.testing.assert_allclose(shared.crossed, efficiency * np.diag([5.0, 2.0]))
    template = efficiency * (1 - efficiency) / 1000 * np.array([11.0, 10.0]) ** 2
    np.testing.assert_allclose(
        np.diag(shared.expected), efficiency**2 * np.array([13.0, 10.0]) + template
    )
    ratio = 5 / (21 * efficiency)
    variance = 7 - 2 * ratio * efficiency * 7 + ratio**2 * (efficiency**2 * 23 + template.sum())
    found = measure_bias(points, shared)
    assert found.delta == pytest.approx(ratio - 1)
    assert found.statistical == pytest.approx(np.sqrt(variance) / (21 * efficiency))


def test_nothing_observed_has_the_error_of_one_event():
    found = measure_bias([ClosurePoint((0, 1), 0.001, 0.0, 0.001, 4000.0)])
    assert found.delta == -1.0
    assert found.statistical == pytest.approx(1 / 4)
    assert found.spread is None


def test_no_window_is_no_number():
    assert measure_bias([]) is None
    assert measure_bias([ClosurePoint((0, 1), 0.1, 3.0, 0.0, 100.0)]) is None
