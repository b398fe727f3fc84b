"""Expressions: right where allowed, refused by name where not."""

from __future__ import annotations

import awkward as ak
import numpy as np
import pytest

from bycatch.errors import ColumnError, ExpressionError
from bycatch.events.expressions import parse

COLUMNS = {
    "a": np.array([1.0, -2.0, 3.5], dtype=np.float32),
    "b": np.array([4.0, 0.0, -1.0]),
    "n": np.array([1, 200, 3], dtype=np.int16),
    "u": np.array([1, 2, 250], dtype=np.uint8),
    "ok": np.array([True, False, True]),
    "text": np.array(["x", "y", "z"]),
    "jet mass": np.array([10.0, 20.0, 30.0]),
    "pi": np.array([0.0, 0.0, 1.0]),
    "pt": ak.Array([[50.0, 40.0, 10.0], [], [70.0]]),
    "eta": ak.Array([[0.5, -3.0, 1.0], [], [2.0]]),
    "grid": np.arange(12.0).reshape(3, 4),
}


def evaluate(text: str) -> object:
    return parse(text).evaluate(COLUMNS, 3)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a + 2 * b", [9.0, -2.0, 1.5]),
        ("-a ** 2", [-1.0, -4.0, -12.25]),
        ("n % 2", [1, 0, 1]),
        ("n % 0", [np.nan] * 3),
        ("n ** 2", [1.0, 40000.0, 9.0]),
        ("n * n", [1, 40000, 9]),
        ("u - 2", [-1, 0, 248]),
        ("a / 0", [np.inf, -np.inf, np.inf]),
        ("minimum(a, b) / 1000", [0.001, -0.002, -0.001]),
        ("maximum(a, b, n)", [4.0, 200.0, 3.5]),
        ("where(a < b, a, b)", [1.0, -2.0, -1.0]),
        ("clip(a, -1, 2)", [1.0, -1.0, 2.0]),
        ("hypot(3 * n, 4 * n)", [5.0, 1000.0, 15.0]),
        ("arctan2(0 * b, -1 + 0 * b)", [np.pi, np.pi, -np.pi]),
        ("sqrt(a)", [1.0, np.nan, np.sqrt(3.5)]),
        ("(a > 0) & (b > 0)", [True, False, False]),
        ("(a > 0) | ~ok", [True, True, True]),
        ("0 < a <= 3.5", [True, False, True]),
        ("a != 1", [False, True, True]),
        ("(a > 0) + ok + ok", [3, 0, 3]),
        ("(a > 0) * ok - True", [0, -1, 0]),
        ("-ok", [-1, 0, -1]),
        ("exp(ok)", [np.e, 1.0, np.e]),
        ("sum((pt > 30) + (pt > 45))", [3, 0, 2]),
        ("`jet mass` / 10", [1.0, 2.0, 3.0]),
        ("`pi` + pi - pi", [0.0, 0.0, 1.0]),
        ("1", [1, 1, 1]),
        ("True", [True, True, True]),
        ("2 * pi", [2 * np.pi] * 3),
        ("9 ** 9 ** 9", [np.inf] * 3),
        ("pt[:, 0]", [50.0, np.nan, 70.0]),
        ("pt[:, -1]", [10.0, np.nan, 70.0]),
        ("pt[:, 1]", [40.0, np.nan, np.nan]),
        ("sum(pt)", [100.0, 0.0, 70.0]),
        ("len(pt)", [3, 0, 1]),
        ("max(pt)", [50.0, np.nan, 70.0]),
        ("min(abs(eta))", [0.5, np.nan, 2.0]),
        ("sum(pt > 30)", [2, 0, 1]),
        ("any((pt > 30) & (abs(eta) > 2.5))", [True, False, False]),
        ("all(pt > 30)", [False, True, True]),
        ("pt[abs(eta) < 2.5][:, 1]", [10.0, np.nan, np.nan]),
        ("sum(pt[:, :2])", [90.0, 0.0, 70.0]),
        ("sum(pt * n)", [100.0, 0.0, 210.0]),
        ("sum(where(pt > 30, pt, 0))", [90.0, 0.0, 70.0]),
        ("grid[:, 1]", [1.0, 5.0, 9.0]),
        ("sum(grid)", [6.0, 22.0, 38.0]),
        ("sum(grid * n)", [6.0, 4400.0, 114.0]),
        ("sum(grid[:, 1:3])", [3.0, 11.0, 19.0]),
    ],
)
def test_values(text: str, expected: list[float]) -> None:
    value = evaluate(text)
    assert isinstance(value, np.ndarray)
    np.testing.assert_allclose(value, expected, rtol=1e-15)


def test_a_cut_on_float32_is_not_rounded() -> None:
    # 0.1 is not a float32: compared in 32 bits the two would be equal
    stored = {"x": np.array([0.1], dtype=np.float32)}
    assert parse("x > 0.1").evaluate(stored).tolist() == [True]


def test_large_integers_stay_exact() -> None:
    stored = {"event": np.array([2**53, 2**53 + 1])}
    assert parse(f"event == {2**53 + 1}").evaluate(stored).tolist() == [False, True]


def test_large_unsigned_integers_become_floats() -> None:
    stored = {"x": np.array([2**63 + 2048], dtype=np.uint64)}
    assert parse("x - 2").evaluate(stored)[0] == pytest.approx(2.0**63)


