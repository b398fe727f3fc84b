"""Overlap patterns: null spectra that share events between looks as the data do."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pytest

from bycatch.errors import DataError
from bycatch.statistics.background import Background
from bycatch.statistics.significance.overlaps import build_patterns
from bycatch.statistics.significance.patterns import Patterns

EDGES = np.arange(2700.0, 6501.0, 100.0)
DIJET = Background("dijet", EDGES, integrate=False, order=3)
WINDOWS = ((3100.0, 3500.0), (3300.0, 3700.0), (3500.0, 3900.0))
POINTS = (0.1, 0.02)


@dataclass(frozen=True)
class Key:
    method: str
    window: tuple[float, float]
    working_point: float


LOOKS = tuple(
    Key(method, window, point) for method in "ab" for window in WINDOWS for point in POINTS
)


def dijet_mass(rng, n, edges=EDGES):
    """Masses from a three-parameter dijet density, which the fits can describe exactly."""
    grid = np.linspace(edges[0], edges[-1], 4001)
    x = grid / 13_000.0
    density = (1 - x) ** 9.0 * x**-5.0
    total = np.concatenate([[0.0], np.cumsum((density[1:] + density[:-1]) / 2)])
    return np.interp(rng.random(n) * total[-1], total, grid)


def make(n=20_000, seed=0, n_signal=0):
    """Null data, and a signal at 3500 +- 50 that every look likes."""
    rng = np.random.default_rng(seed)
    mass = np.concatenate([dijet_mass(rng, n), rng.normal(3500.0, 50.0, n_signal)])
    shared = rng.standard_normal(mass.size)
    selected = []
    for method in "ab":
        own = math.sqrt(0.6) * shared + math.sqrt(0.4) * rng.standard_normal(mass.size)
        for _ in WINDOWS:
            score = math.sqrt(0.7) * own + math.sqrt(0.3) * rng.standard_normal(mass.size)
            score[n:] += 3.0
            threshold = np.quantile(score[:n], [1 - point for point in POINTS])
            selected += [score > t for t in threshold]
        assert method
    return np.array(selected), mass


def test_every_look_is_the_sum_of_its_patterns():
    selected, mass = make()
    patterns = build_patterns(selected, mass, DIJET, LOOKS)
    inside = (mass >= EDGES[0]) & (mass < EDGES[-1])
    total = patterns.null.sum(axis=1)
    # A Poisson fit with a free normalisation reproduces the total.
    np.testing.assert_allclose(total, selected[:, inside].sum(axis=1), rtol=1e-3)
    assert patterns.deviation < 0.01
    assert np.all(np.abs(patterns.expected() - patterns.null) <= 0.02 * np.sqrt(patterns.null + 1))


def test_draws_have_poisson_margins_and_integer_counts():
    selected, mass = make(5000)
    patterns = build_patterns(selected, mass, DIJET, LOOKS)
    assert 0 < patterns.n_common < patterns.rate.shape[0]
    n_toys = 4000
    counts = patterns.draw(np.random.default_rng(1), n_toys)
    assert counts.shape == (n_toys, len(LOOKS), EDGES.size - 1)
    np.testing.assert_array_equal(counts, np.round(counts))
    mean = patterns.expected()
    pull = (counts.mean(axis=0) - mean) / np.sqrt(np.maximum(mean, 1e-3) / n_toys)
    few = mean * n_toys > 25
    # About 450 pulls of unit width.
    assert np.abs(pull[few]).max() < 5
    ratio = counts.var(axis=0)[few] / mean[few]
    assert ratio.mean() == pytest.approx(1.0, abs=0.02)


def test_nested_working_points_stay_nested_in_every_toy():
    selected, mass = make(5000)
    patterns = build_patterns(selected, mass, DIJET, LOOKS)
    counts = patterns.draw(np.random.default_rng(2), 200)
    for loose, tight in zip(range(0, 12, 2), range(1, 12, 2), strict=True):
        assert np.all(counts[:, tight] <= counts[:, loose])


def test_shared_events_are_as_in_the_data():
    selected, mass = make(20_000)
    patterns = build_patterns(selected, mass, DIJET, LOOKS)
    shared = (patterns.member[:, :, None] & patterns.member[:, None, :]) * 1.0
    expected = np.einsum("k,kab->ab", patterns.rate.sum(axis=1), shared)
    inside = (mass >= EDGES[0]) & (mass < EDGES[-1])
    table = selected[:, inside].astype(float)
    observed = table @ table.T
    # The same events were used: what remains is the rounding of the margins.
    np.testing.assert_allclose(expected, observed, rtol=0.02, atol=2.0)


def test_a_bump_in_the_data_is_not_in_the_null():
    selected, mass = make(20_000, n_signal=400)
    quiet_selected, quiet_mass = make(20_000)
    window = (3300.0, 3700.0)
    inside = (EDGES[:-1] >= window[0]) & (EDGES[1:] <= window[1])
    patterns = build_patterns(
        selected,
        mass,
        DIJET,
        LOOKS,
        masked_window=window,
    )
    quiet = build_patterns(
        quiet_selected,
        quiet_mass,
        DIJET,
        LOOKS,
        masked_window=window,
    )
    background = quiet.expected()[:, inside].sum(axis=1)
    data = np.array(
        [np.histogram(mass[row], EDGES)[0][inside].sum() for row in selected], dtype=float
    )
    tight = np.array([key.working_point < 0.05 for key in LOOKS])
    assert np.all(data[tight] > background[tight] + 10 * np.sqrt(background[tight]))
    # The background itself is known to its fit's error: 20,000 events, 10 or 2 % of them.
    found = patterns.expected()[:, inside].sum(axis=1)
    assert np.all(np.abs(found - background) < 4 * np.sqrt(background))


def test_arrays_round_trip():
    patterns = build_patterns(*make(3000), DIJET, LOOKS)
    again = Patterns.from_arrays(patterns.to_arrays())
    one, two = (p.draw(np.random.default_rng(3), 5) for p in (patterns, again))
    np.testing.assert_array_equal(one, two)


def test_weight_two_gives_effective_counts_of_the_unweighted():
    selected, mass = make(5000)
    plain = build_patterns(selected, mass, DIJET, LOOKS)
    double = build_patterns(
        selected,
        mass,
        DIJET,
        LOOKS,
        weight=np.full(mass.size, 2.0),
    )
    np.testing.assert_allclose(double.expected(), plain.expected(), rtol=1e-9)
    np.testing.assert_array_equal(
        double.draw(np.random.default_rng(1), 3), plain.draw(np.random.default_rng(1), 3)
    )


def test_signed_weights_keep_mean_and_variance():
    selected, mass = make(20_000)
    rng = np.random.default_rng(6)
    weight = np.where(rng.random(mass.size) < 0.1, -1.0, 1.0)
    patterns = build_patterns(selected, mass, DIJET, LOOKS, weight=weight)
    counts = patterns.draw(np.random.default_rng(7), 2000)
    mean, variance = counts.sum(axis=2).mean(axis=0), counts.sum(axis=2).var(axis=0)
    inside = (mass >= EDGES[0]) & (mass < EDGES[-1])
    total = np.array([weight[inside & row].sum() for row in selected])
    squares = np.array([(weight[inside & row] ** 2).sum() for row in selected])
    np.testing.assert_allclose(mean, total * total / squares, rtol=0.03)
    # In effective events the variance equals the mean, here to the binomial error of 2,000 toys.
    assert np.mean(variance / mean) == pytest.approx(1.0, abs=0.1)


def test_more_than_64_looks_are_told_apart():
    rng = np.random.default_rng(5)
    n = 3000
    mass = dijet_mass(rng, n)
    selected = rng.random((70, n)) < 0.5
    looks = [Key("m", WINDOWS[i % 3], 0.5) for i in range(70)]
    patterns = build_patterns(selected, mass, DIJET, looks)
    assert patterns.member.shape == (n, 70)


def test_thinning_keeps_the_margins(monkeypatch):
    monkeypatch.setattr("bycatch.statistics.significance.overlaps.MOST_PATTERNS", 100)
    selected, mass = make(20_000)
    patterns = build_patterns(selected, mass, DIJET, LOOKS)
    assert patterns.rate.shape[0] <= 100
    assert np.all(np.abs(patterns.expected() - patterns.null) <= 0.02 * np.sqrt(patterns.null + 1))


def test_says_when_nothing_is_left():
    selected, mass = make(2000)
    selected &= (mass > 3300) & (mass < 3700)
    with pytest.raises(DataError, match="loosen the working points"):
        build_patterns(
            selected,
            mass,
            DIJET,
            LOOKS,
            masked_window=(3300.0, 3700.0),
        )
