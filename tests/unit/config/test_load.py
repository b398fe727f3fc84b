"""A configuration becomes a plan, or one sentence, before work begins."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest

from bycatch.config import load_search
from bycatch.errors import ColumnError, ConfigError, ExpressionError, InputError
from bycatch.search.plan import InjectionPlan, MethodPlan, ScanPlan
from bycatch.statistics.plan import BackgroundPlan

TEXT = """
data:
  path: events.npz
  where: label == 0
  inject: {path: [events.npz], where: label == 1, count: 6}
resonance: mjj
features: {mass: j1_mass / 1000, tau21: j1_tau2 / (j1_tau1 + 1e-5)}
truth: label
regions:
  bins: 100
  fit_range: [2700, 6500]
  windows: [[3300, 3700]]
  sidebands: 0.12
methods:
  - {template: cwola, classifier: trees}
  - {template: cwola, classifier: network}
background: {family: dijet, order: 4}
output: runs/here
"""


@pytest.fixture
def write(tmp_path):
    names = ("mjj", "j1_mass", "j1_tau1", "j1_tau2", "label")
    np.savez(tmp_path / "events.npz", **{name: np.ones(10) for name in names})

    def write_text(text):
        path = tmp_path / "search.yaml"
        path.write_text(text)
        return path

    return write_text


def test_the_plan(write, tmp_path):
    loaded = load_search(write(TEXT))
    plan = loaded.plan
    events = str(tmp_path / "events.npz")
    assert plan.data.path == (events,)
    assert plan.data.inject == InjectionPlan(path=(events,), where="label == 1", count=6)
    assert plan.features["mass"] == "j1_mass / 1000"
    assert plan.regions.windows == ((3300.0, 3700.0),)
    assert plan.methods == (
        MethodPlan(template="cwola", classifier="trees"),
        MethodPlan(template="cwola", classifier="network"),
    )
    assert plan.background == BackgroundPlan(family="dijet", order=4)
    assert loaded.output == tmp_path / "runs/here"
    assert loaded.inputs == (Path(events), Path(events))


def test_paths_resolve_against_the_file_and_output_against_the_terminal(
    write, tmp_path, monkeypatch
):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    path = write(TEXT)
    monkeypatch.chdir(elsewhere)
    loaded = load_search("../search.yaml", output="mine")
    assert loaded.plan == load_search(path).plan
    assert loaded.output == Path("mine")


def test_the_resolved_configuration_runs_again(write, tmp_path):
    first = load_search(write(TEXT))
    (tmp_path / "deeper").mkdir()
    again = tmp_path / "deeper" / "config.yaml"
    again.write_text(first.text)
    second = load_search(again)
    assert second.plan == first.plan
    assert second.resolved == first.resolved
    assert "output" not in first.resolved
    assert second.output == tmp_path / "deeper/runs/config"


def test_options_go_to_the_template_or_to_the_classifier(write):
    text = TEXT.replace(
        "{template: cwola, classifier: network}",
        "{template: cathode, classifier: trees, name: narrow, density: maf, max_trees: 19, "
        "density_options: {hidden: [8, 8]}}",
    ).replace("{template: cwola, classifier: trees}", "{template: anode}")
    loaded = load_search(write(text))
    first, second = loaded.plan.methods
    assert (first.name, first.classifier, first.template_options) == ("anode", None, ())
    assert second.name == "narrow"
    assert second.options == (("max_trees", 19),)
    assert dict(second.template_options) == {
        "density": "maf",
        "density_options": {"hidden": [8, 8]},
    }
    assert loaded.resolved["methods"][0] == {"template": "anode"}


def test_a_scan(write):
    text = TEXT.replace(
        "windows: [[3300, 3700]]", "scan: {first: 3000, last: 5000, width: 0.11, step: 0.5}"
    )
    assert load_search(write(text)).plan.regions.scan == ScanPlan(
        first=3000, last=5000, width=0.11, step=0.5
    )


@pytest.mark.parametrize(
    ("there", "instead", "error", "sentence"),
    [
        ("[[3300, 3700]]", "[[2300, 2500]]", ConfigError, r"window \[2300, 2500\] lies outside of"),
        ("[[3300, 3700]]", "[[2700, 6500]]", ConfigError, "leaves nothing"),
        ("sidebands: 0.12", "sidebands: [[1, 2]]", ConfigError, r"sideband \[1, 2\] lies outside"),
        ("bins: 100", "bins: 1000", ConfigError, "fewer than 4 bins"),
        ("classifier: network", "classifier: trees", ConfigError, "lists cwola-trees twice"),
        ("template: cwola", "template: cvola", ConfigError,
         r"'methods\[0\].template' is 'cvola', which does not exist; the nearest are 'cwola'"),
        ("classifier: network", "classifier: netwrok", ConfigError, "'network'"),
        ("classifier: network", "classifer: network", ConfigError,
         r"'methods\[1\].classifier' is missing; the nearest keys that are there are 'classifer'"),
        ("classifier: network", "classifier: network, max_epoch: 3", ConfigError,
         r"'methods\[1\]' has the unknown key 'max_epoch'; the nearest keys are 'max_epochs'"),
        ("classifier: network", "classifier: network, max_epochs: -3", ConfigError, "'max_epochs'"),
        ("classifier: network", "classifier: network, hidden: wide", ConfigError, "must be a list"),
        ("classifier: network", "classifier: network, background: 1", ConfigError,
         "unknown key 'background'"),
        ("cwola, classifier: network", "anode, classifier: network", ConfigError,
         "'anode' has a score of its own: remove the key"),
        ("cwola, classifier: network", "cathode, density: flow, classifier: trees", ConfigError,
         r"'methods\[1\]': There is no density 'flow'; the nearest"),
        ("cwola, classifier: network", "cathode, density: maf, shared: true, classifier: trees",
         ConfigError, "'maf' cannot be shared by several windows"),
        ("cwola, classifier: network", "anode, window_options: {stepz: 3}", ConfigError,
         "no option 'stepz'; the nearest options are 'steps'"),
        ("classifier: network", "classifier: network, name: two words", ConfigError,
         r"'methods\[1\].name' is 'two words'"),
        ("classifier: network", "classifier: network, name: cwola-trees", ConfigError,
         "lists cwola-trees twice"),
        ("family: dijet", "family: dijets", ConfigError, "nearest are 'dijet'"),
        ("order: 4", "order: 17", ConfigError, "'background.order' is 17, but the family 'dijet'"),
        ("template: cwola", "template: ideal", ConfigError, None),
        ("mass: j1_mass / 1000", "mass: 'mjj '", ConfigError, "feature 'mass' is the resonance"),
        ("output:", "working_points: [0.1, 0.1]\noutput:", ConfigError, "has a value twice"),
        ("path: events.npz", "path: event.npz", InputError, "events.npz"),
        ("resonance: mjj", "resonance: mj", ColumnError,
         "has no column 'mj', which 'resonance' uses; the nearest columns are 'mjj'"),
        ("j1_mass /", "j1_mas /", ColumnError, "'features.mass' uses; .*'j1_mass'"),
        ("where: label == 1", "where: labl == 1", ColumnError, "'data.inject.where' uses"),
        ("j1_mass /", "j1_mass //// ", ExpressionError, "'features.mass'"),
        ("j1_mass /", "__import__('os').system('true') + ", ExpressionError, "'features.mass'"),
        ("output:", "validation: nowhere\noutput:", InputError, "'validation' names the folder"),
    ],
)  # fmt: skip
def test_one_sentence(write, there, instead, error, sentence):
    assert there in TEXT
    text = TEXT.replace(there, instead, 1)
    if sentence is None:
        text, sentence = text.replace("truth: label", ""), "'ideal' uses truth labels"
    with pytest.raises(error, match=sentence) as caught:
        load_search(write(text))
    assert "\n" not in str(caught.value)


def test_a_missing_configuration_lists_what_is_there(write, tmp_path):
    write(TEXT)
    with pytest.raises(InputError, match=r"serch\.yaml cannot be read .*'search\.yaml'"):
        load_search(tmp_path / "serch.yaml")


def test_a_binary_file_is_no_configuration(write, tmp_path):
    write(TEXT)
    (tmp_path / "x.yaml").write_bytes(b"\xff\xfe\x00\x81")
    with pytest.raises(InputError, match="no text file"):
        load_search(tmp_path / "x.yaml")


def test_a_label_is_what_was_once_the_name(write):
    """The resolved configuration keeps the old key, so that runs begun with it continue."""
    found = [
        load_search(write(TEXT.replace("classifier: network", f"classifier: network, {key}: wide")))
        for key in ("label", "name")
    ]
    assert found[0].plan == found[1].plan
    assert found[0].plan.methods[1].name == found[0].plan.methods[1].label == "wide"
    assert found[0].resolved["methods"][1] == {
        "template": "cwola", "classifier": "network", "name": "wide",
    }  # fmt: skip
    assert pickle.loads(pickle.dumps(found[0].plan)) == found[0].plan
