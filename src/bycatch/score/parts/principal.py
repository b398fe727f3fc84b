"""Principal components of weighted rows, for the scores that are or begin with them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def principal_components(
    x: NDArray[np.float64], weight: NDArray[np.float64], count: int, standardise: bool
) -> tuple[NDArray[np.float64], ...]:
    """Return the leading principal components of weighted rows.

    Parameters
    ----------
    x : ndarray of shape (n_rows, n_features)
    weight : ndarray of shape (n_rows,)
        Signed weights with a positive sum.
    count : int
    standardise : bool
        Divide features by their standard deviation first.

    Returns
    -------
    mean, scale : ndarray of shape (n_features,)
        Scale 1 where features are not standardised, or constant.
    components : ndarray of shape (count, n_features)
        Orthonormal, the largest variance first.
    explained : ndarray of shape (count,)
        Fractions of the variance.
    """
    total = weight.sum()
    mean = weight @ x / total
    centred = x - mean
    covariance = (centred * weight[:, None]).T @ centred / total
    scale = np.ones(x.shape[1])
    if standardise:
        variance = np.diag(covariance)
        # A constant feature has no scale; rounding must not give it one.
        constant = variance <= 1e-12 * np.maximum(mean**2, np.finfo(np.float64).tiny)
        scale = np.where(constant, 1.0, np.sqrt(np.abs(variance)))
        covariance = covariance / np.outer(scale, scale)
    values, vectors = np.linalg.eigh(covariance)
    order = np.argsort(values)[::-1][:count]
    components = vectors[:, order].T
    # The sign of an eigenvector means nothing: fix it, so that runs agree.
    largest = np.abs(components).argmax(axis=1)
    components *= np.sign(components[np.arange(count), largest])[:, None]
    whole = values.sum()
    return mean, scale, components, values[order] / (whole if whole > 0.0 else 1.0)
