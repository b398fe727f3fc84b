"""Numbers of a trigger as a reader sees them, and its figures."""

from __future__ import annotations

import numpy as np
import pytest

from bycatch.report import trigger_words as words
from bycatch.report.plots.trigger import plot_rates, plot_tail
from bycatch.trigger.estimates import Estimate
from bycatch.trigger.mixture import Mixture, ScoredSample
from bycatch.trigger.plan import TriggerPlan
from bycatch.trigger.processes import Process
from bycatch.trigger.rates import Luminosity, Normalisation, Rate
from bycatch.trigger.run import TriggerResult
from bycatch.trigger.tables import signal_row
from bycatch.trigger.working_point import working_point


def make(scale: float = 1.0, budgets: tuple[float, ...] = (30.0, 2e4)) -> TriggerResult:
    rng = np.random.default_rng(1)
    background = ScoredSample("w", scale * rng.exponential(size=4000), np.ones(4000))
    signal = ScoredSample("s", 3 * scale * rng.exponential(size=300), np.ones(300))
    known = Normalisation(cross_section=1.0, acceptance=0.5, trigger=0.5)
    rates = {"w": Rate("w", 1e6, 0.05, known)}
    plan = TriggerPlan(
        score={"column": "score"},
        background={"w": {"path": "x"}},
        signals={"s": {"path": "x"}},
        budget=budgets,
    )
    processes = (
        Process("w", "background", ("x",), None, None, known),
        Process("s", "signal", ("x",), None, None, known),
    )
    mixture = Mixture([background], rates)
    points = tuple(working_point(mixture, budget) for budget in budgets)
    rows = tuple(signal_row(signal, known, point, Luminosity()) for point in points)
    return TriggerResult(
        "0", {}, plan, processes, (background,), (signal,), rates, mixture, mixture.tail(), points,
        rows,
    )  # fmt: skip


@pytest.fixture(scope="module")
def result() -> TriggerResult:
    return make()


@pytest.mark.parametrize(
    ("numbers", "text"),
    [
        ((7.14, 6.9, 7.4), "7.1 (6.9 to 7.4)"),
        ((0.0, 0.0, 3.6e-4), "< 0.00036"),
        ((np.inf, 56.0, np.inf), "> 56"),
        ((12.0, 1.7, np.inf), "12 (1.7 to ∞)"),
    ],
)
def test_cells(numbers: tuple[float, float, float], text: str) -> None:
    assert words.cell(Estimate(*numbers, n_effective=1.0, extrapolated=False)) == text


def test_ratios() -> None:
    assert words.ratio(1 / 3) == "1/3"
    assert words.ratio(0.3) == "0.300"


def test_what_is_extrapolated_says_so(result: TriggerResult) -> None:
    assert "extrapolated from the fitted tail" in words.answer(result)
    assert words.of_point(result.points[1]).startswith("counted")
    titles = [item.title for item in words.warnings_of(result)]
    assert titles[0] == "Extrapolated"
    # exp(-t) = 1e-6 leaves 300 exp(-t / 3) = 3 signal events.
    assert "Few signal events" in [x.title for x in words.warnings_of(make(budgets=(1.0,)))]
    counted = make(budgets=(2e4,))
    assert words.warnings_of(counted) == []


def test_the_summary_has_a_table_per_budget(result: TriggerResult) -> None:
    text = words.summary(result)
    assert text.count("absolute efficiency") == 2
    assert "pb for S/B = 1/3" in text
    assert "1.00e6 events/day at 5/fb per month of 30 days" in text


@pytest.mark.parametrize("scale", [1.0, 1e-3])
def test_figures_show_the_tail_and_the_budgets(scale: float) -> None:
    found = make(scale)
    tail = plot_tail(found)
    (axes,) = tail.axes
    assert axes.get_yscale() == "log"
    low, high = axes.get_xlim()
    assert low <= found.points[1].threshold.value < found.points[0].threshold.value <= high
    assert [text.get_text() for text in axes.texts] == ["30/day", "20000/day"]
    rates = plot_rates(found, width=3.9)
    assert [axes.get_ylabel() for axes in rates.axes] == [
        "events per day above",
        "efficiency of the score",
    ]
