"""Results depend on the tasks, never on where they run."""

from __future__ import annotations

import importlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from bycatch.errors import DataError, TaskError
from bycatch.tasks import SilentProgress, run_tasks

MODULE = """
import os, signal, time
from bycatch.errors import DataError

def square(x): return x * x
def environment(name): return os.environ.get(name)
def threads():
    import numpy as np
    np.ones((8, 8)) @ np.ones((8, 8))
    from threadpoolctl import threadpool_info
    return max((pool["num_threads"] for pool in threadpool_info()), default=1)
def user_error(x): raise DataError(f"no events in {x}")
def defect(x): raise KeyError(x)
class Odd(Exception):
    def __init__(self, a, b): super().__init__("odd"); self.f = lambda: None
def unsendable(x): raise Odd(1, 2)
def die(x): os.kill(os.getpid(), signal.SIGKILL)
def sleep(x):
    print("asleep", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def work(tmp_path, monkeypatch):
    (tmp_path / "bycatch_test_work.py").write_text(MODULE)
    monkeypatch.syspath_prepend(str(tmp_path))
    yield importlib.import_module("bycatch_test_work")
    del sys.modules["bycatch_test_work"]


def tasks(count):
    return [(f"task-{i}", {"x": i}) for i in range(count)]


@pytest.mark.parametrize("workers", [1, 3])
def test_results_are_in_the_order_of_the_tasks(work, workers):
    seen = {}
    results = run_tasks(work.square, tasks(7), workers, on_result=seen.__setitem__)
    assert list(results.items()) == [(f"task-{i}", i * i) for i in range(7)]
    assert seen == results


def test_no_tasks(work):
    assert run_tasks(work.square, [], 4) == {}


@pytest.mark.parametrize("workers", [1, 2])
def test_one_thread_per_task(work, workers):
    names = [(str(i), {"name": "OMP_NUM_THREADS"}) for i in range(2)]
    assert set(run_tasks(work.environment, names, workers).values()) == {"1"}
    results = run_tasks(work.threads, [("a", {}), ("b", {})], workers)
    assert set(results.values()) == {1}


def test_the_environment_is_as_before(work, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    monkeypatch.delenv("NUMEXPR_NUM_THREADS", raising=False)
    run_tasks(work.square, tasks(2), 1)
    assert os.environ["OMP_NUM_THREADS"] == "3"
    assert "NUMEXPR_NUM_THREADS" not in os.environ


@pytest.mark.parametrize("workers", [1, 2])
def test_errors_are_raised_as_they_are(work, workers):
    with pytest.raises(DataError, match=r"^no events in \d$"):
        run_tasks(work.user_error, tasks(3), workers)
    with pytest.raises(KeyError) as caught:
        run_tasks(work.defect, tasks(3), workers)
    if workers > 1:
        assert "in defect" in caught.value.__notes__[0]


def test_an_error_that_cannot_be_sent_keeps_its_traceback(work):
    with pytest.raises(RuntimeError, match="in unsendable"):
        run_tasks(work.unsendable, tasks(2), 2)


def test_a_killed_worker_is_one_sentence(work):
    with pytest.raises(TaskError, match=r"'task-\d' died \(signal 9\).*fewer --workers"):
        run_tasks(work.die, tasks(3), 2)


def test_progress_counts(work):
    class Counter(SilentProgress):
        done = 0

        def advance(self, n=1):
            self.done += n

    counter = Counter()
    run_tasks(work.square, tasks(5), 2, counter)
    assert counter.done == 5


def test_bad_arguments(work):
    with pytest.raises(ValueError, match="unique"):
        run_tasks(work.square, [("a", {"x": 1}), ("a", {"x": 2})])
    with pytest.raises(ValueError, match="at least 1"):
        run_tasks(work.square, tasks(1), 0)


SCRIPT = """
import signal
import sys
# Tests that are started in the background (nohup ... &) inherit that Ctrl-C is ignored.
signal.signal(signal.SIGINT, signal.default_int_handler)
sys.path.insert(0, {folder!r})
import bycatch_test_work as work
from bycatch.tasks import run_tasks
if __name__ == "__main__":
    print("start", flush=True)
    try:
        run_tasks(work.sleep, [("a", {{"x": 1}}), ("b", {{"x": 2}})], 2)
    except KeyboardInterrupt:
        print("interrupted", flush=True)
"""


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="looks for processes in /proc")
@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGKILL])
def test_no_worker_outlives_its_parent(work, tmp_path, signum):
    (tmp_path / "script.py").write_text(SCRIPT.format(folder=str(tmp_path)))
    process = subprocess.Popen(
        [sys.executable, str(tmp_path / "script.py")],
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert process.stdout.readline() == "start\n"
    # Both tasks have begun, so that there is something to outlive.
    assert [process.stdout.readline() for _ in range(2)] == ["asleep\n"] * 2
    children = _workers(process.pid)
    os.kill(process.pid, signum)
    rest = process.communicate(timeout=20)[0]
    assert rest == ("interrupted\n" if signum == signal.SIGINT else "")
    deadline = time.monotonic() + 20
    while any(map(_alive, children)) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert len(children) == 2
    assert not any(map(_alive, children))


def _workers(pid):
    """Return the spawned workers of a process (not multiprocessing's resource tracker)."""
    found = []
    for path in Path("/proc").glob("[0-9]*"):
        try:
            parent = int((path / "stat").read_text().rpartition(")")[2].split()[1])
            command = (path / "cmdline").read_text()
        except OSError:
            continue
        if parent == pid and "spawn_main" in command:
            found.append(int(path.name))
    return found


def _alive(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
