"""The masked autoregressive flow of many members against its definition."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from bycatch.learn.nets.maf import draw_maf, log_density


@pytest.mark.parametrize("n_features", [1, 2, 5])
def test_the_density_has_the_jacobian_of_a_triangular_map(n_features: int) -> None:
    rngs = [np.random.default_rng(m) for m in range(2)]
    weights = draw_maf(n_features, 16, 1, rngs, torch.float64)
    weights = {name: 3.0 * value for name, value in weights.items()}
    x = torch.randn(2, 4, n_features, generator=torch.Generator().manual_seed(0)).double()
    x.requires_grad_(True)
    found = log_density(weights, x)
    # log p = log N(u) + log det du/dx, where -du^2/2 is what is left of one transform.
    for m in range(2):
        for row in range(4):

            def u(v: torch.Tensor, m: int = m) -> torch.Tensor:
                return log_density_of_one(weights, v, m)

            jacobian = torch.autograd.functional.jacobian(u, x[m, row].detach())
            assert torch.allclose(torch.triu(jacobian, 1), torch.zeros_like(jacobian))
            value = u(x[m, row].detach())
            expected = -0.5 * (value.square() + math.log(2 * math.pi)).sum()
            expected = expected + torch.linalg.slogdet(jacobian).logabsdet
            torch.testing.assert_close(found[m, row].detach(), expected)


def log_density_of_one(weights: dict, v: torch.Tensor, member: int) -> torch.Tensor:
    """u_i = (x_i - shift_i(x_<i)) exp(-log_scale_i(x_<i)), by a loop over features."""
    w = {name.removeprefix("made0."): value[member] for name, value in weights.items()}
    n = len(v)
    result = []
    for i in range(n):
        h = []
        for k in range(w["weight0"].shape[1]):
            degree = k % max(n - 1, 1)
            sees = [j for j in range(n) if j <= degree] if n > 1 else []
            a = w["bias0"][0, k] + sum((v[j] * w["weight0"][j, k] for j in sees), torch.zeros(()))
            h.append((degree, torch.nn.functional.silu(a)))
        out = []
        for column in (i, n + i):
            value = w["bias1"][0, column]
            for k, (degree, unit) in enumerate(h):
                if degree < i:
                    value = value + unit * w["weight1"][k, column]
            out.append(value)
        log_scale = 3.0 * torch.tanh(out[1] / 3.0)
        result.append((v[i] - out[0]) * torch.exp(-log_scale))
    return torch.stack(result)


def test_the_density_integrates_to_one() -> None:
    weights = draw_maf(2, 16, 3, [np.random.default_rng(1)], torch.float64)
    axis = torch.linspace(-12.0, 12.0, 481, dtype=torch.float64)
    grid = torch.cartesian_prod(axis, axis)[None]
    total = log_density(weights, grid).exp().sum() * (axis[1] - axis[0]) ** 2
    assert float(total) == pytest.approx(1.0, abs=1e-3)


def test_members_do_not_mix() -> None:
    both = draw_maf(3, 8, 2, [np.random.default_rng(m) for m in range(2)], torch.float64)
    x = torch.randn(2, 5, 3, generator=torch.Generator().manual_seed(0)).double()
    alone = {name: value[1:] for name, value in both.items()}
    torch.testing.assert_close(log_density(alone, x[1:]), log_density(both, x)[1:])
