"""The pages of methods and papers are made from the methods, and are up to date."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

import pytest

from bycatch.citations import CITATIONS

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def pages():
    path = ROOT / "docs" / "methods_reference.py"
    spec = importlib.util.spec_from_file_location("methods_reference", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_pages_are_up_to_date(pages):
    folder = ROOT / "docs" / "reference"
    assert (folder / "methods.md").read_text() == pages.methods()
    assert (folder / "papers.md").read_text() == pages.papers()


def test_every_cited_paper_has_a_row(pages):
    text = pages.papers()
    for registry, _ in pages.KINDS.values():
        for name, method in registry.items():
            key = getattr(method, "citation", None)
            number = re.search(r"eprint = \{(\d{4}\.\d+)\}", CITATIONS.get(key, ""))
            if number:
                assert f"abs/{number[1]}) | `{name}` |" in text


def test_declared_options_are_told(pages):
    text = pages.methods()
    assert "| `regulariser` | `0.0` | 0 to 0.5 | Weight of the squared energy" in text
