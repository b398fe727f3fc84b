"""The toy that all densities are tested on: normal, with a mean that follows the condition."""

import numpy as np
import pytest
import torch

from bycatch.learn import DENSITIES, density_options, make_density

FAST = {
    "matching": {"hidden": (32, 32), "solver": "rk4", "solver_steps": 20},
    "maf": {"hidden": (16, 16), "transforms": 3},
    "spline": {"hidden": (16, 16), "transforms": 2, "bins": 6},
    "coupling": {"hidden": (16, 16), "transforms": 2, "bins": 6},
}
TINY = {"steps": 30, "rounds": 3, "batch_size": 64}
N = 6000
MEAN, SLOPE = np.array([1.0, -20.0]), np.array([0.8, 5.0])
COVARIANCE = np.array([[0.25, 1.0], [1.0, 16.0]])
every_density = pytest.mark.parametrize("name", DENSITIES)


def toy(n, seed, low=-1.0, high=1.0):
    """x given c is normal with the mean MEAN + SLOPE c."""
    rng = np.random.default_rng(seed)
    c = rng.uniform(low, high, n)
    noise = rng.multivariate_normal([0.0, 0.0], COVARIANCE, n)
    return (MEAN + SLOPE * c[:, None] + noise).astype(np.float32), c


def masks(n, members=1):
    """Every fifth row validates."""
    validate = np.tile(np.arange(n) % 5 == 0, (members, 1))
    return {"train": ~validate, "validate": validate}


def small(name, members=1, seed=2, weight=None, **options):
    """Return a barely trained density; what it learned does not matter."""
    X, c = toy(400, 3)
    density = make_density(name, members, **{**TINY, **FAST[name], **options})
    return density.fit(X, c, weight, seed=seed, **masks(400, members))


def same_weights(density, **options):
    """Return the same density with other options."""
    names = density_options(density.kind)
    other = make_density(density.kind, **{key: getattr(density, key) for key in names} | options)
    for key in ("shape_", "scaling_", "_condition"):
        setattr(other, key, getattr(density, key))
    dtype = getattr(torch, other.dtype)
    other.parameters_ = {key: value.to(dtype) for key, value in density.parameters_.items()}
    return other
