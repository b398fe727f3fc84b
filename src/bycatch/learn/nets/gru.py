"""Gated recurrent units of many members: one batched matrix product per step for all of them.

What to use when: for sequences that are read or written one object after the other. Where the order
has no meaning, `bycatch.learn.nets.deep_sets` is several times faster.

The products of the inputs, which do not depend on the state, are one product for the sequence.
Both directions of a bi-directional encoder run in the same loop, as if they were two members.

References
----------
.. [1] Cho et al., "Learning Phrase Representations using RNN Encoder-Decoder for Statistical
   Machine Translation", arXiv:1406.1078, eqs. (5) to (8); here with the reset after the product
   and with torch's order of the gates: reset, update, new.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor


def draw_gru(
    n_in: int, n_hidden: int, rngs: Sequence[np.random.Generator], dtype: torch.dtype
) -> dict[str, Tensor]:
    """Return initial weights, drawn uniformly in +-1/sqrt(n_hidden) as torch's layer does.

    Parameters
    ----------
    n_in, n_hidden : int
        Features of a step and units of the state.
    rngs : sequence of numpy.random.Generator
        One per member; member m's weights come from ``rngs[m]`` only.
    dtype : torch.dtype

    Returns
    -------
    dict
        ``input.weight`` of shape (n_members, n_in, 3 n_hidden), ``hidden.weight`` of shape
        (n_members, n_hidden, 3 n_hidden), and ``input.bias`` and ``hidden.bias`` of shape
        (n_members, 1, 3 n_hidden).
    """
    bound = n_hidden**-0.5
    rows = {"input.weight": n_in, "hidden.weight": n_hidden, "input.bias": 1, "hidden.bias": 1}
    weights = {}
    for name, n_rows in rows.items():
        drawn = np.stack([rng.uniform(-bound, bound, (n_rows, 3 * n_hidden)) for rng in rngs])
        weights[name] = torch.from_numpy(drawn).to(dtype)
    return weights


def cell(weights: Mapping[str, Tensor], projected: Tensor, state: Tensor) -> Tensor:
    """Return the next state.

    Parameters
    ----------
    weights : mapping of str to Tensor
        As from `draw_gru`; only those of the state are looked at.
    projected : Tensor of shape (n_members, n_rows, 3 n_hidden)
        Product of this step's input with ``input.weight``, plus ``input.bias``.
    state : Tensor of shape (n_members, n_rows, n_hidden)

    Returns
    -------
    Tensor of shape (n_members, n_rows, n_hidden)
    """
    units = state.shape[2]
    recurrent = torch.baddbmm(weights["hidden.bias"], state, weights["hidden.weight"])
    # Splitting has a derivative that is one concatenation; that of slices fills memory with zeros.
    (gates_x, new_x), (gates_h, new_h) = (
        torch.split(side, [2 * units, units], dim=2) for side in (projected, recurrent)
    )
    reset, update = torch.sigmoid(gates_x + gates_h).chunk(2, dim=2)
    new = torch.tanh(torch.addcmul(new_x, reset, new_h))
    return torch.lerp(new, state, update)


def gru(weights: Mapping[str, Tensor], x: Tensor, mask: Tensor) -> Tensor:
    """Read sequences from their first to their last step.

    Parameters
    ----------
    weights : mapping of str to Tensor
        As from `draw_gru`; other keys are ignored.
    x : Tensor of shape (n_members, n_rows, n_steps, n_in)
        Finite in the padding.
    mask : Tensor of bool, of shape (n_members, n_rows, n_steps)
        A step that is not there leaves the state as it is.

    Returns
    -------
    Tensor of shape (n_members, n_rows, n_steps, n_hidden)
        The state after each step, so that the last one is what the whole sequence leaves.
    """
    members, rows, n_steps, _ = x.shape
    units = weights["hidden.weight"].shape[1]
    # Steps first: each step is then one contiguous piece of memory for each member.
    along = x.transpose(1, 2).flatten(1, 2)
    projected = torch.baddbmm(weights["input.bias"], along, weights["input.weight"])
    steps = projected.reshape(members, n_steps, rows, 3 * units).unbind(1)
    there = mask.unsqueeze(3).unbind(2)
    state = x.new_zeros((members, rows, units))
    states = []
    for step, present in zip(steps, there, strict=True):
        state = torch.where(present, cell(weights, step, state), state)
        states.append(state)
    return torch.stack(states, dim=2)


def bidirectional_gru(
    weights: Mapping[str, Tensor], x: Tensor, mask: Tensor
) -> tuple[Tensor, Tensor]:
    """Read sequences forwards and backwards.

    Parameters
    ----------
    weights : mapping of str to Tensor
        Two of `draw_gru`, under ``forward.`` and ``backward.``.
    x, mask : Tensor
        As in `gru`.

    Returns
    -------
    annotations : Tensor of shape (n_members, n_rows, n_steps, 2 n_hidden)
        What both directions know at each step.
    last : Tensor of shape (n_members, n_rows, 2 n_hidden)
        What each has seen at its end.
    """
    members = len(x)
    names = ("input.weight", "input.bias", "hidden.weight", "hidden.bias")
    both = {
        name: torch.cat([weights[f"forward.{name}"], weights[f"backward.{name}"]]) for name in names
    }
    states = gru(both, torch.cat([x, x.flip(2)]), torch.cat([mask, mask.flip(2)]))
    there, back = states[:members], states[members:]
    last = torch.cat([there[:, :, -1], back[:, :, -1]], dim=2)
    return torch.cat([there, back.flip(2)], dim=3), last
