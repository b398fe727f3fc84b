"""What the contrastive scores share: views, a transformer, a projection, and a head on top.

The transformer is trained first, by a contrastive loss of its projection; then it stays as it is,
and the head learns what background looks like in the representation. Both happen in one `fit`.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from bycatch.errors import ConfigError, DataError
from bycatch.learn.callbacks import EarlyStopping
from bycatch.learn.contrastive import alignment, clr, cosine, uniformity
from bycatch.learn.members import MemberRows, check_choice, check_option
from bycatch.learn.nets.mlp import draw_weights, forward
from bycatch.learn.nets.transformer import Sizes, draw_transformer, summed
from bycatch.learn.neural import Learning, Noise
from bycatch.learn.options import option
from bycatch.learn.trainer import Batch, Model, TrainingOptions, train
from bycatch.score.base import Inputs
from bycatch.score.parts.neural import NeuralScore, part
from bycatch.score.parts.representation_heads import (
    HEADS,
    HeadLearning,
    draw_head,
    head_score,
    moments,
)
from bycatch.tasks.random import child_seed, stream

_GROUPS = 6  # of rows of similar length
_MONITORED = 1024  # rows of the monitors, which look at all pairs


@dataclass(frozen=True)
class Views:
    """Changed copies of a batch of sets.

    Attributes
    ----------
    x : tuple of Tensor of shape (n_members, n_rows, n_objects, n_columns)
        The events, their physical change and, where there is one, their anomalous change.
    mask : tuple of Tensor of bool, of shape (n_members, n_rows, n_objects)
    changed : Tensor of bool, of shape (n_members, n_rows), optional
        Where there is an anomalous change.
    """

    x: tuple[Tensor, ...]
    mask: tuple[Tensor, ...]
    changed: Tensor | None = None


class ContrastiveScore(NeuralScore):
    """A representation of sets that is told what to see and what not, and a head on it."""

    masked = True
    has_latent = True

    width: int = option(
        default=32,
        least=1,
        says="Of the representation, and of each object between the blocks; a multiple of `heads`.",
    )
    heads: int = option(
        default=4, least=1, says="Of the transformer, see `bycatch.learn.nets.transformer.Sizes`."
    )
    blocks: int = option(
        default=2, least=1, says="Of the transformer, see `bycatch.learn.nets.transformer.Sizes`."
    )
    hidden: int = option(
        default=64, least=1, says="Of the transformer, see `bycatch.learn.nets.transformer.Sizes`."
    )
    projection: int = option(
        default=32,
        least=1,
        says="Numbers that the loss compares; a layer of `width` units leads to them.",
    )
    temperature: float = option(
        default=0.1, least=1e-3, says="Of the contrastive loss, by which similarities are divided."
    )
    head: Literal["autoencoder", "flow", "mahalanobis"] = option(
        default="mahalanobis", says="What learns background in the representation."
    )
    head_hidden: Sequence[int] = option(
        default=(64, 32, 16), least=1, says="Units of its hidden layers (the flow has one)."
    )
    head_latent: int = option(default=5, least=1, says="Units of the autoencoder's bottleneck.")
    head_steps: int = option(default=3000, says="Gradient steps of the head.")

    @property
    def score_names(self) -> tuple[str, ...]:  # type: ignore[override]
        """What `score` can return: the head's own score first."""
        return HEADS.get(self.head, ())

    @property
    def has_graph(self) -> bool:
        """Whether its computation is the same for all events, so that a graph can hold it."""
        return False

    def check_options(self) -> None:
        """Refuse options that make no sense (ConfigError)."""
        super().check_options()
        check_option("head_steps", self.head_steps, self.rounds)
        check_option("head_hidden", len(self.head_hidden), 1)
        if self.width % self.heads:
            raise ConfigError(
                f"The option 'width' is {self.width}, but it must be a multiple of 'heads', "
                f"{self.heads}."
            )

    @abstractmethod
    def views(self, columns: Mapping[str, Tensor], noise: Noise) -> Views:
        """Return the events and their changes."""

    @abstractmethod
    def tokens(
        self, parameters: Mapping[str, Tensor], x: Tensor, mask: Tensor
    ) -> tuple[Tensor, Tensor | None]:
        """Return what the transformer reads of each object, and its emphasis, if any."""

    def contrast(self, z: Sequence[Tensor], changed: Tensor | None, weight: Tensor) -> Tensor:
        """Return the loss of the projections of the views, of shape (n_members, n_rows).

        That of AnomCLR, or that of CLR where nothing anomalous is known.
        """
        loss = clr(z[0], z[1], weight, self.temperature)
        if changed is None:
            return loss
        return loss + torch.where(changed, cosine(z[0], z[2]) / self.temperature, 0.0)

    @abstractmethod
    def _n_tokens(self, shape: tuple[int, ...]) -> int:
        """Return how many numbers `tokens` makes of each object (DataError)."""

    def _initial(
        self, shape: tuple[int, ...], rngs: Sequence[np.random.Generator]
    ) -> dict[str, Tensor]:
        dtype = getattr(torch, self.dtype)
        sizes = Sizes(self._n_tokens(shape), self.width, self.heads, self.blocks, self.hidden, 0)
        weights = draw_transformer(sizes, rngs, dtype)
        # The sum over objects takes the place of the class attention.
        weights = {k: v for k, v in weights.items() if not k.startswith(("class", "logit"))}
        projection = draw_weights((self.width, self.width, self.projection), rngs, dtype)
        head = draw_head(self.head, self.width, self.head_hidden, self.head_latent, rngs, dtype)
        return {
            **weights,
            **{f"projection.{name}": value for name, value in projection.items()},
            **{f"head.{name}": value for name, value in head.items()},
        }

    def represented(self, parameters: Mapping[str, Tensor], x: Tensor, mask: Tensor) -> Tensor:
        """Return the representation of sets, of shape (n_members, n_rows, width)."""
        values, emphasis = self.tokens(parameters, x, mask)
        columns = [values] if emphasis is None else [values, emphasis.unsqueeze(3)]
        objects = torch.cat(columns, dim=3).masked_fill(~mask.unsqueeze(3), 0.0)
        # The transformer does not care for the order. What is there comes first, and full rows
        # come before empty ones, so that groups of rows have little padding.
        order = (~mask).to(torch.uint8).argsort(dim=2, stable=True)
        objects, mask = _taken(objects, order, 2), mask.gather(2, order)
        order = mask.sum(dim=2).argsort(dim=1, descending=True, stable=True)
        objects, mask = _taken(objects, order, 1), _taken(mask, order, 1)
        step = max(1, -(-mask.shape[1] // _GROUPS))
        found = []
        for some, there in zip(
            torch.split(objects, step, dim=1), torch.split(mask, step, dim=1), strict=True
        ):
            most = max(1, int(there.sum(dim=2).max())) if there.numel() else 1
            some, there = some[:, :, :most], there[:, :, :most]  # noqa: PLW2901
            weight = None if emphasis is None else some[..., -1]
            some = some[..., : values.shape[3]]  # noqa: PLW2901
            found.append(summed(parameters, some, there, self.heads, weight))
        return _taken(torch.cat(found, dim=1), order.argsort(dim=1), 1)

    def projected(self, parameters: Mapping[str, Tensor], z: Tensor) -> Tensor:
        """Return what the loss compares, of shape (n_members, n_rows, projection)."""
        return forward(part(parameters, "projection."), torch.relu(z))

    def encoded(self, parameters: Mapping[str, Tensor], columns: Mapping[str, Tensor]) -> Tensor:
        """Return the representation, of shape (n_members, n_rows, width)."""
        return self.represented(parameters, columns["x"], columns["mask"])

    def _both(self, parameters: Mapping[str, Tensor], columns: Mapping[str, Tensor]) -> Tensor:
        """Return the representation and, behind it, the projection."""
        z = self.encoded(parameters, columns)
        return torch.cat([z, self.projected(parameters, z)], dim=2)

    def _compared(
        self, parameters: Mapping[str, Tensor], columns: Mapping[str, Tensor], noise: Noise
    ) -> tuple[tuple[Tensor, ...], Tensor | None]:
        """Return the projections of the views."""
        views = self.views(columns, noise)
        z = self.represented(parameters, torch.cat(views.x, dim=1), torch.cat(views.mask, dim=1))
        return self.projected(parameters, z).chunk(len(views.x), dim=1), views.changed

    def losses(
        self, parameters: Mapping[str, Tensor], columns: Mapping[str, Tensor], noise: Noise
    ) -> Tensor:
        """Return the contrastive loss, of shape (n_members, n_rows).

        Rows are compared with each other, with the weights in the column ``weight``.
        """
        z, changed = self._compared(parameters, columns, noise)
        return self.contrast(z, changed, columns["weight"])

    def scores(
        self, parameters: Mapping[str, Tensor], columns: Mapping[str, Tensor], name: str
    ) -> Tensor:
        """Return the head's score; ``direction`` is that of the projection, see `HEADS`."""
        z = self.encoded(parameters, columns)
        if name == "direction":
            unit = torch.nn.functional.normalize(self.projected(parameters, z), dim=2)
            return 1.0 - (unit * parameters["head.direction"]).sum(dim=2)
        return head_score(part(parameters, "head."), z, name)

    def _model(self, seeds: Sequence[int]) -> Model:
        return _WeightedLearning(self, seeds)

    def _learn(
        self,
        parameters: Mapping[str, Tensor],
        trainable: Sequence[str],
        inputs: Inputs,
        rows: Sequence[MemberRows],
        rngs: Sequence[np.random.Generator],
    ) -> None:
        of_head = [name for name in trainable if name.startswith("head.")]
        first = [name for name in trainable if name not in of_head]
        super()._learn(parameters, first, inputs, rows, rngs)
        both = self._map(self._both, inputs, range(self.members))
        z, projected = both[..., : self.width], both[..., self.width :]
        dtype = getattr(torch, self.dtype)
        for name, value in moments(z, projected, rows).items():
            self.parameters_[f"head.{name}"] = torch.from_numpy(value).to(dtype)
        if of_head:
            self._learn_head(torch.from_numpy(z).to(dtype), of_head, rows)
        self.n_parameters_ = sum(self.parameters_[name][0].numel() for name in trainable)

    def _learn_head(
        self, representation: Tensor, trainable: Sequence[str], rows: Sequence[MemberRows]
    ) -> None:
        options = TrainingOptions(
            self.batch_size,
            self.rounds,
            self.learning_rate,
            self.weight_decay,
            steps_per_epoch=self.head_steps // self.rounds,
            one_cycle=True,
            device=self.device,
        )
        model = HeadLearning(self.score_names[0], representation.to(self.device))
        columns = {"row": torch.arange(representation.shape[1])}
        head = {name: v for name, v in self.parameters_.items() if name.startswith("head.")}
        rngs = [stream(self.seed, "member", m, "head") for m in range(self.members)]
        callbacks = (EarlyStopping(self.patience), *self.callbacks)
        found, self.head_histories_ = train(
            model, head, trainable, columns, rows, rngs, options, callbacks
        )
        self.parameters_ |= found

    def monitors(
        self,
        X: NDArray[np.generic],
        mask: NDArray[np.bool_] | None = None,
        weight: NDArray[np.float64] | None = None,
    ) -> dict[str, NDArray[np.float64]]:
        """Return how invariant the projection is, and how it fills the sphere; without labels.

        Parameters
        ----------
        X : ndarray of shape (n_rows, n_objects, n_columns)
            Of which at most 1,024 are looked at, the first ones; at least two.
        mask : ndarray of bool, of shape (n_rows, n_objects), optional
        weight : ndarray of shape (n_rows,), optional

        Returns
        -------
        dict
            ``alignment`` and ``uniformity`` of each member, see `bycatch.learn.contrastive`.

        Raises
        ------
        DataError
            As in `score`, or where there is one row only.
        """
        inputs = self._checked(X, mask, self._fitted_shape())
        if len(inputs["x"]) < 2:
            raise DataError(
                f"Alignment and uniformity need two rows, but there are {len(inputs['x'])}."
            )
        weights = np.ones(len(inputs["x"])) if weight is None else np.asarray(weight, np.float64)
        some: dict[str, NDArray[Any]] = {k: v[:_MONITORED] for k, v in inputs.items()}
        some["weight"] = weights[:_MONITORED]
        seeds = [child_seed(self.seed, "member", m, "monitor") for m in range(self.members)]

        def measured(parameters: Mapping[str, Tensor], columns: Mapping[str, Tensor]) -> Tensor:
            (z, positive, *_), _ = self._compared(parameters, columns, Noise(seeds))
            w = columns["weight"].to(z.dtype)
            return torch.stack([alignment(z, positive, w), uniformity(z, w)], dim=1)

        found = self._map(measured, some, range(self.members))
        return {"alignment": found[:, 0], "uniformity": found[:, 1]}


class _WeightedLearning(Learning):
    """The loss of rows that are compared with each other, so that it needs their weights."""

    def loss(self, parameters: Mapping[str, Tensor], batch: Batch) -> Tensor:
        """Return the weighted sum of losses, of shape (n_members,)."""
        return super().loss(parameters, _with_weight(batch))

    def validation(self, parameters: Mapping[str, Tensor], batch: Batch) -> Tensor:
        """Return the same for held-out rows."""
        return super().validation(parameters, _with_weight(batch))


def _with_weight(batch: Batch) -> Batch:
    return replace(batch, columns={**batch.columns, "weight": batch.weight})


def _taken(x: Tensor, order: Tensor, dim: int) -> Tensor:
    """Return what stands at these places of an axis, whatever axes follow it."""
    shape = (*order.shape, *x.shape[dim + 1 :])
    return x.gather(dim, order.reshape(*order.shape, *[1] * (x.ndim - dim - 1)).expand(shape))


def check_names(option: str, names: Sequence[str], known: Sequence[str]) -> None:
    """Refuse names of augmentations that do not exist, or that come twice (ConfigError)."""
    for name in names:
        check_choice(option, name, known)
    if len(set(names)) != len(names):
        raise ConfigError(
            f"The option '{option}' is {tuple(names)!r}, but it must name each only once."
        )
