"""How many looks a search has, how much they overlap, and that the global p pays for them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import log_ndtr
from scipy.stats import binom

from bycatch.report.numbers import count
from bycatch.search.result import SearchResult

FEWEST_TOYS = 100
CENTRAL = 0.683


@dataclass(frozen=True)
class Effective:
    """Number of independent looks whose largest significance would be that of the toys.

    Attributes
    ----------
    number : float
    low, high : float
        Ends of its 68.3 % interval, from the number of toys.
    """

    number: float
    low: float
    high: float


def effective_looks(toy_maxima: Sequence[float]) -> Effective | None:
    """Return the number n of independent looks for which Phi(median)^n is one half.

    Parameters
    ----------
    toy_maxima : sequence of float
        Largest local z of each toy; the interval comes from the order statistics around the
        median.

    Returns
    -------
    Effective or None
        None for fewer than 100 toys.
    """
    z = np.sort([value for value in toy_maxima if math.isfinite(value)])
    if z.size < FEWEST_TOYS:
        return None
    tail = 0.5 * (1.0 - CENTRAL)
    below, above = (int(binom.ppf(share, z.size, 0.5)) for share in (tail, 1.0 - tail))
    values = (float(np.median(z)), float(z[max(below - 1, 0)]), float(z[min(above, z.size - 1)]))
    found = [math.log(0.5) / float(log_ndtr(value)) for value in values]
    return Effective(*found)


def overlap(result: SearchResult) -> str | None:
    """Say to how many independent looks those of a search come down; None without enough toys."""
    if result.n_looks < 2 or (effective := effective_looks(result.toy_maxima)) is None:
        return None
    number, low, high = (
        f"{value:.2g}" if value < 100 else count(value) for value in vars(effective).values()
    )
    return (
        f"The {count(result.n_looks)} looks share events, and their z is not exactly normal; both "
        f"are in the toys. The median of the toys' largest significances is that of about {number} "
        f"independent normal looks (68.3 % interval {low} to {high})."
    )


def paid(result: SearchResult) -> str:
    """Say how many looks the global p-value pays for, and that it does so for every method."""
    windows = len({look.window for look in result.looks})
    methods = len({look.method for look in result.looks})
    points = len({look.working_point for look in result.looks})
    parts = [many(windows, "window"), many(methods, "method"), many(points, "working point")]
    product = " \N{MULTIPLICATION SIGN} ".join(parts)
    missing = len(result.looks) - result.n_looks
    less = f", less {count(missing)} without a number" if missing > 0 else ""
    if result.n_toys < 1:
        return (
            f"There are {many(result.n_looks, 'look')} ({product}{less}), and no toys that would "
            "pay for them."
        )
    return (
        f"The global p-value pays for {'all ' if result.n_looks > 1 else ''}"
        f"{many(result.n_looks, 'look')} ({product}{less}): whichever method shows the largest "
        "excess, that choice is paid for. It rests on the fit alone; the template's numbers stand "
        "beside it and enter nowhere."
    )


def many(number: int, noun: str) -> str:
    """Return a number with its noun, in the plural where it is not one."""
    return f"{count(number)} {noun}" if number == 1 else f"{count(number)} {noun}s"
