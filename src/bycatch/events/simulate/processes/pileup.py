"""Jets under pile-up, matched to the same jets without it: for calibration.

QCD di-jets at 13 TeV, generated flat in pTHat from 15 GeV (column ``weight`` restores the
spectrum), with Poisson-many inelastic collisions on top: 30 on average in ``pileup_jets``, 60 and
140 in the others. They come from a pool of 400 collisions per chunk of the file, each turned by a
random azimuth and mirrored along the beam with probability one half whenever it is drawn. Nothing
is subtracted, as if no vertex were known: ``rho`` and ``n_vertices`` are there to correct with.

A row is a jet (anti-kT, R = 0.4) of the hard collision's stable particles above 15 GeV within
abs(eta) < 2.5 that is the nearest one to its candidates' jet within 0.3, and the other way round.

References
----------
M. Cacciari and G. P. Salam, "Pileup subtraction using jet areas", arXiv:0707.1378 (rho, eq. 8; here
of tiles instead of jets, as FastJet's GridMedianBackgroundEstimator, arXiv:1111.6097 section 8.3).
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bycatch.events.simulate.detector import FULL, detect
from bycatch.events.simulate.objects import pairs
from bycatch.events.simulate.particles import final_state
from bycatch.events.simulate.process import Batch, Process, Selection
from bycatch.kinematics.clustering import cluster
from bycatch.kinematics.vectors import azimuth, delta_r, pseudorapidity

_POOL = 400
_COLLISIONS = ("Beams:eCM = 13000.", "SoftQCD:inelastic = on")
_RADIUS = 0.4
_PT_MIN = 15.0
_ETA_MAX = 2.5
_MATCH = 0.3
_TILES = (16, 12)
_TILE_ETA = 4.0
_FOUR = ("pt", "eta", "phi", "mass")

PILEUP_COLUMNS = {
    **{f"{name}_true": f"jet of stable particles of the hard collision: {unit}"
       for name, unit in zip(_FOUR, ("GeV", "pseudorapidity", "azimuth", "GeV"), strict=True)},
    **{f"{name}_no_pileup": f"nearest jet of candidates without pile-up: {unit}; 0 without one"
       for name, unit in (("pt", "GeV"), ("mass", "GeV"))},
    **{f"{name}_reco": f"matched jet of candidates with pile-up: {unit}"
       for name, unit in zip(_FOUR, ("GeV", "pseudorapidity", "azimuth", "GeV"), strict=True)},
    "rho": "median pT density of the event, GeV per unit of eta and phi",
    "n_vertices": "collisions, the hard one included",
    "n_constituents": "candidates of the matched jet",
    "weight": "of the event",
}  # fmt: skip
"""Columns of ``pileup_jets`` and its like."""


def start_pool(_pythia: Any, seed: int) -> Any:
    """Return the visible particles of inelastic collisions; the `setup` of a process."""
    from bycatch.events.simulate.generator import Generator  # noqa: PLC0415 - loads Pythia

    generator = Generator(_COLLISIONS, seed)
    record, info, weight = generator.batch(_POOL)
    # A batch needs a stream, which nothing draws from here.
    unused = np.random.default_rng(0)
    return final_state(Batch(record, info, weight, unused, generator.table), visible=True)


def overlay(
    hard: Any, pool: Any, mean: float, rng: np.random.Generator
) -> tuple[Any, NDArray[np.int64]]:
    """Add Poisson-many collisions of a pool to each event.

    Parameters
    ----------
    hard : awkward array of shape (n_events, var)
        Visible stable particles, of `final_state`.
    pool : awkward array of shape (n_pool, var)
        Of the same kind.
    mean : float
        Of the number of collisions that are added.
    rng : numpy.random.Generator

    Returns
    -------
    particles : awkward array of shape (n_events, var)
        The hard event's particles first; index is -1 for those of pile-up.
    n_added : ndarray of shape (n_events,), int64
    """
    import awkward as ak  # noqa: PLC0415 - slow to import

    number = rng.poisson(mean, len(hard)).astype(np.int64)
    drawn = rng.integers(len(pool), size=int(number.sum()))
    # turned and mirrored, one collision of the pool serves many times
    turn, mirror = rng.uniform(-np.pi, np.pi, len(drawn)), rng.choice((-1.0, 1.0), len(drawn))
    sizes = ak.to_numpy(ak.num(pool))[drawn]
    chosen = ak.flatten(pool[drawn])
    cosine, sine, sign = (np.repeat(x, sizes) for x in (np.cos(turn), np.sin(turn), mirror))
    px, py = ak.to_numpy(chosen.px), ak.to_numpy(chosen.py)
    fields = {
        "px": px * cosine - py * sine,
        "py": px * sine + py * cosine,
        "pz": ak.to_numpy(chosen.pz) * sign,
        "E": ak.to_numpy(chosen.E),
        "id": ak.to_numpy(chosen.id),
        "charge": ak.to_numpy(chosen.charge),
        "index": np.full(len(px), -1, dtype=np.int32),
    }
    owner = np.repeat(np.arange(len(hard)), number)
    per_event = np.bincount(owner, weights=sizes, minlength=len(hard)).astype(np.int64)
    added = ak.unflatten(ak.zip(fields), per_event)
    return ak.concatenate([hard, added], axis=1), number


def pileup_density(candidates: Any) -> NDArray[np.float64]:
    """Return the median over tiles of the sum of pT per area.

    Parameters
    ----------
    candidates : awkward array of shape (n_events, var)

    Returns
    -------
    ndarray of shape (n_events,), in GeV per unit of eta and phi
        Tiles of 0.5 in eta, within 4, and 0.52 in phi.
    """
    import awkward as ak  # noqa: PLC0415 - slow to import

    n = len(candidates)
    event = np.repeat(np.arange(n), ak.to_numpy(ak.num(candidates)))
    px, py, pz = (ak.to_numpy(ak.flatten(candidates[name])) for name in ("px", "py", "pz"))
    eta = pseudorapidity(px, py, pz)
    inside = np.abs(eta) < _TILE_ETA
    n_eta, n_phi = _TILES
    row = ((eta[inside] + _TILE_ETA) * (n_eta / (2.0 * _TILE_ETA))).astype(np.int64)
    # % n_phi: an azimuth of exactly pi is the first tile again
    column = ((azimuth(px, py)[inside] + np.pi) * (n_phi / (2.0 * np.pi))).astype(np.int64) % n_phi
    cell = (event[inside] * n_eta + np.minimum(row, n_eta - 1)) * n_phi + column
    sums = np.bincount(cell, np.hypot(px, py)[inside], n * n_eta * n_phi).reshape(n, -1)
    area = 2.0 * _TILE_ETA / n_eta * 2.0 * np.pi / n_phi
    # the median: a few hard jets fill few tiles
    density: NDArray[np.float64] = np.median(sums, axis=1) / area
    return density


def select_jets(batch: Batch, *, mean: float) -> Selection:
    """Match the jets of a batch under pile-up.

    Parameters
    ----------
    batch : Batch
        Shared is the pool of `start_pool`.
    mean : float
        Of the number of collisions that are added.
    """
    import awkward as ak  # noqa: PLC0415 - slow to import

    hard = final_state(batch, visible=True)
    particles, added = overlay(hard, batch.shared, mean, batch.rng)
    candidates = detect(particles, FULL, batch.rng)
    true = _jets(hard, _PT_MIN, _ETA_MAX)
    # wider than the true jets, or matches at the edges would be cut away
    seen = _jets(candidates, 0.3 * _PT_MIN, _ETA_MAX + _MATCH)
    clean = _jets(candidates[candidates.index >= 0], 0.3 * _PT_MIN, _ETA_MAX + _MATCH)
    to_seen, to_true = _nearest(true, seen), _nearest(seen, true)
    row = np.flatnonzero(to_seen >= 0)
    row = row[to_true[to_seen[row]] == row]  # both must be each other's nearest
    to_clean = _nearest(true, clean)[row]
    true_flat, seen_flat, clean_flat = (ak.flatten(some) for some in (true, seen, clean))
    chosen = seen_flat[to_seen[row]]
    columns: dict[str, Any] = {f"{k}_true": _single(true_flat[row][k]) for k in _FOUR}
    for k in ("pt", "mass"):
        padded = np.append(_single(clean_flat[k]), np.float32(0.0))  # -1, none, is the last
        columns[f"{k}_no_pileup"] = padded[to_clean]
    columns |= {f"{k}_reco": _single(chosen[k]) for k in _FOUR}
    event = np.repeat(np.arange(len(batch)), ak.to_numpy(ak.num(true)))[row]
    columns["rho"] = pileup_density(candidates)[event].astype(np.float32)
    columns["n_vertices"] = (added[event] + 1).astype(np.int16)  # and the hard one
    columns["n_constituents"] = ak.to_numpy(ak.num(chosen.constituents)).astype(np.int16)
    columns["weight"] = batch.weight[event]
    return Selection(event, columns)


def _jets(particles: Any, pt_min: float, eta_max: float) -> Any:
    jets = cluster(particles, _RADIUS, pt_min=pt_min)
    return jets[np.abs(jets.eta) < eta_max]


def _nearest(jets: Any, others: Any) -> NDArray[np.int64]:
    """Return the flat position of the nearest other jet within 0.3 of each jet; -1 without one."""
    import awkward as ak  # noqa: PLC0415 - slow to import

    counts, available = ak.to_numpy(ak.num(jets)), ak.to_numpy(ak.num(others))
    event = np.repeat(np.arange(len(counts)), counts)
    first, second = pairs(available[event], (np.cumsum(available) - available)[event])
    eta, phi = (ak.to_numpy(ak.flatten(jets[name])) for name in ("eta", "phi"))
    there = [ak.to_numpy(ak.flatten(others[name])) for name in ("eta", "phi")]
    distance = delta_r(eta[first], phi[first], there[0][second], there[1][second])
    near = distance < _MATCH
    first, second, distance = first[near], second[near], distance[near]
    order = np.lexsort((distance, first))
    matched, position = np.unique(first[order], return_index=True)
    nearest = np.full(len(event), -1, dtype=np.int64)
    nearest[matched] = second[order][position]
    return nearest


def _single(values: Any) -> NDArray[np.float32]:
    import awkward as ak  # noqa: PLC0415 - slow to import

    single: NDArray[np.float32] = ak.to_numpy(values).astype(np.float32)
    return single


def _make(name: str, mean: int) -> Process:
    return Process(
        name=name,
        title=f"Jets R=0.4 with and without pile-up, {mean} collisions on average",
        settings=(
            "Beams:eCM = 13000.",
            "HardQCD:all = on",
            "PhaseSpace:pTHatMin = 15.",
            "PhaseSpace:bias2Selection = on",
            "PhaseSpace:bias2SelectionPow = 4.",
            "PhaseSpace:bias2SelectionRef = 100.",
        ),
        select=partial(select_jets, mean=float(mean)),
        setup=start_pool,
        columns=PILEUP_COLUMNS,
        references=("arXiv:0707.1378",),
        chunk=500,
        batch=50,
    )


PROCESSES = (
    _make("pileup_jets", 30),
    _make("pileup_jets_60", 60),
    _make("pileup_jets_140", 140),
)
