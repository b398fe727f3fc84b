"""From a budget of events per day to a threshold, with everything that makes it uncertain.

What to use when: a trigger is given a rate and not an efficiency. `of="pure_rate"` spends the
budget on events that the existing menu does not accept, which is how trigger groups count.

The threshold has two errors: of statistics (the events of each process with their weights; where
less than 30 effective events are above, the fitted tail) and of normalisation (the rate of each
process moved by its error, the threshold found again, differences added in quadrature).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from bycatch.errors import DataError
from bycatch.tasks.result import document
from bycatch.trigger.estimates import Estimate
from bycatch.trigger.mixture import Counted, Mixture, Of


@dataclass(frozen=True)
class WorkingPoint:
    """A threshold on the score.

    Attributes
    ----------
    budget : float
        Background events per day.
    of : {"rate", "pure_rate"}
        Whether of all events above, or of those that the menu does not accept.
    threshold : Estimate
        In units of the score, with its statistical interval; its `n_effective` is the effective
        number of background events above.
    threshold_normalisation : tuple of float
        Interval of the threshold from the errors of the processes' rates.
    background_efficiency : float
        Budget over the rate before the score.
    rate, pure_rate : Estimate; pure_rate None without a menu
        Events per day above the threshold.
    processes : tuple of Counted
        What each process contributes, counted.
    status : str
        ``ok``, or a sentence about the tail.
    """

    budget: float
    of: Of
    threshold: Estimate
    threshold_normalisation: tuple[float, float]
    background_efficiency: float
    rate: Estimate
    pure_rate: Estimate | None
    processes: tuple[Counted, ...]
    status: str

    @property
    def threshold_interval(self) -> tuple[float, float]:
        """Interval of the threshold with both errors, added in quadrature."""
        both = self.threshold.widened(*self.threshold_normalisation)
        return both.low, both.high

    def to_json(self) -> dict[str, Any]:
        """Return the working point as JSON can hold it."""
        return document(
            budget=self.budget,
            of=self.of,
            threshold={
                **self.threshold.to_json(),
                "normalisation_interval": self.threshold_normalisation,
                "total_interval": self.threshold_interval,
            },
            background_efficiency=self.background_efficiency,
            rate=self.rate,
            pure_rate=self.pure_rate,
            processes=[{"name": p.name, "rate": p.rate} for p in self.processes],
            status=self.status,
        )


def working_point(mixture: Mixture, budget: float, of: Of = "rate") -> WorkingPoint:
    """Return the threshold that keeps a budget of background events per day.

    Parameters
    ----------
    mixture : Mixture
    budget : float
        Events per day.
    of : {"rate", "pure_rate"}

    Returns
    -------
    WorkingPoint

    Raises
    ------
    DataError
        Where the budget is not below the rate before the score.
    FitError
        Where the tail is needed and cannot be fitted.
    """
    total = mixture.total(of)
    if not 0.0 < budget < total:
        raise DataError(
            f"The budget is {budget:g} events per day, but it must lie between 0 and the "
            f"{total:.4g} events per day before the score; check cross sections and luminosity."
        )
    tail = mixture.tail(of)
    threshold = tail.threshold(budget / total)
    other = _rate(mixture, threshold.value, "pure_rate" if of == "rate" else "rate")
    same = _rate(mixture, threshold.value, of)
    rate, pure = (same, other) if of == "rate" else (other, same)
    return WorkingPoint(
        budget,
        of,
        threshold,
        _normalisation(mixture, budget, of, threshold.value),
        budget / total,
        rate,
        pure if mixture.has_menu else None,
        mixture.above(threshold.value, of),
        tail.status if threshold.extrapolated else "ok",
    )


def _rate(mixture: Mixture, threshold: float, of: Of) -> Estimate:
    if of == "pure_rate" and not mixture.has_menu:
        of = "rate"
    tail = mixture.tail(of)
    found = tail.efficiency(threshold) if tail.choice is not None else tail.counted(threshold)
    return found.times(mixture.total(of))


def _normalisation(mixture: Mixture, budget: float, of: Of, value: float) -> tuple[float, float]:
    """Move the rate of each process by its error; add what the threshold does in quadrature."""
    down = up = 0.0
    for name, rate in mixture.rates.items():
        if not rate.uncertainty > 0.0:
            continue
        ends = []
        for factor in (1.0 + rate.uncertainty, max(1.0 - rate.uncertainty, 0.0)):
            total = mixture.total(of, name, factor)
            if budget < total:
                tail = mixture.tail(of, name, factor)
                ends.append(tail.threshold(budget / total).value - value)
        down = float(np.hypot(down, min([0.0, *ends])))
        up = float(np.hypot(up, max([0.0, *ends])))
    return value - down, value + up
