"""The one base of all that networks learn: members in one batch, one training loop, chunks, disk.

What to use when
----------------
`Neural`
    Anything whose parameters carry the members on their first axis. A subclass adds its networks
    (`_initial`), what travels with them but does not learn (`_scaling`), and its loss per row
    (`losses`), and trains with `_begin` and `_train`, evaluates with `_map`.
`NeuralEnsemble`
    The same, for what checks its options when it is made and writes itself to a folder: the
    classifiers, taggers and densities, and what generates, unfolds or calibrates with networks.
`NeuralClassifier`
    A `NeuralEnsemble` of p(1|x), which adds its logit only.
`Optimisation`, `Rounds`, `Patience`
    Options: of all of them, of those with a fixed number of steps, of those that stop early. The
    first two serve models that hand their options on to others, too.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Literal, Self

import numpy as np
import torch
from numpy.typing import DTypeLike, NDArray
from torch import Tensor

from bycatch.errors import ConfigError, DataError
from bycatch.learn.base import History
from bycatch.learn.callbacks import Callback, EarlyStopping
from bycatch.learn.checkpoint import (
    Checkpoint,
    constructor_options,
    damaged_metadata,
    histories_from_json,
    histories_to_json,
    load_checkpoint,
    save_checkpoint,
)
from bycatch.learn.devices import checked_device
from bycatch.learn.inputs import as_tensor
from bycatch.learn.members import MemberRows, check_option
from bycatch.learn.options import Options, learned, option, options_of
from bycatch.learn.threads import one_torch_thread
from bycatch.learn.trainer import Batch, Model, TrainingOptions, train
from bycatch.tasks.random import child_seed, stream

Columns = Mapping[str, NDArray[Any]]
"""What a model sees of its rows; the first column says how many there are."""


class Optimisation(Options):
    """How networks learn, and where they compute."""

    batch_size: int = option(default=256, least=1, says="Rows of a member in each gradient step.")
    learning_rate: float = option(default=1e-3, least=0.0, says="At its highest.")
    weight_decay: float = option(default=0.0, least=0.0, says="L2 penalty of Adam.")
    dtype: Literal["float32", "float64"] = option(
        default="float32", says="Precision of parameters and of all that is computed with them."
    )
    device: str = option(
        default="cpu",
        says="``cpu``, ``cuda`` or ``cuda:N``, wherever it computes; it is no property of the "
        "model, and not saved with it.",
    )

    def check_options(self) -> None:
        """Refuse options that make no sense (ConfigError)."""
        if self.dtype not in {"float32", "float64"}:
            raise ConfigError(
                f"The option 'dtype' is {self.dtype!r}, but it must be 'float32' or 'float64'."
            )
        super().check_options()
        checked_device(self.device)


class Rounds(Optimisation):
    """A fixed number of steps, in equal parts; the learning rate rises and falls to zero in them.

    A state is judged at the end of each part.
    """

    keeps_last: ClassVar[bool] = False
    """Whether the last state is kept instead of the best one: a game has no lowest loss."""

    steps: int = option(default=4000, least=1, says="Gradient steps at most.")
    rounds: int = option(
        default=20, says="Parts of the training, after each of which a member is judged."
    )

    def check_options(self) -> None:
        """Refuse options that make no sense (ConfigError)."""
        super().check_options()
        check_option("rounds", self.rounds, 1, self.steps)

    def _training(self) -> TrainingOptions:
        return TrainingOptions(
            self.batch_size,
            self.rounds,
            self.learning_rate,
            self.weight_decay,
            min_epochs=self.rounds if self.keeps_last else 1,
            steps_per_epoch=self.steps // self.rounds,
            one_cycle=True,
            device=self.device,
        )


class Neural(Optimisation, ABC):
    """Members that the one training loop trains, as one batched network."""

    chunk: ClassVar[int] = 4096
    """Rows that are evaluated at a time."""
    prefix: ClassVar[str] = ""
    """What the names of its parameters begin with on disk."""

    members: int = option(default=1, least=1, kw_only=False, says="Independent repetitions.")
    callbacks: Sequence[Callback] = learned(default=())
    histories_: Sequence[History] = learned(default=())
    parameters_: dict[str, Tensor] = learned(default_factory=dict)

    @abstractmethod
    def _initial(
        self, shape: tuple[int, ...], rngs: Sequence[np.random.Generator]
    ) -> dict[str, Tensor]:
        """Return initial weights for inputs of that shape, each with the members first."""

    def _scaling(self, columns: Columns, rows: Sequence[MemberRows]) -> dict[str, NDArray[Any]]:  # noqa: ARG002
        """Measure what travels with the weights but does not learn, with the members first."""
        return {}

    @abstractmethod
    def losses(
        self, parameters: Mapping[str, Tensor], columns: Mapping[str, Tensor], noise: Noise
    ) -> Tensor:
        """Return what training minimises, of shape (n_members, n_rows).

        `columns` have the shape (n_members, n_rows, ...), as `prepared` returns them.
        """

    def judged(
        self, parameters: Mapping[str, Tensor], columns: Mapping[str, Tensor], noise: Noise
    ) -> Tensor:
        """Return what a state is judged by, of shape (n_members, n_rows); the loss by default."""
        return self.losses(parameters, columns, noise)

    def prepared(self, columns: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return columns as the losses want them: ``x`` in the model's precision."""
        # Inputs stay as they are stored, bytes for example, until their batch or chunk comes.
        precision = getattr(torch, self.dtype)
        return {name: c.to(precision) if name == "x" else c for name, c in columns.items()}

    def _model(self, seeds: Sequence[int]) -> Model:
        """Return what the loop trains; member m draws from ``seeds[m]``."""
        return Learning(self, seeds)

    @abstractmethod
    def _training(self) -> TrainingOptions:
        """Return the options of the loop."""

    def _stopping(self) -> tuple[Callback, ...]:
        """Return what ends the training of a member early; by default nothing does."""
        return ()

    def _streams(self, seed: int) -> list[np.random.Generator]:
        return [stream(seed, "member", m) for m in range(self.members)]

    def _begin(
        self,
        shape: tuple[int, ...],
        columns: Columns,
        rows: Sequence[MemberRows],
        rngs: Sequence[np.random.Generator],
    ) -> tuple[dict[str, Tensor], list[str]]:
        """Return initial parameters, scaling included, and the names of those that learn."""
        weights = self._initial(shape, rngs)
        precision = getattr(torch, self.dtype)
        scaling = {
            name: torch.from_numpy(np.asarray(values)).to(precision)
            for name, values in self._scaling(columns, rows).items()
        }
        return {**weights, **scaling}, list(weights)

    def _train(
        self,
        parameters: Mapping[str, Tensor],
        trainable: Sequence[str],
        columns: Columns,
        rows: Sequence[MemberRows],
        rngs: Sequence[np.random.Generator],
        seed: int,
    ) -> None:
        """Train from these initial values, and keep the result."""
        seeds = [child_seed(seed, "member", m, "noise") for m in range(self.members)]
        self.parameters_, self.histories_ = train(
            self._model(seeds),
            parameters,
            trainable,
            {name: as_tensor(values) for name, values in columns.items()},
            rows,
            rngs,
            self._training(),
            (*self._stopping(), *self.callbacks),
        )

    def _map(
        self,
        function: Callable[[Mapping[str, Tensor], Mapping[str, Tensor]], Tensor],
        columns: Columns,
        members: Sequence[int],
        dtype: DTypeLike = np.float64,
    ) -> NDArray[Any]:
        """Apply a function of parameters and columns to all rows, a chunk at a time.

        The function returns (n_members, n_rows, ...); so does this. Where one chunk holds all rows,
        it may return what it wants of them, after the members.
        """
        parameters = {
            name: value[list(members)].to(self.device) for name, value in self.parameters_.items()
        }
        tensors = {name: as_tensor(values) for name, values in columns.items()}
        n_rows = len(next(iter(tensors.values())))
        found = np.empty(0, dtype)
        with one_torch_thread(), torch.no_grad():
            # One chunk even of no rows, which says what shape the result has.
            for start in range(0, max(1, n_rows), self.chunk):
                rows = slice(start, start + self.chunk)
                part = {
                    name: tensor[rows].to(self.device).expand(len(members), *tensor[rows].shape)
                    for name, tensor in tensors.items()
                }
                values = function(parameters, self.prepared(part)).double().cpu().numpy()
                if not start:
                    length = n_rows if n_rows > self.chunk else values.shape[1]
                    found = np.empty((len(members), length, *values.shape[2:]), dtype)
                found[:, rows] = values
        return found

    def _state(self) -> dict[str, NDArray[Any]]:
        """Return what was learned as arrays."""
        return {f"{self.prefix}{name}": value.numpy() for name, value in self.parameters_.items()}

    def _notes(self) -> dict[str, Any]:
        """Return what else was learned, as JSON can hold it."""
        return {"histories": histories_to_json(self.histories_)}

    def _restore(self, arrays: Columns, notes: Mapping[str, Any]) -> None:
        """Take what `_state` and `_notes` returned; ValueError or KeyError where it cannot be."""
        self.histories_ = histories_from_json(notes["histories"])
        self.parameters_ = {
            name.removeprefix(self.prefix): torch.from_numpy(np.array(array))
            for name, array in arrays.items()
            if name.startswith(self.prefix)
        }

    def _expected(self, shape: tuple[int, ...]) -> dict[str, Tensor]:
        """Return weights that have the shapes of its options, whatever their values."""
        return self._initial(shape, [stream(0, "shape", m) for m in range(self.members)])


