"""Ensembles of networks, trained as one batched network.

Fifty small networks cost little more than a few: their weights form one tensor of shape
(n_members, n_in, n_out), and each step moves all members by one mini-batch of their own.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal, Self

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
from bycatch.learn.members import (
    check_features,
    check_members,
    check_option,
    check_training,
    member_rows,
)
from bycatch.learn.nets.mlp import Workspace, draw_weights, forward
from bycatch.learn.threads import one_torch_thread
from bycatch.learn.trainer import Batch, TrainingOptions
from bycatch.learn.trainer import train as _train
from bycatch.represent.scaling import Standardise
from bycatch.tasks.random import stream

__all__ = ["NetworkEnsemble"]

_PREDICT_CHUNK = 4096


class _Classifier:
    """Weighted cross-entropy of batched perceptrons on standardised features."""

    def __init__(self) -> None:
        self._workspace = Workspace()

    def logit(self, parameters: Mapping[str, Tensor], x: Tensor) -> Tensor:
        """Return log p/(1-p), of shape (n_members, n_rows)."""
        scaled = (x - parameters["shift"]) / parameters["scale"]
        return forward(parameters, scaled, self._workspace)[..., 0]

    def loss(self, parameters: Mapping[str, Tensor], batch: Batch) -> Tensor:
        """Return the weighted sum of cross-entropies in nats, of shape (n_members,)."""
        logit = self.logit(parameters, batch.columns["x"])
        cross_entropy = torch.nn.functional.binary_cross_entropy_with_logits(
            logit, batch.columns["y"], reduction="none"
        )
        return (batch.weight * cross_entropy).sum(dim=1)

    validation = loss


class NetworkEnsemble:
    """Fully connected networks with rectified linear units, trained with Adam.

    Every member standardises the features with the weighted mean and standard deviation of its own
    training rows, so that rows it is judged on have no influence. Signed weights enter the loss as
    they are: one event of weight 2 has the loss and the gradient of two events. With many negative
    weights the loss has no lower bound; early stopping is what keeps it sensible.

    Parameters
    ----------
    members : int
    hidden : sequence of int
        Units of the hidden layers.
    batch_size : int
    min_epochs, max_epochs : int
        No state from before the end of `min_epochs` is kept, whatever the validation loss says:
        with little signal in the sample the loss is lowest before the signal is learned.
        Where `max_epochs` is less than `min_epochs`, the last state is kept.
    patience : int
        Epochs without a lower validation loss after which a member stops.
    learning_rate : float
    weight_decay : float
    dtype : {"float32", "float64"}
    device : str
        ``cpu``, ``cuda`` or ``cuda:N``; not saved with the model.

    Attributes
    ----------
    histories_ : list of History
        Learning curve of each member.
    callbacks : sequence of Callback
        Progress or logging; empty unless set before `fit`.
    """

    kind = "network"

    def __init__(
        self,
        members: int = 1,
        *,
        hidden: Sequence[int] = (64, 64, 64),
        batch_size: int = 1024,
        min_epochs: int = 20,
        max_epochs: int = 40,
        patience: int = 10,
        learning_rate: float = 2e-3,
        weight_decay: float = 0.0,
        dtype: Literal["float32", "float64"] = "float32",
        device: str = "cpu",
    ) -> None:
        check_training(members, batch_size, learning_rate, weight_decay, dtype)
        check_option("min_epochs", min_epochs, 1)
        check_option("max_epochs", max_epochs, 1)
        check_option("patience", patience, 1)
        for units in hidden:
            check_option("hidden", units, 1)
        self.members = members
        self.hidden = tuple(hidden)
        self.batch_size = batch_size
        self.min_epochs = min_epochs
        self.max_epochs = max_epochs
        self.patience = patience
        self.learning_rate = learning_rate
        self.weight_decay = weight_decay
        checked_device(device)
        self.dtype = dtype
        self.device = device
        self.callbacks: Sequence[Callback] = ()
        self.histories_: Sequence[History] = ()
        self._parameters: dict[str, Tensor] = {}

    def fit(
        self,
        X: NDArray[np.float32],
        y: NDArray[np.int8],
        weight: NDArray[np.float64] | None = None,
        *,
        train: NDArray[np.bool_],
        validate: NDArray[np.bool_],
        seed: int,
    ) -> Self:
        """Train all members; see `bycatch.learn.base.ClassifierEnsemble.fit`.

        Raises
        ------
        DataError
            Where the rows cannot serve, see `bycatch.learn.members.member_rows`.
        FitError
            Where a training diverges.
        """
        X, y, rows = member_rows(X, y, weight, train, validate, self.members)
        dtype = getattr(torch, self.dtype)
        rngs = [stream(seed, "member", m) for m in range(self.members)]
        scalings = [Standardise.fit(X[r.train], r.train_weight) for r in rows]
        weights = draw_weights((X.shape[1], *self.hidden, 1), rngs, dtype)
        columns = {"x": torch.from_numpy(X).to(dtype), "y": torch.from_numpy(y).to(dtype)}
        options = TrainingOptions(
            self.batch_size,
            self.max_epochs,
            self.learning_rate,
            self.weight_decay,
            min(self.min_epochs, self.max_epochs),
            device=self.device,
        )
        self._parameters, self.histories_ = _train(
            _Classifier(),
            {**weights, **_as_tensors(scalings, dtype)},
            list(weights),
            columns,
            rows,
            rngs,
            options,
            (EarlyStopping(self.patience), *self.callbacks),
        )
        return self

    def predict(
        self, X: NDArray[np.float32], members: Sequence[int] | None = None
    ) -> NDArray[np.float32]:
        """Return p(1|x) of each chosen member, of shape (n_chosen, n_rows)."""
        parameters = self._fitted()
        X = check_features(X, parameters["shift"].shape[2])
        chosen = check_members(members, self.members)
        parameters = {name: value[chosen].to(self.device) for name, value in parameters.items()}
        result = np.empty((len(chosen), len(X)), dtype=np.float32)
        model = _Classifier()
        with one_torch_thread(), torch.no_grad():
            for start in range(0, len(X), _PREDICT_CHUNK):
                part = slice(start, start + _PREDICT_CHUNK)
                x = torch.from_numpy(X[part]).to(parameters["shift"])
                logit = model.logit(parameters, x.expand(len(chosen), -1, -1))
                result[:, part] = torch.sigmoid(logit).cpu().numpy()
        return result

    def save(self, folder: Path) -> None:
        """Write the members to `folder`."""
        metadata = {
            "options": constructor_options(self),
            "histories": histories_to_json(self.histories_),
        }
        arrays = {name: value.numpy() for name, value in self._fitted().items()}
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
            ensemble = cls(**checkpoint.metadata["options"])
            ensemble.histories_ = histories_from_json(checkpoint.metadata["histories"])
            ensemble._parameters = {
                name: torch.from_numpy(np.array(array)) for name, array in checkpoint.arrays.items()
            }
            ensemble._check_shapes()
        return ensemble

    def _check_shapes(self) -> None:
        """Refuse loaded arrays that are not the weights of this ensemble (ValueError, KeyError)."""
        n_features = self._parameters["shift"].shape[2]
        sizes = (n_features, *self.hidden, 1)
        expected = {"shift": (1, n_features), "scale": (1, n_features)}
        for layer, (n_in, n_out) in enumerate(itertools.pairwise(sizes)):
            expected[f"weight{layer}"] = (n_in, n_out)
            expected[f"bias{layer}"] = (1, n_out)
        found = {name: tuple(value.shape) for name, value in self._parameters.items()}
        if found != {name: (self.members, *shape) for name, shape in expected.items()}:
            message = "the arrays do not have the shapes of its options"
            raise ValueError(message)

    def _fitted(self) -> dict[str, Tensor]:
        if not self._parameters:
            message = "The ensemble is not trained; call 'fit' first."
            raise DataError(message)
        return self._parameters


def _as_tensors(scalings: Sequence[Standardise], dtype: torch.dtype) -> dict[str, Tensor]:
    """Return the members' scalings, each of shape (n_members, 1, n_features)."""
    return {
        "shift": torch.from_numpy(np.stack([s.mean for s in scalings])[:, None]).to(dtype),
        "scale": torch.from_numpy(np.stack([s.scale for s in scalings])[:, None]).to(dtype),
    }