def test_missing_values_in_lists_are_nan() -> None:
    stored = {"pt": ak.Array([[1.0, None], [2.0]])}
    np.testing.assert_array_equal(parse("pt[:, 1]").evaluate(stored), [np.nan, np.nan])
    np.testing.assert_array_equal(parse("sum(pt)").evaluate(stored), [np.nan, 2.0])


def test_events_that_are_all_empty() -> None:
    stored = {"pt": ak.Array([[], []])}
    np.testing.assert_array_equal(parse("pt[:, 0]").evaluate(stored), [np.nan, np.nan])
    assert parse("len(pt)").evaluate(stored).tolist() == [0, 0]


def test_a_long_sum_over_several_lines() -> None:
    text = "\n+ ".join(["a"] * 150)
    np.testing.assert_array_equal(evaluate(text), 150 * COLUMNS["a"].astype(np.float64))


def test_names() -> None:
    expression = parse("where(x < `jet mass`, pt[:, 0], pi) + y[z > 2][:, 0]")
    assert expression.names == {"x", "jet mass", "pt", "y", "z"}
    assert "jet mass" in repr(expression)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a and b", "'and' and 'or' .use & and"),
        ("not ok", "'not' .use ~"),
        ("a.real", "a dot .*backticks"),
        ("a if ok else b", "use where"),
        ("lambda: 1", "lambda"),
        ("[x for x in a]", "a comprehension"),
        ("(x for x in a)", "a comprehension"),
        ("{a: 1}", "a dict"),
        ("{a}", "a set"),
        ("(a, b)", "a tuple"),
        ("f'{a}'", "an f-string"),
        ("'text'", "a text"),
        ("b'text'", "the constant b'text'"),
        ("1j", "the constant 1j"),
        ("...", "the constant Ellipsis"),
        ("None", "the constant None"),
        ("a // 2", "use floor"),
        ("a @ b", "@"),
        ("a ^ 2", r"a power is \*\*"),
        ("a << 2", "<<"),
        ("a in b", "'in'"),
        ("a is b", "'is' .use =="),
        ("(c := 2)", "':='"),
        ("minimum(*a)", "takes 2 to 20 argument"),
        ("minimum(a, *b)", r"'\*' before an argument"),
        ("clip(a, low=1)", "named arguments"),
        ("sqrt(a, out=1)", "named arguments"),
        ("__import__('os')", "calls '__import__', which is not a function"),
        ("eval('1')", "calls 'eval', which is not a function"),
        ("minimim(a, b)", "nearest are 'minimum'"),
        ("a.__class__()", "a dot"),
        ("sqrt(a)(b)", "a call of something without a name"),
        ("min(a, b)", r"over several columns it is minimum"),
        ("where(a, b)", "takes 3 argument"),
        ("pt[0]", r"which selects events \(write"),
        ("pt[0:2]", r"which selects events \(write"),
        ("pt[1:, 0]", "subscript"),
        ("pt[:, a]", "subscript"),
        ("pt[:, ::0]", "subscript"),
        ("pt['x']", "a text"),
        ("a == 0 & b > 3", "put each comparison in parentheses"),
        ("a > 1 | b", "put each comparison in parentheses"),
        ("a +", "cannot be parsed"),
        ("", "cannot be parsed"),
        ("a; b", "cannot be parsed"),
        ("a = 2", "cannot be parsed"),
        ("`a", "a backtick without a partner"),
        ("9" * 30, "beyond 64 bits"),
        ("a + " + "-" * 250 + "a", "nested more than"),
        ("a # b", "no comments here"),
        ("1if ok else 2", "use where"),
        ("_quoted_column_0_ + `a`", "reserved"),
        ("-" * 3000 + "a", "nested more than|cannot be parsed"),
        ("a+" * 3000 + "a", "characters long"),
        ("\0", "cannot be parsed"),
    ],
)
def test_refused(text: str, message: str) -> None:
    with pytest.raises(ExpressionError, match=message):
        parse(text)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a & ok", "one side is a number"),
        ("~n", "one side is a number"),
        ("where(a, b, b)", "must be a condition"),
        ("text == 1", "does not hold numbers"),
        ("a[:, 0]", "several values per event"),
        ("sum(a)", "one value per event"),
        ("max(a)", "use maximum"),
        ("grid[:, 7]", "does not fit"),
        ("pt[a > 1]", "a condition on the same lists"),
        ("pt[:, 0, 1]", "more indices"),
        ("pt + eta[:, :1]", "same number of values"),
    ],
)
def test_misfits(text: str, message: str) -> None:
    with pytest.raises(ExpressionError, match=message):
        evaluate(text)


def test_missing_column_names_the_nearest() -> None:
    with pytest.raises(ColumnError, match=r"'jet_mass'.*nearest are 'jet mass'"):
        evaluate("jet_mass + 1")


def test_vector_and_mask_want_one_value_per_event() -> None:
    with pytest.raises(ExpressionError, match=r"several values per event; pick one with \[:, 0\]"):
        parse("pt * 2").vector(COLUMNS, 3)
    with pytest.raises(ExpressionError, match="any"):
        parse("pt > 2").mask(COLUMNS, 3)
    with pytest.raises(ExpressionError, match="a number, not a condition"):
        parse("a").mask(COLUMNS, 3)
    assert parse("a > 0").vector(COLUMNS, 3).dtype == np.float64