class Patience(Neural):
    """Members stop one by one, when their loss falls no more."""

    patience: int = option(
        default=10,
        least=1,
        says="Rounds without a lower validation loss after which a member stops.",
    )

    def _stopping(self) -> tuple[Callback, ...]:
        return (EarlyStopping(self.patience),)


class NeuralEnsemble(Neural):
    """A `Neural` that checks its options when it is made, and is a folder on disk."""

    kind: ClassVar[str]
    noun: ClassVar[str] = "ensemble"
    """What messages call it."""

    shape_: tuple[int, ...] = learned(default=())

    def __post_init__(self) -> None:
        """Check the options, and keep sequences as tuples, so that nobody changes them later."""
        self.check_options()
        for field in options_of(type(self)):
            value = getattr(self, field.name)
            if str(field.type).startswith(("Sequence", "tuple")) and value is not None:
                setattr(self, field.name, tuple(value))

    def save(self, folder: Path) -> None:
        """Write the members to `folder` (safetensors and JSON; never pickle)."""
        self._require_fitted()
        metadata = {"options": constructor_options(self), **self._notes()}
        save_checkpoint(folder, Checkpoint(self.kind, metadata, self._state()))

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read what `save` wrote.

        Raises
        ------
        InputError
            Where the folder is missing, damaged, or holds something else.
        """
        checkpoint = load_checkpoint(folder, cls.kind)
        with damaged_metadata(folder):
            found = cls(**checkpoint.metadata["options"])
            found._restore(checkpoint.arrays, checkpoint.metadata)
            if not found._fits():
                raise ValueError("the arrays do not have the shapes of its options")
        return found

    def _fits(self) -> bool:
        """Return whether all parameters have the shapes of its options."""
        expected = {name: tuple(value.shape) for name, value in self._expected(self.shape_).items()}
        expected |= {name: value.shape for name, value in self._unit_scaling(self.shape_).items()}
        return expected == {name: tuple(value.shape) for name, value in self.parameters_.items()}

    def _unit_scaling(self, shape: tuple[int, ...]) -> dict[str, NDArray[Any]]:
        """Return the scaling of one row of zeros; who has no use for a mask does not look at it."""
        rows = [MemberRows(*np.zeros((2, 1), dtype=np.int64), *np.ones((2, 1)))] * self.members
        row = {"x": np.zeros((1, *shape), np.float32), "mask": np.ones((1, shape[0]), dtype=bool)}
        return self._scaling(row, rows)

    def _require_fitted(self) -> None:
        if not self.parameters_:
            raise DataError(f"The {self.noun} is not trained; call 'fit' first.")


class NeuralClassifier(Patience, NeuralEnsemble):
    """Weighted cross-entropy of networks that tell 1 from 0."""

    @abstractmethod
    def logit(self, parameters: Mapping[str, Tensor], columns: Mapping[str, Tensor]) -> Tensor:
        """Return log p/(1-p) under any parameters.

        Parameters
        ----------
        parameters : mapping of str to Tensor of shape (n_members, ...)
        columns : mapping of str to Tensor of shape (n_members, n_rows, ...)
            ``x``, the inputs as they were given, and ``mask`` where the model has one.

        Returns
        -------
        Tensor of shape (n_members, n_rows)
        """

    def losses(
        self,
        parameters: Mapping[str, Tensor],
        columns: Mapping[str, Tensor],
        noise: Noise,  # noqa: ARG002
    ) -> Tensor:
        """Return cross-entropies in nats, of shape (n_members, n_rows)."""
        logit = self.logit(parameters, columns)
        return torch.nn.functional.binary_cross_entropy_with_logits(
            logit, columns["y"].to(logit), reduction="none"
        )

    def _probabilities(self, columns: Columns, members: Sequence[int]) -> NDArray[np.float32]:
        """Return p(1|x) of each chosen member, of shape (n_chosen, n_rows)."""
        if not len(columns["x"]):  # which not all networks can take
            return np.empty((len(members), 0), np.float32)
        return self._map(lambda p, c: torch.sigmoid(self.logit(p, c)), columns, members, np.float32)


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
    """A model's loss, as the training loop wants it.

    Parameters
    ----------
    model : Neural
    seeds : sequence of int
        Of the noise of each member; held-out rows have noise of their own, the same each time.
    """

    def __init__(self, model: Neural, seeds: Sequence[int]) -> None:
        self._learner = model
        self._seeds = list(seeds)
        self._noise = Noise(seeds)

    def loss(self, parameters: Mapping[str, Tensor], batch: Batch) -> Tensor:
        """Return the weighted sum of losses, of shape (n_members,)."""
        self._noise.members = batch.members
        columns = self._learner.prepared(batch.columns)
        return (batch.weight * self._learner.losses(parameters, columns, self._noise)).sum(dim=1)

    def validation(self, parameters: Mapping[str, Tensor], batch: Batch) -> Tensor:
        """Return the weighted sum of what a state is judged by, of shape (n_members,)."""
        noise = Noise([child_seed(seed, "validation") for seed in self._seeds])
        noise.members = batch.members
        columns = self._learner.prepared(batch.columns)
        return (batch.weight * self._learner.judged(parameters, columns, noise)).sum(dim=1)
