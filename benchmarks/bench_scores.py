"""Scores without labels on jets: both directions, several seeds, the supervised reference beside.

Run from the project's root::

    bycatch simulate top_jets --events 50000 --seed 7 -o runs/sim/top_jets.parquet
    bycatch simulate qcd_jets --events 50000 --seed 7 -o runs/sim/qcd_jets.parquet
    bycatch simulate dark_jets --events 15000 --seed 101 -o runs/sim/dark_jets_101.parquet
    bycatch simulate qcd_jets_150 --events 7500 --seed 101 -o runs/sim/qcd_jets_150_101.parquet
    OMP_NUM_THREADS=1 python benchmarks/bench_scores.py run --pair top
    OMP_NUM_THREADS=1 python benchmarks/bench_scores.py run --pair dark --train 5000
    python benchmarks/bench_scores.py report

What is measured
----------------
A pair is a background and a signal. Direct: trained on the first, tested on both; inverse: trained
on the second, which then is the normal one. A score that only measures how complicated a jet is
does well in the first direction and badly in the other. Every number is of `--members` independent
trainings (seeds): mean and standard deviation of their AUC and 1/eps_B at eps_S = 0.2 (of the jets
that are anomalous in that direction), and the AUC of their mean score. The column ``real`` is the
AUC on the 2,000 jets of the public top-tagging sample, which came from another simulation.

``supervised`` rows are taggers trained with labels on the same representation and as many jets;
they use what no other row has.

Rows are stored as they finish in ``--rows``; a second start goes on where the first stopped.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import argparse
import hashlib
import json
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from _jets import REAL
from _jobs import read_rows, run_jobs, table
from _score_methods import METHODS, Method

from bycatch.errors import BycatchError
from bycatch.evaluate import roc
from bycatch.evaluate.operating import rejection
from bycatch.events import read
from bycatch.learn import make_tagger
from bycatch.represent import represent
from bycatch.represent.base import Representation
from bycatch.score import make_score
from bycatch.tasks.random import stream

ROOT = Path(__file__).resolve().parents[1]
SIM = ROOT / "runs" / "sim"
EPS_S = 0.2


@dataclass(frozen=True)
class Pair:
    """Two kinds of jets.

    Attributes
    ----------
    first, second : str
        Files under ``runs/sim``; `first` is the background of the direct task.
    real : bool
        Whether the public top-tagging sample is of the same kind.
    test : int
        Jets of each kind that are tested; the first ones of the file.
    """

    first: str
    second: str
    real: bool = False
    test: int = 5000


PAIRS = {
    "top": Pair("qcd_jets.parquet", "top_jets.parquet", real=True),
    "dark": Pair("qcd_jets_150_101.parquet", "dark_jets_101.parquet", test=2500),
    "semivisible": Pair("qcd_jets_150_101.parquet", "semivisible_jets_101.parquet", test=2500),
}


def main() -> None:
    """Run the jobs, or print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("command", nargs="?", default="run", choices=("run", "report"))
    parser.add_argument("--pair", choices=PAIRS, default="top")
    parser.add_argument("--methods", nargs="+", choices=METHODS, default=list(METHODS))
    parser.add_argument("--directions", nargs="+", default=["direct", "inverse"])
    parser.add_argument("--train", type=int, default=20_000)
    parser.add_argument("--members", type=int, default=3)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--rows", type=Path, default=ROOT / "runs" / "scores" / "jets.jsonl")
    options = parser.parse_args()
    if options.command == "report":
        report(options.rows)
        return
    jobs = [
        {
            "pair": options.pair,
            "method": name,
            "direction": direction,
            "train": options.train,
            "members": options.members,
            "setting": json.loads(json.dumps(METHODS[name].setting())),
        }
        for name in options.methods
        for direction in (["both"] if METHODS[name].supervised else options.directions)
    ]
    run_jobs(measure, jobs, options.rows, options.workers)
    report(options.rows)


def measure(job: dict[str, Any]) -> dict[str, Any]:
    """Train one method in one direction; return its numbers."""
    method, pair = METHODS[job["method"]], PAIRS[job["pair"]]
    normal, other = (pair.first, pair.second)
    if job["direction"] == "inverse":
        normal, other = other, normal
    sets = {
        name: represented(SIM / name, method, job["train"] + pair.test) for name in (normal, other)
    }
    train = {name: part(sets[name], slice(pair.test, None)) for name in sets}
    test = {name: part(sets[name], slice(0, pair.test)) for name in sets}
    start = time.process_time()
    if method.supervised:
        model = taught(method, train[normal], train[other], job["members"])
    else:
        model = make_score(method.score, members=job["members"], **method.options)
        model.fit(train[normal].values, mask=train[normal].mask)
    seconds = time.process_time() - start
    rows = {"job": job, "cpu_seconds": seconds, "train": len(train[normal])}
    rows["parameters"] = int(getattr(model, "n_parameters_", 0))
    rows["verdict"] = getattr(model, "verdict_", "")
    names = ("tagger",) if method.supervised else model.score_names
    rows["scores"] = {
        name: judged(model, name, test[normal], test[other], method, job) for name in names
    }
    return rows


