"""Every key is described, and the page of the keys is up to date."""

from __future__ import annotations

import importlib.util
from pathlib import Path

from bycatch.config.schema import SearchConfig

ROOT = Path(__file__).resolve().parents[3]


def test_every_key_is_described():
    schema = SearchConfig.model_json_schema()
    blocks = schema["$defs"]
    for block in [schema, *blocks.values()]:
        for key, field in block["properties"].items():
            # a block whose text repeats its key's text is given by reference alone
            described = {**blocks.get(field.get("$ref", "").rpartition("/")[2], {}), **field}
            assert described.get("description"), f"{block['title']}.{key}"


def test_the_page_is_up_to_date():
    path = ROOT / "docs" / "config_reference.py"
    spec = importlib.util.spec_from_file_location("config_reference", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert (ROOT / "docs/reference/config.md").read_text() == module.reference()
