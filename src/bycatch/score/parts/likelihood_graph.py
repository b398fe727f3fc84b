"""The scores of `likelihood_vae` as a graph of few operations, for processors without Python.

What to use when: `bycatch.trigger.onnx_export` uses it by itself. The numbers are those of
`LikelihoodVae.scores` to single precision, at three times the speed of a graph that is made
from those: features are the first axis and ordered by kind, which costs no gather because weights
are ordered when the graph is made, and densities are those of `bycatch.learn.likelihoods_graph`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from bycatch.learn.likelihoods_graph import GraphDensities, Observed, repeated, softplus
from bycatch.score.parts.variational import NARROWEST

Arrays = Mapping[str, NDArray[np.float64]]
Layer = tuple[NDArray[np.float64], NDArray[np.float64]]


@dataclass(frozen=True)
class GraphOptions:
    """What a graph of `likelihood_vae` has to know beside its parameters.

    Attributes
    ----------
    densities : sequence of str
        Of each column.
    smallest_width, beta : float
        As in `bycatch.score.likelihood_vae.LikelihoodVae`.
    reach : float
        Standard deviations beyond which the encoder does not tell features apart.
    noise : Tensor of shape (n_samples, n_latent)
        Of the score ``iwae``.
    """

    densities: Sequence[str]
    smallest_width: float
    beta: float
    reach: float
    noise: Tensor


class _Perceptron(torch.nn.Module):
    """Dense layers with rectified linear units, of columns: (n_in, n_rows) to (n_out, n_rows)."""

    def __init__(self, layers: Sequence[Layer]) -> None:
        super().__init__()
        self.n_layers = len(layers)
        for i, (weight, bias) in enumerate(layers):
            self.register_buffer(f"weight{i}", torch.from_numpy(weight.T.copy()).float())
            self.register_buffer(f"bias{i}", torch.from_numpy(bias[:, None].copy()).float())

    def forward(self, x: Tensor) -> Tensor:
        for i in range(self.n_layers):
            x = torch.addmm(getattr(self, f"bias{i}"), getattr(self, f"weight{i}"), x)
            if i < self.n_layers - 1:
                x = torch.relu(x)
        return x


def _layers(arrays: Arrays, network: str) -> list[Layer]:
    names = [name for name in arrays if name.startswith(f"{network}.weight")]
    places = (f"{network}.weight{i}" for i in range(len(names)))
    return [(arrays[place], arrays[place.replace("weight", "bias")][0]) for place in places]


class _Member(torch.nn.Module):
    """One member's score."""

    shift: Tensor
    per_scale: Tensor
    prior_mean: Tensor
    per_prior_width: Tensor
    noise: Tensor

    def __init__(self, arrays: Arrays, options: GraphOptions, name: str) -> None:
        super().__init__()
        self.name, self.options = name, options
        centre, spread = arrays["centre"][0], arrays["spread"][0]
        self.densities = GraphDensities(options.densities, centre, spread, options.smallest_width)
        encoder, decoder = _layers(arrays, "encoder"), _layers(arrays, "decoder")
        order, outputs = self.densities.order, self.densities.outputs
        # The encoder sees the kinds by name.
        by_name = sorted(range(len(order)), key=lambda column: options.densities[column])
        encoder[0] = encoder[0][0][[by_name.index(column) for column in order]], encoder[0][1]
        weight, bias = decoder[-1]
        decoder[-1] = weight[:, outputs], bias[outputs] + self.densities.shift
        self.encoder, self.decoder = _Perceptron(encoder), _Perceptron(decoder)
        latent = len(encoder[-1][1]) // 2
        mean, width = np.zeros((1, latent)), np.ones((1, latent))
        if "prior.mean" in arrays:
            mean, width = arrays["prior.mean"], np.logaddexp(0.0, arrays["prior.width"])
        constants = {
            "shift": arrays["shift"][0][order],
            "per_scale": 1.0 / arrays["scale"][0][order],
            "prior_mean": mean[0],
            "per_prior_width": 1.0 / width[0],
        }
        for key, value in constants.items():
            self.register_buffer(key, torch.from_numpy(value[:, None]).float())
        self.register_buffer("noise", options.noise.float())

    def forward(self, x: Tensor) -> Tensor:
        """Return the score of each row, of shape (n_rows,)."""
        observed = self.densities.observed(x)
        seen = (observed.seen - self.shift) * self.per_scale
        reach = self.options.reach
        encoded = self.encoder(seen.clamp(-reach, reach))
        n = len(encoded) // 2
        mean = encoded[:n]
        if self.name == "reconstruction":
            return self._reconstruction(observed, mean)
        width = softplus(encoded[n:]) + NARROWEST
        if self.name == "latent":
            pull = (mean - self.prior_mean) / width
            found: Tensor = (pull * pull).sum(dim=0)
            return found
        if self.name == "iwae":
            return self._importance_weighted(observed, mean, width)
        divergence = self._divergence(mean, width)
        if self.name == "kl":
            return divergence
        return self._reconstruction(observed, mean) + self.options.beta * divergence

    def _reconstruction(self, observed: Observed, z: Tensor) -> Tensor:
        found: Tensor = self.densities(observed, self.decoder(z))
        return found

    def _divergence(self, mean: Tensor, width: Tensor) -> Tensor:
        """Return the divergence from the prior, of shape (n_rows,)."""
        ratio = width * self.per_prior_width
        distance = (mean - self.prior_mean) * self.per_prior_width
        each = ratio * ratio + distance * distance - 2.0 * torch.log(ratio)
        return 0.5 * each.sum(dim=0) - 0.5 * len(mean)

    def _importance_weighted(self, observed: Observed, mean: Tensor, width: Tensor) -> Tensor:
        """Return -log p(x), estimated with the same samples for every row."""
        n, noise = len(self.noise), self.noise.mT
        z = (mean[:, None] + width[:, None] * noise[:, :, None]).reshape(len(mean), -1)
        pull = (z - self.prior_mean) * self.per_prior_width
        given = self._reconstruction(repeated(observed, n), z) + 0.5 * pull.square().sum(dim=0)
        log_width = torch.log(width * self.per_prior_width).sum(dim=0)
        weights = 0.5 * noise.square().sum(dim=0)[:, None] - given.reshape(n, -1)
        found: Tensor = math.log(n) - log_width - weights.logsumexp(dim=0)
        return found


class LikelihoodGraph(torch.nn.Module):
    """The mean of a score over members, as a function of rows.

    Parameters
    ----------
    parameters : mapping of str to Tensor
        Of a trained `LikelihoodVae`, for the members of the graph.
    options : GraphOptions
    name : str
        Of the score.
    """

    def __init__(self, parameters: Mapping[str, Tensor], options: GraphOptions, name: str) -> None:
        super().__init__()
        arrays = {key: value.double().numpy() for key, value in parameters.items()}
        members = range(len(arrays["shift"]))
        self.members = torch.nn.ModuleList(
            _Member({key: value[m] for key, value in arrays.items()}, options, name)
            for m in members
        )

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:  # noqa: ARG002
        """Return the score of rows of shape (n_rows, n_features), of shape (n_rows,)."""
        found: list[Tensor] = [member(x.float()) for member in self.members]
        return found[0] if len(found) == 1 else torch.stack(found).mean(dim=0)
