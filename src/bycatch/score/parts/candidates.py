"""Sequences of candidates: which belong to an event, and how likely a prediction makes them.

A prediction of one candidate has 2 n_continuous + n_kinds + 1 numbers: means and widths of Gaussian
densities of the continuous features, logits of the kinds, and the logit that the sequence has
stopped before this candidate. All densities are those of standardised features.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import log_softmax, softplus


@dataclass(frozen=True)
class Layout:
    """What the features of a candidate are, and the numbers that predict one.

    Attributes
    ----------
    continuous : int
        Leading features.
    kinds : int
        Features that follow, of which one is 1 and the others are 0; there may be none.
    smallest_width : float
        Of the Gaussian densities. Without it a feature that is the same in all events, such as the
        angle between the trigger lepton and itself, would have an infinite density.
    """

    continuous: int
    kinds: int
    smallest_width: float

    @property
    def outputs(self) -> int:
        """How many numbers predict a candidate."""
        return 2 * self.continuous + self.kinds + 1


def first_candidates(x: Tensor, mask: Tensor, length: int) -> tuple[Tensor, Tensor]:
    """Return the first candidates that are there, without gaps, and padding after them.

    Parameters
    ----------
    x : Tensor of shape (..., n_particles, n_features)
    mask : Tensor of bool, of shape (..., n_particles)
    length : int
        Candidates to keep at most.

    Returns
    -------
    x : Tensor of shape (..., length, n_features)
        Zero in the padding.
    mask : Tensor of bool, of shape (..., length)
        The last axis is shorter than `length` where there are fewer particles.
    """
    order = torch.argsort((~mask).to(torch.uint8), dim=-1, stable=True)[..., :length]
    there = mask.gather(-1, order)
    kept = x.gather(-2, order.unsqueeze(-1).expand(*order.shape, x.shape[-1]))
    return kept.masked_fill(~there.unsqueeze(-1), 0.0), there


def mean_candidate(outputs: Tensor, layout: Layout) -> Tensor:
    """Return the mean of a predicted candidate: its features, and the probabilities of its kinds.

    Parameters
    ----------
    outputs : Tensor of shape (..., layout.outputs)
    layout : Layout

    Returns
    -------
    Tensor of shape (..., n_continuous + n_kinds)
    """
    mean = outputs[..., : layout.continuous]
    if not layout.kinds:
        return mean
    kinds = torch.softmax(outputs[..., 2 * layout.continuous : -1], dim=-1)
    return torch.cat([mean, kinds], dim=-1)


def surprises(outputs: Tensor, x: Tensor, mask: Tensor, layout: Layout) -> tuple[Tensor, Tensor]:
    """Return minus the logarithm of the likelihood of each step of a sequence.

    A sequence that has the greatest length has been cut there, so that nobody knows whether it
    stopped: what it adds for its length is only that it did not stop before.

    Parameters
    ----------
    outputs : Tensor of shape (..., n_steps, layout.outputs)
    x : Tensor of shape (..., n_steps, n_continuous + n_kinds)
        Standardised.
    mask : Tensor of bool, of shape (..., n_steps)
        Candidates first, as from `first_candidates`.
    layout : Layout

    Returns
    -------
    candidates : Tensor of shape (..., n_steps)
        Of the features and the kind; zero in the padding.
    length : Tensor of shape (..., n_steps)
        Of going on before each candidate, and of stopping after the last.
    """
    n = layout.continuous
    width = layout.smallest_width + softplus(outputs[..., n : 2 * n])
    pull = (x[..., :n] - outputs[..., :n]) / width
    candidates = (0.5 * pull.square() + torch.log(width)).sum(dim=-1)
    candidates = candidates + 0.5 * n * math.log(2.0 * math.pi)
    if layout.kinds:
        logs = log_softmax(outputs[..., 2 * n : -1], dim=-1)
        candidates = candidates - (x[..., n:] * logs).sum(dim=-1)
    # Minus the logarithm of sigmoid(h) is softplus(-h).
    stop = outputs[..., -1]
    before = torch.nn.functional.pad(mask[..., :-1], (1, 0), value=True)
    length = torch.where(mask, softplus(stop), softplus(-stop)).masked_fill(~before, 0.0)
    return candidates.masked_fill(~mask, 0.0), length
