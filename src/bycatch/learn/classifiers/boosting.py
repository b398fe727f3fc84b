"""What both engines of boosted trees share: options, the frames of training and of reading."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from bycatch.errors import DataError
from bycatch.learn.base import History
from bycatch.learn.checkpoint import (
    Checkpoint,
    constructor_options,
    damaged_metadata,
    histories_from_json,
    histories_to_json,
    load_checkpoint,
)
from bycatch.learn.members import (
    MemberRows,
    check_features,
    check_members,
    check_option,
    member_rows,
)
from bycatch.learn.options import Options, learned, option
from bycatch.tasks.random import child_seed


class BoostedTrees(Options, ABC):
    """An ensemble of boosted trees; its options are checked when it is made."""

    kind: ClassVar[str]

    members: int = option(default=1, least=1, kw_only=False, says="Independent repetitions.")
    max_trees: int = option(default=200, least=1, says="Trees of a member at most.")
    min_trees: int = option(
        default=10, least=1, says="At least these are kept, whatever the validation loss says."
    )
    patience: int = option(
        default=10,
        least=1,
        says="Trees without a lower validation loss after which a member stops.",
    )
    learning_rate: float = option(
        default=0.1, least=1e-6, most=1.0, says="Factor of what each tree adds."
    )
    leaves: int = option(default=31, least=2, says="Leaves of a tree at most.")
    min_rows_per_leaf: int = option(default=20, least=1, says="Counts rows, not weights.")
    bins: int = option(default=63, least=2, most=255, says="Histogram bins per feature.")
    histories_: Sequence[History] = learned(default=())
    _models: Sequence[Any] = learned(default=())
    """Trees of each member, as the engine keeps them."""
    _n_features: int = learned(default=0)

    def __post_init__(self) -> None:
        """Refuse options out of their limits (ConfigError)."""
        self.check_options()
        check_option("max_trees", self.max_trees, self.min_trees)

    @abstractmethod
    def _fit_members(
        self,
        X: NDArray[np.float32],
        y: NDArray[np.int8],
        rows: Sequence[MemberRows],
        seeds: Sequence[int],
    ) -> list[tuple[Any, History]]:
        """Return the trees and the learning curve of each member."""

    @abstractmethod
    def _read(self, folder: Path, checkpoint: Checkpoint) -> Sequence[Any]:
        """Return the trees of each member; ValueError or KeyError where there are none."""

    def fit(
        self,
        X: NDArray[np.float32],
        y: NDArray[np.int8],
        weight: NDArray[np.float64] | None = None,
        *,
        train: NDArray[np.bool_],
        validate: NDArray[np.bool_],
        seed: int,
    ) -> Self:
        """Train all members; see `bycatch.learn.base.ClassifierEnsemble.fit`.

        Raises
        ------
        DataError
            Where the rows cannot serve, see `bycatch.learn.members.member_rows`.
        """
        X, y, rows = member_rows(X, y, weight, train, validate, self.members)
        seeds = [child_seed(seed, "member", m) for m in range(self.members)]
        results = self._fit_members(X, y, rows, seeds)
        self._models = [model for model, _ in results]
        self.histories_ = [history for _, history in results]
        self._n_features = X.shape[1]
        return self

    def _checked(
        self, X: NDArray[np.float32], members: Sequence[int] | None
    ) -> tuple[NDArray[np.float32], list[int]]:
        """Return features and members to predict, or say what is wrong with them (DataError)."""
        if not self._models:
            raise DataError("The ensemble is not trained; call 'fit' first.")
        return check_features(X, self._n_features), check_members(members, self.members)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read what `save` wrote.

        Raises
        ------
        InputError
            Where the folder is missing, damaged, or holds something else.
        """
        checkpoint = load_checkpoint(folder, cls.kind)
        with damaged_metadata(folder):
            ensemble = cls(**checkpoint.metadata["options"])
            ensemble.histories_ = histories_from_json(checkpoint.metadata["histories"])
            ensemble._n_features = int(checkpoint.metadata["n_features"])
            ensemble._models = ensemble._read(folder, checkpoint)
        return ensemble

    def _metadata(self) -> dict[str, Any]:
        """Return what a checkpoint says beside the trees themselves."""
        return {
            "options": constructor_options(self),
            "histories": histories_to_json(self.histories_),
            "n_features": self._n_features,
        }
