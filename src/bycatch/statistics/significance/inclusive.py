"""The order that the unselected spectrum asks for, which selected ones start from.

A selection at a fixed background efficiency should leave the background's shape alone. Chosen
from the selected events alone, with a test of size 5 %, the order comes out too low wherever the
events do not suffice to reject it but do suffice to feel its bias: LHC Olympics background, whose
full spectrum asks for 4 dijet parameters, gave local p below 0.05 in up to 12 % of Poisson toys
without any training (docs/statistics/calibration.md).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from bycatch.statistics.fits.order import choose_order
from bycatch.statistics.plan import BackgroundPlan
from bycatch.statistics.region import Region
from bycatch.statistics.significance.local import window_bins


def with_least_order(
    background: BackgroundPlan,
    mass: NDArray[np.float64],
    weight: NDArray[np.float64],
    edges: NDArray[np.float64],
    regions: Sequence[Region],
) -> BackgroundPlan:
    """Set the lowest order to what the unselected spectrum asks for.

    Parameters
    ----------
    background : BackgroundPlan
        Returned as it is where its order is fixed.
    mass, weight : ndarray of shape (n_events,)
        All events.
    edges : ndarray of shape (n_bins + 1,)
    regions : sequence of Region
        Each window is masked in turn and the largest order taken: too many parameters cost some
        sensitivity, too few the calibration.

    Returns
    -------
    BackgroundPlan
    """
    if background.order != "auto":
        return background
    counts, _ = np.histogram(mass, edges, weights=weight)
    squares, _ = np.histogram(mass, edges, weights=weight**2)
    total, square = float(counts.sum()), float(squares.sum())
    # no Poisson fit exists: each look then chooses for itself
    if total <= 0 or square <= 0 or counts.min() < 0:
        return background
    counts, smooth = counts * (total / square), background.on(edges)
    orders = [
        int(choose_order(counts, smooth, window_bins(edges, region.window))[0])
        for region in regions
    ]
    return background.at_least(max(orders, default=0))
