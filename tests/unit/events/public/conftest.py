"""Jets that every layout can hold."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))  # for layout_checks, whatever the import mode

import awkward as ak
import numpy as np
import pytest

from bycatch.events import Events
from bycatch.events.public import padded
from bycatch.kinematics.vectors import mass

N = 60


@pytest.fixture
def jets() -> Events:
    """Jets of 1 to 40 constituents, in values that a file of 32-bit floats keeps exactly."""
    rng = np.random.default_rng(7)
    counts = rng.integers(1, 41, N)
    total = int(counts.sum())
    row = np.repeat(np.arange(N), counts)
    pt = 600 * rng.dirichlet(np.ones(total)) * N
    pt = pt[np.lexsort((-pt, row))]
    eta, phi = rng.normal(0.5, 0.3, total), rng.normal(-3.0, 0.3, total)
    values = (pt * np.cos(phi), pt * np.sin(phi), pt * np.sinh(eta), pt * np.cosh(eta))
    rounded = [np.asarray(value, np.float32).astype(np.float64) for value in values]
    columns = {
        f"constituent_{name}": ak.unflatten(value, counts)
        for name, value in zip(("px", "py", "pz", "E"), rounded, strict=True)
    }
    px, py, pz, energy = (np.add.reduceat(v, np.cumsum(counts) - counts) for v in rounded)
    columns |= {
        "jet_pt": np.hypot(px, py),
        "jet_eta": np.arcsinh(pz / np.hypot(px, py)),
        "jet_phi": np.arctan2(py, px),
        "jet_mass": np.asarray(mass(px, py, pz, energy)),
        "constituent_charge": ak.unflatten(rng.integers(-1, 2, total).astype(np.int8), counts),
        "constituent_kind": ak.unflatten(rng.integers(0, 5, total).astype(np.int8), counts),
    }
    return Events(columns, label=rng.integers(0, 2, N).astype(np.int8))


@pytest.fixture
def tops(shared_data: Path) -> Events:
    """2,000 real jets of the top landscape."""
    return padded.read(shared_data / "jets" / "top_landscape_2k.npz")
