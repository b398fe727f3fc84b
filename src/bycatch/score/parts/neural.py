"""What all scores that networks make share: members in one batch, the one training loop, chunks.

A method's file adds its networks, its loss per row and its scores per row, all as functions of
parameters whose first axis is the member.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from bycatch.learn.callbacks import EarlyStopping
from bycatch.learn.checkpoint import histories_from_json, histories_to_json
from bycatch.learn.devices import checked_device
from bycatch.learn.inputs import as_tensor, constituent_scaling
from bycatch.learn.members import MemberRows, check_option
from bycatch.learn.options import option
from bycatch.learn.threads import one_torch_thread
from bycatch.learn.trainer import Batch, Model, TrainingOptions, train
from bycatch.score.base import Inputs, Score
from bycatch.score.parts.graph import ScoreGraph
from bycatch.tasks.random import child_seed, stream

__all__ = ["Learning", "NeuralScore", "Noise", "part"]


class NeuralScore(Score):
    """A score whose members the one training loop trains, as one batched network.

    Training has at most `steps` gradient steps, in which the learning rate rises and falls to zero.
    After each of `rounds` equal parts the loss of the held-out rows is measured, and the state
    where it is lowest is kept. Signed weights enter the loss as they are.

    Attributes
    ----------
    histories_ : list of History
        Learning curve of each member.
    n_parameters_ : int
        Numbers that each member learns.
    """

    chunk: ClassVar[int] = 4096
    """Rows that are scored at a time."""
    keeps_last: ClassVar[bool] = False
    """Whether the last state is kept instead of the best one: a game has no lowest loss."""

    validation: float = option(
        default=0.1,
        least=0.0,
        most=0.9,
        says="Fraction of the rows that is held out to judge states.",
    )
    steps: int = option(default=4000, least=1, says="Gradient steps at the most.")
    rounds: int = option(
        default=20,
        least=1,
        says="Equal parts of the training, after each of which a state is judged.",
    )
    patience: int = option(
        default=20,
        least=1,
        says="Rounds without a lower held-out loss after which a member stops.",
    )
    batch_size: int = option(default=256, least=1, says="Rows of each step.")
    learning_rate: float = option(default=1e-3, least=0.0, says="At its highest.")
    weight_decay: float = option(default=0.0, least=0.0, says="L2 penalty of Adam.")
    dtype: Literal["float32", "float64"] = option(
        default="float32", says="Precision of the networks."
    )
    device: str = option(
        default="cpu",
        says="``cpu``, ``cuda`` or ``cuda:N``; not saved with the model.",
    )

    @property
    def has_graph(self) -> bool:
        """Whether its computation is the same for all events, so that a graph can hold it."""
        return True

    def graph(self, parameters: Mapping[str, Tensor], name: str) -> torch.nn.Module:
        """Return the mean of a score over the members of `parameters`, for rows and their mask.

        A score that knows a leaner graph than the operations of its `scores` returns that.
        """
        return ScoreGraph(self, parameters, name)

    def check_options(self) -> None:
        """Refuse options that make no sense (ConfigError)."""
        super().check_options()
        check_option("rounds", self.rounds, 1, self.steps)
        checked_device(self.device)

    @abstractmethod
    def _initial(
        self, shape: tuple[int, ...], rngs: Sequence[np.random.Generator]
    ) -> dict[str, Tensor]:
        """Return initial weights for inputs of that shape, each with the members first."""

    def _scaling(self, inputs: Inputs, rows: Sequence[MemberRows]) -> dict[str, NDArray[Any]]:
        """Measure what travels with the weights but does not learn, with the members first.

        By default ``shift`` and ``scale`` of shape (n_members, 1, n_features) that standardise the
        features (of sets: of the objects that are there), and ``count``, their mean number.
        """
        x = inputs["x"] if self.masked else inputs["x"].reshape(len(inputs["x"]), 1, -1)
        return constituent_scaling(x, inputs.get("mask", np.ones(x.shape[:2], dtype=bool)), rows)

    @abstractmethod
    def losses(
        self, parameters: Mapping[str, Tensor], columns: Mapping[str, Tensor], noise: Noise
    ) -> Tensor:
        """Return what training minimises, of shape (n_members, n_rows).

        `columns` hold ``x`` of shape (n_members, n_rows, *axes) in the model's precision, and
        ``mask``.
        """

    @abstractmethod
    def scores(
        self, parameters: Mapping[str, Tensor], columns: Mapping[str, Tensor], name: str
    ) -> Tensor:
        """Return the score `name`, of shape (n_members, n_rows), a function of each row alone."""

    def judged(
        self, parameters: Mapping[str, Tensor], columns: Mapping[str, Tensor], noise: Noise
    ) -> Tensor:
        """Return what a state is judged by, of shape (n_members, n_rows); the loss by default."""
        return self.losses(parameters, columns, noise)

    def encoded(self, parameters: Mapping[str, Tensor], columns: Mapping[str, Tensor]) -> Tensor:
        """Return latent coordinates, of shape (n_members, n_rows, n_latent)."""
        raise NotImplementedError

    def _model(self, seeds: Sequence[int]) -> Model:
        """Return what the loop trains; member m draws from ``seeds[m]``."""
        return Learning(self, seeds)

    def _fit(self, inputs: Inputs, rows: Sequence[MemberRows]) -> None:
        rngs = [stream(self.seed, "member", m) for m in range(self.members)]
        weights = self._initial(self.shape_, rngs)
        dtype = getattr(torch, self.dtype)
        scaling = {
            name: torch.from_numpy(np.asarray(values)).to(dtype)
            for name, values in self._scaling(inputs, rows).items()
        }
        self._learn({**weights, **scaling}, list(weights), inputs, rows, rngs)

    def _learn(
        self,
        parameters: Mapping[str, Tensor],
        trainable: Sequence[str],
        inputs: Inputs,
        rows: Sequence[MemberRows],
        rngs: Sequence[np.random.Generator],
    ) -> None:
        """Train from these initial values, and keep the result."""
        options = TrainingOptions(
            self.batch_size,
            self.rounds,
            self.learning_rate,
            self.weight_decay,
            min_epochs=self.rounds if self.keeps_last else 1,
            steps_per_epoch=self.steps // self.rounds,
            one_cycle=True,
            device=self.device,
        )
        seeds = [child_seed(self.seed, "member", m, "noise") for m in range(self.members)]
        columns = {name: as_tensor(values) for name, values in inputs.items()}
        callbacks = (EarlyStopping(self.patience), *self.callbacks)
        self.parameters_, self.histories_ = train(
            self._model(seeds), parameters, trainable, columns, rows, rngs, options, callbacks
        )
        self.n_parameters_ = sum(self.parameters_[name][0].numel() for name in trainable)

    def _member_scores(
        self, inputs: Inputs, members: Sequence[int], name: str
    ) -> NDArray[np.float64]:
        return self._map(lambda p, c: self.scores(p, c, name), inputs, members)

    def _latent(self, inputs: Inputs, member: int) -> NDArray[np.float64]:
        if not self.has_latent:
            return super()._latent(inputs, member)
        return np.asarray(self._map(self.encoded, inputs, [member])[0])

    def _map(
        self,
        function: Callable[[Mapping[str, Tensor], Mapping[str, Tensor]], Tensor],
        inputs: Inputs,
        members: Sequence[int],
    ) -> NDArray[np.float64]:
        """Apply a function of parameters and columns to all rows, a chunk at a time.

        The function returns (n_members, n_rows, ...); so does this.
        """
        parameters = {
            name: value[list(members)].to(self.device) for name, value in self.parameters_.items()
        }
        tensors = {name: as_tensor(values) for name, values in inputs.items()}
        found = []
        with one_torch_thread(), torch.no_grad():
            # One chunk even of no rows, which says what shape the result has.
            for start in range(0, max(1, len(inputs["x"])), self.chunk):
                rows = slice(start, start + self.chunk)
                columns = {
                    name: tensor[rows].to(self.device).expand(len(members), *tensor[rows].shape)
                    for name, tensor in tensors.items()
                }
                found.append(function(parameters, self.prepared(columns)).double().cpu().numpy())
        return np.concatenate(found, axis=1)

    def prepared(self, columns: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return columns as `losses` and `scores` want them: in its precision, padding as zeros."""
        x = columns["x"].to(getattr(torch, self.dtype))
        if "mask" in columns:
            x = x.masked_fill(~columns["mask"].unsqueeze(-1), 0.0)
        return {**columns, "x": x}

    def _state(self) -> dict[str, NDArray[Any]]:
        return {f"parameter.{name}": value.numpy() for name, value in self.parameters_.items()}

    def _notes(self) -> dict[str, Any]:
        return {
            "histories": histories_to_json(self.histories_),
            "n_parameters": self.n_parameters_,
        }

    def _restore(self, arrays: Mapping[str, NDArray[Any]], notes: Mapping[str, Any]) -> None:
        self.parameters_ = {
            name.removeprefix("parameter."): torch.from_numpy(np.array(array))
            for name, array in arrays.items()
        }
        self.histories_ = histories_from_json(notes["histories"])
        self.n_parameters_ = int(notes["n_parameters"])
        expected = self._initial(self.shape_, [stream(0, "shape", m) for m in range(self.members)])
        for name, value in expected.items():
            if self.parameters_[name].shape != value.shape:
                message = f"'{name}' does not have the shape of its options"
                raise ValueError(message)
        if any(len(value) != self.members for value in self.parameters_.values()):
            message = "the arrays do not have as many members as its options"
            raise ValueError(message)


