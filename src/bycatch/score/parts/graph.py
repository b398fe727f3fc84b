"""A trained score as a function of its inputs alone, for a graph that leaves Python."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

import torch
from torch import Tensor


class Scores(Protocol):
    """What a graph needs of a score: functions of parameters and columns."""

    def prepared(self, columns: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return columns in the precision of the parameters."""

    def scores(
        self, parameters: Mapping[str, Tensor], columns: Mapping[str, Tensor], name: str
    ) -> Tensor:
        """Return the score `name`, of shape (n_members, n_rows)."""


class ScoreGraph(torch.nn.Module):
    """The mean of a score over members, made of the operations of its `scores`.

    Parameters
    ----------
    score : Scores
        Trained.
    parameters : mapping of str to Tensor
        Of the members of the graph.
    name : str
        Of the score.
    """

    def __init__(self, score: Scores, parameters: Mapping[str, Tensor], name: str) -> None:
        super().__init__()
        self._score = score
        self._name = name
        self._places = {key: key.replace(".", "__") for key in parameters}
        for key, place in self._places.items():
            self.register_buffer(place, parameters[key])

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """Return the score of rows of shape (n_rows, *axes), of shape (n_rows,)."""
        parameters = {key: getattr(self, place) for key, place in self._places.items()}
        members = len(next(iter(parameters.values())))
        columns = {"x": x} if mask is None else {"x": x, "mask": mask}
        columns = {
            key: value.unsqueeze(0).expand(members, *value.shape) for key, value in columns.items()
        }
        found = self._score.scores(parameters, self._score.prepared(columns), self._name)
        return found.mean(dim=0)
