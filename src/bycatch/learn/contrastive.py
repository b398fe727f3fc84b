"""Contrastive losses: which events a representation shall put together, and which apart.

What to use when: ``clr`` where all that is known are symmetries; ``anom_clr`` where changes are
known, too, that background does not have; ``anom_clr_plus`` for the latter in memory that grows
with the number of rows and not with its square, and bounded, so that no event dominates.
``nt_xent`` is the loss of SimCLR: ``clr`` with the positive pair in the denominator, too.

With the cosine s(a, b), a representation z of an event, z' of the event after a physical change and
z* after an anomalous one::

    clr            -log [ exp(s(z, z')/tau) / N ]
    anom_clr       -log [ exp((s(z, z') - s(z, z*))/tau) / N ]
    anom_clr_plus  -(s(z, z') - s(z, z*))/tau
    N_i = sum over j != i of w_j [ exp(s(z_i, z_j)/tau) + exp(s(z_i, z'_j)/tau) ]

All take (n_members, n_rows, n_features) and return (n_members, n_rows). Weights w of mean 1 enter
the sum over negatives, so that rows of weight zero repel nobody; negative ones take away. Where
they leave less than a hundredth of the sum of their magnitudes, that much is taken instead: a
logarithm needs a positive number.

References
----------
.. [1] Dillon et al., "Symmetries, safety, and self-supervision", arXiv:2108.04253, eq. (2.4).
.. [2] Dillon et al., "Anomalies, representations, and self-supervision", arXiv:2301.04660,
   section 2.
.. [3] Wang, Isola, "Understanding contrastive representation learning through alignment and
   uniformity on the hypersphere", arXiv:2005.10242 (the monitors).
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import normalize

_FLOOR = 0.01


def cosine(a: Tensor, b: Tensor) -> Tensor:
    """Return the cosine of the angle between each row of `a` and the same row of `b`."""
    return (normalize(a, dim=-1) * normalize(b, dim=-1)).sum(-1)


def clr(z: Tensor, positive: Tensor, weight: Tensor, temperature: float) -> Tensor:
    """Return the loss of JetCLR, without the positive pair in the denominator.

    Parameters
    ----------
    z, positive : Tensor of shape (n_members, n_rows, n_features)
        Representations of events and of their physical changes.
    weight : Tensor of shape (n_members, n_rows)
        Signed, with a mean of about 1.
    temperature : float

    Returns
    -------
    Tensor of shape (n_members, n_rows)
        Not yet multiplied by the weight.
    """
    pull = cosine(z, positive) / temperature
    return _log_negatives(z, positive, weight, temperature) - pull


def nt_xent(z: Tensor, positive: Tensor, weight: Tensor, temperature: float) -> Tensor:
    """Return the loss of SimCLR, with the positive pair in the denominator; see `clr`."""
    pull = cosine(z, positive) / temperature
    return torch.logaddexp(_log_negatives(z, positive, weight, temperature), pull) - pull


def anom_clr(
    z: Tensor, positive: Tensor, anomalous: Tensor, weight: Tensor, temperature: float
) -> Tensor:
    """Return the loss of AnomalyCLR; `anomalous` are representations of anomalous changes."""
    push = cosine(z, anomalous) / temperature
    return clr(z, positive, weight, temperature) + push


def anom_clr_plus(z: Tensor, positive: Tensor, anomalous: Tensor, temperature: float) -> Tensor:
    """Return the loss of AnomalyCLR+, which lies in plus or minus 2 / temperature."""
    return (cosine(z, anomalous) - cosine(z, positive)) / temperature


def _log_negatives(z: Tensor, positive: Tensor, weight: Tensor, temperature: float) -> Tensor:
    """Return log N of each row."""
    z, positive = normalize(z, dim=-1), normalize(positive, dim=-1)
    kept = weight.unsqueeze(1) * (1.0 - torch.eye(z.shape[1], dtype=z.dtype, device=z.device))
    # Cosines are at most 1: what is exponentiated is at most 0.
    near = sum(torch.exp((torch.bmm(z, other.mT) - 1.0) / temperature) for other in (z, positive))
    total = (kept * near).sum(-1)
    total = torch.maximum(total, _FLOOR * (kept.abs() * near).sum(-1))
    return total.clamp_min(torch.finfo(z.dtype).tiny).log() + 1.0 / temperature


def alignment(z: Tensor, positive: Tensor, weight: Tensor) -> Tensor:
    """Return the mean squared distance of an event and its change on the sphere.

    Parameters
    ----------
    z, positive : Tensor of shape (n_members, n_rows, n_features)
    weight : Tensor of shape (n_members, n_rows)

    Returns
    -------
    Tensor of shape (n_members,)
        From 0 (an invariant representation) to 4.

    References
    ----------
    .. [1] arXiv:2005.10242, eq. (3) with alpha = 2.
    """
    distance = 2.0 - 2.0 * cosine(z, positive)
    return (weight * distance).sum(1) / weight.sum(1)


def uniformity(z: Tensor, weight: Tensor) -> Tensor:
    """Return the logarithm of the mean of exp(-2 distance^2) of different events on the sphere.

    Parameters
    ----------
    z : Tensor of shape (n_members, n_rows, n_features)
    weight : Tensor of shape (n_members, n_rows)
        With a positive sum over pairs of different rows.

    Returns
    -------
    Tensor of shape (n_members,)
        0 where all events have one representation, about -4 where they fill a sphere of many
        dimensions.

    References
    ----------
    .. [1] arXiv:2005.10242, eq. (4) with t = 2.
    """
    z = normalize(z, dim=-1)
    pairs = weight.unsqueeze(1) * weight.unsqueeze(2)
    pairs = pairs * (1.0 - torch.eye(z.shape[1], dtype=z.dtype, device=z.device))
    near = torch.exp(-2.0 * (2.0 - 2.0 * torch.bmm(z, z.mT)))
    return ((pairs * near).sum((1, 2)) / pairs.sum((1, 2))).log()
