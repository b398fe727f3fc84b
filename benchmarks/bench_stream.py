"""Lecture 002's tables: scores of the lepton stream at a budget of events a day.

Run from the project's root, after ``bycatch simulate`` of the files that `_stream.py` names into
``runs/sim`` (those with ``_tail``: without them nothing lies behind 30 events a day)::

    OMP_NUM_THREADS=1 python benchmarks/bench_stream.py

Half of the standard model's events train and the other half is tested with all benchmark events,
then the other way round (the recurrent autoencoders: 70 % train, once); numbers are means of both,
intervals the means of both, which makes them no smaller. Weights follow the published fractions.
For every score: the weighted AUC of each benchmark, and at each of `BUDGETS` background events a
day (186 million events a month, 5/fb a month) the absolute efficiency (acceptance x trigger x
score), with the error of statistics and of the threshold. "Behind" is Kish's effective number of
test events above the threshold; below 30 the threshold is extrapolated from a fitted tail, and
marked with a star. The lecture's budgets are 30 and 300; the third is 1e-3 of all events. The rows
"a day for" turn the question round: how many background events a day pass where the benchmark has
its published efficiency. "Counted" is the efficiency above the counted threshold, however few
events are behind it. The supervised reference on the 21 features (a dense network, boosted trees,
and a network that learns behind the trees: `_stream_labels.py`) trains on four fifths of all events
and is measured on the last, in turn; its "behind" and "from" are those of the first benchmark's.

A row that stands for more than ``--heaviest`` times the mean weight of its process is left out of
training and test: one event from a decay that is not repeated would be all of QCD. Their share is
printed.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import argparse
import json
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from _jobs import read_rows, run_jobs, table
from _stream import FRACTIONS, SIGNALS, Stream, file_names, load, without_heavy
from _stream_budget import (
    BUDGETS,
    PUBLISHED,
    counted_efficiencies,
    mixture_of,
    normalisation,
    rate_needed,
)
from _stream_labels import LABELS, NETWORK

from bycatch.errors import BycatchError
from bycatch.evaluate import roc
from bycatch.evaluate.sizes import kish
from bycatch.represent.lepton_stream import FEATURES
from bycatch.score import make_score
from bycatch.trigger.mixture import ScoredSample
from bycatch.trigger.rates import Luminosity
from bycatch.trigger.tables import signal_row
from bycatch.trigger.working_point import working_point

ROOT = Path(__file__).resolve().parents[1]
STREAM = {"name": "lepton_stream"}
OBJECTS = {"name": "objects"}
CANDIDATES = {"name": "particle_flow"}

# Large batches: in a small one a few rows have most of the weight.
LEARNING = {"batch_size": 1024, "steps": 8000}
DENSE = {"hidden": (50, 50), "n_latent": 4, **LEARNING}
RECURRENT = {"batch_size": 1024, "steps": 2000}
DENSITIES = {"features": list(FEATURES), **LEARNING}
METHODS: dict[str, tuple[str, dict[str, Any], dict[str, Any]]] = {
    "supervised": ("", STREAM, NETWORK),
    "supervised-trees": ("", STREAM, {}),
    "supervised-tail": ("", STREAM, NETWORK),
    "pca": ("pca", STREAM, {"components": 6}),
    "isolation_forest": ("isolation_forest", STREAM, {}),
    "autoencoder": ("autoencoder", STREAM, DENSE),
    "vae": ("vae", STREAM, DENSE),
    "likelihood_vae": ("likelihood_vae", STREAM, DENSITIES),
    "likelihood_vae-ensemble": ("likelihood_vae", STREAM, {**DENSITIES, "members": 3}),
    "likelihood_vae-wide": ("likelihood_vae", STREAM, {**DENSITIES, "smallest_width": 0.3}),
    "objects-autoencoder": (
        "autoencoder",
        OBJECTS,
        {"network": "dense", "layout": "set", "loss": "masked", "hidden": (64, 32), **LEARNING},
    ),
    "anomaly_clr": ("anomaly_clr", OBJECTS, {}),
    "anomaly_clr_plus": ("anomaly_clr_plus", OBJECTS, {}),
    "recurrent_vae": ("recurrent_vae", CANDIDATES, RECURRENT),
    "recurrent_vae-no-attention": ("recurrent_vae", CANDIDATES, {**RECURRENT, "attention": False}),
}
LONG = "recurrent_vae"
"""These train once, on 70 %."""
ONCE = (LONG, "supervised")
"""These have one row: all events test the supervised reference."""

MAIN = ("probability", "total", "reconstruction", "free_running", "mahalanobis", "score", "iwae")
"""Scores that the tables at a budget show; the AUCs are of all."""


def main() -> None:
    """Run the jobs and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--methods", nargs="+", choices=METHODS, default=list(METHODS))
    parser.add_argument("--heaviest", type=float, default=20.0)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--rows", type=Path, default=ROOT / "runs" / "scores" / "stream.jsonl")
    parser.add_argument("--report", action="store_true", help="print what is stored")
    options = parser.parse_args()
    jobs = [
        {
            "method": name,
            "options": json.loads(json.dumps(METHODS[name][2])),
            "files": file_names(),
            "heaviest": options.heaviest,
            "fold": fold,
        }
        for name in options.methods
        for fold in range(1 if name.startswith(ONCE) else 2)
    ]
    if not options.report:
        run_jobs(measure, jobs, options.rows, options.workers)
    report(options.rows)


