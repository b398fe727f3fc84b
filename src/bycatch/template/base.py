"""What every background template offers to the search.

A template says what background looks like inside a signal region. To the search it hands the
classification problem that follows from it: the region's events (class 1) against the template
(class 0). Adding a method means adding one file with one subclass and one line in `__init__`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from bycatch.learn.base import ClassifierEnsemble
from bycatch.learn.callbacks import Callback
from bycatch.statistics.region import Region


@dataclass(frozen=True)
class TrainingSet:
    """The classification problem of one signal region.

    Attributes
    ----------
    X : ndarray of shape (n_rows, n_features)
    y : ndarray of shape (n_rows,)
        1 for events of the signal region, 0 for the template.
    weight : ndarray of shape (n_rows,)
        Signed weights (event weight times whatever the template adds).
    row : ndarray of shape (n_rows,)
        Index of the event in the searched sample, -1 for an event that is not in it.
    """

    X: NDArray[np.float32]
    y: NDArray[np.int8]
    weight: NDArray[np.float64]
    row: NDArray[np.int64]


class Template(ABC):
    """A recipe for the background in a signal region."""

    name: ClassVar[str]
    """Name in a configuration file."""
    citation: ClassVar[str]
    """Key of the paper in `bycatch.citations`."""
    needs_truth: ClassVar[bool] = False
    """Whether the method uses truth labels (a yardstick, never a search)."""
    own_classifier: ClassVar[bool] = False
    """Whether `classifier` gives the score, so that none is to be named."""
    members: int | None = None
    """Trainings per fold where the method itself says how many; None: as many as the search asks
    for."""
    callbacks: Sequence[Callback] = ()
    """Progress or logging of what the template trains."""

    @abstractmethod
    def training_set(
        self,
        mass: NDArray[np.float64],
        X: NDArray[np.float32],
        weight: NDArray[np.float64],
        region: Region,
        label: NDArray[np.int8] | None = None,
        seed: int = 0,
    ) -> TrainingSet:
        """Return the classification problem of `region` for a searched sample.

        Parameters
        ----------
        mass : ndarray of shape (n_events,)
            The resonant feature.
        X : ndarray of shape (n_events, n_features)
        weight : ndarray of shape (n_events,)
        region : Region
        label : ndarray of shape (n_events,), optional
            Truth; only templates with `needs_truth` may read it.
        seed : int
            Seed of whatever the template draws.

        Raises
        ------
        DataError
            Where the window or the template holds no events, a value is not finite, or truth is
            needed and absent.
        """

    def classifier(
        self,
        members: int,  # noqa: ARG002
        folds: NDArray[np.int64] | None = None,  # noqa: ARG002
    ) -> ClassifierEnsemble | None:
        """Return the method's own score, untrained, for the last training set that was made.

        Parameters
        ----------
        members : int
            Number of independent trainings.
        folds : ndarray of shape (n_members,), optional
            The fold that each member scores.

        Returns
        -------
        ClassifierEnsemble or None
            None unless `own_classifier`.
        """
        return None
