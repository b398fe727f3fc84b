"""What CATHODE and ANODE share: the sidebands' density, sampled at the window's masses."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from bycatch.errors import ConfigError, nearest
from bycatch.evaluate.sizes import kish
from bycatch.learn import DENSITIES
from bycatch.learn.options import Options, option
from bycatch.statistics.region import Region
from bycatch.tasks.random import child_seed, stream
from bycatch.template._common import (
    assemble_synthetic,
    interval,
    require_events,
    require_finite,
    require_weight,
)
from bycatch.template._sidebands import SHARING, SidebandDensity, cannot_share
from bycatch.template.base import Template, TrainingSet

LARGEST_OVERSAMPLE = 1000.0
LARGEST_TEMPLATE = 20_000_000
"""Events of a template: with ten features some 2 GB while the set is put together."""


class InterpolatedTemplate(Options, Template):
    """Class 1 is the window, class 0 is drawn from the interpolated density of the sidebands.

    Attributes
    ----------
    shares : bool
        `shared`, decided.
    background_ : SidebandDensity
        What the last training set was drawn from.
    """

    folded: ClassVar[bool] = False
    """Whether the density itself scores events, so that it must be learned in folds."""

    density: str = option(
        default="matching",
        kw_only=False,
        says="Key of `bycatch.learn.DENSITIES`, for the sidebands.",
    )
    density_options: Mapping[str, Any] | None = option(
        default=None,
        kw_only=False,
        says="Options of that density, see `bycatch.learn.density_options`.",
    )
    shared: bool | None = option(
        default=None,
        kw_only=False,
        says="One density of the sidebands for all windows of a scan. None: where it can "
        "(``matching``).",
    )
    oversample: float = option(
        default=4.0, kw_only=False, says="Template events per effective event of the window."
    )
    background: SidebandDensity | None = option(
        default=None,
        says="A density that was trained beforehand and covers the window. None: one is trained on "
        "the events that `training_set` is given.",
    )

    def __post_init__(self) -> None:
        """Refuse options that make no sense (ConfigError)."""
        require_density(self.density, "density")
        if self.shared and self.density not in SHARING:
            raise ConfigError(cannot_share(self.density))
        if not 0.0 < self.oversample <= LARGEST_OVERSAMPLE:
            raise ConfigError(
                f"The option 'oversample' is {self.oversample:g}, but it must be positive and at "
                f"most {LARGEST_OVERSAMPLE:g}: 4 is the default."
            )
        self.shares = self.density in SHARING if self.shared is None else self.shared

    def learned(self) -> tuple[tuple[str, Mapping[str, Any]], ...]:
        """Return name and options of each density that the method learns."""
        return ((self.density, dict(self.density_options or {})),)

    def training_set(
        self,
        mass: NDArray[np.float64],
        X: NDArray[np.float32],
        weight: NDArray[np.float64],
        region: Region,
        label: NDArray[np.int8] | None = None,  # noqa: ARG002 - truth is not for searches
        seed: int = 0,
    ) -> TrainingSet:
        """Return the window against samples of its background; see `Template.training_set`.

        Raises
        ------
        ConfigError
            For a region that a density cannot be learned in, or more than `LARGEST_TEMPLATE`
            template events.
        DataError
            Where `background` does not cover the window, or a side of it has no events.
        FitError
            Where the training of the density diverges.
        """
        require_finite(mass, X, weight)
        inside = np.flatnonzero(region.in_window(mass))
        require_events(inside, f"in the window {interval(region.window)}", "move or widen it")
        require_weight(weight[inside], "the signal region", region)
        n_template = self._size(weight[inside], region)
        self.background_ = self.background or SidebandDensity.fit(
            mass,
            X,
            weight,
            (region.window,),
            region.reach,
            density=self.density,
            options=self.density_options,
            seed=child_seed(seed, "background"),
            callbacks=self.callbacks,
        )
        self.background_.head(region.window)
        masses = draw_masses(
            mass[inside], weight[inside], n_template, stream(seed, "template masses")
        )
        template = self.background_.sample(
            region.window, masses, child_seed(seed, "template events")
        )
        return assemble_synthetic(
            X,
            inside,
            weight[inside],
            template,
            # together they weigh as much as the window, however many are drawn
            np.full(n_template, weight[inside].sum() / n_template),
            region,
        )

    def _size(self, weight: NDArray[np.float64], region: Region) -> int:
        """Return the number of template events, for the weights of the window's events."""
        effective = kish(weight)
        # Rounding must not add an event where the product is a whole number.
        size = int(np.ceil(self.oversample * effective * (1.0 - 1e-9)))
        if size > LARGEST_TEMPLATE:
            raise ConfigError(
                f"The window {interval(region.window)} has {effective:.3g} effective events, so "
                f"'oversample: {self.oversample:g}' asks for {size:.3g} template events, more than "
                f"{LARGEST_TEMPLATE:.0e}: lower it."
            )
        return size


def require_density(name: str, key: str) -> None:
    """Refuse a density that does not exist (ConfigError); the message lists the nearest."""
    if name not in DENSITIES:
        raise ConfigError(
            f"There is no density {name!r}; the nearest are {nearest(name, DENSITIES)}. "
            f"Name one of them under {key!r}."
        )


def rising_weight(
    mass: NDArray[np.float64], weight: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return masses in ascending order, with weights of the same sum none of which is negative.

    Where negative weights make the cumulative weight fall, its running maximum, at most the total,
    takes its place; positive weights are returned as they are.

    Parameters
    ----------
    mass, weight : ndarray of shape (n_events,)
        Signed weights with a positive sum.

    Returns
    -------
    mass, weight : ndarray of shape (n_events,)
    """
    order = np.argsort(mass, kind="stable")
    cumulative = np.cumsum(weight[order])
    rising = np.clip(np.maximum.accumulate(cumulative), 0.0, cumulative[-1])
    return mass[order], np.diff(rising, prepend=0.0)


def draw_masses(
    mass: NDArray[np.float64], weight: NDArray[np.float64], n: int, rng: np.random.Generator
) -> NDArray[np.float64]:
    """Draw masses from the weighted distribution of events, spread evenly over its quantiles.

    Each draw is one of the given masses: the one that a random number in the i-th of n equal parts
    of the cumulative weight points at (`rising_weight` where weights are negative).

    Parameters
    ----------
    mass, weight : ndarray of shape (n_events,)
        Signed weights with a positive sum.
    n : int
    rng : numpy.random.Generator

    Returns
    -------
    ndarray of shape (n,)
        Ascending.
    """
    ascending, positive = rising_weight(mass, weight)
    rising = np.cumsum(positive)
    # one draw in each of n equal parts: less spread than n free draws
    level = (np.arange(n) + rng.random(n)) / n * rising[-1]
    at = np.searchsorted(rising, level, side="right")
    return np.asarray(ascending[np.minimum(at, mass.size - 1)])  # rounding at the upper end
