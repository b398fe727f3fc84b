"""Whole searches as processes: time, memory, and how often nothing looks like something.

    python benchmarks/bench_search.py million           # 1,000,000 events x 8 features, one window
    python benchmarks/bench_search.py null --seeds 20   # bycatch demo --no-signal
    python benchmarks/bench_search.py demo

`million` writes two Parquet files of random events: one of 1,000,000, one five times larger in
which `where` keeps the same rows. It prints seconds and the largest resident size of a process,
and the sum over the processes that ran at once is at most (1 + workers) times that.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

N = 1_000_000
CHUNK = 250_000
CONFIG = """\
data: {{path: {path}, where: keep == 1}}
resonance: mjj
features: {{a: f0, b: 2 * f1, c: abs(f2), d: "where(f3 > 0, f3, -f3)", e: f4 + f5, f: f5, g: f6, h: f7}}
regions: {{bins: 100, fit_range: [2700, 6500], windows: [[3300, 3700]], sidebands: 0.12}}
methods: [{{template: cwola, classifier: trees}}]
background: {{family: exppoly}}
"""  # noqa: E501 - one line is one key


def write_events(path: Path, copies: int) -> None:
    rng = np.random.default_rng(5)
    writer = None
    for copy in range(copies):
        for _ in range(N // CHUNK):
            columns = {"mjj": (2500 + rng.exponential(600, CHUNK)).astype(np.float32)}
            for index in range(8):
                columns[f"f{index}"] = rng.normal(size=CHUNK).astype(np.float32)
            columns["keep"] = np.full(CHUNK, copy == 0, dtype=np.int8)
            table = pa.table(columns)
            writer = writer or pq.ParquetWriter(path, table.schema)
            writer.write_table(table)
    if writer is not None:
        writer.close()


def timed(command: list[str]) -> tuple[float, float]:
    """Run a command; return its seconds and the largest resident size of a process in MiB."""
    start = time.monotonic()
    process = subprocess.Popen(command)
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        sys.exit(f"{' '.join(command)} ended with status {status}")
    return time.monotonic() - start, usage.ru_maxrss / 1024


def bycatch(*arguments: object) -> list[str]:
    return [sys.executable, "-m", "bycatch", *map(str, arguments), "--quiet"]


def million(options: argparse.Namespace) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for copies in (1, 5):
            path = folder / f"events{copies}.parquet"
            write_events(path, copies)
            config = folder / f"search{copies}.yaml"
            config.write_text(CONFIG.format(path=path))
            output = folder / f"run{copies}"
            arguments = ("search", config, "--workers", options.workers, "--output", output)
            seconds, memory = timed(bycatch(*arguments))
            print(f"{copies} x 1,000,000 rows: {seconds:.0f} s, {memory:.0f} MiB", flush=True)


def null(options: argparse.Namespace) -> None:
    small = 0
    with tempfile.TemporaryDirectory() as name:
        for seed in range(1, options.seeds + 1):
            output = Path(name) / str(seed)
            arguments = ("--seed", seed, "--workers", options.workers, "--output", output)
            seconds, _ = timed(bycatch("demo", "--no-signal", *arguments))
            p = json.loads((output / "result.json").read_text())["global_p"]
            small += p < 0.05
            print(f"seed {seed}: global_p {p:.3f} ({seconds:.0f} s)", flush=True)
    print(f"{small} of {options.seeds} below 0.05")


def demo(options: argparse.Namespace) -> None:
    with tempfile.TemporaryDirectory() as name:
        output = Path(name) / "demo"
        seconds, memory = timed(bycatch("demo", "--workers", options.workers, "--output", output))
        result = json.loads((output / "result.json").read_text())
        fitted = [look for look in result["looks"] if look["local_z"] is not None]
        best = {}
        for look in sorted(fitted, key=lambda look: look["local_z"]):
            best[look["method"]] = (look["local_z"], look["window"])
        print(f"{seconds:.0f} s, {memory:.0f} MiB, global_p {result['global_p']:.2g}")
        for method, (z, window) in best.items():
            print(f"{method}: {z:.1f} sigma in {window}")


RUNS = {"million": million, "null": null, "demo": demo}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", nargs="?", choices=tuple(RUNS), help="all if not given")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--seeds", type=int, default=20)
    options = parser.parse_args()
    for what in [options.what] if options.what else RUNS:
        print(f"== {what}", flush=True)
        RUNS[what](options)


if __name__ == "__main__":
    main()
