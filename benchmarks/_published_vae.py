"""The loss of arXiv:1811.10276 as the notes in ``shared/reference/scores.md`` describe it.

For comparison only. Truncated densities do not integrate to one, the divergence is not that of two
normal densities, a count's probability ends at 1e-10 and widths at 0.005 of the feature's own unit.
Not taken over: inputs are standardised, and locations and widths are relative to the features'
centre and spread, without which so few steps do not reach features in GeV.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor

from bycatch.learn.nets.mlp import forward
from bycatch.score.likelihood_vae import LikelihoodVae
from bycatch.score.neural import Noise, part

__all__ = ["PublishedVae"]

_FLOOR = 5e-3
_CLIP = 1e-4


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


_PLACED: dict[str, Callable[..., Tensor]] = {
    "gaussian": _gaussian,
    "truncated_gaussian": _truncated,
    "clipped_log_normal": _log_normal,
    "discrete_gaussian": _discrete,
}


class PublishedVae(LikelihoodVae):
    """A likelihood VAE with the published loss as loss and score."""

    def feature_losses(
        self, parameters: Mapping[str, Tensor], columns: Mapping[str, Tensor], z: Tensor
    ) -> Tensor:
        """Return the published loss of each feature given z."""
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
            value, c, s = x[..., own], centre[..., own], spread[..., own]
            if kind.name in _PLACED:
                location = c + s * raw[0], _FLOOR + s * (1.0 + _isrlu(raw[1]))
                found.append(_PLACED[kind.name](value, *location, *raw[2:]))
            elif kind.name == "poisson":
                rate = 1e-3 + c.clamp_min(1e-3) * (1.0 + _isrlu(raw[0]))
                found.append(rate - value * torch.log(rate) + torch.lgamma(value + 1.0))
            else:
                yes = value if kind.name == "bernoulli" else 0.5 * (value + 1.0)
                p = 0.5 * (1.0 + 0.98 * torch.tanh(raw[0]))
                found.append(-(yes * torch.log(p) + (1.0 - yes) * torch.log(1.0 - p)))
            column, place = column + count, place + size
        return torch.cat(found, dim=2).index_select(2, torch.argsort(order))

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
