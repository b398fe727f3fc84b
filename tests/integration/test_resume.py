"""Kill -9 at any moment and run again: the result equals the uninterrupted one."""

from __future__ import annotations

import json

from commands import finish, kill_when, start
from make_events import make_events, write_parquet, write_search

TREES = "  - {template: cwola, classifier: trees}"
TINY = "{steps: 40, rounds: 2, hidden: [16]}"
CATHODE = f"  - {{template: cathode, classifier: trees, density_options: {TINY}}}"
ANODE = f"  - {{template: anode, density_options: {TINY}, window_options: {TINY}}}"


def search(config, output, workers):
    return start(output, "search", config, "--output", output, "--workers", workers)


def files(folder, pattern):
    return lambda: any(path.is_file() for path in folder.glob(pattern))


# One test, since its parts share the uninterrupted run and workers of pytest do not share fixtures.
def test_kill_at_every_stage_and_continue(tmp_path):
    write_parquet(tmp_path / "events.parquet", make_events(n_background=4000, n_signal=100))
    config = write_search(tmp_path, (TREES, f"{TREES}\n{CATHODE}\n{ANODE}"))
    finish(search(config, tmp_path / "uninterrupted", 2), tmp_path / "uninterrupted")
    expected = (tmp_path / "uninterrupted/result.json").read_bytes()
    check_promises(expected)

    folder = tmp_path / "killed"
    moments = {
        "the shared sample": "shared/*",
        "the density": "steps/densities/*",
        "the first scores": "steps/scores/**/*",
        "the first toys": "steps/toys/*",
        "the result": "result.json",
        "the report": "figures/*",
    }
    interrupted = {
        moment: kill_when(search(config, folder, 1), files(folder, pattern))
        for moment, pattern in moments.items()
    }
    steps = {path: path.stat().st_mtime_ns for path in folder.glob("steps/**/*.npz")}
    out = finish(search(config, folder, 1), folder)  # the uninterrupted run had two workers
    assert str(folder / "report.html") in out
    assert (folder / "result.json").read_bytes() == expected
    assert (folder / "report.html").is_file()
    assert not list(folder.rglob(".tmp-*"))
    assert sum(interrupted.values()) >= 5, interrupted
    assert steps
    assert {path: path.stat().st_mtime_ns for path in steps} == steps  # nothing is computed twice


def check_promises(content):
    """Check that `result.json` has what the documentation promises, and no times."""
    result = json.loads(content)
    for key in ("version", "config", "n_events", "looks", "best", "global_p", "global_p_interval",
                "global_z", "n_toys", "checks", "evaluation"):  # fmt: skip
        assert key in result
    for key in ("method", "window", "working_point", "efficiency", "n_selected", "n_window",
                "background", "background_error", "local_p", "local_z", "status"):  # fmt: skip
        assert all(key in look for look in result["looks"])
    assert [look["method"] for look in result["looks"]] == [
        "cwola-trees", "cwola-trees", "cathode-trees", "cathode-trees", "anode", "anode",
    ]  # fmt: skip
    assert all(look["template"]["background"] > 0 for look in result["looks"])
    assert result["best"] in result["looks"]
    assert b"elapsed" not in content
