"""Many small perceptrons as one set of weights of shape (n_members, n_in, n_out).

The members never mix: every operation is a batched matrix product or acts element by element, so a
member computes the same numbers whatever its neighbours are.

Training steps of small networks lose much of their time to fresh memory (over a quarter, measured
with 50 members of 3x64 at batch 128), so that `forward` can work in the tensors of a `Workspace`.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor


def draw_weights(
    sizes: Sequence[int], rngs: Sequence[np.random.Generator], dtype: torch.dtype
) -> dict[str, Tensor]:
    """Return initial weights, drawn uniformly in +-1/sqrt(n_in) as torch's linear layer does.

    Parameters
    ----------
    sizes : sequence of int
        Features, hidden units of each layer, outputs.
    rngs : sequence of numpy.random.Generator
        One per member; member m's weights come from ``rngs[m]`` only.
    dtype : torch.dtype

    Returns
    -------
    dict
        ``weight{i}`` of shape (n_members, n_in, n_out) and ``bias{i}`` of shape
        (n_members, 1, n_out) for each layer i.
    """
    weights: dict[str, Tensor] = {}
    for layer, (n_in, n_out) in enumerate(itertools.pairwise(sizes)):
        bound = n_in**-0.5
        drawn = np.stack([rng.uniform(-bound, bound, (n_in + 1, n_out)) for rng in rngs])
        tensor = torch.from_numpy(drawn).to(dtype)
        weights[f"weight{layer}"] = tensor[:, :n_in].contiguous()
        weights[f"bias{layer}"] = tensor[:, n_in:].contiguous()
    return weights


class Workspace:
    """Tensors that are used again in every step.

    One workspace serves one training: backpropagate a loss before the next one is computed.
    """

    def __init__(self) -> None:
        self._tensors: dict[str, Tensor] = {}

    def take(self, name: str, like: Tensor, columns: int) -> Tensor:
        """Return a tensor of shape (n_members, n_rows, columns) with arbitrary content."""
        shape = (like.shape[0], like.shape[1], columns)
        size = math.prod(shape)
        flat = self._tensors.get(name)
        if flat is None or flat.numel() < size or flat.dtype != like.dtype:
            flat = self._tensors[name] = like.new_empty(size)
        return flat[:size].view(shape)


class _Perceptron(torch.autograd.Function):
    """The network with its derivatives, written out so that they can reuse memory."""

    @staticmethod
    def forward(ctx: Any, workspace: Workspace, x: Tensor, *weights: Tensor) -> Tensor:
        inputs = []
        layers = len(weights) // 2
        for layer in range(layers):
            inputs.append(x)
            weight, bias = weights[2 * layer : 2 * layer + 2]
            out = workspace.take(f"layer{layer}", x, weight.shape[2])
            x = torch.baddbmm(bias, x, weight, out=out)
            if layer < layers - 1:
                torch.relu_(x)
        ctx.workspace, ctx.inputs, ctx.weights = workspace, inputs, weights[::2]
        return x.clone()  # the last layer is small, and may live longer than the step

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        gradient = gradients[0]
        result: list[Tensor | None] = []
        for layer in reversed(range(len(ctx.weights))):
            x, weight = ctx.inputs[layer], ctx.weights[layer]
            result = [torch.bmm(x.mT, gradient), gradient.sum(dim=1, keepdim=True), *result]
            if layer:
                out = ctx.workspace.take(f"gradient{layer % 2}", x, weight.shape[1])
                gradient = torch.bmm(gradient, weight.mT, out=out)
                # x is what the rectifier gave: where it is zero, nothing flows back.
                torch.ops.aten.threshold_backward.grad_input(gradient, x, 0.0, grad_input=gradient)
        return (None, None, *result)


def forward(weights: Mapping[str, Tensor], x: Tensor, workspace: Workspace | None = None) -> Tensor:
    """Apply the perceptrons with rectified linear units.

    Parameters
    ----------
    weights : mapping of str to Tensor
        As from `draw_weights`; other keys are ignored.
    x : Tensor of shape (n_members, n_rows, n_in)
    workspace : Workspace, optional
        Memory for a training step; the result then has no derivative with respect to `x`.

    Returns
    -------
    Tensor of shape (n_members, n_rows, n_out)
    """
    layers = sum(name.startswith("weight") for name in weights)
    if workspace is not None:
        names = [f"{kind}{layer}" for layer in range(layers) for kind in ("weight", "bias")]
        result = _Perceptron.apply(workspace, x, *(weights[name] for name in names))  # type: ignore[no-untyped-call]
        return cast("Tensor", result)
    for layer in range(layers):
        x = torch.baddbmm(weights[f"bias{layer}"], x, weights[f"weight{layer}"])
        if layer < layers - 1:
            x = torch.relu_(x)
    return x
