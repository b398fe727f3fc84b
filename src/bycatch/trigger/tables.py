r"""What a threshold means for a signal: efficiency, and the cross sections that it can see.

What to use when: the tables of a talk. Efficiency here is ABSOLUTE: acceptance x efficiency of the
existing trigger x efficiency of the score, so that the number of events is sigma x L x efficiency
with the produced cross section sigma.

.. math:: \sigma_N = \frac{N}{\varepsilon L}, \qquad
          \sigma_{S/B} = \frac{(S/B)\, B}{\varepsilon L}

with L the luminosity of a month and B the background of a month behind the score. S and B are both
counted after the score. The budget is kept exactly (a trigger tunes its threshold until it is), so
B has no error and that of the threshold goes into the efficiency.

References
----------
O. Cerri et al., "Variational autoencoders for new physics mining at the Large Hadron Collider",
arXiv:1811.10276, table 3.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from bycatch.evaluate.operating import LEVEL
from bycatch.tasks.result import document
from bycatch.trigger.estimates import Estimate, weighted_fraction
from bycatch.trigger.mixture import ScoredSample
from bycatch.trigger.rates import DAYS_PER_MONTH, Luminosity, Normalisation
from bycatch.trigger.working_point import WorkingPoint


@dataclass(frozen=True)
class SignalRow:
    """One signal at one working point.

    Attributes
    ----------
    name : str
    budget : float
        Background events per day.
    selected : float
        Acceptance x efficiency of the existing trigger.
    score_efficiency : Estimate
        Of the score's cut (with a menu and a budget of pure rate: and not taken by the menu), of
        the events that the existing trigger takes. Errors: statistics of the signal, and the
        threshold's error, in quadrature.
    efficiency : Estimate
        Absolute: `selected` x `score_efficiency`.
    events : tuple of (float, Estimate)
        Events per month, and the cross section in pb that gives them.
    purity : tuple of (float, Estimate)
        S/B, and the cross section in pb that gives it.
    menu_efficiency, pure_efficiency, gain : Estimate, Estimate, float; or None without a menu
        Fraction that the menu accepts; that the score adds; (menu or score) / menu.
    """

    name: str
    budget: float
    selected: float
    score_efficiency: Estimate
    efficiency: Estimate
    events: tuple[tuple[float, Estimate], ...]
    purity: tuple[float, Estimate]
    menu_efficiency: Estimate | None = None
    pure_efficiency: Estimate | None = None
    gain: float | None = None

    def to_json(self) -> dict[str, Any]:
        """Return the row as JSON can hold it."""
        return document(
            name=self.name,
            budget=self.budget,
            acceptance_times_trigger=self.selected,
            score_efficiency=self.score_efficiency,
            efficiency=self.efficiency,
            cross_section_pb_for_events_per_month=[
                {"events": number, **found.to_json()} for number, found in self.events
            ],
            cross_section_pb_for_s_over_b={
                "s_over_b": self.purity[0],
                **self.purity[1].to_json(),
            },
            menu_efficiency=self.menu_efficiency,
            pure_efficiency=self.pure_efficiency,
            gain=self.gain,
        )


def cross_section_for_events(
    events_per_month: float, efficiency: float, luminosity: Luminosity
) -> float:
    """Return the cross section in pb that gives a number of events in a month.

    Parameters
    ----------
    events_per_month : float
    efficiency : float
        Absolute.
    luminosity : Luminosity

    Returns
    -------
    float
        Infinite where the efficiency is not positive.

    Examples
    --------
    >>> round(cross_section_for_events(100, 2.8e-3, Luminosity(5.0)), 1)
    7.1
    """
    if not efficiency > 0.0:
        return float("inf")
    return events_per_month / (efficiency * luminosity.pb_per_month)


def cross_section_for_purity(
    s_over_b: float, background_per_month: float, efficiency: float, luminosity: Luminosity
) -> float:
    """Return the cross section in pb that gives a ratio of signal to background after the score.

    Parameters
    ----------
    s_over_b : float
    background_per_month : float
        Events after the score.
    efficiency : float
        Absolute.
    luminosity : Luminosity
    """
    return cross_section_for_events(s_over_b * background_per_month, efficiency, luminosity)


def signal_row(
    signal: ScoredSample,
    normalisation: Normalisation,
    point: WorkingPoint,
    luminosity: Luminosity,
    *,
    events: Sequence[float] = (10.0, 100.0),
    s_over_b: float = 1.0 / 3.0,
    level: float = LEVEL,
) -> SignalRow:
    """Return the row of a signal in the table of a working point.

    Parameters
    ----------
    signal : ScoredSample
    normalisation : Normalisation
        With acceptance and trigger efficiency; the uncertainty is that of their product.
    point : WorkingPoint
    luminosity : Luminosity
    events : sequence of float
        Events per month that a cross section is asked for.
    s_over_b : float
    level : float
        Confidence level.
    """
    selected = normalisation.selected
    assert selected is not None  # noqa: S101 - the configuration was checked
    score = _cut(signal, point, level, pure=point.of == "pure_rate")
    absolute = _absolute(score, selected, normalisation.uncertainty)

    def needed(number: float) -> Estimate:
        return absolute.map(lambda value: cross_section_for_events(number, value, luminosity))

    menu = gain = added = None
    if signal.menu is not None:
        menu = weighted_fraction(signal.weight, signal.menu, level)
        added = _cut(signal, point, level, pure=True)
        gain = (menu.value + added.value) / menu.value if menu.value > 0.0 else float("inf")
    return SignalRow(
        signal.name,
        point.budget,
        selected,
        score,
        absolute,
        tuple((number, needed(number)) for number in events),
        (s_over_b, needed(s_over_b * point.budget * DAYS_PER_MONTH)),
        menu,
        added,
        gain,
    )


def _absolute(score: Estimate, selected: float, uncertainty: float) -> Estimate:
    """Return acceptance x trigger x score, with the errors of both."""
    found = score.times(selected)
    found = found.widened(found.value * (1.0 - uncertainty), found.value * (1.0 + uncertainty))
    return Estimate(
        found.value, max(found.low, 0.0), found.high, found.n_effective, found.extrapolated
    )


def _cut(signal: ScoredSample, point: WorkingPoint, level: float, *, pure: bool) -> Estimate:
    """Return the efficiency of the cut with the errors of statistics and threshold."""
    allowed = np.ones(len(signal.score), dtype=bool)
    if pure and signal.menu is not None:
        allowed = ~signal.menu
    here = weighted_fraction(
        signal.weight, (signal.score >= point.threshold.value) & allowed, level
    )
    loose, tight = (
        weighted_fraction(signal.weight, (signal.score >= end) & allowed, level).value
        for end in (point.threshold_interval[0], point.threshold_interval[1])
    )
    moved = here.widened(tight, loose)
    return Estimate(
        moved.value,
        max(moved.low, 0.0),
        min(moved.high, 1.0),
        moved.n_effective,
        point.threshold.extrapolated,
    )
