"""What all augmentations share: random numbers, angles, the order of objects, collinear splitting.

An augmentation takes sets of objects of many members, of shape (n_members, n_rows, n_objects, 3)
with pT (GeV), eta and phi, and their mask, and returns changed ones. It acts on all members and
rows at once; every member's random numbers come from its own stream.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Protocol

import torch
from torch import Tensor


class Draws(Protocol):
    """Random numbers of each member, as `bycatch.learn.neural.Noise` draws them."""

    def normal(self, shape: Sequence[int], like: Tensor) -> Tensor:
        """Return standard normal numbers of shape (n_members, *shape)."""
        ...

    def uniform(self, shape: Sequence[int], like: Tensor) -> Tensor:
        """Return uniform numbers in [0, 1) of shape (n_members, *shape)."""
        ...


def wrap(phi: Tensor) -> Tensor:
    """Return the angle in (-pi, pi]."""
    turned = math.pi - torch.remainder(math.pi - phi, 2.0 * math.pi)
    # The remainder of a tiny negative number is rounded to the whole turn.
    return torch.where(turned <= -math.pi, turned + 2.0 * math.pi, turned)


def ranked(x: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
    """Return objects by falling pT, and what is not there, as zeros, behind them.

    Parameters
    ----------
    x : Tensor of shape (..., n_objects, n_features)
        The first feature is pT.
    mask : Tensor of bool, of shape (..., n_objects)
    """
    order = x[..., 0].masked_fill(~mask, -torch.inf).argsort(dim=-1, descending=True, stable=True)
    mask = mask.gather(-1, order)
    x = x.gather(-2, order.unsqueeze(-1).expand_as(x))
    return x.masked_fill(~mask.unsqueeze(-1), 0.0), mask


def one_of(allowed: Tensor, uniform: Tensor) -> Tensor:
    """Return a mask with one of the allowed places of each row, and none where none is.

    Parameters
    ----------
    allowed : Tensor of bool, of shape (..., n_places)
    uniform : Tensor of the same shape
        Random numbers in [0, 1).
    """
    best = uniform.masked_fill(~allowed, -1.0).argmax(dim=-1, keepdim=True)
    return torch.zeros_like(allowed).scatter(-1, best, True) & allowed


def collinear_split(
    x: Tensor, mask: Tensor, chosen: Tensor, child: Tensor
) -> tuple[Tensor, Tensor]:
    """Split objects in two in the same direction, as long as there are free places.

    Parameters
    ----------
    x : Tensor of shape (..., n_objects, 3)
        pT, eta and phi.
    mask : Tensor of bool, of shape (..., n_objects)
    chosen : Tensor of bool, of the same shape
        Objects to split; the first ones are, where there are fewer free places.
    child : Tensor of the same shape
        The pT that each chosen object gives away.

    Returns
    -------
    x : Tensor
        The children stand in the places that were free.
    mask : Tensor of bool
    """
    free = ~mask
    chosen = chosen & mask
    chosen = chosen & (chosen.cumsum(-1) <= free.sum(-1, keepdim=True))
    count = chosen.sum(-1, keepdim=True)
    place = free.cumsum(-1) - 1
    filled = free & (place < count)
    # The r-th free place takes the child of the r-th chosen object.
    parents = (~chosen).to(torch.uint8).argsort(dim=-1, stable=True)
    parent = parents.gather(-1, place.clamp_min(0))
    pt = torch.where(chosen, x[..., 0] - child, x[..., 0])
    pt = torch.where(filled, child.gather(-1, parent), pt)
    angles = x[..., 1:].gather(-2, parent.unsqueeze(-1).expand_as(x[..., 1:]))
    angles = torch.where(filled.unsqueeze(-1), angles, x[..., 1:])
    return torch.cat([pt.unsqueeze(-1), angles], dim=-1), mask | filled
