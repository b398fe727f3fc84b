"""Rates of the lepton stream: what passes a score, against the published efficiencies."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from _stream import FRACTIONS, SIM

from bycatch.events.simulate import simulation_info
from bycatch.trigger.mixture import Mixture, ScoredSample
from bycatch.trigger.quantiles import weighted_quantile
from bycatch.trigger.rates import Luminosity, Normalisation, normalisation_of, process_rates

__all__ = [
    "BUDGETS",
    "PUBLISHED",
    "counted_efficiencies",
    "mixture_of",
    "normalisation",
    "rate_needed",
]

EVENTS_PER_MONTH = 186e6
BUDGETS = (30.0, 300.0, 6200.0)
"""Events a day."""
PUBLISHED = {
    30.0: {"a_4l": 2.8e-3, "lq_btau": 6.5e-4, "h0_tautau": 3.6e-4, "hplus_taunu": 1.2e-3},
    300.0: {"a_4l": 3.3e-4, "lq_btau": 5.8e-4, "h0_tautau": 1.1e-3, "hplus_taunu": 1.4e-3},
}
"""Absolute efficiencies of lecture 002 at a budget."""


def mixture_of(score: Mapping[str, np.ndarray], weight: Mapping[str, np.ndarray]) -> Mixture:
    """Return the background at the published fractions, from scores and weights by process."""
    fractions = {kind: Normalisation(fraction=FRACTIONS[kind]) for kind in FRACTIONS}
    rates = process_rates(fractions, Luminosity(), EVENTS_PER_MONTH)
    return Mixture([ScoredSample(kind, score[kind], weight[kind]) for kind in FRACTIONS], rates)


def normalisation(kind: str) -> Normalisation:
    """Return acceptance and trigger efficiency of a benchmark, from its files."""
    files = sorted(SIM.glob(f"{kind}_particles_*.parquet"))
    infos = [simulation_info(path) for path in files if path.is_file()]
    return normalisation_of(infos, signal=True)


def _selected(kind: str) -> float:
    """Return acceptance times trigger efficiency of a benchmark."""
    found = normalisation(kind).selected
    assert found is not None  # the files were simulated here
    return found


def counted_efficiencies(mixture: Mixture, score: np.ndarray, kind: str) -> list[float]:
    """Return the absolute efficiency where the counted rate reaches each budget."""
    b = np.concatenate([sample.score for sample in mixture.samples])
    rate = np.concatenate(
        [s.weight * mixture.rates[s.name].per_day / s.weight.sum() for s in mixture.samples]
    )
    total = rate.sum()
    cuts = [-weighted_quantile(-b, rate / total, budget / total) for budget in BUDGETS]
    return [_selected(kind) * float((score > cut).mean()) for cut in cuts]


def rate_needed(mixture: Mixture, score: np.ndarray, kind: str) -> dict[str, dict[str, Any]]:
    """Return the counted background events a day at the published efficiency of a benchmark."""
    found = {}
    for budget, published in PUBLISHED.items():
        quantile = 1.0 - published[kind] / _selected(kind)
        threshold = float(np.quantile(score, quantile, method="higher"))
        found[f"{budget:.0f}"] = mixture.tail().counted(threshold).times(mixture.total()).to_json()
    return found
