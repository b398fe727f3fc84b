"""Tails of scores against scipy, and the coverage of their intervals where the truth is known."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from bycatch.trigger.pareto import fit_pareto
from bycatch.trigger.tail import ScoreTail

SEEDS = 120
N = 2_000
BEYOND = 1.0 / (20 * N)
"""A fraction that 2,000 events see once in twenty samples."""

SCORES = {
    "exponential": stats.expon,
    "Gaussian": stats.norm,
    "Student, 4 degrees of freedom": stats.t(4),
}


@pytest.mark.parametrize("shape", [-0.2, 0.0, 0.35])
@pytest.mark.parametrize("n", [60, 1_000])
def test_the_fit_is_scipy_s(shape: float, n: int) -> None:
    rng = np.random.default_rng(n)
    excess = stats.genpareto.rvs(shape, scale=0.7, size=n, random_state=rng)
    fit = fit_pareto(excess)
    other, _, scale = stats.genpareto.fit(excess, floc=0.0)
    # scipy's simplex stops at 1e-4; the likelihood tells which of the two is better.
    assert fit.shape == pytest.approx(other, abs=2e-3)
    assert fit.scale == pytest.approx(scale, rel=2e-3)
    ours = stats.genpareto.logpdf(excess, fit.shape, scale=fit.scale).sum()
    theirs = stats.genpareto.logpdf(excess, other, scale=scale).sum()
    assert ours >= theirs - 1e-9


def test_a_generalised_pareto_tail_is_found_again() -> None:
    rng = np.random.default_rng(5)
    score = stats.genpareto.rvs(0.2, scale=1.0, size=50_000, random_state=rng)
    tail = ScoreTail(score)
    assert tail.choice is not None
    # Excesses of a generalised Pareto variable are one of the same shape.
    assert abs(tail.choice.shape - 0.2) < 4 * tail.choice.shape_error
    truth = stats.genpareto.isf(1e-6, 0.2)
    found = ScoreTail(score, level=0.9999).threshold(1e-6)
    assert found.low < truth < found.high


@pytest.mark.parametrize("name", SCORES)
def test_intervals_cover(name: str) -> None:
    truth = SCORES[name].isf(BEYOND)
    covered = dict.fromkeys((0.6827, 0.95), 0)
    for seed in range(SEEDS):
        tail = ScoreTail(SCORES[name].rvs(size=N, random_state=np.random.default_rng(seed)))
        for level in covered:
            tail.level = level
            found = tail.threshold(BEYOND)
            assert found.extrapolated
            covered[level] += found.low <= truth <= found.high
    for level, count in covered.items():
        # The number that cover is binomial; one test in a thousand fails by chance.
        assert stats.binomtest(count, SEEDS, level).pvalue > 1e-3, covered


def test_intervals_of_weighted_events_cover() -> None:
    truth = stats.expon.isf(BEYOND)
    covered = 0
    for seed in range(SEEDS):
        rng = np.random.default_rng(seed)
        weight = rng.exponential(size=2 * N)  # Kish's number is half of that: as many as above
        found = ScoreTail(rng.exponential(size=2 * N), weight).threshold(BEYOND)
        covered += found.low <= truth <= found.high
    assert stats.binomtest(covered, SEEDS, 0.6827).pvalue > 1e-3, covered


def prescaled(rng: np.random.Generator, knows: float) -> tuple[np.ndarray, np.ndarray]:
    """Return scores of 2,000 events, and weights of up to 100.

    Events are kept with a probability that rises with a guess of the score. Of the fraction
    `knows` the guess is good to 0.5, of the others it is another event's score.
    """
    score = rng.exponential(size=60 * N)
    other = np.where(rng.random(score.size) < knows, score, rng.exponential(size=score.size))
    guess = other + 0.5 * rng.standard_normal(score.size)
    p = np.exp(guess - 5.0).clip(0.01, 1.0)
    kept = np.flatnonzero(rng.random(score.size) < p)[:N]
    assert len(kept) == N
    return score[kept], 1.0 / p[kept]


@pytest.mark.parametrize("knows", [1.0, 0.5])
def test_intervals_of_prescaled_events_cover(knows: float) -> None:
    truth, covered = stats.expon.isf(1e-4), 0
    for seed in range(SEEDS):
        found = ScoreTail(*prescaled(np.random.default_rng(seed), knows)).threshold(1e-4)
        covered += found.low <= truth <= found.high
    assert stats.binomtest(covered, SEEDS, 0.6827).pvalue > 1e-3, covered


def test_a_healthy_tail_is_seldom_suspected() -> None:
    suspected = sum(
        ScoreTail(np.random.default_rng(seed).exponential(size=N)).status != "ok"
        for seed in range(SEEDS)
    )
    # Two looks at 3 standard errors of a Gaussian: 0.5 %; small samples have longer tails.
    assert suspected <= 0.1 * SEEDS
