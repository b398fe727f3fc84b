"""What both engines of boosted trees share: their options and what a checkpoint says of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from bycatch.errors import DataError
from bycatch.learn.base import History
from bycatch.learn.checkpoint import histories_to_json
from bycatch.learn.members import check_option

__all__ = ["BoostedTrees"]

_LIMITS: dict[str, tuple[float, float]] = {
    "members": (1, np.inf),
    "min_trees": (1, np.inf),
    "max_trees": (1, np.inf),
    "patience": (1, np.inf),
    "learning_rate": (1e-6, 1.0),
    "leaves": (2, np.inf),
    "min_rows_per_leaf": (1, np.inf),
    "row_fraction": (0.01, 1.0),
    "feature_fraction": (0.01, 1.0),
    "bins": (2, 255),
}


class BoostedTrees:
    """Options of an ensemble of boosted trees; the engines list and describe them."""

    members: int
    max_trees: int
    min_trees: int
    patience: int
    learning_rate: float
    leaves: int
    min_rows_per_leaf: int
    bins: int
    histories_: Sequence[History]
    _n_features: int

    def _set_options(self, **options: float) -> None:
        """Check the options and keep them as attributes.

        Raises
        ------
        ConfigError
            Where one is out of its limits.
        """
        for name, value in options.items():
            check_option(name, value, *_LIMITS[name])
            setattr(self, name, value)
        check_option("max_trees", self.max_trees, self.min_trees)
        self._options = tuple(options)
        self.histories_ = ()
        self._n_features = 0

    def _metadata(self) -> dict[str, Any]:
        """Return what a checkpoint says beside the trees themselves."""
        return {
            "options": {name: getattr(self, name) for name in self._options},
            "histories": histories_to_json(self.histories_),
            "n_features": self._n_features,
        }

    @staticmethod
    def _require_trained(trained: Sequence[object]) -> None:
        if not trained:
            message = "The ensemble is not trained; call 'fit' first."
            raise DataError(message)
