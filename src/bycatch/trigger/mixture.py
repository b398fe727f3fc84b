"""Samples of several processes as one: every event carries the rate that it stands for.

What to use when: whenever processes were simulated with other numbers of events than nature has,
which is always. The number of effective events of the mixture is Kish's, over all processes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from bycatch.errors import DataError
from bycatch.evaluate.operating import LEVEL
from bycatch.evaluate.sizes import kish
from bycatch.trigger.estimates import Estimate, weighted_fraction
from bycatch.trigger.rates import Rate
from bycatch.trigger.tail import ScoreTail

Floats = NDArray[np.float64]
Of = Literal["rate", "pure_rate"]


@dataclass(frozen=True, eq=False)
class ScoredSample:
    """Scored events of one process.

    Attributes
    ----------
    name : str
    score, weight : ndarray of shape (n_events,)
    menu : ndarray of bool of shape (n_events,), or None
        Whether the existing menu accepts the event.
    """

    name: str
    score: Floats
    weight: Floats
    menu: NDArray[np.bool_] | None = None

    @property
    def n_effective(self) -> float:
        """Kish's effective number of events."""
        return kish(self.weight)


@dataclass(frozen=True)
class Counted:
    """What one process contributes above a threshold.

    Attributes
    ----------
    name : str
    rate : Estimate
        Events per day above, counted (statistical errors only).
    """

    name: str
    rate: Estimate


class Mixture:
    """The background before the score: samples and their rates.

    Parameters
    ----------
    samples : sequence of ScoredSample
    rates : mapping of str to Rate
        By the samples' names.
    start : float, optional
        Where the fit of the tail starts, see `bycatch.trigger.tail.ScoreTail`.
    level : float

    Raises
    ------
    DataError
        Where a sample's weights do not sum to a positive number.
    """

    def __init__(
        self,
        samples: Sequence[ScoredSample],
        rates: Mapping[str, Rate],
        *,
        start: float | None = None,
        level: float = LEVEL,
    ) -> None:
        for sample in samples:
            if not sample.weight.sum() > 0.0:
                raise DataError(
                    f"The weights of {sample.name!r} sum to {sample.weight.sum():.3g} in "
                    f"{len(sample.weight)} events; check its files and its 'where'."
                )
        self.samples, self.rates = tuple(samples), dict(rates)
        self.start, self.level = start, level
        self._tails: dict[tuple[Of, str, float], ScoreTail] = {}

    @property
    def has_menu(self) -> bool:
        """Whether it is known of all events if the menu accepts them."""
        return all(sample.menu is not None for sample in self.samples)

    def total(self, of: Of = "rate", varied: str = "", factor: float = 1.0) -> float:
        """Return the events per day before the score; of ``pure_rate``, those outside the menu."""
        return float(sum(weight.sum() for weight in self._weights(of, varied, factor)[1]))

    def tail(self, of: Of = "rate", varied: str = "", factor: float = 1.0) -> ScoreTail:
        """Return the tail of the mixture, with the rate of one process multiplied by a factor."""
        key = (of, varied, factor)
        if key not in self._tails:
            scores, weights = self._weights(of, varied, factor)
            self._tails[key] = ScoreTail(
                np.concatenate(scores), np.concatenate(weights), start=self.start, level=self.level
            )
        return self._tails[key]

    def above(self, threshold: float, of: Of = "rate") -> tuple[Counted, ...]:
        """Return the counted rate of each process at or above a threshold."""
        found = []
        for sample in self.samples:
            passed = sample.score >= threshold
            if of == "pure_rate" and sample.menu is not None:
                passed &= ~sample.menu
            per_day = self.rates[sample.name].per_day
            fraction = weighted_fraction(sample.weight, passed, self.level)
            found.append(Counted(sample.name, fraction.times(per_day)))
        return tuple(found)

    def _weights(self, of: Of, varied: str, factor: float) -> tuple[list[Floats], list[Floats]]:
        """Return scores, and the rate per day that each event stands for, by process."""
        scores, weights = [], []
        for sample in self.samples:
            per_day = self.rates[sample.name].per_day * (factor if sample.name == varied else 1.0)
            # the rate is shared out before the menu's events go, or the pure rate would not be
            # smaller
            weight = sample.weight * (per_day / sample.weight.sum())
            kept = np.ones(len(weight), dtype=bool)
            if of == "pure_rate" and sample.menu is not None:
                kept = ~sample.menu
            scores.append(sample.score[kept])
            weights.append(weight[kept])
        return scores, weights
