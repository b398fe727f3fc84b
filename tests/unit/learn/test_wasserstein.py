"""Sliced Wasserstein distances against scipy, and what weights do."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.stats import norm, wasserstein_distance

from bycatch.learn.wasserstein import sliced_wasserstein, unit_directions

ONE = torch.ones((1, 1, 1), dtype=torch.float64)


def column(values: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(np.asarray(values, dtype=np.float64))[None, :, None]


@pytest.mark.parametrize(("n", "m"), [(50, 50), (50, 33), (7, 200), (1, 4)])
@pytest.mark.parametrize("weighted", [False, True])
def test_one_dimension_agrees_with_scipy(n: int, m: int, weighted: bool) -> None:
    rng = np.random.default_rng(n + m)
    x, y = rng.normal(size=n), 2.0 * rng.normal(size=m) + 1.0
    wx, wy = (rng.uniform(0.1, 2.0, k) if weighted else np.ones(k) for k in (n, m))
    found = sliced_wasserstein(
        column(x),
        column(y),
        ONE,
        torch.from_numpy(wx)[None] if weighted else None,
        torch.from_numpy(wy)[None] if weighted else None,
        order=1,
    )
    assert float(found) == pytest.approx(wasserstein_distance(x, y, wx, wy), rel=1e-10)


def test_squared_distance_of_normals_has_its_closed_form() -> None:
    # W_2^2 of N(a, s^2) and N(b, t^2) is (a - b)^2 + (s - t)^2; exact quantiles stand for samples.
    u = (np.arange(20_000) + 0.5) / 20_000
    x, y = norm.ppf(u), 3.0 + 2.0 * norm.ppf(u)
    assert float(sliced_wasserstein(column(x), column(y), ONE)) == pytest.approx(10.0, rel=1e-3)


def test_a_shift_in_many_dimensions_is_averaged_over_directions() -> None:
    rng = np.random.default_rng(1)
    x = torch.from_numpy(rng.normal(size=(2, 30, 3)))
    shift = torch.tensor([1.0, -2.0, 0.5], dtype=torch.float64)
    directions = unit_directions(torch.from_numpy(rng.normal(size=(1, 40, 3))))
    torch.testing.assert_close(directions.norm(dim=2), torch.ones((1, 40), dtype=torch.float64))
    expected = (directions @ shift).square().mean()
    torch.testing.assert_close(
        sliced_wasserstein(x, x + shift, directions), expected.expand(2), rtol=1e-10, atol=0.0
    )


def test_weight_two_is_two_rows_and_minus_one_takes_one_away() -> None:
    rng = np.random.default_rng(2)
    x, y = rng.normal(size=(1, 20, 2)), rng.normal(size=(1, 31, 2))
    directions = unit_directions(torch.from_numpy(rng.normal(size=(1, 5, 2))))
    other = torch.from_numpy(y)
    weight = torch.ones((1, 20), dtype=torch.float64)
    weight[0, 3] = 2.0
    twice = torch.from_numpy(np.concatenate([x, x[:, 3:4]], axis=1))
    torch.testing.assert_close(
        sliced_wasserstein(torch.from_numpy(x), other, directions, weight),
        sliced_wasserstein(twice, other, directions),
    )
    cancelled = torch.from_numpy(np.concatenate([x, x[:, 3:4]], axis=1))
    signed = torch.ones((1, 21), dtype=torch.float64)
    signed[0, 20] = -1.0
    rest = torch.from_numpy(np.delete(x, 3, axis=1))
    torch.testing.assert_close(
        sliced_wasserstein(cancelled, other, directions, signed),
        sliced_wasserstein(rest, other, directions),
    )


def test_members_do_not_mix_and_what_has_no_weight_does_not_count() -> None:
    rng = np.random.default_rng(3)
    x, y = (torch.from_numpy(rng.normal(size=(2, 12, 2))) for _ in range(2))
    directions = unit_directions(torch.from_numpy(rng.normal(size=(2, 5, 2))))
    weight = torch.ones((2, 12), dtype=torch.float64)
    weight[0, 8:] = 0.0
    weight[1] = 0.0
    x[0, 8:] = 1e6
    found = sliced_wasserstein(x, y, directions, weight)
    alone = sliced_wasserstein(x[:1, :8], y[:1], directions[:1])
    torch.testing.assert_close(found, torch.cat([alone, torch.zeros(1, dtype=torch.float64)]))


def test_gradients_pull_the_samples_together() -> None:
    rng = np.random.default_rng(4)
    x = torch.from_numpy(rng.normal(size=(1, 40, 2)) + 3.0).requires_grad_()
    y = torch.from_numpy(rng.normal(size=(1, 25, 2)))
    directions = unit_directions(torch.from_numpy(rng.normal(size=(1, 20, 2))))
    weight = torch.from_numpy(rng.uniform(0.5, 1.5, (1, 40)))
    first = float(sliced_wasserstein(x, y, directions, weight).detach())
    optimiser = torch.optim.SGD([x], lr=10.0)
    for _ in range(200):
        optimiser.zero_grad()
        sliced_wasserstein(x, y, directions, weight).sum().backward()
        optimiser.step()
    assert torch.isfinite(x).all()
    assert float(sliced_wasserstein(x, y, directions, weight).detach()) < 0.02 * first


def test_it_computes_where_its_inputs_are() -> None:
    x = torch.empty((2, 5, 3), device="meta")
    found = sliced_wasserstein(
        x, torch.empty((2, 4, 3), device="meta"), x[:, :2], torch.empty((2, 5), device="meta")
    )
    assert found.device.type == "meta"
