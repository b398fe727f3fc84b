"""Additive attention of many members: a decoder looks at the inputs that its next step needs.

What to use when: between an encoder and a decoder that are recurrent. It gives the decoder a way
around whatever bottleneck lies between them.

A feed-forward alignment model a scores how well the annotation h_j of each input matches the
decoder's last state s_{i-1}; a softmax over the inputs that are there makes weights of these
scores, and the context is the weighted sum of the annotations::

    e_ij = a(s_{i-1}, h_j) = v . tanh(W s_{i-1} + U h_j + b)
    alpha_ij = exp(e_ij) / sum_k exp(e_ik)
    c_i = sum_j alpha_ij h_j

References
----------
.. [1] Bahdanau, Cho, Bengio, "Neural Machine Translation by Jointly Learning to Align and
   Translate", arXiv:1409.0473, eqs. (5) and (6) and appendix A.1.2.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

from bycatch.learn.nets.mlp import draw_weights


def draw_attention(
    n_state: int,
    n_annotation: int,
    units: int,
    rngs: Sequence[np.random.Generator],
    dtype: torch.dtype,
) -> dict[str, Tensor]:
    """Return initial weights of the alignment model.

    Parameters
    ----------
    n_state, n_annotation : int
        Units of the decoder's state, and of an annotation.
    units : int
        Of the hidden layer of the alignment model.
    rngs : sequence of numpy.random.Generator
        One per member.
    dtype : torch.dtype

    Returns
    -------
    dict
        ``state.weight`` of shape (n_members, n_state, units), ``annotation.weight`` of shape
        (n_members, n_annotation, units), ``bias`` of shape (n_members, 1, units) and
        ``score.weight`` of shape (n_members, units, 1).
    """
    # One layer with both as its inputs; its product is the sum of the two products.
    layers = draw_weights((n_state + n_annotation, units, 1), rngs, dtype)
    return {
        "state.weight": layers["weight0"][:, :n_state].contiguous(),
        "annotation.weight": layers["weight0"][:, n_state:].contiguous(),
        "bias": layers["bias0"],
        # A constant added to all scores changes no softmax, so that the last layer has no bias.
        "score.weight": layers["weight1"],
    }


def alignment_keys(weights: Mapping[str, Tensor], annotations: Tensor) -> Tensor:
    """Return the part of the alignment model that is the same at all steps of the decoder.

    Parameters
    ----------
    weights : mapping of str to Tensor
        As from `draw_attention`.
    annotations : Tensor of shape (n_members, n_rows, n_inputs, n_annotation)

    Returns
    -------
    Tensor of shape (n_members, n_rows, n_inputs, units)
    """
    keys = torch.baddbmm(weights["bias"], annotations.flatten(1, 2), weights["annotation.weight"])
    return keys.reshape(*annotations.shape[:3], keys.shape[2])


def attend(
    weights: Mapping[str, Tensor], state: Tensor, keys: Tensor, annotations: Tensor, mask: Tensor
) -> tuple[Tensor, Tensor]:
    """Return what the decoder looks at.

    Parameters
    ----------
    weights : mapping of str to Tensor
        As from `draw_attention`.
    state : Tensor of shape (n_members, n_rows, n_state)
        Of the decoder, before this step.
    keys : Tensor of shape (n_members, n_rows, n_inputs, units)
        Of `alignment_keys`.
    annotations : Tensor of shape (n_members, n_rows, n_inputs, n_annotation)
    mask : Tensor of bool, of shape (n_members, n_rows, n_inputs)
        Which inputs are there; where none is, the context is zero.

    Returns
    -------
    context : Tensor of shape (n_members, n_rows, n_annotation)
    alignment : Tensor of shape (n_members, n_rows, n_inputs)
        The weights alpha; they sum to one where there is an input.
    """
    query = torch.bmm(state, weights["state.weight"]).unsqueeze(2)
    hidden = torch.tanh(query + keys).flatten(1, 2)
    scores = torch.bmm(hidden, weights["score.weight"]).reshape(mask.shape)
    # The lowest finite number, not minus infinity, which is NaN where no input is there.
    scores = scores.masked_fill(~mask, torch.finfo(scores.dtype).min)
    alignment = torch.softmax(scores, dim=2).masked_fill(~mask, 0.0)
    return torch.matmul(alignment.unsqueeze(2), annotations).squeeze(2), alignment
