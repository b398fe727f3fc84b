"""Ensembles of boosted trees with scikit-learn's histogram gradient boosting.

The slower engine (see `bycatch.learn.classifiers.trees`); kept as an independent check of the
default one, and because much of the literature used it.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit
from sklearn.ensemble import HistGradientBoostingClassifier
from threadpoolctl import threadpool_limits

from bycatch.learn.base import History
from bycatch.learn.checkpoint import (
    Checkpoint,
    save_checkpoint,
)
from bycatch.learn.classifiers.boosting import BoostedTrees
from bycatch.learn.classifiers.forest import Forest
from bycatch.learn.members import (
    MemberRows,
)
from bycatch.learn.options import option

_ARRAYS = ("roots", "feature", "threshold", "left", "right", "value")


class HistGradientBoostingEnsemble(BoostedTrees):
    """Boosted trees of scikit-learn with early stopping.

    Negative weights are accepted: they enter gradients and Hessians as they are, and a leaf whose
    Hessians sum to nearly nothing is not split off. `min_rows_per_leaf` counts rows, not weights.

    Attributes
    ----------
    histories_ : list of History
        Learning curve of each member, from the first tree on.
    """

    kind = "hgb"

    feature_fraction: float = option(
        default=0.5,
        least=0.01,
        most=1.0,
        says="Random fraction of the features that each split may use; what makes members differ.",
    )

    def _fit_members(
        self,
        X: NDArray[np.float32],
        y: NDArray[np.int8],
        rows: Sequence[MemberRows],
        seeds: Sequence[int],
    ) -> list[tuple[Forest, History]]:
        with threadpool_limits(1):
            return [
                self._fit_member(X, y, row, seed) for row, seed in zip(rows, seeds, strict=True)
            ]

    def _fit_member(
        self, X: NDArray[np.float32], y: NDArray[np.int8], rows: MemberRows, seed: int
    ) -> tuple[Forest, History]:
        model = HistGradientBoostingClassifier(
            learning_rate=self.learning_rate,
            max_iter=self.max_trees,
            max_leaf_nodes=self.leaves,
            min_samples_leaf=self.min_rows_per_leaf,
            max_features=self.feature_fraction,
            max_bins=self.bins,
            early_stopping=True,
            # Stopping is only possible after this many trees, so the minimum is trained as well.
            n_iter_no_change=max(self.patience, self.min_trees),
            tol=0.0,
            random_state=seed,
        )
        model.fit(
            X[rows.train],
            y[rows.train],
            sample_weight=rows.train_weight,
            X_val=X[rows.validate],
            y_val=y[rows.validate],
            sample_weight_val=rows.validate_weight,
        )
        # Scores are minus the loss; the first is that of no trees.
        train_loss, validation_loss = -model.train_score_[1:], -model.validation_score_[1:]
        first = min(self.min_trees, len(validation_loss)) - 1
        best = first + int(np.argmin(validation_loss[first:]))
        history = History(tuple(train_loss.tolist()), tuple(validation_loss.tolist()), best)
        return _forest(model, best + 1), history

    def predict(
        self, X: NDArray[np.float32], members: Sequence[int] | None = None
    ) -> NDArray[np.float32]:
        """Return p(1|x) of each chosen member, of shape (n_chosen, n_rows)."""
        X, chosen = self._checked(X, members)
        logits = [self._models[member].sum(X) for member in chosen]
        return expit(np.reshape(logits, (len(chosen), len(X)))).astype(np.float32)

    def save(self, folder: Path) -> None:
        """Write the members to `folder`."""
        metadata = {
            **self._metadata(),
            "depth": [forest.depth for forest in self._models],
            "baseline": [forest.baseline for forest in self._models],
        }
        arrays = {
            f"{m}.{name}": getattr(forest, name)
            for m, forest in enumerate(self._models)
            for name in _ARRAYS
        }
        save_checkpoint(folder, Checkpoint(self.kind, metadata, arrays))

    def _read(self, folder: Path, checkpoint: Checkpoint) -> list[Forest]:  # noqa: ARG002
        arrays, metadata = checkpoint.arrays, checkpoint.metadata
        return [
            Forest(
                **{name: arrays[f"{m}.{name}"] for name in _ARRAYS},
                depth=int(metadata["depth"][m]),
                baseline=float(metadata["baseline"][m]),
            )
            for m in range(self.members)
        ]


def _forest(model: Any, n_trees: int) -> Forest:
    """Copy the first trees of a fitted model into plain arrays."""
    # scikit-learn has no public way to read the trees; a test compares the sums with its own.
    predictors = [trees[0] for trees in model._predictors[:n_trees]]  # noqa: SLF001
    sizes = [len(predictor.nodes) for predictor in predictors]
    roots = np.concatenate([[0], np.cumsum(sizes)[:-1]]).astype(np.int64)
    nodes = np.concatenate([predictor.nodes for predictor in predictors])
    shift = np.repeat(roots, sizes)
    leaf = nodes["is_leaf"].astype(bool)
    own = np.arange(len(nodes))
    return Forest(
        roots=roots,
        feature=np.where(leaf, 0, nodes["feature_idx"]).astype(np.int64),
        threshold=np.where(leaf, np.inf, nodes["num_threshold"]).astype(np.float64),
        left=np.where(leaf, own, nodes["left"].astype(np.int64) + shift),
        right=np.where(leaf, own, nodes["right"].astype(np.int64) + shift),
        value=np.where(leaf, nodes["value"], 0.0).astype(np.float64),
        depth=int(nodes["depth"].max()),
        baseline=float(np.ravel(model._baseline_prediction)[0]),  # noqa: SLF001
    )
