"""Features that follow the resonance: what each method loses, and whether the checks say so.

Run from the project's root, the same command again to continue it after an interruption::

    python benchmarks/bench_correlated.py signal --variants shift deltar plain
    python benchmarks/bench_correlated.py null
    python benchmarks/bench_correlated.py report

What is measured
----------------
The published stress tests (arXiv:2109.00546): ``shift`` adds 0.1 mjj to both mass features,
``deltar`` adds the distance of the two jets as a fifth feature, ``plain`` has the four features.

``signal``  LHC Olympics R&D events, 300 signal events in the window 3300-3700 GeV, trees: maximum
            significance improvement and the template's bias at 10 and 1 %, as `bench_methods.py`
            measures them and with the same draws. Jobs are named alike, so both share one folder.
            Loss: the ratio to ``plain`` draw by draw, minus 1; supervised takes all signal.
``null``    whole searches of signal-free events (label 0, 2700-6500 GeV) in three windows with one
            method each, 200 toys: which checks warn, delta_sys and its statistical error, and the
            largest local z. Sculpting is checked per window at 10 %. Closure is checked per window
            and working point; its delta_sys comes from the windows that do not overlap, here the
            other two. "own": observed / expected - 1 in the tested window itself, where a search
            would take the template's error for a signal.

``cathode`` is flow matching and ``cathode-spline`` the spline flow, as in `bench_methods.py`; the
window's densities of ``anode`` take 1,000 steps, as there.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import argparse
import json
import platform
import sys
import time
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from _jobs import band, cpu_model, key_of, read_rows, run_jobs, table
from _methods import density_job, measure, train_density
from _samples import DATA, LHCO_FEATURES, PYTHIA_FEATURES, SHIFT, SIDE, SPAN, VARIANTS
from bench_methods import SIGNAL, method_jobs

from bycatch.search.plan import DataPlan, MethodPlan, RegionPlan, SearchPlan

ROOT = Path(__file__).resolve().parents[1]
METHODS = ("cwola", "cathode", "cathode-spline", "anode", "ideal", "supervised")
N_SIGNAL = 300
ANODE_STEPS = 1000
"""Of the densities of a window's own events, as `bench_methods.py` has them."""
SEARCHES = {
    "cwola": MethodPlan(template="cwola", classifier="trees", label="cwola"),
    "cathode": MethodPlan(
        template="cathode", classifier="trees", density="matching", label="cathode"
    ),
    "cathode-spline": MethodPlan(
        template="cathode",
        classifier="trees",
        density="spline",
        label="cathode-spline",
    ),
    "anode": MethodPlan(template="anode", window_options={"steps": ANODE_STEPS}, label="anode"),
}
WINDOWS = ((2900.0, 3300.0), (3300.0, 3700.0), (3700.0, 4100.0))
POINTS = (0.1, 0.01)
FILES = {
    "lhco": (DATA / "lhco" / "rd_60k.parquet", LHCO_FEATURES, ("j1", "j2")),
    "pythia": (DATA / "pythia" / "dijet_qcd.parquet", PYTHIA_FEATURES, ("jL", "jH")),
}

Job = dict[str, Any]
Row = dict[str, Any]


def signal_jobs(arguments: argparse.Namespace, variant: str) -> list[Job]:
    """Return the jobs of one variant, named as `bench_methods.py` names them."""
    asked = argparse.Namespace(
        samples=["lhco"],
        signal=[N_SIGNAL],
        methods=[name for name in METHODS if name in arguments.methods],
        classifiers=["trees"],
        draws=arguments.draws,
        members=10,
        network_members=0,
        anode_members=1,
        anode_steps=ANODE_STEPS,
        steps=None,
    )
    jobs = []
    for job in method_jobs(asked):
        if job["method"] == "anode" and job["draw"] >= arguments.anode_draws:
            continue
        # The yardstick takes all signal; bench_methods.py names it after the smallest injection.
        n_signal = SIGNAL["lhco"][0] if job["method"] == "supervised" else N_SIGNAL
        jobs.append({**job, "variant": variant, "n_signal": n_signal})
    return sorted(jobs, key=lambda job: job["method"] == "anode")


def run_signal(arguments: argparse.Namespace) -> None:
    for variant in arguments.variants:
        jobs = signal_jobs(arguments, variant)
        wanted = (density_job(job, job.get("density_options", {})) for job in jobs)
        densities = {key_of(job): job for job in wanted if job is not None}
        folder = arguments.output / "densities"
        run_jobs(
            partial(train_density, folder=folder),
            densities.values(),
            arguments.output / "densities.jsonl",
            arguments.workers,
        )
        rows = arguments.output / "rows.jsonl"
        run_jobs(partial(measure, folder=folder), jobs, rows, arguments.workers)


