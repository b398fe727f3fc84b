"""Densities in graphs: -log p of all features is that of the densities in double precision."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.special
import scipy.stats
import torch

from bycatch.learn.likelihoods import CLIP, DENSITIES
from bycatch.learn.likelihoods_graph import (
    GraphDensities,
    half_erfcx,
    repeated,
    softplus,
    stirling,
)

SMALLEST = 0.02
VALUES = {
    "gaussian": lambda rng, n: rng.normal(3.0, 20.0, n),
    "clipped_log_normal": lambda rng, n: np.where(
        rng.random(n) < 0.3, rng.choice([0.0, CLIP], n), np.exp(rng.normal(3.0, 2.0, n))
    ),
    "truncated_gaussian": lambda rng, n: rng.exponential(40.0, n),
    "discrete_gaussian": lambda rng, n: rng.poisson(2.0, n),
    "poisson": lambda rng, n: rng.poisson(30.0, n),
    "bernoulli": lambda rng, n: rng.integers(0, 2, n),
    "charge": lambda rng, n: rng.choice([-1, 1], n),
}
MIXTURES = [(kind,) * 3 for kind in VALUES] + [
    tuple(np.random.default_rng(seed).choice(list(VALUES), 9)) for seed in range(6)
]


def both(names, x, raw, centre, spread):
    """-log p in a graph, and in double precision by each density itself."""
    graph = GraphDensities(names, centre, spread, SMALLEST)
    out = torch.from_numpy(raw[graph.outputs] + graph.shift[:, None]).float()
    found = graph(graph.observed(torch.from_numpy(x).float()), out).double().numpy()
    expected, place = np.zeros(len(x)), 0
    for kind in sorted(set(names)):
        columns = [i for i, name in enumerate(names) if name == kind]
        density, n = DENSITIES[kind], len(columns)
        for j, column in enumerate(columns):
            own = [torch.from_numpy(raw[place + p * n + j]) for p in range(density.n_parameters)]
            fixed = (torch.tensor(centre[column]), torch.tensor(spread[column]))
            value = torch.from_numpy(x[:, column])
            expected -= density.log_prob(value, own, *fixed, SMALLEST).numpy()
        place += n * density.n_parameters
    return found, expected


def drawn(names, n, size, seed):
    """Features, a network's outputs, centre and spread, all in numbers of single precision."""
    rng = np.random.default_rng(seed)
    x = np.stack([VALUES[name](rng, n) for name in names], axis=1).astype(np.float32)
    outputs = sum(DENSITIES[name].n_parameters for name in names)
    raw = rng.normal(0.0, size, (outputs, n)).astype(np.float32)
    seen = [
        DENSITIES[k].seen(torch.from_numpy(c).double()).numpy()
        for k, c in zip(names, x.T, strict=True)
    ]
    centre = np.array([c.mean() for c in seen]).astype(np.float32)
    spread = np.array([c.std() for c in seen]).astype(np.float32)
    return tuple(value.astype(np.float64) for value in (x, raw, centre, spread))


@pytest.mark.parametrize("names", MIXTURES)
@pytest.mark.parametrize("size", [0.5, 2.0])
def test_graphs_agree_with_double_precision(names, size):
    x, raw, centre, spread = drawn(names, 20_000, size, seed=1)
    found, expected = both(names, x, raw, centre, spread)
    # Terms of both signs add up to the sum: its error is that of its largest ones.
    difference = np.abs(found - expected) / np.maximum(1.0, np.abs(expected))
    assert difference.max() < 1e-5
    assert np.quantile(difference, 0.99) < 2e-6


@pytest.mark.parametrize("kind", VALUES)
def test_far_tails_are_finite_and_right(kind):
    x, raw, centre, spread = drawn((kind,), 4000, 30.0, seed=2)
    found, expected = both((kind,), x, raw, centre, spread)
    assert np.isfinite(found).all()
    # Far away x - mean is known to single precision of the mean, and its square twice as badly.
    assert (np.abs(found - expected) <= 1e-5 * np.maximum(1.0, np.abs(expected))).all()


