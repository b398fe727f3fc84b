"""QCD events with leptons: the same event, its hadrons decayed many times.

Fewer than one QCD event in a thousand has a hard lepton: from the decay of a b or c hadron, or, ten
times less often, of a pi0, eta or omega. Pythia therefore keeps these hadrons stable; a second
Pythia decays those of the few events with a hard one again and again, which costs a hundredth of a
new event. An event whose hadrons decayed in M versions, m of them accepted, stands with weight
w m / M, and one of its accepted versions, chosen at random, is written: rows stay independent, and
every sum over events keeps its expectation. Hard events are preferred at the same time, by Pythia's
``PhaseSpace:bias2Selection``, whose weight is w.

M may be any number that is fixed before the decays. It is large where a hard hadron has little
beside it, so that its lepton can be isolated, and smaller elsewhere. Where very many
versions have a lepton, `MOST` of them are drawn at random and M shrinks by the same factor.

A lepton from elsewhere (a photon of the shower, rarer mesons) is in every version of its event,
which then stands with all of w: an unbiased estimate, but one row as heavy as hundreds of others.
Every source that is repeated takes such rows away; to write them in K smeared copies of weight w/K
would not, since the copies are of one event.

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
from bycatch.kinematics.vectors import azimuth, delta_phi, mass, pseudorapidity

HEAVY = (411, 421, 431, 4122, 4132, 4232, 4332, 511, 521, 531, 541, 5122, 5132, 5232, 5332)
"""Codes of the hadrons that decay weakly to leptons."""

LIGHT = (111, 221, 223)
"""Codes of the light mesons that now and then decay to a lepton pair: pi0, eta, omega."""

STABLE = tuple(f"{code}:mayDecay = off" for code in (*HEAVY, *LIGHT))
"""Settings that keep them."""

PT_MIN = 21.0
"""A true lepton below, in GeV, is not measured above the trigger's 23 GeV: that is four sigma."""

MOST = 24
"""Versions with a lepton of one event that are looked at, at most."""

_ETA_MAX = {11: LEPTON_ETA[ELECTRON], 13: LEPTON_ETA[MUON]}
# A lepton may leave its hadron's direction, but not at these momenta.
_HADRON_ETA = 3.6
_CONE2 = 0.4**2
# Of the hadron's pT beside it: a lepton counts as isolated up to 0.45 of its own.
_OPEN = 0.5
_LIGHT_SHARE = 0.1
_CLOSED = 0.05
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
    copies : ndarray of shape (n_events,)
        How often each generated event was decayed, times the part of its versions with a lepton
        that is here.
    """

    particles: Any
    event: NDArray[np.int64]
    copies: NDArray[np.float64]

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
    """Decay the hadrons of a batch and keep the versions that may have a hard lepton.

    Parameters
    ----------
    batch : Batch
        Generated with `STABLE`; shared is the Pythia of `start_decays`.
    copies : int
        Versions of each event with a b or c hadron above pt_min that has little beside it. A light
        meson gives a tenth of them, and hadrons within a jet a twentieth.
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
    unstable = ak.unflatten(np.isin(codes, (*HEAVY, *LIGHT)), ak.num(stable))
    rest, hadrons = stable[~unstable], stable[unstable]
    hard = _hard(hadrons, pt_min)
    anyway = true_leptons(rest, pt_min)
    number = _copies(stable, hadrons[hard], copies)
    looked_at = np.flatnonzero(ak.to_numpy(ak.any(hard, axis=1)) | anyway)
    kept = number.astype(np.float64)
    parts: list[_Products] = []
    for event in looked_at.tolist():
        cut = 0.0 if anyway[event] else pt_min
        own = _event(batch, hadrons[event], ak.to_numpy(hard[event]), int(number[event]), cut)
        kept[event] *= own.part
        parts.append(own)
    index = np.repeat(looked_at, [part.versions for part in parts]).astype(np.int64)
    return Versions(_combine(batch, rest[index], parts), index, kept)


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


@dataclass(frozen=True)
class _Products:
    """Visible stable products of the versions of one event.

    `values` has the columns px, py, pz, E and id; `version` says which of the `versions` a row
    belongs to, and never falls; `part` of the versions with a lepton are here.
    """

    version: NDArray[np.int64]
    values: NDArray[np.float64]
    versions: int
    part: float


def _hard(hadrons: Any, pt_min: float) -> Any:
    """Return which hadrons can give a lepton above pt_min in acceptance."""
    import awkward as ak  # noqa: PLC0415 - slow to import

    px, py, pz = (ak.to_numpy(ak.flatten(hadrons[name])) for name in ("px", "py", "pz"))
    hard = (np.hypot(px, py) > pt_min) & (np.abs(pseudorapidity(px, py, pz)) < _HADRON_ETA)
    return ak.unflatten(hard, ak.num(hadrons))


def _copies(stable: Any, hard: Any, copies: int) -> NDArray[np.int64]:
    """Return how often to decay each event, by what is beside its hard hadrons; 1 without any."""
    import awkward as ak  # noqa: PLC0415 - slow to import

    number = np.ones(len(stable), dtype=np.int64)
    counts = ak.to_numpy(ak.num(hard))
    for event in np.flatnonzero(counts).tolist():
        around, own = (
            np.stack([ak.to_numpy(some[event][name]) for name in _MOMENTUM[:3]])
            for some in (stable, hard)
        )
        own = own[:, :, None]
        eta = pseudorapidity(*around) - pseudorapidity(*own)
        phi = delta_phi(azimuth(*around[:2]), azimuth(*own[:2]))
        pt = np.hypot(*own[:2])[:, 0]
        beside = (eta**2 + phi**2 < _CONE2) @ np.hypot(*around[:2]) - pt
        light = np.isin(np.abs(ak.to_numpy(hard[event].id)), LIGHT)
        share = np.where(beside >= _OPEN * pt, _CLOSED, np.where(light, _LIGHT_SHARE, 1.0))
        number[event] = max(int(copies * share.max()), 1)
    return number


