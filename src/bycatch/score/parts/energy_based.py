"""What normalized autoencoders share: an energy, chains that sample it, and negative samples.

The reconstruction error E of an autoencoder becomes an energy, p(x) = exp(-E(x)/T) / Omega.
Negative samples start on the sphere of the latent space, follow the energy of the decoder's
manifold, are decoded, and then follow the energy in the space of the inputs.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.special import gammainccinv
from torch import Tensor

from bycatch.errors import ConfigError
from bycatch.learn.langevin import Draws, Langevin, langevin, on_sphere
from bycatch.learn.members import MemberRows, check_members, check_option
from bycatch.learn.options import learned, option
from bycatch.score.base import Inputs
from bycatch.score.parts.energy_training import RATIO, Backoff, Round, train_energy
from bycatch.score.parts.log_omega import estimate_log_omega, thermal_width
from bycatch.score.parts.neural import Noise
from bycatch.score.parts.sphere_autoencoder import SphereAutoencoder

__all__ = ["EnergyScore"]

_LOST = 1e-6
_LEAST_ENERGY = 1e-9
"""Energy, in units of the inputs' variance, of an autoencoder that gives all back."""


class EnergyScore(SphereAutoencoder):
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
        default=0.4,
        says="Of a step in the space of the inputs, in units of their thermal width.",
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
        default=12,
        says="Equal parts of these, after each of which a state is judged.",
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

    def _learn(
        self,
        parameters: Mapping[str, Tensor],
        trainable: Sequence[str],
        inputs: Inputs,
        rows: Sequence[MemberRows],
        rngs: Sequence[np.random.Generator],
    ) -> None:
        super()._learn(parameters, trainable, inputs, rows, rngs)
        reference = self._held_out_energy(inputs, rows)
        # A coordinate off the manifold holds T/2 (in units of the energy's sum over coordinates).
        off = self.n_coordinates(self.shape_) - (self.n_latent - 1)
        like = self.parameters_["shift"]
        scale = torch.from_numpy(reference).to(like)[:, None]
        self.parameters_ |= {
            "reference": scale,
            "temperature": self.temperature * 2.0 / off * scale,
        }
        self.rounds_: list[list[Round]] = [[] for _ in rows]
        self.best_round_, self.backoffs_ = [-1] * len(rows), []
        if self.energy_steps:
            found = train_energy(self, self.parameters_, trainable, inputs, rows, self.callbacks)
            self.parameters_, self.rounds_ = found.parameters, found.rounds
            self.best_round_, self.backoffs_ = found.best, found.backoffs
        if self.annealing:
            self.log_omega_ = estimate_log_omega(self)
            value = torch.from_numpy(self.log_omega_.value).to(like)
            self.parameters_["log_omega"] = value[:, None]

    def _held_out_energy(self, inputs: Inputs, rows: Sequence[MemberRows]) -> NDArray[np.float64]:
        """Return the mean energy of each member's held-out rows, of shape (n_members,)."""
        found = []
        for member, r in enumerate(rows):
            chosen = {name: values[r.validate] for name, values in inputs.items()}
            energy = self._map(lambda p, c: self.scores(p, c, "energy"), chosen, [member])[0]
            found.append(max(float(r.validate_weight @ energy) / len(energy), _LEAST_ENERGY))
        return np.array(found)

    def manifold(
        self, *, member: int = 0, cells: int = 60, axes: NDArray[np.float64] | None = None
    ) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
        """Return E/T of what the decoder makes of a sphere of the latent space.

        Parameters
        ----------
        member : int
        cells : int
            Along a meridian; twice as many along the equator.
        axes : ndarray of shape (3, n_latent), optional
            Orthonormal; the first three by default, that is the whole space where n_latent is 3.

        Returns
        -------
        longitude, latitude : ndarray of shape (2 cells + 1,), (cells + 1,), in radians
            Edges of the cells, for `bycatch.report.plots.manifold.plot_manifold`.
        energy : ndarray of shape (cells, 2 cells)

        Raises
        ------
        ConfigError
            Where the latent space has fewer than three coordinates.
        DataError
            Where nothing was learned yet.
        """
        self._fitted_shape()
        if self.n_latent < 3:
            message = f"A latent space of {self.n_latent} coordinates holds no sphere; take 3."
            raise ConfigError(message)
        frame = np.eye(3, self.n_latent) if axes is None else np.asarray(axes, dtype=np.float64)
        (chosen,) = check_members([member], self.members)
        longitude = np.linspace(-np.pi, np.pi, 2 * cells + 1)
        latitude = np.linspace(-0.5 * np.pi, 0.5 * np.pi, cells + 1)
        theta, phi = np.meshgrid(
            0.5 * (latitude[1:] + latitude[:-1]),
            0.5 * (longitude[1:] + longitude[:-1]),
            indexing="ij",
        )
        place = np.stack(
            [np.cos(theta) * np.cos(phi), np.cos(theta) * np.sin(phi), np.sin(theta)], axis=-1
        )
        parameters = {name: value[[chosen]] for name, value in self.parameters_.items()}
        z = torch.from_numpy(place.reshape(1, -1, 3) @ frame).to(parameters["shift"])
        with torch.no_grad():
            u = self.decoded(parameters, z)
            energy = self.energy(parameters, u) / parameters["temperature"]
        return longitude, latitude, energy[0].double().numpy().reshape(theta.shape)

    @property
    def verdict_(self) -> list[str]:
        """A sentence on each member: whether its negative samples have the energy of the data."""
        return [
            _verdict(member, rounds, best)
            for member, (rounds, best) in enumerate(
                zip(self.rounds_, self.best_round_, strict=True)
            )
        ]

    def _notes(self) -> dict[str, Any]:
        return {
            **super()._notes(),
            "rounds": [[vars(found) for found in rounds] for rounds in self.rounds_],
            "best_round": list(self.best_round_),
            "backoffs": [vars(found) for found in self.backoffs_],
        }

    def _restore(self, arrays: Mapping[str, NDArray[Any]], notes: Mapping[str, Any]) -> None:
        super()._restore(arrays, notes)
        self.rounds_ = [[Round(**found) for found in rounds] for rounds in notes["rounds"]]
        self.best_round_ = [int(found) for found in notes["best_round"]]
        self.backoffs_ = [Backoff(**found) for found in notes["backoffs"]]
        for name in ("reference", "temperature", *(("log_omega",) if self.annealing else ())):
            if self.parameters_[name].shape != (self.members, 1):
                message = f"'{name}' does not have the shape of its options"
                raise ValueError(message)


def _verdict(member: int, rounds: Sequence[Round], best: int) -> str:
    if best < 0:
        return (
            f"Member {member} is no density: no state of its energy training was sound, and it is "
            "the pre-trained autoencoder."
        )
    ratio = rounds[best].ratio
    low, high = RATIO
    if low <= ratio <= high:
        return (
            f"Member {member} holds: its negative samples have {ratio:.3f} times the energy of "
            f"held-out rows, within [{low}, {high}]."
        )
    return (
        f"Member {member} is not certified: its negative samples have {ratio:.3f} times the "
        f"energy of held-out rows, outside of [{low}, {high}]; its chains do not sample what it "
        "learned. Give more 'input_steps' or a lower 'energy_learning_rate'."
    )
