"""`bycatch compare` on runs, on tables, on a YAML file, and on the published table."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner, Result

from bycatch.cli import main


def compare(*arguments: str | Path) -> Result:
    return CliRunner().invoke(main, ["compare", *map(str, arguments)])


def write_run(folder: Path, scores: dict[str, float], seed: int = 1) -> None:
    """Write scores of Gaussians whose means are the score's power times those of the processes."""
    rng = np.random.default_rng(seed)
    shift = {"qcd": 0.0, "w": 0.2, "x": 1.0, "y": 2.0, "z": 3.0}
    process = np.repeat(list(shift), [8000, 4000, 1000, 1000, 1000])
    mean = np.array([shift[p] for p in process])
    folder.mkdir()
    columns = {name: power * mean + rng.normal(size=mean.size) for name, power in scores.items()}
    fixed = {
        "process": process,
        "label": (mean >= 1.0).astype(np.int8),
        "weight": np.where(process == "qcd", 2.0, 0.5),
        "split": np.where(np.arange(mean.size) % 2, "train", "test"),
    }
    pq.write_table(pa.table({**fixed, **columns}), folder / "scores.parquet")


def test_two_runs(tmp_path: Path) -> None:
    write_run(tmp_path / "a", {"ae": 0.7, "vae": 1.0})
    write_run(tmp_path / "b", {"blind": 0.0}, seed=2)
    out = tmp_path / "out"
    result = compare(tmp_path / "a", tmp_path / "b", "-o", out)
    assert result.exit_code == 0, result.output
    assert "'vae' has the highest median total improvement over 3 signals" in result.output
    assert "'vae' is the best for 3 of 3 signals" in result.output
    table = pd.read_csv(out / "scores.csv", index_col=0)
    assert list(table.columns) == ["Model", "MinSigI", "MaxSigI", "MedianSigI"]
    assert list(table["Model"]) == ["vae", "ae", "blind"]
    numbers = json.loads((out / "result.json").read_text())
    assert numbers["best_for_most"] == "vae"
    assert len(numbers["improvements"]) == 9
    assert any("fewer than ten background events" in note for note in numbers["notes"])
    page = (out / "report.html").read_text()
    for text in ("score_boxes", "score_map", "arXiv", "<td>z</td>"):
        assert text in page
    for name in ("score_boxes", "score_map"):
        assert (out / "figures" / f"{name}.pdf").stat().st_size > 1000
    cited = CliRunner().invoke(main, ["cite", str(out)])
    assert cited.exit_code == 0, cited.output
    assert "eprint = {2105.14027}" in cited.output


def test_references_of_two_runs_stand_beside_the_scores(tmp_path: Path) -> None:
    write_run(tmp_path / "a", {"ae": 0.7, "supervised.probability": 2.0})
    write_run(tmp_path / "b", {"vae": 1.0, "supervised.probability": 2.5}, seed=2)
    out = tmp_path / "out"
    result = compare(tmp_path / "a", tmp_path / "b", "-o", out)
    assert result.exit_code == 0, result.output
    assert "'vae' is the best for 3 of 3 signals" in result.output
    assert "With labels, 'b: supervised.probability' has a median of" in result.output
    assert list(pd.read_csv(out / "scores.csv", index_col=0)["Model"]) == ["vae", "ae"]
    page = (out / "report.html").read_text()
    # In the table of scores once each, in that of signals three times.
    assert page.count("<small>(uses labels)</small>") == 8
    assert "takes no part in the comparison" in page


