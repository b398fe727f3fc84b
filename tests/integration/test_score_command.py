"""`bycatch score` as a user runs it."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner
from commands import kill_when, start
from make_jets import write_features, write_jets

from bycatch.anomaly.run import run_scores
from bycatch.cli import main
from bycatch.config import load_scores
from bycatch.tasks import Run

FEATURES = """\
data:
  background: background.parquet
  signals: {odd: odd.parquet}
  mass: mass
features: [a, b, c]
methods:
  - {name: pca, components: 2}
  - {name: autoencoder, n_latent: 1, hidden: [8], steps: 60, rounds: 3}
contamination: [0, 0.1]
members: 2
supervised: {max_trees: 20}
hunt: {cuts: 0.2, bins: 20, toys: 20}
output: run
"""

IMAGES = """\
data:
  background: {path: one.parquet, where: jet_mass > 0}
  signals: {two: two.parquet}
  limit: 110
representation: {name: images, size: 8, power: 0.5, smear: 1}
methods:
  - {name: pca, components: 3}
  - {name: autoencoder, network: conv, channels: [2], hidden: [], n_latent: 2, steps: 20, rounds: 2}
preprocessing: {power: 0.1}
inverse: true
members: 1
supervised: false
output: run
"""


def run(*words, code=0):
    result = CliRunner().invoke(main, ["score", *map(str, words)])
    assert result.exit_code == code, result.output
    return result.output


def measure(path, output=None):
    """Do all but the page, whose figures take longest, and return the result."""
    loaded = load_scores(path, output)
    with Run.open(loaded) as run:
        run_scores(loaded.plan, loaded.resolved, run)
    return json.loads((loaded.output / "result.json").read_text())


@pytest.fixture
def features(tmp_path):
    write_features(tmp_path / "background.parquet", 1200, seed=1)
    write_features(tmp_path / "odd.parquet", 500, signal=True, seed=2)
    path = tmp_path / "score.yaml"
    path.write_text(FEATURES)
    return path


@pytest.fixture
def jets(tmp_path):
    for prongs, name in enumerate(("one", "two", "three"), start=1):
        write_jets(tmp_path / f"{name}.parquet", 130, prongs=prongs, seed=prongs)
    path = tmp_path / "score.yaml"
    path.write_text(IMAGES)
    return path


def test_features_become_a_report_the_same_twice(features, tmp_path):
    output = run(features, "--workers", 1)
    folder = tmp_path / "run"
    assert output.startswith("For 'odd' the best of 4 scores is pca, reconstruction: AUC 0.9")
    assert f"Report: {folder / 'report.html'}" in output
    found = json.loads((folder / "result.json").read_text())
    check_numbers(found)
    check_hunts(found)
    check_latent(found)
    check_page((folder / "report.html").read_text())
    cited = CliRunner().invoke(main, ["cite", str(folder)])
    assert cited.exit_code == 0, cited.output
    assert "eprint = {1808.08992}" in cited.output
    check_scores(folder / "scores.parquet", found)
    for name in ("curves_odd", "contamination_odd", "sculpting", "spectra", "latent_pca"):
        assert (folder / f"figures/{name}.pdf").stat().st_size > 5_000
    assert list(folder.glob("models/direct/autoencoder/*.safetensors"))

    measure(features, tmp_path / "again")
    for name in ("result.json", "scores.parquet"):
        assert (tmp_path / "again" / name).read_bytes() == (folder / name).read_bytes()
    (tmp_path / "score.yaml").write_text(FEATURES.replace("members: 2", "members: 3"))
    assert "has 'members: 2'" in run(features, code=2)


def check_numbers(found):
    rows = {(x["method"], x["score"], x["contamination"]): x for x in found["scores"]}
    best = rows["pca", "reconstruction", 0.0]
    assert best["auc"] > 0.9
    assert best["n_background"] == 600
    assert best["n_signal"] == 250
    assert best["tpr"]["fpr"] == pytest.approx(10 / 600)
    assert best["auc_members"] == [best["auc"]] * 2
    assert best["auc_spread"] == 0.0
    assert rows["autoencoder", "reconstruction", 0.0]["auc_spread"] > 0.0
    assert [r["eps_s"] for r in best["rejection"]] == [0.2, 0.3]
    worse = rows["pca", "reconstruction", 0.1]
    assert worse["contamination_found"] == pytest.approx(0.1, abs=0.002)
    assert worse["auc"] < best["auc"]
    supervised = rows["supervised", "probability", 0.0]
    assert supervised["supervised"]
    assert supervised["auc"] > 0.9
    assert len(rows) == 9


def check_hunts(found):
    hunts = {(h["method"], h["signal"], h["contamination"], h["cut"]): h for h in found["hunts"]}
    assert len(hunts) == 2 + 2 * 2 * 2
    alone, signal = hunts["pca", None, 0.0, 0.2], hunts["pca", "odd", 0.0, 0.2]
    assert alone["status"] == signal["status"] == "ok"
    assert signal["signal_fraction"] == pytest.approx(0.1, abs=0.002)
    low, high = signal["result"]["best"]["window"]
    assert low < 120 < high
    assert signal["result"]["best"]["local_z"] > 4
    points = found["sculpting"][0]["found"]["points"]
    # Mass and features are independent in background: nothing is sculpted.
    assert min(point["p_value"] for point in points) > 0.01


def check_latent(found):
    pca, autoencoder = found["latent"]
    # Two or one coordinates of three features; two processes of the same weight.
    for item, n_latent in ((pca, 2), (autoencoder, 1)):
        view = item["view"]
        assert (view["n_inputs"], view["n_latent"]) == (3, n_latent)
        assert view["reduction"] == pytest.approx((3 - n_latent) / 3)
        assert 1.0 <= view["effective_rank"]["value"] <= n_latent + 1e-9
        assert view["clusters"]["purity_by_chance"] == pytest.approx(0.5)
        assert 0.5 <= view["clusters"]["purity"]["value"] <= 1.0
        assert item["n"] == {"background": 500, "odd": 250}
    # The plane that holds most of the variance holds more of it than a line.
    assert pca["view"]["recovered"]["value"] > autoencoder["view"]["recovered"]["value"]


def check_page(page):
    assert len(page) < 3e6
    assert "http://" not in page.replace("http://www.w3.org", "")
    for piece in ("One direction only", "uses labels", "bumphunter", "False-positive rate"):
        assert piece in page


def check_scores(path, found):
    table = pq.read_table(path)
    assert set(table["split"].to_pylist()) == {"test"}
    assert table.num_rows == 850
    assert table["label"].to_numpy().sum() == 250
    score = table["pca.reconstruction"].to_numpy()
    label = table["label"].to_numpy() == 1
    above = (score[label][:, None] > score[~label]).mean()
    assert above == pytest.approx(found["scores"][0]["auc"], abs=1e-9)
    assert "supervised.probability@odd" in table.column_names


@pytest.mark.usefixtures("sketched")
def test_images_in_both_directions_and_preprocessings(jets, tmp_path):
    run(jets, "--workers", 1)
    found = json.loads((tmp_path / "run/result.json").read_text())
    keys = {(x["method"], x["signal"], x["direction"], x["variant"]) for x in found["scores"]}
    assert len(keys) == 2 * 2 * 2
    assert {x["pixels"]["power"] for x in found["scores"]} == {0.5, 0.1}
    assert found["hunts"] == found["sculpting"] == []
    assert np.shape(found["contributions"][1]["mean"]) == (2, 8, 8)
    assert found["samples"][0]["n_events"] == 110
    page = (tmp_path / "run/report.html").read_text()
    for piece in ("Both directions", "Preprocessing", "trained on the signal"):
        assert piece in page
    text = IMAGES.replace("inverse: true", "inverse: false")
    jets.write_text(text)
    assert "belongs to another run" in run(jets, code=2)


def test_data_are_scored_in_folds_with_signed_weights(features, tmp_path):
    text = FEATURES.replace("  mass: mass\n", "  mass: mass\n  weight: w\n")
    text += "train: data\nfolds: 3\n"
    features.write_text(text.replace("contamination: [0, 0.1]", "contamination: 0.05"))
    found = measure(features)
    assert found["samples"][0]["n_test"] == found["samples"][0]["n_train"] == 1200
    row = found["scores"][0]
    assert row["contamination_found"] == pytest.approx(0.05, abs=0.003)
    assert 600 < row["n_background"] < 1200  # Kish's number
    assert row["auc"] > 0.85
    table = pq.read_table(tmp_path / "run/scores.parquet")
    assert set(table["fold"].to_pylist()) == {0, 1, 2}
    assert "pca.reconstruction@odd" in table.column_names
    hunts = [h for h in found["hunts"] if h["signal"] == "odd"]
    assert {round(h["signal_fraction"], 2) for h in hunts} == {0.05}


@pytest.mark.usefixtures("sketched")
def test_a_cocktail_is_tested_on_what_it_has_not_seen(jets, tmp_path):
    text = IMAGES[: IMAGES.index("representation")].replace(
        "two.parquet", "two.parquet, three: three.parquet"
    ) + (
        "representation: {name: constituents, n_max: 6}\n"
        "methods: [{name: cocktail, options: {max_trees: 10}}, isolation_forest,\n"
        "  {name: autoencoder, network: dense, hidden: [4], n_latent: 2, steps: 20, rounds: 2}]\n"
        "supervised: {name: deep_sets, steps: 20, rounds: 2}\nmembers: 1\noutput: run\n"
    )
    jets.write_text(text)
    run(jets, "--workers", 1)
    found = json.loads((tmp_path / "run/result.json").read_text())
    learned = {x["signal"]: x["n_learn"] for x in found["scores"] if x["method"] == "cocktail"}
    assert learned == {"two": 110, "three": 110}  # halves of background and of the other signal
    assert [m["flat"] for m in found["methods"]] == [True, True, False]
    (transfer,) = found["transfer"]
    assert (transfer["method"], transfer["status"]) == ("cocktail", "ok")
    matrix = transfer["matrix"]
    assert np.shape(matrix["auc"]) == (5, 2)  # all, without and only each, tested on each
    unseen, known = matrix["auc"][1][0], matrix["auc"][3][0]
    assert known > unseen - 4 * matrix["auc_error"][1][0]
    page = (tmp_path / "run/report.html").read_text()
    assert page.count("<b>unseen</b>") == 2
    assert np.shape(found["contributions"][1]["mean"]) == (3, 6)


def test_kill_and_continue(features, tmp_path):
    measure(features, tmp_path / "whole")
    folder = tmp_path / "run"
    for pattern in ("steps/scores/**/*.npz", "steps/hunts/**/*"):
        process = start(tmp_path / "killed", "score", features, "--workers", "1")
        kill_when(process, lambda pattern=pattern: any(map(Path.is_file, folder.glob(pattern))))
    steps = {path: path.stat().st_mtime_ns for path in folder.glob("steps/**/*.npz")}
    assert len(steps) >= 2
    measure(features)
    assert {path: path.stat().st_mtime_ns for path in steps} == steps  # nothing is done twice
    expected = (tmp_path / "whole/result.json").read_bytes()
    assert (folder / "result.json").read_bytes() == expected
    assert not list(folder.rglob(".tmp-*"))


def test_a_dry_run_tells_the_plan(features):
    output = run(features, "--dry-run", "--inverse", "--device", "cpu")
    assert "inverse: true" in output
    assert "# 2 methods against 1 signals: 7 trainings (5 on background, 2 on a signal)" in output


def test_bad_rows_are_refused_or_dropped(features, tmp_path):
    table = pq.read_table(tmp_path / "background.parquet").to_pydict()
    table["a"][3] = float("nan")
    import pyarrow as pa

    pq.write_table(pa.table(table), tmp_path / "background.parquet")
    assert "1 of 1200 events of 'background' have a NaN" in run(features, code=2)
    features.write_text(FEATURES.replace("output: run", "output: other\nnonfinite: drop"))
    found = measure(features)
    assert found["samples"][0]["n_dropped"] == 1
    assert found["samples"][0]["n_events"] == 1199


def test_the_examples_of_the_documentation_run(tmp_path):
    page = Path(__file__).resolve().parents[2] / "docs/howto/score.md"
    examples = re.findall(r"```yaml\n(.*?)```", page.read_text(), flags=re.DOTALL)
    assert len(examples) == 2
    for prongs, name in ((1, "qcd_jets"), (3, "top_jets")):
        write_jets(tmp_path / f"{name}.parquet", 160, prongs=prongs, seed=prongs)
    (tmp_path / "score.yaml").write_text(examples[1])
    assert [m.name for m in load_scores(tmp_path / "score.yaml").plan.methods] == [
        "mahalanobis", "small", "large",
    ]  # fmt: skip
    small = "supervised: {steps: 10, rounds: 2}\nhunt: {bins: 20, toys: 10}\nmembers: 1\n"
    text = examples[0].replace("steps: 2000", "steps: 10, rounds: 2") + small
    assert text.count("steps: 10") == 2
    (tmp_path / "score.yaml").write_text(text)
    found = measure(tmp_path / "score.yaml")
    assert {x["direction"] for x in found["scores"]} == {"direct", "inverse"}
    assert found["reference"] == "cnn"
    assert {x["contamination"] for x in found["hunts"]} == {0.0, 0.01, 0.1}
