"""The whole chain on data made here: the planted bump is found, and the rules of a run hold."""

from __future__ import annotations

import json

import numpy as np
import pyarrow.parquet as pq
import pytest
import yaml
from click.testing import CliRunner
from make_events import CONFIG, make_events, write_parquet

from bycatch.cli import main


def config(**changes):
    content = yaml.safe_load(CONFIG)
    content.update(changes)
    return content


def run(folder, content, name="search", workers=1):
    path = folder / f"{name}.yaml"
    path.write_text(yaml.safe_dump({**content, "output": f"runs/{name}"}))
    arguments = ["search", str(path), "--workers", str(workers), "--quiet"]
    outcome = CliRunner().invoke(main, arguments, catch_exceptions=False)
    assert outcome.exit_code == 0, outcome.output
    return folder / "runs" / name


@pytest.fixture(scope="module")
def events(tmp_path_factory):
    folder = tmp_path_factory.mktemp("search")
    write_parquet(folder / "events.parquet", make_events(n_background=6000, n_signal=100))
    return folder


@pytest.fixture(scope="module")
def found(events):
    return run(events, config(toys=250))


def test_bump_is_found_with_everything_beside_it(found):
    result = json.loads((found / "result.json").read_text())
    assert result["n_events"] == 6100
    assert result["best"]["local_z"] > 4
    assert result["best"]["window"] == [2850, 3150]
    assert result["global_p"] == pytest.approx(1 / 251)
    low, high = result["global_p_interval"]
    assert low == 0
    assert 0.001 < high < 0.02
    assert result["n_looks"] == len(result["looks"])
    names = {check["name"] for check in result["checks"]}
    assert names >= {
        "sculpting", "closure", "stability", "effective sizes", "number of looks", "calibration",
        "inclusive fit", "fits", "toys",
    }  # fmt: skip
    (evaluation,) = result["evaluation"]
    assert evaluation["auc"] > 0.9
    assert evaluation["n_signal"] > 90
    for look in result["looks"]:
        assert look["efficiency"] == pytest.approx(look["working_point"], abs=0.01)


def test_selected_events_are_the_signal(found, events):
    result = json.loads((found / "result.json").read_text())
    selected = pq.read_table(found / "selected.parquet").to_pandas()
    assert len(selected) == result["best"]["n_window"]
    truth = pq.read_table(events / "events.parquet").to_pandas()
    label = truth.label.to_numpy()[selected.event]
    np.testing.assert_allclose(truth.mjj.to_numpy()[selected.event], selected.mass)
    assert label.mean() > 0.5
    assert (np.diff(selected.score) <= 0).all()
    scores = pq.read_table(found / "scores.parquet")
    assert scores.num_rows == result["n_events"]
    assert (found / "report.html").stat().st_size < 5e6


@pytest.mark.usefixtures("sketched")
def test_result_does_not_depend_on_the_number_of_workers(events):
    content = config(toys=20, seed=7)
    one = run(events, content, "one", workers=1)
    two = run(events, content, "two", workers=2)
    assert (one / "result.json").read_bytes() == (two / "result.json").read_bytes()


@pytest.mark.usefixtures("sketched")
def test_half_split_searches_only_one_half(events):
    folder = run(events, config(toys=20, folds="half"), "half")
    result = json.loads((folder / "result.json").read_text())
    scores = pq.read_table(folder / "scores.parquet").to_pandas()
    column = next(name for name in scores if "/" in name)
    assert scores[column].isna().sum() == pytest.approx(3050, abs=2)
    calibration = next(c for c in result["checks"] if c["name"] == "calibration")
    assert calibration["passed"]


@pytest.mark.usefixtures("sketched")
def test_without_truth_nothing_is_evaluated(events):
    content = config(toys=20)
    del content["truth"]
    folder = run(events, content, "untold")
    assert json.loads((folder / "result.json").read_text())["evaluation"] == []


@pytest.mark.usefixtures("sketched")
def test_finished_run_is_not_computed_again(found, events):
    before = (found / "result.json").read_bytes()
    steps = {path: path.stat().st_mtime_ns for path in (found / "steps").rglob("*.npz")}
    assert steps
    run(events, config(toys=250))
    assert {path: path.stat().st_mtime_ns for path in steps} == steps
    assert (found / "result.json").read_bytes() == before
