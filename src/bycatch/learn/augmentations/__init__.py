"""Augmentations: random changes of jets and events for self-supervised training.

What to use when: contrastive scores (`bycatch.score.jet_clr`, `bycatch.score.anomaly_clr`) take
them by name from the registries here, so that a study can leave each of them out. `JETS` and
`PHYSICAL` (events) are changes that a representation shall not see, `ANOMALOUS_JETS` and
`ANOMALOUS` (events) such that it shall.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from bycatch.learn.augmentations.anomalous import (
    add_objects,
    shift_all,
    shift_met,
    shift_pt,
    split_objects,
)
from bycatch.learn.augmentations.anomalous_jets import (
    drop_constituents,
    move_prong,
    reshare_pt,
)
from bycatch.learn.augmentations.base import Draws
from bycatch.learn.augmentations.jets import (
    rotate_jet,
    smear_soft,
    split_collinear,
    translate_jet,
)
from bycatch.learn.augmentations.layout import KINDS, EventLayout
from bycatch.learn.augmentations.physical import rotate_event, smear_angles, smear_jet_energies

__all__ = [
    "ANOMALOUS",
    "ANOMALOUS_JETS",
    "JETS",
    "KINDS",
    "PHYSICAL",
    "Draws",
    "EventLayout",
    "anomalous_event",
    "anomalous_jet",
    "physical_event",
    "transformed_jet",
]

JetAugmentation = Callable[[Tensor, Tensor, Draws], tuple[Tensor, Tensor]]
EventAugmentation = Callable[[Tensor, Tensor, Draws, EventLayout], tuple[Tensor, Tensor]]

JETS: dict[str, JetAugmentation] = {
    "rotate": rotate_jet,
    "translate": translate_jet,
    "smear_soft": smear_soft,
    "split_collinear": split_collinear,
}
"""Of jets, in the order in which they act."""

ANOMALOUS_JETS: dict[str, JetAugmentation] = {
    "drop_constituents": drop_constituents,
    "move_prong": move_prong,
    "reshare_pt": reshare_pt,
}
"""Of jets; one of them acts on a jet."""

PHYSICAL: dict[str, EventAugmentation] = {
    "rotate": rotate_event,
    "smear_angles": smear_angles,
    "smear_energies": smear_jet_energies,
}
"""Of events, in the order in which they act."""

ANOMALOUS: dict[str, EventAugmentation] = {
    "add_objects": add_objects,
    "split_objects": split_objects,
    "shift_pt": shift_pt,
    "shift_met": shift_met,
    "shift_all": shift_all,
}
"""Of events; one of them acts on an event."""


def transformed_jet(
    x: Tensor, mask: Tensor, noise: Draws, names: Sequence[str]
) -> tuple[Tensor, Tensor]:
    """Apply the named ones of `JETS`, one after the other.

    Parameters
    ----------
    x : Tensor of shape (n_members, n_rows, n_constituents, 3)
        pT (GeV), and eta and phi from the jet's axis.
    mask : Tensor of bool, of shape (n_members, n_rows, n_constituents)
    noise : Draws
    names : sequence of str
    """
    for name, change in JETS.items():
        if name in names:
            x, mask = change(x, mask, noise)
    return x, mask


def physical_event(
    x: Tensor, mask: Tensor, noise: Draws, layout: EventLayout, names: Sequence[str]
) -> tuple[Tensor, Tensor]:
    """Apply the named ones of `PHYSICAL`, one after the other.

    Parameters
    ----------
    x : Tensor of shape (n_members, n_rows, n_places, 3)
        pT (GeV), eta and phi.
    mask : Tensor of bool, of shape (n_members, n_rows, n_places)
    noise : Draws
    layout : EventLayout
    names : sequence of str
    """
    for name, change in PHYSICAL.items():
        if name in names:
            x, mask = change(x, mask, noise, layout)
    return x, mask


def anomalous_event(
    x: Tensor, mask: Tensor, noise: Draws, layout: EventLayout, names: Sequence[str]
) -> tuple[Tensor, Tensor, Tensor]:
    """Apply one of the named ones of `ANOMALOUS` to each event, drawn from those that change it.

    Parameters as in `physical_event`; at least one name.

    Returns
    -------
    x, mask : Tensor
    changed : Tensor of bool, of shape (n_members, n_rows)
        False where none of them changes the event.
    """
    changes = [change for name, change in ANOMALOUS.items() if name in names]
    return _one_change(x, mask, noise, [change(x, mask, noise, layout) for change in changes])


def anomalous_jet(
    x: Tensor, mask: Tensor, noise: Draws, names: Sequence[str]
) -> tuple[Tensor, Tensor, Tensor]:
    """Apply one of the named ones of `ANOMALOUS_JETS` to each jet, drawn from those that change it.

    Parameters as in `transformed_jet`; at least one name. Returns as `anomalous_event`.
    """
    changes = [change for name, change in ANOMALOUS_JETS.items() if name in names]
    return _one_change(x, mask, noise, [change(x, mask, noise) for change in changes])


def _one_change(
    x: Tensor, mask: Tensor, noise: Draws, found: Sequence[tuple[Tensor, Tensor]]
) -> tuple[Tensor, Tensor, Tensor]:
    """Draw one of the changed copies of each row, from those that differ from it."""
    xs, masks = (torch.stack(parts, dim=2) for parts in zip(*found, strict=True))
    changed = (xs != x.unsqueeze(2)).any(-1).any(-1) | (masks != mask.unsqueeze(2)).any(-1)
    likely = noise.uniform((x.shape[1], len(found)), x).masked_fill(~changed, -1.0)
    chosen = likely.argmax(dim=2)[..., None, None]
    mask = masks.gather(2, chosen.expand(-1, -1, 1, masks.shape[3])).squeeze(2)
    x = xs.gather(2, chosen.unsqueeze(-1).expand(-1, -1, 1, *xs.shape[3:])).squeeze(2)
    return x, mask, changed.any(dim=2)
