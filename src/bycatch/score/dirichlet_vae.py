"""A Dirichlet variational autoencoder: a jet is a mixture of a few readable topics.

What to use when: inputs are non-negative and only their shares count, as energies in pixels, and
the sample may hold few kinds of jets: the latent coordinates are the shares of kinds, so that the
latent space itself separates them, in both directions, and each topic is an image to look at. Not
for vectors of different units, and not for kinds that differ in a detail of the same image.

References
----------
.. [1] Dillon, Plehn, Sauer, Sorrenson, "Better latent spaces for better autoencoders",
   arXiv:2104.08291, section 2.
.. [2] Srivastava, Sutton, "Autoencoding variational inference for topic models", arXiv:1703.01488,
   eq. (4) (the approximation of a Dirichlet distribution by a normal one before a softmax).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from bycatch.errors import DataError
from bycatch.learn.inputs import blocks
from bycatch.learn.members import MemberRows, check_members, check_option
from bycatch.learn.nets.mlp import draw_weights
from bycatch.learn.neural import Noise
from bycatch.learn.options import option
from bycatch.score.base import Inputs
from bycatch.score.parts.neural import NeuralScore, part
from bycatch.score.parts.variational import kl_divergence, posterior


def laplace_approximation(concentration: Sequence[float]) -> tuple[Tensor, Tensor]:
    """Return mean and width of the normal distribution whose softmax is nearly Dirichlet.

    mean_k = ln a_k - sum_i ln a_i / R; variance_k = (1 - 2 / R) / a_k + sum_i 1 / a_i / R^2.

    Parameters
    ----------
    concentration : sequence of float
        The R parameters a of the Dirichlet distribution.

    Returns
    -------
    mean, width : Tensor of shape (R,), in double precision

    References
    ----------
    .. [1] arXiv:2104.08291, eq. (8).
    """
    a = torch.tensor(list(concentration), dtype=torch.float64)
    count = len(a)
    log_a = torch.log(a)
    variance = (1.0 - 2.0 / count) / a + (1.0 / a).sum() / count**2
    return log_a - log_a.mean(), torch.sqrt(variance)


class DirichletVae(NeuralScore):
    """A variational autoencoder with a softmax-normal posterior and a linear decoder.

    Notes
    -----
    The scores are ``latent``, the squared Mahalanobis distance of the logarithms of a row's shares
    of topics from those of the training rows, to whichever side; ``mixture``, the share of the
    topic that is rarest in training, where a minority would be; ``reconstruction``, the divergence
    of the inputs' shares from the decoder's; and ``kl``, that of the posterior from the prior. All
    take the posterior's mean before the softmax. Which topic is anomalous cannot be known without
    labels: ``mixture`` is the better of the first two where it is the rarest, and worse than chance
    where anomalies lie among the common one.
    """

    kind = "dirichlet_vae"
    has_latent = True
    citation = "dirichlet-vae"
    score_names = ("latent", "mixture", "reconstruction", "kl")

    layout: Literal["image", "vector"] = option(
        default="image",
        says="What a row is; inputs are never negative, and are divided by their sum.",
    )
    concentration: Sequence[float] = option(
        default=(1.0, 0.25),
        least=1e-3,
        most=1e3,
        says="Parameters of the Dirichlet prior, one per topic; their number is that of the "
        "topics.",
    )
    hidden: Sequence[int] = option(
        default=(100,),
        least=1,
        says="Units of the encoder's hidden layers; the decoder has none, or topics could not be "
        "read.",
    )
    beta: float = option(default=0.1, least=0.0, says="Weight of the divergence in the loss.")
    power: float = option(
        default=0.5,
        least=1e-3,
        most=10.0,
        says="Power of the shares that the encoder sees, in units of their root mean square; the "
        "reconstruction is of the shares themselves.",
    )

    def check_options(self) -> None:
        """Refuse options that make no sense (ConfigError)."""
        super().check_options()
        check_option("concentration", len(self.concentration), 2)

    def _checked(
        self,
        X: NDArray[np.generic],
        mask: NDArray[np.bool_] | None,
        shape: tuple[int | None, ...] | None,
    ) -> dict[str, NDArray[Any]]:
        inputs = super()._checked(X, mask, shape)
        x = inputs["x"]
        axes = tuple(range(1, x.ndim))
        bad = sum(int((x[rows] < 0).any(axis=axes).sum()) for rows in blocks(x.shape))
        if bad:
            raise DataError(
                f"{bad} of {len(x)} rows have negative inputs, of which the score '{self.kind}' "
                "cannot take shares; give energies or counts, not standardised features."
            )
        return inputs

    def _initial(
        self, shape: tuple[int, ...], rngs: Sequence[np.random.Generator]
    ) -> dict[str, Tensor]:
        dtype = getattr(torch, self.dtype)
        size, topics = int(np.prod(shape)), len(self.concentration)
        encoder = draw_weights((size, *self.hidden, 2 * topics), rngs, dtype)
        weights = {f"encoder.{name}": value for name, value in encoder.items()}
        drawn = np.stack([rng.normal(0.0, 0.1, (topics, size)) for rng in rngs])
        return {**weights, "topics": torch.from_numpy(drawn).to(dtype)}

    def _scaling(self, inputs: Inputs, rows: Sequence[MemberRows]) -> dict[str, NDArray[Any]]:
        """Measure how the encoder's inputs are scaled, and give the prior in its normal form."""
        members, topics = len(rows), len(self.concentration)
        flat = inputs["x"].reshape(len(inputs["x"]), -1).astype(np.float32)
        shares = _shares(torch.from_numpy(flat)).pow(self.power).numpy()
        found = super()._scaling({"x": shares}, rows)
        # One scale for all inputs: rare pixels must not count as much as the core.
        variance = np.square(found["scale"]).mean(axis=2, keepdims=True)
        prior = laplace_approximation(self.concentration)
        return {
            "shift": found["shift"],
            "scale": np.sqrt(variance),
            "prior.mean": np.tile(prior[0].numpy(), (members, 1, 1)),
            "prior.width": np.tile(prior[1].numpy(), (members, 1, 1)),
            "rarest": np.zeros((members, 1, topics)),
            "typical": np.zeros((members, 1, topics)),
            "root": np.zeros((members, topics, topics)),
        }

    def _fit(self, inputs: Inputs, rows: Sequence[MemberRows]) -> None:
        super()._fit(inputs, rows)
        for member, own in enumerate(rows):
            used = {"x": inputs["x"][own.train]}
            weight = own.train_weight / own.train_weight.sum()
            logs = self._map(self._logarithms, used, [member])[0]
            shares = np.exp(logs) / np.exp(logs).sum(axis=1, keepdims=True)
            learned = {name: value[member] for name, value in self.parameters_.items()}
            learned["rarest"][0, int((weight @ shares).argmin())] = 1.0
            mean, root = _typical(logs, weight)
            learned["typical"].copy_(torch.from_numpy(mean))
            learned["root"].copy_(torch.from_numpy(root))

    def _logarithms(
        self, parameters: Mapping[str, Tensor], columns: Mapping[str, Tensor]
    ) -> Tensor:
        """Return the logarithms of the mixture weights, but for what all have in common."""
        mean = self.posterior(parameters, columns)[0]
        return mean - mean.mean(dim=2, keepdim=True)

    def topics(self, member: int = 0) -> NDArray[np.float64]:
        """Return what a row of each topic alone looks like, of shape (n_topics, *axes); sums to 1.

        Raises
        ------
        DataError
            Where nothing was learned yet, or there is no such member.
        """
        shape = self._fitted_shape()
        (chosen,) = check_members([member], self.members)
        found = self.parameters_["topics"][chosen].double().softmax(dim=1)
        return np.asarray(found.numpy().reshape(len(self.concentration), *shape))

    def posterior(
        self, parameters: Mapping[str, Tensor], columns: Mapping[str, Tensor]
    ) -> tuple[Tensor, Tensor]:
        """Return mean and width before the softmax, of shape (n_members, n_rows, n_topics)."""
        shares = _shares(columns["x"].flatten(2)).pow(self.power)
        z = (shares - parameters["shift"]) / parameters["scale"]
        return posterior(part(parameters, "encoder."), z)

    def encoded(self, parameters: Mapping[str, Tensor], columns: Mapping[str, Tensor]) -> Tensor:
        """Return the mixture weights of the topics, of shape (n_members, n_rows, n_topics)."""
        return self.posterior(parameters, columns)[0].softmax(dim=2)

    def errors(
        self, parameters: Mapping[str, Tensor], columns: Mapping[str, Tensor], mixture: Tensor
    ) -> Tensor:
        """Return what each input adds to the divergence of its shares, (n_members, n_rows, n)."""
        shares = _shares(columns["x"].flatten(2))
        predicted = torch.log_softmax(mixture @ parameters["topics"], dim=2)
        return torch.xlogy(shares, shares) - shares * predicted

    def losses(
        self, parameters: Mapping[str, Tensor], columns: Mapping[str, Tensor], noise: Noise
    ) -> Tensor:
        """Return the divergence of the shares plus beta times that of the posterior."""
        mean, width = self.posterior(parameters, columns)
        mixture = (mean + width * noise.normal(mean.shape[1:], mean)).softmax(dim=2)
        divergence = kl_divergence(mean, width, parameters["prior.mean"], parameters["prior.width"])
        return self.errors(parameters, columns, mixture).sum(dim=2) + self.beta * divergence

    def scores(
        self, parameters: Mapping[str, Tensor], columns: Mapping[str, Tensor], name: str
    ) -> Tensor:
        """Return one of `score_names`, of shape (n_members, n_rows)."""
        if name == "latent":
            logs = self._logarithms(parameters, columns) - parameters["typical"]
            return (logs @ parameters["root"]).square().sum(dim=2)
        mean, width = self.posterior(parameters, columns)
        if name == "kl":
            return kl_divergence(mean, width, parameters["prior.mean"], parameters["prior.width"])
        mixture = mean.softmax(dim=2)
        if name == "mixture":
            return (mixture * parameters["rarest"]).sum(dim=2)
        return self.errors(parameters, columns, mixture).sum(dim=2)

    def _contributions(
        self, inputs: Inputs, members: Sequence[int], name: str
    ) -> NDArray[np.float64]:
        if name != "reconstruction":
            return super()._contributions(inputs, members, name)
        found = self._map(lambda p, c: self.errors(p, c, self.encoded(p, c)), inputs, members).mean(
            axis=0
        )
        return np.asarray(found.reshape(inputs["x"].shape))


def _shares(flat: Tensor) -> Tensor:
    """Return inputs that sum to one along the last axis; where there is nothing, equal shares."""
    total = flat.sum(dim=-1, keepdim=True)
    empty = total <= 0.0
    return torch.where(empty, 1.0 / flat.shape[-1], flat / torch.where(empty, 1.0, total))


def _typical(
    logs: NDArray[np.float64], weight: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return mean and inverse root of the covariance, from weights that sum to one."""
    mean = weight @ logs
    centred = logs - mean
    values, vectors = np.linalg.eigh((centred * weight[:, None]).T @ centred)
    # The direction in which all move together has no variance, and no say.
    floor = 1e-6 * np.abs(values).max()
    inverse = np.where(values > floor, 1.0 / np.sqrt(np.maximum(values, floor + 1e-30)), 0.0)
    return mean[None], vectors * inverse
