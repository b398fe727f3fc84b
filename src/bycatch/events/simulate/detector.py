"""A parametrised detector: from stable particles to particle-flow candidates.

What to use when: `FULL` for everything; `SMEARED` for the di-jet sample, whose recipe has neither
losses nor an end of the tracker.

The response of `FULL`, in full (pT and E in GeV, "+" added in quadrature):

=====================  =============  ==========================================================
part                   acceptance     response
=====================  =============  ==========================================================
tracks of hadrons      abs(eta) 2.5   efficiency 0.95 (abs(eta) < 1.5) and 0.90 (beyond) for
and electrons          pT > 0.3       pT > 1, and 0.85 and 0.75 below; pT of hadrons
                                      1 % + 1e-4 pT
electrons with track   abs(eta) 2.5   energy from the ECAL
muons                  abs(eta) 2.5   efficiency 0.95 for pT > 3, nothing below; pT 1 % + 1e-4 pT
ECAL: photons, and     abs(eta) 4.9   10 %/sqrt(E) + 1 % (abs(eta) < 3.2),
electrons                             28 %/sqrt(E) + 3.5 % (beyond)
HCAL: neutral hadrons  abs(eta) 4.9   60 %/sqrt(E) + 5 % (abs(eta) < 3.2),
and tracks' losses                    100 %/sqrt(E) + 10 % (beyond)
candidates             abs(eta) 4.9   pT > 0.3 (charged), 0.5 (photons), 0.8 (neutral hadrons)
=====================  =============  ==========================================================

A hadron or electron without a track is seen by its calorimeter: as a neutral hadron or a photon. A
muon that is lost leaves nothing. Neutrinos and stable dark matter leave nothing. The direction is
kept; the four-momentum is scaled by 1 + sigma g with g a standard normal number, and a scale below
zero is zero: that particle is gone. Thresholds act on the smeared pT. Calorimeter cells do not
merge, so that the angular resolution is perfect.

`SMEARED`, the recipe of the project's di-jet sample: tracks (everything charged, leptons included)
1 % + 1e-4 pT, photons 10 %/sqrt(E) + 1 %, neutral hadrons 60 %/sqrt(E) + 5 %, all for
abs(eta) < 4.9 and pT > 0.3, nothing lost.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bycatch.events.candidates import CHARGED_HADRON, ELECTRON, MUON, NEUTRAL_HADRON, PHOTON
from bycatch.kinematics.vectors import pseudorapidity

_INFINITE = float("inf")


@dataclass(frozen=True)
class Resolution:
    """sigma(E)/E = stochastic / sqrt(E) + constant, one pair up to each abs(eta).

    Attributes
    ----------
    eta : tuple of float
        Upper edges, rising; nothing is seen beyond the last.
    stochastic : tuple of float, in sqrt(GeV)
    constant : tuple of float
    """

    eta: tuple[float, ...]
    stochastic: tuple[float, ...]
    constant: tuple[float, ...]

    def sigma(self, energy: NDArray[np.float64], eta: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return sigma(E)/E, in quadrature.

        Parameters
        ----------
        energy : ndarray of shape (n,), in GeV
        eta : ndarray of shape (n,)
        """
        # beyond the last edge nothing is kept, so any value does
        part = np.minimum(np.searchsorted(self.eta, np.abs(eta)), len(self.eta) - 1)
        # the floor only keeps a particle without energy from dividing by zero
        stochastic = np.asarray(self.stochastic)[part] / np.sqrt(np.maximum(energy, 1e-9))
        sigma: NDArray[np.float64] = np.hypot(stochastic, np.asarray(self.constant)[part])
        return sigma


@dataclass(frozen=True)
class Detector:
    """The numbers of a detector; see the module for what they mean.

    Attributes
    ----------
    track_eta : float
        End of the tracker and of the muon chambers.
    track_edges : tuple of (float, float)
        abs(eta) and pT (GeV) at which the efficiency of tracks changes.
    track_efficiency : tuple of 2 tuples of 2 float
        Central below and above the pT edge, then the same for forward.
    track_constant, track_slope : float, float per GeV
        sigma(pT)/pT is their quadratic sum, the slope times pT.
    muon_efficiency, muon_pt : float, float in GeV
    electron_calorimeter : bool
        Whether the energy of electrons is the ECAL's rather than the track's.
    ecal, hcal : Resolution
    eta_max : float
    pt_min : tuple of 3 float, in GeV
        Of charged candidates, photons and neutral hadrons.
    """

    track_eta: float = 2.5
    track_edges: tuple[float, float] = (1.5, 1.0)
    track_efficiency: tuple[tuple[float, float], tuple[float, float]] = ((0.85, 0.95), (0.75, 0.90))
    track_constant: float = 0.01
    track_slope: float = 1e-4
    muon_efficiency: float = 0.95
    muon_pt: float = 3.0
    electron_calorimeter: bool = True
    ecal: Resolution = Resolution((3.2, 4.9), (0.10, 0.28), (0.01, 0.035))
    hcal: Resolution = Resolution((3.2, 4.9), (0.60, 1.00), (0.05, 0.10))
    eta_max: float = 4.9
    pt_min: tuple[float, float, float] = (0.3, 0.5, 0.8)


