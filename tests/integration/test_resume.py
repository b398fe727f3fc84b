"""Kill -9 at any moment and run again: the result equals the uninterrupted one."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time

import pytest
from make_events import make_events, write_parquet, write_search


def start(config, output, workers):
    return subprocess.Popen(
        [sys.executable, "-m", "bycatch", "search", str(config), "--output", str(output),
         "--workers", str(workers)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )  # fmt: skip


def finish(process):
    out, err = process.communicate(timeout=300)
    assert process.returncode == 0, err
    assert err == ""  # silent when not on a terminal
    return out


def kill_when(process, condition):
    """Kill -9 as soon as `condition` holds; return whether the process still worked then."""
    deadline = time.monotonic() + 120
    while process.poll() is None and not condition() and time.monotonic() < deadline:
        time.sleep(0.002)
    working = process.poll() is None
    process.send_signal(signal.SIGKILL)
    process.communicate()
    return working


@pytest.fixture(scope="module")
def config(tmp_path_factory):
    folder = tmp_path_factory.mktemp("resume")
    write_parquet(folder / "events.parquet", make_events(n_background=4000, n_signal=100))
    return write_search(
        folder,
        ("classifier: trees}", "classifier: trees}\n  - {template: cwola, classifier: hgb}"),
        ("toys: 20", "toys: 60"),
    )


@pytest.fixture(scope="module")
def uninterrupted(config):
    folder = config.parent / "uninterrupted"
    finish(start(config, folder, 2))
    return (folder / "result.json").read_bytes()


def test_kill_at_every_stage_and_continue(config, uninterrupted):
    folder = config.parent / "killed"

    def files(pattern):
        return lambda: any(path.is_file() for path in folder.glob(pattern))

    moments = {
        "the claim": files("run.json"),
        "the shared sample": files("shared/*"),
        "the first scores": files("steps/sc*/**/*"),
        "all scores, first toys": files("steps/toys/*"),
        "the result": files("result.json"),
        "the report": files("figures/*"),
    }
    interrupted = {
        name: kill_when(start(config, folder, 2), condition) for name, condition in moments.items()
    }
    finish(start(config, folder, 1))
    assert (folder / "result.json").read_bytes() == uninterrupted
    assert (folder / "report.html").is_file()
    assert not list(folder.rglob(".tmp-*"))
    assert sum(interrupted.values()) >= 4, interrupted


def test_the_number_of_workers_does_not_matter(config, uninterrupted):
    folder = config.parent / "one-worker"
    out = finish(start(config, folder, 1))
    assert (folder / "result.json").read_bytes() == uninterrupted
    assert str(folder / "report.html") in out


def test_running_again_changes_nothing_and_is_fast(config, uninterrupted):
    folder = config.parent / "uninterrupted"
    steps = {path: path.stat().st_mtime_ns for path in folder.glob("steps/**/*.npz")}
    finish(start(config, folder, 1))
    assert {path: path.stat().st_mtime_ns for path in steps} == steps
    assert (folder / "result.json").read_bytes() == uninterrupted


def test_the_result_has_what_was_promised(uninterrupted):
    result = json.loads(uninterrupted)
    for key in ("version", "config", "n_events", "looks", "best", "global_p", "global_p_interval",
                "global_z", "n_toys", "checks", "evaluation"):  # fmt: skip
        assert key in result
    for key in ("method", "window", "working_point", "efficiency", "n_selected", "n_window",
                "background", "background_error", "local_p", "local_z", "status"):  # fmt: skip
        assert all(key in look for look in result["looks"])
    assert len(result["looks"]) == 2 * 2
    assert result["best"] in result["looks"]
    assert b"elapsed" not in uninterrupted
