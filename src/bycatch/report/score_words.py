"""What scores without labels are worth, in sentences, for the terminal and the page."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from bycatch.anomaly.hunts import Hunted
from bycatch.anomaly.judge import FPR, Measured, Spread
from bycatch.anomaly.result import ScoreResult
from bycatch.evaluate.operating import Rejection
from bycatch.evaluate.transfer import Transfer
from bycatch.report.numbers import (
    SIGMA,
    count,
    interval,
    number,
    p_value,
    percent,
    with_errors,
    with_total,
    z_value,
)
from bycatch.report.words import Warn

_SURE = 2.0
_CARVED = 0.01
_SCULPTED = 0.01


@dataclass(frozen=True)
class Pair:
    """One score in both directions.

    Attributes
    ----------
    direct, inverse : Measured
        Trained on background and tested on the signal; and the other way round.
    """

    direct: Measured
    inverse: Measured


def label_of(item: Measured) -> str:
    """Return the name of a score for tables and legends."""
    return "supervised (uses labels)" if item.supervised else f"{item.method}, {item.score}"


def main_rows(result: ScoreResult) -> list[Measured]:
    """Return the direct numbers with the run's own pixels, at the first contamination."""
    first: dict[str, float] = {}
    kept = []
    for item in result.measured:
        if item.direction != "direct" or item.variant:
            continue
        if item.contamination == first.setdefault(item.method, item.contamination):
            kept.append(item)
    return kept


def pairs(result: ScoreResult) -> list[Pair]:
    """Return the scores that were tested in both directions with the run's own pixels."""
    inverse = {
        (item.method, item.score, item.signal): item
        for item in result.measured
        if item.direction == "inverse" and not item.variant
    }
    return [
        Pair(item, inverse[item.method, item.score, item.signal])
        for item in main_rows(result)
        if (item.method, item.score, item.signal) in inverse
    ]


def auc_text(item: Measured) -> str:
    """Return the AUC with the error of the samples and the spread of the training."""
    return with_errors(item.auc, item.auc_error, item.auc_spread.deviation)


def transfer_text(matrix: Transfer, row: int, column: int) -> str:
    """Return the AUC and the significance improvement of a training for a signal."""
    auc = with_errors(matrix.auc[row][column], matrix.auc_error[row][column])
    best, error = matrix.max_sic[row][column], matrix.max_sic_error[row][column]
    return f"{auc} (SIC {with_errors(best, error)})" if math.isfinite(best) else auc


def rejection_text(found: Rejection, spread: Spread) -> str:
    """Return 1/eps_B with its errors, or the lower end of its interval where nothing passes."""
    if not math.isfinite(found.value):
        return f"above {number(found.interval[0], 2)}"
    return with_errors(found.value, found.error, spread.deviation)


def sic_text(item: Measured) -> str:
    """Return the maximum significance improvement with its errors."""
    return with_errors(item.best.value, item.best.error, item.sic_spread.deviation)


def tpr_text(item: Measured) -> str:
    """Return the true-positive rate with its interval."""
    low, high = item.tpr.interval
    return f"{percent(item.tpr.value)} ({percent(low)} to {percent(high)})"


def _error(item: Measured) -> float:
    return math.hypot(item.auc_error, item.auc_spread.deviation or 0.0)


def bias_sentence(pair: Pair) -> str | None:
    """Say whether a score is biased: it prefers one sample whatever it was trained on.

    Parameters
    ----------
    pair : Pair

    Returns
    -------
    str or None
        None where both directions are above 1/2 by more than two standard errors (of samples and
        training together).

    References
    ----------
    .. [1] Finke et al., arXiv:2104.09051.
    """
    direct, inverse = pair.direct, pair.inverse
    name, signal = label_of(direct), direct.signal
    both = (
        f"AUC {auc_text(direct)} trained on background, {auc_text(inverse)} trained on '{signal}'"
    )
    for one, other, trained, prefers in (
        (inverse, direct, f"'{signal}'", "background"),
        (direct, inverse, "background", f"'{signal}'"),
    ):
        if one.auc >= 0.5:
            continue
        start = f"{name} is biased for '{signal}'"
        if one.auc + _SURE * _error(one) >= 0.5:
            return (
                f"{name} may be biased for '{signal}': trained on {trained} it cannot be told from "
                f"a coin ({both})."
            )
        if other.auc < 0.5:
            return f"{start}: it prefers what it was trained on in neither direction ({both})."
        return (
            f"{start}: even trained on {trained} it rates {prefers} as the more normal of the two, "
            f"so it measures how simple an event is and not only how unknown ({both})."
        )
    return None


