"""Convolutional encoders and decoders of many members, as grouped convolutions.

What to use when: wherever images are squeezed through a bottleneck. Encoder and decoder are
functions of separate sets of weights, so that a method may put its own distribution, sphere or
penalty between them, normalise the weights, and put its own last function (sigmoid, softmax) on the
pixels.

References
----------
.. [1] Heimel, Kasieczka, Plehn, Thompson, "QCD or what?", arXiv:1808.08979 (pairs of 3x3
   convolutions, mean over 2x2 pixels, dense layers; the mirror image of it as the decoder).
.. [2] Farina, Nakai, Shih, "Searching for new physics with deep autoencoders", arXiv:1808.08992.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d, conv2d, interpolate, leaky_relu_

from bycatch.learn.nets.mlp import draw_weights, forward

_KERNEL = 3
_SLOPE = 0.1


def pooled_sides(side: int, blocks: int) -> list[int]:
    """Return the side of the image before the first and after each block, in pixels.

    A side that is odd is rounded up: the last mean then runs over fewer pixels.
    """
    found = [side]
    for _ in range(blocks):
        found.append((found[-1] + 1) // 2)
    return found


def draw_encoder(
    shape: tuple[int, int],
    channels: Sequence[int],
    hidden: Sequence[int],
    n_latent: int,
    rngs: Sequence[np.random.Generator],
    dtype: torch.dtype,
    *,
    per_block: int = 2,
) -> dict[str, Tensor]:
    """Return initial weights of an encoder.

    Parameters
    ----------
    shape : tuple of int
        Height and width of the image in pixels.
    channels : sequence of int
        Of each block; every block halves the sides of the image.
    hidden : sequence of int
        Units of the dense layers between the last block and the bottleneck.
    n_latent : int
    rngs : sequence of numpy.random.Generator
        One per member.
    dtype : torch.dtype
    per_block : int
        Convolutions in a block.

    Returns
    -------
    dict
        ``kernel{i}.{j}`` of shape (n_members, n_out, n_in, 3, 3) and ``offset{i}.{j}`` of shape
        (n_members, n_out) for convolution j of block i, uniform with variance 2 / n_in; and the
        dense layers of `bycatch.learn.nets.mlp.draw_weights`.
    """
    pairs = [
        [(before if j == 0 else after, after) for j in range(per_block)]
        for before, after in itertools.pairwise((1, *channels))
    ]
    size = channels[-1] * _smallest(shape, len(channels))
    return {
        **_draw_convolutions(pairs, rngs, dtype),
        **draw_weights((size, *hidden, n_latent), rngs, dtype),
    }


def draw_decoder(
    shape: tuple[int, int],
    channels: Sequence[int],
    hidden: Sequence[int],
    n_latent: int,
    rngs: Sequence[np.random.Generator],
    dtype: torch.dtype,
    *,
    per_block: int = 2,
) -> dict[str, Tensor]:
    """Return initial weights of the decoder that mirrors `draw_encoder` with the same arguments."""
    reverse = (*tuple(channels)[::-1], 1)
    pairs = [
        [(before, before if j < per_block - 1 else after) for j in range(per_block)]
        for before, after in itertools.pairwise(reverse)
    ]
    size = channels[-1] * _smallest(shape, len(channels))
    return {
        **_draw_convolutions(pairs, rngs, dtype),
        **draw_weights((n_latent, *tuple(hidden)[::-1], size), rngs, dtype),
    }


def encode(weights: Mapping[str, Tensor], x: Tensor) -> Tensor:
    """Apply an encoder: blocks of convolutions and a mean over 2x2 pixels, then dense layers.

    Parameters
    ----------
    weights : mapping of str to Tensor
        As from `draw_encoder`; other keys are ignored.
    x : Tensor of shape (n_members, n_rows, height, width)

    Returns
    -------
    Tensor of shape (n_members, n_rows, n_latent)
    """
    members, rows = x.shape[:2]
    h = x.transpose(0, 1).contiguous(memory_format=torch.channels_last)
    for block in _blocks(weights):
        for kernel, offset in block:
            h = leaky_relu_(_convolution(h, kernel, offset), _SLOPE)
        h = avg_pool2d(h, 2, ceil_mode=True)
    flat = h.reshape(rows, members, h.shape[1] // members * h.shape[2] * h.shape[3])
    return forward(weights, flat.transpose(0, 1))


def decode(weights: Mapping[str, Tensor], z: Tensor, shape: tuple[int, int]) -> Tensor:
    """Apply a decoder: dense layers, then blocks that double the sides and convolve.

    Parameters
    ----------
    weights : mapping of str to Tensor
        As from `draw_decoder`; other keys are ignored.
    z : Tensor of shape (n_members, n_rows, n_latent)
    shape : tuple of int
        Height and width of the image in pixels, as given to `draw_decoder`.

    Returns
    -------
    Tensor of shape (n_members, n_rows, height, width)
        Linear outputs of any sign.
    """
    members, rows = z.shape[:2]
    blocks = _blocks(weights)
    heights, widths = (pooled_sides(side, len(blocks))[::-1] for side in shape)
    h = leaky_relu_(forward(weights, z), _SLOPE).transpose(0, 1)
    h = h.reshape(rows, -1 if rows else members * _channels(blocks), heights[0], widths[0])
    h = h.contiguous(memory_format=torch.channels_last)
    last = blocks[-1][-1][0]
    for block, height, width in zip(blocks, heights[1:], widths[1:], strict=True):
        h = interpolate(h, scale_factor=2.0, mode="nearest")[:, :, :height, :width]
        for kernel, offset in block:
            h = _convolution(h, kernel, offset)
            if kernel is not last:
                h = leaky_relu_(h, _SLOPE)
    return h.transpose(0, 1)


def _smallest(shape: tuple[int, int], blocks: int) -> int:
    """Return the number of pixels after the last block."""
    return pooled_sides(shape[0], blocks)[-1] * pooled_sides(shape[1], blocks)[-1]


def _channels(blocks: Sequence[Sequence[tuple[Tensor, Tensor]]]) -> int:
    return int(blocks[0][0][0].shape[2])


def _draw_convolutions(
    pairs: Sequence[Sequence[tuple[int, int]]],
    rngs: Sequence[np.random.Generator],
    dtype: torch.dtype,
) -> dict[str, Tensor]:
    weights: dict[str, Tensor] = {}
    for block, layers in enumerate(pairs):
        for layer, (n_in, n_out) in enumerate(layers):
            bound = (6.0 / (n_in * _KERNEL**2)) ** 0.5
            size = (n_out, n_in, _KERNEL, _KERNEL)
            drawn = np.stack([rng.uniform(-bound, bound, size) for rng in rngs])
            weights[f"kernel{block}.{layer}"] = torch.from_numpy(drawn).to(dtype)
            weights[f"offset{block}.{layer}"] = torch.zeros((len(rngs), n_out), dtype=dtype)
    return weights


def _blocks(weights: Mapping[str, Tensor]) -> list[list[tuple[Tensor, Tensor]]]:
    """Return kernels and offsets of each block in their order."""
    found: list[list[tuple[Tensor, Tensor]]] = []
    while f"kernel{len(found)}.0" in weights:
        block: list[tuple[Tensor, Tensor]] = []
        while f"kernel{len(found)}.{len(block)}" in weights:
            name = f"{len(found)}.{len(block)}"
            block.append((weights[f"kernel{name}"], weights[f"offset{name}"]))
        found.append(block)
    return found


def _convolution(h: Tensor, kernel: Tensor, offset: Tensor) -> Tensor:
    """Convolve each member's channels with its own kernels; members are groups of channels."""
    flat = kernel.flatten(0, 1).contiguous(memory_format=torch.channels_last)
    return conv2d(h, flat, offset.flatten(), padding=_KERNEL // 2, groups=len(kernel))
