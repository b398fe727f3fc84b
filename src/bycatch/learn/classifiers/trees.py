"""Ensembles of boosted trees with LightGBM, the default engine.

Why it is the default: with the same settings and one thread it trains several times faster than
scikit-learn's histogram gradient boosting (`bycatch.learn.classifiers.hgb`) and separates as well;
``benchmarks/bench_trees.py`` measures both, ``benchmarks/RESULTS.md`` holds the numbers.

What holds for weights, for both engines
----------------------------------------
A common factor of the weights, or of the weights of one class, has no influence, since each class
is scaled to the same sum. 'Weight 2 equals two events' holds only where nothing counts rows: fewer
distinct values than bins, no sampling of rows, and one row per leaf allowed. In general it does
not: bins are quantiles of rows, `min_rows_per_leaf` counts rows, and sampling draws rows. Negative
weights are accepted by both engines and enter gradients and Hessians as they are; a leaf needs a
positive sum of Hessians, so they cancel as they should unless they dominate a leaf.

Features are binned once, over all rows given to `fit`. A member's trees therefore depend on the
feature values (never on the classes or weights) of rows outside of its masks, through the position
of the bins' edges.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import lightgbm
import numpy as np
from numpy.typing import NDArray

from bycatch.errors import InputError
from bycatch.learn.base import History
from bycatch.learn.checkpoint import (
    Checkpoint,
    save_checkpoint,
)
from bycatch.learn.classifiers.boosting import BoostedTrees
from bycatch.learn.members import (
    MemberRows,
)
from bycatch.learn.options import option


class LightGBMEnsemble(BoostedTrees):
    """Boosted trees of LightGBM with early stopping.

    Attributes
    ----------
    histories_ : list of History
        Learning curve of each member.
    """

    kind = "lightgbm"

    row_fraction: float = option(
        default=0.8,
        least=0.01,
        most=1.0,
        says="Random fraction of the rows that each tree sees; what makes members differ.",
    )

    def _fit_members(
        self,
        X: NDArray[np.float32],
        y: NDArray[np.int8],
        rows: Sequence[MemberRows],
        seeds: Sequence[int],
    ) -> list[tuple[Any, History]]:
        # Binned once: the members only take rows of it.
        binned = lightgbm.Dataset(X, y, params=self._parameters(0), free_raw_data=False)
        binned.construct()
        return [self._fit_member(binned, row, seed) for row, seed in zip(rows, seeds, strict=True)]

    def _parameters(self, seed: int) -> dict[str, object]:
        return {
            "objective": "binary",
            "metric": "binary_logloss",
            "boost_from_average": False,  # the classes are balanced by their weights
            "learning_rate": self.learning_rate,
            "num_leaves": self.leaves,
            "min_data_in_leaf": self.min_rows_per_leaf,
            "bagging_fraction": self.row_fraction,
            "bagging_freq": 1 if self.row_fraction < 1.0 else 0,
            "max_bin": self.bins,
            "feature_pre_filter": False,
            "seed": seed,
            "num_threads": 1,
            "deterministic": True,
            "force_col_wise": True,
            "verbosity": -1,
        }

    def _fit_member(self, binned: Any, rows: MemberRows, seed: int) -> tuple[Any, History]:
        parameters = self._parameters(seed)
        train = binned.subset(rows.train, params=parameters).construct()
        train.set_weight(rows.train_weight)
        validate = binned.subset(rows.validate, params=parameters).construct()
        validate.set_weight(rows.validate_weight)
        booster = lightgbm.Booster(parameters, train)
        booster.add_valid(validate, "validate")
        train_loss: list[float] = []
        validation_loss: list[float] = []
        best = 0
        for tree in range(self.max_trees):
            finished = booster.update()  # True where no leaf can be split any more
            train_loss.append(float(booster.eval_train()[0][2]))
            validation_loss.append(float(booster.eval_valid()[0][2]))
            if tree < self.min_trees or validation_loss[tree] < validation_loss[best]:
                best = tree
            if finished or tree - best >= self.patience:
                break
        history = History(tuple(train_loss), tuple(validation_loss), best)
        booster.free_dataset()
        return booster, history

    def predict(
        self, X: NDArray[np.float32], members: Sequence[int] | None = None
    ) -> NDArray[np.float32]:
        """Return p(1|x) of each chosen member, of shape (n_chosen, n_rows)."""
        X, chosen = self._checked(X, members)
        result = np.empty((len(chosen), len(X)), dtype=np.float32)
        for position, member in enumerate(chosen):
            result[position] = self._models[member].predict(
                X, num_iteration=self.histories_[member].best + 1, num_threads=1
            )
        return result

    def save(self, folder: Path) -> None:
        """Write the members to `folder`, each as LightGBM's text."""
        texts = {f"member{m:04d}.txt": b.model_to_string() for m, b in enumerate(self._models)}
        save_checkpoint(folder, Checkpoint(self.kind, self._metadata(), texts=texts))

    def _read(self, folder: Path, checkpoint: Checkpoint) -> list[Any]:
        texts = [checkpoint.texts[f"member{m:04d}.txt"] for m in range(self.members)]
        try:
            return [lightgbm.Booster(model_str=text) for text in texts]
        except lightgbm.basic.LightGBMError as error:
            raise InputError(
                f"LightGBM cannot read the model in {folder} ({error}); train it again."
            ) from error
