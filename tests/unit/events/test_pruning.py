"""Leaving out blocks of rows by their smallest and largest values never loses an event."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bycatch.events.expressions import parse
from bycatch.events.pruning import may_pass

BOUNDS = {"x": (0.0, 10.0), "y": (-5.0, -1.0)}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("x > 10", True),  # bounds may be rounded outwards, so equality stays in
        ("x > 11", False),
        ("x < -1", False),
        ("11 < x", False),
        ("20 < x < 30", False),
        ("5 < x < 30", True),
        ("x == 11", False),
        ("x != 11", True),
        ("(x > 11) & (y < 0)", False),
        ("(x > 11) | (y < 0)", True),
        ("~(x > 11)", True),
        ("~(x < 11)", True),
        ("x < y", False),
        ("-x > 1", False),
        ("z > 100", True),
        ("x / 2 > 100", True),
        ("where(x > 11, x > 11, x > 11)", True),
        ("x > inf", True),
    ],
)
def test_examples(text: str, expected: bool) -> None:
    assert may_pass(parse(text), BOUNDS) is expected


numbers = st.floats(-10, 10).map(lambda value: round(value, 1))
comparisons = st.builds(
    lambda left, operator, right: f"({left} {operator} {right})",
    st.sampled_from(["x", "y", "-x", "3"]),
    st.sampled_from(["<", "<=", ">", ">=", "==", "!="]),
    st.one_of(numbers.map(str), st.sampled_from(["x", "y"])),
)
cuts = st.recursive(
    comparisons,
    lambda inner: st.one_of(
        st.builds("({} & {})".format, inner, inner),
        st.builds("({} | {})".format, inner, inner),
        st.builds("~{}".format, inner),
    ),
    max_leaves=4,
)
values = st.lists(st.one_of(numbers, st.just(float("nan"))), min_size=1, max_size=6)


@given(cuts, values, values)
def test_no_event_is_lost(text: str, x: list[float], y: list[float]) -> None:
    size = min(len(x), len(y))
    columns = {"x": np.array(x[:size]), "y": np.array(y[:size])}
    finite = {name: column[np.isfinite(column)] for name, column in columns.items()}
    bounds = {name: (c.min(), c.max()) for name, c in finite.items() if c.size}
    where = parse(text)
    if where.mask(columns, size).any():
        assert may_pass(where, bounds)