def features_of(sample: str, variant: str) -> dict[str, str]:
    """Return the features of a variant as expressions."""
    _, features, (one, two) = FILES[sample]
    found = dict(features)
    if variant == "shift":
        for name in list(found)[:2]:
            found[name] += f" + {SHIFT:g} * mjj / 1000"
    elif variant == "deltar":
        dphi = f"abs({one}_phi - {two}_phi)"
        found["delta_r"] = f"hypot({one}_eta - {two}_eta, minimum({dphi}, 2 * pi - {dphi}))"
    return found


def search(job: Job, folder: Path) -> Row:
    """Search signal-free events with one method, and report its looks and checks."""
    from bycatch.search.closure import closure_check
    from bycatch.search.run import run_search
    from bycatch.tasks import Run, RunFolder, fingerprint

    path, _, _ = FILES[job["sample"]]
    plan = SearchPlan(
        data=DataPlan(
            path=(str(path),), where=f"(label == 0) & ({SPAN[0]:g} <= mjj) & (mjj < {SPAN[1]:g})"
        ),
        resonance="mjj",
        features=dict(tuple(features_of(job["sample"], job["variant"]).items())),
        regions=RegionPlan(bins=100.0, fit_range=SPAN, windows=WINDOWS, sidebands=SIDE),
        methods=(SEARCHES[job["method"]],),
        members=job["members"],
        working_points=POINTS,
        toys=job["toys"],
        seed=job["seed"],
    )
    start = time.process_time()
    name = "-".join(str(value) for value in job.values())
    with RunFolder.open(folder / name, fingerprint(job), json.dumps(job)) as opened:
        result = run_search(plan, job, Run(opened))
    sculpting = [check for check in result.checks if check.name == "sculpting"]
    return {
        "seconds": time.process_time() - start,
        "n_events": result.n_events,
        "global_p": result.global_p,
        "sculpting": [{"warns": not check.passed, **check.values} for check in sculpting],
        "looks": [_look(look, closure_check(look)) for look in result.looks],
    }


def _look(look: Any, closure: Any) -> Row:
    estimate = look.template
    own = None if not estimate.background else look.n_window / estimate.background - 1.0
    return {
        "window": look.window,
        "working_point": look.working_point,
        "n_window": look.n_window,
        "local_z": look.local_z,
        "template_z": estimate.local_z,
        "own": own,
        "delta_sys": estimate.delta_sys,
        "statistical": estimate.delta_sys_statistical,
        "error": estimate.delta_sys_error,
        "warns": not closure.passed,
        "message": closure.message,
    }


def null_jobs(arguments: argparse.Namespace) -> list[Job]:
    jobs = [
        {
            "sample": sample,
            "variant": variant,
            "method": method,
            "members": 10,
            "toys": 200,
            "seed": seed,
        }
        for seed in range(1, arguments.seeds + 1)
        for sample in arguments.samples
        for method in arguments.methods
        for variant in arguments.variants
        if method in SEARCHES
    ]
    return sorted(jobs, key=lambda job: job["method"] == "anode")


def run_null(arguments: argparse.Namespace) -> None:
    run_jobs(
        partial(search, folder=arguments.output / "searches"),
        null_jobs(arguments),
        arguments.output / "searches.jsonl",
        arguments.workers,
    )


def report(arguments: argparse.Namespace) -> None:
    print(f"{cpu_model()}, Python {platform.python_version()}, {os.cpu_count()} cores\n")
    found = read_rows(arguments.output / "rows.jsonl")
    groups: dict[str, dict[str, dict[int, Row]]] = {}
    for variant in VARIANTS:
        for job in signal_jobs(arguments, variant):
            if (row := found.get(key_of(job))) is not None:
                of_method = groups.setdefault(job["method"], {})
                of_method.setdefault(variant, {})[job["draw"]] = row
    print("\n".join(signal_summary(groups)), end="\n\n")
    nulls = list(read_rows(arguments.output / "searches.jsonl").values())
    print("\n".join(null_summary(nulls)))
    seconds: dict[str, list[float]] = {}
    for row in nulls:
        seconds.setdefault(row["job"]["method"], []).append(row["seconds"])
    print("\nCPU seconds of a search of signal-free events:")
    for method, values in seconds.items():
        print(f"{method}: {np.median(values):.0f} ({min(values):.0f} to {max(values):.0f})")


