"""Events per second of every process, and the di-jet recipe against the project's sample.

    python benchmarks/bench_simulate.py [--rows 60] [--dijet 3000] [--processes NAME ...]
    python benchmarks/bench_simulate.py --window qcd_jets 2000 300 400 1000 1300

One process on one core. `--rows` are made of each process (mixtures: of their parts);
`--dijet N` (0 to leave out) compares N events with ../shared/data/pythia/dijet_qcd.parquet.
`--window NAME N EDGES` generates N events in each slice of pT of the hard process and prints the
slices' shares of the accepted cross section: what a process's window leaves out.
"""

from __future__ import annotations

import argparse
import itertools
import os
import time
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np

from bycatch.events import read
from bycatch.events.simulate import all_processes
from bycatch.events.simulate.chunk import make_rows
from bycatch.events.simulate.generator import Generator
from bycatch.events.simulate.process import Batch
from bycatch.events.simulate.tally import combine

SAMPLE = Path(__file__).resolve().parents[2] / "shared/data/pythia/dijet_qcd.parquet"


def speed(name: str, rows: int) -> str:
    process = all_processes()[name]
    start, cpu = time.perf_counter(), time.process_time()
    tally = make_rows(process, rows, 1, (name, 0)).tallies[name]
    wall, cpu = time.perf_counter() - start, time.process_time() - cpu
    numbers = combine([tally])
    return (
        f"| `{name}` | {numbers['n_generated'] / cpu:.0f} | {rows / cpu:.2f} | {rows / wall:.2f} "
        f"| {numbers['acceptance']:.3g} +- {numbers['acceptance_error']:.1g} "
        f"| {numbers['cross_section_pb']:.4g} +- {numbers['cross_section_error_pb']:.1g} |"
    )


def compare(rows: int) -> None:
    from scipy.stats import ks_2samp

    made = make_rows(all_processes()["dijet"], rows, 20261124, ("dijet", 0)).columns
    sample = read(SAMPLE)
    print(f"\n| column | KS p-value ({rows:,} against {len(sample['mjj']):,}) |\n|---|---|")
    values = {name: ks_2samp(made[name], sample[name]).pvalue for name in made if name != "label"}
    for name, value in values.items():
        print(f"| {name} | {value:.3f} |")
    smallest = min(values.values())
    print(f"\nSmallest: {smallest:.3g}, with Bonferroni {min(1.0, smallest * len(values)):.3g}")


def window(name: str, events: int, edges: list[float]) -> None:
    process = all_processes()[name]
    others = tuple(line for line in process.settings if "pTHat" not in line)
    shares, errors, means = [], [], []
    for low, high in itertools.pairwise(edges):
        limits = (f"PhaseSpace:pTHatMin = {low}", f"PhaseSpace:pTHatMax = {high}")
        generator = Generator((*others, *limits), 1, process.setup)
        rng = np.random.default_rng(1)
        pt = []
        for _ in range(0, events, process.batch):
            batch = Batch(*generator.batch(process.batch), rng, generator.table, generator.shared)
            pt.append(process.select(batch).columns["jet_pt"])
        found = np.concatenate(pt)
        per_row = generator.cross_section().value / (len(pt) * process.batch)
        shares.append(per_row * len(found))
        errors.append(per_row * np.sqrt(max(len(found), 1)))
        means.append(found.mean() if len(found) else float("nan"))
    print(f"| pT of the hard process (GeV) | share of {name} | mean jet pT (GeV) |\n|---|---|---|")
    for (low, high), share, error, mean in zip(
        itertools.pairwise(edges), shares, errors, means, strict=True
    ):
        print(
            f"| {low:g}-{high:g} | {share / sum(shares):.4f} +- {error / sum(shares):.4f} "
            f"| {mean:.1f} |"
        )


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, default=60)
    parser.add_argument("--dijet", type=int, default=3000)
    parser.add_argument("--processes", nargs="*")
    parser.add_argument("--window", nargs="+")
    options = parser.parse_args()
    if options.window:
        name, events, *edges = options.window
        window(name, int(events), [float(edge) for edge in edges])
        return
    print("| process | generated/s (CPU) | rows/s (CPU) | rows/s (wall) | acceptance | pb |")
    print("|---|---|---|---|---|---|")
    for name, process in all_processes().items():
        if process.mixture or (options.processes is not None and name not in options.processes):
            continue
        print(speed(name, options.rows), flush=True)
    if options.dijet and SAMPLE.exists():
        compare(options.dijet)


if __name__ == "__main__":
    np.seterr(all="raise", under="ignore")
    main()
