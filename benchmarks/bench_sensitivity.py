"""Sensitivity on LHC Olympics events: maximum significance improvement against injected signal.

Run from the project's root::

    python benchmarks/bench_sensitivity.py rd --signal 150 300 --draws 5
    python benchmarks/bench_sensitivity.py region --signal 395

What is measured
----------------
``rd`` (``rd_60k.parquet``; window 3300-3700 GeV, training sidebands of 12 %): each draw puts
n signal events into the window, and as many outside of it as the full signal sample has in
proportion. Nested 5-fold, 10 members per fold. The background efficiency comes from the k-fold
scores of all background events in the window. The signal efficiency comes from all signal events
of the window: injected ones are scored by the models of their own fold, the others are dealt to
the folds and scored the same way, so every event is scored by one fold's models that have not
seen it. The maximum is taken where eps_B is known to 20 % (eps_B > 25 / n_B).

``cwola``            window against sidebands.
``cwola (half)``     half of the window's background (and all of the signal) against as many
                     sideband events: what `ideal` is compared with.
``ideal``            the same data against the other half of the window's background.
``supervised``       all signal against all background of the window, by truth.

``region`` (``signal_region_train.parquet``): ``supervised`` with the extra signal, ``ideal`` with
the file's own 395 signal events; the background is scored by 5-fold over all of it.
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
from bycatch.learn.random import child_seed, stream
from bycatch.search.folds import assign_folds
from bycatch.search.scored import score_by_fold
from bycatch.template import CwolaHunting, Region, Supervised, TrainingSet

DATA = Path(__file__).resolve().parents[2] / "shared" / "data" / "lhco"
WINDOW = (3300.0, 3700.0)
SIDE = 0.12
FEATURES = {
    "m_light": "minimum(j1_mass, j2_mass) / 1000",
    "delta_m": "abs(j1_mass - j2_mass) / 1000",
    "tau21_light": (
        "where(j1_mass < j2_mass, j1_tau2 / (j1_tau1 + 1e-5), j2_tau2 / (j2_tau1 + 1e-5))"
    ),
    "tau21_heavy": (
        "where(j1_mass < j2_mass, j2_tau2 / (j2_tau1 + 1e-5), j1_tau2 / (j1_tau1 + 1e-5))"
    ),
}


@dataclass(frozen=True)
class Table:
    """Mass, features and truth of a file."""

    mass: np.ndarray
    X: np.ndarray
    label: np.ndarray


def read_rd() -> Table:
    from bycatch.events import derive

    columns = derive(DATA / "rd_60k.parquet", {"mjj": "mjj", **FEATURES, "label": "label"})
    X = np.stack([columns[name] for name in FEATURES], axis=1).astype(np.float32)
    return Table(columns["mjj"], X, columns["label"].astype(np.int8))


def read_region(name: str) -> Table:
    from bycatch.events import read

    events = read(DATA / name)
    X = events.matrix(["mj1", "delta_mj", "tau21_j1", "tau21_j2"])
    return Table(np.asarray(events["mjj"]), X, np.asarray(events["label"]).astype(np.int8))


def inject(table: Table, n_signal: int, seed: int) -> np.ndarray:
    """Mark background and a random injection with `n_signal` signal events in the window."""
    rng = stream(seed, "inject", n_signal)
    inside = (table.mass >= WINDOW[0]) & (table.mass < WINDOW[1])
    there = np.flatnonzero((table.label == 1) & inside)
    elsewhere = np.flatnonzero((table.label == 1) & ~inside)
    used = table.label == 0
    used[rng.choice(there, n_signal, replace=False)] = True
    n_elsewhere = round(n_signal * elsewhere.size / there.size)
    used[rng.choice(elsewhere, n_elsewhere, replace=False)] = True
    return used


def training_set(method: str, table: Table, used: np.ndarray, seed: int) -> TrainingSet:
    """Return a training set whose rows are indices of `table`."""
    side = SIDE * sum(WINDOW) / 2.0
    region = Region(WINDOW, ((WINDOW[0] - side, WINDOW[0]), (WINDOW[1], WINDOW[1] + side)))
    rows = np.flatnonzero(used)
    if method == "supervised":
        rows = np.arange(table.mass.size)
        made = Supervised()
    else:
        made = CwolaHunting()
    halved = method in {"cwola (half)", "ideal"}
    if halved:
        inside = np.flatnonzero(region.in_window(table.mass) & (table.label == 0))
        dropped = stream(seed, "half").permutation(inside)[: inside.size // 2]
        keep = np.ones(table.mass.size, dtype=bool)
        keep[dropped] = False
        if method == "cwola (half)":
            sidebands = np.flatnonzero(region.in_sidebands(table.mass) & used)
            too_many = stream(seed, "sidebands").permutation(sidebands)[dropped.size :]
            keep[too_many] = False
        rows = rows[keep[rows]]
    if method == "ideal":
        data = rows[region.in_window(table.mass[rows])]
        row = np.concatenate([data, dropped])
        y = np.repeat(np.array([1, 0], dtype=np.int8), [data.size, dropped.size])
        return TrainingSet(table.X[row], y, np.ones(row.size), row)
    local = made.training_set(
        table.mass[rows], table.X[rows], np.ones(rows.size), region, label=table.label[rows]
    )
    return TrainingSet(local.X, local.y, local.weight, rows[local.row])


def run_rd(job: tuple[str, str, int, int, dict]) -> dict:
    """Measure one method in one draw."""
    from bycatch.learn import make_classifier

    method, classifier, n_signal, draw, options = job
    members = options.pop("members", 10)
    start = time.perf_counter()
    table = read_rd()
    used = inject(table, n_signal, draw)
    training = training_set(method, table, used, draw)
    folds = assign_folds(table.mass.size, 5, draw)
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
    inside = (table.mass >= WINDOW[0]) & (table.mass < WINDOW[1])
    score, _ = score_by_fold(ensemble, table.X[inside], folds.fold[inside], plan.scores)
    return measured(job, roc(score, table.label[inside]), ensemble, start)


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


RUNS = {"rd": run_rd, "region": run_region}
METHODS = {
    "rd": ("cwola", "cwola (half)", "ideal", "supervised"),
    "region": ("ideal", "supervised"),
}


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
    parser.add_argument("sample", nargs="?", default="rd", choices=sorted(RUNS))
    parser.add_argument("--signal", type=int, nargs="+", default=[150, 300])
    parser.add_argument("--draws", type=int, default=5)
    parser.add_argument("--classifiers", nargs="+", default=["trees", "network"])
    parser.add_argument("--methods", nargs="+")
    parser.add_argument("--members", type=int, default=10)
    parser.add_argument("--workers", type=int, default=2)
    arguments = parser.parse_args()
    options = {"members": arguments.members}
    jobs = []
    for method in arguments.methods or METHODS[arguments.sample]:
        # The supervised yardstick uses all signal: its draws differ in folds and seeds only.
        for n_signal in [0] if method == "supervised" else arguments.signal:
            jobs += [
                (method, classifier, n_signal, draw, dict(options))
                for classifier in arguments.classifiers
                for draw in range(arguments.draws)
            ]
    with ProcessPoolExecutor(arguments.workers, mp_context=get_context("spawn")) as pool:
        rows = list(pool.map(RUNS[arguments.sample], jobs))
    print(f"{platform.machine()}, Python {platform.python_version()}, {os.cpu_count()} cores")
    print("\n".join(summary(rows)))


if __name__ == "__main__":
    main()
