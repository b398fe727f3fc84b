"""Seconds that each score takes to learn from 100,000 events, with its defaults.

Run from the project's root, on an idle machine, with the files of `bench_scores.py` and
`bench_stream.py` in ``runs/sim``::

    OMP_NUM_THREADS=1 python benchmarks/bench_training.py

Events are drawn with replacement from what is simulated: a training takes as long on repeated
events. One member, one process and one thread; ``flow`` and the like are given what they are used
on in those two benchmarks. The normalised autoencoders learn from 20,000 images, too.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import argparse
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from _jobs import table
from _score_methods import BASIS, CONSTITUENTS, IMAGE, MOMENTA, Method
from _stream import SIGNALS, SIM, load
from bench_scores import represented

from bycatch.represent.base import Representation
from bycatch.represent.lepton_stream import FEATURES
from bycatch.score import SCORES, make_score
from bycatch.tasks.random import stream

JETS = 50_000
STREAM = {"name": "lepton_stream"}
OBJECTS = {"name": "objects"}
CANDIDATES = {"name": "particle_flow"}


@dataclass(frozen=True)
class Training:
    """One line of the table."""

    score: str
    representation: Mapping[str, Any]
    options: Mapping[str, Any] = field(default_factory=dict)
    events: int = 100_000

    def __str__(self) -> str:
        chosen = ", ".join(
            f"{key} {value}" for key, value in self.options.items() if key in ("network", "layout")
        )
        return f"{self.score} ({chosen})" if chosen else self.score


TRAININGS = (
    Training("pca", BASIS),
    Training("mahalanobis", BASIS),
    Training("isolation_forest", BASIS),
    Training("autoencoder", STREAM),
    Training("autoencoder", IMAGE, {"network": "conv"}),
    Training("autoencoder", MOMENTA, {"network": "lola", "loss": "masked"}),
    Training("adversarial_autoencoder", STREAM, {"protected_column": 0}),
    Training("vae", STREAM),
    Training("vae", IMAGE, {"network": "conv"}),
    Training("likelihood_vae", STREAM, {"features": FEATURES}),
    Training("dirichlet_vae", IMAGE),
    Training("swae", STREAM),
    Training("nae", STREAM),
    Training("nae", IMAGE, {"layout": "image"}),
    Training("nae", IMAGE, {"layout": "image"}, 20_000),
    Training("wnae", STREAM),
    Training("wnae", IMAGE, {"layout": "image"}),
    Training("recurrent_vae", CANDIDATES),
    Training("jet_clr", CONSTITUENTS),
    Training("anomaly_clr", OBJECTS),
    Training("anomaly_clr_plus", OBJECTS),
    Training("flow", STREAM),
    Training("cocktail", STREAM),
)


def main() -> None:
    """Train all, and print the table as it grows."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--scores", nargs="+", choices=sorted(SCORES), default=sorted(SCORES))
    options = parser.parse_args()
    missing = set(SCORES) - {training.score for training in TRAININGS}
    assert not missing, f"no line for {missing}"
    head = ["score", "events", "inputs", "seconds", "CPU s"]
    lines = [timed(training) for training in TRAININGS if training.score in options.scores]
    print("\n".join(table(head, lines)))


def timed(training: Training) -> list[str]:
    """Train one score, and return its line."""
    rows, labels = drawn(training)
    score = make_score(training.score, **training.options)
    wall, cpu = time.perf_counter(), time.process_time()
    score.fit(rows.values, mask=rows.mask, **labels)
    seconds = time.perf_counter() - wall, time.process_time() - cpu
    shape = "x".join(str(size) for size in rows.values.shape[1:])
    line = [str(training), f"{len(rows):,}", shape, *(f"{value:.0f}" for value in seconds)]
    print(*line, flush=True)
    return line


def drawn(training: Training) -> tuple[Representation, dict[str, np.ndarray]]:
    """Return as many events as wanted, and labels for the score that learns from these."""
    rng = stream(5, "training", training.events)
    name = training.representation["name"]
    if name in (STREAM["name"], OBJECTS["name"], CANDIDATES["name"]):
        events = load(training.representation)
        if training.score == "cocktail":
            label = 1 + np.searchsorted(np.sort(SIGNALS), events.process)
            label = np.where(np.isin(events.process, SIGNALS), label, 0)
        else:
            events, label = events.background, np.empty(0)
        values, mask = events.values, events.mask
    else:
        jets = represented(
            SIM / "qcd_jets.parquet", Method(training.score, training.representation), JETS
        )
        values, mask, label = jets.values, jets.mask, np.empty(0)
    place = np.sort(rng.integers(0, len(values), training.events))
    found = Representation(values[place], None if mask is None else mask[place], ("x",))
    return found, {"label": label[place]} if len(label) else {}


if __name__ == "__main__":
    main()
