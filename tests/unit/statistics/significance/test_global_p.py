"""Global p-values: counted, bounded, extrapolated."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from scipy.stats import binomtest, kstest, norm

from bycatch.statistics.significance.global_p import (
    binomial_interval,
    bonferroni,
    global_p,
    gross_vitells,
    tail_extrapolation,
)


def test_counts_toys_and_never_gives_zero():
    toys = np.array([0.5, 1.0, 1.5, 2.0])
    result = global_p(1.5, toys)
    assert (result.exceeding, result.n_toys, result.p) == (2, 4, 3 / 5)
    assert result.z == pytest.approx(norm.isf(0.6))
    nothing = global_p(9.0, np.zeros(1000))
    assert nothing.p == 1 / 1001
    assert nothing.interval[0] == 0.0
    assert json.loads(json.dumps(nothing.to_json()))["n_toys"] == 1000


@pytest.mark.parametrize("bad", [np.array([]), np.array([1.0, np.nan])])
def test_refuses_what_cannot_be_counted(bad):
    with pytest.raises(ValueError, match=r"toy|NaN"):
        global_p(1.0, bad)


@pytest.mark.parametrize(("successes", "trials"), [(0, 10), (3, 10), (10, 10), (17, 1000)])
def test_interval_is_clopper_pearson_of_scipy(successes, trials):
    level = 0.6826894921370859
    reference = binomtest(successes, trials).proportion_ci(level, method="exact")
    assert binomial_interval(successes, trials) == pytest.approx(
        (reference.low, reference.high), abs=1e-9
    )
    with pytest.raises(ValueError, match="no binomial interval"):
        binomial_interval(trials + 1, trials)


def test_interval_covers_at_least_its_level():
    rng = np.random.default_rng(5)
    trials, truth = 200, 0.03
    covered = []
    for successes in rng.binomial(trials, truth, size=2000):
        low, high = binomial_interval(int(successes), trials)
        covered.append(low <= truth <= high)
    # At least 68.3 %, less 4 binomial standard errors of 2,000 repetitions.
    assert np.mean(covered) > 0.683 - 4 * math.sqrt(0.683 * 0.317 / 2000)


def test_global_p_is_uniform_over_repeated_experiments():
    rng = np.random.default_rng(11)
    n_toys, repeats, looks = 199, 1500, 7
    p = np.array(
        [
            global_p(
                rng.standard_normal(looks).max(), rng.standard_normal((n_toys, looks)).max(axis=1)
            ).p
            for _ in range(repeats)
        ]
    )
    # p takes the values k/200, k = 1..200, equally often: a uniform shift makes it continuous.
    smooth = p - rng.random(repeats) / (n_toys + 1)
    assert kstest(smooth, "uniform").pvalue > 1e-3


def test_independent_looks_have_a_closed_form():
    rng = np.random.default_rng(3)
    looks, n_toys = 20, 40_000
    toys = rng.standard_normal((n_toys, looks)).max(axis=1)
    observed = 3.0
    local = norm.sf(observed)
    exact = -math.expm1(looks * math.log1p(-local))
    counted = global_p(observed, toys)
    assert abs(counted.p - exact) < 4 * math.sqrt(exact / n_toys)
    assert exact <= bonferroni(local, looks) == pytest.approx(looks * local)
    assert bonferroni(0.2, 10) == 1.0


def test_tail_of_independent_looks_reaches_far_beyond_the_toys():
    rng = np.random.default_rng(8)
    looks, n_toys, repeats, observed = 30, 1000, 200, 5.0
    exact = looks * norm.sf(observed)
    log_pull = []
    for _ in range(repeats):
        fit = tail_extrapolation(rng.standard_normal((n_toys, looks)).max(axis=1), observed)
        half_width = 0.5 * math.log(fit.interval[1] / fit.interval[0])
        log_pull.append(math.log(fit.p / exact) / half_width)
    pull = np.array(log_pull)
    # Two parameters from 150 toys: the pulls have unit width and no bias worth mentioning.
    assert abs(pull.mean()) < 0.5
    assert 0.8 < pull.std() < 1.25


def test_tail_sees_statistics_that_are_not_normal():
    rng = np.random.default_rng(9)
    toys = 1.3 * rng.standard_normal((20_000, 10)).max(axis=1)
    fit = tail_extrapolation(toys[:4000], 4.5)
    exact = 10 * norm.sf(4.5 / 1.3)
    assert fit.scale > 1 + 3 * fit.scale_error
    assert fit.interval[0] / 2 < exact < fit.interval[1] * 2
    assert fit.to_json()["extrapolation"] is True


def test_tail_refuses_too_few_toys_and_says_when_counting_is_better():
    with pytest.raises(ValueError, match="use more toys"):
        tail_extrapolation(np.arange(50.0), 3.0)
    toys = np.random.default_rng(1).standard_normal(1000)
    assert "counted fraction" in tail_extrapolation(toys, 0.0).message


def test_gross_vitells_against_brute_force_of_a_stationary_process():
    rng = np.random.default_rng(4)
    n_toys, n_masses = 20_000, 200
    kernel = np.exp(-0.5 * (np.arange(-24, 25) / 6.0) ** 2)
    kernel /= math.sqrt(float(np.sum(kernel**2)))
    noise = rng.standard_normal((n_toys, n_masses + 48))
    transform = np.fft.rfft(noise, axis=1) * np.fft.rfft(kernel, n_masses + 48)
    z = np.fft.irfft(transform, n_masses + 48, axis=1)[:, 48:]
    assert z.std() == pytest.approx(1.0, abs=0.01)
    observed = 3.3
    brute = global_p(observed, z.max(axis=1))
    bound = gross_vitells(z[:300], observed)
    assert bound.interval[0] * 0.9 < brute.p + 2 * math.sqrt(brute.p / n_toys)
    assert brute.p - 2 * math.sqrt(brute.p / n_toys) < bound.interval[1] * 1.1
    with pytest.raises(ValueError, match="denser"):
        gross_vitells(np.zeros((5, 10)), 3.0)
