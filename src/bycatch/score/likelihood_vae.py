"""A variational autoencoder whose decoder gives each feature a probability density of its kind.

What to use when: event-level features of mixed kinds, as those of a trigger's lepton stream: masses
and momenta with a peak at zero, counts, flags. The loss is then a bound of -log p(x) in the
features' own units, ``iwae`` is nearly that, and -log p of each feature says why an event is odd.
Use `vae` for continuous vectors and images, and a flow for a sharper density.

What the published code does otherwise: its truncated densities do not integrate to one, and its
divergence is not that of two normal densities; here tests hold both.

References
----------
.. [1] Cerri, Nguyen, Pierini, Spiropulu, Vlimant, "Variational autoencoders for new physics mining
   at the Large Hadron Collider", arXiv:1811.10276, sections 4 and 5.
.. [2] Burda, Grosse, Salakhutdinov, "Importance weighted autoencoders", arXiv:1509.00519.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import softplus

from bycatch.errors import ConfigError, DataError, nearest
from bycatch.learn.inputs import as_tensor, blocks, constituent_scaling
from bycatch.learn.likelihoods import CLIP, DENSITIES, Density
from bycatch.learn.members import MemberRows
from bycatch.learn.nets.mlp import draw_weights, forward
from bycatch.learn.neural import Noise
from bycatch.learn.options import option
from bycatch.score.base import Inputs
from bycatch.score.parts.likelihood_graph import GraphOptions, LikelihoodGraph
from bycatch.score.parts.neural import NeuralScore, part
from bycatch.score.parts.variational import (
    importance_weighted,
    kl_divergence,
    log_normal_density,
    posterior,
    pull,
    scoring_noise,
)

_LOG_NORMAL = ("s_t", "m_jets", "lepton_pt", "m_muons", "pt_muons", "m_electrons", "pt_electrons")
_ISOLATIONS = ("lepton_iso_charged", "lepton_iso_photon", "lepton_iso_neutral")

FEATURE_DENSITIES: dict[str, str] = {
    **dict.fromkeys((*_LOG_NORMAL, *_ISOLATIONS), "clipped_log_normal"),
    **dict.fromkeys(("met_parallel", "met_orthogonal"), "gaussian"),
    "m_t": "truncated_gaussian",
    **dict.fromkeys(("n_jets", "n_b", "n_muons", "n_electrons"), "discrete_gaussian"),
    "lepton_charge": "charge",
    "lepton_is_electron": "bernoulli",
    **dict.fromkeys(("n_charged_hadrons", "n_neutral_hadrons"), "poisson"),
}
"""Density of each feature of `bycatch.represent.lepton_stream`, as published."""

_UNIT = 0.5413  # softplus of this is 1
_REACH = 1e4  # standard deviations beyond which the encoder no longer tells features apart


class LikelihoodVae(NeuralScore):
    """A variational autoencoder with the loss -log p(x|z) + beta KL.

    Notes
    -----
    The scores are ``total`` = ``reconstruction`` + beta ``kl``, where the reconstruction is
    -log p(x | z) at the posterior's mean; ``latent``, the squared distance of the posterior's mean
    from the prior's in units of the posterior's width; and ``iwae``, -log p(x) estimated with
    samples of z that are the same for every row.
    """

    kind = "likelihood_vae"
    has_latent = True
    citation = "vae-mining"
    score_names = ("total", "reconstruction", "kl", "latent", "iwae")

    features: Sequence[str] | None = option(default=None, says="Names of the columns.")
    densities: Mapping[str, str] | Sequence[str] | None = option(
        default=None,
        says="Density of a feature by its name, or of each column: keys of "
        "`bycatch.learn.likelihoods.DENSITIES`. Features that it does not name have the density "
        "in `FEATURE_DENSITIES`, and are ``gaussian`` where that does not name them either.",
    )
    hidden: Sequence[int] = option(
        default=(50, 50),
        least=1,
        says="Units of the encoder's hidden layers; the decoder has them in reverse.",
    )
    n_latent: int = option(default=4, least=1, says="Latent coordinates.")
    beta: float = option(
        default=0.3,
        least=0.0,
        says="Weight of the divergence in the loss and in the score ``total``; with 1 these are "
        "bounds of -log p(x).",
    )
    prior: str = option(
        default="learned",
        among=("learned", "standard"),
        says="Whether mean and width of the prior are learned, or 0 and 1.",
    )
    samples: int = option(default=32, least=1, says="Latent samples of the score ``iwae``.")
    smallest_width: float = option(
        default=0.1,
        least=1e-6,
        most=1.0,
        says="Least width of a density, in units of the feature's (or its logarithm's) spread. "
        "Narrow densities make a long tail, of background and of signals, where the decoder is "
        "sure and wrong; with 0.3 it is shorter and steadier from seed to seed "
        "(``benchmarks/RESULTS.md``).",
    )
    steps = 8000
    batch_size = 512
    learning_rate = 3e-3

    def check_options(self) -> None:
        """Refuse options that make no sense (ConfigError)."""
        super().check_options()
        chosen = self.densities or {}
        by_name = isinstance(chosen, Mapping)
        for density in chosen.values() if isinstance(chosen, Mapping) else chosen:
            if density not in DENSITIES:
                message = f"There is no density {density!r}; the nearest are "
                raise ConfigError(message + f"{nearest(density, DENSITIES)}.")
        unknown = [name for name in chosen if by_name and name not in (self.features or ())]
        if unknown:
            raise ConfigError(
                f"The option 'densities' names {unknown[0]!r}, but the option 'features' does not: "
                "name all columns there, in their order."
            )

    def feature_densities(self, n_features: int) -> list[Density]:
        """Return the density of each column.

        Raises
        ------
        DataError
            Where the options name another number of columns.
        """
        chosen = self.densities or {}
        for which, given in (("features", self.features), ("densities", chosen)):
            if given and not isinstance(given, Mapping) and len(given) != n_features:
                raise DataError(
                    f"The option '{which}' names {len(given)} columns, but there are "
                    f"{n_features}; name each one."
                )
        if not isinstance(chosen, Mapping):
            return [DENSITIES[name] for name in chosen]
        names: Sequence[str] = self.features or [""] * n_features
        known = {**FEATURE_DENSITIES, **chosen}
        return [DENSITIES[known.get(name, "gaussian")] for name in names]

    def _checked(
        self,
        X: NDArray[np.generic],
        mask: NDArray[np.bool_] | None,
        shape: tuple[int | None, ...] | None,
    ) -> dict[str, NDArray[Any]]:
        inputs = super()._checked(X, mask, shape)
        x = inputs["x"]
        bad = np.zeros(x.shape[1], dtype=np.int64)
        densities = self.feature_densities(x.shape[1])
        for rows in blocks(x.shape):
            for column, density in enumerate(densities):
                allowed = density.allows(as_tensor(x[rows, column]))
                bad[column] += len(allowed) - int(allowed.sum())
        if bad.any():
            column = int(bad.argmax())
            name = f"'{self.features[column]}'" if self.features else str(column)
            raise DataError(
                f"{bad[column]} of {len(x)} rows have a feature {name} that its density "
                f"'{densities[column].name}' does not allow, which takes {densities[column].values}"
                "; correct the feature or choose another density by the option 'densities'."
            )
        return inputs

    def _initial(
        self, shape: tuple[int, ...], rngs: Sequence[np.random.Generator]
    ) -> dict[str, Tensor]:
        dtype = getattr(torch, self.dtype)
        n_out = sum(density.n_parameters for density in self.feature_densities(shape[0]))
        encoder = draw_weights((shape[0], *self.hidden, 2 * self.n_latent), rngs, dtype)
        decoder = draw_weights((self.n_latent, *tuple(self.hidden)[::-1], n_out), rngs, dtype)
        weights = {f"encoder.{name}": value for name, value in encoder.items()}
        weights |= {f"decoder.{name}": value for name, value in decoder.items()}
        if self.prior == "learned":
            size = (len(rngs), 1, self.n_latent)
            weights["prior.mean"] = torch.zeros(size, dtype=dtype)
            weights["prior.width"] = torch.full(size, _UNIT, dtype=dtype)
        return weights

    def _scaling(self, inputs: Inputs, rows: Sequence[MemberRows]) -> dict[str, NDArray[Any]]:
        """Measure what the encoder sees, and what the decoder's parameters are relative to.

        The latter leave out what a log-normal clips.
        """
        x = inputs["x"]
        densities = self.feature_densities(x.shape[1])
        seen = np.empty(x.shape)
        there = np.ones(x.shape, dtype=bool)
        for column, density in enumerate(densities):
            seen[:, column] = density.seen(as_tensor(x[:, column].astype(np.float64))).numpy()
            if density.name == "clipped_log_normal":
                there[:, column] = x[:, column] > CLIP
        everything = np.ones((len(x), 1), dtype=bool)
        whole = constituent_scaling(seen[:, None], everything, rows)
        centre, spread = whole["shift"].copy(), whole["scale"].copy()
        for column in np.flatnonzero(~there.all(axis=0)).tolist():
            own = constituent_scaling(seen[:, None, [column]], there[:, [column]], rows)
            centre[..., column], spread[..., column] = own["shift"][..., 0], own["scale"][..., 0]
        return {
            "shift": whole["shift"],
            "scale": whole["scale"],
            "centre": centre,
            "spread": spread,
        }

    def _order(self, like: Tensor) -> tuple[list[tuple[Density, int]], Tensor]:
        """Return the kinds of densities with their counts, and the columns in that order."""
        densities = self.feature_densities(self.shape_[0])
        order = sorted(range(len(densities)), key=lambda column: densities[column].name)
        names = [densities[column].name for column in order]
        kinds = [(DENSITIES[name], names.count(name)) for name in dict.fromkeys(names)]
        return kinds, torch.tensor(order, device=like.device)

    def posterior(
        self, parameters: Mapping[str, Tensor], columns: Mapping[str, Tensor]
    ) -> tuple[Tensor, Tensor]:
        """Return mean and width of the latent coordinates, (n_members, n_rows, n_latent)."""
        kinds, order = self._order(columns["x"])
        counts = [count for _, count in kinds]
        split = torch.split(columns["x"].index_select(2, order), counts, dim=2)
        seen = [kind.seen(some) for (kind, _), some in zip(kinds, split, strict=True)]
        shift, scale = (parameters[name].index_select(2, order) for name in ("shift", "scale"))
        z = ((torch.cat(seen, dim=2) - shift) / scale).clamp(-_REACH, _REACH)
        return posterior(part(parameters, "encoder."), z)

    def feature_losses(
        self, parameters: Mapping[str, Tensor], columns: Mapping[str, Tensor], z: Tensor
    ) -> Tensor:
        """Return -log p of each feature given z, (n_members, n_rows, n_features)."""
        x = columns["x"]
        kinds, order = self._order(x)
        x, centre, spread = (
            values.index_select(2, order)
            for values in (x, parameters["centre"], parameters["spread"])
        )
        out = forward(part(parameters, "decoder."), z)
        found, column, place = [], 0, 0
        for kind, count in kinds:
            own = slice(column, column + count)
            raw = out[..., place : place + kind.n_parameters * count].chunk(kind.n_parameters, 2)
            fixed = centre[..., own], spread[..., own]
            found.append(-kind.log_prob(x[..., own], raw, *fixed, self.smallest_width))
            column, place = column + count, place + kind.n_parameters * count
        return torch.cat(found, dim=2).index_select(2, torch.argsort(order))

    def _prior(self, parameters: Mapping[str, Tensor]) -> tuple[Tensor | float, Tensor | float]:
        if self.prior == "standard":
            return 0.0, 1.0
        return parameters["prior.mean"], softplus(parameters["prior.width"])

    def losses(
        self, parameters: Mapping[str, Tensor], columns: Mapping[str, Tensor], noise: Noise
    ) -> Tensor:
        """Return -log p(x|z) at a sample of the posterior, plus beta times the divergence."""
        mean, width = self.posterior(parameters, columns)
        z = mean + width * noise.normal(mean.shape[1:], mean)
        reconstruction = self.feature_losses(parameters, columns, z).sum(dim=2)
        return reconstruction + self.beta * kl_divergence(mean, width, *self._prior(parameters))

    def scores(
        self, parameters: Mapping[str, Tensor], columns: Mapping[str, Tensor], name: str
    ) -> Tensor:
        """Return one of `score_names`, of shape (n_members, n_rows)."""
        mean, width = self.posterior(parameters, columns)
        prior = self._prior(parameters)
        if name == "latent":
            return pull(mean, width, prior[0])
        if name == "iwae":
            noise = scoring_noise(self.seed, self.samples, self.n_latent, mean)

            def log_joint(z: Tensor) -> Tensor:
                own = self.feature_losses(parameters, columns, z).sum(dim=2)
                return log_normal_density(z, *prior).double() - own

            return importance_weighted(mean, width, noise, log_joint)
        divergence = kl_divergence(mean, width, *prior)
        if name == "kl":
            return divergence
        reconstruction = self.feature_losses(parameters, columns, mean).sum(dim=2)
        return reconstruction + self.beta * divergence if name == "total" else reconstruction

    def graph(self, parameters: Mapping[str, Tensor], name: str) -> LikelihoodGraph:
        """Return a score as a graph of few operations, the mean over the given members."""
        options = GraphOptions(
            densities=[density.name for density in self.feature_densities(self.shape_[0])],
            smallest_width=self.smallest_width,
            beta=self.beta,
            reach=_REACH,
            noise=scoring_noise(self.seed, self.samples, self.n_latent, torch.zeros(1)),
        )
        return LikelihoodGraph(parameters, options, name)

    def encoded(self, parameters: Mapping[str, Tensor], columns: Mapping[str, Tensor]) -> Tensor:
        """Return the posterior's means, of shape (n_members, n_rows, n_latent)."""
        return self.posterior(parameters, columns)[0]

    def _contributions(
        self, inputs: Inputs, members: Sequence[int], name: str
    ) -> NDArray[np.float64]:
        """Return -log p of each feature; to ``total``, the divergence adds what hiding shows."""
        if name not in {"total", "reconstruction"}:
            return super()._contributions(inputs, members, name)
        found = self._map(
            lambda p, c: self.feature_losses(p, c, self.posterior(p, c)[0]), inputs, members
        ).mean(axis=0)
        if name == "total":
            found = found + self.beta * super()._contributions(inputs, members, "kl")
        return np.asarray(found)
