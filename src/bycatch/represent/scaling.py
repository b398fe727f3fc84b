"""Scaling of features, with event weights and tracked Jacobians.

What to use when: `Standardise` for classifiers; `LogitStandardise` for densities, which then
vanish outside of the features' range instead of leaking over a sharp edge. A transformation is kept
together with its log-Jacobian, since the density of x is that of z times abs(det dz/dx).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from bycatch.errors import DataError


@dataclass(frozen=True)
class Standardise:
    """The map x -> (x - mean) / scale.

    Attributes
    ----------
    mean : ndarray of shape (n_features,)
        Weighted mean, in the features' units.
    scale : ndarray of shape (n_features,)
        Weighted standard deviation, in the features' units; 1 for a constant feature.
    """

    mean: NDArray[np.float64]
    scale: NDArray[np.float64]

    @classmethod
    def fit(cls, X: NDArray[np.floating], weight: NDArray[np.float64] | None = None) -> Standardise:
        """Measure mean and standard deviation.

        Parameters
        ----------
        X : ndarray of shape (n_rows, n_features)
        weight : ndarray of shape (n_rows,), optional
            Signed event weights. Where their signs make a variance zero or negative, that feature
            is scaled by its variance under the absolute weights instead.

        Returns
        -------
        Standardise

        Raises
        ------
        DataError
            Where there are no rows, or the weights do not have a positive sum.
        """
        if X.shape[0] == 0:
            raise DataError(
                "Features cannot be standardised on zero rows; give at least one event."
            )
        values = np.asarray(X, dtype=np.float64)
        weights = np.ones(len(values)) if weight is None else np.asarray(weight, dtype=np.float64)
        total = float(weights.sum())
        if not total > 0.0:
            raise DataError(
                f"Features cannot be standardised with weights that sum to {total:g}; "
                "the sum must be positive."
            )
        # Moments about the midpoint, so that a constant feature gives exactly zero variance and a
        # large offset costs no digits.
        low, high = values.min(axis=0), values.max(axis=0)
        middle = 0.5 * (low + high)
        centred = values - middle
        offset = weights @ centred / total
        variance = weights @ (centred - offset) ** 2 / total
        absolute = np.abs(weights)  # signed weights may cancel; absolute ones always give a scale
        fallback = absolute @ (centred - offset) ** 2 / absolute.sum()
        variance = np.where(variance > 0.0, variance, fallback)
        constant = (low == high) | ~(variance > 0.0)
        # A constant's midpoint is the constant itself; its weighted offset would only be rounding.
        mean = middle + np.where(constant, 0.0, offset)
        return cls(mean=mean, scale=np.where(constant, 1.0, np.sqrt(variance)))

    def transform(self, X: NDArray[np.floating]) -> NDArray[np.float64]:
        """Return the scaled features, of shape (n_rows, n_features)."""
        return (np.asarray(X, dtype=np.float64) - self.mean) / self.scale

    def inverse(self, Z: NDArray[np.floating]) -> NDArray[np.float64]:
        """Return the features of scaled features, of shape (n_rows, n_features)."""
        return np.asarray(Z, dtype=np.float64) * self.scale + self.mean

    def log_jacobian(self) -> float:
        """Return log|det dz/dx|, the same at every point."""
        return -float(np.log(self.scale).sum())


@dataclass(frozen=True)
class LogitStandardise:
    """The map x -> (logit((x - low) / (high - low)) - mean) / scale.

    Attributes
    ----------
    low, high : ndarray of shape (n_features,)
        Ends of the support, in the features' units; no event lies on them.
    mean, scale : ndarray of shape (n_features,)
        Of the logit, without units.

    References
    ----------
    .. [1] Hallin et al., "Classifying anomalies through outer density estimation",
       arXiv:2109.00546 (the same preprocessing).
    """

    low: NDArray[np.float64]
    high: NDArray[np.float64]
    mean: NDArray[np.float64]
    scale: NDArray[np.float64]

    @classmethod
    def fit(
        cls,
        X: NDArray[np.floating],
        weight: NDArray[np.float64] | None = None,
        bounds: NDArray[np.float64] | None = None,
        margin: float = 1e-3,
    ) -> LogitStandardise:
        """Measure range, mean and standard deviation.

        Parameters
        ----------
        X : ndarray of shape (n_rows, n_features)
        weight : ndarray of shape (n_rows,), optional
            Signed event weights, as in `Standardise.fit`.
        bounds : ndarray of shape (2, n_features), optional
            Lowest and highest value of each feature; those of `X` by default.
        margin : float
            The support is wider than the bounds by this fraction of their distance on each side.

        Returns
        -------
        LogitStandardise

        Raises
        ------
        DataError
            Where a feature has one value only, a value lies outside of the bounds, or
            `Standardise.fit` refuses.
        """
        if X.shape[0] == 0:
            raise DataError("Features cannot be scaled on zero rows; give at least one event.")
        values = np.asarray(X, dtype=np.float64)
        ends = np.stack([values.min(axis=0), values.max(axis=0)]) if bounds is None else bounds
        low, high = np.asarray(ends, dtype=np.float64)
        flat = np.flatnonzero(~(high > low))
        if flat.size:
            raise DataError(
                f"Feature {flat[0]} has the one value {low[flat[0]]:g}, so it has no density: "
                "remove it."
            )
        room = margin * (high - low)  # the logit of the ends themselves is infinite
        low, high = low - room, high + room
        outside = np.flatnonzero(((values <= low) | (values >= high)).any(axis=0))
        if outside.size:
            j = int(outside[0])
            raise DataError(
                f"Feature {j} runs from {values[:, j].min():g} to {values[:, j].max():g}, beyond "
                f"the bounds {low[j]:g} to {high[j]:g}: widen the bounds or cut the events."
            )
        inner = Standardise.fit(_logit(values, low, high), weight)
        return cls(low, high, inner.mean, inner.scale)

    def inside(self, X: NDArray[np.floating]) -> NDArray[np.bool_]:
        """Mark the rows inside of the support, of shape (n_rows,)."""
        values = np.asarray(X, dtype=np.float64)
        return np.asarray(((values > self.low) & (values < self.high)).all(axis=1))

    def clip(self, X: NDArray[np.floating]) -> NDArray[np.float64]:
        """Return the rows with every feature moved into the support, 4e-4 of it from its ends."""
        # less than half of the margin of `fit`: rows inside of the bounds that it saw stay where
        # they are
        room = (self.high - self.low) * 4e-4
        return np.asarray(np.clip(X, self.low + room, self.high - room), dtype=np.float64)

    def transform(self, X: NDArray[np.floating]) -> NDArray[np.float64]:
        """Return the scaled features, of shape (n_rows, n_features); NaN outside of the support."""
        values = np.asarray(X, dtype=np.float64)
        inside = (values > self.low) & (values < self.high)
        # any point inside stands in, so that no logarithm of a negative number is taken
        logit = _logit(np.where(inside, values, 0.5 * (self.low + self.high)), self.low, self.high)
        return np.where(inside, (logit - self.mean) / self.scale, np.nan)

    def inverse(self, Z: NDArray[np.floating]) -> NDArray[np.float64]:
        """Return the features of scaled features, of shape (n_rows, n_features)."""
        logit = np.asarray(Z, dtype=np.float64) * self.scale + self.mean
        return np.asarray(self.low + (self.high - self.low) * expit(logit))

    def log_jacobian(self, X: NDArray[np.floating]) -> NDArray[np.float64]:
        """Return log|det dz/dx| of each row, of shape (n_rows,); NaN outside of the support."""
        values = np.asarray(X, dtype=np.float64)
        width = self.high - self.low
        inside = (values > self.low) & (values < self.high)
        # as in `transform`: replaced by NaN below
        u = np.where(inside, (values - self.low) / width, 0.5)
        terms = -np.log(u) - np.log1p(-u) - np.log(width * self.scale)
        return np.asarray(np.where(inside, terms, np.nan).sum(axis=1))


def _logit(
    values: NDArray[np.float64], low: NDArray[np.float64], high: NDArray[np.float64]
) -> NDArray[np.float64]:
    return np.asarray(np.log(values - low) - np.log(high - values))
