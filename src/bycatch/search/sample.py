"""The searched sample: the resonant feature, the features and the weights, nothing else."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Sample:
    """Columns that a search works on, one row per event.

    Attributes
    ----------
    mass : ndarray of shape (n_events,)
        The resonant feature, in its own unit.
    X : ndarray of shape (n_events, n_features)
    weight : ndarray of shape (n_events,)
        Signed weights.
    label : ndarray of shape (n_events,) or None
        Truth (1 signal, 0 background); evaluation and yardsticks only.
    features : tuple of str
        Names of the columns of `X`.
    """

    mass: NDArray[np.float64]
    X: NDArray[np.float32]
    weight: NDArray[np.float64]
    label: NDArray[np.int8] | None
    features: tuple[str, ...]

    def __len__(self) -> int:
        return int(self.mass.shape[0])
