"""A dense network on a few observables of a jet, its N-subjettiness basis for example.

What to use when: few inputs, each of which has a meaning. Trees
(`bycatch.learn.classifiers.trees`) are the alternative where some inputs may be useless.

References
----------
K. Datta and A. Larkoski, "How much information is in a jet?", arXiv:1704.08249.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from bycatch.learn.inputs import constituent_scaling
from bycatch.learn.members import MemberRows, check_option
from bycatch.learn.nets.mlp import Workspace, draw_weights, forward
from bycatch.learn.taggers.base import NeuralTagger

__all__ = ["DenseTagger"]


class DenseTagger(NeuralTagger):
    """Dense layers with rectified linear units on standardised features.

    Parameters
    ----------
    members : int
    hidden : sequence of int
        Units of the hidden layers.
    steps, rounds, patience, batch_size, learning_rate, weight_decay, dtype, device
        As in `bycatch.learn.taggers.base.NeuralTagger`.
    """

    kind = "mlp"
    citation = "subjettiness-basis"
    representation = "substructure"
    axes = ("n_features",)

    def __init__(
        self,
        members: int = 1,
        *,
        hidden: Sequence[int] = (128, 128, 64),
        steps: int = 12000,
        rounds: int = 40,
        patience: int = 10,
        batch_size: int = 256,
        learning_rate: float = 2e-3,
        weight_decay: float = 0.0,
        dtype: Literal["float32", "float64"] = "float32",
        device: str = "cpu",
    ) -> None:
        super().__init__(
            members,
            steps=steps,
            rounds=rounds,
            patience=patience,
            batch_size=batch_size,
            learning_rate=learning_rate,
            weight_decay=weight_decay,
            dtype=dtype,
            device=device,
        )
        for units in hidden:
            check_option("hidden", units, 1)
        self.hidden = tuple(hidden)
        self._workspace = Workspace()

    def _initial(
        self, shape: tuple[int, ...], rngs: Sequence[np.random.Generator]
    ) -> dict[str, Tensor]:
        return draw_weights((shape[0], *self.hidden, 1), rngs, getattr(torch, self.dtype))

    def _scaling(
        self, columns: Mapping[str, NDArray[Any]], rows: Sequence[MemberRows]
    ) -> dict[str, NDArray[np.float64]]:
        X = columns["x"][:, None]
        # Features are those of a jet with one constituent, which is always there.
        found = constituent_scaling(X, np.ones(X.shape[:2], dtype=bool), rows)
        return {"shift": found["shift"], "scale": found["scale"]}

    def logit(self, parameters: Mapping[str, Tensor], columns: Mapping[str, Tensor]) -> Tensor:
        """Return log p/(1-p), see `bycatch.learn.taggers.base.NeuralTagger.logit`."""
        scaled = (columns["x"] - parameters["shift"]) / parameters["scale"]
        return forward(parameters, scaled, self._workspace)[..., 0]