@pytest.mark.parametrize(("mean", "width"), [(-2.0, 1.0), (0.3, 0.5), (4.0, 0.1), (10.0, 3.0)])
def test_counts_in_graphs_sum_to_one(mean, width):
    counts = np.arange(200.0)[:, None]
    raw = np.array([[mean], [np.log(np.expm1(width - SMALLEST))]]) * np.ones(200)
    found, _ = both(("discrete_gaussian",), counts, raw, np.zeros(1), np.ones(1))
    assert np.exp(-found).sum() == pytest.approx(1.0, abs=2e-6)
    rate = np.full((1, 200), 3.0)
    found, _ = both(("poisson",), counts, rate, np.full(1, 7.0), np.ones(1))
    assert np.exp(-found).sum() == pytest.approx(1.0, abs=2e-5)


@pytest.mark.parametrize(("mean", "width"), [(-2.0, 1.0), (0.0, 0.5), (4.0, 0.4)])
@pytest.mark.parametrize("kind", ["gaussian", "truncated_gaussian", "clipped_log_normal"])
def test_densities_in_graphs_integrate_to_one(kind, mean, width):
    n = 20_001
    raw = np.array([[mean], [np.log(np.expm1(width - SMALLEST))], [0.4]]) * np.ones(n)
    low, high = mean - 12.0 * width, mean + 12.0 * width
    if kind == "truncated_gaussian":
        low = 0.0
    if kind == "clipped_log_normal":
        low = max(low, np.log(CLIP) + 1e-6)
    t = np.linspace(low, high, n)
    x, measure = (np.exp(t), np.exp(t)) if kind == "clipped_log_normal" else (t, 1.0)
    found, _ = both(
        (kind,), x[:, None], raw[: DENSITIES[kind].n_parameters], np.zeros(1), np.ones(1)
    )
    total = np.trapezoid(np.exp(-found) * measure, t)
    if kind == "clipped_log_normal":
        zero, _ = both((kind,), np.zeros((1, 1)), raw[:, :1], np.zeros(1), np.ones(1))
        total += np.exp(-zero[0])
    assert total == pytest.approx(1.0, abs=1e-5)


def test_functions_are_those_of_scipy():
    s = np.concatenate([np.linspace(0.0, 30.0, 300_001), np.logspace(1.5, 6.0, 1000)])
    s = s.astype(np.float32)
    found = half_erfcx(torch.from_numpy(s)).double().numpy()
    np.testing.assert_allclose(found, 0.5 * scipy.special.erfcx(s.astype(np.float64)), rtol=1e-6)
    raw = np.linspace(-80.0, 80.0, 10_001).astype(np.float32)
    found = softplus(torch.from_numpy(raw)).double().numpy()
    np.testing.assert_allclose(found, np.logaddexp(0.0, raw.astype(np.float64)), rtol=3e-7)
    counts = np.arange(3000.0)
    n, rest = (value.numpy() for value in stirling(torch.from_numpy(counts)))
    expected = scipy.special.gammaln(counts + 1.0)
    np.testing.assert_allclose(counts * np.log(n) - n + rest, expected, rtol=0.0, atol=3e-7)


def test_many_logits_do_not_overflow():
    names = ("bernoulli",) * 300
    raw = np.zeros((300, 2))
    x = np.ones((2, 300))
    found, expected = both(names, x, raw, np.zeros(300), np.ones(300))
    np.testing.assert_allclose(found, expected, rtol=1e-6)
    np.testing.assert_allclose(expected, 300.0 * np.log(2.0))


def test_repeated_rows_have_outputs_of_their_own():
    names = tuple(VALUES)
    x, raw, centre, spread = drawn(names, 12, 1.0, seed=3)
    graph = GraphDensities(names, centre, spread, SMALLEST)
    observed = graph.observed(torch.from_numpy(x[:4]).float())
    out = torch.from_numpy(raw[graph.outputs] + graph.shift[:, None]).float()
    found = graph(repeated(observed, 3), out).numpy()
    expected = [graph(observed, out[:, i : i + 4]).numpy() for i in (0, 4, 8)]
    np.testing.assert_allclose(found, np.concatenate(expected), rtol=1e-6)
