"""QCD events with leptons: the same event, its b and c hadrons decayed many times.

Fewer than one QCD event in a thousand has a hard lepton, and nearly all of them have it from the
decay of a b or c hadron. Pythia therefore keeps these hadrons stable; a second Pythia decays those
of the few events with a hard one again and again, which costs a hundredth of a new event. An event
whose hadrons decayed in M versions, m of them accepted, stands with weight w m / M, and one of its
accepted versions, chosen at random, is written: rows stay independent, and every sum over events
keeps its expectation. Leptons from elsewhere (pi0 -> e e gamma and the like) appear in all versions
of their event, or in the only one. Hard events are preferred at the same time, by Pythia's
``PhaseSpace:bias2Selection``, whose weight is w.

References
----------
D. Mueller et al., "ReDecay: a novel approach to speed up the simulation at LHCb",
arXiv:1810.10362.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bycatch.errors import DataError
from bycatch.events.candidates import ELECTRON, MUON
from bycatch.events.simulate.leptons import LEPTON_ETA, true_leptons
from bycatch.events.simulate.particles import final_state
from bycatch.events.simulate.process import Batch
from bycatch.kinematics.vectors import mass, pseudorapidity

__all__ = [
    "HEAVY",
    "PT_MIN",
    "STABLE_HEAVY",
    "Versions",
    "pick_versions",
    "redecay",
    "start_decays",
]

HEAVY = (411, 421, 431, 4122, 4132, 4232, 4332, 511, 521, 531, 541, 5122, 5132, 5232, 5332)
"""Codes of the hadrons that decay weakly to leptons."""

STABLE_HEAVY = tuple(f"{code}:mayDecay = off" for code in HEAVY)
"""Settings that keep them."""

PT_MIN = 21.0
"""A true lepton below, in GeV, is not measured above the trigger's 23 GeV: that is four sigma."""

_ETA_MAX = {11: LEPTON_ETA[ELECTRON], 13: LEPTON_ETA[MUON]}
# A lepton may leave its hadron's direction, but not at these momenta.
_HADRON_ETA = 3.6
_MOMENTUM = ("px", "py", "pz", "E")


@dataclass(frozen=True)
class Versions:
    """Versions of events that may have a hard lepton.

    Attributes
    ----------
    particles : awkward array of shape (n_versions, var)
        Visible stable particles, as `final_state` gives them; index is -1 for products of decays.
    event : ndarray of shape (n_versions,), int64
        Index of the generated event; never falling.
    copies : ndarray of shape (n_events,), int64
        How often each generated event was decayed.
    """

    particles: Any
    event: NDArray[np.int64]
    copies: NDArray[np.int64]

    def share(self, accepted: NDArray[np.bool_]) -> NDArray[np.float64]:
        """Return, for each generated event, the share of its versions that are accepted.

        Parameters
        ----------
        accepted : ndarray of shape (n_versions,), bool
        """
        found = np.bincount(self.event[accepted], minlength=len(self.copies))
        share: NDArray[np.float64] = found / self.copies
        return share


def start_decays(_pythia: Any, seed: int) -> Any:
    """Return a Pythia that only decays; the `setup` of a process.

    Parameters
    ----------
    _pythia : pythia8mc.Pythia
        Of the generation, which is left alone.
    seed : int
    """
    from bycatch.events.simulate.generator import make_pythia  # noqa: PLC0415 - loads Pythia

    decayer = make_pythia(("ProcessLevel:all = off",), seed)
    decayer.init()
    return decayer


