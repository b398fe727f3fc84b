"""Objects of an analysis from particle-flow candidates: leptons, photons, jets, missing momentum.

What to use when: `leptons` and `photons` give what is identified and isolated; `jets` clusters the
rest; `b_tags` tags jets; `missing_momentum` takes all candidates.

The response, in full. Every efficiency multiplies that of the detector for seeing the candidate
(`bycatch.events.simulate.detector`: track of an electron, muon chambers):

=========  ===============  ========================================================================
object     acceptance       efficiency to be identified
=========  ===============  ========================================================================
electron   abs(eta) < 3     0.75 for 5 <= pT < 20 and 0.92 from 20 GeV (abs(eta) < 1.5);
                            0.65 and 0.85 (1.5 to 3)
muon       abs(eta) < 2.1   0.90 for 3 <= pT < 10 and 0.97 from 10 GeV
photon     abs(eta) < 3     0.70 for 10 <= pT < 20 and 0.88 from 20 GeV (abs(eta) < 1.5);
                            0.60 and 0.80 (1.5 to 3)
b-tag      abs(eta) < 2.5   0.70 for jets with a b hadron, 0.15 with a c hadron but no b hadron,
                            0.01 for all others; hadrons of pT > 5 GeV within 0.4 of the jet
=========  ===============  ========================================================================

No hadron is ever taken for a lepton, and no electron for a photon beyond those without a track.
Isolations are sums of pT over candidates closer than 0.4 in eta and phi, the object left out,
divided by its pT: of charged candidates (leptons included), of neutral hadrons and of photons. A
lepton is isolated below 0.45 in total, a photon below 0.15.

References
----------
O. Cerri et al., "Variational autoencoders for new physics mining at the Large Hadron Collider",
arXiv:1811.10276 (the isolation, its three parts); J. de Favereau et al., "DELPHES 3",
arXiv:1307.6346 (the way to parametrise).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bycatch.events.candidates import ELECTRON, MUON, NEUTRAL_HADRON, PHOTON
from bycatch.events.simulate.process import Batch
from bycatch.kinematics.clustering import cluster
from bycatch.kinematics.vectors import azimuth, delta_r, pseudorapidity

CONE = 0.4
"""Radius of isolation and of the match of heavy hadrons."""

ISOLATION = {ELECTRON: 0.45, MUON: 0.45, PHOTON: 0.15}
"""Largest sum of the three relative isolations, by kind."""

B_TAG = {5: 0.70, 4: 0.15, 0: 0.01}
"""Efficiency of the b-tag by flavour: b, c, all others."""

B_TAG_ETA = 2.5
_HADRON_PT = 5.0


@dataclass(frozen=True)
class Identification:
    """Efficiency of identification in two bins of abs(eta) and two of pT.

    Attributes
    ----------
    eta : tuple of (float, float)
        Upper edges; nothing beyond the second.
    pt : tuple of (float, float), in GeV
        Lower edges; nothing below the first.
    efficiency : tuple of 2 tuples of 2 float
        ``efficiency[i_eta][i_pt]``.
    """

    eta: tuple[float, float]
    pt: tuple[float, float]
    efficiency: tuple[tuple[float, float], tuple[float, float]]

    def __call__(self, pt: NDArray[np.float64], eta: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the efficiency of objects of this pt (GeV) and eta, each of shape (n,)."""
        i_pt = np.searchsorted(self.pt, pt, side="right") - 1
        i_eta = np.searchsorted(self.eta, np.abs(eta), side="right")
        inside = (i_pt >= 0) & (i_eta < len(self.eta))
        table = np.asarray(self.efficiency)
        # clipped to read the table; what lies outside is zero below
        values = table[np.minimum(i_eta, len(self.eta) - 1), np.maximum(i_pt, 0)]
        return np.where(inside, values, 0.0)


