"""Anomaly scores on a learned representation, each member on its own.

What to use when: ``mahalanobis``, a Gaussian density, needs no training and was never much worse
than the others where it was measured (benchmarks/bench_contrastive.py). ``autoencoder`` as in the
papers on contrastive learning; ``flow`` where background has several clusters. All three see the
whitened representation: without whitening an autoencoder spends itself on the few directions in
which background varies most.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from bycatch.learn.members import MemberRows
from bycatch.learn.nets.maf import draw_maf, log_density
from bycatch.learn.nets.mlp import draw_weights, forward
from bycatch.learn.trainer import Batch
from bycatch.score.parts.neural import part

HEADS: dict[str, tuple[str, ...]] = {
    "autoencoder": ("reconstruction", "mahalanobis", "direction"),
    "flow": ("negative_log_density", "mahalanobis", "direction"),
    "mahalanobis": ("mahalanobis", "direction"),
}
"""Scores that each head offers, its own first."""

_TRANSFORMS = 4
_NARROWEST = 1e-4  # smallest variance that a direction counts with, relative to the mean one


def draw_head(
    head: str,
    width: int,
    hidden: Sequence[int],
    n_latent: int,
    rngs: Sequence[np.random.Generator],
    dtype: torch.dtype,
) -> dict[str, Tensor]:
    """Return initial weights of a head; none where it has nothing to train.

    Parameters
    ----------
    head : str
        Key of `HEADS`.
    width : int
        Of the representation.
    hidden : sequence of int
        Units of the hidden layers of the encoder of an autoencoder; the first of them: of each
        transform of a flow.
    n_latent : int
        Units of the bottleneck.
    rngs : sequence of numpy.random.Generator
    dtype : torch.dtype
    """
    if head == "autoencoder":
        sizes = (width, *hidden, n_latent)
        encoder, decoder = (draw_weights(s, rngs, dtype) for s in (sizes, sizes[::-1]))
        return {f"encoder.{name}": value for name, value in encoder.items()} | {
            f"decoder.{name}": value for name, value in decoder.items()
        }
    if head == "flow":
        return draw_maf(width, hidden[0], _TRANSFORMS, rngs, dtype)
    return {}


def moments(
    representation: NDArray[np.float64],
    projection: NDArray[np.float64],
    rows: Sequence[MemberRows],
) -> dict[str, NDArray[np.float64]]:
    """Measure what travels with a head: moments of each member's training rows.

    Parameters
    ----------
    representation : ndarray of shape (n_members, n_rows, width)
    projection : ndarray of shape (n_members, n_rows, n_projected)
        What the contrastive loss sees.
    rows : sequence of MemberRows

    Returns
    -------
    dict
        ``shift``, ``scale`` of shape (n_members, 1, width): mean and standard deviation;
        ``whiten`` of shape (n_members, width, width), which makes the covariance of the
        standardised representation the unit matrix; ``direction`` of shape (n_members, 1,
        n_projected), the mean direction of the projection.
    """
    found: dict[str, list[NDArray[np.float64]]] = {}
    for z, p, r in zip(representation, projection, rows, strict=True):
        x, w = z[r.train], r.train_weight / r.train_weight.sum()
        shift = w @ x
        variance = w @ (x - shift) ** 2
        usual = float(np.abs(variance).mean()) or 1.0
        scale = np.sqrt(np.maximum(variance, _NARROWEST * usual))
        y = (x - shift) / scale
        values, vectors = np.linalg.eigh((y * w[:, None]).T @ y)
        # Negative weights can leave a direction without variance.
        values = np.maximum(values, _NARROWEST * max(float(values.mean()), _NARROWEST))
        units = p[r.train]
        units = units / np.maximum(np.linalg.norm(units, axis=1, keepdims=True), 1e-12)
        parts = {
            "shift": shift[None],
            "scale": scale[None],
            "whiten": vectors / np.sqrt(values),
            "direction": (w @ units)[None],
        }
        for name, value in parts.items():
            found.setdefault(name, []).append(value)
    return {name: np.stack(values) for name, values in found.items()}


def head_score(weights: Mapping[str, Tensor], z: Tensor, name: str) -> Tensor:
    """Return a score of representations.

    Parameters
    ----------
    weights : mapping of str to Tensor
        Those of `draw_head` and `moments`.
    z : Tensor of shape (n_members, n_rows, width)
    name : str
        ``reconstruction``, the mean squared error of the whitened representation;
        ``negative_log_density`` of it; ``mahalanobis``, its squared distance from the mean.

    Returns
    -------
    Tensor of shape (n_members, n_rows)
    """
    # Whitened, so that directions in which background varies little count as well.
    x = torch.bmm((z - weights["shift"]) / weights["scale"], weights["whiten"])
    if name == "mahalanobis":
        return x.square().sum(2)
    if name == "negative_log_density":
        return -log_density(weights, x)
    again = forward(part(weights, "decoder."), forward(part(weights, "encoder."), x))
    return (again - x).square().mean(2)


class HeadLearning:
    """A head's loss, as the training loop wants it; its rows are numbers of representations.

    Parameters
    ----------
    name : str
        Of the score that is minimised on average.
    representation : Tensor of shape (n_members, n_rows, width)
    """

    def __init__(self, name: str, representation: Tensor) -> None:
        self._name = name
        self._representation = representation

    def loss(self, parameters: Mapping[str, Tensor], batch: Batch) -> Tensor:
        """Return the weighted sum of the score, of shape (n_members,)."""
        row = batch.columns["row"]
        member = torch.tensor(batch.members, device=row.device).unsqueeze(1)
        z = self._representation[member, row]
        return (batch.weight * head_score(part(parameters, "head."), z, self._name)).sum(dim=1)

    validation = loss
