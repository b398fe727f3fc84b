"""Sensitivity in the signal-region file of the LHC Olympics: the yardsticks on a large background.

Run from the project's root::

    python benchmarks/bench_sensitivity.py --signal 395

``signal_region_train.parquet``: ``supervised`` with the extra signal, ``ideal`` with the file's own
395 signal events against half of the background; the background is scored by nested 5-fold over
all of it. The maximum significance improvement is taken where eps_B is known to 20 %
(eps_B > 25 / n_B). All methods on whole spectra: `bench_methods.py`.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import argparse
import platform
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

import numpy as np

from bycatch.evaluate import Roc, max_sic, roc
from bycatch.learn.base import ClassifierEnsemble
from bycatch.search.folds import assign_folds
from bycatch.search.scored import score_by_fold
from bycatch.tasks.random import child_seed, stream
from bycatch.template import TrainingSet

DATA = Path(__file__).resolve().parents[2] / "shared" / "data" / "lhco"
METHODS = ("ideal", "supervised")


@dataclass(frozen=True)
class Table:
    """Features and truth of a file."""

    X: np.ndarray
    label: np.ndarray


def read_region(name: str) -> Table:
    from bycatch.events import read

    events = read(DATA / name)
    X = events.matrix(["mj1", "delta_mj", "tau21_j1", "tau21_j2"])
    return Table(X, np.asarray(events["label"]).astype(np.int8))


def measured(job: tuple, curve: Roc, ensemble: ClassifierEnsemble, start: float) -> dict:
    """Return one row of results."""
    best = max_sic(curve)
    return {
        **dict(zip(("method", "classifier", "n_signal", "draw"), job, strict=False)),
        "max_sic": best.value,
        "error": best.error,
        "eps_b": best.eps_b,
        "auc": curve.auc,
        "seconds": time.perf_counter() - start,
        "trees": float(np.median([history.best + 1 for history in ensemble.histories_])),
    }


def run_region(job: tuple[str, str, int, int, dict]) -> dict:
    """Measure a yardstick on the signal-region file, scored by 5-fold over all of it."""
    from bycatch.learn import make_classifier

    method, classifier, n_signal, draw, options = job
    members = options.pop("members", 10)
    start = time.perf_counter()
    own = read_region("signal_region_train.parquet")
    extra = read_region("signal_region_extra_signal.parquet")
    X = np.concatenate([own.X, extra.X])
    label = np.concatenate([own.label, extra.label])
    in_data = np.arange(label.size) < own.label.size
    rng = stream(draw, "region", method)
    background = np.flatnonzero(label == 0)
    if method == "supervised":
        row, y = np.arange(label.size), label
    else:
        injected = rng.choice(np.flatnonzero((label == 1) & in_data), n_signal, replace=False)
        mixed = rng.permutation(background)
        data = np.concatenate([mixed[: mixed.size // 2], injected])
        template = mixed[mixed.size // 2 :]
        row = np.concatenate([data, template])
        y = np.repeat(np.array([1, 0], dtype=np.int8), [data.size, template.size])
    training = TrainingSet(X[row], y.astype(np.int8), np.ones(row.size), row)
    folds = assign_folds(label.size, 5, draw)
    plan = folds.masks(training, members)
    ensemble = make_classifier(classifier, plan.scores.size, **options)
    ensemble.fit(
        training.X,
        training.y,
        training.weight,
        train=plan.train,
        validate=plan.validate,
        seed=child_seed(draw, method, classifier),
    )
    score, _ = score_by_fold(ensemble, X, folds.fold, plan.scores)
    return measured(job, roc(score, label), ensemble, start)


def summary(rows: list[dict]) -> list[str]:
    """Return a Markdown table of medians and 16 to 84 % bands."""
    lines = [
        "| method | classifier | signal | draws | max SIC: median | 16-84 % | error | AUC | s |",
        "|---|---|--:|--:|--:|---|--:|--:|--:|",
    ]
    keys = list(dict.fromkeys((r["method"], r["classifier"], r["n_signal"]) for r in rows))
    for key in keys:
        some = [r for r in rows if (r["method"], r["classifier"], r["n_signal"]) == key]
        sic = [r["max_sic"] for r in some]
        low, middle, high = np.quantile(sic, [0.16, 0.5, 0.84])
        lines.append(
            f"| {key[0]} | {key[1]} | {key[2] or 'all'} | {len(some)} | {middle:.2f} | "
            f"{low:.2f} to {high:.2f} | {np.median([r['error'] for r in some]):.2f} | "
            f"{np.median([r['auc'] for r in some]):.3f} | "
            f"{np.median([r['seconds'] for r in some]):.0f} |"
        )
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--signal", type=int, nargs="+", default=[395])
    parser.add_argument("--draws", type=int, default=5)
    parser.add_argument("--classifiers", nargs="+", default=["trees", "network"])
    parser.add_argument("--methods", nargs="+", choices=METHODS, default=list(METHODS))
    parser.add_argument("--members", type=int, default=10)
    parser.add_argument("--workers", type=int, default=2)
    arguments = parser.parse_args()
    options = {"members": arguments.members}
    jobs = []
    for method in arguments.methods:
        # The supervised yardstick uses all signal: its draws differ in folds and seeds only.
        for n_signal in [0] if method == "supervised" else arguments.signal:
            jobs += [
                (method, classifier, n_signal, draw, dict(options))
                for classifier in arguments.classifiers
                for draw in range(arguments.draws)
            ]
    with ProcessPoolExecutor(arguments.workers, mp_context=get_context("spawn")) as pool:
        rows = list(pool.map(run_region, jobs))
    print(f"{platform.machine()}, Python {platform.python_version()}, {os.cpu_count()} cores")
    print("\n".join(summary(rows)))


if __name__ == "__main__":
    main()
