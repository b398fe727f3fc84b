"""Many small perceptrons as one set of weights of shape (n_members, n_in, n_out).

The members never mix: every operation is a batched matrix product or acts element by element, so a
member computes the same numbers whatever its neighbours are.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

__all__ = ["draw_weights", "forward"]


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


def forward(weights: Mapping[str, Tensor], x: Tensor) -> Tensor:
    """Apply the perceptrons with rectified linear units.

    Parameters
    ----------
    weights : mapping of str to Tensor
        As from `draw_weights`; other keys are ignored.
    x : Tensor of shape (n_members, n_rows, n_in)

    Returns
    -------
    Tensor of shape (n_members, n_rows, n_out)
    """
    layers = sum(name.startswith("weight") for name in weights)
    for layer in range(layers):
        x = torch.baddbmm(weights[f"bias{layer}"], x, weights[f"weight{layer}"])
        if layer < layers - 1:
            x = torch.relu_(x)
    return x
