"""Supervised taggers: what all of them share. They are the yardstick of everything that follows.

A tagger learns p(1|x) of one representation of jets from truth labels. It is an ensemble as the
classifiers are: member `m` learns from the rows that ``train[m]`` marks and is judged on those that
``validate[m]`` marks, and all members are one batched network. A model file (`tagger_cnn`,
`tagger_deep_sets`, ...) adds only what its paper adds.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Literal, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from bycatch.errors import DataError
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
from bycatch.learn.inputs import as_tensor, check_inputs, check_mask
from bycatch.learn.members import (
    MemberRows,
    check_members,
    check_option,
    check_training,
    labelled_rows,
)
from bycatch.learn.threads import one_torch_thread
from bycatch.learn.trainer import Batch, TrainingOptions
from bycatch.learn.trainer import train as _train
from bycatch.tasks.random import stream

__all__ = ["NeuralTagger"]

_PREDICT_CHUNK = 512


class NeuralTagger(ABC):
    """A tagger that the one training loop trains.

    Training has a fixed number of steps, in which the learning rate rises and falls to zero. After
    each of `rounds` equal parts the weighted cross-entropy of the validation rows is measured, and
    the state where it is lowest is kept. Signed weights enter the loss as they are, balanced to
    equal sums of the two classes.

    Parameters
    ----------
    members : int
    steps : int
        Gradient steps at most; ``steps * batch_size / n_train`` passes over the training rows.
    rounds : int
        Parts of the training, after each of which a member is judged.
    patience : int
        Rounds without a lower validation loss after which a member stops.
    batch_size : int
    learning_rate : float
        At its highest.
    weight_decay : float
        L2 penalty of Adam.
    dtype : {"float32", "float64"}
    device : str
        ``cpu``, ``cuda`` or ``cuda:N``; not saved with the model.

    Attributes
    ----------
    histories_ : list of History
        Learning curve of each member, in nats per round.
    n_parameters_ : int
        Numbers that each member learns; 0 before `fit`.
    callbacks : sequence of Callback
        Progress or logging; empty unless set before `fit`.
    """

    kind: ClassVar[str]
    citation: ClassVar[str]
    """Key of the paper in `bycatch.report.citations`."""
    representation: ClassVar[str]
    """Name of what it eats in `bycatch.represent.REPRESENTATIONS`."""
    axes: ClassVar[tuple[str, ...]]
    """Names of the axes of the inputs after the first."""
    masked: ClassVar[bool] = False
    """Whether rows have a number of constituents of their own."""

    def __init__(
        self,
        members: int,
        *,
        steps: int,
        rounds: int,
        patience: int,
        batch_size: int,
        learning_rate: float,
        weight_decay: float,
        dtype: Literal["float32", "float64"],
        device: str,
    ) -> None:
        check_training(members, batch_size, learning_rate, weight_decay, dtype)
        check_option("steps", steps, 1)
        check_option("rounds", rounds, 1, steps)
        check_option("patience", patience, 1)
        checked_device(device)
        self.members = members
        self.steps = steps
        self.rounds = rounds
        self.patience = patience
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.weight_decay = weight_decay
        self.dtype = dtype
        self.device = device
        self.callbacks: Sequence[Callback] = ()
        self.histories_: Sequence[History] = ()
        self.n_parameters_ = 0
        self._parameters: dict[str, Tensor] = {}
        self._shape: tuple[int, ...] = ()

    @abstractmethod
    def _initial(
        self, shape: tuple[int, ...], rngs: Sequence[np.random.Generator]
    ) -> dict[str, Tensor]:
        """Return initial weights for inputs of that shape, each with the members first."""

    @abstractmethod
    def _scaling(
        self, columns: Mapping[str, NDArray[Any]], rows: Sequence[MemberRows]
    ) -> dict[str, NDArray[np.float64]]:
        """Measure what travels with the weights but does not learn, with the members first."""

    @abstractmethod
    def logit(self, parameters: Mapping[str, Tensor], columns: Mapping[str, Tensor]) -> Tensor:
        """Return log p/(1-p) under any parameters.

        Parameters
        ----------
        parameters : mapping of str to Tensor of shape (n_members, ...)
        columns : mapping of str to Tensor of shape (n_members, n_rows, ...)
            ``x``, the inputs as they were given, and ``mask`` where the tagger has one.

        Returns
        -------
        Tensor of shape (n_members, n_rows)
        """

    def fit(
        self,
        X: NDArray[np.generic],
        y: NDArray[np.int8],
        weight: NDArray[np.float64] | None = None,
        mask: NDArray[np.bool_] | None = None,
        *,
        train: NDArray[np.bool_],
        validate: NDArray[np.bool_],
        seed: int,
    ) -> Self:
        """Train all members.

        Parameters
        ----------
        X : ndarray of shape (n_rows, *axes)
            In bytes, half, single or double precision; it is not copied.
        y : ndarray of shape (n_rows,)
            1 for signal, 0 for background.
        weight : ndarray of shape (n_rows,), optional
            Signed weights.
        mask : ndarray of bool, of shape (n_rows, n_constituents), optional
            True where there is a constituent; only for taggers with `masked`.
        train, validate : ndarray of shape (n_members, n_rows)
            Row masks; a member's two masks must not overlap.
        seed : int
            Member m draws from the stream (seed, "member", m) only.

        Raises
        ------
        DataError
            Where the rows cannot serve.
        FitError
            Where a training diverges.
        """
        inputs = self._checked(X, mask)
        shape = inputs["x"].shape[1:]
        y, rows = labelled_rows(len(inputs["x"]), y, weight, train, validate, self.members)
        rngs = [stream(seed, "member", m) for m in range(self.members)]
        dtype = getattr(torch, self.dtype)
        weights = self._initial(shape, rngs)
        scaling = {
            name: torch.from_numpy(values).to(dtype)
            for name, values in self._scaling(inputs, rows).items()
        }
        columns = {name: as_tensor(values) for name, values in inputs.items()}
        options = TrainingOptions(
            self.batch_size,
            self.rounds,
            self.learning_rate,
            self.weight_decay,
            steps_per_epoch=self.steps // self.rounds,
            one_cycle=True,
            device=self.device,
        )
        self._parameters, self.histories_ = _train(
            _Tagging(self),
            {**weights, **scaling},
            list(weights),
            {**columns, "y": torch.from_numpy(y)},
            rows,
            rngs,
            options,
            (EarlyStopping(self.patience), *self.callbacks),
        )
        self._remember(shape, weights)
        return self

    def predict(
        self,
        X: NDArray[np.generic],
        mask: NDArray[np.bool_] | None = None,
        members: Sequence[int] | None = None,
    ) -> NDArray[np.float32]:
        """Return p(1|x) of each chosen member.

        Parameters
        ----------
        X : ndarray of shape (n_rows, *axes)
        mask : ndarray of bool, of shape (n_rows, n_constituents), optional
        members : sequence of int, optional
            All by default.

        Returns
        -------
        ndarray of shape (n_chosen, n_rows)

        Raises
        ------
        DataError
            Where the tagger is not trained, or the rows do not fit it.
        """
        parameters = self._fitted()
        inputs = self._checked(X, mask)
        chosen = check_members(members, self.members)
        parameters = {name: value[chosen].to(self.device) for name, value in parameters.items()}
        n_rows = len(inputs["x"])
        result = np.empty((len(chosen), n_rows), dtype=np.float32)
        tensors = {name: as_tensor(values) for name, values in inputs.items()}
        with one_torch_thread(), torch.no_grad():
            for start in range(0, n_rows, _PREDICT_CHUNK):
                part = slice(start, start + _PREDICT_CHUNK)
                columns = {
                    name: tensor[part].to(self.device).expand(len(chosen), *tensor[part].shape)
                    for name, tensor in tensors.items()
                }
                columns["x"] = columns["x"].to(getattr(torch, self.dtype))
                result[:, part] = torch.sigmoid(self.logit(parameters, columns)).cpu().numpy()
        return result

    def save(self, folder: Path) -> None:
        """Write the members to `folder` (safetensors and JSON; never pickle)."""
        arrays = {name: value.numpy() for name, value in self._fitted().items()}
        metadata = {
            "options": constructor_options(self),
            "shape": self._shape,
            "histories": histories_to_json(self.histories_),
        }
        save_checkpoint(folder, Checkpoint(self.kind, metadata, arrays))

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
            tagger = cls(**checkpoint.metadata["options"])
            tagger.histories_ = histories_from_json(checkpoint.metadata["histories"])
            tagger._parameters = {
                name: torch.from_numpy(np.array(array)) for name, array in checkpoint.arrays.items()
            }
            tagger._restore(tuple(int(length) for length in checkpoint.metadata["shape"]))
        return tagger

    def _restore(self, shape: tuple[int, ...]) -> None:
        """Refuse loaded arrays that are not those of this tagger (ValueError)."""
        if len(shape) != len(self.axes):
            message = f"its inputs have the axes {self.axes}, not the shape {shape}"
            raise ValueError(message)
        weights = self._initial(shape, [stream(0, "shape", m) for m in range(self.members)])
        expected = {name: tuple(value.shape) for name, value in weights.items()}
        expected |= {name: value.shape for name, value in self._unit_scaling(shape).items()}
        if {name: tuple(value.shape) for name, value in self._parameters.items()} != expected:
            message = "the arrays do not have the shapes of its options"
            raise ValueError(message)
        self._remember(shape, weights)

    def _unit_scaling(self, shape: tuple[int, ...]) -> dict[str, NDArray[np.float64]]:
        """Return the scaling of one row of zeros."""
        rows = [MemberRows(*np.zeros((2, 1), dtype=np.int64), *np.ones((2, 1)))] * self.members
        mask = np.ones((1, shape[0]), dtype=bool) if self.masked else None
        return self._scaling(self._checked(np.zeros((1, *shape), dtype=np.float32), mask), rows)

    def _remember(self, shape: tuple[int, ...], weights: Mapping[str, Tensor]) -> None:
        self._shape = tuple(shape)
        self.n_parameters_ = sum(value[0].numel() for value in weights.values())

    def _checked(
        self, X: NDArray[np.generic], mask: NDArray[np.bool_] | None
    ) -> dict[str, NDArray[Any]]:
        """Return ``x``, and ``mask`` where the tagger has one."""
        X = np.asarray(X)
        if not self.masked and mask is not None:
            message = f"The tagger '{self.kind}' has no use for a mask; leave 'mask' out."
            raise DataError(message)
        shape: tuple[int | None, ...] = self._shape
        if self.masked and X.ndim == 3:
            mask = check_mask(mask, X.shape[:2])
            shape = (None, *shape[1:]) if shape else ()  # padding may be longer or shorter
        X = check_inputs(X, mask, self.axes, shape or None)
        return {"x": X} if mask is None else {"x": X, "mask": mask}

    def _fitted(self) -> dict[str, Tensor]:
        if not self._parameters:
            message = "The tagger is not trained; call 'fit' first."
            raise DataError(message)
        return self._parameters


class _Tagging:
    """Weighted cross-entropy of a tagger, as the training loop wants it."""

    def __init__(self, tagger: NeuralTagger) -> None:
        self._tagger = tagger

    def loss(self, parameters: Mapping[str, Tensor], batch: Batch) -> Tensor:
        """Return the weighted sum of cross-entropies in nats, of shape (n_members,)."""
        columns = {**batch.columns, "x": batch.columns["x"].to(batch.weight)}
        logit = self._tagger.logit(parameters, columns)
        cross_entropy = torch.nn.functional.binary_cross_entropy_with_logits(
            logit, columns["y"].to(batch.weight), reduction="none"
        )
        return (batch.weight * cross_entropy).sum(dim=1)

    validation = loss
