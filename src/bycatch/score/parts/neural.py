"""What all scores that networks make share: members in one batch, the one training loop, chunks.

A method's file adds its networks, its loss per row and its scores per row, all as functions of
parameters whose first axis is the member.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from bycatch.learn.inputs import constituent_scaling
from bycatch.learn.members import MemberRows
from bycatch.learn.neural import Patience, Rounds
from bycatch.learn.options import option
from bycatch.score.base import Inputs, Score
from bycatch.score.parts.graph import ScoreGraph


class NeuralScore(Rounds, Patience, Score):
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

    prefix = "parameter."

    validation: float = option(
        default=0.1,
        least=0.0,
        most=0.9,
        says="Fraction of the rows that is held out to judge states.",
    )
    patience = 20

    @property
    def has_graph(self) -> bool:
        """Whether its computation is the same for all events, so that a graph can hold it."""
        return True

    def graph(self, parameters: Mapping[str, Tensor], name: str) -> torch.nn.Module:
        """Return the mean of a score over the members of `parameters`, for rows and their mask.

        A score that knows a leaner graph than the operations of its `scores` returns that.
        """
        return ScoreGraph(self, parameters, name)

    def _scaling(self, inputs: Inputs, rows: Sequence[MemberRows]) -> dict[str, NDArray[Any]]:
        """Measure what travels with the weights but does not learn, with the members first.

        By default ``shift`` and ``scale`` of shape (n_members, 1, n_features) that standardise the
        features (of sets: of the objects that are there), and ``count``, their mean number.
        """
        x = inputs["x"] if self.masked else inputs["x"].reshape(len(inputs["x"]), 1, -1)
        return constituent_scaling(x, inputs.get("mask", np.ones(x.shape[:2], dtype=bool)), rows)

    @abstractmethod
    def scores(
        self, parameters: Mapping[str, Tensor], columns: Mapping[str, Tensor], name: str
    ) -> Tensor:
        """Return the score `name`, of shape (n_members, n_rows), a function of each row alone."""

    def encoded(self, parameters: Mapping[str, Tensor], columns: Mapping[str, Tensor]) -> Tensor:
        """Return latent coordinates, of shape (n_members, n_rows, n_latent)."""
        raise NotImplementedError

    def _fit(self, inputs: Inputs, rows: Sequence[MemberRows]) -> None:
        rngs = self._streams(self.seed)
        parameters, trainable = self._begin(self.shape_, inputs, rows, rngs)
        self._learn(parameters, trainable, inputs, rows, rngs)

    def _learn(
        self,
        parameters: Mapping[str, Tensor],
        trainable: Sequence[str],
        inputs: Inputs,
        rows: Sequence[MemberRows],
        rngs: Sequence[np.random.Generator],
    ) -> None:
        """Train from these initial values, and keep the result."""
        self._train(parameters, trainable, inputs, rows, rngs, self.seed)
        self.n_parameters_ = sum(self.parameters_[name][0].numel() for name in trainable)

    def _member_scores(
        self, inputs: Inputs, members: Sequence[int], name: str
    ) -> NDArray[np.float64]:
        return self._map(lambda p, c: self.scores(p, c, name), inputs, members)

    def _latent(self, inputs: Inputs, member: int) -> NDArray[np.float64]:
        if not self.has_latent:
            return super()._latent(inputs, member)
        return np.asarray(self._map(self.encoded, inputs, [member])[0])

    def prepared(self, columns: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return columns as `losses` and `scores` want them: in its precision, padding as zeros."""
        found = super().prepared(columns)
        if "mask" in found:
            found["x"] = found["x"].masked_fill(~found["mask"].unsqueeze(-1), 0.0)
        return found

    def _notes(self) -> dict[str, Any]:
        return {**super()._notes(), "n_parameters": self.n_parameters_}

    def _restore(self, arrays: Mapping[str, NDArray[Any]], notes: Mapping[str, Any]) -> None:
        super()._restore(arrays, notes)
        self.n_parameters_ = int(notes["n_parameters"])
        expected = self._expected(self.shape_)
        for name, value in expected.items():
            if self.parameters_[name].shape != value.shape:
                raise ValueError(f"'{name}' does not have the shape of its options")
        if any(len(value) != self.members for value in self.parameters_.values()):
            raise ValueError("the arrays do not have as many members as its options")


def part(weights: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """Return the weights whose names begin with `prefix`, without it."""
    return {name[len(prefix) :]: v for name, v in weights.items() if name.startswith(prefix)}
