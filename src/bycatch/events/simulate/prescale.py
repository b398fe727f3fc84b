"""Prescaled generation: common events are dropped in the middle of their evolution, with weights.

The tail of a trigger stream at a few events a day is one in a hundred thousand of it; plain
generation spends its time on the rest. Here a user hook stops Pythia where initial and final-state
radiation and multiple interactions have come down to `SCALE`, a fiftieth of the work, and keeps the
event with a probability that its partons and leptons give (`kept_share`): one in `rate` of the
common events, all of those with hard jets or leptons, more of those with heavy quarks. The weight
is the inverse of that probability over `rate`: 1 for a common event, 1/rate for one that is always
kept. Whatever the probability is, every sum of weights keeps its expectation.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bycatch.errors import DataError
from bycatch.events.simulate.library import pythia_library

SCALE = 10.0
"""GeV in pT of the evolution, at which an event is judged."""

_RESONANCE_DECAYS = 5  # Pythia's code of the stage that follows the evolution, which asks again
_BOSONS = (23, 24)
_CHARM, _BEAUTY, _GLUON = 4, 5, 21
_LEPTONS = range(11, 17)
_PARTON_PT, _PARTON_ETA = 25.0, 4.0
_HEAVY_PT, _HEAVY_ETA = 8.0, 3.0
# What the rest of the evolution hardly makes a lepton above 23 GeV of: edges in pT and abs(eta).
_TRIGGERS = {11: (15.0, 3.2), 13: (15.0, 2.4), 15: (25.0, 3.4)}


@dataclass(frozen=True)
class Prescale:
    """How an event is judged.

    The defaults are for W and Z: one off its shell, with a hard lepton and no jets, is rarer than
    one with jets.

    Attributes
    ----------
    rate : float
        Of common events one in `rate` is kept.
    partons, partons_power : float, in GeV, and float
        Scalar sum of the partons above 25 GeV from which on events are preferred, and how steeply.
    lepton, lepton_power : float, in GeV, and float
        The same for the hardest lepton or neutrino.
    charm, beauty : float
        Preference of events with such a quark above 8 GeV.
    no_trigger : float
        Disfavour of events without these quarks in which no lepton can trigger.
    """

    rate: float
    partons: float = 80.0
    partons_power: float = 1.5
    lepton: float = 50.0
    lepton_power: float = 5.0
    charm: float = 5.0
    beauty: float = 10.0
    no_trigger: float = 2.0


@dataclass(frozen=True)
class HardEvent:
    """What is left of an event at `SCALE`: final (code without sign, pT in GeV, eta).

    Attributes
    ----------
    partons, leptons : sequence of (int, float, float)
        Leptons are the decay products of W and Z, after their recoil; neutrinos included.
    """

    partons: Sequence[tuple[int, float, float]]
    leptons: Sequence[tuple[int, float, float]]


def kept_share(event: HardEvent, prescale: Prescale) -> float:
    """Return the probability to keep an event.

    Parameters
    ----------
    event : HardEvent
    prescale : Prescale

    Returns
    -------
    float
        In (0, 1]: the product of all preferences, each at least 1, over the rate; at most 1.
    """
    total = sum(pt for _, pt, eta in event.partons if pt > _PARTON_PT and abs(eta) < _PARTON_ETA)
    hardest = max((pt for _, pt, _ in event.leptons), default=0.0)
    preference = {_CHARM: prescale.charm, _BEAUTY: prescale.beauty}
    heavy = [
        preference[code]
        for code, pt, eta in event.partons
        if code in preference and pt > _HEAVY_PT and abs(eta) < _HEAVY_ETA
    ]
    # 1 below the scale: a preference never disfavours
    value = max(total / prescale.partons, 1.0) ** prescale.partons_power
    value *= max(hardest / prescale.lepton, 1.0) ** prescale.lepton_power
    value *= max(heavy, default=1.0)
    if not heavy and not any(_may_trigger(*lepton) for lepton in event.leptons):
        value /= prescale.no_trigger
    # a share above 1 is an event that is always kept, with its own weight
    return float(min(value / prescale.rate, 1.0))


def _may_trigger(code: int, pt: float, eta: float) -> bool:
    edge = _TRIGGERS.get(code)
    return edge is not None and pt > edge[0] and abs(eta) < edge[1]


@dataclass
class Decisions:
    """The decisions of a hook, and the weights of what it kept.

    Attributes
    ----------
    prescale : Prescale
    rng : numpy.random.Generator
    judged, kept : int
        Events so far; one that Pythia fails to finish and tries again is judged again.
    hook : object
        That asks; Pythia holds no reference to it.
    """

    prescale: Prescale
    rng: np.random.Generator
    judged: int = 0
    kept: int = 0
    hook: Any = None

    def __post_init__(self) -> None:
        self._weights: dict[tuple[float, float], float] = {}

    def keep(self, key: tuple[float, float], event: HardEvent) -> bool:
        """Decide on an event; `key` finds its weight again, see `weights`."""
        share = kept_share(event, self.prescale)
        self.judged += 1
        if self.rng.random() >= share:
            return False
        self.kept += 1
        self._weights[key] = 1.0 / (share * self.prescale.rate)
        return True

    def weights(self, record: Any) -> NDArray[np.float64]:
        """Return, and forget, the weights of finished events.

        Parameters
        ----------
        record : awkward array of shape (n_events, var)
            Pythia's event record; the energies of entries 3 and 4, the incoming partons of the hard
            process, are the key.

        Raises
        ------
        DataError
            If an event was never judged.
        """
        import awkward as ak  # noqa: PLC0415 - slow to import

        energy = ak.to_numpy(record.p.e[:, 3:5])
        keys = list(map(tuple, energy.tolist()))
        missing = sum(key not in self._weights for key in keys)
        if missing:
            raise DataError(
                f"{missing} of {len(keys)} generated events were not seen by the prescale."
            )
        found = np.array([self._weights[key] for key in keys])
        self._weights.clear()  # what is left belongs to events that Pythia gave up
        return found


def start_prescale(pythia: Any, seed: int, prescale: Prescale) -> Decisions:
    """Set the hook and return its decisions.

    Parameters
    ----------
    pythia : pythia8mc.Pythia
        Not yet initialised.
    seed : int
        Of the decisions.
    prescale : Prescale
    """
    decisions = Decisions(prescale, np.random.default_rng(seed))

    class Hook(pythia_library().UserHooks):  # type: ignore[misc]  # known at run time only
        """Asks `decisions` once per event."""

        def canVetoProcessLevel(self) -> bool:  # noqa: N802 - Pythia's names, here and below
            return True

        def doVetoProcessLevel(self, process: Any) -> bool:  # noqa: N802
            self.key = (process[3].e(), process[4].e())
            self.decays = _decays(process)
            return False

        def canVetoPT(self) -> bool:  # noqa: N802
            return True

        def scaleVetoPT(self) -> float:  # noqa: N802
            return SCALE

        def doVetoPT(self, stage: int, event: Any) -> bool:  # noqa: N802
            if stage == _RESONANCE_DECAYS:
                return False
            return not decisions.keep(self.key, _hard_event(event, self.decays))

    decisions.hook = Hook()
    pythia.setUserHooksPtr(decisions.hook)
    return decisions


def _decays(process: Any) -> dict[int, tuple[Any, list[tuple[int, Any]]]]:
    """Return momentum and products (code, momentum) of every W and Z, by code."""
    found: dict[int, tuple[Any, list[tuple[int, Any]]]] = {}
    # entries 0 to 4 are the system, the beams and the incoming partons
    for i in range(5, process.size()):
        if process[i].idAbs() in _BOSONS:
            found[process[i].id()] = (process[i].p(), [])
    for i in range(5, process.size()):
        mother = process[process[i].mother1()].id()
        if mother in found and process[i].idAbs() in _LEPTONS:
            found[mother][1].append((process[i].idAbs(), process[i].p()))
    return found


def _hard_event(event: Any, decays: dict[int, tuple[Any, list[tuple[int, Any]]]]) -> HardEvent:
    """Read the final partons, and carry the leptons to the recoil that their boson has by now."""
    partons, leptons = [], []
    for i in range(5, event.size()):
        particle = event[i]
        if not particle.isFinal():
            continue
        code = particle.idAbs()
        if particle.id() in decays:
            leptons += list(_recoiled(particle.p(), *decays[particle.id()]))
        elif code <= _BEAUTY or code == _GLUON:
            partons.append((code, particle.pT(), particle.eta()))
    return HardEvent(partons, leptons)


def _recoiled(
    now: Any, before: Any, products: Iterable[tuple[int, Any]]
) -> Iterable[tuple[int, float, float]]:
    """Yield the products of a boson in its new momentum."""
    for code, momentum in products:
        moved = momentum * 1.0  # boosts act in place, and Pythia may try an event again
        moved.bstback(before)
        moved.bst(now)
        yield code, moved.pT(), moved.eta()