def answer(result: ScoreResult) -> str:
    """Say for each signal which score is best, and what labels would have given."""
    rows = main_rows(result)
    signals = list(dict.fromkeys(item.signal for item in rows))
    told = []
    for signal in signals[:3]:
        here = [item for item in rows if item.signal == signal and not item.supervised]
        best = max(here, key=lambda item: item.auc)
        text = f"For '{signal}' the best of {len(here)} scores is {label_of(best)}: AUC "
        text += with_total(best.auc, best.auc_error, best.auc_spread.deviation)
        for item in rows:
            if item.supervised and item.signal == signal:
                total = with_total(item.auc, item.auc_error, item.auc_spread.deviation)
                text += f", where a classifier with labels has {total}"
        told.append(f"{text}.")
    if len(signals) > 3:
        told.append(f"The other {len(signals) - 3} signals stand in the table.")
    return " ".join(told)


def warnings_of(result: ScoreResult) -> list[Warn]:
    """Return what a reader must know before believing the numbers."""
    found = []
    tested = pairs(result)
    for pair in tested:
        sentence = None if pair.direct.supervised else bias_sentence(pair)
        if sentence is not None:
            found.append(Warn("Complexity bias", sentence))
    if not tested:
        found.append(
            Warn(
                "One direction only",
                "A score that rates simple events as normal whatever it was trained on looks good "
                "in one direction; run again with `--inverse` to see whether these do.",
            )
        )
    found += _mass_warnings(result)
    found += _sample_warnings(result)
    return found


def _mass_warnings(result: ScoreResult) -> list[Warn]:
    found = [
        Warn("No sculpting measured", f"{item.method}: {item.status}")
        for item in result.sculpted
        if item.found is None
    ]
    carved = []
    for item in result.sculpted:
        points = () if item.found is None or item.contamination > 0.0 else item.found.points
        known = [p for p in points if p.excess > _SCULPTED and p.p_value < _CARVED]
        if known:
            worst = max(known, key=lambda point: point.excess)
            carved.append(
                f"{item.method}, {item.score} ({number(worst.excess, 2)} bits where "
                f"{percent(worst.efficiency)} pass)"
            )
    if carved:
        text = "Cuts change the shape of the background's mass by more than chance does: "
        found.append(Warn("Sculpting", f"{text}{'; '.join(carved)}."))
    bumps = [
        f"{hunt.method} at {percent(hunt.cut)}, {percent(hunt.contamination)} signal in the "
        f"training: {_bump(hunt)}"
        for hunt in result.hunted
        if hunt.signal is None
        and hunt.result is not None
        and hunt.cut < 1.0
        and hunt.result["global_p"] < _CARVED
    ]
    if bumps:
        text = (
            "Behind some cuts a hunt finds a bump where there is none, which the cut carves or the "
            "family of functions does not describe: "
        )
        found.append(Warn("A bump in background alone", f"{text}{'; '.join(bumps)}."))
    return found


def _bump(hunt: Hunted) -> str:
    if hunt.result is None:
        return hunt.status
    best = hunt.result["best"]
    return (
        f"{z_value(best['local_z'])} {SIGMA} at {interval(best['window'])}, global p "
        f"{p_value(hunt.result['global_p'])}"
    )


def _sample_warnings(result: ScoreResult) -> list[Warn]:
    found = []
    rates = {item.tpr.fpr for item in result.measured if item.tpr.fpr > FPR}
    if rates:
        found.append(
            Warn(
                "False-positive rate",
                f"The background is too small for a false-positive rate of {number(FPR, 1)}: the "
                f"true-positive rate is quoted at {number(max(rates), 2)} or lower, where ten "
                "effective background events pass.",
            )
        )
    found += [
        Warn(
            "Dropped events",
            f"{count(size.n_dropped)} events of '{size.name}' have a NaN or infinite value and "
            "were left out, as `nonfinite: drop` asks for.",
        )
        for size in result.samples
        if size.n_dropped
    ]
    found += [
        Warn(
            "Flattened rows",
            f"{method.name} reads vectors: the {result.layout}s were made into vectors for it"
            + (", padding as zeros." if result.layout == "set" else "."),
        )
        for method in result.methods
        if method.flat
    ]
    failed = [hunt for hunt in result.hunted if hunt.result is None]
    if failed:
        found.append(
            Warn("Hunts without a number", f"{len(failed)} hunts failed; first: {failed[0].status}")
        )
    return found


def summary(result: ScoreResult) -> str:
    """Return the result as a few lines for a terminal."""
    lines = [answer(result)]
    for item in main_rows(result):
        rejections = ", ".join(
            f"1/eps_B {rejection_text(found, spread)} at eps_S {found.eps_s:g}"
            for found, spread in zip(item.rejections, item.rejection_spread, strict=True)
        )
        lines.append(
            f"{label_of(item)}, '{item.signal}': AUC {auc_text(item)}; {rejections}; max SIC "
            f"{sic_text(item)}."
        )
    biased = [item for item in warnings_of(result) if item.title == "Complexity bias"]
    lines += [f"Note: {item.title}. {item.text}" for item in biased]
    return "\n".join(lines)


def signals_of(rows: Sequence[Measured]) -> list[str]:
    """Return the signals in order of first appearance."""
    return list(dict.fromkeys(item.signal for item in rows))
