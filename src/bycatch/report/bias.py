"""The template's bias in words and rows: what was measured, how much it matters, what to do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bycatch.report.numbers import number, percent, percent_with_error, with_error
from bycatch.search.result import Look, SearchResult, TemplateEstimate

SIGNIFICANT = 2.0
"""Statistical errors from which a bias is called significant."""


@dataclass(frozen=True)
class BiasRow:
    """The bias of one method at one working point, as it applies to the best window.

    Attributes
    ----------
    look : Look
    estimate : TemplateEstimate
        Empty, with a status, where the look has none.
    shift : float or None
        What the bias is worth in the window, in events.
    shift_error : float or None
    """

    look: Look
    estimate: TemplateEstimate
    shift: float | None
    shift_error: float | None


def bias_rows(result: SearchResult) -> list[BiasRow]:
    """Return a row for each method and working point in the window of the best look."""
    here = [look for look in result.looks if look.window == result.best.window]
    return [_row(look) for look in here]


def _row(look: Look) -> BiasRow:
    estimate = look.template
    if estimate is None:
        status = "This run made no estimate from the template."
        return BiasRow(look, TemplateEstimate(status=status), None, None)
    if estimate.delta_sys is None or estimate.background is None:
        return BiasRow(look, estimate, None, None)
    error = estimate.delta_sys_error
    return BiasRow(
        look,
        estimate,
        estimate.delta_sys * estimate.background,
        None if error is None else error * estimate.background,
    )


def bias_words(rows: Sequence[BiasRow]) -> str:
    """Say how large the largest significant bias is, and what to do about it."""
    measured = [row for row in rows if row.estimate.delta_sys is not None]
    if not measured:
        return "it could not be measured for any method at any working point of this window."
    significant = [row for row in measured if _significance(row) > SIGNIFICANT]
    if not significant:
        return (
            f"none of the {len(measured)} biases differs from zero by more than two statistical "
            "errors."
            if len(measured) > 1
            else "the bias does not differ from zero by more than two statistical errors."
        )
    worst = max(significant, key=lambda row: abs(row.estimate.delta_sys or 0.0))
    estimate = worst.estimate
    text = (
        f"{len(significant)} of {len(measured)} differ{'s' if len(significant) == 1 else ''} from "
        f"zero by more than two statistical errors. The largest is {worst.look.method} at "
        f"{percent(worst.look.working_point)}: "
        f"{percent_with_error(estimate.delta_sys, estimate.delta_sys_error)}, worth "
        f"{with_error(worst.shift, worst.shift_error)} events in this window"
    )
    fit = worst.look.background_error
    if fit is None or worst.shift is None:
        return f"{text}."
    size = "less than" if abs(worst.shift) <= fit else "more than"
    return f"{text}, {size} the error of the fit ({number(fit, 2)})."


def _significance(row: BiasRow) -> float:
    delta, error = row.estimate.delta_sys, row.estimate.delta_sys_statistical
    return abs(delta) / error if delta is not None and error else 0.0


def unmeasured(result: SearchResult) -> list[tuple[str, str]]:
    """Return why looks of any window have no number from the template: a place and its sentence.

    Each sentence stands once for each method, with the number of looks that it holds for.
    """
    groups: dict[tuple[str, str], list[Look]] = {}
    for look in result.looks:
        status = _row(look).estimate.status
        if status != "ok":
            groups.setdefault((look.method, status), []).append(look)
    return [(_place(looks, result), status) for (_, status), looks in groups.items()]


def _place(looks: Sequence[Look], result: SearchResult) -> str:
    name = looks[0].method
    whole = sum(look.method == name for look in result.looks)
    if len(looks) == whole:
        return name
    points = list(dict.fromkeys(look.working_point for look in looks))
    at = " and ".join(percent(point) for point in points[:3]) + (" ..." if len(points) > 3 else "")
    return f"{name}, {len(looks)} of its {whole} looks, at {at}"
