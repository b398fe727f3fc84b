"""Run folders continue, refuse strangers and are held by one process."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from bycatch.errors import RunFolderError, StorageError
from bycatch.tasks import RunFolder, fingerprint

CONFIG = "seed: 1\ntoys: 10\n"


@pytest.fixture
def folder(tmp_path):
    with RunFolder.open(tmp_path / "run", "abc", CONFIG) as opened:
        yield opened


def test_a_new_folder_holds_its_claim(folder):
    assert (folder.path / "config.yaml").read_text() == CONFIG
    assert json.loads((folder.path / "run.json").read_text())["fingerprint"] == "abc"


def test_steps_round_trip_and_are_done_only_then(folder):
    step = folder.step("scores/3300-3700/cwola-trees")
    assert not step.done
    step.save_arrays(score=np.arange(3, dtype=np.float32), mask=np.array([True, False]))
    assert step.done
    loaded = folder.step("scores/3300-3700/cwola-trees").load_arrays()
    assert loaded["score"].dtype == np.float32
    np.testing.assert_array_equal(loaded["mask"], [True, False])

    folder.step("regions").save_json({"edges": [1.5, 2]})
    assert folder.step("regions").done
    assert folder.step("regions").load_json() == {"edges": [1.5, 2]}


def test_arrays_and_a_document_are_one_file(folder):
    step = folder.step("fit")
    step.save({"r": np.array([0.1])}, {"status": "ok"})
    assert step.load_json() == {"status": "ok"}
    assert list(step.load_arrays()) == ["r"]
    assert len(list((folder.path / "steps").iterdir())) == 1


def test_objects_are_never_stored(folder):
    with pytest.raises(TypeError, match="'x' holds Python objects"):
        folder.step("a").save_arrays(x=np.array([object()]))
    assert not folder.step("a").done


@pytest.mark.parametrize("name", ["../a", "/a", "a//b", "", "a/../../b", ".tmp-1", "a b"])
def test_names_stay_inside(folder, name):
    with pytest.raises(ValueError, match="no name for a file"):
        folder.step(name)


def test_a_damaged_step_says_so(folder):
    step = folder.step("a")
    step.save_arrays(x=np.zeros(1000))
    path = folder.path / "steps" / "a.npz"
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(RunFolderError, match=r"a\.npz cannot be read .*remove it and run again"):
        step.load_arrays()


def test_shared_arrays_can_be_mapped(folder):
    path = folder.save_npy("mass", np.arange(5.0))
    np.testing.assert_array_equal(np.load(path, mmap_mode="r"), np.arange(5.0))


def test_the_same_run_continues(tmp_path):
    with RunFolder.open(tmp_path, "abc", CONFIG) as folder:
        folder.step("a").save_json(1)
        folder.log("start", workers=2)
    (tmp_path / ".tmp-1-a.json").write_text("half")
    with (tmp_path / "log.jsonl").open("a") as log:
        log.write('{"time": "20')  # a line cut by kill -9
    (tmp_path / "config.yaml").unlink()
    with RunFolder.open(tmp_path, "abc", CONFIG) as folder:
        assert folder.step("a").load_json() == 1
        folder.log("start")
    assert not list(tmp_path.glob(".tmp-*"))
    assert (tmp_path / "config.yaml").read_text() == CONFIG
    lines = (tmp_path / "log.jsonl").read_text().splitlines()
    assert [json.loads(lines[i])["event"] for i in (0, 2)] == ["start", "start"]


@pytest.mark.parametrize(
    ("text", "difference"),
    [
        ("seed: 2\ntoys: 10\n", "it has 'seed: 1' where this one has 'seed: 2'"),
        ("seed: 1\n", "it has 'toys: 10' and this one has not"),
        (CONFIG + "folds: 3\n", "'folds: 3'"),
        (CONFIG, "the input files changed"),
    ],
)
def test_another_run_is_refused_and_nothing_changes(tmp_path, text, difference):
    with RunFolder.open(tmp_path, "abc", CONFIG) as folder:
        folder.step("a").save_json(1)
    before = {
        path: path.read_bytes()
        for path in tmp_path.rglob("*")
        if path.name != "lock" and path.is_file()
    }
    with pytest.raises(RunFolderError, match="belongs to another run") as caught:
        RunFolder.open(tmp_path, "xyz", text)
    assert difference in str(caught.value)
    for path, content in before.items():
        assert path.read_bytes() == content


def test_a_folder_with_other_files_is_refused(tmp_path):
    (tmp_path / "thesis.tex").write_text("")
    with pytest.raises(RunFolderError, match=r"no run folder but holds 'thesis\.tex'"):
        RunFolder.open(tmp_path, "abc", CONFIG)


def test_a_file_is_refused(tmp_path):
    (tmp_path / "run").write_text("")
    with pytest.raises(RunFolderError, match="is a file"):
        RunFolder.open(tmp_path / "run", "abc", CONFIG)
    with pytest.raises(StorageError, match="cannot be made"):
        RunFolder.open(tmp_path / "run" / "below", "abc", CONFIG)


def test_two_processes_never_work_in_one_folder(tmp_path):
    code = (
        "import sys, time; from bycatch.tasks import RunFolder\n"
        f"folder = RunFolder.open({str(tmp_path)!r}, 'abc', {CONFIG!r})\n"
        "print('open', flush=True); time.sleep(60)"
    )
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout.readline() == "open\n"
        with pytest.raises(RunFolderError, match=f"in use by process {process.pid}"):
            RunFolder.open(tmp_path, "abc", CONFIG)
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        RunFolder.open(tmp_path, "abc", CONFIG).close()  # the lock of the dead is free
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def test_log_lines_carry_times(folder):
    folder.log("toys", done=3)
    line = json.loads((folder.path / "log.jsonl").read_text())
    assert line["event"] == "toys"
    assert line["done"] == 3
    assert line["elapsed"] >= 0
    assert line["time"].startswith(time.strftime("%Y", time.gmtime()))


def test_fingerprint_depends_on_config_and_inputs_alone(tmp_path):
    path = tmp_path / "events"
    path.write_text("one")
    first = fingerprint({"a": 1, "b": 2}, [path])
    assert fingerprint({"b": 2, "a": 1}, [path]) == first
    assert fingerprint({"a": 1, "b": 3}, [path]) != first
    path.write_text("two")
    assert fingerprint({"a": 1, "b": 2}, [path]) != first


LIMITED = """
import resource, sys
import numpy as np
from bycatch.errors import StorageError
from bycatch.tasks import RunFolder
with RunFolder.open({path!r}, "abc", "seed: 1") as folder:
    folder.step("small").save_arrays(x=np.zeros(10))
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
    for write in (
        lambda: folder.step("big").save_arrays(x=np.random.default_rng(0).random(100_000)),
        lambda: folder.step("text").save_json(["x" * 100] * 1000),
        lambda: folder.save_npy("mass", np.zeros(100_000)),
        lambda: [folder.log("x" * 1000) for _ in range(30)],
    ):
        try:
            write()
        except StorageError as error:
            print(str(error).count("could not be written"))
    print(folder.step("small").load_arrays()["x"].size, folder.step("big").done)
"""


def test_a_full_disk_through_rlimit(tmp_path):
    code = LIMITED.format(path=str(tmp_path / "run"))
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert run.stdout.split() == ["1", "1", "1", "1", "10", "False"], run.stderr
    assert not list((tmp_path / "run").rglob(".tmp-*"))
