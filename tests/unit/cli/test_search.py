"""`bycatch search --dry-run` prints a configuration that runs, and touches nothing."""

from __future__ import annotations

import numpy as np
import yaml
from click.testing import CliRunner

from bycatch.cli import main

TEXT = """
data: {path: events.npz}
resonance: mjj
features: {mass: j1_mass}
regions: {bins: 100, fit_range: [2700, 6500], windows: [[3300, 3700]]}
methods: [{template: cwola, classifier: trees}]
members: 3
toys: 10
"""


def test_dry_run(tmp_path):
    np.savez(tmp_path / "events.npz", mjj=np.ones(3), j1_mass=np.ones(3))
    (tmp_path / "search.yaml").write_text(TEXT)
    result = CliRunner().invoke(main, ["search", str(tmp_path / "search.yaml"), "--dry-run"])
    assert result.exit_code == 0, result.output
    assert "15 trainings" in result.stdout
    assert str(tmp_path / "runs/search") in result.stdout
    resolved = yaml.safe_load(result.stdout)
    assert resolved["folds"] == 5
    assert resolved["data"]["path"] == [str(tmp_path / "events.npz")]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["events.npz", "search.yaml"]
