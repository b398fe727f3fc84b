"""Learned densities against closed forms and against zuko used in the ordinary way."""

import numpy as np
import pytest
import torch
import zuko
from scipy import stats
from scipy.special import logit

from bycatch.learn import DENSITIES, make_density
from bycatch.learn.batches import BatchStream
from bycatch.tasks.random import stream

SMALL = {
    "matching": {"hidden": (32, 32), "steps": 1000, "batch_size": 1000},
    "maf": {"hidden": (16, 16), "transforms": 3, "steps": 400},
    "spline": {"hidden": (16, 16), "transforms": 2, "bins": 6, "steps": 400},
    "coupling": {"hidden": (16, 16), "transforms": 3, "bins": 6, "steps": 600},
}
MEAN, SLOPE = np.array([0.0, 50.0, -1.0]), np.array([1.0, -5.0, 0.0])
SPREAD = np.array([1.0, 10.0, 0.1])
CORRELATION = np.array([[1.0, 0.7, -0.3], [0.7, 1.0, 0.2], [-0.3, 0.2, 1.0]])
COVARIANCE = CORRELATION * np.outer(SPREAD, SPREAD)


def events(n, seed):
    rng = np.random.default_rng(seed)
    c = rng.uniform(-1.0, 1.0, n)
    noise = rng.multivariate_normal(np.zeros(3), COVARIANCE, n)
    return (MEAN + SLOPE * c[:, None] + noise).astype(np.float32), c


def closed_form(X, c):
    """Log density of the events, from scipy."""
    normal = stats.multivariate_normal(np.zeros(3), COVARIANCE)
    return normal.logpdf(X.astype(float) - MEAN - SLOPE * c[:, None])


@pytest.mark.parametrize("name", DENSITIES)
def test_a_correlated_normal_density_is_learned_within_the_expected_excess(name):
    """The expected excess of -log p over the truth is p / (2 n) for p parameters and n events."""
    n, n_test = 20_000, 10_000
    X, c = events(n, 1)
    validate = (np.arange(n) % 10 == 0)[None]
    density = make_density(name, 1, rounds=5, **SMALL[name])
    density.fit(X, c, train=~validate, validate=validate, seed=3)
    parameters = sum(value[0].numel() for value in density.parameters_.values())
    X_test, c_test = events(n_test, 2)
    inside = density.scaling_.inside(X_test)
    # The support ends at the outermost of n events in each of three features.
    assert (~inside).sum() <= stats.poisson.isf(1e-6, 6 * n_test / n)
    difference = (closed_form(X_test, c_test) - density.log_prob(X_test, c_test)[0])[inside]
    error = 5 * difference.std() / np.sqrt(n_test)
    expected = parameters / (2 * 0.9 * n)
    assert -error < difference.mean() < expected + error
    assert expected + error < 0.15
    # Without the condition, or without the correlation, the excess would be far above that.
    log_det = np.linalg.slogdet(CORRELATION).logabsdet
    assert min(-0.5 * log_det, 0.5 * np.log1p(1 / 3)) > expected + error


@pytest.mark.parametrize("name", ["maf", "spline", "coupling"])
def test_a_flow_against_a_plain_zuko_loop(name):
    X, c = events(900, 4)
    weight = np.random.default_rng(5).uniform(0.5, 2.0, 900) * np.where(np.arange(900) % 9, 1, -0.5)
    train = (np.arange(900) < 600)[None]
    shape = {key: value for key, value in SMALL[name].items() if key != "steps"}
    density = make_density(
        name, 1, steps=40, rounds=1, batch_size=50, learning_rate=2e-3, dtype="float64", **shape
    )
    density.fit(X, c, weight, train=train, validate=~train, seed=2)

    low, high = X.min(axis=0).astype(float), X.max(axis=0).astype(float)
    low, high = low - 1e-3 * (high - low), high + 1e-3 * (high - low)
    y = logit((X - low) / (high - low))
    mean = np.average(y, axis=0, weights=weight)
    spread = np.sqrt(np.average((y - mean) ** 2, axis=0, weights=weight))
    centre = np.average(c, weights=weight)
    width = np.sqrt(np.average((c - centre) ** 2, weights=weight))
    z = torch.from_numpy((y - mean) / spread)
    condition = torch.from_numpy((c - centre) / width)[:, None]

    common = {
        "features": 3,
        "context": 1,
        "transforms": shape["transforms"],
        "hidden_features": shape["hidden"],
        "activation": torch.nn.SiLU,
    }
    flow = {
        "maf": lambda: zuko.flows.MAF(**common),
        "spline": lambda: zuko.flows.NSF(bins=6, **common),
        "coupling": lambda: zuko.flows.NSF(bins=6, passes=2, **common),
    }[name]().double()
    rng = stream(2, "member", 0)
    for layer in flow.modules():
        if isinstance(layer, torch.nn.Linear):
            for value in (layer.weight, layer.bias):
                drawn = rng.uniform(-1, 1, tuple(value.shape)) / np.sqrt(layer.in_features)
                value.data = torch.from_numpy(drawn)
    scaled = weight[:600] / weight[:600].mean()
    batches = BatchStream([np.arange(600)], [scaled], [rng], 50)
    adam = torch.optim.Adam(flow.parameters(), lr=2e-3)
    cycle = torch.optim.lr_scheduler.OneCycleLR(adam, 2e-3, total_steps=41, pct_start=0.1)
    drawn, weights = batches.draw([0], 40)
    for rows, w in zip(drawn[:, 0], weights[:, 0], strict=True):
        adam.zero_grad()
        log_p = flow(condition[rows]).log_prob(z[rows])
        (-(torch.from_numpy(w.copy()) * log_p).mean()).backward()
        adam.step()
        cycle.step()

    with torch.no_grad():
        log_p = flow(condition).log_prob(z).numpy()
    u = (X - low) / (high - low)
    expected = log_p - np.log(u * (1 - u) * (high - low) * spread).sum(axis=1)
    np.testing.assert_allclose(density.log_prob(X, c)[0], expected, rtol=0, atol=1e-7)
    held_out = np.average(-expected[600:], weights=weight[600:])
    assert density.histories_[0].validation_loss[0] == pytest.approx(held_out, abs=1e-9)
