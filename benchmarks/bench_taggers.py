"""Lecture 000's project: which representation of a jet, which network, at what cost?

Run from the project's root, for the table and the figure on 100,000 simulated jets::

    bycatch simulate top_jets --events 50000 --seed 1 -o runs/top_jets.parquet
    bycatch simulate qcd_jets --events 50000 --seed 2 -o runs/qcd_jets.parquet
    OMP_NUM_THREADS=1 python benchmarks/bench_taggers.py \
        --top runs/top_jets.parquet --qcd runs/qcd_jets.parquet [--workers 1] [--jets 100000]

What is measured
----------------
Every entry is a score of one representation. 80 % of the jets train, 10 % choose the state that is
kept, 10 % are the test: its AUC (error of Hanley and McNeil), 1/eps_B at eps_S = 0.3 (binomial
error of eps_B; where no background passes, the 90 % limit), the number of parameters, the seconds
of CPU time of the training with its validations, and the microseconds of CPU time per jet of the
score alone, all with one thread. The time that the representation takes stands beside it.

``real``      The same model, trained on the simulation, on the 2,000 jets of the public top-tagging
              sample (`top_landscape_2k.npz`), which came from another simulation (``--real``).
``real, 5-fold``  Trained on these jets alone: five members, each on 1,200 with 400 to choose the
              state and 400 to test. Few jets: the ordering is that of small samples.

Rows are stored as they finish in ``--rows``, and a second start goes on where the first stopped.
`taggers.json` and `taggers.png` come out under ``--output``.

Constituents are turned and flipped into the frame of the jet images (`_jets.py`): with 9,600 jets
to train that takes the AUC of the deep sets from 0.965 to 0.983.

To add a score, add an `Entry`: `build` gets the representation's name and returns something with
`fit(X, y, mask=..., train=..., validate=..., seed=...)` and `predict(X, mask)`; an entry of kind
"anomaly" sees only training rows of background (`y` is zero for all of them).
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import argparse
import json
import platform
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
from _jets import REAL, real_jets, simulated_jets
from _jobs import cpu_model, read_rows, run_jobs, table, write_rows

from bycatch.evaluate import Roc, roc
from bycatch.learn import make_tagger
from bycatch.represent.base import Representation
from bycatch.tasks.random import stream

ROOT = Path(__file__).resolve().parents[1]
EPS_S = 0.3
FOLDS = 5
FAST = {"steps": 20, "rounds": 2}


@dataclass(frozen=True)
class Entry:
    """A score that is compared.

    Attributes
    ----------
    kind : {"supervised", "anomaly"}
    representation : str
        Key of `REPRESENTATIONS` in `_jets.py`.
    build : callable
        Makes the untrained model of a number of members and further options.
    small : mapping
        Options for the training on the 2,000 real jets.
    """

    kind: Literal["supervised", "anomaly"]
    representation: str
    build: Callable[..., Any]
    small: Mapping[str, Any] = field(default_factory=dict)


def tagger(name: str, **options: Any) -> Callable[..., Any]:
    return lambda members, **more: make_tagger(name, members, **{**options, **more})


ENTRIES: dict[str, Entry] = {
    "transformer": Entry(
        "supervised",
        "constituents-50",
        tagger("transformer"),
        {"steps": 200, "rounds": 10},
    ),
    "deep sets": Entry(
        "supervised", "constituents-100", tagger("deep_sets"), {"steps": 400, "rounds": 20}
    ),
    "cnn": Entry("supervised", "images", tagger("cnn"), {"steps": 200, "rounds": 10}),
    "mlp": Entry("supervised", "substructure", tagger("mlp"), {"steps": 400, "rounds": 20}),
}


def rejection(curve: Roc, n_background: int) -> dict[str, float | int]:
    """Return 1/eps_B at the first cut that keeps `EPS_S` of the signal, with its binomial error."""
    at = int(np.searchsorted(curve.eps_s, EPS_S))
    passed = round(float(curve.eps_b[at]) * n_background)
    if not passed:
        # No event passes: with 90 % confidence fewer than 2.3 are expected.
        return {"rejection": n_background / 2.303, "rejection_error": 0.0, "passed": 0}
    value = n_background / passed
    error = value * np.sqrt((1.0 - passed / n_background) / passed)
    return {"rejection": value, "rejection_error": float(error), "passed": passed}


def measured(score: np.ndarray, label: np.ndarray) -> dict[str, Any]:
    curve = roc(score, label)
    n_background = int((label == 0).sum())
    return {
        "auc": curve.auc,
        "auc_error": curve.auc_error,
        **rejection(curve, n_background),
        "n_signal": int((label == 1).sum()),
        "n_background": n_background,
        "roc": curve.thin(),
    }


def fitted(
    entry: Entry, data: Representation, y: np.ndarray, masks: Mapping[str, np.ndarray], job: Any
) -> tuple[Any, float]:
    """Train an entry; return it and the seconds of CPU time."""
    small = entry.small if job["sample"] == "folds" else {}
    fast = FAST if job["fast"] else {}
    members = len(masks["train"])
    if entry.kind == "anomaly":
        masks = {name: mask & (y == 0) for name, mask in masks.items()}
    model = entry.build(members, **{**small, **fast})
    options = {} if data.mask is None else {"mask": data.mask}
    start = time.process_time()
    model.fit(data.values, y, **options, **masks, seed=job["seed"])
    return model, time.process_time() - start


def scores(model: Any, data: Representation, rows: Any = slice(None)) -> np.ndarray:
    """Return a score per member and row."""
    if data.mask is None:
        return np.asarray(model.predict(data.values[rows]))
    return np.asarray(model.predict(data.values[rows], data.mask[rows]))


def on_simulation(job: Mapping[str, Any]) -> dict[str, Any]:
    entry = ENTRIES[job["entry"]]
    start = time.process_time()
    data, y = simulated_jets(entry.representation, job["paths"], job["jets"])
    represent_us = 1e6 * (time.process_time() - start) / len(y)
    place = np.empty(len(y))
    place[stream(job["seed"], "split").permutation(len(y))] = (np.arange(len(y)) + 0.5) / len(y)
    test = np.flatnonzero(place > 0.9)
    masks = {"train": place[None] < 0.8, "validate": (place[None] > 0.8) & (place[None] < 0.9)}
    model, seconds = fitted(entry, data, y, masks, job)
    start = time.process_time()
    score = scores(model, data, test)[0]
    row = {
        **described(entry, model, seconds),
        "represent_us": represent_us,
        "score_us": 1e6 * (time.process_time() - start) / test.size,
        "simulated": measured(score, y[test]),
        "n_train": int(masks["train"].sum()),
    }
    if job["real"]:
        real, truth = real_jets(entry.representation, Path(job["real"]))
        row["real"] = measured(scores(model, real)[0], truth)
    return row


def on_folds(job: Mapping[str, Any]) -> dict[str, Any]:
    entry = ENTRIES[job["entry"]]
    data, y = real_jets(entry.representation, Path(job["real"]))
    fold = stream(job["seed"], "folds").permutation(len(y)) % FOLDS
    here = np.arange(FOLDS)[:, None]
    masks = {
        "train": (fold != here) & (fold != (here + 1) % FOLDS),
        "validate": fold == (here + 1) % FOLDS,
    }
    model, seconds = fitted(entry, data, y, masks, job)
    # One score per jet, of the member that has not seen it.
    score = scores(model, data)[fold, np.arange(len(y))]
    return {
        **described(entry, model, seconds),
        "n_train": int(masks["train"][0].sum()),
        "folds": measured(score, y),
    }


def described(entry: Entry, model: Any, seconds: float) -> dict[str, Any]:
    best = [history.best for history in getattr(model, "histories_", ())]
    rounds = [len(history.train_loss) for history in getattr(model, "histories_", ())]
    return {
        "kind": entry.kind,
        "representation": entry.representation,
        "parameters": int(getattr(model, "n_parameters_", 0)),
        "seconds": seconds,
        "best_round": best,
        "rounds": rounds,
    }


def run_job(job: dict[str, Any]) -> dict[str, Any]:
    return on_folds(job) if job["sample"] == "folds" else on_simulation(job)


def jobs_of(arguments: argparse.Namespace) -> list[dict[str, Any]]:
    common = {"seed": arguments.seed, "fast": arguments.fast}
    real = str(arguments.real) if arguments.real.is_file() else ""
    found = []
    for name in arguments.entries:
        if arguments.top:
            paths = {"top": arguments.top, "qcd": arguments.qcd}
            job = {"paths": paths, "jets": arguments.jets, "real": real, **common}
            found.append({"entry": name, "sample": "simulation", **job})
        if real:
            found.append({"entry": name, "sample": "folds", "real": real, **common})
    # the long trainings first, so that workers end together
    return sorted(found, key=lambda job: job["sample"] != "simulation")


def number(found: Mapping[str, Any] | None) -> list[str]:
    """Return AUC and rejection as text; dashes where they were not measured."""
    if found is None:
        return ["-", "-"]
    auc = f"{found['auc']:.4f} +- {found['auc_error']:.4f}"
    if not found["passed"]:
        return [auc, f"> {found['rejection']:.0f} (90 %)"]
    return [auc, f"{found['rejection']:.0f} +- {found['rejection_error']:.0f}"]


def summary(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the tables."""
    lines = []
    simulated = [row for row in rows if row["job"]["sample"] == "simulation"]
    if simulated:
        head = ("score", "kind", "representation", ">AUC", f">1/eps_B at {EPS_S}", ">parameters")
        head += (">training, s", ">us per jet", ">+ representation", ">real AUC", ">real 1/eps_B")
        cells = [
            [
                row["job"]["entry"], row["kind"], row["representation"], *number(row["simulated"]),
                f"{row['parameters']:,}", f"{row['seconds']:.0f}", f"{row['score_us']:.0f}",
                f"{row['represent_us']:.0f}", *number(row.get("real")),
            ]
            for row in simulated
        ]  # fmt: skip
        test = simulated[0]["simulated"]
        lines += [
            f"{simulated[0]['n_train']:,} jets to train, {test['n_signal']:,} tops to test and",
            f"{test['n_background']:,} QCD jets:",
            "",
            *table(head, cells),
            "",
        ]
    folds = [row for row in rows if row["job"]["sample"] == "folds"]
    if folds:
        head = ("score", "kind", "representation", ">AUC", f">1/eps_B at {EPS_S}", ">training, s")
        cells = [
            [
                row["job"]["entry"], row["kind"], row["representation"], *number(row["folds"]),
                f"{row['seconds']:.0f}",
            ]
            for row in folds
        ]  # fmt: skip
        lines += [f"Real jets, {FOLDS}-fold, {folds[0]['n_train']:,} to train:", ""]
        lines += table(head, cells)
    return lines


