"""A variational autoencoder: an autoencoder whose latent space is a distribution.

What to use when: continuous features, images, or the constituents of jets, where the latent space
itself should say what is odd: scores of the latent space often prefer the direction (simple events
among complex ones) that reconstruction errors miss. Use `likelihood_vae` for features of mixed
kinds, counts and flags.

References
----------
.. [1] Kingma, Welling, "Auto-encoding variational Bayes", arXiv:1312.6114.
.. [2] Govorkova et al., "Autoencoders on field-programmable gate arrays for real-time, unsupervised
   new physics detection at 40 MHz at the Large Hadron Collider", arXiv:2108.03986, eqs. (3), (4).
.. [3] Burda, Grosse, Salakhutdinov, "Importance weighted autoencoders", arXiv:1509.00519.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from bycatch.learn.neural import Noise
from bycatch.learn.options import option
from bycatch.score.base import Inputs
from bycatch.score.parts.neural import part
from bycatch.score.parts.reconstruction import ReconstructionScore
from bycatch.score.parts.variational import (
    draw_width,
    importance_weighted,
    kl_divergence,
    log_normal_density,
    pull,
    scoring_noise,
    width_of,
    with_width,
)


class Vae(ReconstructionScore):
    """A variational autoencoder with the loss (1 - beta) MSE + beta KLD, both per input.

    Per input, so that the same beta serves few features and many pixels. The loss is then that of a
    decoder with normal errors of variance beta / (2 (1 - beta)) in units of the inputs' spread.

    Notes
    -----
    The scores, all with the posterior's mean as the latent coordinates, are ``reconstruction``, the
    mean squared error; ``kl``, the divergence of the posterior from the standard normal prior;
    ``total``, the loss; ``latent``, R_z, the squared mean in units of the posterior's width; and
    ``iwae``, -log p of the scaled inputs estimated with samples of z that are the same for every
    row. The last one needs beta above 0.
    """

    kind = "vae"
    citation = "trigger-autoencoders"

    beta: float = option(default=0.02, least=0.0, most=0.9999, says="From 0 to below 1.")
    noise: float = option(
        default=1.0,
        least=0.0,
        says="Factor of the posterior's width in training; with 0 (and beta 0) this is an "
        "autoencoder.",
    )
    samples: int = option(default=32, least=1, says="Latent samples of the score ``iwae``.")

    @property
    def score_names(self) -> tuple[str, ...]:  # type: ignore[override]
        """What `score` can return, the default first."""
        names = ("total", "reconstruction", "kl", "latent")
        return (*names, "iwae") if self.beta > 0.0 else names

    def _initial(
        self, shape: tuple[int, ...], rngs: Sequence[np.random.Generator]
    ) -> dict[str, Tensor]:
        weights = super()._initial(shape, rngs)
        encoder = part(weights, "encoder.")
        last = sum(name.startswith("weight") for name in encoder) - 1
        n_in = encoder[f"weight{last}"].shape[1]
        dtype = getattr(torch, self.dtype)
        return weights | draw_width(n_in, self.n_latent, self.seed, len(rngs), dtype)

    def posterior(
        self, parameters: Mapping[str, Tensor], columns: Mapping[str, Tensor]
    ) -> tuple[Tensor, Tensor]:
        """Return mean and width of the latent coordinates, (n_members, n_rows, n_latent)."""
        both = with_width(part(parameters, "encoder."), part(parameters, "width."))
        merged = {**parameters, **{f"encoder.{name}": value for name, value in both.items()}}
        mean, raw = self.encoded(merged, columns).chunk(2, dim=2)
        return mean, width_of(raw)

    def losses(
        self, parameters: Mapping[str, Tensor], columns: Mapping[str, Tensor], noise: Noise
    ) -> Tensor:
        """Return (1 - beta) MSE + beta KLD, both per input, at a sample of the posterior."""
        mean, width = self.posterior(parameters, columns)
        z = mean
        if self.noise > 0.0:
            z = mean + self.noise * width * noise.normal(mean.shape[1:], mean)
        return self._total(self.errors_at(parameters, columns, z), kl_divergence(mean, width))

    def _total(self, errors: Tensor, divergence: Tensor) -> Tensor:
        return (1.0 - self.beta) * errors.sum(dim=2) + self.beta * divergence / errors.shape[2]

    def scores(
        self, parameters: Mapping[str, Tensor], columns: Mapping[str, Tensor], name: str
    ) -> Tensor:
        """Return one of `score_names`, of shape (n_members, n_rows)."""
        mean, width = self.posterior(parameters, columns)
        if name == "latent":
            return pull(mean, width)
        if name == "kl":
            return kl_divergence(mean, width)
        if name == "iwae":
            noise = scoring_noise(self.seed, self.samples, self.n_latent, mean)
            return importance_weighted(
                mean, width, noise, lambda z: self._log_joint(parameters, columns, z)
            )
        errors = self.errors_at(parameters, columns, mean)
        if name == "total":
            return self._total(errors, kl_divergence(mean, width))
        return errors.sum(dim=2)

    def _log_joint(
        self, parameters: Mapping[str, Tensor], columns: Mapping[str, Tensor], z: Tensor
    ) -> Tensor:
        """Return log p(x|z) + log p(z) of the decoder whose normal errors the loss implies."""
        errors = self.errors_at(parameters, columns, z)
        variance = 0.5 * self.beta / (1.0 - self.beta)
        constant = 0.5 * errors.shape[2] * math.log(2.0 * math.pi * variance)
        misfit = errors.sum(dim=2).double() * (0.5 * errors.shape[2] / variance)
        return log_normal_density(z).double() - misfit - constant

    def _contributions(
        self, inputs: Inputs, members: Sequence[int], name: str
    ) -> NDArray[np.float64]:
        """Return each input's error; to ``total``, the divergence adds what hiding shows."""
        found = super()._contributions(
            inputs, members, "reconstruction" if name == "total" else name
        )
        if name != "total":
            return found
        n_inputs = int(np.prod(inputs["x"].shape[1:]))
        hidden = super()._contributions(inputs, members, "kl")
        return np.asarray((1.0 - self.beta) * found + self.beta / n_inputs * hidden)
