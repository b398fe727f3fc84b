"""Changes of an event that the Standard Model does not make: a representation shall see them.

None of them knows a signal. Where one cannot act (no free place, nothing hard enough to be split)
it returns the event as it was.

References
----------
.. [1] Dillon, Favaro, Feiden, Modak, Plehn, "Anomalies, representations, and self-supervision",
   arXiv:2301.04660, section 3.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from bycatch.learn.augmentations.base import Draws, collinear_split, one_of
from bycatch.learn.augmentations.layout import EventLayout

_SPLIT = 0.5  # probability that an object splits, in each of the rounds
_ROUNDS = 2
_HARDER = (1.0, 5.0)
_OTHER_MET = (0.5, 5.0)


def add_objects(
    x: Tensor, mask: Tensor, noise: Draws, layout: EventLayout
) -> tuple[Tensor, Tensor]:
    """Add electrons, muons and jets in free places, and recompute the missing ET.

    Of each kind 0 to as many as there are free places, all equally likely, but one object at least;
    their pT is uniform from the threshold to the hardest pT of the event, eta and phi are uniform.

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
    rows = x.shape[1]
    free = layout.visible(~mask)
    share = noise.uniform((rows, len(layout.counts)), x)
    added = []
    for kind, places in enumerate(layout.slices):
        empty = free[..., places]
        count = (share[..., kind : kind + 1] * (empty.sum(-1, keepdim=True) + 1)).floor()
        added.append(empty & (empty.cumsum(-1) <= count))
    new = torch.cat(added, dim=-1)
    one = one_of(free, noise.uniform(x.shape[1:3], x))
    new = new | (one & ~new.any(-1, keepdim=True))
    low, eta_max = (layout.per_place(v, x) for v in (layout.pt_min, layout.eta_max))
    hardest = x[..., 0].masked_fill(~mask, 0.0).amax(-1, keepdim=True)
    pt, eta, phi = noise.uniform((*x.shape[1:3], 3), x).unbind(-1)
    pt = low + pt * (hardest - low).clamp_min(0.0)
    objects = torch.stack([pt, (2.0 * eta - 1.0) * eta_max, (1.0 - 2.0 * phi) * math.pi], dim=-1)
    x = torch.where(new.unsqueeze(-1), objects, x)
    return layout.ordered(_balanced(x, new, mask[..., 0]), mask | new)


def _balanced(x: Tensor, new: Tensor, has_met: Tensor) -> Tensor:
    """Take the transverse momenta of the new objects from the missing ET, where there is one."""
    pt, phi = x[..., 0].masked_fill(~new, 0.0), x[..., 2]
    met_x = x[..., 0, 0] * torch.cos(x[..., 0, 2]) - (pt * torch.cos(phi)).sum(-1)
    met_y = x[..., 0, 0] * torch.sin(x[..., 0, 2]) - (pt * torch.sin(phi)).sum(-1)
    met = torch.stack([torch.hypot(met_x, met_y), x[..., 0, 1], torch.atan2(met_y, met_x)], dim=-1)
    met = torch.where((has_met & new.any(-1)).unsqueeze(-1), met, x[..., 0, :])
    return torch.cat([met.unsqueeze(-2), x[..., 1:, :]], dim=-2)


def split_objects(
    x: Tensor, mask: Tensor, noise: Draws, layout: EventLayout
) -> tuple[Tensor, Tensor]:
    """Split objects in two in the same direction, so that no sum of momenta changes.

    Each splits with probability 1/2, twice over, but one object of an event at least; the shares
    are uniform between the thresholds. The hardest lepton stays above the trigger's threshold.
    Parameters as in `add_objects`.
    """
    for step in range(_ROUNDS):
        x, mask = _split_once(x, mask, noise, layout, at_least_one=step == 0)
    return layout.ordered(x, mask)


def _split_once(
    x: Tensor, mask: Tensor, noise: Draws, layout: EventLayout, *, at_least_one: bool
) -> tuple[Tensor, Tensor]:
    pt = x[..., 0]
    low = layout.per_place(layout.pt_min, x)
    kept = torch.where(
        _trigger_lepton(x, mask, layout), torch.clamp_min(low, layout.trigger_pt), low
    )
    wanted, share, order = noise.uniform((3, *x.shape[1:3]), x).unbind(1)
    has_room = [
        (~mask[..., p]).any(-1, keepdim=True).expand_as(mask[..., p]) for p in layout.slices
    ]
    able = layout.visible(mask) & (pt >= kept + low) & torch.cat(has_room, dim=-1)
    chosen = able & (wanted < _SPLIT)
    if at_least_one:
        chosen = chosen | (one_of(able, order) & ~chosen.any(-1, keepdim=True))
    child = low + share * (pt - kept - low).clamp_min(0.0)
    parts = [
        collinear_split(x[..., p, :], mask[..., p], chosen[..., p], child[..., p])
        for p in layout.slices
    ]
    xs, masks = zip(*parts, strict=True)
    return torch.cat(xs, dim=-2), torch.cat(masks, dim=-1)


def _trigger_lepton(x: Tensor, mask: Tensor, layout: EventLayout) -> Tensor:
    """Return where the hardest lepton stands that passes the trigger's threshold."""
    leptons = layout.visible(mask).clone()
    leptons[..., layout.slices[-1]] = False
    pt = x[..., 0].masked_fill(~leptons, -torch.inf)
    best = pt.argmax(dim=-1, keepdim=True)
    hardest = torch.zeros_like(leptons).scatter(-1, best, True)
    return hardest & leptons & (x[..., 0] >= layout.trigger_pt)


def shift_pt(x: Tensor, mask: Tensor, noise: Draws, layout: EventLayout) -> tuple[Tensor, Tensor]:
    """Multiply the pT of all visible objects by one factor, uniform in 1 to 5.

    The missing ET stays as it is, so that the event is no longer balanced. Parameters as in
    `add_objects`.
    """
    return _scaled(x, layout.visible(mask), noise, _HARDER), mask


def shift_met(x: Tensor, mask: Tensor, noise: Draws, layout: EventLayout) -> tuple[Tensor, Tensor]:
    """Multiply the missing ET by a factor, uniform in 0.5 to 5; parameters as in `add_objects`."""
    return _scaled(x, mask & ~layout.visible(mask), noise, _OTHER_MET), mask


def shift_all(x: Tensor, mask: Tensor, noise: Draws, layout: EventLayout) -> tuple[Tensor, Tensor]:  # noqa: ARG001
    """Multiply all pT and the missing ET by one factor, uniform in 1 to 5.

    Parameters as in `add_objects`.
    """
    return _scaled(x, mask, noise, _HARDER), mask


def _scaled(x: Tensor, which: Tensor, noise: Draws, limits: tuple[float, float]) -> Tensor:
    low, high = limits
    factor = low + (high - low) * noise.uniform((x.shape[1], 1), x)
    pt = torch.where(which, x[..., 0] * factor, x[..., 0])
    return torch.cat([pt.unsqueeze(-1), x[..., 1:]], dim=-1)
