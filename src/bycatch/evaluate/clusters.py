"""Clusters of latent coordinates: Gaussian mixtures, and how they agree with classes.

What to use when: to ask whether like events lie together in a latent space. Purity and mutual
information need labels, which no score was trained with. Purity rises with the number of clusters
by itself: compare it with `purity_by_chance`, or look at the mutual information.

Weights count in every number. The mixture is scikit-learn's, which takes none: it learns from rows
that are drawn by weight (systematically, so that equal weights draw each row once), where rows of
negative weight are never drawn; purity and mutual information then count all rows with their
weights.

References
----------
.. [1] Schwarz, "Estimating the dimension of a model", Ann. Statist. 6 (1978) 461 (BIC).
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bycatch.errors import DataError
from bycatch.evaluate.replicas import (
    Floats,
    Measured,
    bootstrap_weights,
    checked_latent,
    spread,
)
from bycatch.tasks.random import child_seed, stream


@dataclass(frozen=True)
class Clusters:
    """A Gaussian mixture of latent coordinates.

    Attributes
    ----------
    n_clusters : int
        The number with the lowest BIC.
    bic : tuple of float
        Of 1, 2, ... components, in units of 2 nats times events; only differences mean anything.
    means : tuple of tuple of float
        Of the components, in latent coordinates.
    covariances : tuple of tuple of tuple of float
    shares : tuple of float
        Fraction of the weight in each cluster.
    purity : Measured or None
        Fraction of the weight whose class is the largest in its cluster; None without labels.
    purity_by_chance : float or None
        What one cluster of all events has: the share of the largest class.
    mutual_information : Measured or None
        Of clusters and classes, over the mean of their entropies: 0 for none, 1 for equality.
    status : str
        ``ok``, or a sentence that says what is weak.
    """

    n_clusters: int
    bic: tuple[float, ...]
    means: tuple[tuple[float, ...], ...]
    covariances: tuple[tuple[tuple[float, ...], ...], ...]
    shares: tuple[float, ...]
    purity: Measured | None
    purity_by_chance: float | None
    mutual_information: Measured | None
    status: str = "ok"


def purity(cluster: NDArray[np.integer], label: NDArray[np.generic], weight: Floats) -> float:
    """Return the fraction of the weight whose class is the largest in its cluster."""
    table = _table(cluster, label, weight)
    return float(table.max(axis=1).sum() / table.sum())


def mutual_information(
    cluster: NDArray[np.integer], label: NDArray[np.generic], weight: Floats
) -> float:
    """Return the mutual information of clusters and classes over the mean of their entropies.

    0 where neither clusters nor classes differ.
    """
    p = _table(cluster, label, weight)
    p = p / p.sum()
    rows, columns = p.sum(axis=1), p.sum(axis=0)
    entropies = [-float((q[q > 0] * np.log(q[q > 0])).sum()) for q in (rows, columns, p.ravel())]
    mean = 0.5 * (entropies[0] + entropies[1])
    # never negative but for rounding
    return max(0.0, entropies[0] + entropies[1] - entropies[2]) / mean if mean > 0.0 else 0.0


def _table(cluster: NDArray[np.integer], label: NDArray[np.generic], weight: Floats) -> Floats:
    """Return sums of weights per cluster and class; negative sums count as empty."""
    _, rows = np.unique(cluster, return_inverse=True)
    _, columns = np.unique(label, return_inverse=True)
    table = np.zeros((rows.max() + 1, columns.max() + 1))
    np.add.at(table, (rows, columns), weight)
    return np.maximum(table, 0.0)


def find_clusters(
    latent: NDArray[np.floating],
    *,
    label: NDArray[np.generic] | None = None,
    weight: Floats | None = None,
    most: int = 8,
    most_rows: int = 20_000,
    replicas: int = 100,
    seed: int = 0,
) -> Clusters:
    """Fit Gaussian mixtures, and choose the number of components by BIC.

    Parameters
    ----------
    latent : ndarray of shape (n_rows, n_latent)
    label : ndarray of shape (n_rows,), optional
        Classes.
    weight : ndarray of shape (n_rows,), optional
        Signed weights.
    most : int
        Components at most.
    most_rows : int
        Rows that the mixture learns from at most.
    replicas : int
        Of the bootstrap; the clusters stay as they are in it.
    seed : int

    Returns
    -------
    Clusters

    Raises
    ------
    DataError
        Where shapes do not fit, or the coordinates are constant.
    """
    z, w = checked_latent(latent, weight)
    chosen = _drawn(w, min(len(z), most_rows), seed)
    if not (z[chosen].std(axis=0) > 0.0).any():
        raise DataError("All latent coordinates are constant; there is nothing to cluster.")
    models, status = _mixtures(z[chosen], most, seed)
    bic = [float(model.bic(z[chosen])) for model in models]
    best = models[int(np.argmin(bic))]
    cluster = np.asarray(best.predict(z))
    shares = np.bincount(cluster, w, best.n_components) / w.sum()
    pure = chance = information = None
    if label is not None:
        classes = np.asarray(label)
        if classes.shape != w.shape:
            raise DataError(f"'label' must have the shape {w.shape}, but it has {classes.shape}.")
        boot = bootstrap_weights(w, replicas, seed)
        pure, information = (
            Measured(of(cluster, classes, w), spread([of(cluster, classes, b) for b in boot]))
            for of in (purity, mutual_information)
        )
        chance = purity(np.zeros_like(cluster), classes, w)
    if len(bic) > 1 and best.n_components == most:
        status = (
            f"The BIC is lowest at the largest number of components, {most}; allow more, or read "
            "them as the shape of one cluster that is not Gaussian."
        )
    return Clusters(
        best.n_components,
        tuple(bic),
        tuple(tuple(mean) for mean in best.means_.tolist()),
        tuple(tuple(tuple(row) for row in matrix) for matrix in best.covariances_.tolist()),
        tuple(shares.tolist()),
        pure,
        chance,
        information,
        status,
    )


def _drawn(weight: Floats, count: int, seed: int) -> NDArray[np.int64]:
    """Draw rows by weight, systematically; rows of negative weight are never drawn."""
    cumulative = np.cumsum(np.maximum(weight, 0.0))
    start = stream(seed, "latent", "rows").uniform()
    # one random start and even steps: equal weights take each row once
    places = (np.arange(count) + start) / count * cumulative[-1]
    rows = np.searchsorted(cumulative, places, side="right")
    return np.asarray(np.minimum(rows, weight.size - 1), dtype=np.int64)  # rounding at the very end


def _mixtures(z: Floats, most: int, seed: int) -> tuple[list[Any], str]:
    from sklearn.exceptions import ConvergenceWarning  # noqa: PLC0415 - takes its time
    from sklearn.mixture import GaussianMixture  # noqa: PLC0415

    models, slow = [], 0
    for count in range(1, most + 1):
        model = GaussianMixture(
            count,
            n_init=3,
            # relative to the coordinates, which have no fixed unit
            reg_covar=1e-6 * float(z.var(axis=0).max()),
            max_iter=300,
            random_state=child_seed(seed, "latent", "mixture", count),
        )
        with warnings.catch_warnings():
            warnings.simplefilter("error", ConvergenceWarning)
            try:
                model.fit(z)
            except ConvergenceWarning:
                slow += 1
                # counted; the unconverged fit is used all the same
                warnings.simplefilter("ignore", ConvergenceWarning)
                model.fit(z)
        models.append(model)
    status = f"{slow} of {most} mixtures did not converge in 300 steps." if slow else "ok"
    return models, status