IDENTIFICATION = {
    ELECTRON: Identification((1.5, 3.0), (5.0, 20.0), ((0.75, 0.92), (0.65, 0.85))),
    MUON: Identification((1.5, 2.1), (3.0, 10.0), ((0.90, 0.97), (0.90, 0.97))),
    PHOTON: Identification((1.5, 3.0), (10.0, 20.0), ((0.70, 0.88), (0.60, 0.80))),
}
"""By kind of candidate; the table is in the module's docstring."""


def leptons(candidates: Any, kind: int, rng: np.random.Generator) -> Any:
    """Return the identified and isolated electrons or muons of each event.

    Parameters
    ----------
    candidates : awkward array of shape (n_events, var)
        Of `bycatch.events.simulate.detector.detect`: px, py, pz, E (GeV), charge and kind.
    kind : int
        ELECTRON or MUON of that module.
    rng : numpy.random.Generator
        One number per candidate of this kind.

    Returns
    -------
    awkward array of shape (n_events, var)
        By falling pt: records of pt, eta, phi, charge (int8), iso_charged, iso_neutral, iso_photon
        (relative, see the module) and index, the position among the event's candidates (int64).
    """
    import awkward as ak  # noqa: PLC0415 - slow to import

    pt, eta, phi = _directions(candidates)
    kinds = ak.to_numpy(ak.flatten(candidates.kind))
    counts = ak.to_numpy(ak.num(candidates))
    found = np.flatnonzero(kinds == kind)
    # drawn before the isolation: the numbers depend on the kind alone
    identified = rng.random(len(found)) < IDENTIFICATION[kind](pt[found], eta[found])
    found = found[identified]
    # In the precision of files, so that what a file says is below the cut is what was below it.
    sums = isolation(found, counts, (pt, eta, phi), kinds).astype(np.float32).astype(np.float64)
    isolated = sums.sum(axis=0) < ISOLATION[kind]
    found, sums = found[isolated], sums[:, isolated]
    event = np.repeat(np.arange(len(counts)), counts)[found]
    start = np.cumsum(counts) - counts
    charge = ak.to_numpy(ak.flatten(candidates.charge))
    fields = {
        "pt": pt[found],
        "eta": eta[found],
        "phi": phi[found],
        "charge": charge[found].astype(np.int8),
        "iso_charged": sums[0],
        "iso_neutral": sums[1],
        "iso_photon": sums[2],
        "index": (found - start[event]).astype(np.int64),
    }
    return _sorted(fields, event, len(counts))


def photons(candidates: Any, rng: np.random.Generator) -> Any:
    """Return the identified and isolated photons of each event.

    Parameters
    ----------
    candidates, rng
        As in `leptons`.

    Returns
    -------
    awkward array of shape (n_events, var)
        As `leptons` does; the charge is 0.
    """
    return leptons(candidates, PHOTON, rng)


def isolation(
    targets: NDArray[np.integer],
    counts: NDArray[np.integer],
    directions: tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]],
    kinds: NDArray[np.integer],
    radius: float = CONE,
) -> NDArray[np.float64]:
    """Return the relative isolations of some candidates among all of their events.

    Parameters
    ----------
    targets : ndarray of shape (n,)
        Positions among the flat candidates.
    counts : ndarray of shape (n_events,)
        Candidates per event.
    directions : tuple of 3 ndarray of shape (n_candidates,)
        pt (GeV), eta and phi.
    kinds : ndarray of shape (n_candidates,)
    radius : float

    Returns
    -------
    ndarray of shape (3, n)
        Sums of pT around each target, divided by its pT: charged, neutral hadrons, photons.
    """
    pt, eta, phi = directions
    event = np.repeat(np.arange(len(counts)), counts)[targets]
    start = np.cumsum(counts) - counts
    target, other = pairs(counts[event], start[event])
    here = targets[target]
    # nothing isolates an object from itself
    near = (here != other) & (delta_r(eta[here], phi[here], eta[other], phi[other]) < radius)
    target, other = target[near], other[near]
    column = np.zeros(len(other), dtype=np.int64)
    column[kinds[other] == NEUTRAL_HADRON] = 1
    column[kinds[other] == PHOTON] = 2
    n = len(targets)
    # one bincount for all three kinds: the column is the slow index
    sums = np.bincount(column * n + target, weights=pt[other], minlength=3 * n).reshape(3, n)
    relative: NDArray[np.float64] = sums / pt[targets]
    return relative


