"""Folds of a searched sample: no event is scored by a model that trained or stopped early on it.

What to use when: k folds (5) use all events for training and for the search, but the folds share
training events and the selected counts are over-dispersed (arXiv:2512.13787), which `bycatch
validate` measures; ``"half"`` has no such effect and half of the statistics.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from bycatch.errors import ConfigError, DataError
from bycatch.learn import folds as masks
from bycatch.template.base import TrainingSet

MINIMUM_PER_FOLD = 10
"""Events of each class that every fold must hold: fewer cannot stop a training."""


@dataclass(frozen=True)
class FoldAssignment:
    """Which fold each event of a sample is in.

    Attributes
    ----------
    fold : ndarray of shape (n_events,)
        0 to k - 1; in half mode 0 trains and 1 is searched.
    mode : int or "half"
        k of the nested k-fold, or "half".
    seed : int
        Seed of the assignment; rows that are not events of the sample draw theirs from it.
    """

    fold: NDArray[np.int8]
    mode: int | Literal["half"]
    seed: int

    @property
    def n_folds(self) -> int:
        """Number of folds (2 in half mode)."""
        return 2 if self.mode == "half" else self.mode

    @property
    def scored(self) -> NDArray[np.bool_]:
        """Mark the events that get a score: all of them, or the searched half."""
        if self.mode == "half":
            return np.asarray(self.fold == 1)
        return np.ones(self.fold.shape, dtype=bool)

    def n_members(self, members: int) -> int:
        """Return the number of trainings for `members` classifiers per scored fold."""
        return members if self.mode == "half" else members * self.mode

    def of_rows(self, training: TrainingSet) -> NDArray[np.int8]:
        """Return the fold of each training row; synthetic rows are assigned by themselves."""
        fold = np.empty(training.row.shape, dtype=np.int8)
        real = training.row >= 0
        fold[real] = self.fold[training.row[real]]
        n_synthetic = int(np.count_nonzero(~real))
        # generated rows are no events: they need a fold, but share it with none
        fold[~real] = masks.assign(n_synthetic, self.n_folds, self.seed, "synthetic")
        return fold

    def masks(self, training: TrainingSet, members: int) -> masks.FoldMasks:
        """Return train and validate masks of all members.

        Parameters
        ----------
        training : TrainingSet
        members : int
            Classifiers per scored fold.

        Returns
        -------
        bycatch.learn.folds.FoldMasks

        Raises
        ------
        DataError
            Where a fold holds fewer than `MINIMUM_PER_FOLD` events of a class.
        """
        fold = self.of_rows(training)
        if self.mode != "half":
            _require(training.y, fold, np.ones(fold.shape, dtype=bool), self.mode)
            return masks.nested(fold, self.mode, members)
        # An event that stands in several rows keeps one inner fold, as it keeps one outer fold.
        parts = masks.INNER_FOLDS_OF_A_HALF
        of_event = masks.assign(self.fold.size, parts, self.seed, "inner")
        inner = np.empty(fold.shape, dtype=np.int8)
        real = training.row >= 0
        inner[real] = of_event[training.row[real]]
        n_synthetic = int(np.count_nonzero(~real))
        inner[~real] = masks.assign(n_synthetic, parts, self.seed, "inner", "synthetic")
        _require(training.y, inner, fold == 0, parts)
        return masks.half(fold, inner, members)


def assign_folds(n_events: int, mode: int | Literal["half"], seed: int) -> FoldAssignment:
    """Assign events to folds by a seeded permutation.

    Parameters
    ----------
    n_events : int
    mode : int or "half"
        Number of folds (3 to 100), or "half".
    seed : int
        Seed of the run; the assignment depends on nothing else.

    Returns
    -------
    FoldAssignment

    Raises
    ------
    ConfigError
        For a number of folds that cannot be nested.

    Examples
    --------
    >>> import numpy as np
    >>> np.bincount(assign_folds(11, 5, seed=1).fold).tolist()
    [3, 2, 2, 2, 2]
    """
    if mode != "half" and not 3 <= mode <= 100:
        raise ConfigError(
            f"'folds' is {mode}, but nested k-fold needs 3 to 100: one fold is scored, one stops "
            "the training, the rest train. Use 5, or 'half'."
        )
    k = 2 if mode == "half" else mode
    return FoldAssignment(masks.assign(n_events, k, seed), mode, seed)


def _require(y: NDArray[np.int8], fold: NDArray[np.int8], used: NDArray[np.bool_], k: int) -> None:
    """Refuse folds that lack events of a class."""
    for value, what in ((1, "in the signal region"), (0, "in the template")):
        chosen = used & (y == value)
        smallest = int(np.bincount(fold[chosen], minlength=k).min())
        if smallest < MINIMUM_PER_FOLD:
            raise DataError(
                f"There are {int(np.count_nonzero(chosen))} events {what}, which leaves a fold "
                f"with {smallest}, but each of the {k} folds needs {MINIMUM_PER_FOLD}: widen the "
                "window or the sidebands, or use fewer folds."
            )
