"""Batched velocity fields v(x, t, c) of flow matching, with their divergence."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

from bycatch.learn.nets.mlp import draw_weights

_FREQUENCIES = (1, 2, 3)
_TIME_FEATURES = 1 + 2 * len(_FREQUENCIES)


def draw_velocity(
    sizes: Mapping[str, int],
    hidden: Sequence[int],
    degree: int | None,
    rngs: Sequence[np.random.Generator],
    dtype: torch.dtype,
) -> dict[str, Tensor]:
    """Return initial weights: a trunk, and a linear layer for each head and power.

    Parameters
    ----------
    sizes : mapping
        ``n_features``, ``n_conditions``, ``n_heads``.
    hidden : sequence of int
    degree : int or None
        See `bycatch.learn.densities.matching.MatchingEnsemble`.
    rngs : sequence of numpy.random.Generator
        One per member.
    dtype : torch.dtype

    Returns
    -------
    dict
        ``weight{i}``, ``bias{i}`` of the trunk as in `bycatch.learn.nets.mlp.draw_weights`;
        ``head_weight`` of shape (n_members, n_hidden, n_heads, n_powers, n_features) and
        ``head_bias`` of shape (n_members, n_heads, n_powers, n_features). All heads start equal,
        and their powers of the condition at zero.
    """
    n_features, n_heads = sizes["n_features"], sizes["n_heads"]
    inputs = n_features + _TIME_FEATURES + (sizes["n_conditions"] if degree is None else 0)
    weights = draw_weights((inputs, *hidden, n_features), rngs, dtype)
    last = len(hidden)
    weight, bias = weights.pop(f"weight{last}"), weights.pop(f"bias{last}")
    powers = 1 + (degree or 0)
    shape = (len(rngs), n_heads, powers, n_features)
    head_weight = torch.zeros((len(rngs), hidden[-1], *shape[1:]), dtype=dtype)
    head_bias = torch.zeros(shape, dtype=dtype)
    head_weight[..., 0, :] = weight[:, :, None, :]
    head_bias[..., 0, :] = bias
    return {**weights, "head_weight": head_weight, "head_bias": head_bias}


class Velocity:
    """The field as a function of its weights, for all heads or for one head per row.

    Parameters
    ----------
    n_features : int
    degree : int or None
        None: conditions enter the trunk.
    """

    def __init__(self, n_features: int, degree: int | None) -> None:
        self.n_features = n_features
        self.degree = degree

    def every(self, weights: Mapping[str, Tensor], x: Tensor, t: Tensor, c: Tensor) -> Tensor:
        """Return the velocity of all heads.

        Parameters
        ----------
        weights : mapping of str to Tensor
        x : Tensor of shape (n_members, n_rows, n_features)
        t : Tensor of shape (n_members, n_rows, 1)
        c : Tensor of shape (n_members, n_rows, n_conditions)

        Returns
        -------
        Tensor of shape (n_members, n_rows, n_heads, n_features)
        """
        h = self._inputs(x, t, c)
        for layer in range(self._layers(weights)):
            h = torch.nn.functional.silu(
                torch.baddbmm(weights[f"bias{layer}"], h, weights[f"weight{layer}"])
            )
        head, bias = weights["head_weight"], weights["head_bias"]
        out = torch.baddbmm(bias.flatten(1)[:, None], h, head.flatten(2))
        return self._polynomial(out.reshape(*out.shape[:2], *head.shape[2:]), c)

    def chosen(
        self, weights: Mapping[str, Tensor], x: Tensor, t: float, c: Tensor, head: Tensor
    ) -> Tensor:
        """Return the velocity of one head per row, of shape (n_members, n_rows, n_features)."""
        times = x.new_full((*x.shape[:2], 1), t)
        found = self.every(self._only(weights, head), x, times, c)
        return _pick(found, head)

    def with_divergence(
        self, weights: Mapping[str, Tensor], x: Tensor, t: float, c: Tensor, head: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Return velocity and divergence of one head per row.

        The derivatives along each feature are carried forward through the network beside the
        values, so the divergence is exact and costs n_features more evaluations.

        Returns
        -------
        velocity : Tensor of shape (n_members, n_rows, n_features)
        divergence : Tensor of shape (n_members, n_rows)
        """
        weights = self._only(weights, head)
        times = x.new_full((*x.shape[:2], 1), t)
        h = self._inputs(x, times, c)
        d = self.n_features
        # Of shape (n_members, n_rows or 1, n_features, units): derivatives along each feature.
        tangent = weights["weight0"][:, None, :d]
        for layer in range(self._layers(weights)):
            before = torch.baddbmm(weights[f"bias{layer}"], h, weights[f"weight{layer}"])
            if layer:
                moved = tangent.flatten(1, 2) @ weights[f"weight{layer}"]
                tangent = moved.reshape(len(moved), -1, d, moved.shape[2])
            gate = torch.sigmoid(before)
            h = before * gate
            tangent = tangent * (gate * (1.0 + before * (1.0 - gate))).unsqueeze(2)
        matrix, bias = weights["head_weight"], weights["head_bias"]
        out = torch.baddbmm(bias.flatten(1)[:, None], h, matrix.flatten(2))
        velocity = self._polynomial(out.reshape(*out.shape[:2], *matrix.shape[2:]), c)
        trace = torch.einsum("enih,ehkpi->enkp", tangent, matrix)
        divergence = self._polynomial(trace.unsqueeze(-1), c)
        return _pick(velocity, head), _pick(divergence, head)[..., 0]

    @staticmethod
    def _layers(weights: Mapping[str, Tensor]) -> int:
        return sum(name.startswith("weight") for name in weights)

    def _inputs(self, x: Tensor, t: Tensor, c: Tensor) -> Tensor:
        angles = [math.pi * k * t for k in _FREQUENCIES]
        parts = [x, t, *(torch.sin(a) for a in angles), *(torch.cos(a) for a in angles)]
        return torch.cat([*parts, c] if self.degree is None else parts, dim=2)

    def _polynomial(self, out: Tensor, c: Tensor) -> Tensor:
        """Sum powers of the condition: (members, rows, heads, powers, n) to (..., heads, n)."""
        if out.shape[3] == 1:
            return out[:, :, :, 0]
        powers = torch.cat([c**p for p in range(out.shape[3])], dim=2)
        return torch.einsum("enkpi,enp->enki", out, powers)

    @staticmethod
    def _only(weights: Mapping[str, Tensor], head: Tensor) -> Mapping[str, Tensor]:
        """Drop the heads that no row asks for where all rows ask for the same one."""
        if weights["head_bias"].shape[1] == 1:
            return weights
        first = int(head.flatten()[0]) if head.numel() else 0
        if not bool((head == first).all()):
            return weights
        kept = dict(weights)
        kept["head_weight"] = weights["head_weight"][:, :, first : first + 1]
        kept["head_bias"] = weights["head_bias"][:, first : first + 1]
        return kept


def _pick(values: Tensor, head: Tensor) -> Tensor:
    """Take one head per row from (n_members, n_rows, n_heads, n)."""
    if values.shape[2] == 1:
        return values[:, :, 0]
    index = head[:, :, None, None].expand(-1, -1, 1, values.shape[3])
    return values.gather(2, index)[:, :, 0]
