"""Scaling of features to zero mean and unit variance, with event weights.

The transformation is kept together with its log-Jacobian, since a density learned in scaled
features must be divided by it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bycatch.errors import DataError

__all__ = ["Standardise"]


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
            message = "Features cannot be standardised on zero rows; give at least one event."
            raise DataError(message)
        values = np.asarray(X, dtype=np.float64)
        weights = np.ones(len(values)) if weight is None else np.asarray(weight, dtype=np.float64)
        total = float(weights.sum())
        if not total > 0.0:
            message = (
                f"Features cannot be standardised with weights that sum to {total:g}; "
                "the sum must be positive."
            )
            raise DataError(message)
        # Moments about the midpoint, so that a constant feature gives exactly zero variance and a
        # large offset costs no digits.
        low, high = values.min(axis=0), values.max(axis=0)
        middle = 0.5 * (low + high)
        centred = values - middle
        offset = weights @ centred / total
        variance = weights @ (centred - offset) ** 2 / total
        absolute = np.abs(weights)
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
