"""What the likelihood VAE's efficiencies far in the tail depend on, for leptoquarks above all.

Run from the project's root, on the sample of `bench_stream.py`::

    OMP_NUM_THREADS=1 python benchmarks/bench_stream_scan.py [--settings ...]

Each setting changes one thing about ``likelihood_vae`` of `bench_stream.py`: the share of the
training half that it learns from, the power of the weights in training (tests have all of them),
options, or the loss (`_vae_losses.py`). Three members train on each half and are tested on the
other. Per score and setting are shown, of every member and of the members' mean score:

- the counted background events a day at the published efficiency, as the geometric mean over
  members and halves, with the least and the largest;
- the ratio to the published efficiency above the counted thresholds of 30 and 300 a day, as the
  mean over halves of the members' mean score.

``with codes`` is a third score: -log of the sum of two estimates of p(x), that of ``iwae`` and the
mean of p(x|z) over 256 codes z, one sample of the posterior of each of 256 training rows. It does
not need the encoder to know an odd event; it is worked out for the `FRONT` oddest events, and is
``iwae`` behind them. "Gap" is by how many nats the best of these codes explains an event better
than the encoder's own, median of the 300 oddest test events, those of the benchmarks included.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import argparse
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from _jobs import read_rows, run_jobs, table
from _stream import FRACTIONS, SIGNALS, Stream, file_names, load, without_heavy
from _stream_budget import BUDGETS, PUBLISHED, counted_efficiencies, mixture_of, rate_needed
from _vae_losses import HeavyVae, PublishedVae
from bench_stream import DENSITIES, STREAM, tested

from bycatch.errors import BycatchError
from bycatch.score.likelihood_vae import LikelihoodVae
from bycatch.tasks.random import stream

ROOT = Path(__file__).resolve().parents[1]
MEMBERS, CODES, FRONT, CHUNK = 3, 256, 4500, 64
SCORES = ("total", "iwae", "with codes")
SETTINGS: dict[str, dict[str, Any]] = {
    "default": {},
    "10 % of the rows": {"share": 0.1},
    "32 % of the rows": {"share": 0.316},
    "roots of the weights": {"power": 0.5},
    "no weights": {"power": 0.0},
    "published loss": {"loss": "published"},
    "heavy densities": {"loss": "heavy"},
    "beta 1": {"options": {"beta": 1.0}},
    "8 latent": {"options": {"n_latent": 8}},
    "widths from 0.3": {"options": {"smallest_width": 0.3}},
}


def main() -> None:
    """Run the jobs and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--settings", nargs="+", choices=SETTINGS, default=list(SETTINGS))
    parser.add_argument("--heaviest", type=float, default=20.0)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--rows", type=Path, default=ROOT / "runs" / "scores" / "scan.jsonl")
    options = parser.parse_args()
    jobs = [
        {
            "setting": name,
            **SETTINGS[name],
            "fold": fold,
            "heaviest": options.heaviest,
            "files": file_names(),
        }
        for name in options.settings
        for fold in (0, 1)
    ]
    run_jobs(measure, jobs, options.rows, options.workers)
    rows = read_rows(options.rows)
    report([row for row in rows.values() if row["job"]["files"] == file_names()])


def measure(job: dict[str, Any]) -> dict[str, Any]:
    """Train one setting on one half; return the numbers of each member and of their mean."""
    events = load(STREAM, job["files"])
    if job["fold"]:
        events = replace(events, half=~events.half)
    events, _ = without_heavy(events, job["heaviest"])
    train = events.background.rows(events.background.half)
    train = train.rows(stream(3, "share").random(len(train.weight)) < job.get("share", 1.0))
    kind = {"published": PublishedVae, "heavy": HeavyVae}.get(job.get("loss", ""), LikelihoodVae)
    model = kind(MEMBERS, **{**DENSITIES, **job.get("options", {})})
    model.fit(train.values, train.weight ** job.get("power", 1.0))
    rows = {name: tested(events, name) for name in (*FRACTIONS, *SIGNALS)}
    found, gaps = scored(model, np.concatenate([r.values for r in rows.values()]), train)
    ends = np.cumsum([len(r.weight) for r in rows.values()])[:-1]
    row: dict[str, Any] = {"train": len(train.weight), "gap": gaps, "scores": {}}
    row["held_out"] = [h.validation_loss[h.best] for h in model.histories_]
    for score, members in found.items():
        judged = [
            judge(dict(zip(rows, np.split(one, ends), strict=True)), rows)
            for one in (*members, members.mean(axis=0))
        ]
        row["scores"][score] = judged
    return row


