"""Jets from particles with FastJet's algorithms, many events at once.

What to use when: anti-kT for jets of an analysis, Cambridge/Aachen for declustering, kT for
subjets.

References
----------
M. Cacciari, G. P. Salam and G. Soyez, "The anti-k_t jet clustering algorithm", arXiv:0802.1189;
"FastJet user manual", arXiv:1111.6097.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from bycatch.errors import ConfigError, nearest
from bycatch.kinematics._fastjet import fastjet, sequence
from bycatch.kinematics.particles import momenta
from bycatch.kinematics.vectors import pt_eta_phi_mass

ALGORITHMS = {
    "antikt": "antikt_algorithm",
    "kt": "kt_algorithm",
    "cambridge": "cambridge_algorithm",
}
"""FastJet's names of the algorithms, by ours."""

RECOMBINATIONS = {"E": "E_scheme", "WTA_pt": "WTA_pt_scheme"}
"""FastJet's names of the recombination schemes, by ours."""

# FastJet keeps the history of every event of one call; blocks bound the memory.
_BLOCK = 4096


def jet_definition(algorithm: str, radius: float, recombination: str = "E") -> Any:
    """Return FastJet's jet definition.

    Parameters
    ----------
    algorithm : str
        One of `ALGORITHMS`.
    radius : float
        R, positive.
    recombination : str
        One of `RECOMBINATIONS`: the sum of four-vectors, or the direction of the harder of two
        (winner takes all).

    Returns
    -------
    fastjet.JetDefinition

    Raises
    ------
    ConfigError
        If a name is unknown or the radius not within (0, 1000].
    InputError
        If FastJet is not installed.
    """
    for kind, name, known in (
        ("algorithm", algorithm, ALGORITHMS),
        ("recombination scheme", recombination, RECOMBINATIONS),
    ):
        if name not in known:
            raise ConfigError(
                f"There is no {kind} {name!r}; the nearest are {nearest(name, known)}."
            )
    library = fastjet()
    if not 0.0 < radius <= library.JetDefinition.max_allowable_R:
        raise ConfigError(f"The jet radius must lie within 0 and 1000, but it is {radius:g}.")
    definition = library.JetDefinition(getattr(library, ALGORITHMS[algorithm]), float(radius))
    # Not as a third argument: the binding takes it for the strategy, without a word.
    definition.set_recombination_scheme(getattr(library, RECOMBINATIONS[recombination]))
    return definition


def cluster(
    particles: Any,
    radius: float,
    *,
    algorithm: str = "antikt",
    recombination: str = "E",
    pt_min: float = 0.0,
) -> Any:
    """Cluster the particles of each event into jets.

    Parameters
    ----------
    particles : awkward array of shape (n_events, var)
        Records with px, py, pz and E, in GeV; further fields are ignored.
    radius : float
    algorithm, recombination : str
        See `jet_definition`.
    pt_min : float, in GeV
        Softest jet to keep.

    Returns
    -------
    awkward array of shape (n_events, var)
        Jets, sorted by falling pt: records of pt, eta, phi, mass (GeV) and constituents, the
        positions (int64) in the event's particles, sorted by their falling pt.

    Raises
    ------
    ColumnError
        If a component is missing.
    DataError
        If a component is not finite, or the particles are not one list per event.
    ConfigError
        If a name is unknown or the radius makes no sense.
    InputError
        If FastJet is not installed.
    """
    import awkward as ak  # noqa: PLC0415 - slow to import

    definition = jet_definition(algorithm, radius, recombination)
    blocks = [
        _cluster_block(particles[start : start + _BLOCK], definition, pt_min)
        for start in range(0, max(len(particles), 1), _BLOCK)
    ]
    return blocks[0] if len(blocks) == 1 else ak.concatenate(blocks)


def _cluster_block(particles: Any, definition: Any, pt_min: float) -> Any:
    """Cluster some events in one call of FastJet."""
    import awkward as ak  # noqa: PLC0415 - slow to import

    flat = momenta(particles)
    history = sequence(flat, definition)
    jets = history.inclusive_jets(pt_min)
    members = history.constituent_index(pt_min)
    # The hardest particle first: position in the event, looked up per jet, then sorted.
    pt = ak.unflatten(np.hypot(flat[0], flat[1]), flat[4])
    counts = ak.num(members, axis=2)
    inner = pt[ak.flatten(members, axis=2)]
    order = ak.argsort(ak.unflatten(inner, ak.flatten(counts), axis=1), axis=2, ascending=False)
    names = ("pt", "eta", "phi", "mass")
    columns = dict(zip(names, pt_eta_phi_mass(jets.px, jets.py, jets.pz, jets.E), strict=True))
    positions = ak.values_astype(members[order], np.int64)
    out = ak.zip({**columns, "constituents": positions}, depth_limit=2)
    return out[ak.argsort(out.pt, axis=1, ascending=False)]