def signal_summary(groups: dict[str, dict[str, dict[int, Row]]]) -> list[str]:
    """Return a Markdown table of medians and 16 to 84 % bands, and the losses by draw."""
    lines = []
    for method, variants in groups.items():
        for variant, rows in variants.items():
            middle, low, high = band([row["max_sic"] for row in rows.values()])
            plain = variants.get("plain", {})
            both = [draw for draw in rows if draw in plain]
            ratios = [rows[draw]["max_sic"] / plain[draw]["max_sic"] - 1.0 for draw in both]
            loss = "-"
            if ratios and variant != "plain":
                change = [100.0 * value for value in band(ratios)]
                loss = f"{change[0]:+.0f} % ({change[1]:+.0f} to {change[2]:+.0f})"
            some = list(rows.values())
            lines.append(
                (
                    method,
                    variant,
                    str(len(rows)),
                    f"{middle:.2f}",
                    f"{low:.2f} to {high:.2f}",
                    f"{np.median([row['error'] for row in some]):.2f}",
                    loss,
                    f"{np.median([row['auc'] for row in some]):.3f}",
                    *(_bias(some, i) for i in range(len(POINTS))),
                )
            )
    head = ("method", "variant", ">draws", ">max SIC: median", "16-84 %", ">error", ">change")
    return table((*head, ">AUC", ">bias at 10 %", ">bias at 1 %"), lines)


def _bias(rows: list[Row], index: int) -> str:
    """Return the median of the draws and the statistical error of one of them, in percent."""
    if not rows[0]["bias"]:
        return "-"
    middle = 100.0 * np.median([row["bias"][index]["delta_sys"] for row in rows])
    error = 100.0 * np.median([row["bias"][index]["error"] for row in rows])
    return f"{middle:+.1f} +- {error:.1f} %"


def null_summary(rows: list[Row]) -> list[str]:
    """Return a Markdown table, one line per search; numbers of the middle window."""
    lines = []
    order = {name: position for position, name in enumerate(SEARCHES)}
    for row in sorted(rows, key=lambda row: (row["job"]["sample"], order[row["job"]["method"]])):
        job = row["job"]
        spreads = [100.0 * check["spread"] for check in row["sculpting"]]
        cells = []
        for point in POINTS:
            looks = [look for look in row["looks"] if look["working_point"] == point]
            middle = looks[len(looks) // 2]
            cells += [
                f"{sum(look['warns'] for look in looks)}/{len(looks)}",
                f"{_percent(middle['delta_sys'])} +- {_percent(middle['statistical'], '')}",
                " ".join(_percent(look["own"]) for look in looks),
            ]
        fitted = [look["local_z"] for look in row["looks"] if look["local_z"] is not None]
        counted = [look["template_z"] for look in row["looks"] if look["template_z"] is not None]
        lines.append(
            (
                f"{job['sample']}, {job['seed']}",
                job["method"],
                job["variant"],
                f"{sum(check['warns'] for check in row['sculpting'])}/{len(spreads)}",
                f"{min(spreads):.0f} to {max(spreads):.0f} %",
                *cells,
                f"{max(fitted):+.1f}",
                f"{max(counted):+.1f}" if counted else "-",
                f"{row['global_p']:.3f}",
            )
        )
    head = ["sample, seed", "method", "variant", ">sculpting warns", ">spread"]
    for point in POINTS:
        name = f"{point:.0%}"
        head += [f">closure warns, {name}", f">delta_sys, {name}", f"own, {name}"]
    return table((*head, ">best z", ">best z, template", ">global p"), lines)


def _percent(value: float | None, sign: str = "+") -> str:
    return "-" if value is None else f"{100.0 * value:{sign}.0f} %"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    steps = {"signal": run_signal, "null": run_null, "report": report}
    parser.add_argument("what", nargs="?", choices=tuple(steps), help="all if not given")
    parser.add_argument("--variants", nargs="+", choices=VARIANTS, default=list(VARIANTS))
    parser.add_argument("--methods", nargs="+", choices=METHODS, default=list(METHODS))
    parser.add_argument("--draws", type=int, default=5)
    parser.add_argument("--anode-draws", type=int, default=3)
    parser.add_argument("--samples", nargs="+", choices=tuple(FILES), default=["lhco"])
    parser.add_argument("--seeds", type=int, default=1, help="of the searches")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--output", type=Path, default=ROOT / "runs" / "methods")
    arguments = parser.parse_args()
    for name, step in steps.items():
        if arguments.what in (None, name):
            step(arguments)
    return 0


if __name__ == "__main__":
    sys.exit(main())
