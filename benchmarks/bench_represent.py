"""Representations: jets or events per second of one core, from columns in memory.

    OMP_NUM_THREADS=1 python benchmarks/bench_represent.py [--jets 20000] [--events 50000]

Jets have 100 constituents, events what the lepton stream has on average (one or two leptons, four
jets, 100 particle-flow candidates). Seconds are the processor's, best of three; the machine may be
shared. The second table is N-subjettiness, N to 9 at three exponents: how much of it is FastJet.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from typing import Any

import awkward as ak
import numpy as np

from bycatch.events import Events
from bycatch.kinematics._fastjet import quiet, sequence
from bycatch.kinematics.clustering import cluster, jet_definition
from bycatch.kinematics.nsubjettiness import AXES, _blocks, nsubjettiness_betas
from bycatch.kinematics.particles import momenta
from bycatch.represent import represent
from bycatch.represent.images import jet_images

SEED = 4
CONSTITUENTS = 100


def ragged_jets(n_jets: int) -> ak.Array:
    """Return massless constituents of falling pt around axes anywhere in azimuth."""
    rng = np.random.default_rng(SEED)
    shape = (n_jets, CONSTITUENTS)
    pt = np.sort(rng.exponential(6.0, shape) + 0.5, axis=1)[:, ::-1]
    eta = rng.uniform(-2, 2, (n_jets, 1)) + rng.normal(0, 0.25, shape)
    phi = rng.uniform(-np.pi, np.pi, (n_jets, 1)) + rng.normal(0, 0.25, shape)
    parts = {
        "px": pt * np.cos(phi),
        "py": pt * np.sin(phi),
        "pz": pt * np.sinh(eta),
        "E": pt * np.cosh(eta),
    }
    counts = np.full(n_jets, CONSTITUENTS)
    return ak.unflatten(ak.Array({name: values.ravel() for name, values in parts.items()}), counts)


def stream(n_events: int) -> Events:
    """Return events of the lepton stream."""
    rng = np.random.default_rng(SEED)
    columns: dict[str, Any] = {
        "met_pt": rng.exponential(30, n_events),
        "met_phi": rng.uniform(-np.pi, np.pi, n_events),
        "n_charged_hadrons": rng.poisson(70, n_events),
        "n_neutral_hadrons": rng.poisson(15, n_events),
    }
    lepton = ("eta", "phi", "charge", "iso_charged", "iso_neutral", "iso_photon")
    kinds = {
        "electron": (1 + rng.poisson(0.2, n_events), lepton),
        "muon": (rng.poisson(0.6, n_events), lepton),
        "photon": (rng.poisson(0.5, n_events), ("eta", "phi")),
        "jet": (rng.poisson(4, n_events), ("eta", "phi", "mass", "b_tag")),
        "particle": (rng.poisson(100, n_events), ("eta", "phi", "kind")),
    }
    for name, (counts, fields) in kinds.items():
        total = int(counts.sum())
        pt = ak.unflatten(rng.exponential(20, total) + 3, counts)
        columns[f"{name}_pt"] = ak.sort(pt, axis=1, ascending=False)
        for field in fields:
            values = rng.integers(0, 2, total) if field in {"kind", "b_tag"} else rng.random(total)
            columns[f"{name}_{field}"] = ak.unflatten(
                0.1 * values if "iso" in field else values, counts
            )
    return Events(columns)


def seconds(function: Callable[[], Any]) -> float:
    """Return the processor's seconds, best of three."""
    best = np.inf
    for _ in range(3):
        start = time.process_time()
        function()
        best = min(best, time.process_time() - start)
    return best


def only_fastjet(jets: ak.Array, n_max: int, scheme: str) -> None:
    """Do what N-subjettiness asks of FastJet, and nothing else."""
    for _, block in _blocks(momenta(jets)):
        history = sequence(block, jet_definition("kt", 1000.0, scheme))
        with quiet():
            for n in range(1, n_max + 1):
                history.exclusive_jets_up_to(n)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--jets", type=int, default=20_000)
    parser.add_argument("--events", type=int, default=50_000)
    options = parser.parse_args()
    jets, events = ragged_jets(options.jets), stream(options.events)
    table = Events({f"constituent_{name}": jets[name] for name in jets.fields})
    padded = np.stack([ak.to_numpy(jets[name]) for name in jets.fields], axis=2)
    cases: dict[str, tuple[int, Callable[[], Any]]] = {
        "images, ragged": (len(jets), lambda: represent("images", table)),
        "images, padded": (len(jets), lambda: jet_images(padded)),
        "constituents": (len(jets), lambda: represent("constituents", table)),
        "anti-kT clustering, R = 0.4": (len(jets), lambda: cluster(jets, 0.4)),
        "lepton_stream": (len(events), lambda: represent("lepton_stream", events)),
        "objects": (len(events), lambda: represent("objects", events)),
        "particle_flow": (len(events), lambda: represent("particle_flow", events)),
    }
    print("| representation | rows | seconds | rows / s |\n|---|---|---|---|")
    for name, (rows, function) in cases.items():
        spent = seconds(function)
        print(f"| {name} | {rows:,} | {spent:.2f} | {rows / spent:,.0f} |", flush=True)
    few = jets[: options.jets // 4]
    print("\n| axes | jets | jets / s | of which FastJet |\n|---|---|---|---|")
    for axes, scheme in AXES.items():
        whole = seconds(lambda axes=axes: nsubjettiness_betas(few, 9, (0.5, 1.0, 2.0), axes))
        inside = seconds(lambda scheme=scheme: only_fastjet(few, 9, scheme))
        print(
            f"| {axes} | {len(few):,} | {len(few) / whole:,.0f} | {inside / whole:.0%} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