def draw(rows: Sequence[Mapping[str, Any]], path: Path) -> None:
    """Draw ROC curves: one panel per sample, full lines supervised, dashed lines anomaly scores."""
    from matplotlib.ticker import FuncFormatter

    from bycatch.report.style import (
        MUTED,
        colours,
        figure_bytes,
        log_label,
        new_figure,
        styled,
    )

    panels = {"simulated": "simulation", "real": "trained on simulation, real layout"}
    panels |= {"folds": "real layout, 5-fold"}
    panels = {key: text for key, text in panels.items() if any(key in row for row in rows)}
    colour = colours([row["job"]["entry"] for row in rows])

    @styled
    def figure() -> Any:
        drawn = new_figure(4.3 * len(panels), 3.8)
        for axes, (key, text) in zip(
            drawn.subplots(1, len(panels), squeeze=False)[0], panels.items(), strict=True
        ):
            for row in rows:
                if key not in row:
                    continue
                eps_b, eps_s = np.asarray(row[key]["roc"]).T
                known = eps_b * row[key]["n_background"] > 4.0  # to 50 %
                line = "-" if row["kind"] == "supervised" else "--"
                name = f"{row['job']['entry']} ({row['representation']})"
                axes.plot(
                    eps_s[known], 1 / eps_b[known], line, color=colour[row["job"]["entry"]],
                    label=name,
                )  # fmt: skip
            diagonal = np.linspace(0.01, 1, 200)
            axes.plot(diagonal, 1 / diagonal, color=MUTED, ls=":", lw=1, label="random")
            axes.axvline(EPS_S, color=MUTED, lw=0.5)
            axes.set(title=text, xlim=(0, 1), xlabel="signal efficiency ε$_S$", yscale="log")
            axes.yaxis.set_major_formatter(FuncFormatter(log_label))
            axes.set_ylabel("background rejection 1/ε$_B$")
        handles, labels = drawn.axes[0].get_legend_handles_labels()
        drawn.legend(handles, labels, loc="outside upper left", ncols=len(panels) + 1)
        return drawn

    path.write_bytes(figure_bytes(figure(), "png", dpi=150))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--top", help="parquet file of `bycatch simulate top_jets`")
    parser.add_argument("--qcd", help="parquet file of `bycatch simulate qcd_jets`")
    parser.add_argument("--jets", type=int, default=100_000, help="half of them tops")
    parser.add_argument("--real", type=Path, default=REAL, help="npz; skipped where it is absent")
    parser.add_argument("--entries", nargs="+", choices=tuple(ENTRIES), default=list(ENTRIES))
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--fast", action="store_true", help="a few steps only, to try this out")
    parser.add_argument("--rows", type=Path, default=ROOT / "runs" / "taggers.jsonl")
    parser.add_argument("--output", type=Path, default=ROOT / "benchmarks" / "results")
    arguments = parser.parse_args()
    if bool(arguments.top) != bool(arguments.qcd):
        parser.error("--top and --qcd belong together")
    jobs = jobs_of(arguments)
    if not jobs:
        parser.error(f"there is nothing to do: give --top and --qcd, or --real ({arguments.real})")
    known = len(
        [job for job in jobs if json.dumps(job, sort_keys=True) in read_rows(arguments.rows)]
    )
    load = os.getloadavg()[0]
    rows = run_jobs(run_job, jobs, arguments.rows, arguments.workers)
    print(f"{cpu_model()}, Python {platform.python_version()}, one thread per job, load ", end="")
    print(f"{load:.1f} to {os.getloadavg()[0]:.1f}, {known} of {len(jobs)} rows from before\n")
    print("\n".join(summary(rows)))
    arguments.output.mkdir(parents=True, exist_ok=True)
    stem = arguments.output / "taggers"
    write_rows(rows, stem.with_suffix(".json"))
    draw(rows, stem.with_suffix(".png"))
    print(f"\nWrote {stem}.json and .png")
    return 0


if __name__ == "__main__":
    sys.exit(main())
