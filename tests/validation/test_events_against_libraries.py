"""Events against pandas, PyTables, uproot and numpy, which know nothing of this code."""

from __future__ import annotations

from pathlib import Path

import awkward as ak
import numpy as np
import pandas as pd
import pytest
import uproot
from hypothesis import given, settings
from hypothesis import strategies as st

from bycatch.events import derive, read
from bycatch.events.expressions import parse

RNG = np.random.default_rng(11)
FRAME = pd.DataFrame(
    {
        "a": RNG.normal(size=5000),
        "b": RNG.normal(size=5000).astype(np.float32),
        "k": RNG.integers(-5, 5, 5000),
        "flag": RNG.random(5000) < 0.5,
    }
)


@pytest.mark.parametrize(
    "options",
    [
        {"format": "fixed"},
        {"format": "table"},
        {"format": "table", "complevel": 9, "complib": "blosc"},
        {"format": "table", "complevel": 5, "complib": "blosc:lz4"},
        {"format": "table", "data_columns": ["b"], "complevel": 3, "complib": "zlib"},
    ],
)
def test_hdf5_against_pandas(tmp_path: Path, options: dict[str, object]) -> None:
    path = tmp_path / "x.h5"
    FRAME.to_hdf(path, key="df", **options)
    # appended and deleted rows change the chunks of a table
    if options["format"] == "table":
        FRAME.iloc[:1234].to_hdf(path, key="df", append=True, **options)
    oracle = pd.read_hdf(path, "df")
    events = read(path)
    assert sorted(events.columns) == sorted(oracle.columns)
    for name in oracle.columns:
        np.testing.assert_array_equal(events[name], oracle[name].to_numpy())
        assert events[name].dtype == oracle[name].dtype
    got = derive(path, {"y": "a * b + k"}, where="flag & (k != 0)", chunk=777)["y"]
    chosen = oracle[oracle.flag & (oracle.k != 0)]
    expected = chosen.a * chosen.b.astype(np.float64) + chosen.k
    np.testing.assert_allclose(got, expected, rtol=1e-14, atol=1e-14)


def test_root_against_uproot(tmp_path: Path) -> None:
    path = tmp_path / "x.root"
    counts = RNG.integers(0, 4, 300)
    pt = ak.unflatten(RNG.exponential(50, counts.sum()), counts)
    with uproot.recreate(path) as file:
        file.mktree("Events", {"Jet_pt": "var * float64", "run": "int32"})
        for start in (0, 100, 200):
            part = slice(start, start + 100)
            file["Events"].extend({"Jet_pt": pt[part], "run": np.arange(100, dtype=np.int32)})
    with uproot.open(path) as file:
        jagged = file["Events"]["Jet_pt"].array(library="np")
    got = derive(path, {"ht": "sum(Jet_pt)", "lead": "max(Jet_pt)", "n": "nJet_pt"}, chunk=70)
    np.testing.assert_allclose(got["ht"], [jets.sum() for jets in jagged], rtol=1e-14)
    np.testing.assert_array_equal(got["lead"], [max(jets, default=np.nan) for jets in jagged])
    np.testing.assert_array_equal(got["n"], counts)


# floats are doubled in width, integers stay integers: k * 0 is never -0.0
NAMES = {"a": FRAME.a.to_numpy(), "b": FRAME.b.to_numpy(np.float64), "k": FRAME.k.to_numpy()}
leaves = st.one_of(
    st.sampled_from([("a", NAMES["a"]), ("b", NAMES["b"]), ("k", NAMES["k"])]),
    st.integers(0, 100).map(lambda value: (str(value), value)),
    st.floats(0.001, 1e6).map(lambda value: (repr(value), value)),
)
Pair = tuple[str, object]


def binary(symbol: str, function: np.ufunc) -> st.SearchStrategy[object]:
    return st.just(lambda x, y: (f"({x[0]} {symbol} {y[0]})", function(x[1], y[1])))


def call(name: str, count: int) -> st.SearchStrategy[object]:
    function = getattr(np, name)
    if count == 1:
        return st.just(lambda x, _: (f"{name}({x[0]})", function(x[1])))
    return st.just(lambda x, y: (f"{name}({x[0]}, {y[0]})", function(x[1], y[1])))


steps = st.one_of(
    binary("+", np.add),
    binary("-", np.subtract),
    binary("*", np.multiply),
    binary("/", np.divide),
    *(call(name, 1) for name in ("abs", "sqrt", "exp", "log1p", "sinh", "floor", "sign")),
    *(call(name, 2) for name in ("minimum", "maximum", "hypot", "arctan2")),
    st.just(lambda x, y: (f"-({x[0]})", np.negative(x[1]))),
    st.just(
        lambda x, y: (
            f"where({x[0]} < {y[0]}, {x[0]}, 2)",
            np.where(np.less(x[1], y[1]), x[1], 2),
        )
    ),
    st.just(lambda x, y: (f"(({x[0]}) ** 2)", np.float_power(x[1], 2))),
)


@st.composite
def expressions(draw: st.DrawFn, depth: int = 3) -> Pair:
    if depth == 0 or draw(st.booleans()):
        return draw(leaves)
    step = draw(steps)
    with np.errstate(all="ignore"):
        return step(draw(expressions(depth - 1)), draw(expressions(depth - 1)))


@settings(max_examples=150, derandomize=True, deadline=None)
@given(expressions())
def test_expressions_against_numpy(pair: Pair) -> None:
    text, expected = pair
    columns = {"a": FRAME.a.to_numpy(), "b": FRAME.b.to_numpy(), "k": FRAME.k.to_numpy()}
    got = parse(text).evaluate(columns, len(FRAME))
    np.testing.assert_array_equal(got, np.broadcast_to(expected, len(FRAME)))
