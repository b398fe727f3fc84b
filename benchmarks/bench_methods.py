"""Sensitivity of all methods: cwola, cathode, anode, ideal and supervised, trees and networks.

Run from the project's root, the same command again to continue it after an interruption::

    python benchmarks/bench_methods.py run --workers 4
    python benchmarks/bench_methods.py report

What is measured
----------------
``lhco``    LHC Olympics R&D events with 150, 300 and 600 signal events in the window 3300-3700 GeV
            (7,742 background events).
``pythia``  the embedded 100,000 Pythia events with a signal of S/sqrt(B) = 1.5 and 3 in the same
            window (13,898 background events); signal efficiency from 17,220 signal events.

Five draws of the signal each, with as many signal events outside of the window as the full sample
has in proportion. Nested 5-fold; every event is scored by one fold's models that have not seen it,
signal that was not injected too. The maximum significance improvement is taken where eps_B is known
to 20 % (eps_B > 25 / n_B). Bias: delta_sys = observed / expected - 1 of the window's true
background, where the template's 10 and 1 % thresholds are, signal in the training.

``cwola``            window against sidebands of 12 %.
``cathode``          window against samples of the density of the sidebands (2700-6500 GeV),
                     by flow matching; ``cathode-spline``: by an autoregressive spline flow;
                     ``cathode-shared``: by one model for nine overlapping windows.
``anode``            density of the window over that of the sidebands (flow matching); its own
                     score, so no classifier, and fewer members, which cost a density each.
``cwola (half)``, ``cathode (half)``  half of the window's background (and all of the signal) as
                     data: what ``ideal`` is to be compared with.
``ideal``            the same data against the other half of the window's background.
``supervised``       all signal against all background of the window, by truth.

Classifiers have 10 members (trees) or 4 (networks) per fold. The density of a draw is trained once
and used by all. Seconds are CPU time of one thread.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import argparse
import platform
import sys
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from _jobs import band, cpu_model, read_rows, run_jobs, table
from _methods import DENSITY_OF, density_job, density_path, measure, train_density

ROOT = Path(__file__).resolve().parents[1]
METHODS = (
    "cwola",
    "cathode",
    "cathode-spline",
    "cathode-shared",
    "anode",
    "cwola (half)",
    "cathode (half)",
    "ideal",
    "supervised",
)
# S / sqrt(B) of 1.5 and 3 in the window's 13,898 events.
SIGNAL = {"lhco": (150, 300, 600), "pythia": (177, 354)}
WINDOW_BACKGROUND = {"lhco": 7742, "pythia": 13898}


def method_jobs(arguments: argparse.Namespace) -> list[dict[str, Any]]:
    """Return one job per sample, method, classifier, number of signal events and draw."""
    members = {"trees": arguments.members, "network": arguments.network_members}
    jobs = []
    for sample in arguments.samples:
        for method in arguments.methods:
            # The supervised yardstick takes all signal: its draws differ in folds and seeds only.
            counts = arguments.signal or SIGNAL[sample]
            for n_signal in counts[:1] if method == "supervised" else counts:
                for classifier in ("own",) if method == "anode" else arguments.classifiers:
                    common = {
                        "sample": sample,
                        "variant": "plain",
                        "n_signal": n_signal,
                        "method": method,
                        "classifier": classifier,
                        "members": members.get(classifier, arguments.anode_members),
                    }
                    if method in DENSITY_OF:
                        common["density_options"] = _options(arguments)
                    if method == "anode":
                        common["window_options"] = {"steps": arguments.anode_steps}
                    jobs += [{**common, "draw": draw} for draw in range(arguments.draws)]
    # Long ones first, so that no worker waits for the last of them.
    return sorted(jobs, key=lambda job: job["classifier"] == "trees")


def _options(arguments: argparse.Namespace) -> dict[str, Any]:
    return {} if arguments.steps is None else {"steps": arguments.steps}


def run(arguments: argparse.Namespace) -> None:
    jobs = method_jobs(arguments)
    folder = arguments.output / "densities"
    densities = []
    for job in jobs:
        wanted = density_job(job, job.get("density_options", {}))
        if wanted is not None and wanted not in densities:
            densities.append(wanted)
    train = partial(train_density, folder=folder)
    missing = [job for job in densities if not density_path(folder, job).is_dir()]
    rows = read_rows(arguments.output / "densities.jsonl")
    if missing and rows:
        print(f"{len(missing)} of {len(densities)} densities are not on disk yet", flush=True)
    run_jobs(train, densities, arguments.output / "densities.jsonl", arguments.workers)
    run_jobs(
        partial(measure, folder=folder), jobs, arguments.output / "rows.jsonl", arguments.workers
    )


def report(arguments: argparse.Namespace) -> None:
    rows = list(read_rows(arguments.output / "rows.jsonl").values())
    densities = list(read_rows(arguments.output / "densities.jsonl").values())
    print(f"{cpu_model()}, Python {platform.python_version()}, {os.cpu_count()} cores")
    for sample in SIGNAL:
        some = [
            row
            for row in rows
            if row["job"]["sample"] == sample and row["job"]["variant"] == "plain"
        ]
        if some:
            print(f"\n{sample}: window with {WINDOW_BACKGROUND[sample]:,} background events\n")
            print("\n".join(summary(some)))
    seconds: dict[str, list[float]] = {}
    for row in densities:
        name = f"{row['job']['sample']}, {row['job']['density']}"
        seconds.setdefault(name, []).append(row["seconds"])
    print("\nCPU seconds of a density:")
    for name, values in sorted(seconds.items()):
        middle, low, high = band(values)
        print(f"{name}: {middle:.1f} ({low:.1f} to {high:.1f}), {len(values)} trainings")
    total = sum(row["classifier_seconds"] + row["scoring_seconds"] for row in rows)
    total += sum(row["seconds"] for row in densities)
    print(f"\nAll of it: {total / 60:.0f} CPU minutes")


def summary(rows: list[dict]) -> list[str]:
    """Return a Markdown table of medians and 16 to 84 % bands."""
    fields = ("method", "classifier", "n_signal")
    groups: dict[tuple, list[dict]] = {}
    for row in rows:
        groups.setdefault(tuple(row["job"][field] for field in fields), []).append(row)
    classifiers = ("trees", "network", "own")
    order = sorted(groups, key=lambda k: (METHODS.index(k[0]), classifiers.index(k[1]), k[2]))
    lines = []
    for key in order:
        some = groups[key]
        middle, low, high = band([row["max_sic"] for row in some])
        lines.append(
            (
                key[0],
                f"{key[1]} x {some[0]['job']['members']}",
                "all" if key[0] == "supervised" else str(key[2]),
                str(len(some)),
                f"{middle:.2f}",
                f"{low:.2f} to {high:.2f}",
                f"{np.median([row['error'] for row in some]):.2f}",
                f"{np.median([row['auc'] for row in some]):.3f}",
                *(_bias(some, i) for i in range(2)),
                f"{np.median([row['classifier_seconds'] for row in some]):.0f}",
                f"{np.median([row['scoring_seconds'] for row in some]):.0f}",
            )
        )
    head = ("method", "classifier", ">signal", ">draws", ">max SIC: median", "16-84 %", ">error")
    tail = (">AUC", ">bias at 10 %", ">bias at 1 %", ">s to train", ">s to score")
    return table((*head, *tail), lines)


def _bias(rows: list[dict], index: int) -> str:
    """Return the median of the draws and the statistical error of one of them, in percent."""
    if not rows[0]["bias"]:
        return "-"
    middle = 100.0 * np.median([row["bias"][index]["delta_sys"] for row in rows])
    error = 100.0 * np.median([row["bias"][index]["error"] for row in rows])
    return f"{middle:+.1f} +- {error:.1f} %"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("what", nargs="?", choices=("run", "report"), help="both if not given")
    parser.add_argument("--samples", nargs="+", choices=tuple(SIGNAL), default=list(SIGNAL))
    parser.add_argument("--signal", type=int, nargs="+", help="instead of the samples' own counts")
    parser.add_argument("--methods", nargs="+", choices=METHODS, default=list(METHODS))
    parser.add_argument("--classifiers", nargs="+", default=["trees", "network"])
    parser.add_argument("--draws", type=int, default=5)
    parser.add_argument("--members", type=int, default=10, help="trees per fold")
    parser.add_argument("--network-members", type=int, default=4)
    parser.add_argument("--anode-members", type=int, default=1)
    parser.add_argument("--anode-steps", type=int, default=1000, help="of the window's densities")
    parser.add_argument("--steps", type=int, help="gradient steps of a density, to try it out")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--output", type=Path, default=ROOT / "runs" / "methods")
    arguments = parser.parse_args()
    for name, step in {"run": run, "report": report}.items():
        if arguments.what in (None, name):
            step(arguments)
    return 0


if __name__ == "__main__":
    sys.exit(main())
