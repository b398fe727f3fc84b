"""Probability densities of single features, for networks that predict their parameters.

What to use when: a decoder says not what a feature is but how it is distributed, and the features
are of different kinds: momenta with a peak at zero, masses, counts, flags. Each density integrates
(or sums) to one, so that sums of their logarithms are log-likelihoods. For all features together,
with their correlations, use a flow of `bycatch.learn`.

The functions compute in double precision: differences of distribution functions far in a tail need
it, and there are few features. A graph that leaves Python takes `bycatch.learn.likelihoods_graph`.

References
----------
.. [1] O. Cerri et al., "Variational autoencoders for new physics mining at the Large Hadron
   Collider", arXiv:1811.10276, section 4 (which feature has which density).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import logsigmoid, softplus

CLIP = 1e-4
"""What is at most this counts as zero in a clipped log-normal, in the feature's unit."""

RATE_SHIFT = 0.54
"""Its softplus is 1, so that a network that gives zero begins near the mean of a count."""

_HALF_LOG_2PI = 0.5 * math.log(2.0 * math.pi)
_FAR = -100.0  # widths below the mean from where the tail's expansion is good to 1e-10


def _log_cdf(z: Tensor) -> Tensor:
    """Return log Phi(z).

    torch's derivative takes the difference of two squares, and is wrong far in the tail.
    """
    far = z.clamp_max(_FAR)
    inverse = far.square().reciprocal()
    series = torch.log1p(-inverse * (1.0 - 3.0 * inverse))
    tail = -0.5 * far.square() - torch.log(-far) - _HALF_LOG_2PI + series
    near = torch.special.log_ndtr(z.clamp_min(_FAR))
    return torch.where(z > _FAR, near, tail)


def gaussian(x: Tensor, mean: Tensor, width: Tensor) -> Tensor:
    """Return log p of a normal density; all of one shape, so is the result."""
    x, mean, width = x.double(), mean.double(), width.double()
    return -0.5 * ((x - mean) / width).square() - torch.log(width) - _HALF_LOG_2PI


def truncated_gaussian(x: Tensor, mean: Tensor, width: Tensor) -> Tensor:
    """Return log p of a normal density on x >= 0 only.

    The norm is Phi(mean / width), which a mean below zero makes small.
    """
    return gaussian(x, mean, width) - _log_cdf(mean.double() / width.double())


def discrete_gaussian(x: Tensor, mean: Tensor, width: Tensor) -> Tensor:
    """Return log p of a count 0, 1, 2, ...: a normal density integrated from x - 1/2 to x + 1/2.

    Truncated at -1/2, so that the probabilities of the counts sum to one.
    """
    x, mean, width = x.double(), mean.double(), width.double()
    low, high = (x - 0.5 - mean) / width, (x + 0.5 - mean) / width
    # The mirror image of what lies above the mean, where both distribution functions are small.
    above = low + high > 0.0
    low, high = torch.where(above, -high, low), torch.where(above, -low, high)
    log_high: Tensor = _log_cdf(high)
    gap = (log_high - _log_cdf(low)).clamp_min(torch.finfo(x.dtype).tiny)
    inside = log_high + torch.log(-torch.expm1(-gap))
    return inside - _log_cdf((mean + 0.5) / width)


def clipped_log_normal(
    x: Tensor, log_mean: Tensor, log_width: Tensor, zero_logit: Tensor, clip: float = CLIP
) -> Tensor:
    """Return log p of a point mass at x <= clip and a log-normal density above it.

    Parameters
    ----------
    x : Tensor
    log_mean, log_width : Tensor
        Mean and width of log x, before what lies below `clip` is cut away.
    zero_logit : Tensor
        Logit of the probability of x <= clip.
    clip : float

    Returns
    -------
    Tensor
        The logarithm of the probability at x <= clip, of the density per unit of x above.
    """
    x, log_mean, log_width = x.double(), log_mean.double(), log_width.double()
    logit = zero_logit.double()
    log_x = torch.log(x.clamp_min(clip))
    above = gaussian(log_x, log_mean, log_width) - log_x
    above = above - _log_cdf((log_mean - math.log(clip)) / log_width)
    return torch.where(x > clip, logsigmoid(-logit) + above, logsigmoid(logit))


