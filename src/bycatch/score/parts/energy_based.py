"""What normalized autoencoders share: an energy that is trained after the autoencoder.

The pre-trained error sets the temperature; then the energy learns from negative samples, and log
Omega is estimated where it is asked for.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from bycatch.errors import ConfigError
from bycatch.learn.members import MemberRows, check_members
from bycatch.score.base import Inputs
from bycatch.score.parts.energy import Energy
from bycatch.score.parts.energy_training import RATIO, Backoff, Round, train_energy
from bycatch.score.parts.log_omega import estimate_log_omega

_LEAST_ENERGY = 1e-9
"""Energy, in units of the inputs' variance, of an autoencoder that gives all back."""


class EnergyScore(Energy):
    """An energy that was trained against its own samples."""

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
            raise ConfigError(
                f"A latent space of {self.n_latent} coordinates holds no sphere; take 3."
            )
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
                raise ValueError(f"'{name}' does not have the shape of its options")


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
