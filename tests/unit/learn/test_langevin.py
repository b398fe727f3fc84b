"""Chains have the distribution that they shall have; each test would catch a published mistake."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import Tensor

from bycatch.errors import ConfigError
from bycatch.learn.langevin import Langevin, langevin, on_sphere

ROWS = 4000


class Numbers:
    """Random numbers of each member from its own seed."""

    def __init__(self, members: int, seed: int = 0) -> None:
        self._generators = [torch.Generator().manual_seed(seed + m) for m in range(members)]

    def normal(self, shape, like: Tensor) -> Tensor:
        return torch.stack(
            [torch.randn(tuple(shape), generator=g, dtype=like.dtype) for g in self._generators]
        )

    def uniform(self, shape, like: Tensor) -> Tensor:
        return torch.stack(
            [torch.rand(tuple(shape), generator=g, dtype=like.dtype) for g in self._generators]
        )


def start(*shape: int, seed: int = 1) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def assert_moments(x: Tensor, mean: float, variance: float, n: int) -> None:
    """Compare with a Gaussian within 4.5 standard errors of n independent chains."""
    assert abs(float(x.mean()) - mean) < 4.5 * math.sqrt(variance / n)
    assert abs(float(x.var()) / variance - 1.0) < 4.5 * math.sqrt(2.0 / n)


def test_metropolis_chains_sample_a_gaussian_energy_at_each_temperature() -> None:
    # E = (x - 1)^2 at T = 0.5 and 2: variance T / 2, whatever the noise is.
    temperature = torch.tensor([0.5, 2.0], dtype=torch.float64)[:, None]

    def energy(x: Tensor) -> Tensor:
        return (x[..., 0] - 1.0).square() / temperature

    options = Langevin(60, noise=0.6, metropolis=True)
    chains = langevin(energy, start(2, ROWS, 1), Numbers(2), options)
    for member, t in enumerate((0.5, 2.0)):
        assert_moments(chains.x[member], 1.0, 0.5 * t, ROWS)
    assert 0.8 < float(chains.accepted.min()) < 1.0


def test_each_chain_is_accepted_by_its_own_energy() -> None:
    # Row 0 sits where all steps are downhill, row 1 in a narrow well: a decision shared by
    # broadcasting would let the well's chains escape or freeze the others.
    curvature = torch.tensor([1.0, 1e4], dtype=torch.float64).repeat(500)[None]

    def energy(x: Tensor) -> Tensor:
        return 0.5 * curvature * x[..., 0].square()

    x = torch.zeros(1, 1000, 1, dtype=torch.float64)
    options = Langevin(400, noise=0.5, metropolis=True)
    found = langevin(energy, x, Numbers(1), options).x[0, :, 0]
    assert_moments(found[0::2], 0.0, 1.0, 500)
    # In the well a step of 0.5 is 50 standard deviations: nearly none is accepted.
    assert float(found[1::2].abs().max()) < 0.06


@pytest.mark.parametrize("step", [0.02, 0.08, 0.2])
def test_the_acceptance_uses_the_density_of_the_real_proposal(step: float) -> None:
    # Steps that are not noise^2 / 2, clipped slopes: what is sampled stays the same.
    options = Langevin(150, noise=0.4, step=step, clip=1.5, metropolis=True)
    chains = langevin(lambda x: 0.5 * x[..., 0].square(), start(1, ROWS, 1), Numbers(1), options)
    assert_moments(chains.x, 0.0, 1.0, ROWS)


def test_metropolis_chains_leave_the_thermal_distribution_as_it_is() -> None:
    # In five dimensions, coarse steps: one that is not reversible shifts the energy at once.
    x = start(1, 20_000, 5)
    options = Langevin(15, noise=1.1, metropolis=True)
    chains = langevin(lambda x: 0.5 * x.square().sum(-1), x, Numbers(1), options)
    energy = 0.5 * chains.x.square().sum(-1)
    assert abs(float(energy.mean()) - 2.5) < 4.5 * math.sqrt(2.5 / 20_000)
    assert float(chains.accepted) < 0.95


@pytest.mark.parametrize("noise", [0.05, 0.4])
def test_a_double_well_has_both_wells_and_the_right_width(noise: float) -> None:
    def energy(x: Tensor) -> Tensor:
        return 2.0 * (x[..., 0].square() - 1.0).square() + 0.5 * x[..., 0]

    grid = torch.linspace(-4.0, 4.0, 8001, dtype=torch.float64)[None, :, None]
    p = torch.exp(-energy(grid))[0]
    p /= p.sum()
    left = float(p[grid[0, :, 0] < 0.0].sum())
    mean = float((p * grid[0, :, 0]).sum())
    variance = float((p * (grid[0, :, 0] - mean).square()).sum())
    # Short steps do not cross within this time: start in the right proportion.
    index = torch.multinomial(p, ROWS, replacement=True, generator=torch.Generator().manual_seed(3))
    x = grid[:, index] if noise < 0.1 else start(1, ROWS, 1)
    options = Langevin(150, noise=noise, metropolis=True)
    found = langevin(energy, x, Numbers(1), options).x
    assert abs(float((found < 0.0).double().mean()) - left) < 4.5 * math.sqrt(0.25 / ROWS)
    assert abs(float(found.mean()) - mean) < 4.5 * math.sqrt(variance / ROWS)


def test_acceptance_tends_to_one_for_small_steps() -> None:
    def energy(x: Tensor) -> Tensor:
        return 0.5 * x.square().sum(-1) + x.cos().sum(-1)

    found = [
        float(
            langevin(
                energy, start(1, 500, 3), Numbers(1), Langevin(20, noise, metropolis=True)
            ).accepted
        )
        for noise in (1.6, 0.8, 0.4, 0.1)
    ]
    assert found == sorted(found)
    assert found[0] < 0.9
    # The refused fraction falls as the third power of the noise.
    assert 1.0 - found[-1] < 1e-3


def test_unadjusted_chains_have_the_stated_effective_temperature() -> None:
    # For U = x^2/2 and any step: variance = noise^2 / (2 step - step^2), the closed form.
    for noise, step in ((0.2, None), (0.2, 0.2), (0.1, 0.05)):
        options = Langevin(400, noise, step=step)
        s = options.stride
        chains = langevin(
            lambda x: 0.5 * x[..., 0].square(), start(1, ROWS, 1), Numbers(1), options
        )
        assert_moments(chains.x, 0.0, noise**2 / (2.0 * s - s**2), ROWS)
        assert options.effective_temperature == pytest.approx(noise**2 / (2.0 * s))
    assert Langevin(1, 0.3).effective_temperature == 1.0
    # The published setting of the jet chains is no sampling at T = 1.
    assert Langevin(30, 1e-4, step=50.0).effective_temperature < 1e-9


def test_the_unit_scales_noise_and_slope() -> None:
    # The same chains in other units: x = unit * y.
    unit = torch.tensor([0.1, 30.0], dtype=torch.float64)
    y = start(1, 50, 3).expand(2, -1, -1)
    wide = unit[:, None, None]
    for metropolis in (False, True):
        options = Langevin(20, 0.5, clip=1.0, metropolis=metropolis)
        same = [torch.Generator().manual_seed(5) for _ in range(2)]
        numbers, again = Numbers(2), Numbers(2)
        numbers._generators = same
        again._generators = [torch.Generator().manual_seed(5) for _ in range(2)]
        plain = langevin(lambda x: 0.5 * x.square().sum(-1), y, numbers, options).x
        scaled = langevin(
            lambda x: 0.5 * (x / wide).square().sum(-1), y * wide, again, options, unit=unit
        ).x
        torch.testing.assert_close(scaled / wide, plain)


def test_slopes_are_clipped_per_chain_over_all_its_coordinates() -> None:
    # An image of 4x5 pixels, all with the slope 3: its length is 3 sqrt(20), not that of a row.
    x = torch.zeros(1, 2, 4, 5, dtype=torch.float64)
    factor = torch.tensor([3.0, 0.01], dtype=torch.float64)[None]
    options = Langevin(1, noise=1e-9, step=1.0, clip=1.0)
    found = langevin(lambda x: factor * x.flatten(2).sum(2), x, Numbers(1), options).x[0]
    torch.testing.assert_close(found[0], torch.full((4, 5), -(20**-0.5), dtype=torch.float64))
    # A chain with a short slope is not touched by the long one of its neighbour.
    torch.testing.assert_close(found[1], torch.full((4, 5), -0.01, dtype=torch.float64))


@pytest.mark.parametrize("metropolis", [False, True])
@pytest.mark.parametrize("sphere", [False, True])
def test_a_slope_of_zero_gives_no_nan(metropolis: bool, sphere: bool) -> None:
    x = on_sphere(start(1, 30, 3))
    options = Langevin(5, 0.1, clip=0.01, metropolis=metropolis, sphere=sphere)
    chains = langevin(lambda x: 0.0 * x.sum(-1), x, Numbers(1), options)
    assert torch.isfinite(chains.x).all()
    if metropolis:
        assert float(chains.accepted) == pytest.approx(1.0)


def test_a_chain_without_a_finite_slope_waits_and_leaves_others_alone() -> None:
    factor = torch.tensor([0.5, torch.inf], dtype=torch.float64)[None]
    x = torch.tensor([0.5, 6.0], dtype=torch.float64)[None, :, None]
    options = Langevin(10, 1e-3, step=0.1)
    found = langevin(lambda x: factor * x[..., 0].square(), x, Numbers(1), options).x[0, :, 0]
    assert float(found[0]) < 0.4
    assert abs(float(found[1]) - 6.0) < 0.05


@pytest.mark.parametrize("boundary", ["reflect", "refuse"])
def test_chains_in_a_box_with_metropolis_steps(boundary: str) -> None:
    # A truncated exponential, dense at the lower bound, where the boundary matters.
    rate = 3.0
    options = Langevin(
        120,
        0.2,
        bounds=(0.0, 1.0),
        boundary=boundary,
        metropolis=True,  # type: ignore[arg-type]
    )
    x = torch.rand((1, ROWS, 1), generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    found = langevin(lambda x: rate * x[..., 0], x, Numbers(1), options).x[0, :, 0].numpy()
    assert found.min() >= 0.0
    assert found.max() <= 1.0
    cdf = (1.0 - np.exp(-rate * np.sort(found))) / (1.0 - math.exp(-rate))
    distance = np.abs(cdf - (np.arange(ROWS) + 0.5) / ROWS).max()
    assert distance * math.sqrt(ROWS) < 1.95  # Kolmogorov, p > 0.001


def test_unadjusted_chains_stay_in_their_box() -> None:
    x = torch.full((1, 200, 4), 0.5, dtype=torch.float64)
    for boundary in ("reflect", "refuse"):
        options = Langevin(50, 0.8, bounds=(0.0, 1.0), boundary=boundary)  # type: ignore[arg-type]
        chains = langevin(lambda x: -2.0 * x.sum(-1), x, Numbers(1), options)
        assert float(chains.x.min()) >= 0.0
        assert float(chains.x.max()) <= 1.0
        assert (float(chains.accepted) < 1.0) == (boundary == "refuse")


@pytest.mark.parametrize("coordinates", [2, 3, 5])
def test_metropolis_chains_on_the_sphere(coordinates: int) -> None:
    # Von Mises-Fisher: p ~ exp(kappa z). Its mean along the axis and along it squared by
    # quadrature over the angle, whose volume is sin^(n - 2).
    kappa = 2.5
    theta = np.linspace(0.0, math.pi, 20_001)
    density = np.exp(kappa * np.cos(theta)) * np.sin(theta) ** (coordinates - 2)
    density /= density.sum()
    mean = float((density * np.cos(theta)).sum())
    variance = float((density * (np.cos(theta) - mean) ** 2).sum())
    x = on_sphere(start(1, ROWS, coordinates))
    options = Langevin(60, 0.6, sphere=True, metropolis=True)
    chains = langevin(lambda x: -kappa * x[..., 0], x, Numbers(1), options)
    assert float(chains.accepted) < 0.999
    torch.testing.assert_close(chains.x.square().sum(-1), torch.ones(1, ROWS, dtype=torch.float64))
    along = chains.x[0, :, 0]
    assert abs(float(along.mean()) - mean) < 4.5 * math.sqrt(variance / ROWS)
    fourth = float((density * (np.cos(theta) - mean) ** 4).sum())
    spread = math.sqrt((fourth - variance**2) / ROWS)
    assert abs(float(along.var()) - variance) < 4.5 * spread
    # Nothing is preferred around the axis.
    sideways = chains.x[0, :, 1]
    assert abs(float(sideways.mean())) < 4.5 * math.sqrt(float(sideways.var()) / ROWS)


def test_members_do_not_mix() -> None:
    x = start(2, 40, 3)
    options = Langevin(10, 0.4, metropolis=True)
    both = langevin(lambda x: x.square().sum(-1), x, Numbers(2), options)
    one = langevin(lambda x: x.square().sum(-1), x[:1], Numbers(1), options)
    torch.testing.assert_close(both.x[:1], one.x)


def test_gradients_flow_through_the_last_steps_only() -> None:
    # For U = a x^2 / 2 without noise: x_n = (1 - s a)^n x_0, and through the last k steps
    # d x_n / d a = -s k (1 - s a)^(n - 1) x_0, with x_{n-k} taken as fixed.
    a = torch.tensor(2.0, dtype=torch.float64, requires_grad=True)
    x = torch.ones(1, 3, 1, dtype=torch.float64)
    options = Langevin(6, 1e-12, step=0.1)
    found = langevin(lambda x: 0.5 * a * x[..., 0].square(), x, Numbers(1), options, through=2).x
    (slope,) = torch.autograd.grad(found.sum(), a)
    assert float(slope) == pytest.approx(-3 * 0.1 * 2 * 0.8**5, rel=1e-6)
    assert not langevin(lambda x: 0.5 * a * x[..., 0].square(), x, Numbers(1), options).x.grad_fn
    with pytest.raises(ConfigError, match="Metropolis"):
        langevin(lambda x: x[..., 0], x, Numbers(1), Langevin(2, 0.1, metropolis=True), through=1)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"noise": 0.0}, "noise"),
        ({"step": 0.0}, "step"),
        ({"clip": -1.0}, "clip"),
        ({"steps": -1}, "steps"),
        ({"bounds": (1.0, 0.0)}, "bounds"),
        ({"boundary": "wrap"}, "boundary"),
        ({"sphere": True, "bounds": (0.0, 1.0)}, "sphere"),
    ],
)
def test_options_without_sense_are_refused(options, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        Langevin(**{"steps": 1, "noise": 0.1, **options})


def test_noise_too_large_for_reflecting_bounds_is_refused() -> None:
    x = torch.full((1, 2, 1), 0.5)
    options = Langevin(1, 0.3, bounds=(0.0, 1.0), metropolis=True)
    with pytest.raises(ConfigError, match="quarter"):
        langevin(lambda x: x[..., 0], x, Numbers(1), options)