def redecay(batch: Batch, copies: int, pt_min: float = PT_MIN) -> Versions:
    """Decay the heavy hadrons of a batch and keep the versions that may have a hard lepton.

    Parameters
    ----------
    batch : Batch
        Generated with `STABLE_HEAVY`; shared is the Pythia of `start_decays`.
    copies : int
        Versions of each event with a heavy hadron above pt_min.
    pt_min : float, in GeV
        Of the true leptons that are looked for.

    Returns
    -------
    Versions

    Raises
    ------
    DataError
        If Pythia cannot decay a hadron.
    """
    import awkward as ak  # noqa: PLC0415 - slow to import

    stable = final_state(batch, visible=True)
    codes = np.abs(ak.to_numpy(ak.flatten(stable.id)))
    heavy = ak.unflatten(np.isin(codes, HEAVY), ak.num(stable))
    rest, hadrons = stable[~heavy], stable[heavy]
    counts = ak.to_numpy(ak.num(hadrons))
    flat = [ak.to_numpy(ak.flatten(hadrons[name])) for name in ("id", *_MOMENTUM)]
    _, px, py, pz, _ = flat
    hard = (np.hypot(px, py) > pt_min) & (np.abs(pseudorapidity(px, py, pz)) < _HADRON_ETA)
    several = np.bincount(np.repeat(np.arange(len(batch)), counts)[hard], minlength=len(batch)) > 0
    anyway = true_leptons(rest, pt_min)
    number = np.where(several, copies, 1)
    rows = list(zip(*(values.tolist() for values in (*flat, mass(*flat[1:]))), strict=True))
    stop = np.cumsum(counts).tolist()
    events: list[int] = []
    products: list[list[tuple[float, ...]]] = []
    for event in np.flatnonzero(several | anyway).tolist():
        own = range(stop[event] - int(counts[event]), stop[event])
        cut = 0.0 if anyway[event] else pt_min
        leading, soft = ([rows[i] for i in own if hard[i] == wanted] for wanted in (True, False))
        found = _decay(batch.shared, leading, int(number[event]), cut)
        others = _decay(batch.shared, soft, len(found), 0.0)
        products += [a + b for a, b in zip(found, others, strict=True)]
        events += [event] * len(found)
    index = np.array(events, dtype=np.int64)
    return Versions(_combine(batch, rest[index], products), index, number)


def pick_versions(
    versions: Versions, accepted: NDArray[np.bool_], rng: np.random.Generator
) -> NDArray[np.int64]:
    """Choose one accepted version of each event that has any.

    Parameters
    ----------
    versions : Versions
    accepted : ndarray of shape (n_versions,), bool
    rng : numpy.random.Generator

    Returns
    -------
    ndarray of shape (n_chosen,), int64
        Indices of versions, in the order of their events.
    """
    candidates = np.flatnonzero(accepted)
    shuffled = candidates[np.lexsort((rng.random(len(candidates)), versions.event[candidates]))]
    _, first = np.unique(versions.event[shuffled], return_index=True)
    return shuffled[first]


def _decay(
    decayer: Any, hadrons: list[tuple[Any, ...]], copies: int, lepton_pt: float
) -> list[list[tuple[float, ...]]]:
    """Decay the hadrons (id, px, py, pz, E, mass) of one event `copies` times.

    Returns the visible stable products, as (px, py, pz, E, id), of each version with a lepton above
    `lepton_pt`, of all versions where it is 0. The loops over particles are Pythia's fault, whose
    event record has no arrays outside of its own generation.
    """
    if not hadrons or not copies:
        return [[] for _ in range(copies)]
    record = decayer.event
    record.reset()
    for _ in range(copies):
        for code, *momentum in hadrons:
            record.append(code, 1, 0, 0, *momentum)
    # Pythia's moreDecays would be quicker, but does not conserve charge in 8.317 where a hadron
    # decays to partons; next, without a process, does the whole hadron level.
    if not decayer.next():
        message = "Pythia could not decay a heavy hadron; simulate with another --seed."
        raise DataError(message)
    n = len(hadrons)
    version = [(i - 1) // n for i in range(n * copies + 1)]
    wanted = set(range(copies)) if lepton_pt <= 0.0 else set()
    for i in range(len(version), record.size()):
        particle = record[i]
        version.append(version[particle.mother1()])
        edge = _ETA_MAX.get(particle.idAbs())
        if edge and particle.pT() > lepton_pt and abs(particle.eta()) < edge:
            wanted.add(version[i])
    out: dict[int, list[tuple[float, ...]]] = {key: [] for key in sorted(wanted)}
    for i in range(n * copies + 1, record.size()):
        if version[i] in out:
            p = record[i]
            if p.isFinal() and p.isVisible():
                out[version[i]].append((p.px(), p.py(), p.pz(), p.e(), p.id()))
    return list(out.values())


def _combine(batch: Batch, rest: Any, products: list[list[tuple[float, ...]]]) -> Any:
    """Return the particles of each version: the rest of its event, then the products."""
    import awkward as ak  # noqa: PLC0415 - slow to import

    flat = np.array([row for some in products for row in some], dtype=np.float64).reshape(-1, 5)
    codes = flat[:, 4].astype(np.int32)
    fields: dict[str, Any] = {name: flat[:, i] for i, name in enumerate(_MOMENTUM)}
    fields["id"] = codes
    fields["charge"] = batch.table.charge(codes)
    fields["index"] = np.full(len(flat), -1, dtype=np.int32)
    counts = np.array([len(some) for some in products], dtype=np.int64)
    return ak.concatenate([rest, ak.unflatten(ak.zip(fields), counts)], axis=1)