def bernoulli(x: Tensor, logit: Tensor) -> Tensor:
    """Return log p of x = 0 or 1."""
    return charge(2.0 * x.double() - 1.0, logit)


def charge(x: Tensor, logit: Tensor) -> Tensor:
    """Return log p of x = -1 or 1."""
    return logsigmoid(x.double() * logit.double())


def poisson(x: Tensor, rate: Tensor) -> Tensor:
    """Return log p of a count 0, 1, 2, ... at a positive rate."""
    x, rate = x.double(), rate.double()
    return x * torch.log(rate) - rate - torch.lgamma(x + 1.0)


Raw = Sequence[Tensor]


@dataclass(frozen=True)
class Density:
    """A density whose parameters are made from unbounded numbers, as networks give them.

    Attributes
    ----------
    name : str
    n_parameters : int
    log_prob : callable
        Of ``(x, raw, centre, spread, smallest)``: the feature; `n_parameters` unbounded numbers;
        typical value and spread of what `seen` returns; and the least width in units of the spread.
    seen : callable
        What a network should see of the feature: its logarithm for a log-normal.
    allows : callable
        Where values are possible.
    values : str
        What values are possible, in words.
    """

    name: str
    n_parameters: int
    log_prob: Callable[[Tensor, Raw, Tensor, Tensor, float], Tensor]
    seen: Callable[[Tensor], Tensor]
    allows: Callable[[Tensor], Tensor]
    values: str


def _location(raw: Raw, centre: Tensor, spread: Tensor, smallest: float) -> tuple[Tensor, Tensor]:
    return centre + spread * raw[0], spread * (smallest + softplus(raw[1]))


def _gaussian(x: Tensor, raw: Raw, centre: Tensor, spread: Tensor, smallest: float) -> Tensor:
    return gaussian(x, *_location(raw, centre, spread, smallest))


def _truncated(x: Tensor, raw: Raw, centre: Tensor, spread: Tensor, smallest: float) -> Tensor:
    return truncated_gaussian(x, *_location(raw, centre, spread, smallest))


def _discrete(x: Tensor, raw: Raw, centre: Tensor, spread: Tensor, smallest: float) -> Tensor:
    return discrete_gaussian(x, *_location(raw, centre, spread, smallest))


def _log_normal(x: Tensor, raw: Raw, centre: Tensor, spread: Tensor, smallest: float) -> Tensor:
    return clipped_log_normal(x, *_location(raw, centre, spread, smallest), raw[2])


def _bernoulli(x: Tensor, raw: Raw, *_: Tensor | float) -> Tensor:
    return bernoulli(x, raw[0])


def _charge(x: Tensor, raw: Raw, *_: Tensor | float) -> Tensor:
    return charge(x, raw[0])


def _poisson(x: Tensor, raw: Raw, centre: Tensor, spread: Tensor, smallest: float) -> Tensor:  # noqa: ARG001
    rate = centre.double().clamp_min(1e-3) * softplus(raw[0].double() + RATE_SHIFT)
    return poisson(x, rate.clamp_min(1e-12))


def _same(x: Tensor) -> Tensor:
    return x


def _log(x: Tensor) -> Tensor:
    return torch.log(x.clamp_min(CLIP))


def _any(x: Tensor) -> Tensor:
    return torch.isfinite(x)


def _positive(x: Tensor) -> Tensor:
    return x >= 0.0


def _count(x: Tensor) -> Tensor:
    return (x >= 0.0) & (x == torch.round(x))


def _flag(x: Tensor) -> Tensor:
    return (x == 0.0) | (x == 1.0)


def _sign(x: Tensor) -> Tensor:
    return x.abs() == 1.0


DENSITIES: dict[str, Density] = {
    density.name: density
    for density in (
        Density("gaussian", 2, _gaussian, _same, _any, "any number"),
        Density("truncated_gaussian", 2, _truncated, _same, _positive, "0 or more"),
        Density("clipped_log_normal", 3, _log_normal, _log, _positive, "0 or more"),
        Density("discrete_gaussian", 2, _discrete, _same, _count, "whole numbers from 0"),
        Density("poisson", 1, _poisson, _same, _count, "whole numbers from 0"),
        Density("bernoulli", 1, _bernoulli, _same, _flag, "0 or 1"),
        Density("charge", 1, _charge, _same, _sign, "-1 or 1"),
    )
}
"""The densities by name."""
