"""The divergence of spectra: its closed form, its bias in finite samples, and what it finds."""

from __future__ import annotations

import json

import numpy as np
import pytest
from scipy.spatial.distance import jensenshannon
from scipy.stats import kstest

from bycatch.errors import DataError
from bycatch.evaluate.sculpting import jensen_shannon, sculpting


def test_divergence_is_scipys() -> None:
    rng = np.random.default_rng(1)
    p, q = rng.uniform(size=(2, 7, 20))
    p[0, :5] = 0.0
    expected = [jensenshannon(a, b, base=2.0) ** 2 for a, b in zip(p, q, strict=True)]
    np.testing.assert_allclose(jensen_shannon(p, q), expected, atol=1e-12)


def test_an_independent_score_sculpts_nothing() -> None:
    """Over many samples the excess is consistent with zero, and its p-values are uniform."""
    excess, error, p_values = [], [], []
    for seed in range(100):
        rng = np.random.default_rng(seed)
        found = sculpting(
            rng.exponential(1.0, 4000),
            rng.normal(size=4000),
            None,
            (0.2, 0.02),
            15,
            draws=99,
            seed=seed,
        )
        assert all(point.divergence > 0.0 for point in found.points)
        excess.append([point.excess for point in found.points])
        error.append([point.expected_error for point in found.points])
        p_values.append(found.points[0].p_value)
    pull = np.mean(excess, axis=0) / (np.mean(error, axis=0) / np.sqrt(100))
    assert (np.abs(pull) < 4.0).all()
    assert kstest(p_values, "uniform").pvalue > 1e-3


def test_the_expectation_is_the_closed_form() -> None:
    rng = np.random.default_rng(2)
    n, bins = 50_000, 20
    found = sculpting(rng.uniform(size=n), rng.normal(size=n), None, (0.5, 0.1), bins, draws=400)
    for point in found.points:
        e = point.efficiency
        closed = (bins - 1) * (1 - e) / (8 * n * e * np.log(2))
        # The mean of 400 draws; the closed form is the leading order in 1/n.
        assert abs(point.expected - closed) < 4 * point.expected_error / 20 + 0.01 * closed


def test_weighted_tails_are_expected_to_fluctuate_more() -> None:
    """Where the score prefers heavy events, fewer of them make the spectrum behind the cut."""
    pulls = []
    for seed in range(60):
        rng = np.random.default_rng(seed)
        weight = np.where(rng.uniform(size=4000) < 0.05, 20.0, 1.0)
        score = rng.normal(size=4000) + 0.5 * (weight > 1.0)
        mass = rng.exponential(1.0, 4000)
        (point,) = sculpting(mass, score, weight, (0.1,), 15, draws=100).points
        assert point.n_passed < 100
        pulls.append(point.excess / point.expected_error)
    assert abs(np.mean(pulls)) < 4.0 / np.sqrt(60)


def test_a_score_that_knows_the_mass_is_found_the_more_the_tighter_the_cut() -> None:
    rng = np.random.default_rng(3)
    mass = rng.exponential(1.0, 20_000)
    found = sculpting(mass, mass + rng.normal(size=20_000), None, (0.5, 0.1, 0.01), 30)
    excess = [point.excess for point in found.points]
    assert excess == sorted(excess)
    assert all(point.p_value == 1.0 / 201.0 for point in found.points)
    assert [point.efficiency for point in found.points] == pytest.approx([0.5, 0.1, 0.01])
    assert np.sum(found.points[1].passed) == pytest.approx(2000)
    json.dumps(found.to_json(), allow_nan=False)


def test_weights_are_those_of_repeated_events() -> None:
    rng = np.random.default_rng(4)
    mass, score = rng.uniform(size=(2, 500))
    twice = sculpting(np.tile(mass, 2), np.tile(score, 2), None, (0.2,), 10)
    heavy = sculpting(mass, score, np.full(500, 2.0), (0.2,), 10)
    assert twice.points[0].divergence == pytest.approx(heavy.points[0].divergence)
    assert twice.points[0].passed == pytest.approx(heavy.points[0].passed)
    signed = sculpting(mass, score, np.where(np.arange(500) % 10, 1.0, -0.5), (0.2,), 5)
    assert np.isfinite(signed.points[0].excess)


def test_events_outside_of_the_edges_are_counted_and_left_out() -> None:
    rng = np.random.default_rng(5)
    mass, score = rng.uniform(size=(2, 400))
    found = sculpting(mass, score, bins=[0.1, 0.5, 0.9])
    assert found.n_outside == np.count_nonzero((mass < 0.1) | (mass > 0.9))
    assert np.sum(found.spectrum) + found.n_outside == 400


def test_what_makes_no_sense_is_refused() -> None:
    mass, score = np.arange(10.0), np.arange(10.0)
    with pytest.raises(DataError, match="1 of 10 values of 'mass'"):
        sculpting(np.where(mass == 3, np.nan, mass), score)
    with pytest.raises(DataError, match="shape"):
        sculpting(mass, score[:5])
    with pytest.raises(DataError, match="between 0 and 1"):
        sculpting(mass, score, efficiencies=(1.5,))
    with pytest.raises(DataError, match="edges"):
        sculpting(mass, score, bins=[1.0, 0.0, 2.0])
    with pytest.raises(DataError, match="two different masses"):
        sculpting(np.ones(10), score)
    with pytest.raises(DataError, match="sum of weights"):
        sculpting(mass, score, np.zeros(10))
