"""What variational autoencoders share: the posterior, its divergence, and what -log p(x) is worth.

All tensors have the members first, then rows, then latent coordinates.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import softplus

from bycatch.learn.nets.mlp import draw_weights, forward
from bycatch.tasks.random import child_seed, stream

NARROWEST = 1e-4
"""Least width of a posterior."""


def draw_width(
    n_in: int, n_latent: int, seed: int, members: int, dtype: torch.dtype
) -> dict[str, Tensor]:
    """Return initial weights of the layer that gives the posterior's width.

    From streams of their own, so that the rest of an encoder begins as that of an autoencoder with
    the same seed does.
    """
    rngs: Sequence[np.random.Generator] = [
        stream(seed, "member", m, "width") for m in range(members)
    ]
    return {f"width.{k}": v for k, v in draw_weights((n_in, n_latent), rngs, dtype).items()}


def with_width(encoder: Mapping[str, Tensor], width: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return an encoder whose last layer gives the means and what `width_of` takes."""
    last = sum(name.startswith("weight") for name in encoder) - 1
    merged = dict(encoder)
    for kind in ("weight", "bias"):
        merged[f"{kind}{last}"] = torch.cat([encoder[f"{kind}{last}"], width[f"{kind}0"]], dim=2)
    return merged


def posterior(encoder: Mapping[str, Tensor], x: Tensor) -> tuple[Tensor, Tensor]:
    """Return mean and width of the latent coordinates from a dense encoder of `with_width`."""
    mean, raw = forward(encoder, x).chunk(2, dim=2)
    return mean, width_of(raw)


def width_of(raw: Tensor) -> Tensor:
    """Return positive widths; zero gives about 0.7."""
    return softplus(raw) + NARROWEST


def kl_divergence(
    mean: Tensor,
    width: Tensor,
    prior_mean: Tensor | float = 0.0,
    prior_width: Tensor | float = 1.0,
) -> Tensor:
    """Return the divergence of N(mean, width^2) from the prior, summed over coordinates.

    sum of ln(s_p / s) + (s^2 + (m - m_p)^2) / (2 s_p^2) - 1/2. The formula in arXiv:1811.10276
    multiplies where it must divide, s s_p for s / s_p, and lacks a factor 2 of the logarithm.

    Returns
    -------
    Tensor of shape (n_members, n_rows)
    """
    ratio = (width / prior_width).square()
    distance = ((mean - prior_mean) / prior_width).square()
    return 0.5 * (ratio + distance - 1.0 - torch.log(ratio)).sum(dim=-1)


def pull(mean: Tensor, width: Tensor, prior_mean: Tensor | float = 0.0) -> Tensor:
    """Return R_z, the squared distance from the prior's mean in units of the posterior's width.

    References
    ----------
    .. [1] Govorkova et al., arXiv:2108.03986, eq. (4).
    """
    return ((mean - prior_mean) / width).square().sum(dim=-1)


def log_normal_density(
    z: Tensor, mean: Tensor | float = 0.0, width: Tensor | float = 1.0
) -> Tensor:
    """Return the logarithm of independent normal densities, summed over coordinates."""
    size = torch.as_tensor(width, dtype=z.dtype, device=z.device)
    each = -0.5 * ((z - mean) / size).square() - torch.log(size) - 0.5 * math.log(2.0 * math.pi)
    return each.sum(dim=-1)


def scoring_noise(seed: int, samples: int, n_latent: int, like: Tensor) -> Tensor:
    """Return standard normal numbers of shape (samples, n_latent), the same for every row."""
    generator = torch.Generator().manual_seed(child_seed(seed, "scoring"))
    drawn = torch.randn((samples, n_latent), generator=generator, dtype=torch.float64)
    return drawn.to(like.dtype).to(like.device)


def importance_weighted(
    mean: Tensor, width: Tensor, noise: Tensor, log_joint: Callable[[Tensor], Tensor]
) -> Tensor:
    """Return an estimate of -log p(x) that lies above it on average, the less the more samples.

    Parameters
    ----------
    mean, width : Tensor of shape (n_members, n_rows, n_latent)
        Of the posterior q(z|x).
    noise : Tensor of shape (n_samples, n_latent)
    log_joint : callable
        log p(x|z) + log p(z) of z, of shape (n_members, n_rows).

    Returns
    -------
    Tensor of shape (n_members, n_rows)

    References
    ----------
    .. [1] Burda, Grosse, Salakhutdinov, "Importance weighted autoencoders", arXiv:1509.00519,
       eq. (8).
    """
    found = []
    for one in noise:
        z = mean + width * one
        found.append(log_joint(z).double() - log_normal_density(z, mean, width).double())
    return math.log(len(found)) - torch.stack(found).logsumexp(dim=0)
