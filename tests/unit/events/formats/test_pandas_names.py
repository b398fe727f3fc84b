"""Names are read from pickles without running them."""

from __future__ import annotations

import pickle
from collections import OrderedDict
from pathlib import Path

import pytest

from bycatch.events.formats.pandas_names import names_from_pickle


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize("names", [["a", "jet mass", "é"], [0, 1, 300, 70000], ["a"], []])
def test_lists(protocol: int, names: list[object]) -> None:
    assert names_from_pickle(pickle.dumps(names, protocol)) == [str(name) for name in names]


class Harmful:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return Path.touch, (Path("harmed"),)


@pytest.mark.parametrize(
    "data",
    [
        pickle.dumps([Harmful()]),
        pickle.dumps(OrderedDict(a=1)),
        pickle.dumps([["a"], "b"]),
        pickle.dumps({"a": 1}),
        b"no pickle",
        b"",
    ],
)
def test_everything_else_is_refused(data: bytes) -> None:
    assert names_from_pickle(data) is None
    assert not Path("harmed").exists()


def test_repeated_names_are_references_and_refused() -> None:
    name = "a" * 3
    assert names_from_pickle(pickle.dumps([name, name])) is None
