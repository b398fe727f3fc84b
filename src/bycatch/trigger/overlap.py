"""Whether two scores keep the same events, at the working point and not only on average."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import beta, spearmanr

from bycatch.errors import DataError
from bycatch.learn.members import check_option


@dataclass(frozen=True)
class Overlap:
    """What two scores have in common at one background efficiency.

    Attributes
    ----------
    efficiency : float
        At which both are cut.
    n_kept : int
        Events that the first keeps.
    shared : float
        Fraction of these that the second keeps too.
    low, high : float
        Clopper-Pearson interval of `shared`, 68.3 %.
    rank_correlation : float
        Spearman's, over all events; NaN where a score is constant.
    """

    efficiency: float
    n_kept: int
    shared: float
    low: float
    high: float
    rank_correlation: float


def overlap(first: ArrayLike, second: ArrayLike, efficiency: float) -> Overlap:
    """Compare a score with its compressed version on background events.

    Parameters
    ----------
    first, second : array_like of shape (n_events,)
        Scores of the same events.
    efficiency : float
        Fraction of events that each keeps.

    Returns
    -------
    Overlap

    Raises
    ------
    ConfigError
        Where the efficiency is none.
    DataError
        Where the scores are not of the same events, or no event is kept.
    """
    check_option("efficiency", efficiency, 0.0, 1.0)
    a, b = (np.asarray(values, dtype=np.float64) for values in (first, second))
    if a.shape != b.shape or a.ndim != 1:
        raise DataError(f"Both scores need the same events, but they have {a.shape} and {b.shape}.")
    count = round(efficiency * len(a))
    if count < 1:
        raise DataError(
            f"At an efficiency of {efficiency:g} none of {len(a)} events is kept; give at least "
            f"{int(np.ceil(1.0 / max(efficiency, 1e-300)))} events or a higher efficiency."
        )
    # Fixed-point scores have ties at the cut; the order of the events breaks them.
    kept = np.zeros((2, len(a)), dtype=bool)
    for row, values in zip(kept, (a, b), strict=True):
        row[np.argsort(-values, kind="stable")[:count]] = True
    shared = int(np.count_nonzero(kept[0] & kept[1]))
    tail = 0.5 * (1.0 - 0.6827)
    low = float(beta.ppf(tail, shared, count - shared + 1)) if shared else 0.0
    high = float(beta.ppf(1.0 - tail, shared + 1, count - shared)) if shared < count else 1.0
    constant = min(np.ptp(a), np.ptp(b)) == 0.0
    correlation = float("nan") if constant else float(spearmanr(a, b).statistic)
    return Overlap(efficiency, count, shared / count, low, high, correlation)
