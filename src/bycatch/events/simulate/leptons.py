"""Events of the lepton stream: all objects of events with an isolated electron or muon.

References
----------
O. Cerri et al., "Variational autoencoders for new physics mining at the Large Hadron Collider",
arXiv:1811.10276, section 2; E. Govorkova et al., "LHC physics dataset for unsupervised New Physics
detection at 40 MHz", arXiv:2107.02157 (the acceptance in eta).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bycatch.events.candidates import CHARGED_HADRON, ELECTRON, MUON, NEUTRAL_HADRON
from bycatch.events.simulate import objects
from bycatch.events.simulate.detector import FULL, detect
from bycatch.events.simulate.process import Batch, Selection
from bycatch.kinematics.vectors import azimuth, pseudorapidity

LEPTON_PT = 23.0
"""Of the lepton that triggers, in GeV."""

LEPTON_ETA = {ELECTRON: 3.0, MUON: 2.1}
"""Acceptance in abs(eta)."""

STREAM_DETECTOR = replace(FULL, track_eta=3.0)
"""`FULL` with a tracker that reaches as far as the electrons of the stream."""

_PARTICLE_PT = 1.0

_LEPTON = {
    "pt": "GeV",
    "eta": "pseudorapidity",
    "phi": "azimuth in (-pi, pi]",
    "charge": "in e",
    "iso_charged": "sum of pT of charged candidates within 0.4, over the lepton's pT",
    "iso_neutral": "the same of neutral hadrons",
    "iso_photon": "the same of photons",
}

LEPTON_COLUMNS = {
    "met_pt": "missing transverse momentum, GeV",
    "met_phi": "its azimuth in (-pi, pi]",
    **{f"electron_{name}": f"isolated electrons: {text}" for name, text in _LEPTON.items()},
    **{f"muon_{name}": f"isolated muons: {text}" for name, text in _LEPTON.items()},
    **{f"photon_{name}": f"isolated photons: {_LEPTON[name]}" for name in ("pt", "eta", "phi")},
    **{f"jet_{name}": f"anti-kT jets R=0.4: {_LEPTON[name]}" for name in ("pt", "eta", "phi")},
    "jet_mass": "anti-kT jets R=0.4: GeV",
    "jet_b_tag": "anti-kT jets R=0.4: 1 if tagged as a b jet",
    "n_charged_hadrons": "candidates",
    "n_neutral_hadrons": "candidates",
    "weight": "of the event, 1 on average in each process",
    "label": "1 benchmark signal, 0 standard model",
    "process": "0 W, 1 QCD, 2 Z, 3 tt, 4 A->4l, 5 LQ->b tau, 6 h0->tau tau, 7 h+->tau nu",
}
"""Columns of the lepton-stream files; objects are sorted by falling pT."""

PARTICLE_COLUMNS = {
    "particle_pt": "particle-flow candidates with pT > 1 GeV: GeV",
    "particle_eta": "the same: pseudorapidity",
    "particle_phi": "the same: azimuth in (-pi, pi]",
    "particle_kind": "0 charged hadron, 1 neutral hadron, 2 photon, 3 electron, 4 muon",
    "particle_charge": "in e",
}
"""Further columns of the files with particle-flow candidates, sorted by falling pT."""


@dataclass(frozen=True)
class Stream:
    """Reconstructed events; every attribute is an array of length n_events.

    Attributes
    ----------
    candidates : awkward array of shape (n_events, var)
        Of `bycatch.events.simulate.detector.detect`.
    electrons, muons, photons : awkward arrays of shape (n_events, var)
        Of `bycatch.events.simulate.objects`.
    triggered : ndarray of shape (n_events,), bool
        Whether there is an isolated electron or muon above `LEPTON_PT`.
    """

    candidates: Any
    electrons: Any
    muons: Any
    photons: Any
    triggered: NDArray[np.bool_]

    def __getitem__(self, rows: NDArray[Any]) -> Stream:
        """Return some of the events."""
        return Stream(
            self.candidates[rows],
            self.electrons[rows],
            self.muons[rows],
            self.photons[rows],
            self.triggered[rows],
        )


def true_leptons(particles: Any, pt_min: float = LEPTON_PT) -> NDArray[np.bool_]:
    """Return which events have a true electron or muon in the stream's acceptance.

    Parameters
    ----------
    particles : awkward array of shape (n_events, var)
        Stable particles: px, py, pz (GeV) and id.
    pt_min : float, in GeV

    Returns
    -------
    ndarray of shape (n_events,), bool
    """
    import awkward as ak  # noqa: PLC0415 - slow to import

    counts = ak.to_numpy(ak.num(particles))
    event = np.repeat(np.arange(len(counts)), counts)
    code = np.abs(ak.to_numpy(ak.flatten(particles.id)))
    lepton = np.flatnonzero((code == 11) | (code == 13))
    px, py, pz = (ak.to_numpy(ak.flatten(particles[k]))[lepton] for k in ("px", "py", "pz"))
    edge = np.where(code[lepton] == 11, LEPTON_ETA[ELECTRON], LEPTON_ETA[MUON])
    inside = (np.hypot(px, py) > pt_min) & (np.abs(pseudorapidity(px, py, pz)) < edge)
    return np.bincount(event[lepton[inside]], minlength=len(counts)) > 0


def reconstruct(particles: Any, rng: np.random.Generator) -> Stream:
    """Detect particles and identify leptons and photons.

    Parameters
    ----------
    particles : awkward array of shape (n_events, var)
        Visible stable particles.
    rng : numpy.random.Generator
    """
    import awkward as ak  # noqa: PLC0415 - slow to import

    candidates = detect(particles, STREAM_DETECTOR, rng)
    electrons = objects.leptons(candidates, ELECTRON, rng)
    muons = objects.leptons(candidates, MUON, rng)
    photons = objects.photons(candidates, rng)
    triggered = ak.any(electrons.pt > LEPTON_PT, axis=1) | ak.any(muons.pt > LEPTON_PT, axis=1)
    return Stream(candidates, electrons, muons, photons, ak.to_numpy(triggered))


def lepton_columns(
    stream: Stream, hadrons: Any, rng: np.random.Generator, *, particles: bool = False
) -> dict[str, Any]:
    """Return the object columns of the lepton stream.

    Parameters
    ----------
    stream : Stream
    hadrons : awkward array of shape (n_events, var)
        Of `bycatch.events.simulate.objects.heavy_hadrons`, for the b-tag.
    rng : numpy.random.Generator
    particles : bool
        Add `PARTICLE_COLUMNS`.

    Returns
    -------
    dict of str to array of length n_events
        `LEPTON_COLUMNS` without weight, label and process.
    """
    import awkward as ak  # noqa: PLC0415 - slow to import

    candidates = stream.candidates
    met_pt, met_phi = objects.missing_momentum(candidates)
    out: dict[str, Any] = {"met_pt": _single(met_pt), "met_phi": _single(met_phi)}
    for name, found in (("electron", stream.electrons), ("muon", stream.muons)):
        out.update({f"{name}_{key}": _single(found[key]) for key in _LEPTON})
    for key in ("pt", "eta", "phi"):
        out[f"photon_{key}"] = _single(stream.photons[key])
    jets = objects.jets(candidates, stream.electrons, stream.muons, stream.photons)
    for key in ("pt", "eta", "phi", "mass"):
        out[f"jet_{key}"] = _single(jets[key])
    out["jet_b_tag"], _ = objects.b_tags(jets, hadrons, rng)
    for key, kind in (("charged", CHARGED_HADRON), ("neutral", NEUTRAL_HADRON)):
        count = ak.sum(candidates.kind == kind, axis=1)
        out[f"n_{key}_hadrons"] = ak.to_numpy(count).astype(np.int16)
    if particles:
        out.update(_particle_columns(candidates))
    return out


def select_leptons(batch: Batch, *, code: int, label: int, particles: bool = False) -> Selection:
    """Select the events of one unweighted process that the lepton trigger takes.

    Parameters
    ----------
    batch : Batch
    code, label : int
        Values of the columns ``process`` and ``label``.
    particles : bool
        Add `PARTICLE_COLUMNS`.

    Returns
    -------
    Selection
        counts: in_acceptance, a true lepton above `LEPTON_PT`; triggered_in_acceptance, those of
        them that are selected.
    """
    from bycatch.events.simulate.particles import final_state  # noqa: PLC0415 - beside awkward

    visible = final_state(batch, visible=True)
    inside = true_leptons(visible)
    stream = reconstruct(visible, batch.rng)
    event = np.flatnonzero(stream.triggered)
    hadrons = objects.heavy_hadrons(batch)[event]
    columns = lepton_columns(stream[event], hadrons, batch.rng, particles=particles)
    columns.update(truth_columns(batch.weight[event], code=code, label=label))
    counts = {"in_acceptance": inside, "triggered_in_acceptance": inside & stream.triggered}
    return Selection(event, columns, counts)


def truth_columns(
    weight: NDArray[np.float64], *, code: int, label: int
) -> Mapping[str, NDArray[Any]]:
    """Return the columns weight, label and process."""
    n = len(weight)
    return {
        "weight": weight.astype(np.float64),
        "label": np.full(n, label, dtype=np.int8),
        "process": np.full(n, code, dtype=np.int8),
    }


def _particle_columns(candidates: Any) -> dict[str, Any]:
    """Return the columns of the candidates above 1 GeV by falling pT."""
    import awkward as ak  # noqa: PLC0415 - slow to import

    pt = np.hypot(candidates.px, candidates.py)
    kept = candidates[pt > _PARTICLE_PT]
    pt = pt[pt > _PARTICLE_PT]
    order = ak.argsort(pt, axis=1, ascending=False)
    kept, pt = kept[order], pt[order]
    return {
        "particle_pt": _single(pt),
        "particle_eta": _single(pseudorapidity(kept.px, kept.py, kept.pz)),
        "particle_phi": _single(azimuth(kept.px, kept.py)),
        "particle_kind": kept.kind,
        "particle_charge": kept.charge,
    }


def _single(values: Any) -> Any:
    """Return floats in single precision, which is finer than any resolution; integers as int8."""
    import awkward as ak  # noqa: PLC0415 - slow to import

    if isinstance(values, np.ndarray):
        return values.astype(np.float32)
    whole = np.issubdtype(ak.to_numpy(ak.flatten(values)).dtype, np.integer)
    return values if whole else ak.values_astype(values, np.float32)
