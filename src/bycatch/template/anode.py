"""ANODE: the density of the window's events over the interpolated density of its background.

What to use when: a score without a classifier, from the same density that CATHODE samples; a second
opinion whose mistakes differ. `cathode` is the more sensitive one wherever there is a signal to be
seen (maximum SIC 14 against 6.5 at S/B = 0.6 %, Ref. [2]_), since a classifier sees small
differences of large densities better than two density estimates do; at the edge of what any method
sees (0.2 %) both are about equal.

Weak spot: a small signal is a small difference of two estimates, each with its own error, and the
window's density is learned from the window's events alone: a few thousand at least. Every feature
adds to both errors, be it informative or not. Scoring costs more than by a classifier: a flow, or
with ``matching`` a differential equation, for each event, three times over.

Here, unlike in Ref. [1]_, the score is a function of x alone: the window's density is not
conditional on m, and the background's is averaged over the window's masses. A score of (x, m)
changes at the window's edges by construction, and would sculpt the spectrum that is fitted.

References
----------
.. [1] Nachman, Shih, "Anomaly detection with density estimation", arXiv:2001.04990.
.. [2] Hallin et al., "Classifying anomalies through outer density estimation", arXiv:2109.00546.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from bycatch.errors import ConfigError, DataError
from bycatch.learn.base import ClassifierEnsemble
from bycatch.learn.options import learned, option
from bycatch.statistics.region import Region
from bycatch.template._interpolated import (
    InterpolatedTemplate,
    require_density,
    rising_weight,
)
from bycatch.template._ratio import DensityRatio, two_masses
from bycatch.template._sidebands import SidebandDensity
from bycatch.template.base import TrainingSet

_Nodes = tuple[NDArray[np.float64], NDArray[np.float64]]


class Anode(InterpolatedTemplate):
    """The score is the ratio of two densities; thresholds are set on samples of the background's.

    Attributes
    ----------
    shares : bool
        Whether one density of the sidebands is to serve all windows of a search.
    background_ : SidebandDensity
        What the last training set was drawn from.
    """

    name: ClassVar[str] = "anode"
    citation: ClassVar[str] = "anode"
    own_classifier: ClassVar[bool] = True
    folded: ClassVar[bool] = True

    window_density: str = option(
        default="matching",
        kw_only=False,
        says="Key of `bycatch.learn.DENSITIES`, for the window's own events.",
    )
    window_options: Mapping[str, Any] | None = option(
        default=None, kw_only=False, says="Options of that density."
    )
    members: int = option(
        default=1,
        kw_only=False,
        says="Densities of the window per fold, instead of the number of classifiers that a search "
        "asks for: each costs the training of a density.",
    )
    _last: tuple[SidebandDensity, tuple[float, float], _Nodes] | None = learned(default=None)

    def __post_init__(self) -> None:
        """Refuse options that make no sense (ConfigError)."""
        super().__post_init__()
        require_density(self.window_density, "window_density")
        if self.members < 1:
            raise ConfigError(
                f"The option 'members' is {self.members!r}, but it must be at least 1: it is the "
                "number of densities of the window per fold."
            )

    def learned(self) -> tuple[tuple[str, Mapping[str, Any]], ...]:
        """Return name and options of the sidebands' and of the window's density."""
        return (*super().learned(), (self.window_density, dict(self.window_options or {})))

    def training_set(
        self,
        mass: NDArray[np.float64],
        X: NDArray[np.float32],
        weight: NDArray[np.float64],
        region: Region,
        label: NDArray[np.int8] | None = None,
        seed: int = 0,
    ) -> TrainingSet:
        """Return the window against samples of its background; see `Cathode.training_set`."""
        self._last = None
        made = super().training_set(mass, X, weight, region, label, seed)
        inside = region.in_window(mass)
        nodes = two_masses(*rising_weight(mass[inside], weight[inside]))
        self._last = self.background_, region.window, nodes
        return made

    def classifier(
        self, members: int, folds: NDArray[np.int64] | None = None
    ) -> ClassifierEnsemble:
        """Return the untrained ratio for the last training set that was made.

        Parameters
        ----------
        members : int
        folds : ndarray of shape (n_members,), optional
            The fold that each member scores: where the background was learned in folds, the member
            divides by the density that has not seen it.

        Raises
        ------
        DataError
            Where no training set was made yet.
        """
        if self._last is None:
            raise DataError("The ratio of 'anode' belongs to a window: call 'training_set' first.")
        background, window, nodes = self._last
        ratio = DensityRatio(
            members,
            background,
            window,
            *nodes,
            self.window_density,
            self.window_options,
            folds if background.members > 1 else None,
        )
        ratio.callbacks = self.callbacks
        return ratio
