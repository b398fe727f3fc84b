r"""Rates of a mixture of processes before a score cuts, from cross sections or event fractions.

What to use when: `normalisation_of` for files that ``bycatch simulate`` made, which know their
cross section; `Normalisation` by hand for others. Fractions of a published mixture need the total
number of events per month beside them, since fractions know no luminosity.

A month has 30 days. The rate of a process is :math:`\sigma \cdot A \cdot \varepsilon_{trigger}
\cdot L` with L the integrated luminosity of that time; 5/fb a month, as in the lecture, is an
average of 1.9e33 per cm^2 and s.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from bycatch.errors import ConfigError

DAYS_PER_MONTH = 30.0
_CM2_PER_FB = 1e-39
_SECONDS_PER_DAY = 86_400.0
_FRACTIONS_TOLERANCE = 0.01


@dataclass(frozen=True)
class Luminosity:
    """How much is collected.

    Attributes
    ----------
    per_month : float
        Integrated luminosity of 30 days, in 1/fb.
    """

    per_month: float = 5.0

    @classmethod
    def from_instantaneous(cls, value: float, live_fraction: float = 1.0) -> Luminosity:
        """Return the luminosity of a collider that runs a fraction of the time.

        Parameters
        ----------
        value : float
            In 1 / (cm^2 s).
        live_fraction : float
            Fraction of the month in which data are taken.
        """
        return cls(value * _CM2_PER_FB * _SECONDS_PER_DAY * DAYS_PER_MONTH * live_fraction)

    @property
    def pb_per_month(self) -> float:
        """Integrated luminosity of 30 days, in 1/pb."""
        return 1e3 * self.per_month


@dataclass(frozen=True)
class Normalisation:
    """What turns a process's events into a rate; None where it is not known.

    Attributes
    ----------
    cross_section : float or None
        In pb, before any selection.
    acceptance : float or None
        Fraction of the events whose objects are within reach.
    trigger : float or None
        Fraction of these that the existing trigger takes; the sample holds them.
    fraction : float or None
        Of all background events of the sample's stream.
    events_per_month : float or None
        In the sample's stream.
    uncertainty : float
        Relative error of the rate; of a signal, of acceptance x trigger.
    """

    cross_section: float | None = None
    acceptance: float | None = None
    trigger: float | None = None
    fraction: float | None = None
    events_per_month: float | None = None
    uncertainty: float = 0.0

    @property
    def selected(self) -> float | None:
        """Acceptance x trigger efficiency."""
        if self.acceptance is None or self.trigger is None:
            return None
        return self.acceptance * self.trigger

    def expected(self, luminosity: Luminosity) -> float | None:
        """Return the events per month in the stream, or None where too little is known."""
        if self.events_per_month is not None:
            return self.events_per_month
        if self.cross_section is None or self.selected is None:
            return None
        return self.cross_section * self.selected * luminosity.pb_per_month

    def updated(self, given: Mapping[str, float | None]) -> Normalisation:
        """Return it with the values that are given (not None) instead of its own."""
        return replace(self, **{key: value for key, value in given.items() if value is not None})


@dataclass(frozen=True)
class Rate:
    """The rate of a process before the score.

    Attributes
    ----------
    name : str
    per_day : float
        Events per day.
    uncertainty : float
        Relative error of the normalisation.
    normalisation : Normalisation
    """

    name: str
    per_day: float
    uncertainty: float
    normalisation: Normalisation

    @property
    def per_month(self) -> float:
        """Events per month of 30 days."""
        return self.per_day * DAYS_PER_MONTH


def normalisation_of(infos: Sequence[Mapping[str, Any]], *, signal: bool = False) -> Normalisation:
    """Return what simulated files of one process say about its rate.

    Parameters
    ----------
    infos : sequence of mapping
        As `bycatch.events.simulate.simulation_info` returns them, not empty; mixtures say nothing.
    signal : bool
        Whether the uncertainty shall leave out the cross section.

    Returns
    -------
    Normalisation
        Means of the files, weighted by their generated events. `acceptance` of a file is of true
        leptons in reach where it counted them; acceptance x trigger is the fraction of the
        generated events that it holds.
    """
    if any(info.get("mixture") for info in infos):
        return Normalisation()
    shares = [float(info["sum_of_weights"]) for info in infos]
    total = math.fsum(shares)
    if not total > 0.0:
        return Normalisation()
    means, errors = {}, {}
    for key in ("cross_section", "acceptance"):
        name = "cross_section_pb" if key == "cross_section" else key
        error = "cross_section_error_pb" if key == "cross_section" else f"{key}_error"
        parts = [
            (s / total, info[name], info[error]) for s, info in zip(shares, infos, strict=True)
        ]
        means[key] = math.fsum(s * value for s, value, _ in parts)
        errors[key] = math.hypot(*(s * e for s, _, e in parts)) / max(means[key], 1e-300)
    inside = [info.get("counts", {}).get("in_acceptance") for info in infos]
    selected = means["acceptance"]
    acceptance = selected
    if all(inside):
        found = math.fsum(s * part[0] for s, part in zip(shares, inside, strict=True)) / total
        acceptance = found if found > 0.0 else selected
    # a signal's cross section is what one looks for, not what one knows
    uncertainty = errors["acceptance"] if signal else math.hypot(*errors.values())
    return Normalisation(
        cross_section=means["cross_section"],
        acceptance=acceptance,
        # the file holds what was selected: trigger is what remains beyond acceptance
        trigger=selected / acceptance if acceptance > 0.0 else None,
        uncertainty=uncertainty,
    )


def process_rates(
    processes: Mapping[str, Normalisation],
    luminosity: Luminosity,
    events_per_month: float | None = None,
) -> dict[str, Rate]:
    """Return the rate of each background process before the score.

    Parameters
    ----------
    processes : mapping of str to Normalisation
        Where one has a fraction, all must, and they sum to 1.
    luminosity : Luminosity
    events_per_month : float, optional
        Of all processes together: with fractions (otherwise the sum over cross sections), or to
        scale rates that cross sections give.

    Returns
    -------
    dict of str to Rate

    Raises
    ------
    ConfigError
        Where a process lacks numbers, or fractions do not sum to 1.
    """
    expected = {name: found.expected(luminosity) for name, found in processes.items()}
    fractions = _fractions(processes)
    if not fractions or events_per_month is None:
        _require_known(processes, expected, fractions=bool(fractions))
    month = {name: value or 0.0 for name, value in expected.items()}
    if fractions:
        # without a total, the cross sections that are known have to give it
        everything = events_per_month or math.fsum(month.values())
        month = {name: everything * part for name, part in fractions.items()}
    elif events_per_month is not None:
        scale = events_per_month / math.fsum(month.values())
        month = {name: value * scale for name, value in month.items()}
    return {
        # The error of a cross section says nothing about a fraction that somebody else measured.
        name: Rate(
            name,
            month[name] / DAYS_PER_MONTH,
            0.0 if fractions and found.cross_section is None else found.uncertainty,
            found,
        )
        for name, found in processes.items()
    }


def _fractions(processes: Mapping[str, Normalisation]) -> dict[str, float]:
    """Return the fractions of all processes, scaled to sum to 1; empty where none has one."""
    given = {n: found.fraction for n, found in processes.items() if found.fraction is not None}
    if not given:
        return {}
    if len(given) < len(processes):
        missing = next(name for name in processes if name not in given)
        raise ConfigError(
            f"The background {next(iter(given))!r} has a 'fraction' but {missing!r} has none; "
            "give it to all processes or to none."
        )
    total = math.fsum(given.values())
    if abs(total - 1.0) > _FRACTIONS_TOLERANCE:
        raise ConfigError(f"The fractions of the background sum to {total:.4g}, but must sum to 1.")
    # given to a few digits, fractions sum to 1 only about
    return {name: part / total for name, part in given.items()}


def _require_known(
    processes: Mapping[str, Normalisation],
    expected: Mapping[str, float | None],
    *,
    fractions: bool,
) -> None:
    for name, found in processes.items():
        if expected[name] is not None:
            continue
        wanted = {
            "cross_section": found.cross_section,
            "acceptance": found.acceptance,
            "trigger": found.trigger,
        }
        lacking = ", ".join(repr(key) for key, value in wanted.items() if value is None)
        instead = (
            "the total 'events_per_month'" if fractions else "'events_per_month', or fractions"
        )
        raise ConfigError(
            f"The rate of {name!r} is not known: {lacking} is missing and its files were not made "
            f"by bycatch simulate; give them, or {instead}."
        )
