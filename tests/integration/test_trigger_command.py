"""`bycatch trigger` as a user runs it, on data that it makes itself."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from bycatch.cli import main
from bycatch.events import read
from bycatch.represent import represent
from bycatch.score import make_score
from bycatch.trigger import run as trigger_run

DATA = Path(__file__).resolve().parents[1] / "data"
CONFIG = """
score: {column: score}
background:
  w: {path: w.parquet, fraction: 0.7}
  qcd: {path: "qcd_*.parquet", fraction: 0.3}
events_per_month: 3e7
weight: weight
menu: menu > 0
signals:
  loud: {path: loud.parquet, acceptance: 0.2, trigger: 0.5, uncertainty: 0.05}
  quiet: {path: w.parquet, acceptance: 0.2, trigger: 0.5}
budget: [30, 20000]
"""


def _run(*words: object, code: int = 0) -> str:
    result = CliRunner().invoke(main, ["trigger", *map(str, words)])
    assert result.exit_code == code, result.output
    return result.output


def _write(path: Path, scale: float, seed: int, n: int) -> None:
    rng = np.random.default_rng(seed)
    columns = {
        "score": scale * rng.exponential(size=n),
        "weight": np.where(rng.uniform(size=n) < 0.1, -1.0, 1.0),
        "menu": rng.uniform(size=n) < 0.25,
    }
    pq.write_table(pa.table(columns), path)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    _write(tmp_path / "w.parquet", 1.0, 1, 6_000)
    _write(tmp_path / "qcd_1.parquet", 1.2, 2, 1_500)
    _write(tmp_path / "qcd_2.parquet", 1.2, 3, 1_500)
    _write(tmp_path / "loud.parquet", 8.0, 4, 2_000)
    (tmp_path / "trigger.yaml").write_text(CONFIG)
    return tmp_path


def test_a_score_becomes_a_trigger(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = folder / "run"
    output = _run(folder / "trigger.yaml", "--output", out)
    assert "30 events/day: threshold" in output
    assert "extrapolated from the fitted tail" in output
    assert f"Report: {out / 'report.html'}" in output
    text = (out / "result.json").read_text()
    found = json.loads(text)
    assert found["rate_before_score_per_day"] == pytest.approx(1e6)
    assert found["efficiency"].startswith("absolute")
    tight, loose = found["working_points"]
    # 1e6 (0.7 exp(-t) + 0.3 exp(-t / 1.2)) = 20,000 at t = 4.14; 8 % of 20,000 are 150 events.
    n = loose["threshold"]["n_effective"]
    assert loose["threshold"]["value"] == pytest.approx(4.14, abs=4 * 1.1 / np.sqrt(n))
    assert not loose["threshold"]["extrapolated"]
    assert tight["threshold"]["extrapolated"]
    low, high = tight["threshold"]["total_interval"]
    assert low < tight["threshold"]["value"] < high
    pure = loose["pure_rate"]["value"] / loose["rate"]["value"]
    assert pure == pytest.approx(0.75, abs=4 * np.sqrt(0.19 / n))
    rows = {(row["name"], row["budget"]): row for row in found["tables"]}
    assert set(rows) == {(name, b) for name in ("loud", "quiet") for b in (30.0, 20_000.0)}
    row = rows["loud", 20_000.0]
    cut = loose["threshold"]["value"]
    expected = 0.1 * np.exp(-cut / 8.0)
    assert row["efficiency"]["value"] == pytest.approx(expected, rel=0.1)
    hundred = row["cross_section_pb_for_events_per_month"][1]
    assert hundred["events"] == 100.0
    assert hundred["value"] == pytest.approx(100 / (row["efficiency"]["value"] * 5000))
    assert row["gain"] > 2.0
    page = (out / "report.html").read_text()
    assert "Efficiency is absolute: acceptance" in page
    cited = CliRunner().invoke(main, ["cite", str(out)])
    assert "eprint = {1811.10276}" in cited.output, cited.output
    assert "Extrapolated" in page
    assert "http://" not in page.replace("http://www.w3.org", "")
    for name in ("trigger_tail.pdf", "trigger_rates.png"):
        assert (out / "figures" / name).stat().st_size > 5_000
    _continues(folder, out, text, monkeypatch)


def _continues(folder: Path, out: Path, text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run that lost its end reads no event again, and ends with the same result."""
    (out / "result.json").unlink()
    (out / "steps/scores/signal-loud.npz").unlink()
    scored = []
    score_process = trigger_run.score_process

    def counted(process: object, **rest: object) -> object:
        scored.append(process.name)
        return score_process(process=process, **rest)

    monkeypatch.setattr(trigger_run, "score_process", counted)
    assert _run(folder / "trigger.yaml", "-o", out, "--quiet").strip() == str(out / "report.html")
    assert scored == ["loud"]
    assert (out / "result.json").read_text() == text
    (folder / "other.yaml").write_text(CONFIG.replace("30, 20000", "50"))
    assert "belongs to another run" in _run(folder / "other.yaml", "-o", out, code=2)


def test_a_dry_run_writes_nothing(folder: Path) -> None:
    output = _run(folder / "trigger.yaml", "--dry-run")
    assert "s_over_b: 0.333" in output
    assert not (folder / "runs").exists()


def test_a_budget_that_is_no_cut(folder: Path) -> None:
    (folder / "trigger.yaml").write_text(CONFIG.replace("30, 20000", "2e6"))
    assert "must lie between 0 and the 1e+06 events per day" in _run(
        folder / "trigger.yaml", code=2
    )


def test_a_saved_score_reads_simulated_files(tmp_path: Path) -> None:
    stream, signal = DATA / "lepton_stream.parquet", DATA / "a_4l.parquet"
    events = read(stream)
    values = represent("lepton_stream", events).values
    score = make_score("pca", components=3).fit(values)
    score.save(tmp_path / "pca")
    (tmp_path / "trigger.yaml").write_text(
        f"""
score: {{folder: pca, representation: {{name: lepton_stream}}}}
background:
  stream: {{path: {stream}, events_per_month: 1.86e8, uncertainty: 0.1}}
signals:
  a_4l: {{path: {signal}}}
budget: 300000
"""
    )
    _run(tmp_path / "trigger.yaml")
    found = json.loads((tmp_path / "runs/trigger/result.json").read_text())
    (point,) = found["working_points"]
    assert point["background_efficiency"] == pytest.approx(3e5 * 30 / 1.86e8)
    (row,) = found["tables"]
    cut = point["threshold"]["value"]
    passed = np.mean(score.score(represent("lepton_stream", read(signal)).values) >= cut)
    assert row["score_efficiency"]["value"] == pytest.approx(passed)
    assert row["acceptance_times_trigger"] == pytest.approx(0.155, abs=0.05)
    low, high = point["threshold"]["normalisation_interval"]
    assert low < cut < high
