"""Bump hunt against pyBumpHunter 0.5: same histogram, same windows, same number of toys, same run.

    OMP_NUM_THREADS=1 python benchmarks/bench_bumphunt.py [--toys 10000] [--repeats 5] [--write]

pyBumpHunter is timed with its default of four workers and with one (which is faster, since its
threads share Python's lock); ratios are to the faster of the two. Our rows:

- fixed background: what pyBumpHunter does (toys drawn, scanned, global p counted);
- refitted: a dijet function of fixed order fitted again in every toy;
- whole procedure: order chosen again in every toy and found windows masked, as `bycatch hunt` does.

`--write` puts the table under its heading in benchmarks/RESULTS.md.
"""

from __future__ import annotations

import argparse
import contextlib
import datetime as dt
import io
import os
import platform
import re
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from bycatch.hunt.histogram import make_histogram
from bycatch.hunt.hunt import HuntPlan, analyse, hunt
from bycatch.hunt.smooth import Smooth
from bycatch.hunt.statistic import make_windows, scan, toy_statistics
from bycatch.statistics.background import Background
from bycatch.statistics.significance.global_p import GlobalP, global_p

RESULTS = Path(__file__).with_name("RESULTS.md")
HEADING = "## Bump hunt against pyBumpHunter"
WIDTHS = range(2, 7)
EDGES = np.linspace(1_500.0, 7_500.0, 61)
SEED = 20


def spectrum() -> tuple[np.ndarray, np.ndarray]:
    """Return data (with a small bump) and the fitted background of a dijet spectrum."""
    x = 0.5 * (EDGES[1:] + EDGES[:-1]) / 13_000.0
    rate = (1 - x) ** 9 * x**-5.5
    rate *= 1e5 / rate.sum()
    data = np.random.default_rng(SEED).poisson(rate)
    data[24:27] += np.rint(3.4 * np.sqrt(rate[24:27])).astype(int)
    smooth = Smooth.of(Background("dijet", EDGES, order=4))
    fit = smooth.fit(data[None].astype(float), np.ones((1, 60), dtype=bool))
    return data, fit.rate[0]


def theirs(data: np.ndarray, background: np.ndarray, toys: int, workers: int, seed: int) -> Any:
    import pyBumpHunter

    hunter = pyBumpHunter.BumpHunter1D(
        width_min=min(WIDTHS),
        width_max=max(WIDTHS),
        width_step=1,
        scan_step=1,
        npe=toys,
        nworker=workers,
        seed=seed,
        bins=EDGES,
    )
    with contextlib.redirect_stdout(io.StringIO()):
        hunter.bump_scan(data, background, is_hist=True)
    return hunter


def fixed(data: np.ndarray, background: np.ndarray, toys: int, seed: int) -> GlobalP:
    windows = make_windows(60, WIDTHS)
    observed = scan(data, background, windows).t
    draws = np.random.default_rng(seed).poisson(background, size=(toys, 60))
    return global_p(observed, toy_statistics(draws, background, windows)[0])


def refitted(data: np.ndarray, background: np.ndarray, toys: int, seed: int) -> GlobalP:
    """Fit a dijet function of four parameters to every toy; no masking."""
    windows, used = make_windows(60, WIDTHS), np.ones(60, dtype=bool)
    plan = HuntPlan(mask_level=0.0)
    smooth = Smooth.of(Background("dijet", EDGES, order=4))
    observed = scan(data, background, windows).t
    draws = np.random.default_rng(seed).poisson(background, size=(toys, 60)).astype(float)
    parts = [
        analyse(draws[low : low + 2_000], smooth, windows, used, plan).t
        for low in range(0, toys, 2_000)
    ]
    return global_p(observed, np.concatenate(parts))


def whole(data: np.ndarray, toys: int, seed: int) -> GlobalP:
    plan = HuntPlan(family="dijet", widths=tuple(WIDTHS), toys=toys, seed=seed)
    return hunt(make_histogram(EDGES, data), plan).global_p


