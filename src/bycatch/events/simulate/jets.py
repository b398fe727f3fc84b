"""Jets of simulated events: choosing one per event, and the columns of a file of jets."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bycatch.events.simulate.detector import FULL, detect
from bycatch.events.simulate.particles import final_state
from bycatch.events.simulate.process import Batch, Selection
from bycatch.kinematics.clustering import cluster
from bycatch.kinematics.vectors import delta_r, pt_eta_phi_mass

_MOST_CONSTITUENTS = 200
_DARK_QUARK = 4900101

JET_COLUMNS = {
    "jet_pt": "GeV",
    "jet_eta": "pseudorapidity",
    "jet_phi": "azimuth in (-pi, pi]",
    "jet_mass": "GeV",
    "constituent_px": "GeV, hardest first, at most 200",
    "constituent_py": "GeV",
    "constituent_pz": "GeV",
    "constituent_E": "GeV",
    "constituent_charge": "in e",
    "constituent_kind": "0 charged hadron, 1 neutral hadron, 2 photon, 3 electron, 4 muon",
    "label": "1 signal, 0 background",
}
"""Columns of files of jets."""


@dataclass(frozen=True)
class JetWindow:
    """Which jets are taken.

    Attributes
    ----------
    radius : float
        Of anti-kT.
    pt : tuple of 2 float, in GeV
        Lower and upper edge.
    eta_max : float
    n_leading : int
        How many of the hardest jets of an event are looked at.
    """

    radius: float
    pt: tuple[float, float]
    eta_max: float
    n_leading: int = 1


@dataclass(frozen=True)
class Jets:
    """Jets and the candidates of their events.

    Attributes
    ----------
    event : ndarray of shape (n_jets,), int
        Event of each jet in the batch.
    jets : awkward array of shape (n_jets,)
        Records of `bycatch.kinematics.clustering.cluster`.
    candidates : awkward array of shape (n_events, var)
    """

    event: NDArray[np.int64]
    jets: Any
    candidates: Any

    def keep(self, mask: NDArray[np.bool_]) -> Jets:
        """Return some of the jets."""
        return Jets(self.event[mask], self.jets[mask], self.candidates)


def jets_in_window(batch: Batch, window: JetWindow) -> Jets:
    """Return the jets of a batch that lie in a window, events in order and hardest first."""
    import awkward as ak  # noqa: PLC0415 - slow to import

    candidates = detect(final_state(batch), FULL, batch.rng)
    # below the window, so that "leading" is judged among all hard jets
    jets = cluster(candidates, window.radius, pt_min=0.5 * window.pt[0])[:, : window.n_leading]
    low, high = window.pt
    inside = (jets.pt >= low) & (jets.pt < high) & (abs(jets.eta) < window.eta_max)
    jets = jets[inside]
    event = np.repeat(np.arange(len(batch)), ak.to_numpy(ak.num(jets, axis=1)))
    return Jets(event, ak.flatten(jets, axis=1), candidates)


def select_background(batch: Batch, *, window: JetWindow) -> Selection:
    """Take all jets in a window as background."""
    found = jets_in_window(batch, window)
    return Selection(found.event, jet_columns(found, 0))


def jet_columns(found: Jets, label: int) -> dict[str, Any]:
    """Return the columns `JET_COLUMNS` of some jets."""
    import awkward as ak  # noqa: PLC0415 - slow to import

    inside = found.candidates[found.event][found.jets.constituents[:, :_MOST_CONSTITUENTS]]
    columns: dict[str, Any] = {
        f"jet_{name}": np.asarray(found.jets[name], dtype=np.float32)
        for name in ("pt", "eta", "phi", "mass")
    }
    for name in ("px", "py", "pz", "E"):
        columns[f"constituent_{name}"] = ak.values_astype(inside[name], np.float32)
    for name in ("charge", "kind"):
        columns[f"constituent_{name}"] = ak.values_astype(inside[name], np.int8)
    columns["label"] = np.full(len(found.event), label, dtype=np.int8)
    return columns


def hard_quarks(batch: Batch, parents: tuple[int, ...]) -> Any:
    """Return the quarks, dark ones included, that resonances decay to, before they radiate.

    Parameters
    ----------
    batch : Batch
    parents : tuple of int
        Particle codes, with sign: ``(6, 24)`` gives the three quarks of a hadronic top.

    Returns
    -------
    awkward array of shape (n_events, var)
        Records of px, py, pz, E (GeV), eta, phi and mother (index in the event record).
    """
    import awkward as ak  # noqa: PLC0415 - slow to import

    record = batch.record
    quark = (abs(record.id) <= 5) | (abs(record.id) == _DARK_QUARK)
    # status 23: outgoing of the hardest process, before showers
    outgoing = record[(abs(record.status) == 23) & quark]
    mother = record.id[outgoing.mother1]
    wanted = ak.zeros_like(mother, dtype=bool)
    for code in parents:
        wanted = wanted | (mother == code)
    chosen = outgoing[wanted]
    px, py, pz, energy = (chosen.p[name] for name in ("px", "py", "pz", "e"))
    _, eta, phi, _ = pt_eta_phi_mass(px, py, pz, energy)
    return ak.zip(
        {"px": px, "py": py, "pz": pz, "E": energy, "eta": eta, "phi": phi,
         "mother": chosen.mother1}
    )  # fmt: skip


def within(found: Jets, quarks: Any, distance: float, number: int) -> NDArray[np.bool_]:
    """Return which jets hold a resonance: it and all its quarks lie near the jet's axis.

    Parameters
    ----------
    found : Jets
    quarks : awkward array of shape (n_events, var)
        Of `hard_quarks`, one resonance per event.
    distance : float
        Largest distance in eta and phi.
    number : int
        How many quarks the resonance must have.

    Returns
    -------
    ndarray of bool of shape (n_jets,)
    """
    import awkward as ak  # noqa: PLC0415 - slow to import

    own = quarks[found.event]
    near = delta_r(own.eta, own.phi, found.jets.eta, found.jets.phi) < distance
    total = [ak.sum(own[name], axis=1) for name in ("px", "py", "pz", "E")]
    _, eta, phi, _ = pt_eta_phi_mass(*total)
    centre = delta_r(eta, phi, found.jets.eta, found.jets.phi) < distance
    # all of nothing is true, hence the number
    all_near = ak.all(near, axis=1) & (ak.num(own, axis=1) == number) & centre
    return np.asarray(all_near, dtype=np.bool_)


def hits(found: Jets, quarks: Any, distance: float) -> NDArray[np.bool_]:
    """Return which jets have at least one quark near their axis.

    Parameters
    ----------
    found, quarks, distance
        As in `within`, with any number of quarks.

    Returns
    -------
    ndarray of bool of shape (n_jets,)
    """
    import awkward as ak  # noqa: PLC0415 - slow to import

    own = quarks[found.event]
    near = delta_r(own.eta, own.phi, found.jets.eta, found.jets.phi) < distance
    return np.asarray(ak.any(near, axis=1), dtype=np.bool_)
