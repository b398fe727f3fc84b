"""Toys of the whole procedure."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pytest
from scipy.stats import kstest

from bycatch.statistics.background import Background
from bycatch.statistics.plan import BackgroundPlan
from bycatch.statistics.significance.global_p import global_p
from bycatch.statistics.significance.local import window_excess
from bycatch.statistics.significance.overlaps import build_patterns
from bycatch.statistics.significance.toys import block_sizes, merge_blocks, toy_block, toy_task
from bycatch.tasks.executor import run_tasks

EDGES = np.arange(2700.0, 6501.0, 100.0)
DIJET = Background("dijet", EDGES, integrate=False, order=3)
WINDOWS = ((3100.0, 3500.0), (3300.0, 3700.0), (3700.0, 4100.0))
POINTS = (0.5, 0.1)
PLAN = BackgroundPlan(family="dijet", order=3)


@dataclass(frozen=True)
class Key:
    window: tuple[float, float]


LOOKS = tuple(Key(window) for _ in "ab" for window in WINDOWS for _ in POINTS)


def dijet_mass(rng, n):
    grid = np.linspace(EDGES[0], EDGES[-1], 4001)
    x = grid / 13_000.0
    density = (1 - x) ** 9.0 * x**-5.0
    total = np.concatenate([[0.0], np.cumsum((density[1:] + density[:-1]) / 2)])
    return np.interp(rng.random(n) * total[-1], total, grid)


def select(rng, n, n_signal=0):
    """Selections by six correlated scores that know nothing of the mass."""
    shared = rng.standard_normal(n)
    rows = []
    for _ in "ab":
        own = math.sqrt(0.6) * shared + math.sqrt(0.4) * rng.standard_normal(n)
        for _ in WINDOWS:
            score = math.sqrt(0.7) * own + math.sqrt(0.3) * rng.standard_normal(n)
            score[n - n_signal :] += 3.0
            rows += [score > t for t in np.quantile(score, [1 - p for p in POINTS])]
    return np.array(rows)


def observe(selected, mass):
    """Return r of every look, as the search computes it."""
    counts = np.array([np.histogram(mass[row], EDGES)[0] for row in selected], dtype=float)
    r = np.empty(len(selected))
    for window in WINDOWS:
        rows = [i for i in range(len(selected)) if LOOKS[i].window == window]
        r[rows] = window_excess(
            counts[rows], Background("dijet", EDGES, integrate=False), window, 3
        ).r
    return r


def data(seed, n=20_000, n_signal=0):
    rng = np.random.default_rng(seed)
    mass = np.concatenate([dijet_mass(rng, n), rng.normal(3500.0, 50.0, n_signal)])
    return select(rng, mass.size, n_signal), mass


@pytest.mark.parametrize("n_signal", [0, 300])
def test_looks_are_standard_normal_in_toys_whatever_the_data_hold(n_signal):
    selected, mass = data(3, n_signal=n_signal)
    patterns = build_patterns(
        selected,
        mass,
        DIJET,
        LOOKS,
        masked_window=(3300.0, 3700.0),
    )
    block = toy_block(patterns, PLAN, np.zeros(len(LOOKS)), np.random.default_rng(1), 1000)
    assert block.converged.all()
    for i in range(len(LOOKS)):
        assert kstest(block.r[:, i], "norm").pvalue > 1e-3 / len(LOOKS)


def test_correlations_between_looks_agree_with_independent_data_sets():
    n_sets, n_toys = 200, 1500
    direct = np.array([observe(*data(100 + seed, n=4000)) for seed in range(n_sets)])
    patterns = build_patterns(*data(7, n=4000), DIJET, LOOKS)
    block = toy_block(patterns, PLAN, np.zeros(len(LOOKS)), np.random.default_rng(2), n_toys)
    upper = np.triu_indices(len(LOOKS), 1)
    one, two = np.corrcoef(direct.T)[upper], np.corrcoef(block.r.T)[upper]
    assert two.max() > 0.4
    # Fisher's z has the standard error 1/sqrt(n - 3); 66 pairs.
    pull = (np.arctanh(one) - np.arctanh(two)) / math.hypot(
        1 / math.sqrt(n_sets - 3), 1 / math.sqrt(n_toys - 3)
    )
    assert np.abs(pull).max() < 4.5
    assert pull.std() < 1.6


def test_global_p_is_uniform_over_null_data():
    p = []
    for seed in range(100):
        selected, mass = data(1000 + seed, n=2500)
        patterns = build_patterns(selected[:6], mass, DIJET, LOOKS[:6])
        rng = np.random.default_rng(seed)
        block = toy_block(patterns, PLAN, np.zeros(6), rng, 59)
        observed = observe(selected[:6], mass).max()
        p.append(global_p(observed, merge_blocks([block.r]).maxima).p - rng.random() / 60)
    # Observed and 59 toys are 60 equal draws, so that the rank less a uniform part is uniform. Of
    # 100 experiments KS at 0.1 % lets a distance of 0.193 pass, and the binomial 13 below 0.05
    # (more have a probability of 0.0005). Had looks that count for k single ones been paid for as
    # one, p would be 1 - (1 - p)^(1 / k): that fails in 99 % of cases at k = 2, 93 % at 1.8.
    assert kstest(p, "uniform").pvalue > 1e-3
    assert np.count_nonzero(np.array(p) < 0.05) <= 13


def test_a_big_signal_gets_the_smallest_possible_p():
    selected, mass = data(5, n_signal=600)
    observed = observe(selected, mass)
    best = int(np.argmax(observed))
    assert observed[best] > 8
    patterns = build_patterns(
        selected,
        mass,
        DIJET,
        LOOKS,
        masked_window=LOOKS[best].window,
    )
    block = toy_block(patterns, PLAN, np.zeros(len(LOOKS)), np.random.default_rng(4), 300)
    result = global_p(observed[best], merge_blocks([block.r]).maxima)
    assert result.p == 1 / 301


def test_more_looks_cost_more():
    patterns = build_patterns(*data(9), DIJET, LOOKS)
    r = toy_block(patterns, PLAN, np.zeros(len(LOOKS)), np.random.default_rng(4), 500).r
    few = global_p(2.0, merge_blocks([r[:, :1]]).maxima)
    many = global_p(2.0, merge_blocks([r]).maxima)
    assert many.interval[0] > few.interval[1]


def test_the_order_is_chosen_anew_and_systematics_are_used():
    patterns = build_patterns(
        *data(9), Background("dijet", EDGES, integrate=False, order="auto"), LOOKS
    )
    auto = BackgroundPlan(family="dijet", order="auto")
    free = toy_block(patterns, auto, np.zeros(len(LOOKS)), np.random.default_rng(4), 200).r
    bound = toy_block(patterns, auto, np.full(len(LOOKS), 100.0), np.random.default_rng(4), 200).r
    assert free.std() > 0.9
    assert bound.std() < 0.8 * free.std()


def test_blocks_depend_on_their_index_alone():
    arrays = build_patterns(*data(11, n=4000), DIJET, LOOKS).to_arrays()
    sizes = block_sizes(600)
    assert sizes == [250, 250, 100]
    tasks = [
        (
            f"toys-{block}",
            {
                "patterns": arrays,
                "background": PLAN,
                "systematics": np.zeros(len(LOOKS)),
                "seed": 1,
                "block": block,
                "n_toys": n // 10,
            },
        )
        for block, n in enumerate(sizes)
    ]
    alone = run_tasks(toy_task, tasks, workers=1)
    shared = run_tasks(toy_task, tasks, workers=2)
    for name in alone:
        np.testing.assert_array_equal(alone[name], shared[name])
    assert not np.array_equal(alone["toys-0"][:10], alone["toys-1"][:10])


def test_failed_fits_are_counted_and_told():
    r = np.array([[1.0, np.nan], [0.5, 2.0], [np.nan, np.nan]])
    result = merge_blocks([r[:2], r[2:]], names=("loose", "tight"))
    np.testing.assert_array_equal(result.maxima, [1.0, 2.0, -np.inf])
    np.testing.assert_allclose(result.failed, [1 / 3, 2 / 3])
    assert "tight (66.7%), loose (33.3%)" in result.message
    assert merge_blocks([np.zeros((2, 2))]).message == ""
