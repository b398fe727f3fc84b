"""Methods side by side: the best look of each, and its two estimates of the background.

What to use when: `compare` for one row per method, `difference` for one look, `agreement` for the
words. The fit knows nothing of the template and the template nothing of the smoothness of the
spectrum, so where they disagree at least one of them is wrong.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from scipy.special import ndtr

from bycatch.report.methods import recipes
from bycatch.report.numbers import SIGMA, count, interval, percent, with_error, with_errors
from bycatch.report.trials import many
from bycatch.report.truth import Truth, truth_of
from bycatch.search.result import Look, SearchResult

FAR = 2.0
"""Combined standard deviations from which two estimates are said to disagree."""
MOST_NAMED = 5


@dataclass(frozen=True)
class Difference:
    """The template's background minus the fit's, in one window.

    Attributes
    ----------
    value, error : float
        In events; the error holds fit, template and the template's bias, taken as independent.
    """

    value: float
    error: float

    @property
    def sigmas(self) -> float:
        """Signed difference in standard deviations."""
        return self.value / self.error


@dataclass(frozen=True)
class MethodRow:
    """The best look of one method.

    Attributes
    ----------
    look : Look
        With the largest local significance of the fit; the method's first one where none has it.
    difference : Difference or None
    truth : Truth or None
        Separation of truth in the look's window.
    yardstick : bool
        Whether the method uses truth labels.
    """

    look: Look
    difference: Difference | None
    truth: Truth | None
    yardstick: bool


@dataclass(frozen=True)
class Agreement:
    """Whether fit and template agree, in words.

    Attributes
    ----------
    sentences : tuple of str
        The best look first, then the whole search.
    places : tuple of str
        The looks that disagree, the worst first.
    """

    sentences: tuple[str, ...]
    places: tuple[str, ...] = ()


def difference(look: Look) -> Difference | None:
    """Return how far the two estimates of a look differ; None where one or its error is missing."""
    template = look.template
    if look.background is None or look.background_error is None or template is None:
        return None
    if template.background is None or template.systematic is None:
        return None
    parts = (look.background_error, template.background_error or 0.0, template.systematic)
    error = math.hypot(*parts)
    value = template.background - look.background
    return Difference(value, error) if error > 0 and math.isfinite(value / error) else None


def disagreements(looks: Sequence[Look]) -> list[Look]:
    """Return the looks whose two estimates differ by more than two errors, the worst first."""
    far = [(abs(d.sigmas), look) for look in looks if (d := difference(look)) is not None]
    return [look for size, look in sorted(far, key=lambda pair: -pair[0]) if size > FAR]


def compare(result: SearchResult) -> list[MethodRow]:
    """Return one row per method, the most significant one first."""
    known = recipes(result.config)
    rows = []
    for name in dict.fromkeys(look.method for look in result.looks):
        mine = [look for look in result.looks if look.method == name]
        good = [look for look in mine if look.local_z is not None]
        best = max(good, key=lambda look: look.local_z or 0.0) if good else mine[0]
        if result.best.method == name:
            best = result.best  # what the answer is about, also where corrections reorder looks
        yardstick = name in known and known[name].yardstick
        rows.append(MethodRow(best, difference(best), truth_of(result.evaluation, best), yardstick))
    return sorted(rows, key=lambda row: -_order(row.look))


def _order(look: Look) -> float:
    return -math.inf if look.local_z is None else look.local_z


def agreement(result: SearchResult) -> Agreement:
    """Say where the fit's and the template's background agree and where they do not."""
    compared = [look for look in result.looks if difference(look) is not None]
    if not compared:
        nothing = (
            "No look has both estimates with their errors, so that they cannot be held against "
            "each other; the section on the template's bias says why."
        )
        return Agreement((nothing,))
    told: tuple[str, ...] = ()
    if (here := difference(result.best)) is not None:
        verb = "disagree" if abs(here.sigmas) > FAR else "agree"
        told = (f"At the best look the two estimates {verb}: {_both(result.best)}.",)
    far = disagreements(compared)
    named = far[:MOST_NAMED]
    places = tuple(
        f"{look.method}, {interval(look.window)}, {percent(look.working_point)}: {_both(look)}."
        for look in named
    )
    return Agreement((*told, _everywhere(len(compared), len(far), len(named))), places)


def _everywhere(compared: int, far: int, named: int) -> str:
    chance = 2.0 * float(ndtr(-FAR)) * compared
    meaning = (
        "two combined standard deviations (statistics and systematics of both, taken as "
        f"independent; chance alone would give about {chance:.1f} of {count(compared)})"
    )
    if not far:
        looks = "no look" if compared > 1 else "the only look"
        verb = "do they differ" if compared > 1 else "they do not differ"
        return f"In {looks} that has both {verb} by more than {meaning}."
    which = f"; the {named} largest:" if far > named else ":"
    return (
        f"In {count(far)} of the {many(compared, 'look')} that have both they differ by more than "
        f"{meaning}{which}"
    )


def _both(look: Look) -> str:
    gap, template = difference(look), look.template
    if gap is None or template is None:
        return "no number"
    fit = with_error(look.background, look.background_error)
    other = with_errors(template.background, template.background_error, template.systematic)
    side = "more" if gap.value > 0 else "less"
    far = f"{abs(gap.sigmas):.1f}\N{NO-BREAK SPACE}{SIGMA}"
    return f"the fit expects {fit}, the template {other} events, {far} {side}"


def as_json(result: SearchResult) -> list[dict[str, Any]]:
    """Return both estimates of every look, and how far they differ, as plain types."""
    found = []
    for look in result.looks:
        gap = difference(look)
        template = None if look.template is None else dict(vars(look.template))
        found.append(
            {
                "method": look.method,
                "window": look.window,
                "working_point": look.working_point,
                "n_window": look.n_window,
                "fit": {
                    "background": look.background,
                    "background_error": look.background_error,
                    "systematic": look.systematic,
                    "local_p": look.local_p,
                    "local_z": look.local_z,
                },
                "template": template,
                "difference": None if gap is None else gap.value,
                "difference_error": None if gap is None else gap.error,
                "difference_sigmas": None if gap is None else gap.sigmas,
            }
        )
    return found
