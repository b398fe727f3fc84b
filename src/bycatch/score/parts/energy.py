"""An energy, and chains that sample it: what normalized autoencoders are made of.

The reconstruction error E of an autoencoder becomes an energy, p(x) = exp(-E(x)/T) / Omega.
Negative samples start on the sphere of the latent space, follow the energy of the decoder's
manifold, are decoded, and then follow the energy in the space of the inputs.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping

import numpy as np
import torch
from scipy.special import gammainccinv
from torch import Tensor

from bycatch.learn.langevin import Draws, Langevin, langevin, on_sphere
from bycatch.learn.members import check_option
from bycatch.learn.neural import Noise
from bycatch.learn.options import learned, option
from bycatch.score.parts.sphere_autoencoder import SphereAutoencoder

_LOST = 1e-6


def thermal_width(temperature: Tensor, n_coordinates: int) -> Tensor:
    """Return the standard deviation of a coordinate at temperature T.

    That is where the energy, a mean over coordinates, rises as the squared distance from a point
    that is given back.
    """
    return (0.5 * n_coordinates * temperature).sqrt()


class Energy(SphereAutoencoder):
    """An autoencoder with its latent space on the unit sphere, whose error is an energy."""

    temperature: float = option(
        default=1.0,
        least=1e-12,
        says="In units of that at which the pre-trained autoencoder's held-out error is thermal.",
    )
    latent_steps: int = option(
        default=10, says="Steps of the chains on the sphere, of new chains only."
    )
    latent_noise: float = option(default=0.1, says="Of a step on the sphere, in radians.")
    input_steps: int = option(default=15, says="Steps of the chains in the space of the inputs.")
    input_noise: float = option(
        default=0.4, says="Of a step in the space of the inputs, in units of their thermal width."
    )
    clip: float | None = option(
        default=50.0,
        says="Greatest length of the slope of E/T of each chain, in units of an inverse radian, "
        "or of an inverse thermal width.",
    )
    box: float | None = option(
        default=None,
        says="Chains stay within plus and minus this number in each (standardised) coordinate.",
    )
    metropolis: bool = learned(default=False)
    """Whether steps are accepted so that chains have the energy's distribution exactly."""
    replay: float = option(
        default=0.95,
        least=0.0,
        most=1.0,
        says="Fraction of the chains that go on from the buffer; the others are new.",
    )
    buffer: int = option(default=5000, least=1, says="Chains of each member that are kept.")
    energy_steps: int = option(
        default=1200,
        least=0,
        says="Gradient steps after the pre-training, which has `steps`; with 0 this is a plain "
        "autoencoder with its latent space on the sphere.",
    )
    energy_rounds: int = option(
        default=12, says="Equal parts of these, after each of which a state is judged."
    )
    energy_learning_rate: float = option(default=3e-4, least=0.0, says="At its highest.")
    backoffs: int = option(
        default=3,
        least=0,
        says="How often a member may diverge and go on from its best state with a third of the "
        "rate.",
    )
    steps = 1500
    rounds = 10
    patience = 10
    annealing: int = option(
        default=0,
        least=0,
        says="Temperatures by which log Omega is estimated, for the score ``negative_log_p``; 0 "
        "for none.",
    )

    @property
    def score_names(self) -> tuple[str, ...]:  # type: ignore[override]
        """The energy and, where log Omega is estimated, -log p in nats."""
        return ("energy", "negative_log_p") if self.annealing else ("energy",)

    @property
    def gradient_steps(self) -> int:
        """Steps of the input chains through which gradients flow."""
        return 0

    def check_options(self) -> None:
        """Refuse options that make no sense (ConfigError)."""
        super().check_options()
        check_option("energy_rounds", self.energy_rounds, 1, self.energy_steps or np.inf)
        _ = self.latent_chain, self.input_chain  # they look at their own options

    @property
    def latent_chain(self) -> Langevin:
        """How chains move on the sphere."""
        return Langevin(
            self.latent_steps,
            self.latent_noise,
            clip=self.clip,
            sphere=True,
            metropolis=self.metropolis,
        )

    @property
    def input_chain(self) -> Langevin:
        """How chains move in the space of the inputs, in units of their thermal width."""
        return Langevin(
            self.input_steps,
            self.input_noise,
            clip=self.clip,
            bounds=None if self.box is None else (-self.box, self.box),
            metropolis=self.metropolis,
        )

    @abstractmethod
    def contrast(
        self,
        parameters: Mapping[str, Tensor],
        u: Tensor,
        weight: Tensor,
        samples: Tensor,
        noise: Noise,
    ) -> tuple[Tensor, Tensor]:
        """Return the loss of data and negative samples, and which of these are lost.

        The sum of weighted losses has the shape (n_members,), the lost ones (n_members, n_rows).
        """

    def scores(
        self, parameters: Mapping[str, Tensor], columns: Mapping[str, Tensor], name: str
    ) -> Tensor:
        """Return the energy, or -log p of the coordinates in nats."""
        energy = self.energy(parameters, self.coordinates(parameters, columns))
        if name == "energy":
            return energy
        return energy / parameters["temperature"] + parameters["log_omega"]

    def lost(self, positive: Tensor, negative: Tensor) -> Tensor:
        """Say which samples have energies that no chain at this temperature comes to.

        Thermal energies are distributed as chi^2 of as many degrees of freedom as there are
        coordinates off the manifold; lost is what one in a million is above.
        """
        degrees = self.n_coordinates(self.shape_) - (self.n_latent - 1)
        limit = float(gammainccinv(0.5 * degrees, _LOST)) * 2.0 / degrees
        return ~(negative.detach() < limit * positive.detach().mean(dim=1, keepdim=True))

    def starts(self, draws: Draws, n: int, like: Tensor) -> Tensor:
        """Return latent vectors that are uniform on the sphere."""
        return on_sphere(draws.normal((n, self.n_latent), like))

    def on_manifold(
        self, parameters: Mapping[str, Tensor], n: int, draws: Draws, like: Tensor
    ) -> Tensor:
        """Return decoded ends of latent chains, of shape (n_members, n, n_coordinates)."""
        temperature = parameters["temperature"]
        chains = langevin(
            lambda z: self.energy(parameters, self.decoded(parameters, z)) / temperature,
            self.starts(draws, n, like),
            draws,
            self.latent_chain,
        )
        with torch.no_grad():
            u = self.decoded(parameters, chains.x)
        return u if self.box is None else u.clamp(-self.box, self.box)

    def decoded_anywhere(
        self, parameters: Mapping[str, Tensor], n: int, draws: Draws, like: Tensor
    ) -> Tensor:
        """Return the decoder's manifold at places that are uniform on the sphere."""
        with torch.no_grad():
            u = self.decoded(parameters, self.starts(draws, n, like))
        return u if self.box is None else u.clamp(-self.box, self.box)

    def moved(
        self, parameters: Mapping[str, Tensor], u: Tensor, draws: Draws, *, through: int = 0
    ) -> Tensor:
        """Return the ends of input chains that start at u."""
        return langevin(
            lambda x: self.energy(parameters, x) / parameters["temperature"],
            u,
            draws,
            self.input_chain,
            unit=thermal_width(parameters["temperature"][:, 0], u.shape[2]),
            through=through,
        ).x
