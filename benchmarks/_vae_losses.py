"""Likelihood VAEs with other losses per feature, for comparison only.

``PublishedVae`` has the loss of arXiv:1811.10276 as the notes in ``shared/reference/scores.md``
describe it: truncated densities do not integrate to one, the divergence is not that of two normal
densities, a count's probability ends at 1e-10 and widths at 0.005 of the feature's own unit. Not
taken over: inputs are standardised, and locations and widths are relative to the features' centre
and spread, without which so few steps do not reach features in GeV.

``HeavyVae`` has Student's t with two degrees of freedom wherever `likelihood_vae` has a normal
density: an unlikely value costs its logarithm and not its square. Its distribution function is
closed, F(z) = 1/2 + z / (2 sqrt(2 + z^2)), so that all densities keep their norm.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import ClassVar

import torch
from torch import Tensor
from torch.nn.functional import logsigmoid, softplus

from bycatch.learn.likelihoods import CLIP, Density, Raw
from bycatch.learn.neural import Noise
from bycatch.score.likelihood_vae import LikelihoodVae

__all__ = ["HeavyVae", "PublishedVae"]

_FLOOR = 5e-3

LogProb = Callable[[Tensor, Raw, Tensor, Tensor, float], Tensor]


class _OtherDensities(LikelihoodVae):
    """A likelihood VAE with other densities of the same kinds."""

    others: ClassVar[Mapping[str, LogProb]]
    """log p by the density's name, as in `bycatch.learn.likelihoods.Density`."""

    def _order(self, like: Tensor) -> tuple[list[tuple[Density, int]], Tensor]:
        kinds, order = super()._order(like)
        return [
            (replace(kind, log_prob=self.others.get(kind.name, kind.log_prob)), count)
            for kind, count in kinds
        ], order


def _isrlu(h: Tensor) -> Tensor:
    return torch.where(h > 0.0, h, h / torch.sqrt(1.0 + h * h))


def _located(raw: Raw, centre: Tensor, spread: Tensor) -> tuple[Tensor, Tensor]:
    place, size = raw[0].double(), _FLOOR + spread.double() * (1.0 + _isrlu(raw[1].double()))
    return centre.double() + spread.double() * place, size


def _square(x: Tensor, mean: Tensor, width: Tensor) -> Tensor:
    return -torch.log(width) - 0.5 * ((x - mean) / width).square()


def _norm(mean: Tensor, width: Tensor) -> Tensor:
    """Return the published stand-in for the logarithm of a truncated density's norm."""
    return torch.log1p(torch.special.ndtr(-mean / width))


def _gaussian(x: Tensor, raw: Raw, centre: Tensor, spread: Tensor, _: float) -> Tensor:
    return _square(x.double(), *_located(raw, centre, spread))


def _truncated(x: Tensor, raw: Raw, centre: Tensor, spread: Tensor, _: float) -> Tensor:
    place = _located(raw, centre, spread)
    return _square(x.double(), *place) + _norm(*place)


def _log_normal(x: Tensor, raw: Raw, centre: Tensor, spread: Tensor, _: float) -> Tensor:
    zero = 0.5 * (1.0 + 0.999 * torch.tanh(raw[2].double()))
    log = torch.log(x.double().clamp_min(CLIP))
    above = torch.log(1.0 - zero) - log + _square(log, *_located(raw, centre, spread))
    return torch.where(x < CLIP, torch.log(zero), above)


def _discrete(x: Tensor, raw: Raw, centre: Tensor, spread: Tensor, _: float) -> Tensor:
    mean, width = _located(raw, centre, spread)
    low, high = (torch.special.ndtr((x.double() + side - mean) / width) for side in (-0.5, 0.5))
    return torch.log((high - low).clamp_min(1e-10)) + _norm(mean + 0.5, width)


def _poisson(x: Tensor, raw: Raw, centre: Tensor, _: Tensor, __: float) -> Tensor:
    rate = 1e-3 + centre.double().clamp_min(1e-3) * (1.0 + _isrlu(raw[0].double()))
    return x * torch.log(rate) - rate - torch.lgamma(x.double() + 1.0)


def _charge(x: Tensor, raw: Raw, _: Tensor, __: Tensor, ___: float) -> Tensor:
    return torch.log(0.5 * (1.0 + 0.98 * x.double() * torch.tanh(raw[0].double())))


def _bernoulli(x: Tensor, raw: Raw, centre: Tensor, spread: Tensor, smallest: float) -> Tensor:
    return _charge(2.0 * x - 1.0, raw, centre, spread, smallest)


