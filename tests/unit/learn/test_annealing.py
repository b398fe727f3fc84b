"""log Omega where it is known in closed form."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import Tensor

from bycatch.errors import ConfigError, DataError
from bycatch.learn.annealing import BoxBase, GaussianBase, SphereBase, log_partition
from bycatch.learn.langevin import Langevin

from .test_langevin import Numbers


def zeros(*shape: int) -> Tensor:
    return torch.zeros(shape, dtype=torch.float64)


def close(found, expected, worst: float) -> None:
    """Within 4.5 of its own errors, which must be small."""
    expected = np.asarray(expected)
    assert np.all(np.abs(found.value - expected) < 4.5 * found.error + 1e-9)
    assert np.all(found.error < worst)
    assert np.all(found.effective > 10.0)


def test_a_gaussian_energy_at_two_temperatures() -> None:
    # E = |x|^2 / 2 in three dimensions: Omega = (2 pi T)^(3/2).
    temperature = torch.tensor([0.3, 2.0], dtype=torch.float64)[:, None]
    base = GaussianBase(zeros(2, 1, 3), zeros(2, 1, 3) + 1.5)
    found = log_partition(
        lambda x: 0.5 * x.square().sum(-1) / temperature,
        base,
        Numbers(2),
        Langevin(3, 0.5),
        n_chains=400,
        temperatures=60,
    )
    expected = [1.5 * math.log(2.0 * math.pi * t) for t in (0.3, 2.0)]
    close(found, expected, 0.05)
    assert found.n_chains == 400
    assert np.all(found.accepted > 0.5)


def test_a_mixture_whose_density_is_normalised() -> None:
    # -log of a normalised density, shifted by 7: log Omega is 7.
    def energy(x: Tensor) -> Tensor:
        parts = torch.stack(
            [
                -0.5 * ((x - centre) / width).square().sum(-1)
                - 2.0 * math.log(width)
                + math.log(fraction)
                for centre, width, fraction in ((-1.5, 0.4, 0.3), (1.0, 0.7, 0.7))
            ]
        )
        return -parts.logsumexp(dim=0) + math.log(2.0 * math.pi) - 7.0

    found = log_partition(
        energy,
        GaussianBase(zeros(1, 1, 2), zeros(1, 1, 2) + 2.0),
        Numbers(1),
        Langevin(3, 0.5),
        n_chains=500,
        temperatures=80,
    )
    close(found, [7.0], 0.1)


def test_a_quadratic_energy_in_a_box() -> None:
    # From a uniform start; the integral over each side by the error function.
    sharpness = 8.0
    found = log_partition(
        lambda x: sharpness * x.square().sum(-1),
        BoxBase(-1.0, 2.0, zeros(1, 1, 2)),
        Numbers(1),
        Langevin(3, 0.3, bounds=(-1.0, 2.0)),
        n_chains=400,
        temperatures=60,
    )
    root = math.sqrt(sharpness)
    side = 0.5 * math.sqrt(math.pi) / root * (math.erf(2.0 * root) + math.erf(root))
    close(found, [2.0 * math.log(side)], 0.1)


@pytest.mark.parametrize("coordinates", [2, 3])
def test_on_the_sphere(coordinates: int) -> None:
    kappa = 3.0
    found = log_partition(
        lambda x: -kappa * x[..., 0],
        SphereBase(zeros(1, 1, coordinates)),
        Numbers(1),
        Langevin(2, 0.5, sphere=True),
        n_chains=400,
        temperatures=40,
    )
    if coordinates == 3:
        expected = math.log(4.0 * math.pi * math.sinh(kappa) / kappa)
    else:
        expected = math.log(2.0 * math.pi * float(np.i0(kappa)))
    close(found, [expected], 0.05)


def test_no_annealing_is_importance_sampling_and_the_error_covers() -> None:
    # One temperature; over 200 members the pulls have unit width.
    found = log_partition(
        lambda x: 0.5 * x.square().sum(-1),
        GaussianBase(zeros(200, 1, 1), zeros(200, 1, 1) + 1.5),
        Numbers(200),
        Langevin(1, 0.5),
        n_chains=200,
        temperatures=1,
    )
    pull = (found.value - 0.5 * math.log(2.0 * math.pi)) / found.error
    assert abs(pull.mean()) < 4.5 / math.sqrt(200)
    assert abs(pull.std() - 1.0) < 4.5 / math.sqrt(400)


def test_what_cannot_be_is_refused() -> None:
    base = GaussianBase(zeros(1, 1, 1), zeros(1, 1, 1) + 1.0)
    with pytest.raises(ConfigError, match="n_chains"):
        log_partition(lambda x: x[..., 0], base, Numbers(1), Langevin(1, 0.1), n_chains=1)
    with pytest.raises(DataError, match="NaN or infinite"):
        log_partition(
            lambda x: torch.inf * x[..., 0].square(),
            base,
            Numbers(1),
            Langevin(1, 0.1),
            n_chains=3,
            temperatures=2,
        )
