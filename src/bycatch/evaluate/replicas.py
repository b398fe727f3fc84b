"""Bootstrap replicas of weighted rows, and numbers with errors from them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bycatch.errors import DataError
from bycatch.tasks.random import stream

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Measured:
    """A number with its standard error from the bootstrap."""

    value: float
    error: float


def checked_latent(latent: NDArray[np.floating], weight: Floats | None) -> tuple[Floats, Floats]:
    """Return coordinates and weights, or say what is wrong with them (DataError)."""
    z = np.asarray(latent, dtype=np.float64)
    if z.ndim != 2 or z.shape[1] < 1 or len(z) < 10:
        raise DataError(
            f"Latent coordinates must have the shape (n_rows, n_latent) with at least 10 rows, not "
            f"{z.shape}."
        )
    w = np.ones(len(z)) if weight is None else np.asarray(weight, dtype=np.float64)
    if w.shape != (len(z),):
        raise DataError(f"'weight' must have the shape ({len(z)},), but it has {w.shape}.")
    bad = int(np.count_nonzero(~(np.isfinite(z).all(axis=1) & np.isfinite(w))))
    if bad:
        raise DataError(
            f"{bad} of {len(z)} rows have latent coordinates or weights that are not finite."
        )
    if not w.sum() > 0.0:
        raise DataError(
            f"The {len(z)} rows have a sum of weights of {w.sum():g}; it must be positive."
        )
    return z, w


def bootstrap_weights(weight: Floats, replicas: int, seed: int) -> Floats:
    """Return the weights of replicas, each row taken a Poisson number of times."""
    if replicas < 2:
        raise DataError(f"'replicas' is {replicas}, but a spread needs at least 2.")
    # Poisson counts are the bootstrap without a fixed total, and vectorise
    counts = stream(seed, "latent", "bootstrap").poisson(1.0, (replicas, weight.size))
    result = counts * weight
    # A replica without a positive sum says nothing; signed weights of few rows can make one.
    usable = result[result.sum(axis=1) > 0.0]
    return usable if len(usable) > 1 else np.stack([weight, weight])


def spread(values: list[float]) -> float:
    """Return the standard deviation of a number over replicas."""
    return float(np.std(values, ddof=1))
