"""Every key is described, and the pages of the keys are up to date."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="module")
def pages():
    path = ROOT / "docs" / "config_reference.py"
    spec = importlib.util.spec_from_file_location("config_reference", path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # where a dataclass looks for its annotations
    spec.loader.exec_module(module)
    yield module
    del sys.modules[spec.name]


def test_every_key_is_described(pages: ModuleType):
    for page in pages.PAGES.values():
        schema = page.model.model_json_schema()
        blocks = schema.get("$defs", {})
        for block in [schema, *blocks.values()]:
            for key, field in block["properties"].items():
                # a block whose text repeats its key's text is given by reference alone
                described = {**blocks.get(field.get("$ref", "").rpartition("/")[2], {}), **field}
                assert described.get("description"), f"{block['title']}.{key}"


def test_the_pages_are_up_to_date(pages: ModuleType):
    for name, page in pages.PAGES.items():
        assert (ROOT / "docs/reference" / name).read_text() == pages.reference(page), name


def test_blocks_are_named_where_they_are_told(pages: ModuleType):
    text = pages.reference(pages.PAGES["config-score.md"])
    for line in (
        "| `signals` | mapping of names to block `sample` | (required) |",
        "| `data` | block `data` | (required) |",
        "## Block `method`",
        "| `methods` | list of block `method` | (required) |",
    ):
        assert line in text
    head = text.partition("```json")[2].partition("```")[0]
    assert yaml.safe_load(head)["title"] == "ScoreConfig"
