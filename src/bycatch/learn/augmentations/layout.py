"""Which objects of an event stand in which place, and what a detector accepts of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from bycatch.learn.augmentations.base import ranked
from bycatch.represent.objects import PLACES

KINDS = ("met", *(place.kind for place in PLACES))
"""Kinds of objects, in the order of their places."""


@dataclass(frozen=True)
class EventLayout:
    """Places of the objects and the cuts that they passed.

    Attributes
    ----------
    counts : tuple of int
        Places of each of `KINDS`; the missing ET comes first, and has one.
    pt_min : tuple of float, in GeV
        Softest object of each kind.
    eta_max : tuple of float
        Largest absolute pseudorapidity of each kind. The numbers of the missing ET are not used.
    trigger_pt : float, in GeV
        The hardest lepton of an event is not split below it, if it was above.
    """

    counts: tuple[int, ...] = (1, *(place.count for place in PLACES))
    pt_min: tuple[float, ...] = (0.0, *(place.pt_min for place in PLACES))
    eta_max: tuple[float, ...] = (0.0, *(place.eta_max for place in PLACES))
    trigger_pt: float = 23.0

    @property
    def slices(self) -> tuple[slice, ...]:
        """Places of each kind."""
        ends = np.cumsum(self.counts).tolist()
        return tuple(slice(end - count, end) for end, count in zip(ends, self.counts, strict=True))

    def per_place(self, values: Sequence[float], like: Tensor) -> Tensor:
        """Return a number of each kind for each of its places, of shape (n_places,)."""
        return torch.as_tensor(np.repeat(values, self.counts), dtype=like.dtype).to(like.device)

    def one_hot(self, like: Tensor) -> Tensor:
        """Return which kind stands in each place, of shape (n_places, n_kinds)."""
        kinds = np.repeat(np.eye(len(self.counts)), self.counts, axis=0)
        return torch.as_tensor(kinds, dtype=like.dtype).to(like.device)

    def visible(self, mask: Tensor) -> Tensor:
        """Return the mask without the missing ET."""
        return torch.cat([torch.zeros_like(mask[..., :1]), mask[..., 1:]], dim=-1)

    def accepted(self, x: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Drop what the detector does not accept, and order what is left.

        Parameters
        ----------
        x : Tensor of shape (n_members, n_rows, n_places, 3)
        mask : Tensor of bool, of shape (n_members, n_rows, n_places)
        """
        inside = x[..., 0] >= self.per_place(self.pt_min, x)
        inside &= x[..., 1].abs() < self.per_place(self.eta_max, x)
        inside[..., 0] = True
        return self.ordered(x, mask & inside)

    def ordered(self, x: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Order the objects of each kind by falling pT; see `accepted`."""
        parts = [ranked(x[..., places, :], mask[..., places]) for places in self.slices]
        xs, masks = zip(*parts, strict=True)
        return torch.cat(xs, dim=-2), torch.cat(masks, dim=-1)
