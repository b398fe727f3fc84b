"""Benchmarks as lists of jobs: one process per job, one line of JSON per finished job."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np

from bycatch.tasks.executor import end_with_parent

__all__ = ["band", "cpu_model", "key_of", "read_rows", "run_jobs", "table", "write_rows"]

Job = dict[str, Any]
Row = dict[str, Any]


def key_of(job: Mapping[str, Any]) -> str:
    """Return what names a job; it holds every option that changes the row."""
    return json.dumps(job, sort_keys=True)


def read_rows(path: Path) -> dict[str, Row]:
    """Return the rows of an output file by their job; a line that a kill cut short is left out."""
    rows: dict[str, Row] = {}
    if not path.is_file():
        return rows
    for line in path.read_text().splitlines():
        try:
            row = json.loads(line)
        except json.JSONDecodeError:
            continue
        rows[key_of(row["job"])] = row
    return rows


def run_jobs(
    function: Callable[[Job], Row], jobs: Iterable[Job], path: Path, workers: int
) -> list[Row]:
    """Run the jobs whose row is not in `path`; return the rows of all jobs, in their order.

    A job is a dictionary that JSON can hold, a row what `function` makes of it, with the job under
    ``job``. Rows are appended as they come, so a second start goes on where the first one stopped.
    A job that fails is reported at once, has no row, and makes this function raise at the end.
    """
    jobs = list(jobs)
    rows = read_rows(path)
    waiting = [job for job in jobs if key_of(job) not in rows]
    path.parent.mkdir(parents=True, exist_ok=True)
    start, failed = time.monotonic(), 0
    with (
        path.open("a") as file,
        ProcessPoolExecutor(
            max(workers, 1),
            mp_context=get_context("spawn"),
            initializer=end_with_parent,
            max_tasks_per_child=1,
        ) as pool,
    ):
        if file.tell() and not path.read_text().endswith("\n"):
            file.write("\n")  # a line that a kill cut short
        futures = {pool.submit(function, job): job for job in waiting}
        for n_done, future in enumerate(as_completed(futures), 1):
            job = futures[future]
            name = " ".join(str(value) for value in job.values())
            if (error := future.exception()) is not None:
                failed += 1
                print(f"FAILED {name}: {error!r}", file=sys.stderr, flush=True)
                continue
            row = {"job": job, **future.result()}
            rows[key_of(job)] = row
            file.write(json.dumps(row) + "\n")
            file.flush()
            passed = time.monotonic() - start
            print(f"{n_done}/{len(waiting)} {passed:.0f} s: {name}", file=sys.stderr, flush=True)
    if failed:
        message = f"{failed} of {len(waiting)} jobs failed; start again to repeat them."
        raise RuntimeError(message)
    return [rows[key_of(job)] for job in jobs]


def write_rows(rows: Iterable[Row], path: Path) -> None:
    """Write a list of rows as JSON, a line for each."""
    path.write_text("[\n" + ",\n".join(json.dumps(row) for row in rows) + "\n]\n")


def band(values: Sequence[float]) -> tuple[float, float, float]:
    """Return the median and the 16 and 84 % quantiles."""
    low, middle, high = np.quantile(np.asarray(values, dtype=np.float64), [0.16, 0.5, 0.84])
    return float(middle), float(low), float(high)


def table(head: Sequence[str], lines: Iterable[Sequence[str]]) -> list[str]:
    """Return a Markdown table; columns whose name begins with '>' are right-aligned."""
    names = [name.removeprefix(">") for name in head]
    rule = ["--:" if name.startswith(">") else "---" for name in head]
    rows = [names, rule, *lines]
    return ["| " + " | ".join(row) + " |" for row in rows]


def cpu_model() -> str:
    """Return the processor's name where the system tells it."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.is_file() else []
    found = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return found[0] if found else "unknown processor"
