"""Combinations of four-momenta and what Lorentz transformations leave of them, of many members.

What to use when: where constituents are given as momenta and a network shall not have to find out
what a mass is. Combinations are made by place, so that constituents must be ordered, say by falling
transverse momentum.

References
----------
.. [1] Butter, Kasieczka, Plehn, Russell, "Deep-learned top tagging with a Lorentz layer",
   arXiv:1707.08966, eqs. (4) to (8).
.. [2] Heimel, Kasieczka, Plehn, Thompson, "QCD or what?", arXiv:1808.08979, section 4.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

LORENTZ_FEATURES = 5
"""Numbers that each combination gives: mass, transverse momentum, energies, nearest, distances."""

_RESOLUTION = 0.01
"""Below this fraction of the unit of momentum, features are linear; above, logarithmic."""


def momenta(x: Tensor) -> Tensor:
    """Return four-momenta.

    Parameters
    ----------
    x : Tensor of shape (..., 3) or (..., 4)
        Transverse momentum, pseudorapidity and azimuth of massless particles, or px, py, pz, E.

    Returns
    -------
    Tensor of shape (..., 4)
        px, py, pz, E.
    """
    if x.shape[-1] == 4:
        return x
    pt, eta, phi = x.unbind(dim=-1)
    return torch.stack(
        [pt * torch.cos(phi), pt * torch.sin(phi), pt * torch.sinh(eta), pt * torch.cosh(eta)],
        dim=-1,
    )


def draw_lola(
    n_constituents: int,
    combinations: int,
    rngs: Sequence[np.random.Generator],
    dtype: torch.dtype,
) -> dict[str, Tensor]:
    """Return initial weights.

    Parameters
    ----------
    n_constituents : int
    combinations : int
        Sums of constituents with weights that are learned; there are the constituents themselves
        and their plain sum beside them.
    rngs : sequence of numpy.random.Generator
        One per member.
    dtype : torch.dtype

    Returns
    -------
    dict
        ``combine`` of shape (n_members, combinations, n_constituents); ``energy`` and ``distance``
        of shape (n_members, n_all, n_all) for all n_all momenta.
    """
    n_all = n_constituents + 1 + combinations
    shapes = {
        "combine": ((combinations, n_constituents), n_constituents**-0.5),
        "energy": ((n_all, n_all), n_all**-0.5),
        "distance": ((n_all, n_all), n_all**-0.5),
    }
    weights = {}
    for name, (shape, bound) in shapes.items():
        drawn = np.stack([rng.uniform(-bound, bound, shape) for rng in rngs])
        weights[name] = torch.from_numpy(drawn).to(dtype)
    return weights


def lola(weights: Mapping[str, Tensor], p: Tensor, mask: Tensor) -> Tensor:
    """Return features of constituents, their sum, and combinations of them.

    For each of the momenta k_j: its mass; its transverse momentum; a sum of all energies; of the
    distances -(k_j - k_m)^2, which is (k_j + k_m)^2 for massless ones, the smallest to a
    constituent (0 where there is none) and a sum of those to all.
    Squares are replaced by their roots (with their signs), and everything by its arsinh over a
    hundredth, since constituents differ by orders of magnitude.

    Parameters
    ----------
    weights : mapping of str to Tensor
        As from `draw_lola`; other keys are ignored.
    p : Tensor of shape (n_members, n_rows, n_constituents, 4)
        px, py, pz, E in units of a typical sum of transverse momenta; zero where masked.
    mask : Tensor of bool, of shape (n_members, n_rows, n_constituents)

    Returns
    -------
    Tensor of shape (n_members, n_rows, n_all * `LORENTZ_FEATURES`)
        Zero for what is masked.
    """
    combined = torch.einsum("mkc,mrcf->mrkf", weights["combine"], p)
    k = torch.cat([p, p.sum(dim=2, keepdim=True), combined], dim=2)
    there = torch.cat([mask, mask.new_ones(*mask.shape[:2], k.shape[2] - mask.shape[2])], dim=2)
    metric = k.new_tensor([-1.0, -1.0, -1.0, 1.0])
    gram = (k * metric) @ k.mT
    square = gram.diagonal(dim1=2, dim2=3)
    distance = _root(2.0 * gram - square.unsqueeze(2) - square.unsqueeze(3))
    neighbours = there.unsqueeze(2) & ~torch.eye(k.shape[2], dtype=torch.bool, device=k.device)
    # To constituents only: of combinations of any sign, the smallest would be a negative one.
    count = mask.shape[2]
    nearest = distance[..., :count].masked_fill(~neighbours[..., :count], torch.inf).amin(dim=3)
    nearest = nearest.masked_fill(torch.isinf(nearest), 0.0)
    distance = distance.masked_fill(~neighbours, 0.0)
    features = torch.stack(
        [
            _root(square),
            torch.hypot(k[..., 0], k[..., 1] + 1e-12),
            torch.einsum("mjk,mrk->mrj", weights["energy"], k[..., 3]),
            nearest,
            torch.einsum("mjk,mrjk->mrj", weights["distance"], distance),
        ],
        dim=3,
    )
    features = torch.asinh(features / _RESOLUTION)
    return features.masked_fill(~there.unsqueeze(3), 0.0).flatten(2)


def _root(square: Tensor) -> Tensor:
    """Return the root with the sign of its argument, smooth about zero."""
    return square / (square.square() + _RESOLUTION**4).sqrt().sqrt()