def measure(job: dict[str, Any]) -> dict[str, Any]:
    """Train one method; return the numbers of all its scores."""
    name, representation, options = METHODS[job["method"]]
    share = 0.7 if job["method"].startswith(LONG) else 0.5
    events = load(representation, job["files"], train=share)
    if job["fold"]:
        events = replace(events, half=~events.half)
    events, lost = without_heavy(events, job["heaviest"])
    background = events.background
    train = background.rows(background.half)
    start = time.process_time()
    row: dict[str, Any] = {"train": len(train.weight), "lost": lost, "scores": {}}
    row["effective"] = {kind: kish(events.of(kind).weight) for kind in FRACTIONS}
    row["rows"] = {kind: len(events.of(kind).weight) for kind in (*FRACTIONS, *SIGNALS)}
    row["selected"] = {kind: normalisation(kind).selected for kind in SIGNALS}
    if job["method"] in LABELS:
        row["scores"] = supervised(events, LABELS[job["method"]])
    else:
        model = make_score(name, **options)
        model.fit(train.values, train.weight, mask=train.mask)
        for score in model.score_names:
            found = {
                kind: model.score(
                    tested(events, kind).values, tested(events, kind).mask, name=score
                )
                for kind in (*FRACTIONS, *SIGNALS)
            }
            row["scores"][score] = judged(events, found, SIGNALS)
    row["cpu_seconds"] = time.process_time() - start
    return row


def tested(events: Stream, kind: str) -> Stream:
    """Return the rows of a process that test: half of background, all of a benchmark."""
    rows = events.of(kind)
    return rows if kind in SIGNALS else rows.rows(~rows.half)


def supervised(events: Stream, learn: Callable[..., np.ndarray]) -> dict[str, Any]:
    """Return the numbers of a classifier per benchmark; all events test."""
    found = {}
    for kind in SIGNALS:
        used = events.rows(np.isin(events.process, (*FRACTIONS, kind)))
        score = learn(used.values, used.process == kind, used.weight)
        every = replace(used, half=np.zeros(len(score), dtype=bool))
        parts = {name: score[used.process == name] for name in (*FRACTIONS, kind)}
        found[kind] = judged(every, parts, (kind,))
    merged: dict[str, Any] = {"auc": {}, "rows": [], "points": found[SIGNALS[0]]["points"]}
    for number in ("needed", "counted"):
        merged[number] = {kind: found[kind][number][kind] for kind in SIGNALS}
    for kind in SIGNALS:
        merged["auc"] |= found[kind]["auc"]
        merged["rows"] += found[kind]["rows"]
    return {"probability": merged}


def judged(events: Stream, scores: dict[str, np.ndarray], signals: Any) -> dict[str, Any]:
    """Return AUCs, and the table at each budget."""
    weights = {kind: tested(events, kind).weight for kind in FRACTIONS}
    b = np.concatenate([scores[kind] for kind in FRACTIONS])
    w = np.concatenate([weights[kind] for kind in FRACTIONS])
    auc = {}
    for kind in signals:
        s = scores[kind]
        label = np.repeat([0, 1], [len(b), len(s)])
        curve = roc(np.concatenate([b, s]), label, np.concatenate([w, np.ones(len(s))]))
        auc[kind] = [curve.auc, curve.auc_error]
    mixture = mixture_of(scores, weights)
    rows, points = [], []
    for budget in BUDGETS:
        point = working_point(mixture, budget)
        points.append(point.to_json())
        for kind in signals:
            sample = ScoredSample(kind, scores[kind], np.ones(len(scores[kind])))
            rows.append(signal_row(sample, normalisation(kind), point, Luminosity()).to_json())
    needed = {kind: rate_needed(mixture, scores[kind], kind) for kind in signals}
    counted = {kind: counted_efficiencies(mixture, scores[kind], kind) for kind in signals}
    return {"auc": auc, "rows": rows, "points": points, "needed": needed, "counted": counted}


