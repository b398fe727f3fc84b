"""Two estimates side by side: numbers by hand, and the words that follow from them."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import binom, norm

from bycatch.report.comparison import (
    agreement,
    as_json,
    compare,
    difference,
    disagreements,
)
from bycatch.report.trials import effective_looks, overlap, paid
from bycatch.search.result import Look, SearchResult, TemplateEstimate
from bycatch.tasks import plain

Make = Callable[..., SearchResult]
NBSP = "\N{NO-BREAK SPACE}"


@pytest.fixture
def look(make_result: Make) -> Look:
    """Return a look of 100 +- 3 by the fit and 130 +- 4 +- 12 by the template: 13 in quadrature."""
    template = TemplateEstimate(
        background=130.0, background_error=4.0, delta_sys=0.05, systematic=12.0
    )
    first = make_result(n_windows=1, points=(0.01,)).looks[0]
    return replace(first, background=100.0, background_error=3.0, template=template)


def test_the_difference_holds_every_error_in_quadrature(look: Look) -> None:
    found = difference(look)
    assert found is not None
    assert found.value == 30.0
    assert found.error == 13.0  # 3, 4, 12
    assert found.sigmas == pytest.approx(30 / 13)


@pytest.mark.parametrize(
    "changes",
    [
        {"template": None},
        {"background": None, "background_error": None},
        {"template": TemplateEstimate(130.0, 4.0, status="no bias")},
        {"template": TemplateEstimate(status="nothing")},
    ],
)
def test_what_is_not_known_is_not_compared(look: Look, changes: dict[str, object]) -> None:
    assert difference(replace(look, **changes)) is None


def test_two_standard_deviations_are_the_border_and_the_worst_comes_first(look: Look) -> None:
    def shifted(sigmas: float) -> Look:
        assert look.template is not None
        template = replace(look.template, background=100.0 + 13.0 * sigmas)
        return replace(look, template=template, n_window=round(100 * sigmas))

    looks = [shifted(s) for s in (0.0, 1.99, 2.01, -2.6, 2.3)]
    assert [x.n_window for x in disagreements(looks)] == [-260, 230, 201]


def test_one_row_per_method_with_its_best_look(broken_result: SearchResult) -> None:
    rows = compare(broken_result)
    assert [row.look.method for row in rows] == ["cathode-spline-trees", "anode"]
    for row in rows:
        mine = [x.local_z for x in broken_result.looks if x.method == row.look.method]
        assert row.look.local_z == max(z for z in mine if z is not None)
        assert row.truth is not None
        assert row.truth.evaluation.window == row.look.window
        assert not row.yardstick
    assert rows[0].look == broken_result.best


def test_the_answer_keeps_its_look_where_a_correction_reorders_them(make_result: Make) -> None:
    result = make_result(n_windows=3, methods=("anode",), signal=60)
    second = sorted(result.looks, key=lambda look: look.local_z or 0.0)[-2]
    assert compare(replace(result, best=second))[0].look == second


def test_a_method_without_any_number_stands_last(make_result: Make) -> None:
    result = make_result(n_windows=2, methods=("anode", "cwola-trees"), failed=6)
    rows = compare(result)
    assert [row.look.method for row in rows] == ["cwola-trees", "anode"]
    assert rows[1].look.local_p is None
    assert rows[1].difference is None


def test_yardsticks_are_known_by_their_template_and_not_by_their_name(make_result: Make) -> None:
    config = {
        "methods": [
            {"template": "ideal", "classifier": "trees", "name": "cwola-trees"},
            {"template": "cwola", "classifier": "trees", "name": "ideal-trees"},
        ]
    }
    result = make_result(n_windows=1, methods=("cwola-trees", "ideal-trees"), config=config)
    marked = {row.look.method: row.yardstick for row in compare(result)}
    assert marked == {"cwola-trees": True, "ideal-trees": False}


def test_agreement_is_said_with_what_chance_would_give(make_result: Make) -> None:
    told = agreement(make_result(signal=0, n_windows=5))
    assert told.places == ()
    assert "At the best look the two estimates agree" in told.sentences[0]
    # 30 looks, 4.55 % of them
    assert "chance alone would give about 1.4 of 30" in told.sentences[1]
    assert told.sentences[1].startswith("In no look that has both")


def test_disagreements_are_named_with_both_numbers(broken_result: SearchResult) -> None:
    told = agreement(broken_result)
    far = [x for x in broken_result.looks if (d := difference(x)) and abs(d.sigmas) > 2]
    assert 0 < len(far) <= 5
    assert f"In {len(far)} of the 14 looks that have both they differ" in told.sentences[1]
    assert len(told.places) == len(far)
    for place in told.places:
        assert place.startswith("anode, ")
        assert "1\N{NO-BREAK SPACE}%: the fit expects 60.0" in place
        sigmas = 60 / math.hypot(math.sqrt(60) / 3, 0.6 * math.sqrt(60), 12)
        assert f"{sigmas:.1f}{NBSP}\N{GREEK SMALL LETTER SIGMA} more." in place


def test_many_disagreements_are_counted(look: Look, make_result: Make) -> None:
    windows = [(float(i), float(i + 1)) for i in range(8)]
    looks = tuple(replace(look, window=window) for window in windows)
    told = agreement(replace(make_result(n_windows=1), looks=looks, best=looks[0]))
    assert "disagree" in told.sentences[0]
    assert told.sentences[1].endswith("; the 5 largest:")
    assert len(told.places) == 5


def test_nothing_to_compare_is_said(make_result: Make) -> None:
    told = agreement(make_result(n_windows=1))  # no window to measure a bias in
    assert len(told.sentences) == 1
    assert told.sentences[0].startswith("No look has both estimates")


def test_the_looks_are_paid_for_whichever_method_wins(
    make_result: Make, broken_result: SearchResult
) -> None:
    times = "\N{MULTIPLICATION SIGN}"
    told = paid(make_result(n_windows=3))
    assert f"all 18 looks (3 windows {times} 2 methods {times} 3 working points)" in told
    assert "rests on the fit alone" in told
    assert "less 2 without a number" in paid(broken_result)
    one = paid(make_result(n_windows=1, methods=("anode",), points=(0.01,)))
    assert f"pays for 1 look (1 window {times} 1 method {times} 1 working point)" in one
    assert "no toys that would pay" in paid(make_result(n_windows=1, n_toys=0, toy_maxima=()))


def test_independent_looks_count_as_what_they_are() -> None:
    n, toys = 12, 4000
    rng = np.random.default_rng(11)
    found = effective_looks(rng.standard_normal((toys, n)).max(axis=1).tolist())
    assert found is not None
    assert found.low < found.number < found.high
    # Phi(median)^n is 1/2 +- 1/(2 sqrt(N)), so ln n errs by 1/(ln 2 sqrt(N)); four errors
    error = 1 / (math.log(2) * math.sqrt(toys))
    assert abs(math.log(found.number / n)) < 4 * error
    assert math.log(found.high / found.low) == pytest.approx(2 * error, rel=0.25)


def test_the_interval_covers_as_often_as_the_binomial_says() -> None:
    n, toys, repeats = 5, 200, 500
    z = np.random.default_rng(21).standard_normal((repeats, toys, n)).max(axis=2)
    found = [effective_looks(row.tolist()) for row in z]
    covered = np.mean([item is not None and item.low <= n <= item.high for item in found])
    # 93 to 107 of 200 toys below the true median: the central 68.3 % rounded outwards
    wanted = binom.cdf(107, toys, 0.5) - binom.cdf(92, toys, 0.5)
    assert wanted == pytest.approx(0.71, abs=0.01)
    assert abs(covered - wanted) < 4 * math.sqrt(wanted * (1 - wanted) / repeats)


def test_copies_of_one_look_count_as_one() -> None:
    z = np.random.default_rng(3).standard_normal((1000, 1)).repeat(40, axis=1)
    found = effective_looks(z.max(axis=1).tolist())
    assert found is not None
    assert found.low < 1.0 < found.high


def test_few_toys_say_nothing_about_overlaps(make_result: Make) -> None:
    assert effective_looks([1.0] * 99) is None
    assert effective_looks([math.nan] * 500) is None
    assert overlap(make_result(n_windows=1, n_toys=20)) is None
    assert overlap(make_result(n_windows=1, methods=("anode",), points=(0.01,))) is None
    told = overlap(make_result(n_windows=3))  # the factory draws 9 independent numbers for 18 looks
    assert told is not None
    assert "The 18 looks share events" in told
    assert "68.3 % interval" in told


def test_numbers_of_every_look_are_plain(broken_result: SearchResult) -> None:
    rows = json.loads(json.dumps(plain(as_json(broken_result)), allow_nan=False))
    assert len(rows) == len(broken_result.looks)
    for row, item in zip(rows, broken_result.looks, strict=True):
        assert row["method"] == item.method
        assert row["fit"]["background"] == item.background
        gap = difference(item)
        assert row["difference_sigmas"] == (None if gap is None else pytest.approx(gap.sigmas))
        if item.template is None:
            assert row["template"] is None
        else:
            assert row["template"]["delta_sys"] == item.template.delta_sys
            assert row["template"]["status"] == item.template.status


def test_the_factory_is_right_about_its_templates(make_result: Make) -> None:
    """z of the template's count is a counting significance: in the limit of many events, Gauss."""
    result = make_result(n_windows=5, signal=0, points=(0.1,), methods=("cwola-trees",))
    for item in result.looks:
        template = item.template
        assert template is not None
        assert template.local_z is not None
        assert template.background is not None
        assert template.background_error is not None
        assert template.systematic is not None
        error = math.hypot(template.background_error, template.systematic)
        gauss = (item.n_window - template.background) / math.hypot(
            error, math.sqrt(template.background)
        )
        assert template.local_z == pytest.approx(gauss, abs=0.1)
        assert template.local_p == pytest.approx(norm.sf(template.local_z))