def judged(
    model: Any, name: str, normal: Representation, other: Representation, method: Method, job: Any
) -> dict[str, Any]:
    """Return AUC and rejection of every member, and of their mean score."""
    a, b = scored(model, name, normal), scored(model, name, other)
    found: dict[str, Any] = {"auc": [], "rejection": []}
    for first, second in [*zip(a, b, strict=True), (a.mean(axis=0), b.mean(axis=0))]:
        curve = curve_of(first, second)
        found["auc"].append(curve.auc)
        cut = rejection(curve, EPS_S)
        # Where no jet passes there is only a limit: the number of normal jets.
        known = np.isfinite(cut.value)
        found["rejection"].append([cut.value, cut.error] if known else [float(len(first)), 0.0])
    found["auc_error"] = curve.auc_error
    if PAIRS[job["pair"]].real and REAL.is_file():
        jets, label = real(method)
        anomalous = label == (0 if job["direction"] == "inverse" else 1)
        score = scored(model, name, jets).mean(axis=0)
        curve = curve_of(score[~anomalous], score[anomalous])
        found["real"] = [curve.auc, curve.auc_error]
    return found


def curve_of(normal: np.ndarray, other: np.ndarray) -> Any:
    """Return the ROC curve of anomalous against normal."""
    label = np.repeat([0, 1], [len(normal), len(other)])
    return roc(np.concatenate([normal, other]), label)


def scored(model: Any, name: str, jets: Representation) -> np.ndarray:
    """Return the scores of each member, of shape (n_members, n_jets)."""
    if name == "tagger":
        return np.asarray(model.predict(jets.values, jets.mask), dtype=np.float64)
    return np.asarray(model.member_scores(jets.values, jets.mask, name=name))


def taught(method: Method, first: Representation, second: Representation, members: int) -> Any:
    """Train a tagger with labels."""
    n = len(first) + len(second)
    y = np.repeat(np.array([0, 1], np.int8), [len(first), len(second)])
    validate = np.stack([stream(3, "split", m).random(n) < 0.1 for m in range(members)])
    values = np.concatenate([first.values, second.values])
    mask = None if first.mask is None else np.concatenate([first.mask, second.mask])
    tagger = make_tagger(method.score, members=members, **method.options)
    extra = {} if mask is None else {"mask": mask}
    return tagger.fit(values, y, train=~validate, validate=validate, seed=3, **extra)


def part(jets: Representation, rows: slice) -> Representation:
    """Return some rows."""
    mask = None if jets.mask is None else jets.mask[rows]
    return Representation(jets.values[rows], mask, jets.names)


def represented(path: Path, method: Method, n: int) -> Representation:
    """Return the first n jets of a file as a method eats them, from a cache where it is there."""
    key = json.dumps([str(path), path.stat().st_mtime_ns, method.representation, n])
    cache = ROOT / "runs" / "scores" / f"{hashlib.sha256(key.encode()).hexdigest()[:16]}.npz"
    if cache.is_file():
        with np.load(cache, allow_pickle=False) as stored:
            mask = stored.get("mask", None)
            return flat(Representation(stored["values"], mask, ("x",)), method)
    columns = [f"constituent_{component}" for component in ("px", "py", "pz", "E")]
    events = read(str(path), columns=columns)
    found = represented_events(events.select(np.arange(len(events)) < n), method)
    cache.parent.mkdir(parents=True, exist_ok=True)
    extra = {} if found.mask is None else {"mask": found.mask}
    np.savez(cache, values=found.values, **extra)
    return flat(found, method)


def represented_events(events: Any, method: Method) -> Representation:
    """Return events in the method's representation."""
    options = dict(method.representation)
    return represent(options.pop("name"), events, **options)


def flat(jets: Representation, method: Method) -> Representation:
    """Return images as vectors where a method wants them so."""
    if not method.flat:
        return jets
    return Representation(jets.values.reshape(len(jets), -1), None, jets.names)


def real(method: Method) -> tuple[Representation, np.ndarray]:
    """Return the public jets and their labels."""
    from bycatch.events.public.padded import read as read_padded

    events = read_padded(REAL)
    return flat(represented_events(events, method), method), np.asarray(events["label"])


def report(path: Path) -> None:
    """Print a table of everything that is stored."""
    rows = list(read_rows(path).values())
    lines = []
    for row in sorted(rows, key=lambda r: (r["job"]["pair"], r["job"]["method"])):
        job = row["job"]
        for name, found in row["scores"].items():
            auc, cut = np.array(found["auc"]), np.array(found["rejection"])
            real_auc = found.get("real")
            lines.append(
                [
                    job["pair"],
                    job["method"],
                    name,
                    job["direction"],
                    f"{row['train']:,}",
                    f"{auc[:-1].mean():.3f} +- {auc[:-1].std(ddof=len(auc) > 2):.3f}",
                    f"{auc[-1]:.3f} +- {found['auc_error']:.3f}",
                    f"{cut[:-1, 0].mean():.0f} +- {cut[:-1, 0].std(ddof=len(cut) > 2):.0f}",
                    f"{cut[-1, 0]:.0f} +- {cut[-1, 1]:.0f}",
                    "" if real_auc is None else f"{real_auc[0]:.3f} +- {real_auc[1]:.3f}",
                    f"{row['cpu_seconds']:.0f}",
                ]
            )
    head = ["pair", "method", "score", "direction", "train", "AUC (seeds)", "AUC (mean score)"]
    head += ["1/eps_B (seeds)", "1/eps_B (mean score)", "real AUC", "CPU s"]
    print("\n".join(table(head, lines)))


if __name__ == "__main__":
    try:
        main()
    except BycatchError as error:
        sys.exit(str(error))
