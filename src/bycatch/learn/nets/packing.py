"""Work on what is there, and not on the padding."""

from __future__ import annotations

import torch
from torch import Tensor


def pack(mask: Tensor) -> tuple[Tensor, Tensor]:
    """Return where something is, without what lies between.

    Parameters
    ----------
    mask : Tensor of bool, of shape (n_members, ...)

    Returns
    -------
    place : Tensor of int64, of shape (n_members, n_most)
        Positions in the flattened mask of a member, ascending, then zeros.
    there : Tensor of bool, of the same shape
        False for these zeros: where a member has fewer than the one with the most.
    """
    flat = mask.flatten(1)
    count = flat.cumsum(dim=1)
    totals = count[:, -1:] if flat.shape[1] else count.new_zeros((len(flat), 1))
    most = int(totals.max()) if len(flat) else 0
    # What is not there goes to one place too many, which is cut off.
    target = torch.where(flat, count - 1, most)
    position = torch.arange(flat.shape[1], device=mask.device).expand_as(flat)
    place = count.new_zeros((len(flat), most + 1)).scatter_(1, target, position)[:, :most]
    return place, torch.arange(most, device=mask.device) < totals
