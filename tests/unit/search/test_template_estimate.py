"""The template's estimate of the background: its formula, its coverage, and what it refuses."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from scipy.optimize import minimize_scalar
from scipy.stats import kstest, norm

from bycatch.search.looks import FittedLook
from bycatch.search.plan import MethodPlan
from bycatch.search.result import Look, Spectrum
from bycatch.search.sample import Sample
from bycatch.search.scored import Scored
from bycatch.search.selection import select
from bycatch.search.template_bias import ClosurePoint, TemplateBias
from bycatch.search.template_estimate import (
    WindowCounts,
    counting_z,
    estimate_background,
    with_templates,
)
from bycatch.template import Region

NO_BIAS = TemplateBias(0.0, 0.0, None, 0.0, 3)


def numerical_z(n, b, sigma):
    """The profile likelihood ratio of counts n and m, with b profiled by a minimiser."""
    m, tau = (b / sigma) ** 2, b / sigma**2

    def nll(s, x):
        return s + x - n * np.log(s + x) + tau * x - m * np.log(tau * x)

    best = nll(n - b, b)  # both counts are met
    null = minimize_scalar(lambda x: nll(0.0, x), bounds=(1e-9, 10 * (n + b)), method="bounded",
                           options={"xatol": 1e-10})  # fmt: skip
    return np.sign(n - b) * np.sqrt(2 * max(null.fun - best, 0.0))


@pytest.mark.parametrize(("n", "b", "sigma"), [(130, 100, 5), (70, 100, 20), (5, 2, 0.7)])
def test_significance_is_the_profile_likelihood_ratio(n, b, sigma):
    # the ratio is flat around its minimum: it is good to the root of the minimiser's tolerance
    assert counting_z(n, b, sigma) == pytest.approx(numerical_z(n, b, sigma), abs=1e-5)


def test_significance_in_its_limits():
    n, b = np.array([130.0, 70.0, 100.0, 0.0]), 100.0
    with np.errstate(divide="ignore", invalid="ignore"):
        poisson = np.where(n > 0, n * np.log(n / b), 0.0) - (n - b)
    exact = np.sign(n - b) * np.sqrt(2 * poisson)
    np.testing.assert_allclose(counting_z(n, b, 0.0), exact, atol=1e-9)
    np.testing.assert_allclose(counting_z(n, b, 1e-4), exact, atol=1e-6)
    np.testing.assert_array_equal(counting_z(n, b, np.inf), 0.0)
    # many events: a normal error in quadrature
    assert counting_z(1.01e8, 1e8, 3e5) == pytest.approx(1e6 / np.sqrt(1e8 + 9e10), rel=0.01)


def counts(observed, inclusive, efficiency, error=0.0):
    point = ClosurePoint((3.0, 4.0), 0.1, observed, efficiency, inclusive, error)
    return WindowCounts(point, inclusive - observed)


def test_p_is_uniform_without_a_signal():
    """Events and a finite template fluctuate; the template's bias is known to be none."""
    rng = np.random.default_rng(1)
    toys, n_template = 3000, 8000
    p = np.empty(toys)
    for toy in range(toys):
        n = rng.poisson(4000)
        observed = rng.binomial(n, 0.1)
        efficiency = rng.binomial(n_template, 0.1) / n_template
        error = np.sqrt(efficiency * (1 - efficiency) / n_template)
        p[toy] = estimate_background(counts(observed, n, efficiency, error), NO_BIAS).local_p
    assert kstest(p, "uniform").pvalue > 0.01
    z = norm.isf(p)
    assert z.std() == pytest.approx(1.0, abs=4 / np.sqrt(2 * toys))
    assert z.mean() == pytest.approx(0.0, abs=4 / np.sqrt(toys))


def test_p_is_uniform_where_the_bias_varies_as_stated():
    """True biases of this window are drawn with the error that the validation windows give."""
    rng = np.random.default_rng(2)
    toys, error = 3000, 0.15
    z = np.empty(toys)
    for toy in range(toys):
        n = rng.poisson(4000)
        observed = rng.binomial(n, 0.1 * (1 + rng.normal(0.0, error)))
        bias = TemplateBias(0.0, 0.0, error, error, 5)
        z[toy] = estimate_background(counts(observed, n, 0.1), bias).local_z
    # z takes a gamma law for b in place of the normal: their spreads differ by order error^2
    assert z.std() == pytest.approx(1.0, abs=error**2 + 4 / np.sqrt(2 * toys))
    without = [estimate_background(counts(440, 4000, 0.1), b).local_z for b in (NO_BIAS, bias)]
    assert without[0] > 2.0
    assert 0.0 < without[1] < 1.0


