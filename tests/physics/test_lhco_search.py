"""The whole search on LHC Olympics events: 600 injected signal events are found, none is not."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner

from bycatch.cli import main

CONFIG = Path(__file__).with_name("lhco.yaml")


def run(folder, shared_data, name, **changes):
    text = CONFIG.read_text().replace("../shared/data", str(shared_data))
    content = yaml.safe_load(text)
    content.update(changes)
    path = folder / f"{name}.yaml"
    path.write_text(yaml.safe_dump(content))
    outcome = CliRunner().invoke(main, ["search", str(path), "--workers", "2", "--quiet"])
    assert outcome.exit_code == 0, outcome.output
    return json.loads((folder / "runs" / "lhco" / "result.json").read_text())


def test_the_configuration_resolves_as_it_stands(tmp_path, shared_data):
    path = tmp_path / "lhco.yaml"
    path.write_text(CONFIG.read_text().replace("../shared/data", str(shared_data)))
    outcome = CliRunner().invoke(main, ["search", str(path), "--dry-run"])
    assert outcome.exit_code == 0, outcome.output
    text = " ".join(outcome.output.split())
    assert "= 12 looks; 155 trainings" in text
    assert "2 background densities" in text


@pytest.mark.slow
def test_signal_is_found(tmp_path, shared_data):
    result = run(tmp_path, shared_data, "signal")
    assert result["best"]["window"] == [3300, 3700]
    assert result["best"]["local_z"] >= 8
    assert result["global_p"] == pytest.approx(1 / 1001)
    assert len(result["evaluation"]) == 4
    assert all(item["max_sic"] > 5 for item in result["evaluation"] if item["method"] != "anode")


@pytest.mark.slow
def test_nothing_is_found_where_nothing_is(tmp_path, shared_data):
    """With trees alone, to save time; a false alarm at 0.01 has a probability of about 1 %."""
    data = yaml.safe_load(CONFIG.read_text())["data"]
    data["path"] = data["path"].replace("../shared/data", str(shared_data))
    del data["inject"]
    methods = [{"template": "cwola", "classifier": "trees"}]
    result = run(tmp_path, shared_data, "null", data=data, methods=methods)
    assert result["global_p"] > 0.01
    assert result["evaluation"] == []
