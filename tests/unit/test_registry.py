"""One registry: names, options, and sentences."""

from __future__ import annotations

import pytest

from bycatch.errors import ConfigError
from bycatch.events.formats import FORMATS
from bycatch.events.simulate.processes import FAMILIES as PROCESSES
from bycatch.learn import CLASSIFIERS, DENSITIES, TAGGERS
from bycatch.registry import Registry
from bycatch.represent import REPRESENTATIONS
from bycatch.score import SCORES
from bycatch.statistics.fits.background import FAMILIES
from bycatch.template import TEMPLATES

ALL = (SCORES, CLASSIFIERS, DENSITIES, TAGGERS, TEMPLATES, REPRESENTATIONS, FORMATS, PROCESSES,
       FAMILIES)  # fmt: skip
TOYS: Registry = Registry(
    "toy",
    {"half": "fractions:Fraction", "thing": 3},
    "bycatch.toys",
    " (or none)",
    ("numerator", "_normalize"),
)


@pytest.mark.parametrize("registry", ALL, ids=lambda registry: registry.kind)
def test_every_name_can_be_found(registry):
    assert list(registry) == list(registry.own)  # nothing else is installed where tests run
    assert len(registry.values()) == len(registry)
    for name in registry:
        assert registry[name] is registry.checked("key", name, "file")
    assert registry.get("no such name") is None


def test_the_names_of_classes_are_those_of_the_registry():
    assert all(SCORES[name].kind == name for name in SCORES)
    assert all(TEMPLATES[name].name == name for name in TEMPLATES)


def test_sentences():
    assert TOYS["thing"] == 3
    assert TOYS.make("half", 1, denominator=2) == 0.5
    assert list(TOYS.options("half")) == ["denominator"]
    with pytest.raises(ConfigError, match=r"no toy 'thin'; the nearest are 'thing' \(or none\).$"):
        TOYS["thin"]
    with pytest.raises(ConfigError, match=r"^f.yaml: 'a.b' is 'thin', which does not exist"):
        TOYS.checked("a.b", "thin", "f.yaml")
    with pytest.raises(ConfigError, match="toy 'half' has no option 'denominato'; the nearest"):
        TOYS.make("half", denominato=2)
