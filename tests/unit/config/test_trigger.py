"""The configuration of a trigger: what it resolves to, and one sentence for each mistake."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from bycatch.config.trigger import build_trigger, load_trigger
from bycatch.errors import BycatchError, ColumnError, ConfigError, InputError
from bycatch.events.simulate.files import table_from_columns
from bycatch.score import make_score
from bycatch.trigger.plan import TriggerPlan
from bycatch.trigger.processes import find_processes

W = {"cross_section": 58e3, "acceptance": 0.556, "trigger": 0.68}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    columns = {"score": np.arange(10.0), "menu": np.zeros(10), "weight": np.ones(10)}
    pq.write_table(pa.table(columns), tmp_path / "w.parquet")
    info = {
        "process": "a_4l", "mixture": {},
        "cross_section_pb": 4.7e-5, "cross_section_error_pb": 5e-6,
        "acceptance": 0.155, "acceptance_error": 0.005, "sum_of_weights": 5138.0,
        "counts": {"in_acceptance": [0.206, 0.006]},
    }  # fmt: skip
    pq.write_table(table_from_columns(columns, info), tmp_path / "a_4l.parquet")
    return tmp_path


def config(**changes: Any) -> dict[str, Any]:
    return {
        "score": {"column": "score"},
        "background": {"w": {"path": "w.parquet", **W}},
        "signals": {"a_4l": {"path": "a_4l.parquet"}},
        **changes,
    }


def test_defaults(folder: Path) -> None:
    loaded = build_trigger(config(), base=folder, name="mine")
    plan = loaded.plan
    assert plan.budget == (30.0, 50.0, 300.0)
    assert plan.collected.per_month == 5.0
    assert plan.s_over_b == pytest.approx(1 / 3)
    assert plan.score.column == "score"
    assert loaded.output == folder / "runs/mine"
    assert loaded.inputs == (folder / "w.parquet", folder / "a_4l.parquet")
    assert loaded.resolved["background"]["w"]["path"] == [str(folder / "w.parquet")]
    again = build_trigger(loaded.resolved, base=Path("/"), name="mine")
    assert again.plan == plan


def test_simulated_files_fill_what_the_file_does_not_say(folder: Path) -> None:
    signal = find_processes(build_trigger(config(), base=folder).plan)[1]
    assert signal.normalisation.selected == pytest.approx(0.155)
    assert signal.normalisation.acceptance == 0.206
    assert signal.normalisation.uncertainty == pytest.approx(0.005 / 0.155)
    assert signal.weight == "weight"
    given = {"path": "a_4l.parquet", "acceptance": 0.05, "trigger": 0.98, "uncertainty": 0.2}
    signal = find_processes(build_trigger(config(signals={"a_4l": given}), base=folder).plan)[1]
    assert signal.normalisation.selected == pytest.approx(0.049)
    assert signal.normalisation.uncertainty == 0.2


def test_other_files_have_weights_where_one_is_named(folder: Path) -> None:
    assert find_processes(build_trigger(config(), base=folder).plan)[0].weight is None
    named = build_trigger(config(weight="2 * weight"), base=folder).plan
    assert find_processes(named)[0].weight == "2 * weight"


def test_instantaneous_luminosity(folder: Path) -> None:
    block = {"instantaneous": 2e34, "live_fraction": 0.1}
    plan = build_trigger(config(luminosity=block), base=folder).plan
    assert plan.collected.per_month == pytest.approx(5.184)


def test_a_saved_score(folder: Path) -> None:
    rng = np.random.default_rng(1)
    make_score("pca", components=1).fit(rng.normal(size=(50, 3))).save(folder / "pca")
    score = {"folder": "pca", "representation": {"name": "lepton_stream", "isolation": 0.3}}
    loaded = build_trigger(config(score=score), base=folder)
    assert loaded.plan.score.folder == str(folder / "pca")
    assert loaded.plan.score.representation.name == "lepton_stream"
    assert loaded.plan.score.representation.given == {"isolation": 0.3}
    assert any(path.parent == folder / "pca" for path in loaded.inputs)


BAD: list[tuple[dict[str, Any], type[BycatchError], str]] = [
    ({"bugdet": 30}, ConfigError, "unknown key 'bugdet'; the nearest keys are 'budget'"),
    ({"budget": -3}, ConfigError, r"'budget\[0\]' is -3, but must be larger than 0"),
    ({"budget": "many"}, ConfigError, "'budget' is 'many', but must be a list"),
    ({"background": {}}, ConfigError, "'background'"),
    ({"background": {"w": {"path": "w.parquet", "sigma": 3}}}, ConfigError, "unknown key 'sigma'"),
    ({"background": {"w": {"path": "w.parquet"}}}, ConfigError, "rate of 'w' is not known"),
    ({"background": {"w": {"path": "v.parquet", **W}}}, InputError, "There is no file .*v.parquet"),
    ({"signals": {"w": {"path": "w.parquet"}}}, ConfigError, "under 'background' and under"),
    ({"signals": {"s": {"path": "w.parquet"}}}, ConfigError, "'signals.s' needs 'acceptance'"),
    ({"score": {}}, ConfigError, "exactly one of 'column' and 'folder'"),
    ({"score": {"column": "score", "folder": "x"}}, ConfigError, "exactly one of"),
    ({"score": {"folder": "x"}}, ConfigError, "with 'representation' where there is 'folder'"),
    (
        {"score": {"folder": "x", "representation": {"name": "lepton_steam"}}},
        ConfigError,
        "the nearest are 'lepton_stream'",
    ),
    (
        {"score": {"folder": "x", "representation": {"name": "lepton_stream"}}},
        InputError,
        "/x",
    ),
    (
        {"score": {"column": "scores"}},
        ColumnError,
        "no column 'scores'.*nearest columns are 'score'",
    ),
    ({"menu": "men"}, ColumnError, "no column 'men', which 'menu' uses"),
    ({"of": "pure_rate"}, ConfigError, "'of' is pure_rate, which needs 'menu'"),
    ({"of": "pure"}, ConfigError, "'of' is 'pure', but must be 'rate' or 'pure_rate'"),
    ({"level": 68}, ConfigError, "'level' is 68, but must be smaller than 1"),
    ({"luminosity": 0}, ConfigError, "'luminosity"),
]


@pytest.mark.parametrize(("changes", "error", "message"), BAD, ids=[str(b[0])[:50] for b in BAD])
def test_mistakes(
    folder: Path, changes: dict[str, Any], error: type[BycatchError], message: str
) -> None:
    with pytest.raises(error, match=message):
        build_trigger(config(**changes), base=folder)


def test_a_missing_file_names_its_neighbours(folder: Path) -> None:
    (folder / "trigger.yaml").write_text("score: {column: score}")
    with pytest.raises(InputError, match=r"nearest files in .* are 'trigger.yaml'"):
        load_trigger(folder / "triger.yaml")
    with pytest.raises(ConfigError, match="the key 'background' is missing"):
        load_trigger(folder / "trigger.yaml")


def test_every_key_is_described() -> None:
    schema = TriggerPlan.model_json_schema()
    for block in [schema, *schema["$defs"].values()]:
        for key, value in block["properties"].items():
            described = {
                **schema["$defs"].get(value.get("$ref", "").rpartition("/")[2], {}),
                **value,
            }
            assert described.get("description"), f"{block['title']}.{key}"
