"""Autoencoders: an event is anomalous where a network with a bottleneck cannot give it back.

References
----------
.. [1] Heimel, Kasieczka, Plehn, Thompson, "QCD or what?", arXiv:1808.08979.
.. [2] Farina, Nakai, Shih, "Searching for new physics with deep autoencoders", arXiv:1808.08992.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from bycatch.learn.members import check_option
from bycatch.learn.nets.mlp import draw_weights, forward
from bycatch.score.base import Inputs
from bycatch.score.neural import NeuralScore, Noise, part

__all__ = ["Autoencoder"]


class Autoencoder(NeuralScore):
    """Dense layers to a bottleneck and back, on standardised features.

    Parameters
    ----------
    members : int
    hidden : sequence of int
        Units of the encoder's hidden layers; the decoder has them in reverse.
    n_latent : int
        Units of the bottleneck.
    seed, validation, steps, rounds, patience, batch_size, learning_rate, weight_decay, dtype,
    device
        As in `bycatch.score.neural.NeuralScore`.
    """

    kind = "autoencoder"
    citation = "deep-autoencoders"
    score_names = ("reconstruction", "latent")

    def __init__(
        self,
        members: int = 1,
        *,
        hidden: Sequence[int] = (64, 32),
        n_latent: int = 6,
        seed: int = 0,
        validation: float = 0.1,
        steps: int = 4000,
        rounds: int = 20,
        patience: int = 20,
        batch_size: int = 256,
        learning_rate: float = 1e-3,
        weight_decay: float = 0.0,
        dtype: Literal["float32", "float64"] = "float32",
        device: str = "cpu",
    ) -> None:
        super().__init__(
            members,
            seed=seed,
            validation=validation,
            steps=steps,
            rounds=rounds,
            patience=patience,
            batch_size=batch_size,
            learning_rate=learning_rate,
            weight_decay=weight_decay,
            dtype=dtype,
            device=device,
        )
        self.hidden = hidden
        self.n_latent = n_latent

    @property
    def has_latent(self) -> bool:
        """Whether there is a latent space to look at."""
        return True

    def check_options(self) -> None:
        """Refuse options that make no sense (ConfigError)."""
        super().check_options()
        check_option("n_latent", self.n_latent, 1)
        for units in self.hidden:
            check_option("hidden", units, 1)

    def _initial(
        self, shape: tuple[int, ...], rngs: Sequence[np.random.Generator]
    ) -> dict[str, Tensor]:
        dtype = getattr(torch, self.dtype)
        sizes = (int(np.prod(shape)), *self.hidden, self.n_latent)
        encoder = draw_weights(sizes, rngs, dtype)
        decoder = draw_weights(sizes[::-1], rngs, dtype)
        return {f"encoder.{name}": value for name, value in encoder.items()} | {
            f"decoder.{name}": value for name, value in decoder.items()
        }

    def encoded(self, parameters: Mapping[str, Tensor], columns: Mapping[str, Tensor]) -> Tensor:
        """Return latent coordinates, of shape (n_members, n_rows, n_latent)."""
        z = (columns["x"].flatten(2) - parameters["shift"]) / parameters["scale"]
        return forward(part(parameters, "encoder."), z)

    def errors(self, parameters: Mapping[str, Tensor], columns: Mapping[str, Tensor]) -> Tensor:
        """Return the squared error of each input, of shape (n_members, n_rows, n_features)."""
        z = (columns["x"].flatten(2) - parameters["shift"]) / parameters["scale"]
        latent = forward(part(parameters, "encoder."), z)
        return (forward(part(parameters, "decoder."), latent) - z).square()

    def losses(
        self,
        parameters: Mapping[str, Tensor],
        columns: Mapping[str, Tensor],
        noise: Noise,  # noqa: ARG002
    ) -> Tensor:
        """Return the mean squared error, of shape (n_members, n_rows)."""
        return self.errors(parameters, columns).mean(dim=2)

    def scores(
        self, parameters: Mapping[str, Tensor], columns: Mapping[str, Tensor], name: str
    ) -> Tensor:
        """Return the error of the reconstruction, or the squared norm in the latent space."""
        if name == "latent":
            return self.encoded(parameters, columns).square().sum(dim=2)
        return self.errors(parameters, columns).mean(dim=2)

    def _contributions(
        self, inputs: Inputs, members: Sequence[int], name: str
    ) -> NDArray[np.float64]:
        if name != "reconstruction":
            return super()._contributions(inputs, members, name)
        errors = self._map(self.errors, inputs, members).mean(axis=0)
        return np.asarray((errors / errors.shape[1]).reshape(inputs["x"].shape))