def test_a_yaml_file_names_channels_and_scores(tmp_path: Path) -> None:
    write_run(tmp_path / "a", {"vae": 1.0, "other": 0.5})
    write_run(tmp_path / "b", {"vae": 0.5}, seed=2)
    (tmp_path / "scores.csv").write_text(",Model,MinSigI,MaxSigI,MedianSigI\n0,P,0.1,9.0,2.0\n")
    (tmp_path / "c.yaml").write_text(
        "inputs:\n"
        "  - {path: a, scores: [vae], channel: one}\n"
        "  - {path: b, channel: two}\n"
        "  - {path: scores.csv, name: 'published '}\n"
        "eps_b: [1.0e-1, 1.0e-2]\n"
        "output: here\n"
    )
    result = compare(tmp_path / "c.yaml", "--quiet")
    assert result.exit_code == 0, result.output
    assert result.output.strip() == str(tmp_path.resolve() / "here" / "report.html")
    numbers = json.loads((tmp_path / "here" / "result.json").read_text())
    assert {s["method"] for s in numbers["summaries"]} == {"vae", "published P"}
    assert {c["channel"] for c in numbers["improvements"]} == {"one", "two"}
    vae = next(s for s in numbers["summaries"] if s["method"] == "vae")
    totals = [
        max(c["total"] for c in numbers["improvements"] if c["signal"] == signal)
        for signal in ("x", "y", "z")
    ]
    assert vae["median"] == pytest.approx(np.median(totals))


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("inputs: [{path: nowhere}]\n", "'inputs[0].path' is nowhere, which does not exist"),
        ("inputs: []\n", "'inputs' is []"),
        ("inputs: [{path: t.csv, scores: [a]}]\n", "'inputs[0].scores' is for the folder of a run"),
        ("inputs: [{path: t.csv}]\neps_b: [1.5]\n", "eps_b"),
        ("inputs: [{path: t.csv}]\nepsb: [0.1]\n", "unknown key 'epsb'"),
        ("inputs: [{path: t.csv}, {path: t.csv}]\n", "'m' stands twice"),
    ],
)
def test_bad_configurations_are_one_sentence(tmp_path: Path, text: str, match: str) -> None:
    (tmp_path / "t.csv").write_text("Model,MinSigI,MaxSigI,MedianSigI\nm,0,2,1\n")
    (tmp_path / "c.yaml").write_text(text)
    result = compare(tmp_path / "c.yaml", "-o", tmp_path / "out")
    assert result.exit_code == 2
    assert match in result.stderr
    assert result.stderr.count("\n") == 1


def test_other_bad_inputs(tmp_path: Path) -> None:
    for arguments, match in (
        (["c.yaml", "t.csv"], "nothing else can be given beside it"),
        ([str(tmp_path / "absent.yaml")], "cannot be read"),
        ([str(tmp_path / "absent")], "does not exist"),
        ([str(tmp_path)], "finished run of `bycatch score`"),
    ):
        result = compare(*arguments, "-o", tmp_path / "out")
        assert result.exit_code == 2, result.output
        assert match in result.stderr


def test_the_published_table_is_ordered_as_pandas_orders_it(
    tmp_path: Path, shared_data: Path
) -> None:
    reference = shared_data / "reference" / "dark_machines_scores.csv"
    result = compare(reference, "-o", tmp_path / "out")
    assert result.exit_code == 0, result.output
    published = pd.read_csv(reference, index_col=0)
    ours = pd.read_csv(tmp_path / "out" / "scores.csv", index_col=0)
    assert list(ours.columns) == list(published.columns)
    order = published.sort_values("MedianSigI", ascending=False, ignore_index=True)
    pd.testing.assert_frame_equal(ours, order, rtol=1e-12)
    # What the paper's figure shows: combinations by OR lead, a random guess comes last.
    assert f"'{order['Model'][0]}' has the highest median" in result.output
    assert ours["Model"].iloc[0] == "Combined-OR-DeepSVDD_MSE-Flow"
    assert ours["Model"].iloc[-1] == "Random guess"
    safest = published.loc[published["MinSigI"].idxmax(), "Model"]
    assert f"'{safest}' has the highest minimum" in result.output
    numbers = json.loads((tmp_path / "out" / "result.json").read_text())
    assert numbers["best_for_most"] is None
    # A guess keeps as much signal as background: 0.1 at 1e-2, less at tighter cuts.
    guess = next(s for s in numbers["summaries"] if s["method"] == "Random guess")
    assert guess["median"] == pytest.approx(0.1, rel=0.1)
