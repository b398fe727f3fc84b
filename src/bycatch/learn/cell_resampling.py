"""Weights without a sign for methods that can only draw or count rows.

What to use when: before trees that are grown on random rows, or anything else that cannot take a
negative weight. What takes signed weights as they are (networks, moments, histograms) should get
them as they are: cells blur the distribution on the scale of their radius.

References
----------
.. [1] Andersen, Maier, "Unbiased elimination of negative weights in Monte Carlo samples",
   arXiv:2109.07851, section 2.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from bycatch.errors import DataError

_FIRST = 8
_TREE = 8
"""Features up to which a tree finds neighbours faster than looking at all rows."""


def positive_weights(X: NDArray[np.floating], weight: NDArray[np.float64]) -> NDArray[np.float64]:
    """Let each row of negative weight share it with its nearest neighbours.

    A cell grows about the row until its sum of weights is not negative; then each row in it gets
    the part of the sum that its absolute weight has. So every sum over a region that is large
    against the cells stays what it was.

    Parameters
    ----------
    X : ndarray of shape (n_rows, n_features)
        Distances are Euclidean in features that are divided by their standard deviations.
    weight : ndarray of shape (n_rows,)
        Signed weights.

    Returns
    -------
    ndarray of shape (n_rows,)
        None negative, with the same sum.

    Raises
    ------
    DataError
        Where the sum of weights is negative.
    """
    result = np.array(weight, dtype=np.float64)
    seeds = np.flatnonzero(result < 0.0)
    if not len(seeds):
        return result
    if result.sum() < 0.0:
        raise DataError(
            f"The {len(result)} rows have a sum of weights of {result.sum():g}; it must not be "
            "negative."
        )
    scale = X.std(axis=0, dtype=np.float64)
    points = X / np.where(scale > 0.0, scale, 1.0)
    index = _index(points)
    near = _nearest(index, points[seeds], min(_FIRST, len(result)))
    # The most negative rows first: they need the largest cells, which then serve others too.
    for place in np.argsort(result[seeds], kind="stable"):
        seed = seeds[place]
        if result[seed] >= 0.0:
            continue
        cell = _cell(index, points, int(seed), near[place], result)
        whole = np.abs(result[cell])
        # Rounding must not leave a sum below zero.
        result[cell] = whole * (max(0.0, float(result[cell].sum())) / whole.sum())
    return result


def _index(points: NDArray[np.floating]) -> Any:
    from sklearn.neighbors import NearestNeighbors  # noqa: PLC0415 - takes half a second

    algorithm = "kd_tree" if points.shape[1] <= _TREE else "brute"
    return NearestNeighbors(algorithm=algorithm).fit(points)


def _nearest(index: Any, points: NDArray[np.floating], count: int) -> NDArray[np.int64]:
    """Return the nearest rows of each point, of shape (n_points, count)."""
    return np.asarray(index.kneighbors(points, n_neighbors=count, return_distance=False))


def _cell(
    index: Any,
    points: NDArray[np.floating],
    seed: int,
    near: NDArray[np.int64],
    weight: NDArray[np.float64],
) -> NDArray[np.int64]:
    """Return a row and the nearest others up to the one with which their sum is not negative."""
    while True:
        # A row is not the nearest to itself where others lie on it.
        cell = np.concatenate([[seed], near[near != seed]])
        enough = np.flatnonzero(np.cumsum(weight[cell]) >= 0.0)
        if len(enough):
            return cell[: enough[0] + 1]
        if len(near) == len(weight):
            return cell
        count = min(2 * len(near), len(weight))
        near = _nearest(index, points[[seed]], count)[0]
