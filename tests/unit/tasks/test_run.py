"""A run's stages, its result and the frame around a verb."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np
import pytest

from bycatch.errors import RunFolderError
from bycatch.tasks import Job, Result, Run, RunFolder, Step, plain, run_verb


@dataclass(frozen=True, repr=False)
class Found(Result):
    apart: ClassVar = ("bulk",)

    version: str = "1"
    p: float = float("nan")
    rows: tuple = (("a", np.float64(0.5)),)
    nested: object = field(default_factory=lambda: Part((1, 2), np.array([1.0, np.inf])))
    bulk: tuple = (1, 2, 3)


@dataclass(frozen=True)
class Part:
    window: tuple
    values: np.ndarray


def double(x, offset=0):
    return 2 * x + offset


def job(tmp_path, **settings):
    return Job(settings, (), json.dumps(settings), tmp_path / "run")


def stage(run, n, **options):
    tasks = [(f"double/{x}", {"x": x}) for x in range(n)]
    return run.stage("Doubling", double, tasks, Step.save_json, Step.load_json, **options)


def test_a_stage_does_only_what_is_not_stored(tmp_path):
    asked = []

    def common():
        asked.append(1)
        return {"offset": 1}

    with Run.open(job(tmp_path, a=1)) as run:
        assert stage(run, 2, event="doubled") == [0, 2]
        assert stage(run, 4, common=common) == [0, 2, 5, 7]
        assert stage(run, 4, common=common) == [0, 2, 5, 7]
    assert asked == [1]
    lines = [json.loads(line) for line in (tmp_path / "run/log.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines] == ["double/0", "double/1"]


def test_fields_that_save_returns_are_logged(tmp_path):
    def save(step, found):
        step.save_json(found)
        return {"size": found}

    with Run.open(job(tmp_path)) as run:
        run.stage("Doubling", double, [("one", {"x": 1})], save, Step.load_json, event="doubled")
    line = json.loads((tmp_path / "run/log.jsonl").read_text())
    assert (line["event"], line["step"], line["size"]) == ("doubled", "one", 2)


def test_result_json_is_strict_and_leaves_out_what_lies_apart(tmp_path):
    with RunFolder.open(tmp_path, "a", "b") as folder:
        result = Run(folder).write_result(Found())
    assert result == result.__class__(nested=result.nested)
    text = (tmp_path / "result.json").read_text()
    assert json.loads(text) == {
        "version": "1",
        "p": None,
        "rows": [["a", 0.5]],
        "nested": {"window": [1, 2], "values": [1.0, None]},
    }
    assert text.startswith('{\n "version"')
    assert text.endswith("}\n")


def test_a_result_introduces_itself_in_one_line():
    assert repr(Found()) == "Found(version='1', p=nan)"
    assert "<th>p</th><td>nan</td>" in Found()._repr_html_()


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (np.int64(3), 3),
        (np.float32(0.5), 0.5),
        (np.bool_(True), True),
        ({1: (float("inf"), None)}, {"1": [None, None]}),
        (np.eye(2), [[1.0, 0.0], [0.0, 1.0]]),
    ],
)
def test_plain(value, expected):
    assert plain(value) == expected


def test_a_verb_works_draws_and_logs_and_runs_again(tmp_path):
    def page(result, folder):
        path = folder / "report.html"
        path.write_text(str(result["twice"]))
        return path

    def work(run):
        return run.write_result({"twice": stage(run, 3)})

    for _ in range(2):
        result, path = run_verb(job(tmp_path, a=1), work, page, workers=1)
        assert result == {"twice": [0, 2, 4]}
        assert path.read_text() == "[0, 2, 4]"
    events = [json.loads(x)["event"] for x in (tmp_path / "run/log.jsonl").read_text().splitlines()]
    assert events == ["start", "end"] * 2
    with pytest.raises(RunFolderError, match="another run"):
        run_verb(job(tmp_path, a=2), work, page)
