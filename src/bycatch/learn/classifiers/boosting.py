"""What both engines of boosted trees share: their options and what a checkpoint says of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from bycatch.errors import DataError
from bycatch.learn.base import History
from bycatch.learn.checkpoint import constructor_options, histories_to_json
from bycatch.learn.members import check_option
from bycatch.learn.options import Options, learned, option


class BoostedTrees(Options):
    """Options of an ensemble of boosted trees, checked when it is made."""

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
    _n_features: int = learned(default=0)

    def __post_init__(self) -> None:
        """Refuse options out of their limits (ConfigError)."""
        self.check_options()
        check_option("max_trees", self.max_trees, self.min_trees)

    def _metadata(self) -> dict[str, Any]:
        """Return what a checkpoint says beside the trees themselves."""
        return {
            "options": constructor_options(self),
            "histories": histories_to_json(self.histories_),
            "n_features": self._n_features,
        }

    @staticmethod
    def _require_trained(trained: Sequence[object]) -> None:
        if not trained:
            raise DataError("The ensemble is not trained; call 'fit' first.")
