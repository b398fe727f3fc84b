"""Another package adds a score, a template, a verb, a format, a process and a representation.

docs/howto/extend.md shows the files of tests/data/extension: these are the steps that it names.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from make_events import CONFIG, make_events, write_parquet
from make_jets import write_features

HERE = Path(__file__).parents[1] / "data" / "extension"
ROOT = Path(__file__).parents[2]
ENTRY_POINTS = (HERE / "entry_points.txt").read_text(encoding="utf-8")
SCORE = """\
data: {background: background.parquet, signals: {odd: odd.parquet}}
features: [a, b, c]
methods: [{name: mixture, components: 2}]
members: 2
supervised: false
output: run
"""


def install(folder, entry_points=ENTRY_POINTS, name="bycatch-more"):
    """Lay a package and its metadata down as an installer would."""
    package = folder / "bycatch_more"
    if not package.exists():
        shutil.copytree(HERE, package)
    info = folder / f"{name.replace('-', '_')}-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(entry_points)
    return folder


@pytest.fixture(scope="module")
def packages(tmp_path_factory):
    return install(tmp_path_factory.mktemp("packages"))


def python(packages, *words, cwd=None, code=0):
    paths = os.pathsep.join(map(str, (packages, ROOT / "src")))
    done = subprocess.run(
        [sys.executable, *map(str, words)],
        check=False, cwd=cwd, capture_output=True, text=True,
        env={**os.environ, "PYTHONPATH": paths},
    )  # fmt: skip
    assert done.returncode == code, done.stdout + done.stderr
    return done


def bycatch(packages, *words, **options):
    return python(packages, "-m", "bycatch", *words, **options)


@pytest.mark.parametrize(("names", "most"), [
    (("mixture.py",), 60), (("near.py",), 60), (("count.py", "count.html.j2"), 120),
])  # fmt: skip
def test_extensions_are_short(names, most):
    lines = [line for name in names for line in (HERE / name).read_text().splitlines()]
    assert len(lines) <= most


def test_help_lists_the_verb(packages):
    told = bycatch(packages, "--help").stdout
    assert "Count the events in windows of a column." in told
    assert "Search for a resonance" in told


def test_the_verb(packages, tmp_path):
    columns = {"m": np.array([1.0, 2.0, 2.5, 7.0])}
    write_parquet(tmp_path / "events.parquet", columns)
    config = tmp_path / "count.yaml"
    config.write_text("data: events.parquet\ncolumn: m\nwindows: [[1, 3], [3, 9]]\noutput: run\n")
    assert "1-3: 3 +- 1.73 events" in bycatch(packages, "count", config).stdout
    found = json.loads((tmp_path / "run/result.json").read_text())
    assert [window["events"] for window in found["windows"]] == [3.0, 1.0]
    page = (tmp_path / "run/report.html").read_text()
    assert "1-3: 3 +- 1.73 events" in page
    config.write_text("data: events.parquet\ncolumn: n\nwindows: [[1, 3]]\n")
    assert "no column 'n'" in bycatch(packages, "count", config, code=2).stderr


def test_the_score(packages, tmp_path):
    write_features(tmp_path / "background.parquet", 600)
    write_features(tmp_path / "odd.parquet", 200, signal=True, seed=2)
    config = tmp_path / "score.yaml"
    config.write_text(SCORE)
    bycatch(packages, "score", config, "--workers", "1")
    assert "mixture" in json.loads((tmp_path / "run/result.json").read_text())["citations"]
    assert "author = {Pearson, Karl}" in (tmp_path / "run/report.html").read_text()
    assert "author = {Pearson, Karl}" in bycatch(packages, "cite", tmp_path / "run").stdout
    config.write_text(SCORE.replace("name: mixture", "name: mixtur"))
    assert "the nearest are 'mixture'" in bycatch(packages, "score", config, code=2).stderr
    config.write_text(SCORE.replace("components", "component"))
    assert "nearest keys are 'components'" in bycatch(packages, "score", config, code=2).stderr


def test_the_template(packages, tmp_path):
    write_parquet(tmp_path / "events.parquet", make_events(2500))
    config = tmp_path / "search.yaml"
    method = "{template: near, classifier: trees, share: 0.6, max_trees: 20}"
    text = CONFIG.replace("{template: cwola, classifier: trees}", method)
    text = text.replace("members: 2", "members: 1")
    config.write_text(text.replace("[0.1, 0.03]", "[0.1]"))
    bycatch(packages, "search", config, "--workers", "1")
    looks = json.loads((tmp_path / "run/result.json").read_text())["looks"]
    assert {look["method"] for look in looks} == {"near-trees"}


def test_format_process_and_representation(packages, tmp_path):
    (tmp_path / "events.jsonl").write_text('{"a": 1.0, "b": 3.0}\n{"a": 2.0, "b": 5.0}\n')
    code = (
        "import bycatch; from bycatch.represent import represent;"
        "print(represent('pairs', bycatch.read('events.jsonl')).values.tolist())"
    )
    made = python(packages, "-c", code, cwd=tmp_path).stdout
    assert made.strip() == "[[1.0, 3.0, 3.0], [2.0, 5.0, 10.0]]"
    assert "hard_scale" in bycatch(packages, "simulate", "--list").stdout


def test_a_taken_name_is_refused_aloud(tmp_path):
    packages = install(tmp_path, "[bycatch.scores]\npca = bycatch_more.mixture:MixtureScore\n")
    code = "from bycatch.score import SCORES; print(SCORES['pca'].__name__, len(SCORES))"
    done = python(packages, "-c", code)
    assert done.stdout.startswith("PcaScore")
    assert "The score 'pca' of 'bycatch_more.mixture:MixtureScore' is refused" in done.stderr


def test_a_broken_package_is_named(tmp_path):
    packages = install(
        tmp_path,
        "[bycatch.scores]\nodd = bycatch_gone:Odd\n[bycatch.verbs]\nodd = bycatch_gone:odd\n",
        name="bycatch-odd",
    )
    sentence = "of the package 'bycatch-odd' cannot be loaded from 'bycatch_gone:odd'"
    assert sentence in bycatch(packages, "odd", code=2).stderr
    assert "bycatch-odd" in bycatch(packages, "--help").stdout
    code = "from bycatch.score import make_score; make_score('odd')"
    assert (
        "The score 'odd' of the package 'bycatch-odd'"
        in python(packages, "-c", code, code=1).stderr
    )


def test_what_is_no_verb_or_exits_does_not_end_the_help(tmp_path):
    (tmp_path / "bycatch_quits.py").write_text("raise SystemExit(7)\n")
    entries = "[bycatch.verbs]\nfive = bycatch_more.count:__doc__\nquits = bycatch_quits:x\n"
    packages = install(tmp_path, entries)
    told = python(packages, "-m", "bycatch", "--help").stdout
    assert "The verb 'five' is" in told
    assert "SystemExit(7)" in told
    called = python(packages, "-m", "bycatch", "five", code=2)
    assert "no click command; mend its package." in called.stderr
