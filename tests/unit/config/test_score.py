"""A configuration of scores becomes a plan, or one sentence, before work begins."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from bycatch.anomaly.plan import Preprocessing, SamplePlan
from bycatch.anomaly.run import describe_scores
from bycatch.config import load_scores
from bycatch.config.score_schema import ScoreConfig
from bycatch.errors import ColumnError, ConfigError, ExpressionError, InputError

TEXT = """
data:
  background: jets.parquet
  signals: {top: [tops.parquet], odd: {path: jets.parquet, where: m > 5, limit: 3}}
  mass: m
  where: m > 1
representation: {name: images, size: 8, power: 0.5}
methods: [pca, {name: autoencoder, members: 5, steps: 10, rounds: 1}]
contamination: [0, 0.01]
"""

FEATURES = TEXT.replace(
    "representation: {name: images, size: 8, power: 0.5}", "features: [m, 2 * m]"
)


@pytest.fixture
def write(tmp_path):
    columns = {
        f"constituent_{name}": pa.array([np.full(4, value)] * 10)
        for name, value in (("px", 3.0), ("py", 0.0), ("pz", 4.0), ("E", 5.0))
    }
    table = pa.table({**columns, "m": np.arange(10.0), "w": np.ones(10)})
    for name in ("jets", "tops"):
        pq.write_table(table, tmp_path / f"{name}.parquet")

    def write_text(text):
        path = tmp_path / "score.yaml"
        path.write_text(text)
        return path

    return write_text


def test_the_plan(write, tmp_path):
    loaded = load_scores(write(TEXT))
    plan = loaded.plan
    jets, tops = (str(tmp_path / f"{name}.parquet") for name in ("jets", "tops"))
    assert plan.samples == (
        SamplePlan("background", (jets,), "m > 1"),
        SamplePlan("top", (tops,), "m > 1"),
        SamplePlan("odd", (jets,), "(m > 1) & (m > 5)", 3),
    )
    assert plan.inputs.options == {"size": 8}
    assert plan.pixels == Preprocessing(0.5, 0.0)
    assert [m.members for m in plan.methods] == [3, 5]
    assert all(m.options["layout"] == "image" for m in plan.methods)
    assert plan.methods[1].options["device"] == "cpu"
    assert plan.reference.name == "cnn"
    assert plan.cuts.signal == 0.01
    assert plan.folds == 0
    assert loaded.output == tmp_path / "runs/score"
    assert loaded.inputs == (Path(jets), Path(tops), Path(jets))
    assert describe_scores(plan).startswith("2 methods against 2 signals: 8 trainings")


def test_the_resolved_configuration_runs_again(write, tmp_path):
    for text in (TEXT, FEATURES + "supervised: false\ntrain: data\n"):
        first = load_scores(write(text))
        again = tmp_path / "config.yaml"
        again.write_text(first.text)
        second = load_scores(again)
        assert second.plan == first.plan
        assert second.resolved == first.resolved


def test_options_of_the_command_line(write):
    text = TEXT + "device: cuda:99\n"
    with pytest.raises(ConfigError, match=r"'methods\[1\]' .*'device' is 'cuda:99'"):
        load_scores(write(text))
    loaded = load_scores(write(text), "here", inverse=True, device="cpu")
    assert loaded.plan.inverse
    assert loaded.plan.methods[1].options["device"] == "cpu"
    assert loaded.plan.reference.options["device"] == "cpu"
    assert loaded.resolved["device"] == "cpu"
    assert loaded.output == Path("here")


def test_layouts(write):
    text = TEXT.replace("{name: images, size: 8, power: 0.5}", "constituents")
    plan = load_scores(write(text)).plan
    assert [m.flat for m in plan.methods] == [True, False]
    assert plan.methods[0].options["layout"] == "vector"
    assert plan.methods[1].options["layout"] == "set"
    assert (plan.reference.name, plan.reference.flat) == ("deep_sets", False)
    plan = load_scores(write(text + "supervised: trees\n")).plan
    assert (plan.reference.name, plan.reference.flat) == ("trees", True)
    assert load_scores(write(FEATURES)).plan.inputs.features == (("m", "m"), ("2 * m", "2 * m"))


def test_only_one_of_power_and_smearing_changes(write):
    text = TEXT + "preprocessing: {power: [0.1, 0.5, 1], smear: [0, 2]}\n"
    assert load_scores(write(text)).plan.variants == (
        Preprocessing(0.1, 0.0),
        Preprocessing(1.0, 0.0),
        Preprocessing(0.5, 2.0),
    )


def test_what_else_scores_learn_from(write):
    text = FEATURES.replace("[pca,", "[cocktail, adversarial_autoencoder,")
    assert [m.uses for m in load_scores(write(text)).plan.methods] == ["label", "protected", ""]
    with pytest.raises(ConfigError, match=r"'methods\[1\]' .* protects a variable, but there is"):
        load_scores(write(text.replace("  mass: m\n", "")))
    with pytest.raises(ConfigError, match=r"'data\.signals' needs at least 2"):
        load_scores(write(text.replace(", odd: {path: jets.parquet, where: m > 5, limit: 3}", "")))


@pytest.mark.parametrize(
    ("there", "instead", "error", "sentence"),
    [
        ("background: jets", "backgruond: jets", ConfigError,
         "unknown key 'backgruond' in 'data'; the nearest keys are 'background'"),
        ("jets.parquet\n", "jest.parquet\n", InputError, "jest.parquet"),
        ("  signals: {top: [tops.parquet], odd: {path: jets.parquet, where: m > 5, limit: 3}}\n",
         "", ConfigError, "the key 'data.signals' is missing"),
        ("top:", "background:", ConfigError, "a signal is named 'background'"),
        ("where: m > 5", "where: mm > 5", ColumnError,
         "has no column 'mm', which 'data.signals.odd.where' uses; the nearest columns are 'm'"),
        ("where: m > 5", "where: m >", ExpressionError, "'data.signals.odd.where'"),
        ("limit: 3", "limit: 1", ConfigError, "'data.signals.odd.limit' is 1, but must be at"),
        ("mass: m", "mass: n", ColumnError, "no column 'n', which 'data.mass' uses"),
        ("mass: m", "mass: m\n  weight: v", ColumnError, "'data.weight' uses"),
        ("name: images", "name: image", ConfigError,
         "'representation.name' is 'image', which does not exist; the nearest are 'images'"),
        ("size: 8", "sizes: 8", ConfigError, "'representation' has the unknown key 'sizes'"),
        ("size: 8", "size: 0", ConfigError, "'representation': An image needs at least 1 pixel"),
        ("size: 8", "size: big", ConfigError, "an option of the wrong kind"),
        ("power: 0.5", "power: -1", ConfigError, "power of the pixels must be positive"),
        ("name: images, size: 8, power: 0.5", "name: objects", ColumnError, "met_pt"),
        ("methods:", "features: [m]\nmethods:", ConfigError, "exactly one of 'representation'"),
        ("[pca,", "[pac,", ConfigError,
         r"'methods\[0\].name' is 'pac', which does not exist; the nearest are 'pca'"),
        ("[pca,", "[autoencoder,", ConfigError, "has the name 'autoencoder', which is taken"),
        ("steps: 10", "stops: 10", ConfigError, "unknown key 'stops'; the nearest"),
        ("steps: 10", "steps: 0", ConfigError, r"'methods\[1\]' \(autoencoder\): .*steps"),
        ("steps: 10", "steps: ten", ConfigError, r"'methods\[1\]' \(autoencoder\)"),
        ("steps: 10", "seed: 3", ConfigError, "belongs to the whole run"),
        ("steps: 10", "network: lola", ConfigError, "layout"),
        ("[pca,", "[recurrent_vae,", ConfigError, "It reads sets, but 'images' makes images"),
        ("[0, 0.01]", "[0.1, 0.1]", ConfigError, "'contamination' has a value twice"),
        ("[0, 0.01]", "1.5", ConfigError, "'contamination.*' is 1.5, but must be smaller than 1"),
        ("contamination", "test_fraction: 1\ncontamination", ConfigError, "test_fraction"),
        ("contamination", "train: both\ncontamination", ConfigError, "'background' or 'data'"),
        ("contamination", "folds: 1\ncontamination", ConfigError, "'folds' is 1"),
        ("contamination", "members: 0\ncontamination", ConfigError, "'members' is 0"),
        ("contamination", "device: gpu\ncontamination", ConfigError, "device"),
        ("contamination", "nonfinite: keep\ncontamination", ConfigError, "'refuse' or 'drop'"),
        ("contamination", "supervised: threes\ncontamination", ConfigError,
         "'supervised.name' is 'threes', which does not exist; the nearest are 'trees'"),
        ("contamination", "supervised: deep_sets\ncontamination", ConfigError,
         "reads sets, but 'images' makes images; use 'cnn'"),
        ("contamination", "supervised: {stops: 3}\ncontamination", ConfigError, "option 'stops'"),
        ("contamination", "hunt: {cuts: 2}\ncontamination", ConfigError, "smaller than 1"),
        ("contamination", "hunt: {family: dijets}\ncontamination", ConfigError, "'dijet'"),
        ("contamination", "hunt: {family: dijet, order: 99}\ncontamination", ConfigError, "99"),
        ("contamination", "hunt: {range: [2, 1]}\ncontamination", ConfigError, "low below high"),
        ("contamination", "preprocessing: {power: 0}\ncontamination", ConfigError, "larger than 0"),
    ],
)  # fmt: skip
def test_mistakes(write, there, instead, error, sentence):
    assert there in TEXT
    with pytest.raises(error, match=sentence) as caught:
        load_scores(write(TEXT.replace(there, instead, 1)))
    assert "\n" not in str(caught.value)


def test_mistakes_of_features(write):
    with pytest.raises(ConfigError, match="'features' has none"):
        load_scores(write(FEATURES + "preprocessing: {power: 1}\n"))
    with pytest.raises(ColumnError, match=r"'features\.n' uses"):
        load_scores(write(FEATURES.replace("[m, 2 * m]", "[n]")))
    with pytest.raises(ConfigError, match="no expression stands twice"):
        load_scores(write(FEATURES.replace("[m, 2 * m]", "[m, m]")))
    with pytest.raises(ConfigError, match="exactly one of"):
        load_scores(write(FEATURES.replace("features: [m, 2 * m]\n", "")))


def test_every_key_is_described():
    schema = ScoreConfig.model_json_schema()
    blocks = schema["$defs"]
    for block in [schema, *blocks.values()]:
        for key, field in block["properties"].items():
            described = {**blocks.get(field.get("$ref", "").rpartition("/")[2], {}), **field}
            assert described.get("description"), f"{block['title']}.{key}"
