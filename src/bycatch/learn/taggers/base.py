"""Supervised taggers: what all of them share. They are the yardstick of everything that follows.

A tagger learns p(1|x) of one representation of jets from truth labels. It is an ensemble as the
classifiers are: member `m` learns from the rows that ``train[m]`` marks and is judged on those that
``validate[m]`` marks, and all members are one batched network. A model file (`cnn`, `deep_sets`,
...) adds only what its paper adds.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from bycatch.errors import DataError
from bycatch.learn.inputs import check_inputs, check_mask
from bycatch.learn.members import check_members, labelled_rows
from bycatch.learn.neural import Columns, NeuralClassifier, Rounds
from bycatch.learn.options import learned, option


class NeuralTagger(Rounds, NeuralClassifier):
    """A tagger that the one training loop trains.

    Training has a fixed number of steps, in which the learning rate rises and falls to zero. After
    each of `rounds` equal parts the weighted cross-entropy of the validation rows is measured, and
    the state where it is lowest is kept. Signed weights enter the loss as they are, balanced to
    equal sums of the two classes.

    Attributes
    ----------
    histories_ : list of History
        Learning curve of each member, in nats per round.
    n_parameters_ : int
        Numbers that each member learns; 0 before `fit`.
    callbacks : sequence of Callback
        Progress or logging; empty unless set before `fit`.
    """

    citation: ClassVar[str]
    """Key of the paper in `bycatch.citations`."""
    representation: ClassVar[str]
    """Name of what it eats in `bycatch.represent.REPRESENTATIONS`."""
    axes: ClassVar[tuple[str, ...]]
    """Names of the axes of the inputs after the first."""
    masked: ClassVar[bool] = False
    """Whether rows have a number of constituents of their own."""
    noun = "tagger"
    chunk = 512

    steps: int = option(
        default=3000,
        least=1,
        says="Gradient steps at most; ``steps * batch_size / n_train`` passes over the training "
        "rows.",
    )
    n_parameters_: int = learned(default=0)

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
        columns = self._checked(X, mask)
        y, rows = labelled_rows(len(columns["x"]), y, weight, train, validate, self.members)
        shape, rngs = columns["x"].shape[1:], self._streams(seed)
        parameters, trainable = self._begin(shape, columns, rows, rngs)
        self._train(parameters, trainable, {**columns, "y": y}, rows, rngs, seed)
        self._remember(shape, {name: self.parameters_[name] for name in trainable})
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
        self._require_fitted()
        columns = self._checked(X, mask)
        return self._probabilities(columns, check_members(members, self.members))

    def _notes(self) -> dict[str, Any]:
        return {**super()._notes(), "shape": self.shape_}

    def _restore(self, arrays: Columns, notes: Mapping[str, Any]) -> None:
        super()._restore(arrays, notes)
        shape = tuple(int(length) for length in notes["shape"])
        if len(shape) != len(self.axes):
            raise ValueError(f"its inputs have the axes {self.axes}, not the shape {shape}")
        self._remember(shape, self._expected(shape))

    def _remember(self, shape: tuple[int, ...], weights: Mapping[str, Tensor]) -> None:
        self.shape_ = tuple(shape)
        self.n_parameters_ = sum(value[0].numel() for value in weights.values())

    def _checked(
        self, X: NDArray[np.generic], mask: NDArray[np.bool_] | None
    ) -> dict[str, NDArray[Any]]:
        """Return ``x``, and ``mask`` where the tagger has one."""
        X = np.asarray(X)
        if not self.masked and mask is not None:
            raise DataError(f"The tagger '{self.kind}' has no use for a mask; leave 'mask' out.")
        shape: tuple[int | None, ...] = self.shape_
        if self.masked and X.ndim == 3:
            mask = check_mask(mask, X.shape[:2])
            shape = (None, *shape[1:]) if shape else ()  # padding may be longer or shorter
        X = check_inputs(X, mask, self.axes, shape or None)
        return {"x": X} if mask is None else {"x": X, "mask": mask}