def jets(
    candidates: Any, *removed: Any, radius: float = 0.4, pt_min: float = 15.0, eta_max: float = 4.0
) -> Any:
    """Cluster the candidates that are no isolated object (overlap removal) with anti-kT.

    Parameters
    ----------
    candidates : awkward array of shape (n_events, var)
    *removed : awkward array of shape (n_events, var)
        Objects of `leptons` or `photons`, whose candidates are left out.
    radius, pt_min, eta_max : float
        Jets are kept above pt_min (GeV) and below abs(eta) of eta_max.

    Returns
    -------
    awkward array of shape (n_events, var)
        By falling pt: records of pt, eta, phi, mass (GeV) and constituents, the positions among the
        event's candidates (int64).
    """
    import awkward as ak  # noqa: PLC0415 - slow to import

    counts = ak.to_numpy(ak.num(candidates))
    start = np.cumsum(counts) - counts
    keep = np.ones(int(counts.sum()), dtype=bool)
    for objects in removed:
        event = np.repeat(np.arange(len(counts)), ak.to_numpy(ak.num(objects)))
        keep[start[event] + ak.to_numpy(ak.flatten(objects.index))] = False
    ragged = ak.unflatten(keep, counts)
    position = ak.local_index(candidates, axis=1)[ragged]
    found = cluster(candidates[ragged], radius, pt_min=pt_min)
    # Clustering counts among what was left; the caller counts among all candidates.
    inner = ak.num(found.constituents, axis=2)
    names = position[ak.flatten(found.constituents, axis=2)]
    found["constituents"] = ak.unflatten(names, ak.flatten(inner), axis=1)
    return found[np.abs(found.eta) < eta_max]


def heavy_hadrons(batch: Batch) -> Any:
    """Return the b and c hadrons of pT > 5 GeV in the event record.

    Parameters
    ----------
    batch : Batch

    Returns
    -------
    awkward array of shape (n_events, var)
        Records of eta, phi and flavour (int8), 5 or 4. Excited states and the hadrons that they
        decay into count, as all of them point the same way.
    """
    import awkward as ak  # noqa: PLC0415 - slow to import

    record = batch.record
    counts = ak.to_numpy(ak.num(record))
    flavour = _flavour(ak.to_numpy(ak.flatten(record.id)))
    px, py, pz = (ak.to_numpy(ak.flatten(record.p[name])) for name in ("px", "py", "pz"))
    keep = (flavour > 0) & (np.hypot(px, py) > _HADRON_PT)
    kept = np.bincount(np.repeat(np.arange(len(counts)), counts)[keep], minlength=len(counts))
    px, py, pz = px[keep], py[keep], pz[keep]
    fields = {
        "eta": pseudorapidity(px, py, pz),
        "phi": azimuth(px, py),
        "flavour": flavour[keep],
    }
    return ak.unflatten(ak.zip(fields), kept)