def timed(
    functions: dict[str, Callable[[], GlobalP]], repeats: int
) -> tuple[dict[str, np.ndarray], dict[str, GlobalP]]:
    """Run all in turn, `repeats` times, so that another load on the machine hits all alike."""
    seconds: dict[str, list[float]] = {name: [] for name in functions}
    found: dict[str, GlobalP] = {}
    for _ in range(repeats):
        for name, function in functions.items():
            start = time.perf_counter()
            found[name] = function()
            seconds[name].append(time.perf_counter() - start)
    return {name: np.array(values) for name, values in seconds.items()}, found


def same_statistic(background: np.ndarray, spectra: int) -> tuple[float, int]:
    """Return the largest relative difference of t over many spectra where p > 1e-300."""
    rng = np.random.default_rng(SEED + 1)
    windows = make_windows(60, WIDTHS)
    worst, compared = 0.0, 0
    for index in range(spectra):
        data = rng.poisson(background * rng.uniform(0.95, 1.05))
        data[index % 55 : index % 55 + 3] += index * 3
        hunter = theirs(data, background, 1, 1, 1)
        if hunter.min_Pval_ar[0] > 1e-300:
            ours = scan(data, background, windows).t
            worst = max(worst, abs(ours / hunter.t_ar[0] - 1.0))
            compared += 1
    return worst, compared


def table(toys: int, repeats: int) -> str:
    data, background = spectrum()
    windows = make_windows(60, WIDTHS)

    def oracle(workers: int) -> GlobalP:
        t = theirs(data, background, toys, workers, 1).t_ar
        return global_p(float(t[0]), t[1:])

    four, one = "pyBumpHunter, 4 workers", "pyBumpHunter, 1 worker"
    functions = {
        four: lambda: oracle(4),
        one: lambda: oracle(1),
        "bycatch, fixed background": lambda: fixed(data, background, toys, 2),
        "bycatch, refitted (4 parameters)": lambda: refitted(data, background, toys, 3),
        "bycatch, whole procedure": lambda: whole(data, toys, 4),
    }
    seconds, found = timed(functions, repeats)
    reference = np.minimum(seconds[four], seconds[one])
    worst, compared = same_statistic(background, 60)
    head = (
        f"60 bins, {len(windows)} windows of 2 to 6 bins, {toys:,} toys, {int(data.sum()):,}"
        f" events; median of {repeats} runs (smallest to largest); ratios run by run to the faster"
        " pyBumpHunter.\nSame statistic: t differs by at most"
        f" {worst:.1e} (relative) over {compared} spectra with p > 1e-300."
    )
    lines = [head, "", "| | seconds | times faster | global p (68.3 %) |", "|---|--:|--:|--:|"]
    for name, values in seconds.items():
        ratio, p = reference / values, found[name]
        lines.append(
            f"| {name} | {np.median(values):.3f} ({values.min():.3f} to {values.max():.3f}) |"
            f" {np.median(ratio):.1f} ({ratio.min():.1f} to {ratio.max():.1f}) |"
            f" {p.p:.4f} ({p.interval[0]:.4f} to {p.interval[1]:.4f}) |"
        )
    return "\n".join(lines)


def write(text: str, arguments: argparse.Namespace) -> None:
    """Replace the section under our heading, or append it."""
    today = dt.datetime.now(tz=dt.UTC).date()
    command = (
        f"OMP_NUM_THREADS=1 python benchmarks/bench_bumphunt.py --toys {arguments.toys}"
        f" --repeats {arguments.repeats} --write"
    )
    load = os.getloadavg()[0]
    section = (
        f"{HEADING}\n\n{today}, {platform.machine()}, {os.cpu_count()} cores (load {load:.1f}),"
        f" Python {platform.python_version()}, numpy {np.__version__}: `{command}`\n\n{text}\n"
    )
    old = RESULTS.read_text() if RESULTS.exists() else "# Results of the benchmarks\n"
    pattern = re.compile(re.escape(HEADING) + r"\n.*?(?=\n## |\Z)", re.DOTALL)
    new = (
        pattern.sub(lambda _: section.rstrip("\n") + "\n", old)
        if pattern.search(old)
        else f"{old.rstrip()}\n\n{section}"
    )
    RESULTS.write_text(new)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--toys", type=int, default=10_000)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--write", action="store_true")
    arguments = parser.parse_args()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        text = table(arguments.toys, arguments.repeats)
    print(text)
    if arguments.write:
        write(text, arguments)


if __name__ == "__main__":
    main()
