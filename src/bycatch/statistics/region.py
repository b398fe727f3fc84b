"""A signal region: its window and the sidebands beside it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Region:
    """A signal region and its training sidebands.

    Attributes
    ----------
    window : tuple of float
        Lower (inclusive) and upper (exclusive) edge in units of the resonance.
    sidebands : tuple of tuple of float
        Disjoint intervals outside of the window, in the same units.
    span : tuple of float or None
        Range from which a learned density may take events, all of it outside of the window: the
        fit range of a search. None: from the lowest to the highest edge of window and sidebands.
    hidden : tuple of tuple of float
        Further intervals whose events a learned density must not see: the tested windows, where
        this window is there to test the template and a signal in them would disturb the test.
    """

    window: tuple[float, float]
    sidebands: tuple[tuple[float, float], ...]
    span: tuple[float, float] | None = None
    hidden: tuple[tuple[float, float], ...] = ()

    @property
    def reach(self) -> tuple[float, float]:
        """Range from which a learned density takes its events."""
        if self.span is not None:
            return self.span
        parts = (self.window, *self.sidebands)
        return min(low for low, _ in parts), max(high for _, high in parts)

    def in_window(self, mass: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Mark the events of the signal region."""
        return np.asarray((mass >= self.window[0]) & (mass < self.window[1]))

    def in_sidebands(self, mass: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Mark the events of the training sidebands."""
        inside = np.zeros(mass.shape, dtype=bool)
        for low, high in self.sidebands:
            inside |= (mass >= low) & (mass < high)
        return inside
