"""How many parameters a spectrum needs: nested tests with the window masked.

The window must be masked, since an order that was chosen with the signal inside eats it.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bycatch.errors import ConfigError
from bycatch.statistics.background import Background
from bycatch.statistics.fits.background import get_family
from bycatch.statistics.fits.poisson import fit_model


def choose_order(
    counts: ArrayLike,
    background: Background,
    window_mask: ArrayLike | None = None,
    level: float = 0.05,
    *,
    test: Literal["likelihood", "f"] = "likelihood",
    max_order: int | None = None,
    min_order: int | None = None,
) -> NDArray[np.int64]:
    """Choose the number of parameters of each spectrum.

    Starting from the lowest order, one parameter is added as long as the test of the longer
    against the shorter function rejects the shorter at `level`. An order whose fit has no solution
    ends the ascent.

    Parameters
    ----------
    counts : array_like of shape (n_bins,) or (n_toys, n_bins)
    background : Background
        Whether to integrate is decided once, at the highest order; its own orders are not used.
    window_mask : array_like of bool, of shape (n_bins,), optional
        True inside the signal window: these bins are left out.
    level : float
        Size of each test.
    test : {"likelihood", "f"}
        Likelihood ratio (deviance difference against chi2 with one degree of freedom), or F-test
        of the deviances (larger p where the fit is poor overall).
    max_order : int, optional
        Do not go beyond this order.
    min_order : int, optional
        Start the ascent here; where this order has no solution, at the lowest one. A selected
        spectrum has too few events to reject an order that the unselected one does reject: chosen
        from its own events alone the order is too low in part of the cases, and the excess biased.

    Returns
    -------
    ndarray of int, of shape (n_toys,)
    """
    table = background.counts(counts)
    used = _outside(window_mask, table.shape[1])
    orders = _candidates(background.family, max_order, int(used.sum()))
    # where the family ends below min_order, its highest order is the nearest
    if min_order is not None:
        orders = tuple(order for order in orders if order >= min_order) or orders[-1:]
    chosen = np.full(len(table), orders[0], dtype=np.int64)
    # nothing to choose: no fit is needed (with min_order a failed fit still goes down)
    if len(orders) == 1 and min_order is None:
        return chosen
    # once for all orders, or the ascent would compare deviances of different models
    decided = background.decided(table, orders[-1], used)

    def deviance(order: int, rows: NDArray[np.intp]) -> NDArray[np.float64]:
        return fit_model(table[rows], decided.model(order), used).deviance

    rows: NDArray[np.intp] = np.arange(len(table))
    shorter = deviance(orders[0], rows)
    failed = np.isnan(shorter)
    if min_order is not None and failed.any():
        chosen[failed] = choose_order(
            table[failed], decided, window_mask, level, test=test, max_order=max_order
        )
        rows, shorter = rows[~failed], shorter[~failed]
    for before, after in pairwise(orders):
        if rows.size == 0:
            break
        longer = deviance(after, rows)
        p = _p_of_gain(shorter, longer, after - before, int(used.sum()) - after, test)
        better = p < level  # NaN, the mark of a failed fit, is not better
        rows, shorter = rows[better], longer[better]
        chosen[rows] = after
    return chosen


def planned_orders(
    counts: ArrayLike, background: Background, window_mask: ArrayLike | None
) -> NDArray[np.int64]:
    """Return the orders that a search gives to selected spectra.

    Data, toys and pseudo-experiments all ask here: a p-value is only right if they get the same.

    Parameters
    ----------
    counts : array_like of shape (n_bins,) or (n_toys, n_bins)
    background : Background
        With a fixed order, or "auto" from `min_order` up.
    window_mask : array_like of bool, of shape (n_bins,), optional
        True inside the signal window.

    Returns
    -------
    ndarray of int, of shape (n_toys,)
    """
    if background.order != "auto":
        return np.full(len(np.atleast_2d(counts)), background.order, dtype=np.int64)
    return choose_order(counts, background, window_mask, min_order=background.min_order)


def _p_of_gain(
    shorter: NDArray[np.float64],
    longer: NDArray[np.float64],
    added: int,
    freedom: int,
    test: Literal["likelihood", "f"],
) -> NDArray[np.float64]:
    """Return the p-value of the shorter function against one with `added` parameters more."""
    from scipy.special import chdtrc, fdtrc  # noqa: PLC0415

    # nested fits can only gain; rounding may say otherwise
    gain = np.maximum(shorter - longer, 0.0)
    if test == "likelihood":
        return np.asarray(chdtrc(added, gain))
    return np.asarray(fdtrc(added, freedom, gain / added / np.maximum(longer / freedom, 1e-300)))


def _outside(window_mask: ArrayLike | None, n_bins: int) -> NDArray[np.bool_]:
    if window_mask is None:
        return np.ones(n_bins, dtype=np.bool_)
    return ~np.asarray(window_mask, dtype=np.bool_)


def _candidates(family: str, max_order: int | None, n_used: int) -> tuple[int, ...]:
    """Return the orders on offer that leave a degree of freedom."""
    every = get_family(family).orders
    top = every[-1] if max_order is None else max_order
    orders = tuple(order for order in every if order <= top)
    if not orders:
        raise ConfigError(
            f"The background family {family!r} starts at order {every[0]}, above {top}."
        )
    # a fit with as many parameters as bins is perfect and says nothing
    return tuple(order for order in orders if order < n_used) or orders[:1]
