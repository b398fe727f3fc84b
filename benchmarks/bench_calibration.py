r"""Calibration of a search's p-values on retrained null pseudo-experiments.

Run from the project's root, each command again to continue it after an interruption::

    python benchmarks/bench_calibration.py run --workers 4
    python benchmarks/bench_calibration.py run --methods cathode cathode-spline --modes kfold \
        --sets measure --n 200
    python benchmarks/bench_calibration.py report

``run`` makes four sets of 2,000 pseudo-experiments with 20,000 events each: k-fold and half-split,
each with a seed that measures (20261124) and a fresh one (20261125) to which the first one's
correction is applied. Seeds were fixed before the first run. A pseudo-experiment is a Poisson
number of events, masses from the smooth density fitted to the signal-free LHC Olympics events in
2.7-6.5 TeV, features drawn without replacement from these events; then the search of the window
3.3-3.7 TeV with three working points: cwola with trees, 10 members, nested 5-fold, order chosen
with the window masked, spurious-signal systematic, and a global p from 199 toys. About 1 s each.

``--methods cathode`` (flow matching) and ``cathode-spline`` (its default, the spline flow) do the
same with cathode and trees. Each pseudo-experiment trains one density, shared by all folds, with
2,000 steps of 512 events (51 passes over its events) instead of the default that suits samples of
twice the size. About 15 s each.

``report`` prints the numbers and writes ``benchmarks/results/calibration.{json,png,npz}``.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import argparse
import json
import platform
import sys
import time
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

from bycatch.search.plan import DataPlan, MethodPlan, RegionPlan, SearchPlan
from bycatch.search.validation.correction import Correction
from bycatch.statistics.plan import BackgroundPlan

ROOT = Path(__file__).resolve().parents[1]
DATA = ROOT.parent / "shared" / "data" / "lhco" / "rd_60k.parquet"
RESULTS = Path(__file__).resolve().parent / "results"
SEEDS = {"measure": 20261124, "fresh": 20261125}
MODES: dict[str, Any] = {"kfold": 5, "half": "half"}
METHODS = {
    "cwola": (MethodPlan(template="cwola", classifier="trees"),),
    "cathode": (
        MethodPlan(
            template="cathode",
            classifier="trees",
            density="matching",
            density_options={"steps": 2000, "batch_size": 512},
        ),
    ),
    "cathode-spline": (
        MethodPlan(
            template="cathode",
            classifier="trees",
            density="spline",
            density_options={"steps": 2000, "batch_size": 512},
        ),
    ),
}
TAU = "where(j1_mass {} j2_mass, j1_tau2 / (j1_tau1 + 1e-5), j2_tau2 / (j2_tau1 + 1e-5))"
PLAN = SearchPlan(
    data=DataPlan(path=(str(DATA),), where="label == 0"),
    resonance="mjj",
    features={
        "m_light": "minimum(j1_mass, j2_mass) / 1000",
        "delta_m": "abs(j1_mass - j2_mass) / 1000",
        "tau21_light": TAU.format("<"),
        "tau21_heavy": TAU.format(">="),
    },
    regions=RegionPlan(bins=100.0, fit_range=(2700.0, 6500.0), windows=((3300.0, 3700.0),)),
    methods=METHODS["cwola"],
    working_points=(0.1, 0.01, 0.001),
    background=BackgroundPlan(family="dijet", order="auto"),
    members=10,
)


def resolved(plan: SearchPlan) -> dict[str, Any]:
    """Return what a validation and its use must share."""
    return {
        "resonance": plan.resonance,
        "features": dict(plan.features),
        "regions": {"windows": [list(window) for window in plan.regions.windows]},
        "methods": [method.name for method in plan.methods],
        "template_options": [dict(method.template_options) for method in plan.methods],
        "folds": plan.folds,
        "members": plan.members,
        "background": {"family": plan.background.family, "order": plan.background.order},
    }


def run(arguments: argparse.Namespace) -> None:
    from bycatch.search.validation.run import run_validation
    from bycatch.tasks import Run, RunFolder, fingerprint, open_progress

    for method, mode, name in product(arguments.methods, arguments.modes, arguments.sets):
        prefix = "" if method == "cwola" else f"{method}-"
        plan = replace(PLAN, folds=MODES[mode], seed=SEEDS[name], methods=METHODS[method])
        if name == "fresh":
            measured = arguments.output / f"{prefix}{mode}-measure"
            plan = plan.replace(validation=str(measured))
        config = {
            **resolved(plan),
            "seed": plan.seed,
            "n": arguments.n,
            "events": arguments.events,
        }
        path = arguments.output / f"{prefix}{mode}-{name}"
        start = time.monotonic()
        with (
            RunFolder.open(path, fingerprint(config), json.dumps(config)) as folder,
            open_progress() as progress,
        ):
            result = run_validation(
                plan,
                resolved(plan),
                arguments.n,
                Run(folder, arguments.workers, progress),
                events=arguments.events,
            )
        print(
            f"== {prefix}{mode}, {name} (seed {plan.seed}), {time.monotonic() - start:.0f} s",
            flush=True,
        )
        print(result, flush=True)


def report(arguments: argparse.Namespace) -> None:
    """Gather the runs that are there, each method by itself."""
    for method in arguments.methods:
        report_method(arguments.output, method)


def report_method(folder: Path, method: str) -> None:
    """Write one file of numbers, one of arrays and one plot."""
    from bycatch.report.plots.calibration import plot_calibration

    RESULTS.mkdir(exist_ok=True)
    stem = RESULTS / ("calibration" if method == "cwola" else f"calibration-{method}")
    numbers: dict[str, Any] = {
        "command": "python benchmarks/bench_calibration.py run && ... report",
        "machine": f"{platform.machine()}, {os.cpu_count()} cores",
    }
    arrays: dict[str, Any] = {}
    curves = {}
    for path in sorted(folder.iterdir()):
        # cathode-spline also begins like cathode: the longest name owns the folder
        owners = [name for name in METHODS if path.name.startswith(f"{name}-")]
        owner = max(owners, key=len, default="cwola")
        if owner != method or not (path / "result.json").is_file():
            continue
        document = json.loads((path / "result.json").read_text())
        kept = {key: value for key, value in document.items() if key != "config"}
        if kept.get("corrected_by"):  # a path of this machine otherwise
            kept["corrected_by"] = Path(kept["corrected_by"]).name
        numbers[path.name] = kept
        with np.load(path / "steps" / "table.npz") as table:
            arrays.update(
                {f"{path.name}/{key}": table[key].astype(np.float32) for key in ("r", "plain_r")}
            )
            if path.name.endswith("-fresh"):
                curves.update(_curves(path, table["r"], METHODS[method][0].name))
            elif not path.with_name(path.name.replace("-measure", "-fresh")).is_dir():
                curves.update(_measured(path, table["r"]))
    stem.with_suffix(".json").write_text(json.dumps(numbers, indent=1) + "\n")
    np.savez_compressed(stem.with_suffix(".npz"), **arrays)
    print("\n".join(markdown(numbers)))
    figure = plot_calibration(curves)
    figure.savefig(stem.with_suffix(".png"), dpi=150)
    print(f"Wrote {stem}.json, .npz and .png")


def _measured(path: Path, r: np.ndarray) -> dict[str, np.ndarray]:
    """Return z of a set that nothing corrects, where counts are high."""
    mode = path.name.removesuffix("-measure")
    return {
        f"{mode}, {point:g}": r[np.isfinite(r[:, 0, 0, i]), 0, 0, i]
        for i, point in enumerate(PLAN.working_points[:2])
    }


def _curves(path: Path, r: np.ndarray, method: str) -> dict[str, np.ndarray]:
    """Return z of a fresh set as measured and corrected, where counts are high."""
    measured = path.with_name(path.name.replace("-fresh", "-measure"))
    document = json.loads((measured / "result.json").read_text())
    correction = Correction.from_json(document["correction"])
    mode = path.name.removesuffix("-fresh")
    curves = {}
    for i, point in enumerate(PLAN.working_points[:2]):
        z = r[np.isfinite(r[:, 0, 0, i]), 0, 0, i]
        curves[f"{mode}, {point:g}"] = z
        curves[f"{mode}, {point:g}, corrected"] = correction.apply(z, method, point)
    return curves


def markdown(numbers: dict[str, Any]) -> list[str]:
    """Return the numbers as a Markdown table: each look, then the global p."""
    lines = [
        "| set | p-values | look | expected | sd(z) | mean(z) | p < 0.05 | p < 0.01 | KS p |",
        "|---|---|---|--:|--:|--:|--:|--:|--:|",
    ]
    for name, kind in ((n, k) for n in numbers for k in ("looks", "corrected")):
        if not isinstance(numbers[name], dict):
            continue
        for look in numbers[name][kind]:
            below = [f"{item['value']:.4f}" for item in look["fractions"]]
            ks = "-" if look["ks"] is None else f"{look['ks']:.2g}"
            lines.append(
                f"| {name} | {kind} | {look['working_point']:g} ({look['kind']}) "
                f"| {look['expected']:.1f} | {look['sd']:.3f} +- {look['sd_error']:.3f} "
                f"| {look['mean']:+.3f} +- {look['mean_error']:.3f} | {' | '.join(below)} | {ks} |"
            )
        total = numbers[name]["global_p" if kind == "looks" else "corrected_global_p"]
        if total is not None:
            below = [f"{item['value']:.4f}" for item in total["fractions"]]
            lines.append(
                f"| {name} | {kind} | global p | | | | {' | '.join(below)} | {total['ks']:.2g} |"
            )
    return lines


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", nargs="?", choices=("run", "report"), help="both if not given")
    parser.add_argument("--n", type=int, default=2000, help="pseudo-experiments per set")
    parser.add_argument("--events", type=float, default=20_000.0)
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--methods", nargs="+", choices=tuple(METHODS), default=["cwola"])
    parser.add_argument("--modes", nargs="+", choices=tuple(MODES), default=list(MODES))
    parser.add_argument("--sets", nargs="+", choices=tuple(SEEDS), default=list(SEEDS))
    parser.add_argument("--output", type=Path, default=ROOT / "runs" / "calibration")
    arguments = parser.parse_args()
    for name, step in {"run": run, "report": report}.items():
        if arguments.what in (None, name):
            step(arguments)
    return 0


if __name__ == "__main__":
    sys.exit(main())
