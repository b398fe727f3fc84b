"""Isolation forests: an event is anomalous where few random cuts suffice to isolate it.

What to use when: as a baseline on tens of features of any scale and shape; it needs no tuning and
no scaling, and takes seconds. It is weak where the anomaly lies inside of the range of every
feature, because each cut is along one of them.

The trees are scikit-learn's and are kept as plain arrays, so that a model is read without pickle.

References
----------
.. [1] Liu, Ting, Zhou, "Isolation Forest", ICDM 2008, doi:10.1109/ICDM.2008.17, eqs. (1) and (2).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bycatch.learn.cell_resampling import positive_weights
from bycatch.learn.classifiers.forest import Forest
from bycatch.learn.members import MemberRows
from bycatch.learn.options import option
from bycatch.score.base import Inputs, Score
from bycatch.tasks.random import child_seed

_ARRAYS = ("roots", "feature", "threshold", "left", "right", "value")


class IsolationForestScore(Score):
    """2 to the power of minus the mean path to a leaf, in units of that of random data.

    Weights are the probabilities with which a tree draws its rows, without putting them back, as
    scikit-learn does; so a tree of few rows out of many sees a weighted sample, and a tree of all
    rows sees no weights. Negative weights cannot be probabilities: rows that have one first share
    it with their nearest neighbours (`bycatch.learn.cell_resampling`), which keeps all sums over
    regions larger than these neighbourhoods.

    Attributes
    ----------
    forests_ : list of Forest
        One per member; the leaves hold path lengths, divided by the number of trees and by that of
        random data.
    """

    kind = "isolation_forest"
    citation = "isolation-forest"

    trees: int = option(default=100, least=1, says="Of each member.")
    rows_per_tree: int = option(
        default=256, least=2, says="All where there are fewer of positive weight."
    )
    layout: str = option(default="vector", among=("vector", "image"), says="What a row is.")

    def _fit(self, inputs: Inputs, rows: Sequence[MemberRows]) -> None:
        x = _flat(inputs)
        self.forests_ = [
            _grown(
                x[r.train],
                positive_weights(x[r.train], r.train_weight),
                self.trees,
                self.rows_per_tree,
                child_seed(self.seed, "member", m) % 2**32,
            )
            for m, r in enumerate(rows)
        ]

    def _member_scores(
        self,
        inputs: Inputs,
        members: Sequence[int],
        name: str,  # noqa: ARG002
    ) -> NDArray[np.float64]:
        x = _flat(inputs)
        return np.stack([np.exp2(-self.forests_[m].sum(x)) for m in members])

    def _state(self) -> dict[str, NDArray[Any]]:
        return {
            f"member{m}.{name}": getattr(forest, name)
            for m, forest in enumerate(self.forests_)
            for name in _ARRAYS
        }

    def _notes(self) -> dict[str, Any]:
        return {"depths": [forest.depth for forest in self.forests_]}

    def _restore(self, arrays: Mapping[str, NDArray[Any]], notes: Mapping[str, Any]) -> None:
        self.forests_ = []
        for m, depth in enumerate(notes["depths"]):
            parts = {name: arrays[f"member{m}.{name}"] for name in _ARRAYS}
            self.forests_.append(_forest(parts, int(depth)))
        if len(self.forests_) != self.members:
            raise ValueError("there are not as many forests as members")
        size = int(np.prod(self.shape_))
        for forest in self.forests_:
            if forest.feature.size and not 0 <= forest.feature.min() <= forest.feature.max() < size:
                raise ValueError("'feature' names columns that are not there")


def average_path(n_rows: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the mean length of an unsuccessful search in a random tree of that many rows.

    References
    ----------
    .. [1] Liu, Ting, Zhou, doi:10.1109/ICDM.2008.17, eq. (1).
    """
    n = np.maximum(n_rows, 3).astype(np.float64)
    long = 2.0 * (np.log(n - 1.0) + np.euler_gamma) - 2.0 * (n - 1.0) / n
    return np.where(n_rows <= 1, 0.0, np.where(n_rows == 2, 1.0, long))


def _flat(inputs: Inputs) -> NDArray[np.float32]:
    x = inputs["x"]
    return np.asarray(x.reshape(len(x), int(np.prod(x.shape[1:]))), dtype=np.float32)


def _forest(parts: Mapping[str, NDArray[Any]], depth: int) -> Forest:
    return Forest(
        roots=parts["roots"],
        feature=parts["feature"],
        threshold=parts["threshold"],
        left=parts["left"],
        right=parts["right"],
        value=parts["value"],
        depth=depth,
        baseline=0.0,
    )


def _grown(
    x: NDArray[np.float32],
    weight: NDArray[np.float64],
    trees: int,
    rows_per_tree: int,
    seed: int,
) -> Forest:
    """Grow a forest, and lay the nodes of its trees one after the other."""
    from sklearn.ensemble import IsolationForest  # noqa: PLC0415 - takes half a second

    there = weight > 0.0
    x, weight = x[there], weight[there]
    count = min(rows_per_tree, len(x))
    # Without weights scikit-learn draws in another way, which is faster.
    drawn = None if np.ptp(weight) == 0.0 else weight
    forest = IsolationForest(n_estimators=trees, max_samples=count, random_state=seed)
    forest.fit(x, sample_weight=drawn)
    unit = trees * float(average_path(np.array([count]))[0])
    offset, depth = 0, 0
    parts: dict[str, list[NDArray[Any]]] = {name: [] for name in _ARRAYS}
    for grown in forest.estimators_:
        tree = grown.tree_
        own = np.arange(tree.node_count)
        leaf = tree.children_left < 0
        depths = tree.compute_node_depths() - 1
        path = depths + average_path(tree.n_node_samples)
        parts["roots"].append(np.array([offset]))
        parts["feature"].append(np.where(leaf, 0, tree.feature))
        parts["threshold"].append(np.where(leaf, np.inf, tree.threshold))
        parts["left"].append(offset + np.where(leaf, own, tree.children_left))
        parts["right"].append(offset + np.where(leaf, own, tree.children_right))
        # A single row has no path at all; scikit-learn then gives every row the mean one.
        parts["value"].append(np.where(leaf, path / unit if unit else 1.0 / trees, 0.0))
        offset += tree.node_count
        depth = max(depth, int(depths.max()))
    joined = {name: np.concatenate(values) for name, values in parts.items()}
    for name in ("roots", "feature", "left", "right"):
        joined[name] = joined[name].astype(np.int64)
    return _forest(joined, depth)
