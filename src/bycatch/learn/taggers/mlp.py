"""A dense network on a few observables of a jet, its N-subjettiness basis for example.

What to use when: few inputs, each of which has a meaning. Trees
(`bycatch.learn.classifiers.trees`) are the alternative where some inputs may be useless.

References
----------
K. Datta and A. Larkoski, "How much information is in a jet?", arXiv:1704.08249.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from bycatch.learn.inputs import constituent_scaling
from bycatch.learn.members import MemberRows
from bycatch.learn.nets.mlp import Workspace, draw_weights, forward
from bycatch.learn.neural import Columns
from bycatch.learn.options import learned, option
from bycatch.learn.taggers.base import NeuralTagger


class DenseTagger(NeuralTagger):
    """Dense layers with rectified linear units on standardised features."""

    kind = "mlp"
    citation = "subjettiness-basis"
    representation = "substructure"
    axes = ("n_features",)

    hidden: Sequence[int] = option(
        default=(128, 128, 64), least=1, says="Units of the hidden layers."
    )
    steps = 12000
    rounds = 40
    learning_rate = 2e-3
    _workspace: Workspace = learned(default_factory=Workspace)

    def _initial(
        self, shape: tuple[int, ...], rngs: Sequence[np.random.Generator]
    ) -> dict[str, Tensor]:
        return draw_weights((shape[0], *self.hidden, 1), rngs, getattr(torch, self.dtype))

    def _scaling(
        self, columns: Columns, rows: Sequence[MemberRows]
    ) -> dict[str, NDArray[np.float64]]:
        X = columns["x"][:, None]
        # Features are those of a jet with one constituent, which is always there.
        found = constituent_scaling(X, np.ones(X.shape[:2], dtype=bool), rows)
        return {"shift": found["shift"], "scale": found["scale"]}

    def logit(self, parameters: Mapping[str, Tensor], columns: Mapping[str, Tensor]) -> Tensor:
        """Return log p/(1-p), see `bycatch.learn.neural.NeuralClassifier.logit`."""
        scaled = (columns["x"] - parameters["shift"]) / parameters["scale"]
        return forward(parameters, scaled, self._workspace)[..., 0]