def test_a_measured_bias_is_a_nuisance_and_not_a_correction():
    bias = TemplateBias(0.2, 0.03, 0.04, 0.05, 4)
    found = estimate_background(counts(500, 4000, 0.1, 0.002), bias)
    assert found.background == pytest.approx(400.0)
    assert found.background_error == pytest.approx(8.0)
    assert found.systematic == pytest.approx(400 * np.hypot(0.2, 0.05))
    assert (found.delta_sys, found.delta_sys_error, found.n_windows) == (0.2, 0.05, 4)
    assert found.status == "ok"


@pytest.mark.parametrize(
    ("made", "sentence"),
    [
        (counts(5, 4000, 0.0), "expects no events"),
        (counts(4000, 4000, 0.5), "no events of positive weight are rejected"),
        (counts(-1, 4000, 0.1), "negative number of selected"),
    ],
)
def test_no_number_without_a_sentence(made, sentence):
    found = estimate_background(made, NO_BIAS)
    assert sentence in found.status.replace("negative weights leave a ", "")
    assert found.local_p is None
    assert found.local_z is None


def test_without_a_bias_there_is_no_p():
    found = estimate_background(counts(500, 4000, 0.1), None)
    assert found.background == pytest.approx(400.0)
    assert found.local_p is None
    assert "bias is unknown" in found.status


REGIONS = [
    Region((low, low + 1.0), ((low - 1, low), (low + 1, low + 2))) for low in (1.0, 3.0, 5.0)
]


def scored_at(rng, sample, biases):
    """Windows whose events pass any threshold (1 + bias) times as often as the template's."""
    u = rng.random(len(sample))
    found = []
    for region, bias in zip(REGIONS, biases, strict=True):
        score = np.where(region.in_window(sample.mass), 1 - (1 - u) / (1 + bias), u)
        scored = Scored(
            score=score.astype(np.float32),
            spread=np.zeros(len(sample), np.float32),
            fold=np.zeros(len(sample), np.int8),
            template_row=np.full(4000, -1),
            template_score=rng.random(4000).astype(np.float32),
            template_weight=np.ones(4000),
            template_fold=np.zeros(4000, np.int8),
            n_folds=1,
            histories=(),
        )
        found.append(scored)
    return found


def look(method, region):
    made = Look(method, region.window, 0.2, 0.2, 0.0, 1, 1, None, None, 0.0, None, None, None, 1.0,
                3, None)  # fmt: skip
    return FittedLook(made, Spectrum(method, None, 0.2, (), (), (), None, None), 0.0, 0.0, 0.0)


def estimates(template, biases, regions=REGIONS, extra=0):
    rng = np.random.default_rng(4)
    mass = rng.uniform(0.0, 7.0, 20_000)
    sample = Sample(mass, np.zeros((mass.size, 1), np.float32), np.ones(mass.size), None, ("x",))
    scored = scored_at(rng, sample, biases)
    method = MethodPlan(template=template, classifier="trees")
    tasks = [(method, region) for region in regions]
    selections = [
        select(item, sample, region, None, (0.2,), seed=1)
        for item, region in zip(scored, regions, strict=True)
    ]
    looks = [look(method.name, region) for region in regions[: len(regions) - extra]]
    found = with_templates(looks, sample, tasks, scored, selections)
    return [item.look.template for item in found]


def test_each_look_is_judged_by_the_windows_apart_from_it():
    """Only the middle window has a bias: the others see it, it does not see itself."""
    low, middle, high = estimates("cwola", (0.0, 0.5, 0.0))
    assert {item.n_windows for item in (low, middle, high)} == {2}
    error = 3 * middle.delta_sys_statistical
    assert abs(middle.delta_sys) < error
    assert low.delta_sys == pytest.approx(0.25, abs=error)
    assert middle.local_z > 5
    assert low.local_z < 3
    # The spread between the others' windows enters the error.
    assert low.delta_sys_spread > 0.2
    assert low.delta_sys_error > low.delta_sys_spread


def test_extra_windows_measure_and_are_not_looks():
    found = estimates("cwola", (0.1, 0.0, 0.1), [REGIONS[1], REGIONS[0], REGIONS[2]], extra=2)
    assert len(found) == 1
    assert found[0].n_windows == 2


def test_a_yardstick_gives_no_estimate():
    assert {item.status for item in estimates("ideal", (0, 0, 0))} == {
        "'ideal-trees' is a yardstick that uses truth, not an estimate."
    }


def test_overlapping_windows_alone_cannot_measure():
    first = dataclasses.replace(REGIONS[0], window=(1.0, 2.0))
    second = dataclasses.replace(REGIONS[0], window=(1.5, 2.5))
    third = dataclasses.replace(REGIONS[0], window=(1.9, 2.9))
    found = estimates("cwola", (0.0, 0.0, 0.0), [first, second, third])
    assert "bias is unknown" in found[1].status
    assert found[1].local_p is None
