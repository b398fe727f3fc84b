"""Wasserstein normalized autoencoder: negative samples are pulled to the data themselves.

What to use when: as `nae`, where that one does not converge. It minimises the distance between data
and the energy's samples instead of the difference of their energies, so that its loss is never
negative and says how good a state is. Its chains cannot have Metropolis steps, for the gradient
flows through them; so they sample slightly more broadly than the energy says.

The distance is sliced: sorting along random directions, instead of an optimal transport whose cost
grows with the third power of the batch; weighted rows and batches of unlike size are no problem.

References
----------
.. [1] CMS Collaboration, "Wasserstein normalized autoencoder for anomaly detection",
   arXiv:2510.02168.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

import torch
from torch import Tensor

from bycatch.learn.members import check_option
from bycatch.learn.wasserstein import sliced_wasserstein, unit_directions
from bycatch.score.parts.energy_based import EnergyScore
from bycatch.score.parts.neural import Noise

__all__ = ["Wnae"]


class Wnae(EnergyScore):
    """The energy of an autoencoder whose samples have been pulled to the data.

    Parameters
    ----------
    members : int
    through : int
        Last steps of the input chains through which gradients flow.
    directions : int
        Along which the distance is measured in each step.
    reconstruction : float
        Weight of the error of the data, in units of that after pre-training, beside the distance:
        it keeps the autoencoder one, whose scale the distance alone does not fix.
    network, layout, components, hidden, n_latent, channels, temperature, latent_steps,
    latent_noise, input_steps, input_noise, clip, box, replay, buffer, energy_steps, energy_rounds,
    energy_learning_rate, backoffs, annealing, seed, validation, steps, rounds, patience,
    batch_size, learning_rate, weight_decay, dtype, device
        As in `bycatch.score.nae.Nae`.

    Attributes
    ----------
    rounds_, best_round_, backoffs_, verdict_, log_omega_
        As in `bycatch.score.nae.Nae`.
    """

    kind = "wnae"
    citation = "wasserstein-normalized-autoencoder"
    further_citations = ("normalized-autoencoder", "topological-obstructions")

    def __init__(
        self,
        members: int = 1,
        *,
        through: int = 5,
        directions: int = 50,
        reconstruction: float = 0.1,
        network: Literal["dense", "conv"] = "dense",
        layout: Literal["vector", "image"] | None = None,
        components: int | None = None,
        hidden: Sequence[int] = (100, 50),
        n_latent: int = 3,
        channels: Sequence[int] = (8, 8),
        temperature: float = 1.0,
        latent_steps: int = 10,
        latent_noise: float = 0.1,
        input_steps: int = 15,
        input_noise: float = 0.4,
        clip: float | None = 50.0,
        box: float | None = None,
        replay: float = 0.95,
        buffer: int = 5000,
        energy_steps: int = 1200,
        energy_rounds: int = 12,
        energy_learning_rate: float = 3e-4,
        backoffs: int = 3,
        annealing: int = 0,
        seed: int = 0,
        validation: float = 0.1,
        steps: int = 1500,
        rounds: int = 10,
        patience: int = 10,
        batch_size: int = 256,
        learning_rate: float = 1e-3,
        weight_decay: float = 0.0,
        dtype: Literal["float32", "float64"] = "float32",
        device: str = "cpu",
    ) -> None:
        super().__init__(
            members,
            network=network,
            layout=layout,
            components=components,
            hidden=hidden,
            n_latent=n_latent,
            channels=channels,
            temperature=temperature,
            latent_steps=latent_steps,
            latent_noise=latent_noise,
            input_steps=input_steps,
            input_noise=input_noise,
            clip=clip,
            box=box,
            metropolis=False,
            replay=replay,
            buffer=buffer,
            energy_steps=energy_steps,
            energy_rounds=energy_rounds,
            energy_learning_rate=energy_learning_rate,
            backoffs=backoffs,
            annealing=annealing,
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
        self.through = through
        self.directions = directions
        self.reconstruction = reconstruction

    def check_options(self) -> None:
        """Refuse options that make no sense (ConfigError)."""
        super().check_options()
        check_option("through", self.through, 1, self.input_steps)
        check_option("directions", self.directions, 1)
        check_option("reconstruction", self.reconstruction, 0.0)

    @property
    def gradient_steps(self) -> int:
        """Steps of the input chains through which gradients flow."""
        return self.through

    def contrast(
        self,
        parameters: Mapping[str, Tensor],
        u: Tensor,
        weight: Tensor,
        samples: Tensor,
        noise: Noise,
    ) -> tuple[Tensor, Tensor]:
        """Return the squared distance between data and samples, and which samples are lost.

        References
        ----------
        CMS Collaboration, arXiv:2510.02168, with the sliced distance in place of the exact one.
        """
        positive = self.energy(parameters, u) / parameters["reference"]
        with torch.no_grad():
            negative = self.energy(parameters, samples) / parameters["reference"]
        lost = self.lost(positive, negative)
        directions = unit_directions(noise.normal((self.directions, u.shape[2]), u))
        distance = sliced_wasserstein(u, samples, directions, weight, (~lost).to(u.dtype))
        error = (weight * positive).sum(dim=1)
        return u.shape[1] * u.shape[2] * distance + self.reconstruction * error, lost
