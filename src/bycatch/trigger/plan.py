"""What `bycatch trigger` was asked for, checked and resolved."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from bycatch.evaluate.operating import LEVEL
from bycatch.trigger.mixture import Of
from bycatch.trigger.rates import Luminosity, Normalisation, Rate

__all__ = ["ModelPlan", "ProcessPlan", "TriggerPlan"]


@dataclass(frozen=True)
class ModelPlan:
    """A saved score and what it eats.

    Attributes
    ----------
    folder : str
        Of `Score.save`.
    representation : str
        One of `bycatch.represent.REPRESENTATIONS`.
    options : mapping
        Of the representation.
    name : str or None
        One of the score's `score_names`; its first by default.
    """

    folder: str
    representation: str
    options: Mapping[str, Any] = field(default_factory=dict)
    name: str | None = None


@dataclass(frozen=True)
class ProcessPlan:
    """One process and its files.

    Attributes
    ----------
    name : str
    path : tuple of str
    where, weight : str or None
        Expressions.
    normalisation : Normalisation
    """

    name: str
    path: tuple[str, ...]
    where: str | None
    weight: str | None
    normalisation: Normalisation


@dataclass(frozen=True)
class TriggerPlan:
    """A score that shall become a trigger.

    Attributes
    ----------
    score : str or ModelPlan
        Expression of the scored files, or a saved score.
    background, signals : tuple of ProcessPlan
    rates : mapping of str to Rate
        Of the background before the score.
    luminosity : Luminosity
    budgets : tuple of float
        Events per day.
    of : {"rate", "pure_rate"}
    menu : str or None
        Expression: whether the existing menu accepts an event.
    events : tuple of float
        Events per month that cross sections are asked for.
    s_over_b : float
    tail_start : float or None
    level : float
    """

    score: str | ModelPlan
    background: tuple[ProcessPlan, ...]
    signals: tuple[ProcessPlan, ...]
    rates: Mapping[str, Rate]
    luminosity: Luminosity
    budgets: tuple[float, ...] = (30.0, 50.0, 300.0)
    of: Of = "rate"
    menu: str | None = None
    events: tuple[float, ...] = (10.0, 100.0)
    s_over_b: float = 1.0 / 3.0
    tail_start: float | None = None
    level: float = LEVEL
