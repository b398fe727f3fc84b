r"""Families of smooth falling spectra, all linear in the logarithm of the density.

What to use when: ``dijet`` (ATLAS) for di-jet masses; ``cms`` for the same with CMS's extra
exponential; ``powerexp`` and ``ua2`` as alternatives to either (they feed the spurious-signal
systematic); ``exppoly`` for any other spectrum, such as a dimuon continuum, since it knows no
collision energy. `bycatch.statistics.fits.turnon` holds the one form that is not log-linear.

Every family is a table of columns c_j(m): the density is exp(sum_j b_j c_j(m)), so `order` counts
all parameters, the normalisation included. x = m / sqrt(s).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bycatch.errors import ConfigError, FitError
from bycatch.registry import Registry

SQRT_S = 13_000.0
"""Collision energy of the LHC's second run, in GeV."""

Column = Callable[[NDArray[np.float64]], NDArray[np.float64]]


@dataclass(frozen=True)
class Family:
    """A nested sequence of log-linear densities.

    Attributes
    ----------
    name : str
    formula : str
        The density, in the notation of the reference.
    columns : tuple of callable
        Column functions c_j of x (or, for ``exppoly``, of t in [-1, 1] over the edges).
    orders : tuple of int
        Numbers of parameters on offer, normalisation included; order n uses the first n columns.
    needs_scale : bool
        Whether the columns are functions of x = m / sqrt(s), 0 < x < 1.
    """

    name: str
    formula: str
    columns: tuple[Column, ...]
    orders: tuple[int, ...]
    needs_scale: bool = True

    def matrix(
        self,
        mass: NDArray[np.float64],
        order: int,
        scale: float,
        span: tuple[float, float],
    ) -> NDArray[np.float64]:
        """Evaluate the first `order` columns.

        Parameters
        ----------
        mass : ndarray of any shape, in the unit of `scale`
        order : int
            Number of parameters.
        scale : float
            Collision energy sqrt(s).
        span : tuple of float
            Lowest and highest edge (they define t of ``exppoly``).

        Returns
        -------
        ndarray of shape (*mass.shape, order)

        Raises
        ------
        ConfigError
            If `order` is not one of `orders`.
        FitError
            If a mass lies outside of (0, `scale`) where the family is a function of m / sqrt(s).
        """
        if order not in self.orders:
            raise ConfigError(
                f"The background family {self.name!r} has {self.orders[0]} to {self.orders[-1]} "
                f"parameters, so order {order} does not exist; choose one of these or 'auto'."
            )
        if self.needs_scale:
            self._check_range(mass, scale)
            argument = mass / scale
        else:
            argument = (2.0 * mass - span[0] - span[1]) / (span[1] - span[0])
        return np.stack([column(argument) for column in self.columns[:order]], axis=-1)

    def design(self, edges: ArrayLike, order: int, scale: float = SQRT_S) -> NDArray[np.float64]:
        """Evaluate the columns at the centres of the bins.

        Parameters
        ----------
        edges : array_like of shape (n_bins + 1,), in the unit of `scale`
        order : int
        scale : float
            Collision energy sqrt(s).

        Returns
        -------
        ndarray of shape (n_bins, order)
        """
        bounds = check_edges(edges)
        centres = 0.5 * (bounds[:-1] + bounds[1:])
        return self.matrix(centres, order, scale, (float(bounds[0]), float(bounds[-1])))

    def _check_range(self, mass: NDArray[np.float64], scale: float) -> None:
        low, high = float(np.min(mass)), float(np.max(mass))
        if low <= 0.0 or high >= scale:
            bad = low if low <= 0.0 else high
            raise FitError(
                f"The background family {self.name!r} is a function of m / sqrt(s) in (0, 1), but "
                f"a bin lies at {bad:g} and sqrt(s) is {scale:g} in the same unit; shorten the "
                f"fit range, pass the right sqrt(s), or use the family 'exppoly'."
            )


def check_edges(edges: ArrayLike) -> NDArray[np.float64]:
    """Return edges as float64 after checking that they are finite and increase.

    Parameters
    ----------
    edges : array_like of shape (n_bins + 1,)

    Returns
    -------
    ndarray of shape (n_bins + 1,)

    Raises
    ------
    FitError
        If they are not a rising sequence of finite numbers.
    """
    bounds = np.asarray(edges, dtype=np.float64)
    if bounds.ndim != 1 or bounds.size < 2:
        raise FitError(
            f"Bin edges must be a list of at least two numbers, not of shape {bounds.shape}."
        )
    if not np.isfinite(bounds).all() or not (np.diff(bounds) > 0.0).all():
        raise FitError("Bin edges must be finite and increase from each bin to the next.")
    return bounds


def bin_offset(edges: ArrayLike) -> NDArray[np.float64]:
    """Return log bin widths: what turns a log density into a log rate.

    Parameters
    ----------
    edges : array_like of shape (n_bins + 1,)

    Returns
    -------
    ndarray of shape (n_bins,)
        Widths are in units of the mean width, so that a change of unit moves no parameter but
        through x.
    """
    widths = np.diff(check_edges(edges))
    return np.asarray(np.log(widths / widths.mean()))


def _one(x: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.ones_like(x)


def _log1m(x: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.log1p(-x)


def _log_power(exponent: int) -> Column:
    return lambda x: np.asarray(np.log(x) ** exponent, dtype=np.float64)


def _power(exponent: int) -> Column:
    return lambda x: np.asarray(x**exponent, dtype=np.float64)


def _legendre(degree: int) -> Column:
    coefficients = np.eye(degree + 1)[degree]
    return lambda t: np.asarray(np.polynomial.legendre.legval(t, coefficients), dtype=np.float64)


_LOGS = tuple(_log_power(exponent) for exponent in (1, 2, 3))

_OWN = (
    # arXiv:1703.09127, equation 1, and its extension by ln^2 x
    Family("dijet", "p1 (1-x)^p2 x^(p3 + p4 ln x + p5 ln^2 x)", (_one, _log1m, *_LOGS), (3, 4, 5)),
    # arXiv:1911.03947, equation 1; CASE writes n = order - 1
    Family(
        "cms",
        "p0 (1-x)^p1 / x^(p2 + p3 ln x + p4 ln^2 x) exp(-p5 x)",
        (_one, _log1m, *_LOGS, _power(1)),
        (3, 4, 5, 6),
    ),
    Family(
        "powerexp",
        "p0 exp(-p1 x) / x^(p2 + p3 ln x + p4 ln^2 x)",
        (_one, _power(1), *_LOGS),
        (3, 4, 5),
    ),
    Family(
        "ua2",
        "p0 x^-p1 exp(-p2 x - p3 x^2 - p4 x^3)",
        (_one, _LOGS[0], _power(1), _power(2), _power(3)),
        (2, 3, 4, 5),
    ),
    Family(
        "exppoly",
        "exp(b0 + b1 P1(t) + b2 P2(t) + ...), t from -1 to 1 over the edges",
        tuple(_legendre(degree) for degree in range(8)),
        (1, 2, 3, 4, 5, 6, 7, 8),
        needs_scale=False,
    ),
)

FAMILIES: Registry[Family] = Registry(
    "background family", {family.name: family for family in _OWN}, "bycatch.backgrounds"
)
"""The log-linear families by name."""


def get_family(name: str) -> Family:
    """Look a family up by name.

    Parameters
    ----------
    name : str

    Returns
    -------
    Family

    Raises
    ------
    ConfigError
        If there is none of that name.
    """
    return FAMILIES[name]
