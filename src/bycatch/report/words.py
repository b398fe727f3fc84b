"""The answer of a search in one sentence, and the warnings that stand right under it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from scipy.special import ndtri

from bycatch.report.comparison import FAR, difference
from bycatch.report.methods import recipes
from bycatch.report.numbers import (
    SIGMA,
    count,
    interval,
    p_value,
    percent,
    with_error,
    with_errors,
    z_value,
)
from bycatch.search.result import Check, Look, SearchResult

EVIDENCE = 3.0
MILD = 2.0
FEW_TOYS = 100
POOR_FIT = 0.01
SHOWN_CHECKS = 6
LARGE_P = 0.3


@dataclass(frozen=True)
class Answer:
    """The answer.

    Attributes
    ----------
    kind : {"excess", "mild", "null", "none"}
    sentence : str
    """

    kind: str
    sentence: str


@dataclass(frozen=True)
class Warn:
    """A warning inside the page: a few words and the sentence."""

    title: str
    text: str


def resonance_name(result: SearchResult) -> str:
    """Return the expression of the resonant feature."""
    return str(result.config.get("resonance") or "the resonant feature")


def _place(look: Look, name: str) -> str:
    return (
        f"in the window {interval(look.window)} of {name}, with {look.method} at a background "
        f"efficiency of {percent(look.working_point)}"
    )


def _looks(result: SearchResult) -> str:
    if result.n_looks == 1:
        return "after paying for its one look"
    if result.n_looks == 2:
        return "after paying for both looks"
    return f"after paying for all {count(result.n_looks)} looks"


def toys_beyond(result: SearchResult) -> int:
    """Return S, the number of toys that reach the observed excess."""
    return max(0, round(result.global_p * (result.n_toys + 1)) - 1)


def _global(result: SearchResult) -> str:
    low, high = result.global_p_interval
    error = f"68.3 % interval {p_value(low) if low > 0 else '0'} to {p_value(high)}"
    text = f"global p = {p_value(result.global_p)} ({z_value(result.global_z)} {SIGMA}"
    if toys_beyond(result) == 0:
        return (
            f"{text}), the smallest that {count(result.n_toys)} toys can show: none of them "
            f"reached it ({error})"
        )
    return f"{text}; {error} from {count(result.n_toys)} toys)"


def _bonferroni_z(result: SearchResult) -> float:
    best = result.best
    if best.local_p is None or best.local_z is None:
        return -math.inf
    p = min(1.0, best.local_p * max(1, result.n_looks))
    return float(-ndtri(p)) if p > 0 else best.local_z


def _kind(result: SearchResult) -> str:
    z = result.global_z
    if toys_beyond(result) == 0:  # the toys end before the answer does
        z = max(z, _bonferroni_z(result))
    return "excess" if z >= EVIDENCE else "mild" if z >= MILD else "null"


def answer(result: SearchResult) -> Answer:
    """Return the result of a search in one sentence.

    A global significance of 3 makes it an excess, 2 a mild excess, less is no excess. Where no toy
    reaches the data, Bonferroni's bound decides between these words (never a number).
    """
    best, name = result.best, resonance_name(result)
    if best.local_p is None:
        looks = f"none of the {count(result.n_looks)} looks" if result.n_looks > 1 else "its look"
        verb = "gave" if result.n_looks > 1 else "did not give"
        return Answer("none", f"No answer: {looks} {verb} a number, and the table below says why.")
    local = f"local p = {p_value(best.local_p, best.local_z)} ({z_value(best.local_z)} {SIGMA})"
    if result.n_toys < 1:
        sentence = (
            f"The largest deviation is {_place(best, name)}: {local}; no toys were run, so there "
            f"is no global p that pays for the {count(result.n_looks)} looks."
        )
        return Answer("none", sentence)
    kind = _kind(result)
    opening = {
        "excess": "An excess",
        "mild": "A mild excess, not significant by itself,",
        "null": "No significant excess; the largest deviation is",
    }[kind]
    return Answer(
        kind, f"{opening} {_place(best, name)}: {local} and, {_looks(result)}, {_global(result)}."
    )


def shown_down_to(result: SearchResult) -> float | None:
    """Return the smallest p that was shown to be calibrated; None where that is none worth naming.

    A validation of a handful of pseudo-experiments shows p = 1 and nothing below it.
    """
    shown = result.calibrated_down_to
    return shown if shown is not None and shown < LARGE_P else None


def calibration(result: SearchResult) -> str:
    """Return the plain statement of what is known about the calibration of the p-values."""
    shown, best = shown_down_to(result), result.best
    if shown is None and result.config.get("folds") == "half":
        return (
            "One half trains and the other is searched, so that no selected event shares training "
            "events with another; run `bycatch validate` to show it for this configuration."
        )
    if shown is None:
        return (
            "Folds share training events, so that counts selected from background alone scatter "
            "more than Poisson and small p-values come out too small. Run `bycatch validate` with "
            "this configuration and name its folder under `validation` to measure and correct it."
        )
    text = (
        "Calibration: pseudo-experiments without signal showed the p-values of this configuration "
        f"to be right down to p = {p_value(shown)}"
    )
    if best.dispersion != 1.0:
        text += (
            f", after the measured spread of z under background alone ({best.dispersion:.2f} at "
            "the best look) was divided out"
        )
    return text + "."


def _uncalibrated(result: SearchResult) -> list[Warn]:
    shown, local = shown_down_to(result), result.best.local_p
    if shown is None:
        return [Warn("Not calibrated below p = 0.01", calibration(result))]
    if local is not None and local < shown:
        text = "The best local p lies below what was shown and relies on extrapolation."
        return [Warn(f"Calibrated down to p = {p_value(shown)} only", text)]
    return []


def _where(check: Check) -> str:
    parts = [check.method or "", interval(check.window) if check.window else ""]
    return ", ".join(part for part in parts if part)


def _failed(result: SearchResult) -> list[Warn]:
    best = result.best

    def distance(check: Check) -> int:
        return (check.window not in (None, best.window)) + (check.method not in (None, best.method))

    # The calibration has a statement of its own, see `_uncalibrated`.
    open_ones = (c for c in result.checks if not c.passed and c.name != "calibration")
    failed = sorted(open_ones, key=distance)
    shown = failed[:SHOWN_CHECKS]
    found = [
        Warn(
            f"Check failed: {check.name}" + (f" ({_where(check)})" if _where(check) else ""),
            check.message.removeprefix("Warning: "),
        )
        for check in shown
    ]
    if len(failed) > len(shown):
        more = len(failed) - len(shown)
        found.append(Warn(f"{more} more failed checks", "They stand in the section on checks."))
    return found


def _remarks(looks: Sequence[Look]) -> list[Warn]:
    found = []
    for title, group in (
        ("gave no number", [look for look in looks if look.local_p is None]),
        ("carry a remark", [x for x in looks if x.local_p is not None and x.status != "ok"]),
    ):
        if group:
            first = group[0]
            where = f"{first.method}, {interval(first.window)}, {percent(first.working_point)}"
            head = f"{len(group)} of {len(looks)} looks {title}"
            found.append(Warn(head, f"For example {where}: {first.status}"))
    return found


def _yardsticks(result: SearchResult) -> list[Warn]:
    known = recipes(result.config)
    names = [name for name, recipe in known.items() if recipe.yardstick]
    if result.best.method in names:
        text = (
            f"{result.best.method} learned from truth labels: its look is a yardstick for studies "
            "and no result of a search. Read the other methods, or run without it."
        )
        return [Warn("The best look uses truth", text)]
    if any(look.method in names for look in result.looks):
        text = (
            f"The looks of {' and '.join(names)} use truth and are yardsticks for studies; the "
            "global p-value pays for them as for all others."
        )
        return [Warn("Some methods use truth", text)]
    return []


def _estimates(result: SearchResult) -> list[Warn]:
    """Warn where the template does not expect at the best look what the fit expects."""
    best, gap = result.best, difference(result.best)
    if gap is None or best.template is None or abs(gap.sigmas) <= FAR:
        return []
    template = best.template
    fit = with_error(best.background, best.background_error)
    other = with_errors(template.background, template.background_error, template.systematic)
    text = (
        f"The fit expects {fit} events in the window of the best look, the template {other}: they "
        f"differ by {abs(gap.sigmas):.1f} combined standard deviations. One of them is wrong; see "
        "the comparison of methods and the template's bias."
    )
    return [Warn("Fit and template disagree", text)]


def warnings_of(result: SearchResult) -> list[Warn]:
    """Return everything that a reader must know before believing the answer."""
    found = _yardsticks(result)
    found += _failed(result)
    found += _estimates(result)
    found += _uncalibrated(result)
    found += _remarks(result.looks)
    if result.n_toys < FEW_TOYS:
        text = "A global p-value needs toys; set `toys` to 1000 or more."
        found.append(Warn(f"Only {result.n_toys} toys" if result.n_toys else "No toys", text))
    fit = result.best.goodness_of_fit
    if fit is not None and fit < POOR_FIT:
        text = (
            "The smooth function does not describe the selected spectrum of the best look outside "
            f"of the window (goodness of fit p = {p_value(fit)}); its excess may be a misfit. Try "
            "another family, more parameters or a narrower fit range."
        )
        found.append(Warn("Poor background fit", text))
    return found
