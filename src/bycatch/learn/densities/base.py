"""What all learned densities share: rows, scaling, training, chunks, and models on disk.

A density is learned in scaled features z = f(x), where f is logit and standardisation with a
tracked Jacobian, and evaluated and sampled in the features themselves. A model file (`matching`,
`flows`) adds only what its paper adds.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import ClassVar, Literal, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from bycatch.errors import DataError
from bycatch.learn.base import History
from bycatch.learn.callbacks import Callback
from bycatch.learn.checkpoint import (
    Checkpoint,
    constructor_options,
    damaged_metadata,
    histories_from_json,
    histories_to_json,
    load_checkpoint,
    save_checkpoint,
)
from bycatch.learn.densities.rows import DensityRows, checked_condition, density_rows
from bycatch.learn.devices import checked_device
from bycatch.learn.members import check_features, check_members, check_option, check_training
from bycatch.learn.threads import one_torch_thread
from bycatch.learn.trainer import Model, TrainingOptions
from bycatch.learn.trainer import train as _train
from bycatch.represent.scaling import LogitStandardise, Standardise
from bycatch.tasks.random import child_seed, stream

__all__ = ["NeuralDensity"]

_CHUNK = 8192
_SCALING = ("low", "high", "mean", "scale")


class NeuralDensity(ABC):
    """A conditional density ensemble that the one training loop trains.

    Training has a fixed number of steps, since what a density needs depends on the steps and hardly
    on the number of events; the learning rate falls to zero at the end. After each of `rounds`
    equal parts the held-out likelihood is measured, and the best state is kept. Signed weights
    enter the loss as they are.

    The scaling is common to all members. It is measured on all rows that any member uses, unless
    `fit` is given one.

    Parameters
    ----------
    members : int
    steps : int
        Gradient steps.
    rounds : int
        Parts of the training, after each of which the held-out likelihood is measured.
    batch_size : int
    learning_rate : float
        At its highest.
    weight_decay : float
    dtype : {"float32", "float64"}
    device : str
        ``cpu``, ``cuda`` or ``cuda:N``, in training, evaluating and sampling; it is no property of
        the model, and not saved with it.

    Attributes
    ----------
    histories_ : list of History
        Per member: the training loss, and -log p of held-out events in nats per unit of the
        features, both per round.
    callbacks : sequence of Callback
        Progress or logging; empty unless set before `fit`.
    scaling_ : LogitStandardise
    """

    kind: ClassVar[str]
    citation: ClassVar[str]
    """Key of the paper in `bycatch.report.citations`."""
    validation_rows: ClassVar[int]
    """Held-out events that are used at most to judge a state."""

    def __init__(
        self,
        members: int,
        *,
        steps: int,
        rounds: int,
        batch_size: int,
        learning_rate: float,
        weight_decay: float,
        dtype: Literal["float32", "float64"],
        device: str,
    ) -> None:
        check_training(members, batch_size, learning_rate, weight_decay, dtype)
        check_option("steps", steps, 1)
        check_option("rounds", rounds, 1, steps)
        self.members = members
        self.steps = steps
        self.rounds = rounds
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.weight_decay = weight_decay
        checked_device(device)
        self.dtype = dtype
        self.device = device
        self.callbacks: Sequence[Callback] = ()
        self.histories_: Sequence[History] = ()
        self.scaling_ = LogitStandardise(*np.zeros((4, 0)))  # of no features, until `fit`
        self._parameters: dict[str, Tensor] = {}
        self._sizes = {"n_features": 0, "n_conditions": 0, "n_heads": 1}

    @abstractmethod
    def _initial(self, rngs: Sequence[np.random.Generator]) -> dict[str, Tensor]:
        """Return initial parameters, each with the members on its first axis."""

    @abstractmethod
    def _model(self, seeds: Sequence[int]) -> Model:
        """Return what the loop trains; member m draws from ``seeds[m]``."""

    @abstractmethod
    def _log_prob(self, parameters: Mapping[str, Tensor], z: Tensor, c: Tensor, h: int) -> Tensor:
        """Return log p(z | c) of head `h`, of shape (n_members, n_rows)."""

    @abstractmethod
    def _sample(
        self, parameters: Mapping[str, Tensor], c: Tensor, generator: torch.Generator, h: int
    ) -> Tensor:
        """Draw scaled features of head `h` for one member, of shape (n_rows, n_features)."""

    @abstractmethod
    def _check_heads(self, n_heads: int, n_conditions: int) -> None:
        """Refuse heads or conditions that the model cannot have (ConfigError)."""

    def fit(
        self,
        X: NDArray[np.float32],
        condition: NDArray[np.floating] | None = None,
        weight: NDArray[np.float64] | None = None,
        *,
        train: NDArray[np.bool_],
        validate: NDArray[np.bool_],
        seed: int,
        blind: NDArray[np.bool_] | None = None,
        bounds: NDArray[np.float64] | None = None,
        scaling: LogitStandardise | None = None,
    ) -> Self:
        """Train all members; see `bycatch.learn.base.DensityEnsemble.fit`.

        Raises
        ------
        DataError
            Where the rows cannot serve.
        ConfigError
            Where the model cannot have that many heads or conditions.
        FitError
            Where a training diverges.
        """
        rngs = [stream(seed, "member", m) for m in range(self.members)]
        most, head_rng = self.validation_rows, stream(seed, "heads")
        data = density_rows(X, condition, weight, train, validate, blind, rngs, most, head_rng)
        self._check_heads(data.sees.shape[1], data.condition.shape[1])
        self._sizes = {
            "n_features": data.X.shape[1],
            "n_conditions": data.condition.shape[1],
            "n_heads": data.sees.shape[1],
        }
        used, used_weight = data.used()
        self.scaling_ = scaling or LogitStandardise.fit(data.X[used], used_weight, bounds)
        self._require_inside(data.X[used])
        self._condition = Standardise.fit(data.condition[used], used_weight)
        options = TrainingOptions(
            self.batch_size,
            self.rounds,
            self.learning_rate,
            self.weight_decay,
            steps_per_epoch=self.steps // self.rounds,
            one_cycle=True,
            device=self.device,
        )
        initial = self._initial(rngs)
        seeds = [child_seed(seed, "member", m, "noise") for m in range(self.members)]
        self._parameters, self.histories_ = _train(
            self._model(seeds),
            initial,
            list(initial),
            self._columns(data),
            data.rows,
            rngs,
            options,
            self.callbacks,
        )
        return self

    def _require_inside(self, X: NDArray[np.float32]) -> None:
        outside = int(np.count_nonzero(~self.scaling_.inside(X)))
        if outside:
            message = (
                f"{outside} of {len(X)} rows lie outside of the bounds of the scaling that was "
                "given: clip them, or let the density measure its own."
            )
            raise DataError(message)

    def _columns(self, data: DensityRows) -> dict[str, Tensor]:
        """Return what the model sees of the rows."""
        columns = {
            # Rows that no member uses may lie outside of the support.
            "z": np.nan_to_num(self.scaling_.transform(data.X)),
            "c": self._condition.transform(data.condition),
            "jacobian": np.nan_to_num(self.scaling_.log_jacobian(data.X)),
            "sees": data.sees,
        }
        dtype = getattr(torch, self.dtype)
        tensors = {name: torch.from_numpy(values).to(dtype) for name, values in columns.items()}
        return {**tensors, "head": torch.from_numpy(data.head)}

    def log_prob(
        self,
        X: NDArray[np.floating],
        condition: NDArray[np.floating] | None = None,
        members: Sequence[int] | None = None,
        head: int = 0,
    ) -> NDArray[np.float64]:
        """Return log p(x | c) of each chosen member.

        Parameters
        ----------
        X : ndarray of shape (n_rows, n_features)
        condition : ndarray of shape (n_rows,) or (n_rows, n_conditions), optional
        members : sequence of int, optional
            All by default.
        head : int

        Returns
        -------
        ndarray of shape (n_chosen, n_rows)
            In nats, per unit of the features; -inf outside of the support.

        Raises
        ------
        DataError
            Where the density is not trained, or the rows do not fit it.
        """
        parameters = self._fitted(head)
        X = check_features(X, self._sizes["n_features"])
        chosen = check_members(members, self.members)
        parameters = {name: value[chosen].to(self.device) for name, value in parameters.items()}
        c = self._conditions(condition, len(X))
        result = np.full((len(chosen), len(X)), -np.inf)
        inside = np.flatnonzero(self.scaling_.inside(X))
        with one_torch_thread(), torch.no_grad():
            for start in range(0, inside.size, _CHUNK):
                part = inside[start : start + _CHUNK]
                z = torch.from_numpy(self.scaling_.transform(X[part])).to(c)
                log_p = self._log_prob(
                    parameters,
                    z.expand(len(chosen), -1, -1),
                    c[part].expand(len(chosen), -1, -1),
                    head,
                )
                result[:, part] = log_p.double().cpu().numpy() + self.scaling_.log_jacobian(X[part])
        return result

    def sample(
        self,
        condition: NDArray[np.floating] | None,
        seed: int,
        member: int = 0,
        head: int = 0,
        n: int | None = None,
    ) -> NDArray[np.float32]:
        """Draw events.

        Parameters
        ----------
        condition : ndarray of shape (n_rows,) or (n_rows, n_conditions), or None
        seed : int
        member, head : int
        n : int, optional
            Number of events of an unconditional density.

        Returns
        -------
        ndarray of shape (n_rows, n_features)

        Raises
        ------
        DataError
            Where the density is not trained, or condition and `n` do not say how many events.
        """
        parameters = self._fitted(head)
        chosen = check_members([member], self.members)
        parameters = {name: value[chosen].to(self.device) for name, value in parameters.items()}
        if condition is None and n is None:
            message = "An unconditional density must be told the number of events: give 'n'."
            raise DataError(message)
        c = self._conditions(condition, len(condition) if condition is not None else n or 0)
        generator = torch.Generator().manual_seed(child_seed(seed, "sample"))
        result = np.empty((len(c), self._sizes["n_features"]), dtype=np.float32)
        with one_torch_thread(), torch.no_grad():
            for start in range(0, len(c), _CHUNK):
                part = slice(start, start + _CHUNK)
                z = self._sample(parameters, c[part][None], generator, head)
                X = self.scaling_.inverse(z.double().cpu().numpy())
                result[part] = self.scaling_.clip(X)
        return result

    def save(self, folder: Path) -> None:
        """Write the members to `folder`."""
        arrays = {f"parameter.{name}": value.numpy() for name, value in self._fitted(0).items()}
        arrays |= {f"scaling.{name}": getattr(self.scaling_, name) for name in _SCALING}
        arrays |= {f"condition.{name}": getattr(self._condition, name) for name in _SCALING[2:]}
        metadata = {
            "options": constructor_options(self),
            "sizes": self._sizes,
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
            arrays = checkpoint.arrays
            density = cls(**checkpoint.metadata["options"])
            density.histories_ = histories_from_json(checkpoint.metadata["histories"])
            density._sizes = {
                name: int(checkpoint.metadata["sizes"][name]) for name in density._sizes
            }
            density.scaling_ = LogitStandardise(*(arrays[f"scaling.{name}"] for name in _SCALING))
            density._condition = Standardise(
                *(arrays[f"condition.{name}"] for name in _SCALING[2:])
            )
            density._parameters = {
                name.removeprefix("parameter."): torch.from_numpy(np.array(array))
                for name, array in arrays.items()
                if name.startswith("parameter.")
            }
            density._check_shapes()
        return density

    def _check_shapes(self) -> None:
        """Refuse loaded arrays that are not the parameters of this density (ValueError)."""
        expected = self._initial([stream(0, "shape", m) for m in range(self.members)])
        found = {name: value.shape for name, value in self._parameters.items()}
        n_features, n_conditions = self._sizes["n_features"], self._sizes["n_conditions"]
        scalings = (self.scaling_.low.shape, self._condition.mean.shape)
        if found != {name: value.shape for name, value in expected.items()} or scalings != (
            (n_features,),
            (n_conditions,),
        ):
            message = "the arrays do not have the shapes of its options"
            raise ValueError(message)

    def _conditions(self, condition: NDArray[np.floating] | None, n_rows: int) -> Tensor:
        values = checked_condition(condition, n_rows, self._sizes["n_conditions"])
        scaled = torch.from_numpy(self._condition.transform(values))
        return scaled.to(self.device, getattr(torch, self.dtype))

    def _fitted(self, head: int) -> dict[str, Tensor]:
        if not self._parameters:
            message = "The density is not trained; call 'fit' first."
            raise DataError(message)
        if not 0 <= head < self._sizes["n_heads"]:
            message = f"There is no head {head}; the density has {self._sizes['n_heads']}."
            raise DataError(message)
        return self._parameters
