"""Memory does not grow with the file while the cut keeps the same events."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

KEPT = 10_000
COLUMNS = 8
SMALL, LARGE = 400_000, 2_000_000

READ = """
import pathlib, sys
from bycatch.events import derive
features = {f"f{i}": f"x{i} + x0" for i in range(8)}
assert len(derive(sys.argv[1], features, where="keep == 1")["f0"]) == 10_000
# not ru_maxrss, which a child inherits from the process that starts it
print(pathlib.Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0])
"""


def write(folder: Path, kind: str, rows: int) -> Path:
    rng = np.random.default_rng(1)
    table = {f"x{i}": rng.normal(size=rows).astype(np.float32) for i in range(COLUMNS)}
    table["keep"] = (np.arange(rows) % (rows // KEPT) == 0).astype(np.int8)
    path = folder / f"{rows}.{kind}"
    if kind == "parquet":  # one row group is the hardest case
        pq.write_table(pa.table(table), path, row_group_size=rows)
    else:
        with h5py.File(path, "w") as file:
            for name, values in table.items():
                file[name] = values
    return path


@pytest.mark.parametrize("kind", ["parquet", "h5"])
@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_memory_is_bounded(tmp_path: Path, kind: str) -> None:
    peaks = []
    for rows in (SMALL, LARGE):
        path = write(tmp_path, kind, rows)
        command = [sys.executable, "-c", READ, str(path)]
        done = subprocess.run(command, check=True, capture_output=True)
        peaks.append(int(done.stdout) / 1024)
    extra = (LARGE - SMALL) * (4 * COLUMNS + 1) / 2**20  # MiB that one reading too much would hold
    assert peaks[1] - peaks[0] < extra / 3, f"peaks {peaks} MiB, the data grew by {extra:.0f} MiB"
