"""Ensembles of networks, trained as one batched network.

Fifty small networks cost little more than a few: their weights form one tensor of shape
(n_members, n_in, n_out), and each step moves all members by one mini-batch of their own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from bycatch.learn.members import MemberRows, check_features, check_members, member_rows
from bycatch.learn.nets.mlp import Workspace, draw_weights, forward
from bycatch.learn.neural import Columns, NeuralClassifier
from bycatch.learn.options import learned, option
from bycatch.learn.trainer import TrainingOptions
from bycatch.represent.scaling import Standardise


class NetworkEnsemble(NeuralClassifier):
    """Fully connected networks with rectified linear units, trained with Adam.

    Every member standardises the features with the weighted mean and standard deviation of its own
    training rows, so that rows it is judged on have no influence. Signed weights enter the loss as
    they are: one event of weight 2 has the loss and the gradient of two events. With many negative
    weights the loss has no lower bound; early stopping is what keeps it sensible.

    Attributes
    ----------
    histories_ : list of History
        Learning curve of each member.
    callbacks : sequence of Callback
        Progress or logging; empty unless set before `fit`.
    """

    kind = "network"

    hidden: Sequence[int] = option(
        default=(64, 64, 64), least=1, says="Units of the hidden layers."
    )
    batch_size = 1024
    min_epochs: int = option(
        default=20,
        least=1,
        says="No state from before the end of `min_epochs` is kept, whatever the validation loss "
        "says: with little signal in the sample the loss is lowest before the signal is learned.",
    )
    max_epochs: int = option(
        default=40,
        least=1,
        says="Where `max_epochs` is less than `min_epochs`, the last state is kept.",
    )
    patience: int = option(
        default=10,
        least=1,
        says="Epochs without a lower validation loss after which a member stops.",
    )
    learning_rate: float = option(default=2e-3, least=0.0, says="The same in all epochs.")
    _workspace: Workspace = learned(default_factory=Workspace)

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
        self.shape_ = X.shape[1:]
        columns: Columns = {"x": X, "y": y}
        rngs = self._streams(seed)
        self._train(*self._begin(self.shape_, columns, rows, rngs), columns, rows, rngs, seed)
        return self

    def predict(
        self, X: NDArray[np.float32], members: Sequence[int] | None = None
    ) -> NDArray[np.float32]:
        """Return p(1|x) of each chosen member, of shape (n_chosen, n_rows)."""
        self._require_fitted()
        X = check_features(X, *self.shape_)
        return self._probabilities({"x": X}, check_members(members, self.members))

    def logit(self, parameters: Mapping[str, Tensor], columns: Mapping[str, Tensor]) -> Tensor:
        """Return log p/(1-p), see `bycatch.learn.neural.NeuralClassifier.logit`."""
        scaled = (columns["x"] - parameters["shift"]) / parameters["scale"]
        # Only training steps share memory, so that several threads may predict.
        workspace = self._workspace if torch.is_grad_enabled() else None
        return forward(parameters, scaled, workspace)[..., 0]

    def _training(self) -> TrainingOptions:
        return TrainingOptions(
            self.batch_size,
            self.max_epochs,
            self.learning_rate,
            self.weight_decay,
            min(self.min_epochs, self.max_epochs),
            device=self.device,
        )

    def _initial(
        self, shape: tuple[int, ...], rngs: Sequence[np.random.Generator]
    ) -> dict[str, Tensor]:
        return draw_weights((*shape, *self.hidden, 1), rngs, getattr(torch, self.dtype))

    def _scaling(self, columns: Columns, rows: Sequence[MemberRows]) -> dict[str, NDArray[Any]]:
        scalings = [Standardise.fit(columns["x"][r.train], r.train_weight) for r in rows]
        return {
            "shift": np.stack([s.mean for s in scalings])[:, None],
            "scale": np.stack([s.scale for s in scalings])[:, None],
        }

    def _restore(self, arrays: Columns, notes: Mapping[str, Any]) -> None:
        super()._restore(arrays, notes)
        self.shape_ = (arrays["shift"].shape[2],)
