"""Contrastive losses against plain loops over the published formulae."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import Tensor

from bycatch.learn.contrastive import (
    alignment,
    anom_clr,
    anom_clr_plus,
    clr,
    cosine,
    nt_xent,
    uniformity,
)

TAU = 0.3


def three(rows: int = 7, seed: int = 0) -> list[Tensor]:
    rng = np.random.default_rng(seed)
    return [torch.from_numpy(rng.normal(size=(2, rows, 4))) for _ in range(3)]


def similarity(a: np.ndarray, b: np.ndarray) -> float:
    return float(a @ b / (np.linalg.norm(a) * np.linalg.norm(b)))


def loop(kind: str, z: Tensor, p: Tensor, a: Tensor, weight: Tensor, tau: float) -> np.ndarray:
    z, p, a, weight = (t.numpy() for t in (z, p, a, weight))
    result = np.empty(z.shape[:2])
    for m in range(z.shape[0]):
        for i in range(z.shape[1]):
            pull = similarity(z[m, i], p[m, i])
            push = similarity(z[m, i], a[m, i])
            total = 0.0
            for j in range(z.shape[1]):
                if j != i:
                    near = math.exp(similarity(z[m, i], z[m, j]) / tau)
                    near += math.exp(similarity(z[m, i], p[m, j]) / tau)
                    total += weight[m, j] * near
            if kind == "nt_xent":
                total += math.exp(pull / tau)
            top = pull - push if kind.startswith("anom") else pull
            result[m, i] = -math.log(math.exp(top / tau) / (1.0 if "plus" in kind else total))
    return result


@pytest.mark.parametrize("weights", ["unit", "uneven", "signed"])
@pytest.mark.parametrize("kind", ["clr", "nt_xent", "anom_clr", "anom_clr_plus"])
def test_losses_are_the_published_ones(kind: str, weights: str) -> None:
    z, p, a = three()
    rng = np.random.default_rng(5)
    weight = torch.ones(2, 7, dtype=torch.float64)
    if weights != "unit":
        weight = torch.from_numpy(rng.uniform(0.2, 2.0, (2, 7)))
    if weights == "signed":
        weight[:, 2] = -0.3
    found = {
        "clr": lambda: clr(z, p, weight, TAU),
        "nt_xent": lambda: nt_xent(z, p, weight, TAU),
        "anom_clr": lambda: anom_clr(z, p, a, weight, TAU),
        "anom_clr_plus": lambda: anom_clr_plus(z, p, a, TAU),
    }[kind]()
    np.testing.assert_allclose(found.numpy(), loop(kind, z, p, a, weight, TAU), rtol=1e-12)


def test_rows_of_weight_zero_repel_nobody() -> None:
    z, p, a = three(8)
    weight = torch.ones(2, 8, dtype=torch.float64)
    weight[:, 5:] = 0.0
    whole = anom_clr(z, p, a, weight, TAU)[:, :5]
    alone = anom_clr(z[:, :5], p[:, :5], a[:, :5], weight[:, :5], TAU)
    torch.testing.assert_close(whole, alone)


def test_an_event_of_weight_two_repels_like_two() -> None:
    z, p, _ = three(6)
    double = torch.ones(2, 6, dtype=torch.float64)
    double[:, 5] = 2.0
    once = clr(z, p, double, TAU)[:, :5]
    z2, p2 = (torch.cat([t, t[:, 5:]], dim=1) for t in (z, p))
    twice = clr(z2, p2, torch.ones(2, 7, dtype=torch.float64), TAU)[:, :5]
    torch.testing.assert_close(once, twice)


def test_negative_weights_leave_a_finite_loss() -> None:
    z, p, a = three(5)
    weight = torch.full((2, 5), -1.0, dtype=torch.float64)
    z.requires_grad_(True)
    found = anom_clr(z, p, a, weight, TAU)
    assert torch.isfinite(found).all()
    found.sum().backward()
    assert torch.isfinite(z.grad).all()
    # A row alone has nothing that repels it.
    assert torch.isfinite(clr(z[:, :1], p[:, :1], weight[:, :1], TAU)).all()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_small_temperatures_do_not_overflow(dtype: torch.dtype) -> None:
    z, p, a = (t.to(dtype) for t in three())
    weight = torch.ones(2, 7, dtype=dtype)
    for tau in (0.07, 0.01):
        assert torch.isfinite(anom_clr(z, p, a, weight, tau)).all()
    expected = loop("clr", *(t.double() for t in (z, p, a)), weight.double(), 0.07)
    np.testing.assert_allclose(clr(z, p, weight, 0.07).numpy(), expected, rtol=1e-4)


def test_the_loss_without_negatives_is_bounded() -> None:
    z, p, a = three()
    assert (anom_clr_plus(z, p, a, TAU).abs() <= 2.0 / TAU).all()
    best = anom_clr_plus(z, 3.0 * z, -z, TAU)
    torch.testing.assert_close(best, torch.full_like(best, -2.0 / TAU))
    torch.testing.assert_close(cosine(z, 2.0 * z), torch.ones(2, 7, dtype=torch.float64))


def test_its_memory_grows_with_the_rows_and_not_with_their_square() -> None:
    rows = 20_000  # pairs would be 3 GB
    z, p, a = (
        torch.randn(1, rows, 2, generator=torch.Generator().manual_seed(i)) for i in range(3)
    )
    biggest = []

    class Sizes(torch.utils._python_dispatch.TorchDispatchMode):
        def __torch_dispatch__(self, func, types, args=(), kwargs=None):
            out = func(*args, **(kwargs or {}))
            biggest.append(out.numel() if isinstance(out, Tensor) else 0)
            return out

    with Sizes():
        anom_clr_plus(z, p, a, TAU)
    assert max(biggest) <= 2 * rows


def test_monitors_are_the_published_ones() -> None:
    z, p, _ = three()
    weight = torch.from_numpy(np.random.default_rng(2).uniform(0.5, 1.5, (2, 7)))
    for m in range(2):
        u, v, w = (t[m].numpy() for t in (z, p, weight))
        u, v = (t / np.linalg.norm(t, axis=1, keepdims=True) for t in (u, v))
        expected = np.average(((u - v) ** 2).sum(1), weights=w)
        assert float(alignment(z, p, weight)[m]) == pytest.approx(expected)
        top = bottom = 0.0
        for i in range(7):
            for j in range(7):
                if i != j:
                    top += w[i] * w[j] * math.exp(-2.0 * ((u[i] - u[j]) ** 2).sum())
                    bottom += w[i] * w[j]
        assert float(uniformity(z, weight)[m]) == pytest.approx(math.log(top / bottom))


def test_a_collapsed_representation_is_aligned_and_not_uniform() -> None:
    one = torch.ones(1, 50, 3, dtype=torch.float64)
    weight = torch.ones(1, 50, dtype=torch.float64)
    assert float(alignment(one, one, weight)) == pytest.approx(0.0, abs=1e-12)
    assert float(uniformity(one, weight)) == pytest.approx(0.0, abs=1e-12)
    # Uniform on the circle: the mean of exp(-4 (1 - cos t)) is exp(-4) I_0(4).
    angle = torch.linspace(0.0, 2.0 * math.pi, 2001, dtype=torch.float64)[:-1]
    circle = torch.stack([angle.cos(), angle.sin()], dim=1)[None]
    expected = -4.0 + math.log(float(torch.special.i0(torch.tensor(4.0, dtype=torch.float64))))
    found = float(uniformity(circle, torch.ones(1, 2000, dtype=torch.float64)))
    assert found == pytest.approx(expected, abs=0.01)
