"""The smooth background of a spectrum: family, binning and what they need, in one object.

What to use when: `Background(...).fit` for a named family on binned data;
`bycatch.statistics.fits.poisson.fit_poisson` for a design matrix of your own.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from bycatch.statistics.fits.background import SQRT_S, bin_offset, check_edges, get_family
from bycatch.statistics.fits.poisson import BatchFit, check_counts, check_mask, fit_model
from bycatch.statistics.fits.rates import Array, Integrated, LogLinear, RateModel

_NODES = 8  # Gauss-Legendre points per wide bin
_INTEGRATE_ABOVE = 0.1  # of a bin's statistical error


@dataclass(frozen=True, eq=False)
class Background:
    """A family of smooth spectra on a binning, and how to fit it.

    Attributes
    ----------
    family : str
        Name in `bycatch.statistics.fits.background.FAMILIES`.
    edges : ndarray of shape (n_bins + 1,), in the unit of `sqrt_s`
        Checked, and converted from any array_like, at construction.
    sqrt_s : float
        Collision energy (the family ``exppoly`` ignores it).
    integrate : bool or "auto"
        Integrate the density over each bin instead of taking it at the centre. ``auto`` does so
        where the density at the centres misses the integral by more than a tenth of a bin's
        statistical error.
    order : int or "auto"
        Number of parameters that a search gives its spectra, or that they choose one
        (`bycatch.statistics.fits.order.planned_orders`); `fit` is told its order.
    min_order : int
        Lowest order that "auto" may choose.

    Raises
    ------
    FitError
        If the edges are not a rising sequence of finite numbers.
    """

    family: str
    edges: Array
    sqrt_s: float = SQRT_S
    integrate: bool | Literal["auto"] = "auto"
    order: int | Literal["auto"] = "auto"
    min_order: int = 0

    def __post_init__(self) -> None:
        object.__setattr__(self, "edges", check_edges(self.edges))

    @property
    def n_bins(self) -> int:
        """Number of bins."""
        return len(self.edges) - 1

    def counts(self, counts: ArrayLike) -> Array:
        """Return counts as float64 of shape (n_toys, n_bins), or raise FitError."""
        return check_counts(counts, self.n_bins)

    def model(self, order: int) -> RateModel:
        """Build the rate model of an order.

        Parameters
        ----------
        order : int
            Number of parameters.

        Returns
        -------
        RateModel
            Integrated over the bins where `integrate` is True ("auto" needs counts: `decided`).

        Raises
        ------
        ConfigError
            If the family or the order does not exist.
        """
        shape, bounds = get_family(self.family), self.edges
        design, offset = shape.design(bounds, order, self.sqrt_s), bin_offset(bounds)
        if self.integrate is not True:
            return LogLinear(design, offset)
        nodes, weights = np.polynomial.legendre.leggauss(_NODES)
        half, centre = 0.5 * np.diff(bounds)[:, None], 0.5 * (bounds[:-1] + bounds[1:])[:, None]
        span = (float(bounds[0]), float(bounds[-1]))
        columns = shape.matrix(centre + half * nodes, order, self.sqrt_s, span)
        # half the bin, since the Gauss-Legendre weights of [-1, 1] sum to 2
        return Integrated(design, columns, offset[:, None] + np.log(0.5 * weights))

    def fit(self, counts: ArrayLike, order: int, mask: ArrayLike | None = None) -> BatchFit:
        """Fit binned counts, many toys at once.

        Parameters
        ----------
        counts : array_like of shape (n_bins,) or (n_toys, n_bins)
        order : int
            Number of parameters.
        mask : array_like of bool, of shape (n_bins,) or (n_toys, n_bins), optional
            True for the bins that the fit uses.

        Returns
        -------
        BatchFit

        Raises
        ------
        ConfigError
            If the family or the order does not exist.
        FitError
            If counts or mask make no sense. A fit without a solution raises nothing: see
            `BatchFit.require`.
        """
        table = self.counts(counts)
        return fit_model(table, self.decided(table, order, mask).model(order), mask)

    def decided(self, counts: ArrayLike, order: int, mask: ArrayLike | None = None) -> Background:
        """Return self with an "auto" in `integrate` replaced by what `too_wide` says."""
        if self.integrate != "auto":
            return self
        return replace(self, integrate=self.too_wide(counts, order, mask))

    def too_wide(self, counts: ArrayLike, order: int, mask: ArrayLike | None = None) -> bool:
        """Say whether the bins are too wide for the density at their centres.

        The mean of the toys is fitted point-wise; the within-bin shape of that fit, once its part
        that a constant can absorb is taken out, must stay below a tenth of the statistical error of
        a bin.

        Parameters
        ----------
        counts, order, mask
            As in `fit`.

        Returns
        -------
        bool
            False as well where the point-wise fit has no solution.
        """
        table = self.counts(counts)
        used = np.atleast_2d(check_mask(mask, table.shape)).all(axis=0)
        if used.sum() < order:
            return False
        fit = fit_model(table.mean(axis=0), replace(self, integrate=False).model(order), used)
        if not fit.converged[0]:
            return False
        full = replace(self, integrate=True).model(order)
        # Masked bins do not count, and a steep fit may over- or underflow there.
        integral = full.rates(fit.coef, np.zeros(1, dtype=np.intp))[0][used]
        weight = fit.rate[0][used]
        if not (np.isfinite(integral).all() and (weight > 0.0).all()):
            return True
        shape = np.log(integral / weight)
        shape -= (weight * shape).sum() / weight.sum()
        return bool((np.abs(shape) * np.sqrt(weight) > _INTEGRATE_ABOVE).any())
