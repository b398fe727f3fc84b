"""YAML in, one sentence out."""

from __future__ import annotations

import pytest
import yaml

from bycatch.config.messages import parse_yaml, validated
from bycatch.errors import ConfigError
from bycatch.search.plan import SearchPlan

TEXT = """
data:
  path: events.parquet
  inject: {path: signal.parquet, count: 600}
resonance: mjj
features:
  tau21: tau2 / tau1
regions:
  bins: 100
  fit_range: [2700, 6500]
  windows: [[3300, 3700]]
methods:
  - {template: cwola, classifier: trees}
working_points: [0.1, 1e-3]
seed: 1
"""


def config(text):
    return validated(SearchPlan, parse_yaml(text, "s.yaml"), "s.yaml")


def test_numbers_as_people_write_them():
    content = parse_yaml("a: 1e-5\nb: -2.5E+3\nc: no\nd: 2020-01-01\ne: 17\nf: true\ng: .5", "x")
    assert content == {
        "a": 1e-5, "b": -2500.0, "c": "no", "d": "2020-01-01", "e": 17, "f": True, "g": 0.5,
    }  # fmt: skip


def test_defaults_and_scalars_for_lists():
    found = config(TEXT)
    assert found.data.path == ("events.parquet",)
    assert found.working_points == (0.1, 0.001)
    assert found.folds == 5
    assert found.background.family == "dijet"
    assert config(TEXT.replace("[[3300, 3700]]", "[3300, 3700]")).regions.windows == ((3300, 3700),)
    assert config(TEXT.replace("tau2 / tau1", "17")).features == {"tau21": "17"}


@pytest.mark.parametrize(
    "line",
    [
        "scan: {first: 3000, last: 5000, width: 0.11, step: 0.5}",
        "windows: {scan: {first: 3000, last: 5000, width: 0.11}}",
    ],
)
def test_a_scan_instead_of_windows(line):
    found = config(TEXT.replace("windows: [[3300, 3700]]", line))
    assert found.regions.scan.step == 0.5
    assert found.regions.windows is None


def test_further_keys_of_a_method_are_options():
    found = config(TEXT.replace("classifier: trees", "classifier: trees, leaves: 7"))
    assert found.methods[0].model_extra == {"leaves": 7}


@pytest.mark.parametrize(
    ("there", "instead", "sentence"),
    [
        ("resonance: mjj", "resonace: mjj", "unknown key 'resonace'; the nearest keys are 'reson"),
        ("bins: 100", "bns: 100", "unknown key 'bns' in 'regions'; the nearest keys are 'bins'"),
        ("count: 600", "cuont: 600", "unknown key 'cuont' in 'data.inject'.*'count'"),
        ("resonance: mjj", "", "the key 'resonance' is missing"),
        ("seed: 1", "seed: one", "'seed' is 'one', but must be a whole number"),
        ("seed: 1", "seed: -1", "'seed' is -1, but must be at least 0"),
        ("seed: 1", "seed: true", "'seed' is True, but must be a whole number"),
        ("seed: 1", "toys: 0", "'toys' is 0, but must be at least 1"),
        ("seed: 1", "folds: 2", "'folds' is 2, but must be a whole number of at least 3"),
        ("seed: 1", "nonfinite: dorp", "'nonfinite' is 'dorp', but must be 'refuse' or 'drop'"),
        ("seed: 1", "background: {order: many}", "'background.order' is 'many', but must be a num"),
        ("seed: 1", "background: dijet", "'background' is 'dijet', but must be a mapping of keys"),
        ("1e-3]", "2]", r"'working_points\[1\]' is 2, but must be at most 1"),
        ("[0.1, 1e-3]", "[]", r"'working_points' is \[\], but must be not empty"),
        ("bins: 100", "bins: -3", "'regions.bins' is -3, but must be a positive bin width"),
        ("bins: 100", "bins: [1, 3, 2]", "rising edges"),
        ("[2700, 6500]", "[2700, .inf]", "'regions.fit_range' is .*of finite numbers"),
        ("[2700, 6500]", "[6500, 2700]", "'regions.fit_range' is .*low below high"),
        ("[[3300, 3700]]", "3300", "'regions.windows' is 3300, but must be a list of intervals"),
        ("windows: [[3300, 3700]]", "", "'regions' is .* exactly one of 'windows' and 'scan'"),
        ("bins: 100", "sidebands: 2", "'regions.sidebands' is 2, but must be a fraction"),
        ("  tau21: tau2 / tau1", "  []", r"'features' is \[\], but must be a mapping of names"),
        ("  tau21: tau2 / tau1", "  tau21: [a]", r"'features.tau21' is \['a'\], but must be a"),
        ("path: events.parquet", "path: []", "'data.path' is .* must be not empty"),
        ("path: events.parquet", "path: 3", "'data.path' is 3, but must be a list"),
        ("seed: 1", "seed: 1\nseed: 2", "s.yaml, line 16: .*'seed' stands twice"),
        ("[[3300, 3700]]", "[[3300, 3700]", r"s.yaml, line \d+: this is no valid YAML"),
        ("seed: 1", "seed: 1\n\tmembers: 2", r"s.yaml, line 16: this is no valid YAML"),
    ],
)  # fmt: skip
def test_one_sentence(there, instead, sentence):
    assert there in TEXT
    with pytest.raises(ConfigError, match=sentence) as caught:
        config(TEXT.replace(there, instead, 1))
    assert str(caught.value).startswith("s.yaml")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("text", ["", "- a\n- b", "just words", "17"])
def test_no_mapping(text):
    with pytest.raises(ConfigError, match="must hold keys and values"):
        parse_yaml(text, "s.yaml")


def test_yaml_cannot_make_objects():
    with pytest.raises(ConfigError, match="no valid YAML"):
        parse_yaml("a: !!python/object/apply:os.system ['true']", "s.yaml")


def test_the_dumped_configuration_is_one_again():
    first = config(TEXT)
    text = yaml.safe_dump(first.model_dump(mode="json"))
    assert config(text) == first
