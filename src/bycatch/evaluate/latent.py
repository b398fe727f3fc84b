"""What a latent space does with events: how far it compresses, its real dimension, its clusters.

What to use when: to look into a model that has a latent space (`Score.latent`). The reduction ratio
says how much smaller the latent coordinates are than the inputs, `recovered` what is left of the
inputs in them; a large ratio alone is no merit. The effective dimension says how many coordinates
are used: one of 1 in a space of ten means that the encoder collapsed. Clusters say whether like
events lie together; purity and mutual information need labels, which no score was trained with.

Weights count in every number; errors are those of the bootstrap.

References
----------
.. [1] Roy, Vetterli, "The effective rank: a measure of effective dimensionality", EUSIPCO 2007.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bycatch.errors import DataError
from bycatch.evaluate.clusters import Clusters, find_clusters
from bycatch.evaluate.replicas import (
    Floats,
    Measured,
    bootstrap_weights,
    checked_latent,
    spread,
)
from bycatch.evaluate.sizes import kish
from bycatch.tasks.random import stream
from bycatch.tasks.result import Plain

_TINY = 1e-12


@dataclass(frozen=True)
class LatentView(Plain):
    """What a latent space does with events.

    Attributes
    ----------
    n_inputs, n_latent : int
    reduction : float
        (n - k) / n of n inputs and k latent coordinates.
    recovered : Measured or None
        Fraction of the variance of the inputs that is left: in the model's reconstruction where
        there is one, else in the best linear one from the latent coordinates, on other rows than it
        was fitted on; None where no inputs were given. Below 0 where the mean would be closer.
    recovered_by : {"model", "linear", ""}
    spectrum : tuple of float
        Principal components of the latent coordinates: fractions of their variance, descending.
    spectrum_error : tuple of float
    participation : Measured
        (sum l)^2 / sum l^2 of the eigenvalues l.
    effective_rank : Measured
        The exponential of the entropy of the spectrum; between 1 and n_latent, as is the former.
    clusters : Clusters or None
    n_events : float
        Kish's effective number of events.
    """

    n_inputs: int
    n_latent: int
    reduction: float
    recovered: Measured | None
    recovered_by: str
    spectrum: tuple[float, ...]
    spectrum_error: tuple[float, ...]
    participation: Measured
    effective_rank: Measured
    clusters: Clusters | None
    n_events: float


def reduction_ratio(n_inputs: int, n_latent: int) -> float:
    """Return the dimension-reduction ratio (n - k) / n.

    Examples
    --------
    >>> reduction_ratio(400, 6)
    0.985
    """
    return (n_inputs - n_latent) / n_inputs


def explained_variance(
    X: NDArray[np.floating], reconstructed: NDArray[np.floating], weight: Floats | None = None
) -> float:
    """Return the fraction of the inputs' variance that a reconstruction holds.

    Each input counts by its own variance, so that units do not matter; constant ones are left out.

    Parameters
    ----------
    X, reconstructed : ndarray of shape (n_rows, ...)
    weight : ndarray of shape (n_rows,), optional

    Returns
    -------
    float
        1 for a perfect one, 0 for the mean, NaN where all inputs are constant.
    """
    x, y = (np.asarray(a, dtype=np.float64).reshape(len(a), -1) for a in (X, reconstructed))
    w = np.ones(len(x)) if weight is None else np.asarray(weight, dtype=np.float64)
    w = w / w.sum()
    mean = w @ x
    variance = w @ (x - mean) ** 2
    # the variance of a constant is rounding, of the size of its square
    varies = variance > _TINY * np.maximum(mean**2, np.finfo(np.float64).tiny)
    if not varies.any():
        return float("nan")
    lost = (w @ (x - y) ** 2)[varies] / variance[varies]
    return float(1.0 - lost.mean())


def latent_view(
    latent: NDArray[np.floating],
    X: NDArray[np.floating] | None = None,
    *,
    reconstructed: NDArray[np.floating] | None = None,
    n_inputs: int | None = None,
    label: NDArray[np.generic] | None = None,
    weight: Floats | None = None,
    most_clusters: int = 8,
    replicas: int = 100,
    seed: int = 0,
) -> LatentView:
    """Look at the latent coordinates of events.

    Parameters
    ----------
    latent : ndarray of shape (n_rows, n_latent)
    X : ndarray of shape (n_rows, ...), optional
        What was encoded.
    reconstructed : ndarray of the shape of X, optional
        What the model makes of the latent coordinates.
    n_inputs : int, optional
        Inputs per event; that of X by default.
    label : ndarray of shape (n_rows,), optional
        Classes, of any type.
    weight : ndarray of shape (n_rows,), optional
        Signed weights.
    most_clusters : int
        0 for no clusters.
    replicas : int
        Of the bootstrap.
    seed : int

    Returns
    -------
    LatentView

    Raises
    ------
    DataError
        Where shapes do not fit, a number is not finite, or there are too few rows.
    """
    z, w = checked_latent(latent, weight)
    x = None if X is None else np.asarray(X, dtype=np.float64).reshape(len(X), -1)
    if x is not None and len(x) != len(z):
        raise DataError(f"'X' has {len(x)} rows, but 'latent' has {len(z)}; give the same rows.")
    size = n_inputs if n_inputs is not None else 0 if x is None else x.shape[1]
    if size < 1:
        raise DataError("The number of inputs is unknown; give 'X' or 'n_inputs'.")
    boot = bootstrap_weights(w, replicas, seed)
    spectra = np.stack([_spectrum(z, replica) for replica in boot])
    spectrum = _spectrum(z, w)
    recovered, by = _recovered(z, x, reconstructed, w, boot, seed)
    found = None
    if most_clusters:
        found = find_clusters(
            z, label=label, weight=w, most=most_clusters, replicas=replicas, seed=seed
        )
    return LatentView(
        size,
        z.shape[1],
        reduction_ratio(size, z.shape[1]),
        recovered,
        by,
        tuple(spectrum.tolist()),
        tuple(spectra.std(axis=0, ddof=1).tolist()),
        Measured(_participation(spectrum), spread([_participation(s) for s in spectra])),
        Measured(_rank(spectrum), spread([_rank(s) for s in spectra])),
        found,
        kish(w),
    )


def _spectrum(z: Floats, weight: Floats) -> Floats:
    """Return the eigenvalues of the covariance over their sum, descending; what is negative is 0.

    All zero where the coordinates are constant.
    """
    w = weight / weight.sum()
    centred = z - w @ z
    values = np.linalg.eigvalsh((centred * w[:, None]).T @ centred)[::-1]
    values = np.maximum(values, 0.0)  # rounding, or signed weights
    total = values.sum()
    return values / total if total > 0.0 else values


def _participation(spectrum: Floats) -> float:
    squares = float((spectrum**2).sum())
    return 1.0 / squares if squares > 0.0 else 0.0


def _rank(spectrum: Floats) -> float:
    there = spectrum[spectrum > 0.0]  # 0 log 0 is 0
    return float(np.exp(-(there * np.log(there)).sum())) if there.size else 0.0


def _recovered(
    z: Floats,
    x: Floats | None,
    reconstructed: NDArray[np.floating] | None,
    weight: Floats,
    boot: Floats,
    seed: int,
) -> tuple[Measured | None, str]:
    if x is None:
        return None, ""
    by = "linear" if reconstructed is None else "model"
    if reconstructed is None:
        y = _linear(z, x, weight, seed)
    else:
        y = np.asarray(reconstructed, dtype=np.float64).reshape(len(reconstructed), -1)
        if y.shape != x.shape:
            raise DataError(
                f"'reconstructed' must have the shape of 'X', {x.shape}, not {y.shape}."
            )
    replicas = [explained_variance(x, y, replica) for replica in boot]
    return Measured(explained_variance(x, y, weight), spread(replicas)), by


def _linear(z: Floats, x: Floats, weight: Floats, seed: int) -> Floats:
    """Predict inputs from latent coordinates, each half by a fit to the other."""
    half = stream(seed, "latent", "halves").permutation(len(z)) % 2 == 0
    design = np.column_stack([np.ones(len(z)), z])
    result = np.empty_like(x)
    for fitted in (half, ~half):
        # Least squares with signed weights: solve the normal equations, whatever their rank.
        scaled = design[fitted] * weight[fitted, None]
        normal = scaled.T @ design[fitted]
        result[~fitted] = design[~fitted] @ (np.linalg.pinv(normal) @ (scaled.T @ x[fitted]))
    return result
