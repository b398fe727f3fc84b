"""The signal that a wrong choice of the background family would fake.

Definition used here: every other family that the events outside of the window do not exclude is
fitted there and extrapolated into the window; its rates serve as Asimov data (expected counts
without fluctuations) for the search's own fit with a free signal. What that fit returns is the
spurious signal of the pair; its largest absolute value over the other families is the systematic.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bycatch.errors import FitError
from bycatch.statistics.background import Background
from bycatch.statistics.fits.background import FAMILIES, get_family
from bycatch.statistics.fits.order import choose_order
from bycatch.statistics.fits.poisson import BatchFit
from bycatch.statistics.significance.local import window_bins, window_excess

_EXCLUDED = 9.0  # deviance beyond the nominal one at which the sidebands exclude a family


def spurious_signal(
    counts: ArrayLike,
    background: Background,
    order: int,
    window: tuple[float, float],
    *,
    how: Literal["max", "rms"] = "max",
    alternatives: Sequence[str] | None = None,
) -> float:
    """Return the spurious signal of the background family, in events.

    Parameters
    ----------
    counts : array_like of shape (n_bins,)
        Observed spectrum; the window's own counts are not used.
    background : Background
        The search's family, and how its own fit treats the bins. The alternatives are integrated
        where that matters, so a search that should have integrated sees its mistake here.
    order : int
        Its number of parameters.
    window : tuple of float
        Low and high end, both bin edges.
    how : {"max", "rms"}
        Largest absolute value, or root mean square, over the other families.
    alternatives : sequence of str, optional
        Other families; all if not given.

    Returns
    -------
    float
        Events, not negative.

    Raises
    ------
    FitError
        If the nominal fit fails, or no other family describes the events outside of the window.
    """
    found = spurious_signals(counts, background, order, window, alternatives=alternatives)
    sizes = np.abs(list(found.values()))
    return float(sizes.max() if how == "max" else np.sqrt((sizes**2).mean()))


def spurious_signals(
    counts: ArrayLike,
    background: Background,
    order: int,
    window: tuple[float, float],
    *,
    alternatives: Sequence[str] | None = None,
) -> dict[str, float]:
    """Return the spurious signal against each other family.

    Parameters and errors are those of `spurious_signal`.

    Returns
    -------
    dict
        Family name to fitted signal events (signed); families that are excluded by more than
        2 delta ln L = 9, have no solution or the same columns are left out.
    """
    table, family = background.counts(counts), background.family
    inside = window_bins(background.edges, window)
    # the reference must not share the approximation that is judged
    exact = replace(background, integrate="auto")
    nominal = exact.fit(table, order, ~inside).require()
    # bycatch's own alone: installing a package must not change a number
    others = [name for name in FAMILIES.own if name != family]
    names = others if alternatives is None else alternatives
    asimov: dict[str, NDArray[np.float64]] = {}
    for name in names:
        other = _alternative(table, exact, name, order, inside)
        if other is not None and other.deviance[0] < nominal.deviance[0] + _EXCLUDED:
            asimov[name] = other.rate[0]
    if not asimov:
        raise FitError(
            f"No other background family describes the events outside of the window "
            f"[{window[0]:g}, {window[1]:g}], so the spurious signal of {family!r} is unknown; "
            f"widen the fit range or name alternatives."
        )
    result = window_excess(np.stack(list(asimov.values())), background, window, order)
    if result.reason:
        raise FitError(f"The fit of the spurious signal failed: {result.reason}.")
    return dict(zip(asimov, result.signal.tolist(), strict=True))


def _alternative(
    table: NDArray[np.float64],
    nominal: Background,
    name: str,
    order: int,
    inside: NDArray[np.bool_],
) -> BatchFit | None:
    """Fit another family outside of the window; None where it has no solution there."""
    shape, other = get_family(name), replace(nominal, family=name)
    try:
        chosen = int(choose_order(table, other, inside)[0])
        # a shorter function than the nominal one would show its stiffness, not a bias
        chosen = min(max(chosen, order), shape.orders[-1])
        if set(shape.columns[:chosen]) <= set(get_family(nominal.family).columns[:order]):
            return None
        fit = other.fit(table, chosen, ~inside)
    except FitError:  # masses beyond sqrt(s), or too few bins
        return None
    return fit if fit.converged[0] else None
