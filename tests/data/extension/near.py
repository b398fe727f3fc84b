"""CWoLa hunting with the nearest sideband events alone: they resemble the window most."""

from __future__ import annotations

import numpy as np

from bycatch.errors import ConfigError
from bycatch.template import Template, TrainingSet


class NearSidebands(Template):
    """The window against the share of sideband events whose mass is nearest to it.

    Parameters
    ----------
    share : float
        Of the events of the sidebands, in (0, 1].
    """

    name = "near"  # in configurations
    citation = "cwola-hunting"

    def __init__(self, share: float = 0.5) -> None:
        if not 0.0 < share <= 1.0:
            message = f"The option 'share' is {share}; give a number in (0, 1]."
            raise ConfigError(message)
        self.share = share

    def training_set(self, mass, X, weight, region, label=None, seed=0):
        data = np.flatnonzero(region.in_window(mass))
        sides = np.flatnonzero(region.in_sidebands(mass))
        low, high = region.window
        distance = np.maximum(low - mass[sides], mass[sides] - high)
        near = sides[distance <= np.quantile(distance, self.share)]
        rows = np.concatenate([data, near])
        return TrainingSet(
            X=X[rows],
            y=np.repeat([1, 0], [data.size, near.size]).astype(np.int8),
            weight=weight[rows],
            row=rows,  # where each event stands, so that no classifier scores what it saw
        )
