"""The background of a bump hunt: one family, its order chosen per spectrum, bins masked per toy.

`bycatch.statistics.fits.order.choose_order` chooses orders with one mask for all toys; a hunt masks
other bins in every toy and needs the fits of the ascent anyway, so this does both at once.
Within-bin shapes of wide bins are a fixed offset (iterated on the data), so every fit stays convex.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy.special import chdtrc

from bycatch.errors import ConfigError, FitError
from bycatch.statistics.background import Background
from bycatch.statistics.fits.background import SQRT_S, bin_offset, get_family
from bycatch.statistics.fits.poisson import BatchFit, fit_model
from bycatch.statistics.fits.rates import LogLinear

Array = NDArray[np.float64]

_SHAPE_ITERATIONS = 4
_LEVEL = 0.05


@dataclass(frozen=True)
class SmoothFit:
    """Backgrounds of many spectra.

    Attributes
    ----------
    order : ndarray of int of shape (n_toys,)
    rate : ndarray of shape (n_toys, n_bins)
        Expected events in all bins, masked ones included; NaN where the fit failed.
    goodness : ndarray of shape (n_toys,)
        Asymptotic p-value of the deviance of the used bins (to be calibrated with toys).
    """

    order: NDArray[np.int64]
    rate: Array
    goodness: Array

    @property
    def good(self) -> NDArray[np.bool_]:
        """Whether each fit converged."""
        return np.asarray(np.isfinite(self.rate).all(axis=1))


@dataclass(frozen=True)
class Smooth:
    """How a background is fitted.

    Attributes
    ----------
    background : Background
    orders : tuple of int
        Numbers of parameters to choose from, rising.
    shape : ndarray of shape (n_bins,)
        log(integral over the bin / density at the centre x width).
    """

    background: Background
    orders: tuple[int, ...]
    shape: Array

    @classmethod
    def of(cls, background: Background) -> Smooth:
        """Build the procedure of a background's family and order (``"auto"``: all on offer).

        Raises
        ------
        ConfigError
            If the family or the order does not exist.
        """
        family, order = background.family, background.order
        offered = get_family(family).orders
        if order == "auto":
            orders = offered
        elif order in offered:
            orders = (order,)
        else:
            raise ConfigError(
                f"The background family {family!r} has {offered[0]} to {offered[-1]} parameters,"
                f" so order {order!r} does not exist; choose one of these or 'auto'."
            )
        return cls(background, orders, np.zeros(background.n_bins))

    def model(self, order: int) -> LogLinear:
        """Return the rate model of an order."""
        model = replace(self.background, integrate=False).model(order)
        assert isinstance(model, LogLinear)  # noqa: S101
        return replace(model, offset=bin_offset(self.background.edges) + self.shape)

    def single(self, counts: Array, used: NDArray[np.bool_], order: int) -> BatchFit:
        """Fit one order to one spectrum.

        Raises
        ------
        FitError
            If the fit has no solution.
        """
        return fit_model(counts[None], self.model(order), used).require()

    def with_shape(self, counts: Array, used: NDArray[np.bool_], order: int) -> Smooth:
        """Iterate the within-bin shape on the data.

        Parameters
        ----------
        counts : ndarray of shape (n_bins,)
        used : ndarray of bool of shape (n_bins,)
        order : int

        Returns
        -------
        Smooth
            With `shape` from the fit itself, after four rounds.
        """
        full = replace(self.background, integrate=True).model(order)
        # point-wise rates to compare the integrals with
        flat = replace(self, shape=np.zeros_like(self.shape))
        now = self
        for _ in range(_SHAPE_ITERATIONS):
            coef = now.single(counts, used, order).coef
            index = np.zeros(1, dtype=np.intp)
            ratio = full.rates(coef, index) / flat.model(order).rates(coef, index)
            # a fixed offset, so that the next fit stays convex
            now = replace(now, shape=np.log(ratio[0]))
        return now

    def fit(self, counts: Array, used: NDArray[np.bool_]) -> SmoothFit:
        """Fit many spectra, each with its own mask and its own order.

        From the lowest order, a parameter is added as long as the likelihood ratio rejects the
        shorter function at 5 %.

        Parameters
        ----------
        counts : ndarray of shape (n_toys, n_bins)
        used : ndarray of bool of shape (n_toys, n_bins)

        Returns
        -------
        SmoothFit
        """
        n_used = used.sum(axis=1)
        # one common mask lets the fits share their design
        mask = used[0] if (used == used[0]).all() else used
        # the toy with most bins masked decides, so that all choose from the same orders
        orders = tuple(order for order in self.orders if order < n_used.min())
        if not orders:
            raise FitError(
                f"{n_used.min()} bins outside of the masks cannot determine {self.orders[0]}"
                " background parameters: mask less or use finer bins."
            )
        first = fit_model(counts, self.model(orders[0]), mask)
        order = np.full(len(counts), orders[0], dtype=np.int64)
        rate, deviance = first.rate.copy(), first.deviance.copy()
        rows: NDArray[np.intp] = np.arange(len(counts))
        for before, after in pairwise(orders):
            longer = fit_model(
                counts[rows], self.model(after), mask if mask.ndim == 1 else mask[rows]
            )
            gain = np.maximum(deviance[rows] - longer.deviance, 0.0)
            # a failed longer fit is no improvement; a failed shorter one leaves the choice open
            shorter_failed = ~np.isfinite(deviance[rows]) & longer.converged
            better = (chdtrc(after - before, np.nan_to_num(gain)) < _LEVEL) & longer.converged
            better |= shorter_failed
            rows = rows[better]
            order[rows] = after
            rate[rows], deviance[rows] = longer.rate[better], longer.deviance[better]
            if rows.size == 0:
                break
        goodness = chdtrc(n_used - order, np.maximum(deviance, 0.0))
        return SmoothFit(order, rate, np.asarray(goodness))


def choose_family(edges: Array, counts: Array, sqrt_s: float = SQRT_S) -> str:
    """Choose the family for a user who named none.

    ``dijet`` for a spectrum that falls steeply over a wide range: positive edges, the last at
    least twice the first and between 5 and 100 % of the collision energy (so not in another
    unit), the density of the first tenth of the bins the highest of all tenths and at least a
    hundred times that of the last tenth. ``exppoly`` for anything else.

    Parameters
    ----------
    edges : ndarray of shape (n_bins + 1,)
    counts : ndarray of shape (n_bins,)
    sqrt_s : float
        Collision energy in the unit of the edges.

    Returns
    -------
    str
    """
    if edges[0] <= 0 or edges[-1] < 2.0 * edges[0] or not 0.05 < edges[-1] / sqrt_s < 1.0:
        return "exppoly"
    groups = np.array_split(np.arange(counts.size), 10)
    density = np.array(
        [
            counts[group].sum() / (edges[group[-1] + 1] - edges[group[0]])
            for group in groups
            if group.size
        ]
    )
    steep = density.argmax() == 0 and density[0] > 100.0 * density[-1]
    return "dijet" if steep else "exppoly"
