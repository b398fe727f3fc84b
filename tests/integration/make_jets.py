"""Small samples for scores without labels: features with a mass, and jets of constituents."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq


def write_features(path: Path, n: int, *, signal: bool = False, seed: int = 1) -> Path:
    """Write a falling mass and three features of which two are correlated in background."""
    rng = np.random.default_rng(seed)
    a = rng.normal(size=n)
    b = 0.95 * a + 0.3 * rng.normal(size=n)
    mass = 50.0 + rng.exponential(40.0, n)
    if signal:
        b, mass = -b + 1.0, rng.normal(120.0, 5.0, n)
    columns = {
        "mass": mass,
        "a": a,
        "b": b,
        "c": rng.normal(size=n),
        "w": rng.choice([1.0, 2.0, -0.5], size=n, p=[0.6, 0.3, 0.1]),
    }
    pq.write_table(pa.table(columns), path)
    return path


def write_jets(path: Path, n: int, *, prongs: int = 1, seed: int = 1) -> Path:
    """Write jets of constituents in one or more prongs, with their mass."""
    rng = np.random.default_rng(seed)
    lists: dict[str, list[np.ndarray]] = {name: [] for name in ("px", "py", "pz", "E")}
    masses = []
    for _ in range(n):
        count = int(rng.integers(8, 20))
        centre = rng.normal(0.0, 0.25, size=(prongs, 2)) if prongs > 1 else np.zeros((1, 2))
        which = rng.integers(0, prongs, count)
        eta, phi = (centre[which] + rng.normal(0.0, 0.06, size=(count, 2))).T
        pt = rng.exponential(30.0, count) + 1.0
        four = np.stack([pt * np.cos(phi), pt * np.sin(phi), pt * np.sinh(eta), pt * np.cosh(eta)])
        total = four.sum(axis=1)
        masses.append(np.sqrt(max(total[3] ** 2 - (total[:3] ** 2).sum(), 0.0)))
        for name, values in zip(lists, four, strict=True):
            lists[name].append(values)
    columns = {f"constituent_{name}": pa.array(values) for name, values in lists.items()}
    axis = rng.normal(size=(2, n))
    flat = {"jet_mass": masses, "jet_pt": 600.0 + 10.0 * axis[0], "jet_eta": axis[1]}
    pq.write_table(pa.table({**columns, **flat}), path)
    return path
