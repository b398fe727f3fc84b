"""The toy that templates are tested on: normal features whose mean follows log m."""

import json
import shutil

import numpy as np
import pytest

from bycatch.errors import InputError
from bycatch.template import TEMPLATES, InterpolatedTemplate, Region, SidebandDensity, get_template

SPAN = (1.0, 4.0)
WINDOW = (1.8, 2.2)
REGION = Region(WINDOW, ((1.3, 1.8), (2.2, 3.0)), SPAN)
MEAN, SLOPE = np.array([1.0, -20.0]), np.array([1.5, 20.0])
COVARIANCE = np.array([[0.25, 1.0], [1.0, 16.0]])
SPREAD = np.sqrt(np.diag(COVARIANCE))
TINY = {"hidden": (16,), "steps": 60, "rounds": 2, "batch_size": 128}


def mean_at(mass):
    """Return the mean of x at each mass, of shape (n, 2)."""
    return MEAN + SLOPE * np.log(np.asarray(mass))[..., None]


def toy(n, seed):
    """Return masses with a spectrum that falls as 1 / m, and features."""
    rng = np.random.default_rng(seed)
    mass = np.exp(rng.uniform(*np.log(SPAN), n))
    X = mean_at(mass) + rng.multivariate_normal([0.0, 0.0], COVARIANCE, n)
    return mass, X.astype(np.float32)


def columns(n=1500, seed=0):
    """Return mass, X, weight and label; one event in ten is called signal."""
    rng = np.random.default_rng([seed, 1])
    weight = rng.uniform(0.5, 1.5, n)
    label = (rng.uniform(size=n) < 0.1).astype(np.int8)
    return *toy(n, seed), weight, label


def inside(mass, window=WINDOW):
    return (mass >= window[0]) & (mass < window[1])


def barely_trained(windows=(WINDOW,), seed=1, **options):
    """Return a density of the toy; what it learned does not matter."""
    mass, X = toy(1500, 0)
    return SidebandDensity.fit(
        mass, X, np.ones(mass.size), windows, SPAN, options={**TINY, **options}, seed=seed
    )


def tiny(name, **options):
    """Return a template that trains in no time, if it trains at all."""
    if issubclass(TEMPLATES[name], InterpolatedTemplate):
        options = {"density_options": TINY, **options}
    if TEMPLATES[name].own_classifier:
        options = {"window_options": TINY, **options}
    return get_template(name, **options)


def refusals(model, folder):
    """Return a function that damages a copy of ``folder / "good"`` and expects a refusal."""

    def refused(match, damage):
        shutil.copytree(folder / "good", folder / "bad")
        damage(folder / "bad")
        with pytest.raises(InputError, match=match):
            model.load(folder / "bad")
        shutil.rmtree(folder / "bad")

    return refused


def with_metadata(**changes):
    def damage(folder):
        index = folder / "checkpoint.json"
        content = json.loads(index.read_text())
        content["metadata"].update(changes)
        index.write_text(json.dumps(content))

    return damage


def truncated(name):
    def damage(folder):
        data = (folder / name).read_bytes()
        (folder / name).write_bytes(data[:-4])

    return damage


def asked(density, window=WINDOW, n=200):
    """Return log-densities and samples at masses in the window."""
    mass, X = toy(20 * n, 8)
    use = np.flatnonzero(inside(mass, window))[:n]
    X = density.clip(X[use])
    return density.log_prob(window, X, mass[use]), density.sample(window, mass[use], 3)


def assert_equal(a, b, window=WINDOW):
    for one, other in zip(asked(a, window), asked(b, window), strict=True):
        np.testing.assert_array_equal(one, other)