def scored(
    model: LikelihoodVae, X: np.ndarray, train: Stream
) -> tuple[dict[str, np.ndarray], list[float]]:
    """Return each score of all members, and each member's gap."""
    found = {name: model.member_scores(X, name=name) for name in SCORES[:2]}
    error = model.member_scores(X, name="reconstruction")
    chosen = stream(4, "codes").choice(len(train.weight), CODES, replace=False)
    joint, gaps = [], []
    for member in range(model.members):
        iwae = found["iwae"][member]
        front = np.argsort(-iwae)[:FRONT]
        losses = code_losses(model, member, X[front], train.values[chosen])
        density = np.full(len(X), np.inf)
        density[front] = -(np.logaddexp.reduce(-losses, axis=1) - np.log(CODES))
        joint.append(-np.logaddexp(-iwae, -density))
        gaps.append(float(np.median((error[member, front] - losses.min(axis=1))[:300])))
    return {**found, "with codes": np.array(joint)}, gaps


@torch.no_grad()
def code_losses(model: LikelihoodVae, member: int, X: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Return -log p(x|z) of each event for a sample z of the posterior of each of some rows."""
    parameters = {name: value[[member]] for name, value in model.parameters_.items()}
    mean, width = model.posterior(parameters, {"x": torch.from_numpy(rows)[None]})
    generator = torch.Generator().manual_seed(1)
    z = mean + width * torch.randn(mean.shape, generator=generator)
    parts = []
    for start in range(0, len(X), CHUNK):
        x = torch.from_numpy(X[start : start + CHUNK])[None]
        columns = {"x": x.repeat_interleave(len(rows), dim=1)}
        losses = model.feature_losses(parameters, columns, z.repeat(1, x.shape[1], 1))
        parts.append(losses.sum(dim=2).reshape(x.shape[1], len(rows)).numpy())
    return np.concatenate(parts)


def judge(score: dict[str, np.ndarray], rows: dict[str, Stream]) -> dict[str, Any]:
    """Return counted rates at the published efficiencies, and efficiencies at the budgets."""
    mixture = mixture_of(score, {kind: rows[kind].weight for kind in FRACTIONS})
    return {
        "needed": {k: rate_needed(mixture, score[k], k)["30"]["value"] for k in SIGNALS},
        "counted": {k: counted_efficiencies(mixture, score[k], k) for k in SIGNALS},
    }


def report(rows: list[dict[str, Any]]) -> None:
    """Print a table of settings and scores."""
    lines = []
    for name in dict.fromkeys(row["job"]["setting"] for row in rows):
        folds = [row for row in rows if row["job"]["setting"] == name]
        held = np.mean([row["held_out"] for row in folds])
        gap = np.median([row["gap"] for row in folds])
        for score in SCORES:
            cells = []
            for kind in SIGNALS:
                found = [row["scores"][score] for row in folds]
                each = np.array([one["needed"][kind] for many in found for one in many[:-1]])
                mean = np.exp(np.log(each.clip(1.0)).mean())
                ratios = [
                    np.mean([many[-1]["counted"][kind][i] for many in found])
                    / PUBLISHED[30.0][kind]
                    for i, _ in enumerate(BUDGETS[:2])
                ]
                text = f"{mean:.0f} ({each.min():.0f} to {each.max():.0f})"
                cells.append(f"{text}; x{ratios[0]:.2g}, x{ratios[1]:.2g}")
            size = f"{np.mean([row['train'] for row in folds]):.0f}"
            lines.append([name, size, f"{held:.2f}", f"{gap:.0f}", score, *cells])
    head = ["setting", ">train", ">held out", ">gap", "score", *(f">{kind}" for kind in SIGNALS)]
    print("\n".join(table(head, lines)))


if __name__ == "__main__":
    try:
        main()
    except BycatchError as error:
        sys.exit(str(error))
