from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from bycatch.report.numbers import interval
from bycatch.report.words import answer, calibration, toys_beyond, warnings_of
from bycatch.search.result import Check, SearchResult

Make = Callable[..., SearchResult]


def test_an_excess_is_one_sentence_with_everything_that_was_paid(make_result: Make) -> None:
    result = make_result(signal=60, n_windows=5)
    told = answer(result)
    assert told.kind == "excess"
    assert told.sentence.count(". ") == 0
    assert told.sentence.endswith(".")
    for piece in ("local p", "global p", "all 30 looks", "68.3", result.best.method, "mjj"):
        assert piece in told.sentence


def test_beyond_all_toys_is_said(make_result: Make) -> None:
    result = make_result(signal=60)
    assert toys_beyond(result) == 0
    assert "the smallest that 1,000 toys can show" in answer(result).sentence


def test_nothing_found_is_said_first(make_result: Make) -> None:
    told = answer(make_result(signal=0, n_windows=5))
    assert told.kind == "null"
    assert told.sentence.startswith("No significant excess")


def test_few_toys_do_not_hide_a_large_excess(make_result: Make) -> None:
    # 1/(10 + 1) is 1.3 sigma, but no toy comes near 8 sigma
    assert answer(make_result(signal=60, n_toys=10)).kind == "excess"


def test_a_mild_excess(make_result: Make) -> None:
    base = make_result(signal=0)
    mild = replace(base, global_p=0.0099, global_z=2.33, global_p_interval=(0.006, 0.013))
    assert answer(mild).kind == "mild"
    assert "not significant by itself" in answer(mild).sentence


def test_without_toys_there_is_no_global_p(make_result: Make) -> None:
    told = answer(make_result(n_toys=0, toy_maxima=()))
    assert "no global p" in told.sentence
    assert "global p =" not in told.sentence


def test_no_number_at_all(make_result: Make) -> None:
    told = answer(make_result(n_windows=1, failed=99))
    assert told.kind == "none"
    assert told.sentence.startswith("No answer")


def test_one_look_is_singular(make_result: Make) -> None:
    result = make_result(n_windows=1, methods=("cwola-trees",), points=(0.01,), signal=60)
    assert "its one look" in answer(result).sentence


def test_uncalibrated_until_shown(make_result: Make) -> None:
    titles = [item.title for item in warnings_of(make_result(calibrated_down_to=None))]
    assert "Not calibrated below p = 0.01" in titles
    tiny = [item.title for item in warnings_of(make_result(calibrated_down_to=1.0))]
    assert "Not calibrated below p = 0.01" in tiny
    quiet = make_result(signal=0, calibrated_down_to=1e-9, checks=False)
    assert warnings_of(quiet) == []
    assert "right down to p = 1.0e-9" in calibration(quiet)
    beyond = make_result(signal=200, calibrated_down_to=0.001, checks=False)
    assert [item.title for item in warnings_of(beyond)] == ["Calibrated down to p = 1.0e-3 only"]


def test_the_half_split_shares_no_training_events(make_result: Make) -> None:
    half = make_result(config={"folds": "half"})
    assert "Folds share training events" not in calibration(half)
    assert "Folds share training events" in calibration(make_result())


def test_a_failed_check_comes_first(make_result: Make) -> None:
    first = warnings_of(make_result())[0]
    assert first.title.startswith("Check failed: sculpting")
    assert "follows mjj" in first.text


def test_many_failed_checks_are_counted_and_the_best_look_comes_first(make_result: Make) -> None:
    result = make_result(n_windows=9, signal=60)
    windows = sorted({look.window for look in result.looks}, reverse=True)
    checks = tuple(Check("closure", False, "bad", None, window) for window in windows)
    found = warnings_of(replace(result, checks=checks))
    assert interval(result.best.window) in found[0].title
    assert any(item.title == "3 more failed checks" for item in found)


def test_failed_looks_few_toys_and_a_poor_fit_are_said(make_result: Make) -> None:
    result = make_result(n_windows=2, failed=3, n_toys=20)
    poor = replace(result, best=replace(result.best, goodness_of_fit=1e-4))
    titles = " | ".join(item.title for item in warnings_of(poor))
    assert "3 of 12 looks gave no number" in titles
    assert "Only 20 toys" in titles
    assert "Poor background fit" in titles


@pytest.mark.parametrize("status", ["ok", "asymptotic: few events"])
def test_a_look_with_number_and_remark(make_result: Make, status: str) -> None:
    result = make_result(n_windows=1)
    looks = (replace(result.looks[0], status=status), *result.looks[1:])
    titles = " ".join(item.title for item in warnings_of(replace(result, looks=looks)))
    assert ("1 of 6 looks carry a remark" in titles) is (status != "ok")


def test_calibration_is_said_once(make_result: Make) -> None:
    result = make_result(n_windows=1)
    check = Check("calibration", False, "Warning: not calibrated below p = 0.01.")
    found = warnings_of(replace(result, checks=(check,), calibrated_down_to=None))
    assert sum("alibrat" in item.title for item in found) == 1


def test_a_best_look_that_uses_truth_is_no_result(make_result: Make) -> None:
    result = make_result(methods=("cwola-trees", "ideal-trees"), n_windows=3)
    ideal = next(look for look in result.looks if look.method == "ideal-trees")
    cwola = next(look for look in result.looks if look.method == "cwola-trees")
    found = warnings_of(replace(result, best=ideal))
    assert found[0].title == "The best look uses truth"
    assert "no result of a search" in found[0].text
    assert warnings_of(replace(result, best=cwola))[0].title == "Some methods use truth"
    plain = make_result(methods=("cwola-trees",), n_windows=3)
    assert not any("truth" in item.title for item in warnings_of(plain))


def test_estimates_that_disagree_at_the_best_look_are_a_warning(
    broken_result: SearchResult,
) -> None:
    titles = [item.title for item in warnings_of(broken_result)]
    assert "Fit and template disagree" not in titles
    far = next(x for x in broken_result.looks if x.method == "anode" and x.working_point == 0.01)
    (found,) = [
        item
        for item in warnings_of(replace(broken_result, best=far))
        if item.title == "Fit and template disagree"
    ]
    assert "differ by 4.6 combined standard deviations" in found.text
    assert "120" in found.text
