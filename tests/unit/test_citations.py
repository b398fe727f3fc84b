"""BibTeX that LaTeX can read, for every template."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import bycatch
from bycatch.citations import CITATIONS, bibtex
from bycatch.errors import ConfigError
from bycatch.learn import DENSITIES, TAGGERS, density_citation, make_tagger
from bycatch.score import SCORES, score_class
from bycatch.template import TEMPLATES

SOURCES = [path.read_text() for path in Path(bycatch.__file__).parent.rglob("*.py")]


@pytest.mark.parametrize("key", list(CITATIONS))
def test_entries_are_well_formed(key):
    entry = CITATIONS[key]
    assert re.match(rf"@\w+\{{{key},\n", entry)
    assert entry.count("{") == entry.count("}")
    for field in ("author", "title", "year"):
        assert f"  {field} = {{" in entry


def test_every_template_can_be_cited():
    for template in TEMPLATES.values():
        assert template.citation in CITATIONS


@pytest.mark.parametrize("name", DENSITIES)
def test_every_density_can_be_cited(name):
    assert density_citation(name) in CITATIONS


@pytest.mark.parametrize("name", TAGGERS)
def test_every_tagger_can_be_cited(name):
    assert make_tagger(name).citation in CITATIONS


@pytest.mark.parametrize("name", SCORES)
def test_every_score_can_be_cited(name):
    score = score_class(name)
    assert {score.citation, *score.further_citations} <= set(CITATIONS)


def test_recurrent_networks_are_cited_with_attention_and_scheduled_sampling():
    score = score_class("recurrent_vae")
    text = bibtex([score.citation, *score.further_citations])
    for number in ("1409.0473", "1406.1078", "1506.03099"):
        assert f"eprint = {{{number}}}" in text


def test_every_entry_is_used_but_these():
    # `bycatch cite` without a run prints them; no run credits them (so far)
    reading = {
        "adc2021",
        "annealed-importance-sampling",
        "atlas-dijet",
        "cms-dijet",
        "cwola-hunting-extended",
        "otus",
        "peaks-over-threshold",
        "pytorch",
        "top-landscape",
    }
    assert {key for key in CITATIONS if not any(f'"{key}"' in text for text in SOURCES)} == reading


def test_each_once_in_order():
    text = bibtex(["pytorch", "cwola", "pytorch"])
    assert re.findall(r"@\w+\{([\w-]+),", text) == ["pytorch", "cwola"]


def test_an_unknown_key():
    with pytest.raises(ConfigError, match="no citation 'cwolla'; the nearest are 'cwola'"):
        bibtex(["cwolla"])
