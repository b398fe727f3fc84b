"""Which smooth family describes a background: plain frozen data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from bycatch.statistics.background import Background

__all__ = ["BackgroundPlan"]


@dataclass(frozen=True)
class BackgroundPlan:
    """Family of smooth spectra and its number of parameters.

    Attributes
    ----------
    family : str
        Name in `bycatch.statistics.fits.background.FAMILIES`.
    order : int or "auto"
        Number of parameters, or chosen by likelihood ratio with the window masked.
    min_order : int
        Lowest order that "auto" may choose; the search sets it to what the unselected spectrum
        asks for (`bycatch.statistics.significance.inclusive`).
    """

    family: str = "dijet"
    order: int | Literal["auto"] = "auto"
    min_order: int = 0

    def on(self, edges: NDArray[np.float64]) -> Background:
        """Return the background of a binning, as every look of a search fits it.

        Not integrated over the bins: a null spectrum that toys are drawn from is then exactly in
        the family that is fitted to them.
        """
        return Background(
            self.family, edges, integrate=False, order=self.order, min_order=self.min_order
        )
