"""Changes of a jet that QCD does not make: a representation shall see them.

None of them knows a signal: decays that leave fewer visible particles, several prongs, another
sharing of the momentum. The sum of pT stays, so that the jet's pT does not tell. A jet of one
constituent stays as it was.

References
----------
.. [1] Dillon, Favaro, Feiden, Modak, Plehn, "Anomalies, representations, and self-supervision",
   arXiv:2301.04660 (the idea, on events; on jets, the changes of its authors' public notebook
   redone from their description).
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from bycatch.learn.augmentations.base import Draws, one_of, ranked

_DROPPED = 0.3
_MOVED = (0.1, 0.6)
_POWERS = (1.5, 1.0 / 1.5)


def drop_constituents(x: Tensor, mask: Tensor, noise: Draws) -> tuple[Tensor, Tensor]:
    """Drop each constituent with probability 0.3; at least one goes and one stays.

    Parameters
    ----------
    x : Tensor of shape (n_members, n_rows, n_constituents, 3)
        pT (GeV), and eta and phi from the jet's axis.
    mask : Tensor of bool, of shape (n_members, n_rows, n_constituents)
    noise : Draws

    Returns
    -------
    x, mask : Tensor
    """
    wanted, order, other = noise.uniform((3, *x.shape[1:3]), x).unbind(1)
    dropped = mask & (wanted < _DROPPED)
    dropped = dropped | (one_of(mask, order) & ~dropped.any(-1, keepdim=True))
    kept = mask & ~dropped
    kept = kept | (one_of(mask, other) & ~kept.any(-1, keepdim=True))
    return ranked(_with_sum(x, kept, _sum(x, mask)), kept)


def move_prong(x: Tensor, mask: Tensor, noise: Draws) -> tuple[Tensor, Tensor]:
    """Move what lies on one side of the axis away from it, by 0.1 to 0.6 in a random direction.

    The direction is uniform, and a constituent moves where it lies ahead of the hardest one in this
    direction; parameters as in `drop_constituents`.
    """
    angle, size = noise.uniform((2, x.shape[1]), x).unbind(1)
    angle = 2.0 * math.pi * angle
    direction = torch.stack([torch.cos(angle), torch.sin(angle)], dim=-1).unsqueeze(-2)
    ahead = (x[..., 1:] * direction).sum(-1)
    hardest = x[..., 0].masked_fill(~mask, -torch.inf).argmax(dim=-1, keepdim=True)
    moved = mask & (ahead > ahead.gather(-1, hardest))
    low, high = _MOVED
    step = (low + (high - low) * size)[..., None, None] * direction
    angles = torch.where(moved.unsqueeze(-1), x[..., 1:] + step, x[..., 1:])
    return torch.cat([x[..., :1], angles], dim=-1), mask


def reshare_pt(x: Tensor, mask: Tensor, noise: Draws) -> tuple[Tensor, Tensor]:
    """Raise each share of the jet's pT to the power of 1.5 or of 1/1.5, and scale to the same sum.

    Both powers are equally likely; parameters as in `drop_constituents`.
    """
    harder = (noise.uniform((x.shape[1], 1), x) < 0.5).to(x.dtype)
    power = _POWERS[0] * harder + _POWERS[1] * (1.0 - harder)
    total = _sum(x, mask)
    share = torch.where(mask, x[..., 0] / total.clamp_min(torch.finfo(x.dtype).tiny), 0.0)
    shared = torch.cat([share.pow(power).unsqueeze(-1), x[..., 1:]], dim=-1)
    return ranked(_with_sum(shared, mask, total), mask)


def _sum(x: Tensor, mask: Tensor) -> Tensor:
    return torch.where(mask, x[..., 0], 0.0).sum(-1, keepdim=True)


def _with_sum(x: Tensor, mask: Tensor, total: Tensor) -> Tensor:
    """Scale the pT of what is there to a sum."""
    scale = total / _sum(x, mask).clamp_min(torch.finfo(x.dtype).tiny)
    return torch.cat([(x[..., 0] * scale).unsqueeze(-1), x[..., 1:]], dim=-1)
