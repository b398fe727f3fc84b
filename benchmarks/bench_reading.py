"""Time and memory of reading: 1,000,000 events x 8 features, and a file five times larger.

    python benchmarks/bench_reading.py [--format parquet ...] [--events 1000000]

Each case runs in a process of its own. `where` keeps the same 100,000 events of the small and of
the large file, so the peak of the two should be the same. `all` derives eight features of every
event; its peak has to hold the output (61 MiB per million events), and nothing else may grow.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

FEATURES = {f"f{i}": f"minimum(x{i}, x{(i + 1) % 8}) / (1 + abs(x{i}))" for i in range(8)}
KEPT = 100_000
SUFFIX = {"parquet": "parquet", "parquet-one-group": "parquet", "hdf5": "h5", "root": "root"}
SUFFIX |= {"npz": "npz", "csv": "csv"}


def columns(count: int) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(1)
    table = {f"x{i}": rng.normal(size=count).astype(np.float32) for i in range(8)}
    # the kept events are spread over the file: no block of rows can be left out
    row = np.arange(count)
    return table | {"keep": ((row + 1) * KEPT // count > row * KEPT // count).astype(np.int8)}


def write(kind: str, path: Path, count: int) -> None:
    table = columns(count)
    if kind.startswith("parquet"):
        import pyarrow as pa
        import pyarrow.parquet as pq

        size = count if kind == "parquet-one-group" else 100_000
        pq.write_table(pa.table(table), path, row_group_size=size)
    elif kind == "hdf5":
        import h5py

        with h5py.File(path, "w") as file:
            for name, values in table.items():
                file[name] = values
    elif kind == "root":
        import uproot

        with uproot.recreate(path) as file:
            file.mktree("Events", {name: values.dtype for name, values in table.items()})
            for start in range(0, count, 100_000):
                part = slice(start, start + 100_000)
                file["Events"].extend({name: values[part] for name, values in table.items()})
    elif kind == "npz":
        np.savez(path, **table)
    else:
        import pyarrow as pa
        import pyarrow.csv as pacsv

        pacsv.write_csv(pa.table(table), path)


def case(path: str, where: str | None) -> dict[str, float]:
    """Run in a fresh process."""
    from bycatch.events import derive

    start = time.perf_counter()
    result = derive(path, FEATURES, where=where)
    # not ru_maxrss, which a child inherits from the process that starts it
    peak = int(Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0])
    return {
        "events": len(result["f0"]),
        "seconds": round(time.perf_counter() - start, 2),
        "peak_mib": round(peak / 1024),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--format", nargs="*", default=list(SUFFIX), choices=list(SUFFIX))
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--case", nargs=2, help=argparse.SUPPRESS)
    parser.add_argument("--write", nargs=3, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.write:
        write(options.write[0], Path(options.write[1]), int(options.write[2]))
        return
    if options.case:
        print(json.dumps(case(options.case[0], options.case[1] or None)))
        return
    print("| format | rows | where | events | seconds | peak MiB |\n|---|---|---|---|---|---|")
    for kind in options.format:
        for count in (options.events, 5 * options.events):
            with tempfile.TemporaryDirectory() as folder:
                path = Path(folder) / f"x.{SUFFIX[kind]}"
                command = [sys.executable, __file__, "--case", str(path)]
                subprocess.run([*command[:2], "--write", kind, str(path), str(count)], check=True)
                for where in ("keep == 1", ""):
                    output = subprocess.run([*command, where], check=True, capture_output=True)
                    got = json.loads(output.stdout)
                    print(
                        f"| {kind} | {count:,} | {where or 'all'} | {got['events']:,} | "
                        f"{got['seconds']} | {got['peak_mib']} |",
                        flush=True,
                    )


if __name__ == "__main__":
    main()
