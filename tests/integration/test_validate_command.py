"""`bycatch validate`, and a search that uses its result."""

from __future__ import annotations

import json

import pytest
import yaml
from click.testing import CliRunner
from make_events import CONFIG, make_events, write_parquet

from bycatch.cli import main


def call(*arguments):
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("validate")
    write_parquet(folder / "events.parquet", make_events(n_background=4000, n_signal=60))
    content = {**yaml.safe_load(CONFIG), "members": 1, "toys": 100}
    content["methods"][0]["max_trees"] = 12
    (folder / "search.yaml").write_text(yaml.safe_dump(content))
    content["validation"] = "run-validation"
    content["output"] = "corrected"
    (folder / "corrected.yaml").write_text(yaml.safe_dump(content))
    content["members"] = 2
    (folder / "other.yaml").write_text(yaml.safe_dump(content))
    return folder


@pytest.fixture(scope="module")
def validated(folder):
    outcome = call("validate", folder / "search.yaml", "-n", 25, "--workers", 1)
    assert outcome.exit_code == 0, outcome.output
    return folder / "run-validation", outcome.output


def test_says_and_draws_how_p_values_are_calibrated(validated):
    path, output = validated
    assert "25 null pseudo-experiments" in output
    assert output.strip().endswith(str(path))
    document = json.loads((path / "result.json").read_text())
    # Only background events make pseudo-data.
    assert document["pool"] <= 4000
    assert [look["working_point"] for look in document["looks"]] == [0.1, 0.03]
    for name in ("calibration.png", "calibration.pdf"):
        assert (path / name).stat().st_size > 2000


@pytest.mark.usefixtures("sketched")
def test_a_search_applies_it_and_says_down_to_which_p(validated, folder):
    path, _ = validated
    outcome = call("search", folder / "corrected.yaml", "--workers", 1, "--quiet")
    assert outcome.exit_code == 0, outcome.output
    result = json.loads((folder / "corrected" / "result.json").read_text())
    correction = json.loads((path / "result.json").read_text())["correction"]
    assert result["calibrated_down_to"] == correction["calibrated_down_to"]
    spread = {entry["working_point"]: max(1.0, entry["sd"]) for entry in correction["entries"]}
    for look in result["looks"]:
        assert look["dispersion"] == pytest.approx(spread[look["working_point"]])


def test_another_configuration_is_refused(validated, folder):
    outcome = call("search", folder / "other.yaml", "--workers", 1, "--quiet")
    assert outcome.exit_code == 2
    assert "members" in outcome.output


def test_too_few_pseudo_experiments_are_refused_in_a_sentence(folder):
    path = folder / "few"
    outcome = call("validate", folder / "search.yaml", "-n", 3, "--workers", 1, "--output", path)
    assert outcome.exit_code == 2
    assert "at least 20 pseudo-experiments" in " ".join(outcome.output.split())
