"""What a trigger's thresholds and tables say, in sentences and cells."""

from __future__ import annotations

import math
from collections.abc import Sequence

from bycatch.report.numbers import number
from bycatch.report.words import Warn
from bycatch.trigger.estimates import Estimate
from bycatch.trigger.run import TriggerResult
from bycatch.trigger.tables import SignalRow
from bycatch.trigger.working_point import WorkingPoint

_FEW = 10.0


def _end(value: float) -> str:
    return "∞" if math.isinf(value) else number(value, 2)


def span(low: float, high: float) -> str:
    """Return an interval as ``0.9 to 1.2``; an infinite end as a sign."""
    return f"{_end(low)} to {_end(high)}"


def cell(found: Estimate) -> str:
    """Return a number with its interval: ``1.2e-3 (0.9e-3 to 1.6e-3)``; a limit where it is 0."""
    if found.value == 0.0:
        return f"< {_end(found.high)}"
    if math.isinf(found.value):
        return f"> {_end(found.low)}"
    return f"{number(found.value, 2)} ({span(found.low, found.high)})"


def threshold(point: WorkingPoint) -> str:
    """Return a threshold with its total interval."""
    low, high = point.threshold_interval
    return f"{number(point.threshold.value, 3)} ({number(low, 3)} to {number(high, 3)})"


def ratio(s_over_b: float) -> str:
    """Return S/B as people write it: ``1/3``."""
    inverse = 1.0 / s_over_b
    return f"1/{inverse:.0f}" if abs(inverse - round(inverse)) < 1e-6 else number(s_over_b)


def of_point(point: WorkingPoint) -> str:
    """Say which events stand behind a threshold."""
    n = number(point.threshold.n_effective, 2)
    if point.threshold.extrapolated:
        return f"extrapolated from the fitted tail; {n} effective background events above"
    return f"counted; {n} effective background events above"


def answer(result: TriggerResult) -> str:
    """Return the tightest working point in one sentence."""
    point = min(result.points, key=lambda item: item.budget)
    return (
        f"A threshold of {threshold(point)} keeps {point.budget:g} background events per day"
        f"{' outside of the menu' if point.of == 'pure_rate' else ''}, an efficiency of "
        f"{number(point.background_efficiency, 2)} ({of_point(point)})."
    )


def warnings_of(result: TriggerResult) -> list[Warn]:
    """Return what a reader must know before believing the numbers."""
    found = []
    beyond = [point for point in result.points if point.threshold.extrapolated]
    if beyond:
        budgets = ", ".join(f"{point.budget:g}" for point in beyond)
        text = (
            f"Fewer than 30 effective background events lie above the threshold for {budgets} "
            f"events per day ({number(beyond[0].threshold.n_effective, 2)} at the first): it is an "
            "extrapolation of the fitted tail. It knows nothing of a process that starts to matter "
            "beyond the last event; simulate more background."
        )
        found.append(Warn("Extrapolated", text))
    statuses = dict.fromkeys(p.status for p in result.points if p.status != "ok")
    found += [Warn("Tail", status) for status in statuses]
    weak = sorted({r.name for r in result.rows if r.score_efficiency.n_effective < _FEW})
    if weak:
        text = (
            f"Fewer than {_FEW:g} effective events of {', '.join(weak)} pass a threshold: quote "
            "the intervals."
        )
        found.append(Warn("Few signal events", text))
    heavy = [
        sample.name for sample in result.background if sample.n_effective < 0.1 * len(sample.score)
    ]
    if heavy:
        text = (
            f"The weights of {', '.join(heavy)} differ so much that fewer than a tenth of their "
            "events count."
        )
        found.append(Warn("Weights", text))
    return found


def _table(rows: Sequence[SignalRow]) -> list[str]:
    """Return the table of one budget as lines of equal columns."""
    head = ["signal", "absolute efficiency"]
    head += [f"pb for {events:g}/month" for events, _ in rows[0].events]
    head += [f"pb for S/B = {ratio(rows[0].purity[0])}", "events above"]
    body = [
        [
            row.name,
            cell(row.efficiency),
            *(cell(found) for _, found in row.events),
            cell(row.purity[1]),
            number(row.score_efficiency.n_effective, 2),
        ]
        for row in rows
    ]
    widths = [max(len(line[i]) for line in [head, *body]) for i in range(len(head))]
    return [
        "  " + "  ".join(text.ljust(w) for text, w in zip(line, widths, strict=True)).rstrip()
        for line in [head, *body]
    ]


def summary(result: TriggerResult) -> str:
    """Return thresholds and tables as lines for a terminal."""
    total = result.mixture.total("rate")
    first = (
        f"Background before the score: {number(total)} events/day at "
        f"{result.plan.collected.per_month:g}/fb per month of 30 days, "
        f"{number(result.tail.n_effective)} effective events."
    )
    lines = [first]
    for point in result.points:
        pure = "" if point.pure_rate is None else f", pure rate {cell(point.pure_rate)}/day"
        lines.append(
            f"{point.budget:g} events/day: threshold {threshold(point)}, background efficiency "
            f"{number(point.background_efficiency, 2)}, {of_point(point)}; rate "
            f"{cell(point.rate)}/day{pure}."
        )
        rows = [row for row in result.rows if row.budget == point.budget]
        if rows:
            lines += _table(rows)
    lines += [f"Note: {item.title}. {item.text}" for item in warnings_of(result)]
    return "\n".join(lines)
