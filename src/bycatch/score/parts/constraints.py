"""Physics that a reconstruction must obey, as differentiable losses per row.

What to use when: the decoder's output is made of four-momenta, and an autoencoder that gets each
number nearly right still gives particles off their mass shells or events that do not balance. Each
loss is relative, so that its weight has no unit.

References
----------
.. [1] Howard, Mandt, Whiteson, Yang, "Learning to simulate high energy particle collisions from
   unlabeled data", arXiv:2101.08944 (constraints as terms added to the loss).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from bycatch.errors import ConfigError, nearest

_TINY = 1e-12


def on_shell(x: Tensor, columns: Sequence[Sequence[int]], mass: float) -> Tensor:
    """Return how far the sum of four-momenta is from a mass shell.

    ((E^2 - p^2 - m^2) / (E^2 + p^2 + m^2))^2, which is between 0 and 1.

    Parameters
    ----------
    x : Tensor of shape (n_members, n_rows, n_features)
        In their own units.
    columns : sequence of four int
        Columns of (E, px, py, pz) of each particle of the sum.
    mass : float
        In the unit of the momenta.

    Returns
    -------
    Tensor of shape (n_members, n_rows)
    """
    each = [x[..., list(one)] for one in columns]
    squared = torch.stack(each).sum(dim=0).square()
    energy, momentum = squared[..., 0], squared[..., 1:].sum(dim=-1)
    size = (energy + momentum + mass**2).clamp_min(_TINY)
    return ((energy - momentum - mass**2) / size).square()


def balance(x: Tensor, columns: Sequence[Sequence[int]]) -> Tensor:
    """Return how far momenta are from summing to zero along each axis.

    The squared length of the sum over the sum of squared lengths: 0 where all balance.

    Parameters
    ----------
    x : Tensor of shape (n_members, n_rows, n_features)
    columns : sequence of sequences of int
        For each axis, the columns whose sum must be zero.

    Returns
    -------
    Tensor of shape (n_members, n_rows)
    """
    along = [x[..., list(axis)] for axis in columns]
    total = torch.stack([one.sum(dim=-1).square() for one in along]).sum(dim=0)
    size = torch.stack([one.square().sum(dim=-1) for one in along]).sum(dim=0)
    return total / size.clamp_min(_TINY)


CONSTRAINTS: dict[str, Callable[..., Tensor]] = {"on_shell": on_shell, "balance": balance}
"""The losses by name."""

_KEYS = {"on_shell": ("columns", "mass"), "balance": ("columns",)}


def checked_constraints(
    given: Sequence[Mapping[str, Any]],
) -> list[tuple[float, Callable[[Tensor], Tensor]]]:
    """Return weights and functions of what options name.

    Parameters
    ----------
    given : sequence of mapping
        Each with ``name``, ``weight`` and the arguments of that loss.

    Raises
    ------
    ConfigError
        Where a name or a key is unknown or missing, or a weight is not positive.
    """
    found = []
    for one in given:
        name = one.get("name", "")
        if name not in CONSTRAINTS:
            message = f"There is no constraint {name!r}; the nearest are "
            raise ConfigError(message + f"{nearest(name, CONSTRAINTS)}.")
        wanted = ("name", "weight", *_KEYS[name])
        if set(one) != set(wanted):
            raise ConfigError(
                f"The constraint '{name}' has the keys {', '.join(sorted(one))}, but it needs "
                f"{', '.join(wanted)}."
            )
        if not float(one["weight"]) > 0.0:
            raise ConfigError(
                f"The constraint '{name}' has the weight {one['weight']!r}; give more than 0."
            )
        lengths = {len(columns) for columns in one["columns"]}
        if name == "on_shell" and lengths != {4}:
            raise ConfigError(
                "The constraint 'on_shell' needs the columns of E, px, py and pz of each particle, "
                f"but was given {one['columns']!r}."
            )
        found.append((float(one["weight"]), _bound(name, one)))
    return found


def _bound(name: str, given: Mapping[str, Any]) -> Callable[[Tensor], Tensor]:
    arguments = {key: given[key] for key in _KEYS[name]}
    return lambda x: CONSTRAINTS[name](x, **arguments)
