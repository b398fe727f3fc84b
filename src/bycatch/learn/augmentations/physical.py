"""Changes of an event that are no new physics: a representation shall not see them.

References
----------
.. [1] Dillon, Favaro, Feiden, Modak, Plehn, "Anomalies, representations, and self-supervision",
   arXiv:2301.04660, section 3.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from bycatch.learn.augmentations.base import Draws, wrap
from bycatch.learn.augmentations.layout import EventLayout

_NOISE, _STOCHASTIC = 0.052, 1.502  # of sigma^2 in pT^2, and in GeV pT
_ANGLE, _ANGLE_PT, _ANGLE_WIDTH = 0.028, 25.0, 0.1


def rotate_event(
    x: Tensor,
    mask: Tensor,
    noise: Draws,
    layout: EventLayout,  # noqa: ARG001
) -> tuple[Tensor, Tensor]:
    """Turn the whole event about the beam by one angle, uniform in a full turn.

    Parameters
    ----------
    x : Tensor of shape (n_members, n_rows, n_places, 3)
        pT (GeV), eta and phi.
    mask : Tensor of bool, of shape (n_members, n_rows, n_places)
    noise : Draws
    layout : EventLayout

    Returns
    -------
    x, mask : Tensor
    """
    angle = (2.0 * noise.uniform((x.shape[1], 1), x) - 1.0) * math.pi
    phi = wrap(x[..., 2] + angle).masked_fill(~mask, 0.0)
    return torch.cat([x[..., :2], phi.unsqueeze(-1)], dim=-1), mask


def smear_angles(
    x: Tensor, mask: Tensor, noise: Draws, layout: EventLayout
) -> tuple[Tensor, Tensor]:
    """Move eta and phi of all visible objects by the detector's angular resolution.

    sigma = 0.028 / (1 + exp((pT - 25 GeV) / 0.1 GeV)), which is 0.028 below 25 GeV and nothing
    above. The missing ET stays as it is, as in the paper's code. Objects that leave the acceptance
    are dropped. Parameters as in `rotate_event`.
    """
    sigma = _ANGLE * torch.sigmoid((_ANGLE_PT - x[..., 0]) / _ANGLE_WIDTH)
    sigma = sigma.masked_fill(~layout.visible(mask), 0.0).unsqueeze(-1)
    angles = x[..., 1:] + sigma * noise.normal((*x.shape[1:3], 2), x)
    moved = torch.cat([x[..., :1], angles[..., :1], wrap(angles[..., 1:])], dim=-1)
    return layout.accepted(moved, mask)


def smear_jet_energies(
    x: Tensor, mask: Tensor, noise: Draws, layout: EventLayout
) -> tuple[Tensor, Tensor]:
    """Change the pT of jets by the detector's resolution.

    sigma^2 = 0.052 pT^2 + 1.502 GeV pT. Leptons stay as they are, and so does the missing ET, as in
    the paper's code: what a jet gains it does not take from there. Jets below the threshold are
    dropped. Parameters as in `rotate_event`.
    """
    pt = x[..., 0]
    jets = layout.slices[-1]
    sigma = (_NOISE * pt**2 + _STOCHASTIC * pt).clamp_min(0.0).sqrt()
    is_jet = torch.zeros_like(mask)
    is_jet[..., jets] = mask[..., jets]
    smeared = pt + torch.where(is_jet, sigma * noise.normal(x.shape[1:3], x), 0.0)
    return layout.accepted(torch.cat([smeared.unsqueeze(-1), x[..., 1:]], dim=-1), mask)
