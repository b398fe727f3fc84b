"""Whom to cite."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from bycatch.cli import main


def test_cites_what_a_run_used(tmp_path):
    (tmp_path / "result.json").write_text(json.dumps({"citations": ["cwola-hunting", "lightgbm"]}))
    result = CliRunner().invoke(main, ["cite", str(tmp_path)])
    assert result.exit_code == 0
    assert result.stdout.count("@") == 2
    assert "1805.02664" in result.stdout


def test_cites_all_without_a_run():
    result = CliRunner().invoke(main, ["cite"])
    for number in ("1708.02949", "1902.02634", "2101.08320", "1101.0390", "1007.1727"):
        assert number in result.stdout


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (None, "has no result.json"),
        ("{", "does not list"),
        ("{}", "does not list"),
        ("[]", "does not list"),
        ('{"citations": ["cvola"]}', "no citation 'cvola'; the nearest are 'cwola'"),
    ],
)
def test_one_sentence(tmp_path, content, sentence):
    if content is not None:
        (tmp_path / "result.json").write_text(content)
    result = CliRunner().invoke(main, ["cite", str(tmp_path)])
    assert result.exit_code == 2
    assert sentence in result.stderr
    assert result.stderr.count("\n") == 1
