"""Changes of a jet that are no other physics: symmetries, soft emission and collinear splitting.

Here phi is an angle from the jet's axis like eta, not on a circle.

References
----------
.. [1] Dillon, Kasieczka, Olischlager, Plehn, Sorrenson, Vogel, "Symmetries, safety, and
   self-supervision", arXiv:2108.04253, section 2.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from bycatch.learn.augmentations.base import Draws, collinear_split, ranked

_SOFT = 0.1  # GeV, of the width of the angles of soft constituents
_SPLIT = 0.5


def rotate_jet(x: Tensor, mask: Tensor, noise: Draws) -> tuple[Tensor, Tensor]:
    """Turn the jet about its axis by an angle, uniform in a full turn.

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
    angle = (2.0 * noise.uniform((x.shape[1], 1), x) - 1.0) * math.pi
    cos, sin = torch.cos(angle), torch.sin(angle)
    pt, eta, phi = x.unbind(-1)
    return torch.stack([pt, cos * eta - sin * phi, sin * eta + cos * phi], dim=-1), mask


def translate_jet(x: Tensor, mask: Tensor, noise: Draws) -> tuple[Tensor, Tensor]:
    """Move all constituents by one shift, uniform in plus or minus the jet's extension.

    The extension is that between the outermost constituents, in eta and in phi. Parameters as in
    `rotate_jet`.
    """
    absent = ~mask.unsqueeze(-1)
    angles = x[..., 1:]
    high = angles.masked_fill(absent, -torch.inf).amax(-2, keepdim=True)
    low = angles.masked_fill(absent, torch.inf).amin(-2, keepdim=True)
    extension = torch.where(mask.any(-1)[..., None, None], high - low, 0.0)
    shift = extension * (2.0 * noise.uniform((x.shape[1], 1, 2), x) - 1.0)
    moved = (angles + shift).masked_fill(absent, 0.0)
    return torch.cat([x[..., :1], moved], dim=-1), mask


def smear_soft(x: Tensor, mask: Tensor, noise: Draws) -> tuple[Tensor, Tensor]:
    """Move each constituent by N(0, 0.1 GeV / pT) in eta and phi, pT being 0.1 GeV at least.

    Parameters as in `rotate_jet`.
    """
    sigma = _SOFT / x[..., :1].clamp_min(_SOFT)
    moved = x[..., 1:] + sigma * noise.normal((*x.shape[1:3], 2), x)
    moved = moved.masked_fill(~mask.unsqueeze(-1), 0.0)
    return torch.cat([x[..., :1], moved], dim=-1), mask


def split_collinear(x: Tensor, mask: Tensor, noise: Draws) -> tuple[Tensor, Tensor]:
    """Split constituents in two in the same direction, with uniform shares.

    Each splits with probability 1/2, the hardest first where there are fewer free places; the
    result is ordered by pT. Parameters as in `rotate_jet`.
    """
    wanted, share = noise.uniform((2, *x.shape[1:3]), x).unbind(1)
    x, mask = ranked(x, mask)
    return ranked(*collinear_split(x, mask, wanted < _SPLIT, share * x[..., 0]))
