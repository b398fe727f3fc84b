"""A student: a small fixed-point network that learns another score, for hardware.

What to use when: a score is to run in a first-level trigger, where a decision may take a hundred
nanoseconds. The student sees the same inputs and learns the teacher's score, whatever the teacher
is, with weights and activations quantised in training. Judge it by the `overlap` of what both
accept at the working point: a high correlation over all events says little about the tail that a
trigger keeps. Not needed where a CPU decides: export the score itself (`onnx_export`).

The target is the logarithm of the teacher's score, standardised over the training rows. Background
alone seldom reaches the scores at which a trigger cuts, so that the student also learns from
exposed rows, made without any signal model: training rows whose features are shuffled among events
one by one, and stretched.

References
----------
.. [1] CICADA (CMS), a convolutional teacher and fixed-point students; A. A. Pol et al., "Knowledge
   distillation for anomaly detection", arXiv:2310.06047.
.. [2] C. N. Coelho et al., arXiv:2006.10159 (quantisation-aware training).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from bycatch.errors import DataError
from bycatch.learn.members import MemberRows
from bycatch.learn.nets.mlp import draw_weights
from bycatch.learn.neural import Noise
from bycatch.learn.options import option
from bycatch.score.base import Inputs, Score
from bycatch.score.parts.neural import NeuralScore
from bycatch.tasks.random import stream
from bycatch.trigger.fixed_point import FixedPoint, straight_through


class Student(NeuralScore):
    """Dense layers with fixed-point weights and activations that learn a teacher's score.

    Hardware takes the member with the lowest held-out loss, `best_member`.

    Attributes
    ----------
    target_ : ndarray of shape (2,)
        Offset and scale of the logarithm of the teacher's score.
    """

    kind = "student"
    citation = "hls4ml"

    hidden: Sequence[int] = option(default=(32, 16), least=1, says="Units of the hidden layers.")
    inputs: str = option(
        default="fixed<12,5>",
        says="Format of the standardised inputs, as ``fixed<WIDTH,INTEGER>``.",
    )
    weights: str = option(default="fixed<8,2>", says="Format of weights and biases.")
    activations: str = option(default="fixed<12,5>", says="Format of the hidden units.")
    output: str = option(default="fixed<16,6>", says="Format of the result.")
    exposure: float = option(default=0.5, least=0.0, says="Exposed rows per training row.")
    stretch: float = option(
        default=3.0,
        least=1.0,
        says="Largest factor by which exposed rows are drawn away from the mean.",
    )
    steps = 6000
    batch_size = 512
    learning_rate = 3e-3

    def check_options(self) -> None:
        """Refuse options that make no sense (ConfigError)."""
        super().check_options()
        self.formats()

    def formats(self) -> dict[str, FixedPoint]:
        """Return the formats by what they are for."""
        names = ("inputs", "weights", "activations", "output")
        return {name: FixedPoint.parse(getattr(self, name)) for name in names}

    def teach(
        self,
        teacher: Score,
        X: NDArray[np.floating],
        weight: NDArray[np.float64] | None = None,
        *,
        name: str | None = None,
    ) -> Student:
        """Learn a teacher's score on some rows, and on rows exposed from them.

        Parameters
        ----------
        teacher : Score
            Trained, on vectors.
        X : ndarray of shape (n_rows, n_features)
        weight : ndarray of shape (n_rows,), optional
        name : str, optional
            Which score of the teacher.

        Returns
        -------
        Student
            Itself.

        Raises
        ------
        DataError
            Where the rows cannot serve, or the teacher's scores are not positive.
        """
        X = np.asarray(X, dtype=np.float32)
        weights = np.ones(len(X)) if weight is None else np.asarray(weight, dtype=np.float64)
        more, taken = self._exposed(X)
        rows = np.concatenate([X, more])
        scores = teacher.score(rows, name=name)
        if not (scores > 0.0).all():
            count = int(np.count_nonzero(~(scores > 0.0)))
            raise DataError(
                f"{count} of {len(scores)} scores of the teacher are not positive, and a student "
                "learns their logarithm; choose a score like an error or a distance."
            )
        logarithm = np.log(scores)
        self.target_ = np.array([logarithm[: len(X)].mean(), logarithm[: len(X)].std() or 1.0])
        self._target = ((logarithm - self.target_[0]) / self.target_[1]).astype(np.float32)
        self.fit(rows, np.concatenate([weights, weights[taken]]))
        del self._target
        return self

    def _exposed(self, X: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """Return rows with shuffled and stretched features, and which rows lend their weights."""
        rng = stream(self.seed, "exposure")
        count = round(self.exposure * len(X))
        taken = rng.integers(0, max(1, len(X)), count)
        index = np.where(
            rng.random((count, X.shape[1])) < rng.random((count, 1)),
            rng.integers(0, max(1, len(X)), (count, X.shape[1])),
            taken[:, None],
        )
        mean = X.mean(axis=0) if len(X) else X.sum(axis=0)
        factor = rng.uniform(1.0, self.stretch, (count, 1)).astype(np.float32)
        return mean + factor * (X[index, np.arange(X.shape[1])] - mean), taken

    def _fit(self, inputs: Inputs, rows: Sequence[MemberRows]) -> None:
        if not hasattr(self, "_target"):
            raise DataError(
                "A student has nothing to learn alone: call 'teach' with a trained score."
            )
        super()._fit({**inputs, "target": self._target}, rows)

    def _scaling(self, inputs: Inputs, rows: Sequence[MemberRows]) -> dict[str, NDArray[Any]]:
        found = super()._scaling(inputs, rows)
        return {"shift": found["shift"], "scale": found["scale"]}

    def _initial(
        self, shape: tuple[int, ...], rngs: Sequence[np.random.Generator]
    ) -> dict[str, Tensor]:
        return draw_weights((shape[0], *self.hidden, 1), rngs, getattr(torch, self.dtype))

    def network(self, parameters: Mapping[str, Tensor], x: Tensor) -> Tensor:
        """Return what the hardware would, of shape (n_members, n_rows); see `emulation`."""
        forms = self.formats()
        scaled = (x - parameters["shift"]) / parameters["scale"]
        h = straight_through(scaled, forms["inputs"])
        layers = len(self.hidden) + 1
        for layer in range(layers):
            weight = straight_through(parameters[f"weight{layer}"], forms["weights"])
            bias = straight_through(parameters[f"bias{layer}"], forms["weights"])
            h = torch.baddbmm(bias, h, weight)
            if layer < layers - 1:
                h = torch.relu(straight_through(h, forms["activations"]))
        return straight_through(h, forms["output"])[..., 0]

    def losses(
        self,
        parameters: Mapping[str, Tensor],
        columns: Mapping[str, Tensor],
        noise: Noise,  # noqa: ARG002
    ) -> Tensor:
        """Return the squared error of the standardised logarithm, of shape (n_members, n_rows)."""
        return (self.network(parameters, columns["x"]) - columns["target"]).square()

    def scores(
        self,
        parameters: Mapping[str, Tensor],
        columns: Mapping[str, Tensor],
        name: str,  # noqa: ARG002
    ) -> Tensor:
        """Return the standardised logarithm of the score, as the hardware has it."""
        # Sums of products have more bits than single precision holds; in double they are exact.
        exact = {key: value.double() for key, value in parameters.items()}
        return self.network(exact, columns["x"].double())

    @property
    def best_member(self) -> int:
        """The member with the lowest held-out loss."""
        losses = [history.validation_loss[history.best] for history in self.histories_]
        return int(np.argmin(losses))

    def _state(self) -> dict[str, NDArray[Any]]:
        return {**super()._state(), "target": self.target_}

    def _restore(self, arrays: Mapping[str, NDArray[Any]], notes: Mapping[str, Any]) -> None:
        kept = dict(arrays)
        self.target_ = kept.pop("target")
        super()._restore(kept, notes)
