"""The Mahalanobis distance: an event is anomalous where it is far from the mean.

What to use when: as the honest baseline of everything that learns, on tens of features with one
bulk. It knows correlations but no curves and no second bulk; heavy tails of one feature count as
anomalies, so take logarithms of energies first.

References
----------
.. [1] Ledoit, Wolf, "A well-conditioned estimator for large-dimensional covariance matrices",
   J. Multivar. Anal. 88 (2004) 365.
.. [2] Chen, Wiesel, Eldar, Hero, "Shrinkage algorithms for MMSE covariance estimation",
   arXiv:0907.4698, eq. (23).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from bycatch.errors import ConfigError
from bycatch.learn.inputs import training_weights
from bycatch.learn.members import MemberRows, check_option
from bycatch.learn.options import option
from bycatch.score.base import Inputs, Score

_FLOOR = 1e-6
"""Smallest eigenvalue of a correlation matrix that is inverted; the mean one is 1."""


class Mahalanobis(Score):
    """The squared distance from the mean in units of the covariance.

    Its contributions are z_i (P z)_i with the standardised row z and the inverse P of the shrunken
    correlation matrix. They sum to the score; one may be negative, where a feature makes another
    one less surprising.

    Attributes
    ----------
    mean_, scale_ : ndarray of shape (n_members, n_features)
        Scale 1 for a feature that is constant.
    precision_ : ndarray of shape (n_members, n_features, n_features)
        Inverse of the shrunken correlation matrix. Negative weights may leave it eigenvalues below
        zero; these are raised to a millionth.
    shrinkage_ : ndarray of shape (n_members,)
    """

    kind = "mahalanobis"
    citation = "mahalanobis"

    shrinkage: float | str = option(
        default="oracle",
        says="Fraction by which correlations are pulled to zero; by default the oracle "
        "approximation of [2]_, with Kish's effective number of rows. Some is needed with more "
        "features than rows.",
    )
    layout: str = option(default="vector", among=("vector", "image"), says="What a row is.")

    def check_options(self) -> None:
        """Refuse options that make no sense (ConfigError)."""
        super().check_options()
        if isinstance(self.shrinkage, str):
            if self.shrinkage != "oracle":
                raise ConfigError(
                    f"The option 'shrinkage' is {self.shrinkage!r}, but it must be a number "
                    "between 0 and 1, or 'oracle'."
                )
            return
        check_option("shrinkage", self.shrinkage, 0.0, 1.0)

    def _fit(self, inputs: Inputs, rows: Sequence[MemberRows]) -> None:
        x = _flat(inputs)
        given = None if isinstance(self.shrinkage, str) else self.shrinkage
        found = [_ellipsoid(x, weight, given) for weight in training_weights(rows, len(x))]
        self.mean_, self.scale_, self.precision_, self.shrinkage_ = map(
            np.stack, zip(*found, strict=True)
        )

    def _member_scores(
        self,
        inputs: Inputs,
        members: Sequence[int],
        name: str,  # noqa: ARG002
    ) -> NDArray[np.float64]:
        return np.stack([self._parts(inputs, m).sum(axis=1) for m in members])

    def _contributions(
        self,
        inputs: Inputs,
        members: Sequence[int],
        name: str,  # noqa: ARG002
    ) -> NDArray[np.float64]:
        mean = np.mean([self._parts(inputs, m) for m in members], axis=0)
        return np.asarray(mean.reshape(inputs["x"].shape))

    def _parts(self, inputs: Inputs, member: int) -> NDArray[np.float64]:
        """Return each feature's part of the score, of shape (n_rows, n_features)."""
        z = (_flat(inputs) - self.mean_[member]) / self.scale_[member]
        return np.asarray(z * (z @ self.precision_[member]))

    def _shapes(self) -> dict[str, tuple[int, ...]]:
        size = int(np.prod(self.shape_))
        return {
            "mean": (self.members, size),
            "scale": (self.members, size),
            "precision": (self.members, size, size),
            "shrinkage": (self.members,),
        }


def oracle_shrinkage(covariance: NDArray[np.float64], n_rows: float) -> float:
    """Return the fraction by which a covariance matrix should be pulled to a multiple of one.

    Parameters
    ----------
    covariance : ndarray of shape (n_features, n_features)
    n_rows : float
        Effective number of rows.

    Returns
    -------
    float
        Between 0 and 1; 1 for one feature, which has no correlation.

    References
    ----------
    .. [1] Chen, Wiesel, Eldar, Hero, arXiv:0907.4698, eq. (23).
    """
    size = len(covariance)
    squares, trace = float((covariance**2).sum()), float(np.trace(covariance))
    numerator = (1.0 - 2.0 / size) * squares + trace**2
    denominator = (n_rows + 1.0 - 2.0 / size) * (squares - trace**2 / size)
    return 1.0 if denominator <= 0.0 else min(1.0, max(0.0, numerator / denominator))


def _flat(inputs: Inputs) -> NDArray[np.float64]:
    x = inputs["x"]
    return np.asarray(x.reshape(len(x), int(np.prod(x.shape[1:]))).astype(np.float64))


def _ellipsoid(
    x: NDArray[np.float64], weight: NDArray[np.float64], shrinkage: float | None
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64], float]:
    """Return mean, scale, inverse correlation and shrinkage from signed weights."""
    total = weight.sum()
    mean = weight @ x / total
    centred = x - mean
    covariance = (centred * weight[:, None]).T @ centred / total
    variance = np.diag(covariance)
    # Where the signs of weights leave no variance: that under the absolute weights.
    absolute = np.abs(weight) @ centred**2 / np.abs(weight).sum()
    variance = np.where(variance > 0.0, variance, absolute)
    # A constant feature has no scale; rounding must not give it one.
    constant = variance <= 1e-12 * np.maximum(mean**2, np.finfo(np.float64).tiny)
    scale = np.where(constant, 1.0, np.sqrt(variance))
    correlation = covariance / np.outer(scale, scale)
    # Also where the signs left no variance. A constant feature that is another value later is as
    # surprising as one of unit spread.
    np.fill_diagonal(correlation, 1.0)
    if shrinkage is None:
        shrinkage = oracle_shrinkage(correlation, total**2 / (weight**2).sum())
    shrunken = (1.0 - shrinkage) * correlation + shrinkage * np.eye(len(correlation))
    values, vectors = np.linalg.eigh(shrunken)
    values = np.maximum(values, _FLOOR)
    return mean, scale, (vectors / values) @ vectors.T, float(shrinkage)
