"""Particle transformers of many members: the members share the batch axis of the attention.

Layers are normalised before each linear map and without a scale and a shift of their own, which
that map already has.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import gelu, layer_norm, scaled_dot_product_attention

from bycatch.learn.nets.mlp import draw_weights
from bycatch.learn.nets.packing import pack

_N_INTERACTIONS = 4
_CLOSEST = 1e-3  # distance below which two constituents count as one, about a cell of a tracker


@dataclass(frozen=True)
class Sizes:
    """Sizes of a transformer.

    Attributes
    ----------
    n_features : int
        Of each constituent.
    width : int
        Of the residual stream.
    heads, blocks : int
    hidden : int
        Units between the two linear maps that follow each attention.
    pair_hidden : int
        Units of the network of the pairwise features; 0 where there are none.
    """

    n_features: int
    width: int
    heads: int
    blocks: int
    hidden: int
    pair_hidden: int


def draw_transformer(
    sizes: Sizes, rngs: Sequence[np.random.Generator], dtype: torch.dtype
) -> dict[str, Tensor]:
    """Return initial weights.

    Parameters
    ----------
    sizes : Sizes
    rngs : sequence of numpy.random.Generator
        One per member.
    dtype : torch.dtype

    Returns
    -------
    dict
        Linear maps, each ``{name}.weight`` of shape (n_members, n_in, n_out) and ``{name}.bias`` of
        shape (n_members, 1, n_out), and the ``class`` token of shape (n_members, 1, width).
    """
    d, hidden = sizes.width, sizes.hidden
    maps = {"embed0": (sizes.n_features, d), "embed1": (d, d)}
    if sizes.pair_hidden:
        maps |= {"pair0": (_N_INTERACTIONS, sizes.pair_hidden)}
        maps |= {"pair1": (sizes.pair_hidden, sizes.heads)}
    for block in range(sizes.blocks):
        maps |= {f"block{block}.qkv": (d, 3 * d), f"block{block}.out": (d, d)}
        maps |= {f"block{block}.up": (d, hidden), f"block{block}.down": (hidden, d)}
    maps |= {"class.q": (d, d), "class.kv": (d, 2 * d), "class.out": (d, d)}
    maps |= {"class.up": (d, hidden), "class.down": (hidden, d), "logit": (d, 1)}
    weights = {}
    for name, shape in maps.items():
        drawn = draw_weights(shape, rngs, dtype)
        weights[f"{name}.weight"], weights[f"{name}.bias"] = drawn["weight0"], drawn["bias0"]
    token = np.stack([rng.normal(0.0, 0.1, (1, d)) for rng in rngs])
    return {**weights, "class": torch.from_numpy(token).to(dtype)}


def interactions(first: Tensor, second: Tensor) -> Tensor:
    """Return the pairwise features ln Delta, ln kT, ln z and ln m^2.

    The mass is that of a massless, collinear pair: m^2 = pT_i pT_j Delta^2.

    Parameters
    ----------
    first, second : Tensor of shape (..., 3)
        Logarithm of the transverse momentum in any unit, and two angles relative to the jet's axis.

    Returns
    -------
    Tensor of shape (..., 4)

    References
    ----------
    .. [1] Qu, Li, Qian, "Particle transformer for jet tagging", arXiv:2202.03772, eqs. (3) to (6).
    """
    squared = ((first - second)[..., 1:] ** 2).sum(dim=-1)
    log_delta = 0.5 * torch.log(squared.clamp_min(_CLOSEST**2))
    one, other = first[..., 0], second[..., 0]
    softer = torch.minimum(one, other)
    features = [
        log_delta,
        softer + log_delta,
        softer - torch.logaddexp(one, other),
        one + other + 2.0 * log_delta,
    ]
    return torch.stack(features, dim=-1)


def transformer(
    weights: Mapping[str, Tensor], x: Tensor, mask: Tensor, heads: int, pairs: Tensor | None = None
) -> Tensor:
    """Apply blocks of self-attention and one of class attention.

    Parameters
    ----------
    weights : mapping of str to Tensor
        As from `draw_transformer`; other keys are ignored.
    x : Tensor of shape (n_members, n_rows, n_constituents, n_features)
        Standardised, and finite in the padding.
    mask : Tensor of bool, of shape (n_members, n_rows, n_constituents)
    heads : int
    pairs : Tensor of shape (n_members, n_rows, n_constituents, 3), optional
        What `interactions` takes of each constituent, for a bias of the attention between
        different constituents.

    Returns
    -------
    Tensor of shape (n_members, n_rows)
    """
    h = _attended(weights, x, mask, heads, pairs)
    return _linear(weights, "logit", _norm(_class_attention(weights, h, mask, heads)))[..., 0]


def summed(
    weights: Mapping[str, Tensor],
    x: Tensor,
    mask: Tensor,
    heads: int,
    emphasis: Tensor | None = None,
) -> Tensor:
    """Apply blocks of self-attention and sum over constituents: a representation of each row.

    Parameters
    ----------
    weights, x, mask, heads
        As in `transformer`; those of the class attention and the logit are not used.
    emphasis : Tensor of shape (n_members, n_rows, n_constituents), optional
        Logarithm of how much each constituent counts in the sum, where all count alike without it.
        Half of it is added to the logits of the attention, so that a constituent that counts
        nothing is as good as not there: with log pT the sum is infrared safe.

    Returns
    -------
    Tensor of shape (n_members, n_rows, width)
        Zero for rows without constituents.

    References
    ----------
    .. [1] Dillon et al., "Symmetries, safety, and self-supervision", arXiv:2108.04253, section 2.3
       (the continuous mask).
    """
    h = _attended(weights, x, mask, heads, None, emphasis)
    if emphasis is not None:
        h = h * torch.exp(emphasis).unsqueeze(3)
    return h.masked_fill(~mask.unsqueeze(3), 0.0).sum(dim=2)


def _attended(
    weights: Mapping[str, Tensor],
    x: Tensor,
    mask: Tensor,
    heads: int,
    pairs: Tensor | None = None,
    emphasis: Tensor | None = None,
) -> Tensor:
    """Return the constituents after all blocks, (n_members, n_rows, n_constituents, width)."""
    members, rows, constituents, _ = x.shape
    h = gelu(_linear(weights, "embed0", x.flatten(1, 2)))
    h = _linear(weights, "embed1", h)
    bias = _key_bias(mask, h.dtype)
    if pairs is not None:
        bias = bias + _pair_bias(weights, pairs, mask)
    if emphasis is not None:
        bias = bias + 0.5 * emphasis.flatten(0, 1)[:, None, None]
    blocks = sum(name.endswith(".qkv.weight") for name in weights)
    for block in range(blocks):
        name = f"block{block}"
        qkv = _linear(weights, f"{name}.qkv", _norm(h)).reshape(
            members * rows, constituents, 3, heads, h.shape[2] // heads
        )
        q, k, v = qkv.permute(2, 0, 3, 1, 4).unbind()
        seen = scaled_dot_product_attention(q, k, v, attn_mask=bias)
        h = h + _linear(weights, f"{name}.out", seen.transpose(1, 2).reshape(h.shape))
        h = h + _between(weights, name, h)
    return h.reshape(members, rows, constituents, h.shape[2])


def _class_attention(weights: Mapping[str, Tensor], h: Tensor, mask: Tensor, heads: int) -> Tensor:
    """Let one token look at all constituents, and at itself, so that an empty jet has a value."""
    members, rows, constituents, width = h.shape
    token = weights["class"].expand(members, rows, width)
    all_of_them = torch.cat([token.unsqueeze(2), h], dim=2).flatten(1, 2)
    kv = _linear(weights, "class.kv", _norm(all_of_them))
    kv = kv.reshape(members * rows, constituents + 1, 2, heads, width // heads)
    k, v = kv.permute(2, 0, 3, 1, 4).unbind()
    q = _linear(weights, "class.q", _norm(token)).reshape(members * rows, 1, heads, width // heads)
    with_token = torch.nn.functional.pad(mask, (1, 0), value=True)
    bias = _key_bias(with_token, h.dtype)
    seen = scaled_dot_product_attention(q.transpose(1, 2), k, v, attn_mask=bias)
    token = token + _linear(weights, "class.out", seen.reshape(members, rows, width))
    return token + _between(weights, "class", token)


def _linear(weights: Mapping[str, Tensor], name: str, x: Tensor) -> Tensor:
    return torch.baddbmm(weights[f"{name}.bias"], x, weights[f"{name}.weight"])


def _norm(x: Tensor) -> Tensor:
    return layer_norm(x, x.shape[-1:])


def _between(weights: Mapping[str, Tensor], name: str, h: Tensor) -> Tensor:
    return _linear(weights, f"{name}.down", gelu(_linear(weights, f"{name}.up", _norm(h))))


def _key_bias(mask: Tensor, dtype: torch.dtype) -> Tensor:
    """Return what is added before the softmax, of shape (n_members * n_rows, 1, 1, n_keys)."""
    # A row without any key would be NaN; nobody looks at the constituents of an empty jet.
    keys = (mask | ~mask.any(dim=2, keepdim=True)).flatten(0, 1)[:, None, None]
    return torch.zeros(keys.shape, dtype=dtype, device=mask.device).masked_fill(~keys, -torch.inf)


def _pair_bias(weights: Mapping[str, Tensor], pairs: Tensor, mask: Tensor) -> Tensor:
    """Return the bias of the attention, of shape (n_members * n_rows, heads, n, n), symmetric.

    Most of an (n, n) array is padding or there twice, so only what is left is computed.
    """
    members, rows, n = mask.shape
    once = torch.ones((n, n), dtype=torch.bool, device=mask.device).triu(1)
    place, there = pack(mask.unsqueeze(3) & mask.unsqueeze(2) & once)
    row, pair = place.div(n * n, rounding_mode="floor"), place % (n * n)
    i, j = pair.div(n, rounding_mode="floor"), pair % n
    flat = pairs.flatten(1, 2)
    first, second = (
        flat.gather(1, (row * n + k).unsqueeze(2).expand(-1, -1, flat.shape[2])) for k in (i, j)
    )
    features = interactions(first, second).masked_fill(~there.unsqueeze(2), 0.0)
    bias = _linear(weights, "pair1", torch.relu(_linear(weights, "pair0", features)))
    bias = bias.masked_fill(~there.unsqueeze(2), 0.0).flatten(0, 1)
    row = row + rows * torch.arange(members, device=mask.device).unsqueeze(1)
    result = bias.new_zeros((members * rows * n * n, bias.shape[1]))
    for a, b in ((i, j), (j, i)):
        result = result.index_add(0, ((row * n + a) * n + b).flatten(), bias)
    return result.reshape(members * rows, n, n, -1).permute(0, 3, 1, 2).contiguous()
