"""A sliced-Wasserstein autoencoder: its latent space has a distribution that you choose.

What to use when: the latent space should be distributed like something that is not normal, a sphere
or partons of a simulation, or the reconstruction should obey physics: L = MSE + lambda SW + sum of
lambda_i L_i. Encoder and decoder have no noise, unlike `vae`'s, so that there is no -log p(x).

References
----------
.. [1] Kolouri, Pope, Martin, Rohde, "Sliced-Wasserstein autoencoder", arXiv:1804.01947, eq. (15).
.. [2] Howard, Mandt, Whiteson, Yang, "Learning to simulate high energy particle collisions from
   unlabeled data", arXiv:2101.08944 (a physical prior, and constraints).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from bycatch.errors import ConfigError, DataError
from bycatch.learn.members import MemberRows, check_choice
from bycatch.learn.neural import Noise
from bycatch.learn.options import learned, option
from bycatch.learn.trainer import Batch, Model
from bycatch.learn.wasserstein import sliced_wasserstein, unit_directions
from bycatch.score.base import Inputs
from bycatch.score.parts.constraints import checked_constraints
from bycatch.score.parts.reconstruction import ReconstructionScore
from bycatch.tasks.random import child_seed


class Swae(ReconstructionScore):
    """An autoencoder whose encodings are pulled towards samples of a prior.

    Attributes
    ----------
    extra_losses : sequence of (float, callable)
        Constraints of your own: a weight, and a function of reconstructed inputs of shape
        (n_members, n_rows, n_inputs) that returns (n_members, n_rows). Empty unless set before
        `fit`; not saved, since scores do not need them.

    Notes
    -----
    The scores are ``reconstruction``, the mean squared error, and ``latent``, how far the encoding
    lies from the prior: its squared Mahalanobis distance, or (for the sphere) the squared deviation
    of its squared radius from one.
    """

    kind = "swae"
    citation = "sliced-wasserstein-autoencoder"
    extra_losses: Sequence[tuple[float, Callable[[Tensor], Tensor]]] = learned(default=())

    prior: str | Sequence[Sequence[float]] = option(
        default="normal",
        says="Standard normal, uniform in [-1, 1] along each axis, uniform on the unit sphere, or "
        "samples of shape (n_samples, n_latent), of which there are best thousands.",
    )
    penalty: float = option(
        default=0.1,
        least=0.0,
        says="lambda, the weight of the squared sliced Wasserstein distance between a batch's "
        "encodings and as many samples of the prior.",
    )
    directions: int = option(default=50, least=1, says="Random slices in each step.")
    constraints: Sequence[Mapping[str, Any]] = option(
        default=(),
        says='Losses of the reconstructed inputs in their own units, by name: ``{"name": '
        '"on_shell", "weight": 0.1, "columns": [[0, 1, 2, 3]], "mass": 91.19}`` or '
        '``{"name": "balance", "weight": 0.1, "columns": [[1, 5], [2, 6]]}``, see '
        "`bycatch.score.parts.constraints`.",
    )

    def check_options(self) -> None:
        """Refuse options that make no sense (ConfigError)."""
        super().check_options()
        checked_constraints(self.constraints)
        if isinstance(self.prior, str):
            check_choice("prior", self.prior, ("normal", "uniform", "sphere"))
            return
        samples = np.asarray(self.prior, dtype=np.float64)
        fits = samples.ndim == 2 and samples.shape[1] == self.n_latent
        if not fits or len(samples) <= self.n_latent or not np.isfinite(samples).all():
            raise ConfigError(
                f"The option 'prior' holds samples of the shape {samples.shape}, but they must be "
                f"finite, have the shape (n_samples, {self.n_latent}) and be more than "
                f"{self.n_latent}."
            )

    def _scaling(self, inputs: Inputs, rows: Sequence[MemberRows]) -> dict[str, NDArray[Any]]:
        """Add the prior's samples, its mean and the inverse root of its covariance."""
        found = super()._scaling(inputs, rows)
        size = int(np.prod(inputs["x"].shape[1:]))
        used = [c for one in self.constraints for some in one["columns"] for c in some]
        wrong = [column for column in used if not 0 <= column < size]
        if wrong:
            raise DataError(
                f"The option 'constraints' names the column {wrong[0]}, but there are {size}; "
                f"give columns from 0 to {size - 1}."
            )
        if not isinstance(self.prior, str):
            samples = np.asarray(self.prior, dtype=np.float64)
            mean = samples.mean(axis=0)
            covariance = (samples - mean).T @ (samples - mean) / len(samples)
            values, vectors = np.linalg.eigh(covariance)
            # A direction in which all samples agree must not divide by zero.
            root = vectors / np.sqrt(np.maximum(values, 1e-6 * max(values.max(), 1e-12)))
            for name, value in (("samples", samples), ("mean", mean[None]), ("root", root)):
                found[f"prior.{name}"] = np.tile(value, (len(rows), 1, 1))
        return found

    def _model(self, seeds: Sequence[int]) -> Model:
        return _SlicedLearning(self, seeds)

    def prior_sample(self, parameters: Mapping[str, Tensor], count: int, noise: Noise) -> Tensor:
        """Return samples of the prior, of shape (n_members, count, n_latent)."""
        like = next(iter(parameters.values()))
        if self.prior == "uniform":
            return 2.0 * noise.uniform((count, self.n_latent), like) - 1.0
        if isinstance(self.prior, str):
            normal = noise.normal((count, self.n_latent), like)
            return unit_directions(normal) if self.prior == "sphere" else normal
        samples = parameters["prior.samples"]
        chosen = (noise.uniform((count, 1), like) * samples.shape[1]).long()
        chosen = chosen.clamp_max(samples.shape[1] - 1).expand(-1, -1, self.n_latent)
        return samples.gather(1, chosen)

    def losses_at(
        self, parameters: Mapping[str, Tensor], columns: Mapping[str, Tensor], latent: Tensor
    ) -> Tensor:
        """Return each row's loss, of shape (n_members, n_rows): all but the distance."""
        loss = self.errors_at(parameters, columns, latent).sum(dim=2)
        extra = [*checked_constraints(self.constraints), *self.extra_losses]
        if extra:
            scaled = self.decoded(parameters, latent)
            x = scaled * parameters["scale"] + parameters["shift"]
            for weight, function in extra:
                loss = loss + weight * function(x)
        return loss

    def losses(
        self,
        parameters: Mapping[str, Tensor],
        columns: Mapping[str, Tensor],
        noise: Noise,  # noqa: ARG002
    ) -> Tensor:
        """Return `losses_at` the encodings; the distance is a batch's, not a row's."""
        return self.losses_at(parameters, columns, self.encoded(parameters, columns))

    def scores(
        self, parameters: Mapping[str, Tensor], columns: Mapping[str, Tensor], name: str
    ) -> Tensor:
        """Return the error of the reconstruction, or how far the encoding is from the prior."""
        latent = self.encoded(parameters, columns)
        if name == "reconstruction":
            return self.errors_at(parameters, columns, latent).sum(dim=2)
        if not isinstance(self.prior, str):
            latent = (latent - parameters["prior.mean"]) @ parameters["prior.root"]
        squared = latent.square().sum(dim=2)
        if self.prior == "sphere":
            return (squared - 1.0).square()
        return squared * (3.0 if self.prior == "uniform" else 1.0)


class _SlicedLearning:
    """The loss of rows plus the distance of each batch, counted once per row."""

    def __init__(self, score: Swae, seeds: Sequence[int]) -> None:
        self._score = score
        self._seeds = list(seeds)
        self._noise = Noise(seeds)

    def loss(self, parameters: Mapping[str, Tensor], batch: Batch) -> Tensor:
        return self._loss(parameters, batch, self._noise)

    def validation(self, parameters: Mapping[str, Tensor], batch: Batch) -> Tensor:
        noise = Noise([child_seed(seed, "validation") for seed in self._seeds])
        return self._loss(parameters, batch, noise)

    def _loss(self, parameters: Mapping[str, Tensor], batch: Batch, noise: Noise) -> Tensor:
        score = self._score
        noise.members = batch.members
        columns = score.prepared(batch.columns)
        latent = score.encoded(parameters, columns)
        rows = (batch.weight * score.losses_at(parameters, columns, latent)).sum(dim=1)
        prior = score.prior_sample(parameters, latent.shape[1], noise)
        along = unit_directions(noise.normal((score.directions, score.n_latent), latent))
        distance = sliced_wasserstein(latent, prior, along, batch.weight)
        return rows + score.penalty * batch.weight.sum(dim=1) * distance