class Noise:
    """Random numbers of each member, from its own stream, drawn on the processor.

    Parameters
    ----------
    seeds : sequence of int
        One per member.
    """

    def __init__(self, seeds: Sequence[int]) -> None:
        self._generators = [torch.Generator().manual_seed(seed) for seed in seeds]
        self.members: tuple[int, ...] = tuple(range(len(seeds)))

    def normal(self, shape: Sequence[int], like: Tensor) -> Tensor:
        """Return standard normal numbers of shape (n_members, *shape), as `like` is stored."""
        return self._drawn(torch.randn, shape, like)

    def uniform(self, shape: Sequence[int], like: Tensor) -> Tensor:
        """Return uniform numbers in [0, 1) of shape (n_members, *shape)."""
        return self._drawn(torch.rand, shape, like)

    def _drawn(self, draw: Callable[..., Tensor], shape: Sequence[int], like: Tensor) -> Tensor:
        drawn = [
            draw(tuple(shape), generator=self._generators[m], dtype=like.dtype)
            for m in self.members
        ]
        return torch.stack(drawn).to(like.device)


class Learning:
    """A score's loss, as the training loop wants it.

    Parameters
    ----------
    score : NeuralScore
    seeds : sequence of int
        Of the noise of each member; held-out rows have noise of their own, the same each time.
    """

    def __init__(self, score: NeuralScore, seeds: Sequence[int]) -> None:
        self._score = score
        self._seeds = list(seeds)
        self._noise = Noise(seeds)

    def loss(self, parameters: Mapping[str, Tensor], batch: Batch) -> Tensor:
        """Return the weighted sum of losses, of shape (n_members,)."""
        self._noise.members = batch.members
        columns = self._score.prepared(batch.columns)
        return (batch.weight * self._score.losses(parameters, columns, self._noise)).sum(dim=1)

    def validation(self, parameters: Mapping[str, Tensor], batch: Batch) -> Tensor:
        """Return the weighted sum of what a state is judged by, of shape (n_members,)."""
        noise = Noise([child_seed(seed, "validation") for seed in self._seeds])
        noise.members = batch.members
        columns = self._score.prepared(batch.columns)
        return (batch.weight * self._score.judged(parameters, columns, noise)).sum(dim=1)


def part(weights: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """Return the weights whose names begin with `prefix`, without it."""
    return {name[len(prefix) :]: v for name, v in weights.items() if name.startswith(prefix)}