def report(path: Path) -> None:
    """Print the tables of the sample that was used last."""
    rows = list(read_rows(path).values())
    rows = [row for row in rows if row["job"]["files"] == rows[-1]["job"]["files"]]
    grouped: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for row in rows:
        for name, found in row["scores"].items():
            grouped.setdefault((row["job"]["method"], name), []).append({**row, **found})
    lines, efficiencies = [], []
    for (method, name), found in grouped.items():
        first = [method, name, f"{np.mean([f['train'] for f in found]):.0f}"]
        aucs = [np.mean([f["auc"][k] for f in found], axis=0) for k in SIGNALS]
        seconds = np.mean([f["cpu_seconds"] for f in found])
        lines.append([*first, *(f"{a:.3f} +- {e:.3f}" for a, e in aucs), f"{seconds:.0f}"])
        if name in MAIN:
            efficiencies += budget_lines(first[:2], found)
    last = rows[-1]
    effective = {kind: round(n) for kind, n in last["effective"].items()}
    print(f"rows {last['rows']}, effective {effective}, left out {last['lost']:.1%} of the weight")
    print(f"acceptance x trigger {last['selected']}\n")
    head = ["method", "score", ">train", *(f">AUC {kind}" for kind in SIGNALS), ">CPU s"]
    print("\n".join(table(head, lines)), end="\n\n")
    head = ["method", "score", ">a day", ">behind", "from", *(f">{kind}" for kind in SIGNALS)]
    for budget, values in PUBLISHED.items():
        cells = (f"{values[kind]:.1e}" for kind in SIGNALS)
        efficiencies.append(["published", "", f"{budget:.0f}", "", "", *cells])
    print("\n".join(table(head, efficiencies)))


def budget_lines(first: list[str], folds: Sequence[dict[str, Any]]) -> list[list[str]]:
    """Return one line per budget: absolute efficiencies with intervals, ratio to the published."""
    lines = []
    for i, budget in enumerate(BUDGETS):
        cells = []
        for kind in SIGNALS:
            found = [
                next(r for r in fold["rows"] if (r["name"], r["budget"]) == (kind, budget))
                for fold in folds
            ]
            value = np.mean([r["efficiency"]["value"] for r in found])
            low, high = np.mean([r["efficiency"]["interval"] for r in found], axis=0)
            text = f"{value:.1e} ({low:.0e} to {high:.0e})"
            if budget in PUBLISHED:
                text += f" x{value / PUBLISHED[budget][kind]:.2g}"
            cells.append(text)
        points = [fold["points"][i] for fold in folds]
        behind = sum(point["threshold"]["n_effective"] for point in points)
        star = "*" * any(point["threshold"]["extrapolated"] for point in points)
        shares = {
            kind: np.mean([part["rate"]["value"] for p in points for part in p["processes"]
                           if part["name"] == kind]) for kind in FRACTIONS
        }  # fmt: skip
        source = " ".join(f"{kind} {rate:.0f}" for kind, rate in shares.items())
        lines.append([*first, f"{budget:.0f}", f"{behind:.0f}{star}", source, *cells])
    for i, (budget, values) in enumerate(PUBLISHED.items()):
        cells = []
        for kind in SIGNALS:
            value = np.mean([fold["counted"][kind][i] for fold in folds])
            cells.append(f"{value:.1e} x{value / values[kind]:.2g}")
        lines.append([*first, f"{budget:.0f} counted", "", "", *cells])
    for budget, values in PUBLISHED.items():
        cells = []
        for kind in SIGNALS:
            found = [fold["needed"][kind][f"{budget:.0f}"] for fold in folds]
            low, high = np.mean([f["interval"] for f in found], axis=0)
            cells.append(f"{np.mean([f['value'] for f in found]):.0f} ({low:.0f}-{high:.0f})")
        lines.append([*first, "a day for", f"{values['a_4l']:.1e}...", "", *cells])
    return lines


if __name__ == "__main__":
    try:
        main()
    except BycatchError as error:
        sys.exit(str(error))
