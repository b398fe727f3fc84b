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

import torch
from torch import Tensor
from torch.nn.functional import logsigmoid

from bycatch.learn.likelihoods import Density
from bycatch.learn.nets.mlp import forward
from bycatch.score.likelihood_vae import LikelihoodVae
from bycatch.score.neural import Noise, part

__all__ = ["HeavyVae", "PublishedVae"]

_FLOOR = 5e-3
_CLIP = 1e-4


class _OtherLoss(LikelihoodVae):
    """A likelihood VAE whose subclasses say what a feature's value costs."""

    def cost(
        self, kind: Density, x: Tensor, raw: tuple[Tensor, ...], centre: Tensor, spread: Tensor
    ) -> Tensor:
        """Return -log p of features of one kind, of the shape of `x`."""
        return -kind.log_prob(x, raw, centre, spread, self.smallest_width)

    def feature_losses(
        self, parameters: Mapping[str, Tensor], columns: Mapping[str, Tensor], z: Tensor
    ) -> Tensor:
        """Return the cost of each feature given z, (n_members, n_rows, n_features)."""
        kinds, order = self._order(columns["x"])
        x, centre, spread = (
            values.index_select(2, order).double()
            for values in (columns["x"], parameters["centre"], parameters["spread"])
        )
        out = forward(part(parameters, "decoder."), z).double()
        found, column, place = [], 0, 0
        for kind, count in kinds:
            own, size = slice(column, column + count), kind.n_parameters * count
            raw = out[..., place : place + size].chunk(kind.n_parameters, 2)
            found.append(self.cost(kind, x[..., own], raw, centre[..., own], spread[..., own]))
            column, place = column + count, place + size
        return torch.cat(found, dim=2).index_select(2, torch.argsort(order))


def _isrlu(h: Tensor) -> Tensor:
    return torch.where(h > 0.0, h, h / torch.sqrt(1.0 + h * h))


def _gaussian(x: Tensor, mean: Tensor, width: Tensor) -> Tensor:
    return torch.log(width) + 0.5 * ((x - mean) / width).square()


def _norm(mean: Tensor, width: Tensor) -> Tensor:
    """Return the published stand-in for -log of a truncated density's norm."""
    return -torch.log1p(torch.special.ndtr(-mean / width))


def _log_normal(x: Tensor, mean: Tensor, width: Tensor, raw: Tensor) -> Tensor:
    zero = 0.5 * (1.0 + 0.999 * torch.tanh(raw))
    log = torch.log(x.clamp_min(_CLIP))
    above = -torch.log(1.0 - zero) + log + _gaussian(log, mean, width)
    return torch.where(x < _CLIP, -torch.log(zero), above)


def _truncated(x: Tensor, mean: Tensor, width: Tensor) -> Tensor:
    return _gaussian(x, mean, width) + _norm(mean, width)


def _discrete(x: Tensor, mean: Tensor, width: Tensor) -> Tensor:
    low, high = (torch.special.ndtr((x + side - mean) / width) for side in (-0.5, 0.5))
    return -torch.log((high - low).clamp_min(1e-10)) + _norm(mean + 0.5, width)


_PUBLISHED: dict[str, Callable[..., Tensor]] = {
    "gaussian": _gaussian,
    "truncated_gaussian": _truncated,
    "clipped_log_normal": _log_normal,
    "discrete_gaussian": _discrete,
}


class PublishedVae(_OtherLoss):
    """A likelihood VAE with the published loss as loss and score."""

    def cost(
        self, kind: Density, x: Tensor, raw: tuple[Tensor, ...], centre: Tensor, spread: Tensor
    ) -> Tensor:
        """Return the published loss of features of one kind."""
        if kind.name in _PUBLISHED:
            location = centre + spread * raw[0], _FLOOR + spread * (1.0 + _isrlu(raw[1]))
            return _PUBLISHED[kind.name](x, *location, *raw[2:])
        if kind.name == "poisson":
            rate = 1e-3 + centre.clamp_min(1e-3) * (1.0 + _isrlu(raw[0]))
            return rate - x * torch.log(rate) + torch.lgamma(x + 1.0)
        yes = x if kind.name == "bernoulli" else 0.5 * (x + 1.0)
        p = 0.5 * (1.0 + 0.98 * torch.tanh(raw[0]))
        return -(yes * torch.log(p) + (1.0 - yes) * torch.log(1.0 - p))

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
    return 1.5 * torch.log(2.0 + ((x - mean) / width).square()) + torch.log(width)


def _between(low: Tensor, high: Tensor) -> Tensor:
    """Return log(F(high) - F(low)), from the side where both are small."""
    above = low + high > 0.0
    low, high = torch.where(above, -high, low), torch.where(above, -low, high)
    top = _log_cdf(high)
    return top + torch.log(-torch.expm1((_log_cdf(low) - top).clamp_max(-1e-300)))


class HeavyVae(_OtherLoss):
    """A likelihood VAE with Student's t for normal densities."""

    def cost(
        self, kind: Density, x: Tensor, raw: tuple[Tensor, ...], centre: Tensor, spread: Tensor
    ) -> Tensor:
        """Return -log p of features of one kind."""
        if kind.n_parameters == 1:
            return super().cost(kind, x, raw, centre, spread)
        mean = centre + spread * raw[0]
        width = spread * (self.smallest_width + torch.nn.functional.softplus(raw[1]))
        if kind.name == "discrete_gaussian":
            inside = _between((x - 0.5 - mean) / width, (x + 0.5 - mean) / width)
            return _log_cdf((mean + 0.5) / width) - inside
        if kind.name == "gaussian":
            return _student(x, mean, width)
        if kind.name == "truncated_gaussian":
            return _student(x, mean, width) + _log_cdf(mean / width)
        log = torch.log(x.clamp_min(_CLIP))
        above = _student(log, mean, width) + log + _log_cdf((mean - math.log(_CLIP)) / width)
        return torch.where(x > _CLIP, above - logsigmoid(-raw[2]), -logsigmoid(raw[2]))