FULL = Detector()
"""The detector of all processes but the di-jet sample."""

SMEARED = Detector(
    track_eta=4.9,
    track_edges=(_INFINITE, 0.0),
    track_efficiency=((1.0, 1.0), (1.0, 1.0)),
    muon_efficiency=1.0,
    muon_pt=0.0,
    electron_calorimeter=False,
    ecal=Resolution((4.9,), (0.10,), (0.01,)),
    hcal=Resolution((4.9,), (0.60,), (0.05,)),
    pt_min=(0.3, 0.3, 0.3),
)
"""The recipe of ``pythia/dijet_qcd.parquet``: resolutions only."""


def detect(particles: Any, detector: Detector, rng: np.random.Generator) -> Any:
    """Return the particle-flow candidates of each event.

    Parameters
    ----------
    particles : awkward array of shape (n_events, var)
        Visible stable particles, see `final_state`.
    detector : Detector
    rng : numpy.random.Generator
        Two numbers per particle are drawn, whatever is seen of it.

    Returns
    -------
    awkward array of shape (n_events, var)
        Records of px, py, pz, E (GeV), charge (int8), kind (int8), and of the truth: id (int32)
        and index (int32, position in the event record).
    """
    import awkward as ak  # noqa: PLC0415 - slow to import

    counts = ak.to_numpy(ak.num(particles))
    flat = {name: ak.to_numpy(ak.flatten(particles[name])) for name in particles.fields}
    pt = np.hypot(flat["px"], flat["py"])
    eta = pseudorapidity(flat["px"], flat["py"], flat["pz"])
    kind = _seen_as(flat["id"], flat["charge"], pt, eta, detector, rng)
    sigma = _sigma(kind, flat["E"], pt, eta, detector)
    # a smearing below zero would turn the momentum round
    scale = np.maximum(1.0 + sigma * rng.standard_normal(len(pt)), 0.0)
    # thresholds in the order of the kinds: charged, neutral, photon, electron, muon
    low = np.array([detector.pt_min[i] for i in (0, 2, 1, 0, 0)])
    keep = (kind >= 0) & (np.abs(eta) < detector.eta_max)
    # -1, not seen, is out already and would count from the end of the table
    keep &= pt * scale > low[np.maximum(kind, 0)]
    kept = ak.to_numpy(ak.sum(ak.unflatten(keep, counts), axis=1))
    charged = np.isin(kind, (CHARGED_HADRON, ELECTRON, MUON))
    # momentum and energy by one factor: directions are measured without error
    fields = {name: (flat[name] * scale)[keep] for name in ("px", "py", "pz", "E")}
    fields["charge"] = np.where(charged, flat["charge"], 0).astype(np.int8)[keep]
    fields["kind"] = kind.astype(np.int8)[keep]
    fields["id"] = flat["id"][keep]
    fields["index"] = flat["index"][keep]
    return ak.unflatten(ak.zip(fields), kept)


def _seen_as(
    code: NDArray[np.integer],
    charge: NDArray[np.integer],
    pt: NDArray[np.float64],
    eta: NDArray[np.float64],
    detector: Detector,
    rng: np.random.Generator,
) -> NDArray[np.int64]:
    """Return the kind of candidate that each particle becomes; -1 where it leaves nothing."""
    size = np.abs(code)
    kind = np.where(charge != 0, CHARGED_HADRON, NEUTRAL_HADRON)
    kind[size == 22] = PHOTON
    kind[size == 11] = ELECTRON
    muon = size == 13
    kind[muon] = MUON
    forward = (np.abs(eta) >= detector.track_edges[0]).astype(np.intp)
    hard = (pt > detector.track_edges[1]).astype(np.intp)
    efficiency = np.asarray(detector.track_efficiency)[forward, hard]
    efficiency[muon] = np.where(pt[muon] > detector.muon_pt, detector.muon_efficiency, 0.0)
    # particles without pT have no direction that a tracker could see
    efficiency[(np.abs(eta) >= detector.track_eta) | (pt <= 0.0)] = 0.0
    lost = (charge != 0) & (rng.random(len(pt)) >= efficiency)
    # without its track the calorimeter takes it for a neutral one
    kind[lost & (kind == CHARGED_HADRON)] = NEUTRAL_HADRON
    kind[lost & (kind == ELECTRON)] = PHOTON  # a shower without a track
    kind[lost & muon] = -1  # nothing but its track tells of a muon
    return kind


def _sigma(
    kind: NDArray[np.int64],
    energy: NDArray[np.float64],
    pt: NDArray[np.float64],
    eta: NDArray[np.float64],
    detector: Detector,
) -> NDArray[np.float64]:
    """Return the relative resolution of each candidate."""
    sigma = np.hypot(detector.track_constant, detector.track_slope * pt)
    ecal = kind == PHOTON
    if detector.electron_calorimeter:
        ecal = ecal | (kind == ELECTRON)
    hcal = kind == NEUTRAL_HADRON
    sigma[ecal] = detector.ecal.sigma(energy[ecal], eta[ecal])
    sigma[hcal] = detector.hcal.sigma(energy[hcal], eta[hcal])
    return sigma
