"""What a bump hunt found, in sentences, for the terminal and the page."""

from __future__ import annotations

from bycatch.hunt.plan import HuntResult
from bycatch.report.numbers import SIGMA, count, interval, p_value, with_error, z_value
from bycatch.report.words import Warn

_EVIDENCE = 3.0
_POOR_FIT = 0.01


def answer(result: HuntResult) -> tuple[str, str]:
    """Return the kind (``excess``, ``mild`` or ``null``) and the answer in one sentence."""
    what = "excess" if result.plan.mode == "excess" else "deficit"
    place = f"{interval(result.best.window)} of {result.histogram.label}"
    paid = f"global p = {p_value(result.global_p.p)} for {count(len(result.scan.windows))} windows"
    if result.global_p.z >= _EVIDENCE:
        return "excess", f"There is a significant {what} in {place}: {paid}."
    kind = "mild" if result.global_p.z >= 2.0 else "null"
    return kind, f"There is no significant {what}; the largest one lies in {place}: {paid}."


def fit_sentence(result: HuntResult) -> str:
    """Say what was fitted and how well."""
    fit = result.fit
    text = (
        f"Background: {fit.family} with {fit.order} parameters, goodness of fit"
        f" p = {p_value(fit.goodness_p)}"
    )
    if fit.masked:
        text += f", fitted without {', '.join(interval(window) for window in fit.masked)}"
    return text + "."


def warnings_of(result: HuntResult) -> list[Warn]:
    """Return what a reader must know before believing the numbers."""
    found = [Warn("Input", note) for note in result.histogram.notes]
    if result.fit.goodness_p < _POOR_FIT:
        text = (
            f"Only a fraction {p_value(result.fit.goodness_p)} of the toys is fitted worse: the"
            f" {result.fit.family} family may not describe this spectrum. Try another --background"
            " or a shorter --range, and do not trust small p-values before the fit is good."
        )
        found.append(Warn("Poor fit", text))
    if result.fit.status != "ok":
        found.append(Warn("Failed toys", result.fit.status.capitalize() + "."))
    if result.global_p.exceeding == 0:
        text = (
            f"No toy of {count(result.global_p.n_toys)} is as extreme as the data, so global p is"
            " an upper limit set by their number; more --toys would lower it."
        )
        found.append(Warn("Limited by toys", text))
    return found


def summary(result: HuntResult) -> str:
    """Return the result as a few lines for a terminal."""
    low, high = result.global_p.interval
    toys = f"{count(result.global_p.exceeding)} of {count(result.global_p.n_toys)} toys"
    counted = (
        f"Global p: {p_value(result.global_p.p)} ({z_value(result.global_p.z)} {SIGMA}; {toys},"
        f" 68.3 % interval {low:.2g} to {high:.2g})."
    )
    lines = [answer(result)[1], fit_sentence(result), counted]
    for index, found in enumerate(result.windows):
        lines.append(
            f"{'Best' if index == 0 else 'Also'}: {interval(found.window)}:"
            f" {count(found.n_window)} events,"
            f" {with_error(found.background, found.background_error)} expected, local p"
            f" {p_value(found.local_p, found.local_z)} ({z_value(found.local_z)} {SIGMA}),"
            f" global p {p_value(found.global_p)}."
        )
    lines += [f"Note: {item.title}. {item.text}" for item in warnings_of(result)]
    return "\n".join(lines)