def b_tags(found: Any, hadrons: Any, rng: np.random.Generator) -> tuple[Any, Any]:
    """Tag jets by the flavour of the hadrons near them.

    Parameters
    ----------
    found : awkward array of shape (n_events, var)
        Jets with eta and phi.
    hadrons : awkward array of shape (n_events, var)
        Of `heavy_hadrons`.
    rng : numpy.random.Generator
        One number per jet.

    Returns
    -------
    b_tag, flavour : awkward array of shape (n_events, var), int8
        1 or 0; 5, 4 or 0, the truth.
    """
    import awkward as ak  # noqa: PLC0415 - slow to import

    counts, others = ak.to_numpy(ak.num(found)), ak.to_numpy(ak.num(hadrons))
    start = np.cumsum(others) - others
    event = np.repeat(np.arange(len(counts)), counts)
    jet, hadron = pairs(others[event], start[event])
    eta, phi = (ak.to_numpy(ak.flatten(found[name])) for name in ("eta", "phi"))
    there = [ak.to_numpy(ak.flatten(hadrons[name])) for name in ("eta", "phi", "flavour")]
    near = delta_r(eta[jet], phi[jet], there[0][hadron], there[1][hadron]) < CONE
    flavour = np.zeros(len(eta), dtype=np.int8)
    # .at: a jet may have several hadrons near, and the heaviest counts
    np.maximum.at(flavour, jet[near], there[2][hadron[near]])
    efficiency = np.zeros(6)
    efficiency[list(B_TAG)] = list(B_TAG.values())
    # one number per jet, tagged or not, so that the stream does not depend on the outcome
    tag = (rng.random(len(eta)) < efficiency[flavour]) & (np.abs(eta) < B_TAG_ETA)
    return ak.unflatten(tag.astype(np.int8), counts), ak.unflatten(flavour, counts)


def missing_momentum(candidates: Any) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return minus the vector sum of all candidates in the transverse plane.

    Parameters
    ----------
    candidates : awkward array of shape (n_events, var)

    Returns
    -------
    pt, phi : ndarray of shape (n_events,), in GeV and in (-pi, pi]
        0 and 0 for an event without candidates.
    """
    import awkward as ak  # noqa: PLC0415 - slow to import

    px, py = (-ak.to_numpy(ak.sum(candidates[name], axis=1)) for name in ("px", "py"))
    return np.hypot(px, py), azimuth(px, py)


def _directions(candidates: Any) -> tuple[NDArray[np.float64], ...]:
    """Return pt, eta and phi of the flat candidates."""
    import awkward as ak  # noqa: PLC0415 - slow to import

    px, py, pz = (ak.to_numpy(ak.flatten(candidates[name])) for name in ("px", "py", "pz"))
    return np.hypot(px, py), pseudorapidity(px, py, pz), azimuth(px, py)


def pairs(
    counts: NDArray[np.integer], start: NDArray[np.integer]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Pair each object with a stretch of flat positions, such as all other objects of its event.

    Parameters
    ----------
    counts, start : ndarray of shape (n_objects,)
        Length and begin of each object's stretch.

    Returns
    -------
    first, second : ndarray of shape (n_pairs,), int64
        Object, and position within its stretch.
    """
    first = np.repeat(np.arange(len(counts)), counts)
    # 0, 1, 2, ... that begins anew for each object
    ramp = np.arange(int(counts.sum())) - np.repeat(np.cumsum(counts) - counts, counts)
    return first, start[first] + ramp


def _sorted(fields: dict[str, NDArray[Any]], event: NDArray[np.int64], n_events: int) -> Any:
    """Return flat objects as ragged records by falling pt."""
    import awkward as ak  # noqa: PLC0415 - slow to import

    # the last key is the first to sort by: event, then falling pT
    order = np.lexsort((-fields["pt"], event))
    counts = np.bincount(event, minlength=n_events)
    return ak.unflatten(ak.zip({key: values[order] for key, values in fields.items()}), counts)


def _flavour(codes: NDArray[np.integer]) -> NDArray[np.int8]:
    """Return 5 for hadrons with a b quark, 4 with a c quark and no b quark, 0 for all else."""
    size = np.abs(codes)
    meson, baryon = size // 100 % 10, size // 1000 % 10
    heaviest = np.maximum(meson, baryon)
    # Below 100 there are no hadrons; diquarks end on 0x; supersymmetry begins at a million.
    hadron = (size > 100) & (size < 1_000_000) & (meson > 0) & (size // 10 % 10 > 0)
    return np.where(hadron & (heaviest >= 4) & (heaviest <= 5), heaviest, 0).astype(np.int8)
