"""`bycatch simulate` as a command: the same bytes for any number of workers and after kill -9."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

from click.testing import CliRunner

from bycatch.cli import main
from bycatch.events import read
from bycatch.events.simulate import find_process, simulation_info


def start(*arguments, folder):
    return subprocess.Popen(
        [sys.executable, "-m", "bycatch", "simulate", *arguments],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )


def finish(process, code=0):
    out, err = process.communicate(timeout=300)
    assert process.returncode == code, err
    return out, err


def test_a_killed_simulation_continues_to_the_same_bytes_on_any_number_of_workers(tmp_path):
    chunk = find_process("qcd_jets").chunk
    arguments = ("qcd_jets", "-n", str(chunk + 20), "--seed", "4")
    out, err = finish(start(*arguments, "-o", "one.parquet", "--workers", "1", folder=tmp_path))
    assert err == ""  # silent when not on a terminal
    assert "cross section" in out
    assert "Events: one.parquet" in out

    # The short last chunk is done long before the first: killed then, the run is half done.
    process = start(*arguments, "-o", "two.parquet", "--workers", "2", folder=tmp_path)
    short = tmp_path / "two.parquet.parts/steps/chunk-000001.npz"
    deadline = time.monotonic() + 240
    while process.poll() is None and not short.exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    assert process.poll() is None
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert not (tmp_path / "two.parquet").exists()
    before = short.stat().st_mtime_ns

    _, err = finish(start("qcd_jets", "-n", str(chunk + 20), "--seed", "5", "-o", "two.parquet",
                          folder=tmp_path), code=2)  # fmt: skip
    assert "belongs to another run" in err
    assert short.stat().st_mtime_ns == before
    out, _ = finish(start(*arguments, "-o", "two.parquet", "-q", folder=tmp_path))
    assert out == "two.parquet\n"
    assert (tmp_path / "one.parquet").read_bytes() == (tmp_path / "two.parquet").read_bytes()
    assert not (tmp_path / "two.parquet.parts").exists()

    events = read(tmp_path / "one.parquet")
    info = simulation_info(tmp_path / "one.parquet")
    assert len(events["jet_pt"]) == info["n_rows"] == chunk + 20
    assert set(info["columns"]) == set(events.columns)


def test_the_list_names_every_process_and_mistakes_are_one_sentence(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def told(*arguments, code=0):
        result = CliRunner().invoke(main, ["simulate", *arguments])
        assert result.exit_code == code, result.output
        return result

    listed = told("--list").stdout
    assert "top_jets" in listed
    assert "Hadronic top jets" in listed
    mistake = "bycatch: There is no process 'top_jet'; the nearest are 'top_jets'"
    assert told("top_jet", code=2).stderr.startswith(mistake)
    assert "has no table of acceptances" in told("dijet", "--table", code=2).stderr
    assert "--list shows all" in told(code=2).stderr
    assert list(tmp_path.iterdir()) == []
