"""The template's bias in rows and words."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from bycatch.report.bias import bias_rows, bias_words, unmeasured
from bycatch.search.result import SearchResult

Make = Callable[..., SearchResult]


def test_one_row_per_method_and_working_point_of_the_best_window(
    broken_result: SearchResult,
) -> None:
    rows = bias_rows(broken_result)
    found = [(row.look.method, row.look.working_point) for row in rows]
    assert found == [(m, p) for m in ("cathode-spline-trees", "anode") for p in (0.1, 0.01, 0.001)]
    assert {row.look.window for row in rows} == {broken_result.best.window}
    for row in rows[:5]:
        estimate = row.estimate
        assert estimate.background is not None
        assert estimate.delta_sys is not None
        assert estimate.delta_sys_error is not None
        assert row.shift == pytest.approx(estimate.delta_sys * estimate.background)
        assert row.shift_error == pytest.approx(estimate.delta_sys_error * estimate.background)
    assert rows[5].shift is None
    assert "bias is unknown" in rows[5].estimate.status


def test_the_largest_significant_bias_is_named(broken_result: SearchResult) -> None:
    told = bias_words(bias_rows(broken_result))
    # 30 % of 612 is 184; statistical error 1.3 / sqrt(600) = 5.3 %
    assert told.startswith("1 of 5 differs from zero")
    assert "anode at 10" in told
    assert "worth 184" in told
    assert "more than the error of the fit (8.2)" in told


def test_biases_that_statistics_explain_are_not_named(make_result: Make) -> None:
    rows = bias_rows(make_result(n_windows=5, signal=0))
    assert bias_words(rows) == (
        "none of the 6 biases differs from zero by more than two statistical errors."
    )
    assert bias_words(rows[:1]).startswith("the bias does not differ")


def test_a_spread_between_windows_does_not_hide_a_significant_bias(make_result: Make) -> None:
    row = bias_rows(make_result(n_windows=5, signal=0))[0]
    estimate = replace(row.estimate, delta_sys=0.1, delta_sys_statistical=0.04, delta_sys_error=0.2)
    assert "1 of 1 differs" in bias_words([replace(row, estimate=estimate)])
    shy = replace(estimate, delta_sys_statistical=0.06)
    assert "does not differ" in bias_words([replace(row, estimate=shy)])


def test_a_bias_is_held_against_the_fit_only_where_there_is_one(
    broken_result: SearchResult,
) -> None:
    (row,) = [r for r in bias_rows(broken_result) if r.shift is not None and r.shift > 100]
    lonely = replace(row, look=replace(row.look, background=None, background_error=None))
    assert bias_words([lonely]).endswith("events in this window.")
    stiff = replace(row, look=replace(row.look, background_error=500.0))
    assert "less than the error of the fit" in bias_words([stiff])


def test_reasons_stand_once_for_each_method(make_result: Make, broken_result: SearchResult) -> None:
    told = unmeasured(broken_result)
    assert [place for place, _ in told] == [
        "cathode-spline-trees, 1 of its 9 looks, at 0.1\N{NO-BREAK SPACE}%",
        "anode, 1 of its 9 looks, at 0.1\N{NO-BREAK SPACE}%",
        "anode, 2 of its 9 looks, at 0.1\N{NO-BREAK SPACE}%",
    ]
    whole = unmeasured(make_result(n_windows=3, methods=("cwola-trees", "ideal-trees")))
    assert whole == [
        ("ideal-trees", "'ideal-trees' is a yardstick that uses truth, not an estimate.")
    ]
    assert unmeasured(make_result(n_windows=3)) == []


def test_without_any_measurement_that_is_said(make_result: Make) -> None:
    assert "could not be measured" in bias_words(bias_rows(make_result(n_windows=1)))
