"""Masked autoregressive flows of many members, on features that each member has of its own.

What to use when: as the head of a score whose members learn representations of their own. For
features that all members share use `bycatch.learn.densities.flows`, which has splines and samples,
too.

References
----------
.. [1] Papamakarios et al., "Masked autoregressive flow for density estimation", arXiv:1705.07057.
.. [2] Germain et al., "MADE: masked autoencoder for distribution estimation", arXiv:1502.03509.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import silu

from bycatch.learn.nets.mlp import draw_weights

_STEEPEST = 3.0  # bound of the logarithm of a scale, so that no feature shrinks to a point


def draw_maf(
    n_features: int,
    hidden: int,
    transforms: int,
    rngs: Sequence[np.random.Generator],
    dtype: torch.dtype,
) -> dict[str, Tensor]:
    """Return initial weights.

    Parameters
    ----------
    n_features : int
    hidden : int
        Units of the one hidden layer of each transform.
    transforms : int
    rngs : sequence of numpy.random.Generator
        One per member.
    dtype : torch.dtype

    Returns
    -------
    dict
        The layers of `bycatch.learn.nets.mlp.draw_weights` under ``made{t}.`` for each transform t.
    """
    weights: dict[str, Tensor] = {}
    for t in range(transforms):
        drawn = draw_weights((n_features, hidden, 2 * n_features), rngs, dtype)
        weights |= {f"made{t}.{name}": value for name, value in drawn.items()}
    return weights


def log_density(weights: Mapping[str, Tensor], x: Tensor) -> Tensor:
    """Return log p(x) of each member.

    Parameters
    ----------
    weights : mapping of str to Tensor
        As from `draw_maf`; other keys are ignored.
    x : Tensor of shape (n_members, n_rows, n_features)

    Returns
    -------
    Tensor of shape (n_members, n_rows)
    """
    n_features = x.shape[2]
    log_p = x.new_zeros(x.shape[:2])
    for t in range(sum(name.endswith(".weight0") for name in weights)):
        first, second = _masks(n_features, weights[f"made{t}.weight0"])
        h = torch.baddbmm(weights[f"made{t}.bias0"], x, weights[f"made{t}.weight0"] * first)
        out = torch.baddbmm(
            weights[f"made{t}.bias1"], silu(h), weights[f"made{t}.weight1"] * second
        )
        shift, log_scale = out.chunk(2, dim=2)
        log_scale = _STEEPEST * torch.tanh(log_scale / _STEEPEST)
        # The order of the features is turned round after each transform.
        x = ((x - shift) * torch.exp(-log_scale)).flip(2)
        log_p = log_p - log_scale.sum(2)
    return log_p - 0.5 * (x.square() + math.log(2.0 * math.pi)).sum(2)


def _masks(n_features: int, like: Tensor) -> tuple[Tensor, Tensor]:
    """Return which weights there are: an output depends on the features before it only."""
    inputs = np.arange(n_features)
    units = np.arange(like.shape[2]) % max(n_features - 1, 1)
    first = inputs[:, None] <= units
    second = units[:, None] < inputs
    if n_features == 1:
        first = np.zeros_like(first)
    both = (first, np.concatenate([second, second], axis=1))
    a, b = (torch.from_numpy(m.astype(np.float64)).to(like.dtype).to(like.device) for m in both)
    return a, b
