"""Jets of the simulation and of the public sample in the representations that are compared."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from bycatch.represent.base import Representation, as_momenta, jet_momenta
from bycatch.represent.constituents import constituent_features
from bycatch.represent.images import jet_images
from bycatch.represent.substructure import subjettiness_basis

__all__ = ["REAL", "REPRESENTATIONS", "real_jets", "simulated_jets"]

REAL = Path(__file__).resolve().parents[2] / "shared" / "data" / "jets" / "top_landscape_2k.npz"
REPRESENTATIONS = {
    "images": lambda jets: Representation(jet_images(jets).pixels, None, ("y", "x")),
    "constituents-50": lambda jets: constituent_features(jets, n_max=50, frame="standard"),
    "constituents-100": lambda jets: constituent_features(jets, n_max=100, frame="standard"),
    "substructure": lambda jets: subjettiness_basis(jets, n_bodies=6, jet=True),
}


def real_jets(name: str, path: Path) -> tuple[Representation, np.ndarray]:
    """Return the public jets, which are padded arrays, in a representation, and their labels."""
    with np.load(path, allow_pickle=False) as stored:
        jets = as_momenta(stored["constituents"].astype(np.float64), stored["mask"])
        label = stored["label"].astype(np.int8)
    return REPRESENTATIONS[name](jets), label


def simulated_jets(
    name: str, paths: Mapping[str, str], n: int
) -> tuple[Representation, np.ndarray]:
    """Return n/2 tops and n/2 QCD jets, tops first, in a representation, and their labels."""
    from bycatch.events import read

    columns = [f"constituent_{component}" for component in ("px", "py", "pz", "E")]
    parts: list[Any] = []
    for process in ("top", "qcd"):
        events = read(paths[process], columns=columns)
        if len(events) < n // 2:
            message = f"{paths[process]} holds {len(events)} jets, but {n // 2} are needed."
            raise ValueError(message)
        chosen = events.select(np.arange(len(events)) < n // 2)
        parts.append(REPRESENTATIONS[name](as_momenta(jet_momenta(chosen), None)))
    mask = None if parts[0].mask is None else np.concatenate([part.mask for part in parts])
    values = np.concatenate([part.values for part in parts])
    return Representation(values, mask, parts[0].names), np.repeat(
        np.array([1, 0], np.int8), n // 2
    )
