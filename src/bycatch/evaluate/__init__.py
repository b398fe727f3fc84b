"""Numbers about results: ROC and significance improvement, effective sizes, separation."""

from __future__ import annotations

from bycatch.evaluate.roc import MaxSic, Roc, max_sic, roc
from bycatch.evaluate.separation import separation, separation_floor
from bycatch.evaluate.sizes import kish

__all__ = ["MaxSic", "Roc", "kish", "max_sic", "roc", "separation", "separation_floor"]
