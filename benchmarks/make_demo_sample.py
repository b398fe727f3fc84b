"""Make the embedded sample of `bycatch demo` from the shared Pythia 8 files.

    python benchmarks/make_demo_sample.py ../shared/data/pythia src/bycatch/events/data

The result depends on the inputs and on SEED alone.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

SEED = 20261124
N_SIGNAL = 2000
KINDS = ("mass", "tau1", "tau2", "tau3", "n_constituents")
COLUMNS = ["mjj", *(f"{jet}_{kind}" for jet in ("jL", "jH") for kind in KINDS), "label"]


def write(table: pa.Table, path: Path) -> None:
    """Write with zstd and byte-stream split for the floats."""
    table = table.select(COLUMNS)
    floats = [name for name in COLUMNS if pa.types.is_floating(table.schema.field(name).type)]
    pq.write_table(
        table,
        path,
        compression="zstd",
        compression_level=19,
        use_dictionary=[name for name in COLUMNS if name not in floats],
        use_byte_stream_split=floats,
        row_group_size=25_000,
        store_schema=False,
    )


def main(source: Path, target: Path) -> None:
    target.mkdir(parents=True, exist_ok=True)
    write(pq.read_table(source / "dijet_qcd.parquet"), target / "dijet_qcd.parquet")
    signal = pq.read_table(source / "dijet_wprime_xy.parquet")
    rng = np.random.default_rng(SEED)
    chosen = np.sort(rng.choice(signal.num_rows, N_SIGNAL, replace=False))
    write(signal.take(chosen), target / "dijet_wprime_xy.parquet")
    for name in ("dijet_qcd", "dijet_wprime_xy"):
        path = target / f"{name}.parquet"
        print(f"{path}: {pq.read_metadata(path).num_rows:,} events, {path.stat().st_size:,} bytes")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
