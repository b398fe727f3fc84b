"""CWoLa hunting: the sidebands are the template.

What to use when: the first method to try. It needs neither simulation nor truth nor a density
model, and one training per window.

Weak spot: features that follow the resonant mass. The classifier then learns to tell the window
from the sidebands by the mass itself, which sculpts a bump where there is none and hides the
signal: a shift of the jet masses by 10 % of the di-jet mass takes the published maximum SIC from
10.8 to 1.0 (arXiv:2109.00546). The search's sculpting check looks for it. And what both sides
share with the window is all that may be learned, so a signal that leaks into the sidebands hides.

The general form, classification between any two mixed samples, is `bycatch.template.mixed.Cwola`.

References
----------
.. [1] Metodiev, Nachman, Thaler, "Classification without labels", arXiv:1708.02949.
.. [2] Collins, Howe, Nachman, "Anomaly detection for resonant new physics with machine learning",
   arXiv:1805.02664.
.. [3] Collins, Howe, Nachman, "Extending the search for new resonances with machine learning",
   arXiv:1902.02634.
"""

from __future__ import annotations

from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from bycatch.template._common import assemble, interval, require_events
from bycatch.template.base import Region, Template, TrainingSet

__all__ = ["CwolaHunting", "balance_sides"]


class CwolaHunting(Template):
    """Class 1 is the window, class 0 the training sidebands.

    Parameters
    ----------
    sides : {"equal", "natural"}
        ``equal``: the sidebands below and above the window each carry half of the class's weight.
        In a falling spectrum the lower side would otherwise dominate; with equal sides a
        distribution that changes linearly with the mass has the same average in the sidebands as
        in the window, and there is nothing to learn from it (Refs. [2]_ and [3]_ of the module).
        ``natural``: as the events come.
    """

    name: ClassVar[str] = "cwola"
    citation: ClassVar[str] = "cwola-hunting"

    def __init__(self, sides: Literal["equal", "natural"] = "equal") -> None:
        self.sides = sides

    def training_set(
        self,
        mass: NDArray[np.float64],
        X: NDArray[np.float32],
        weight: NDArray[np.float64],
        region: Region,
        label: NDArray[np.int8] | None = None,  # noqa: ARG002 - truth is not for searches
        seed: int = 0,  # noqa: ARG002 - nothing is drawn
    ) -> TrainingSet:
        """Return the window against its sidebands; see `Template.training_set`."""
        inside = np.flatnonzero(region.in_window(mass))
        outside = np.flatnonzero(region.in_sidebands(mass))
        window = interval(region.window)
        require_events(inside, f"in the window {window}", "move or widen it")
        sidebands = ", ".join(interval(side) for side in region.sidebands)
        require_events(outside, f"in the sidebands ({sidebands}) of {window}", "widen 'sidebands'")
        outside_weight = weight[outside]
        if self.sides == "equal":
            outside_weight = balance_sides(mass[outside], outside_weight, region.window)
        return assemble(X, inside, weight[inside], outside, outside_weight, region)


def balance_sides(
    mass: NDArray[np.float64], weight: NDArray[np.float64], window: tuple[float, float]
) -> NDArray[np.float64]:
    """Scale the weights so that both sides of the window carry equal sums.

    Parameters
    ----------
    mass : ndarray of shape (n_events,)
        Masses of sideband events.
    weight : ndarray of shape (n_events,)
        Their weights.
    window : tuple of float

    Returns
    -------
    ndarray of shape (n_events,)
        Weights of the same total sum. Unchanged where a side is empty or its weights do not sum
        to a positive number: then there is nothing to balance.

    Examples
    --------
    >>> import numpy as np
    >>> balance_sides(np.array([1.0, 2.0, 3.0, 9.0]), np.ones(4), (4.0, 8.0)).round(3).tolist()
    [0.667, 0.667, 0.667, 2.0]
    """
    below = mass < window[0]
    total = float(weight.sum())
    low, high = float(weight[below].sum()), float(weight[~below].sum())
    if low <= 0.0 or high <= 0.0:
        return weight
    return np.asarray(weight * np.where(below, total / (2.0 * low), total / (2.0 * high)))