def _event(
    batch: Batch, hadrons: Any, hard: NDArray[np.bool_], copies: int, cut: float
) -> _Products:
    """Decay the hadrons of one event: hard ones first, the rest of the versions that are kept.

    Soft light mesons are decayed once for all versions: their leptons are soft.
    """
    import awkward as ak  # noqa: PLC0415 - slow to import

    code = ak.to_numpy(hadrons.id).astype(np.float64)
    four = np.stack([ak.to_numpy(hadrons[name]) for name in _MOMENTUM], axis=1)
    rows = np.column_stack([code, four, mass(*four.T)])
    light = np.isin(np.abs(code), LIGHT)
    leading = _decay(batch, rows[hard], copies, cut)
    n = leading.versions
    soft = _decay(batch, rows[~hard & ~light], n, 0.0)
    shared = _decay(batch, rows[~hard & light], 1 if n else 0, 0.0)
    version = np.concatenate(
        [leading.version, soft.version, np.repeat(np.arange(n), len(shared.values))]
    )
    values = np.concatenate([leading.values, soft.values, np.tile(shared.values, (n, 1))])
    order = np.argsort(version, kind="stable")
    return _Products(version[order], values[order], n, leading.part)


def _decay(batch: Batch, hadrons: NDArray[np.float64], copies: int, lepton_pt: float) -> _Products:
    """Decay the hadrons (id, px, py, pz, E, mass) of one event `copies` times.

    The products of each version with a lepton above `lepton_pt`, of all versions where it is 0;
    of `MOST` drawn at random where there are more.
    """
    nothing = _Products(np.zeros(0, np.int64), np.zeros((0, 5)), 0, 1.0)
    n = len(hadrons)
    if not copies:
        return nothing
    if not n:
        kept = min(copies, MOST) if lepton_pt <= 0.0 else 0
        return _Products(nothing.version, nothing.values, kept, kept / copies if kept else 1.0)
    code, px, py, pz, energy, version = _decayed(batch.shared, hadrons, copies)
    wanted = np.arange(copies)
    if lepton_pt > 0.0:
        edge = np.select([np.abs(code) == key for key in _ETA_MAX], list(_ETA_MAX.values()), 0.0)
        lepton = (np.hypot(px, py) > lepton_pt) & (np.abs(pseudorapidity(px, py, pz)) < edge)
        wanted = np.unique(version[lepton])
    chosen = batch.rng.permutation(wanted)[:MOST] if len(wanted) > MOST else wanted
    chosen = np.sort(chosen)
    seen = np.isin(version, chosen) & batch.table.visible(code)
    place = np.searchsorted(chosen, version[seen])
    values = np.stack([px, py, pz, energy, code], axis=1)[seen]
    part = len(chosen) / len(wanted) if len(chosen) else 1.0
    return _Products(place, values, len(chosen), part)


def _decayed(decayer: Any, hadrons: NDArray[np.float64], copies: int) -> tuple[NDArray[Any], ...]:
    """Return id, px, py, pz and E of the stable products of copies of hadrons, and their copy."""
    import awkward as ak  # noqa: PLC0415 - slow to import

    n = len(hadrons)
    first = n * copies + 1
    record = decayer.event
    record.reset()
    rows = [(int(code), *momentum) for code, *momentum in hadrons.tolist()]
    for _ in range(copies):
        for code, *momentum in rows:
            record.append(code, 1, 0, 0, *momentum)
    # Pythia's moreDecays would be quicker, but does not conserve charge in 8.317 where a hadron
    # decays to partons; nextBatch, without a process, does the whole hadron level.
    done = decayer.nextBatch(1)
    if len(done) != 1 or len(done.prt[0]) < first:
        raise DataError("Pythia could not decay a hadron; simulate with another --seed.")
    particles = done.prt[0]
    root = np.asarray(ak.to_numpy(particles.mother1), dtype=np.int64)
    root[:first] = np.arange(first)
    while np.any(root >= first):
        root = root[root]
    stable = np.flatnonzero(ak.to_numpy(particles.status) > 0)
    code = ak.to_numpy(particles.id)[stable]
    four = (ak.to_numpy(particles.p[name])[stable] for name in ("px", "py", "pz", "e"))
    return code, *four, (root[stable] - 1) // n


def _combine(batch: Batch, rest: Any, parts: list[_Products]) -> Any:
    """Return the particles of each version: the rest of its event, then the products."""
    import awkward as ak  # noqa: PLC0415 - slow to import

    flat = np.concatenate([part.values for part in parts] or [np.zeros((0, 5))])
    codes = flat[:, 4].astype(np.int32)
    fields: dict[str, Any] = {name: flat[:, i] for i, name in enumerate(_MOMENTUM)}
    fields["id"] = codes
    fields["charge"] = batch.table.charge(codes)
    fields["index"] = np.full(len(flat), -1, dtype=np.int32)
    counts = np.concatenate(
        [np.bincount(part.version, minlength=part.versions) for part in parts]
        or [np.zeros(0, np.int64)]
    )
    return ak.concatenate([rest, ak.unflatten(ak.zip(fields), counts)], axis=1)