class PublishedVae(_OtherDensities):
    """A likelihood VAE with the published loss as loss and score."""

    others: ClassVar[Mapping[str, LogProb]] = {
        "gaussian": _gaussian,
        "truncated_gaussian": _truncated,
        "clipped_log_normal": _log_normal,
        "discrete_gaussian": _discrete,
        "poisson": _poisson,
        "bernoulli": _bernoulli,
        "charge": _charge,
    }

    def _divergence(self, parameters: Mapping[str, Tensor], mean: Tensor, width: Tensor) -> Tensor:
        middle, size = self._prior(parameters)
        size = torch.as_tensor(size)
        each = (width * size).square() + ((middle - mean) / size).square()
        return 0.5 * (each + torch.log(size / width) - 1.0).sum(dim=-1)

    def losses(
        self, parameters: Mapping[str, Tensor], columns: Mapping[str, Tensor], noise: Noise
    ) -> Tensor:
        """Return the published loss of each row."""
        mean, width = self.posterior(parameters, columns)
        z = mean + width * noise.normal(mean.shape[1:], mean)
        reconstruction = self.feature_losses(parameters, columns, z).sum(dim=2)
        return reconstruction + self.beta * self._divergence(parameters, mean, width)

    def scores(
        self, parameters: Mapping[str, Tensor], columns: Mapping[str, Tensor], name: str
    ) -> Tensor:
        """Return the loss at the posterior's mean as ``total``; other scores as they are."""
        if name != "total":
            return super().scores(parameters, columns, name)
        mean, width = self.posterior(parameters, columns)
        reconstruction = self.feature_losses(parameters, columns, mean).sum(dim=2)
        return reconstruction + self.beta * self._divergence(parameters, mean, width)


def _log_cdf(z: Tensor) -> Tensor:
    root = torch.sqrt(2.0 + z * z)
    small = -torch.log(root * (root + z.abs()))  # log F(-|z|), without cancellation
    return torch.where(z < 0.0, small, torch.log1p(-torch.exp(small)))


def _student(x: Tensor, mean: Tensor, width: Tensor) -> Tensor:
    return -1.5 * torch.log(2.0 + ((x - mean) / width).square()) - torch.log(width)


def _between(low: Tensor, high: Tensor) -> Tensor:
    """Return log(F(high) - F(low)), from the side where both are small."""
    above = low + high > 0.0
    low, high = torch.where(above, -high, low), torch.where(above, -low, high)
    top = _log_cdf(high)
    return top + torch.log(-torch.expm1((_log_cdf(low) - top).clamp_max(-1e-300)))


def _placed(raw: Raw, centre: Tensor, spread: Tensor, smallest: float) -> tuple[Tensor, Tensor]:
    width = spread.double() * (smallest + softplus(raw[1].double()))
    return centre.double() + spread.double() * raw[0].double(), width


def _heavy(x: Tensor, raw: Raw, centre: Tensor, spread: Tensor, smallest: float) -> Tensor:
    return _student(x.double(), *_placed(raw, centre, spread, smallest))


def _heavy_truncated(
    x: Tensor, raw: Raw, centre: Tensor, spread: Tensor, smallest: float
) -> Tensor:
    mean, width = _placed(raw, centre, spread, smallest)
    return _student(x.double(), mean, width) - _log_cdf(mean / width)


def _heavy_log(x: Tensor, raw: Raw, centre: Tensor, spread: Tensor, smallest: float) -> Tensor:
    mean, width = _placed(raw, centre, spread, smallest)
    log, logit = torch.log(x.double().clamp_min(CLIP)), raw[2].double()
    above = _student(log, mean, width) - log - _log_cdf((mean - math.log(CLIP)) / width)
    return torch.where(x > CLIP, logsigmoid(-logit) + above, logsigmoid(logit))


def _heavy_discrete(x: Tensor, raw: Raw, centre: Tensor, spread: Tensor, smallest: float) -> Tensor:
    mean, width = _placed(raw, centre, spread, smallest)
    inside = _between((x.double() - 0.5 - mean) / width, (x.double() + 0.5 - mean) / width)
    return inside - _log_cdf((mean + 0.5) / width)


class HeavyVae(_OtherDensities):
    """A likelihood VAE with Student's t for normal densities."""

    others: ClassVar[Mapping[str, LogProb]] = {
        "gaussian": _heavy,
        "truncated_gaussian": _heavy_truncated,
        "clipped_log_normal": _heavy_log,
        "discrete_gaussian": _heavy_discrete,
    }
