"""Deep sets: a network per constituent, a sum over constituents, and a network per jet.

The sum runs over what is there and not over the padding: constituents are packed before the first
network, which saves the half of the work that padding is in a typical jet.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

from bycatch.learn.nets.mlp import Workspace, draw_weights, forward
from bycatch.learn.nets.packing import pack


def draw_deep_sets(
    n_features: int,
    per_constituent: Sequence[int],
    per_jet: Sequence[int],
    rngs: Sequence[np.random.Generator],
    dtype: torch.dtype,
) -> dict[str, Tensor]:
    """Return initial weights.

    Parameters
    ----------
    n_features : int
    per_constituent, per_jet : sequence of int
        Units of the layers of the two networks.
    rngs : sequence of numpy.random.Generator
        One per member.
    dtype : torch.dtype

    Returns
    -------
    dict
        The layers of `bycatch.learn.nets.mlp.draw_weights` under ``phi.`` and ``f.``.
    """
    phi = draw_weights((n_features, *per_constituent), rngs, dtype)
    f = draw_weights((per_constituent[-1], *per_jet, 1), rngs, dtype)
    named = {f"phi.{name}": value for name, value in phi.items()}
    return {**named, **{f"f.{name}": value for name, value in f.items()}}


def deep_sets(
    weights: Mapping[str, Tensor], x: Tensor, mask: Tensor, workspace: Workspace | None = None
) -> Tensor:
    """Return F(sum_i Phi(x_i)) of each jet.

    Parameters
    ----------
    weights : mapping of str to Tensor
        Those of `draw_deep_sets`; ``shift`` and ``scale`` of shape (n_members, 1, n_features),
        which standardise the constituents; ``count`` of shape (n_members, 1, 1), their typical
        number, by which the sum is divided.
    x : Tensor of shape (n_members, n_rows, n_constituents, n_features)
    mask : Tensor of bool, of shape (n_members, n_rows, n_constituents)
    workspace : Workspace, optional
        Memory for a training step.

    Returns
    -------
    Tensor of shape (n_members, n_rows)

    References
    ----------
    .. [1] Komiske, Metodiev, Thaler, "Energy flow networks: deep sets for particle jets",
       arXiv:1810.05165, eq. (1.2).
    """
    members, rows, constituents, n_features = x.shape
    place, there = pack(mask)
    packed = x.flatten(1, 2).gather(1, place.unsqueeze(2).expand(-1, -1, n_features))
    phi = {name[4:]: value for name, value in weights.items() if name.startswith("phi.")}
    scaled = (packed - weights["shift"]) / weights["scale"]
    # What fills a member up may be anything, even NaN, which times zero would not be zero.
    scaled = scaled.masked_fill(~there.unsqueeze(2), 0.0)
    latent = torch.relu(forward(phi, scaled, workspace)).masked_fill(~there.unsqueeze(2), 0.0)
    jet = torch.arange(members, device=x.device).unsqueeze(1) * rows
    jet = jet + place.div(max(constituents, 1), rounding_mode="floor")
    summed = latent.new_zeros((members * rows, latent.shape[2]))
    summed = summed.index_add(0, jet.flatten(), latent.flatten(0, 1))
    summed = summed.reshape(members, rows, -1) / weights["count"]
    f = {name[2:]: value for name, value in weights.items() if name.startswith("f.")}
    return forward(f, summed)[..., 0]
