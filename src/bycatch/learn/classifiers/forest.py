"""Boosted trees as plain arrays, and their sum for many rows at once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_CHUNK = 20_000


@dataclass(frozen=True)
class Forest:
    """Trees whose nodes lie one after the other.

    Attributes
    ----------
    roots : ndarray of shape (n_trees,)
        Node at which each tree starts.
    feature : ndarray of shape (n_nodes,)
        Column that a node looks at; 0 for a leaf.
    threshold : ndarray of shape (n_nodes,)
        A row goes left where its value is at most this; infinite for a leaf.
    left, right : ndarray of shape (n_nodes,)
        Next node; a leaf leads to itself.
    value : ndarray of shape (n_nodes,)
        What a leaf adds to the sum.
    depth : int
        Steps after which every row has reached its leaf.
    baseline : float
        Sum without any tree.
    """

    roots: NDArray[np.int64]
    feature: NDArray[np.int64]
    threshold: NDArray[np.float64]
    left: NDArray[np.int64]
    right: NDArray[np.int64]
    value: NDArray[np.float64]
    depth: int
    baseline: float

    def __post_init__(self) -> None:
        """Refuse arrays that do not fit together.

        Raises
        ------
        ValueError
        """
        nodes = len(self.value)
        for name in ("feature", "threshold", "left", "right"):
            if getattr(self, name).shape != (nodes,):
                raise ValueError(f"'{name}' does not have {nodes} entries")
        for name in ("roots", "left", "right"):
            array = getattr(self, name)
            if array.size and not (array.min() >= 0 and array.max() < nodes):
                raise ValueError(f"'{name}' points outside of the trees")

    def sum(self, X: NDArray[np.float32]) -> NDArray[np.float64]:
        """Return the baseline plus the leaves' values in the order of the trees.

        Parameters
        ----------
        X : ndarray of shape (n_rows, n_features)

        Returns
        -------
        ndarray of shape (n_rows,)
        """
        total = np.full(len(X), self.baseline)
        for start in range(0, len(X), _CHUNK):
            rows = np.asarray(X[start : start + _CHUNK], dtype=np.float64)
            number = np.arange(len(rows))
            part = total[start : start + _CHUNK]
            for root in self.roots:
                node = np.full(len(rows), root)
                for _ in range(self.depth):
                    left = rows[number, self.feature[node]] <= self.threshold[node]
                    node = np.where(left, self.left[node], self.right[node])
                part += self.value[node]
        return total
