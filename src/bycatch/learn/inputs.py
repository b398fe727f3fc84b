"""What taggers and scores do with their inputs before training: check and scale them.

Images and constituents are large. They stay where they are and as they are stored (bytes, half or
single precision, a memory map), are looked at in blocks, and are converted batch by batch.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from bycatch.errors import DataError
from bycatch.learn.members import MemberRows

_BLOCK_VALUES = 1_000_000
_STORED = ("uint8", "float16", "float32", "float64")


def as_tensor(array: NDArray[np.generic]) -> Tensor:
    """Return an array as a tensor on the same memory; nobody may write to it.

    An array that runs backwards, which a tensor cannot, is copied.
    """
    if any(stride < 0 for stride in array.strides):
        array = array.copy()
    with warnings.catch_warnings():
        # An array that is read-only, a memory map for example, stays so: the trainer only reads.
        warnings.filterwarnings("ignore", message="The given NumPy array is not writable")
        return torch.from_numpy(array)


def blocks(shape: tuple[int, ...]) -> list[slice]:
    """Return slices over the rows of an array of that shape, of about a million values each."""
    step = max(1, _BLOCK_VALUES // max(1, int(np.prod(shape[1:]))))
    return [slice(start, start + step) for start in range(0, shape[0], step)]


def check_inputs(
    X: NDArray[np.generic],
    mask: NDArray[np.bool_] | None,
    axes: Sequence[str],
    shape: tuple[int | None, ...] | None = None,
) -> NDArray[np.generic]:
    """Return the inputs of a model, without a copy where they can be used as they are stored.

    Parameters
    ----------
    X : ndarray of shape (n_rows, ...)
    mask : ndarray of bool, of the shape of X without its last axis, optional
        What is False there is padding and may hold anything.
    axes : sequence of str
        Names of the axes after the first.
    shape : tuple of int or None, optional
        Lengths of these axes that the model was trained on; None for any length.

    Raises
    ------
    DataError
        Where the shape does not fit, or an input is not finite.
    """
    X = np.asarray(X)
    if X.dtype.name not in _STORED:
        X = X.astype(np.float32)
    if X.ndim != 1 + len(axes) or 0 in X.shape[1:]:
        raise DataError(f"Inputs must have the shape (n_rows, {', '.join(axes)}), not {X.shape}.")
    for axis, expected, found in zip(axes, shape or (None,) * len(axes), X.shape[1:], strict=True):
        if expected not in {None, found}:
            raise DataError(
                f"The model was trained on {axis} = {expected}, but was given {found}; give the "
                "same representation."
            )
    _check_finite(X, mask, axes)
    return X


def _check_finite(
    X: NDArray[np.generic], mask: NDArray[np.bool_] | None, axes: Sequence[str]
) -> None:
    if X.dtype.kind != "f":
        return
    image = len(axes) == 2 and mask is None
    bad_rows, counts = 0, np.zeros(X.shape[1:] if image else X.shape[-1:], dtype=np.int64)
    for rows in blocks(X.shape):
        bad = ~np.isfinite(X[rows])
        if mask is not None:
            bad &= mask[rows][..., None]
        if bad.any():
            bad_rows += int(bad.any(axis=tuple(range(1, bad.ndim))).sum())
            counts += bad.sum(axis=0 if image else tuple(range(bad.ndim - 1)))
    if bad_rows:
        what = "pixel" if image else "feature"
        places = [place if image else place[0] for place in np.ndindex(counts.shape)]
        found = [
            f"{n} in {what} {place}"
            for place, n in zip(places, counts.ravel().tolist(), strict=True)
            if n
        ]
        listed = ", ".join(found[:5]) + (", ..." if len(found) > 5 else "")
        raise DataError(
            f"{bad_rows} of {len(X)} rows have {what}s that are NaN or infinite ({listed}); drop "
            f"these rows or change the {what}."
        )


def check_mask(mask: NDArray[np.bool_] | None, shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """Return a mask of that shape; everything is there where none is given.

    Raises
    ------
    DataError
        Where the shape is another one, or the mask holds other things than truth values.
    """
    if mask is None:
        return np.ones(shape, dtype=bool)
    mask = np.asarray(mask)
    if mask.shape != shape or mask.dtype != np.bool_:
        raise DataError(
            f"'mask' must be of bool and have the shape {shape}, one for each constituent, but it "
            f"is of {mask.dtype.name} and has {mask.shape}."
        )
    return mask


def training_weights(rows: Sequence[MemberRows], n_rows: int) -> NDArray[np.float64]:
    """Return the training weight of every row for every member, of shape (n_members, n_rows)."""
    weights = np.zeros((len(rows), n_rows))
    for weight, r in zip(weights, rows, strict=True):
        weight[r.train] = r.train_weight
    return weights


def constituent_scaling(
    X: NDArray[np.generic], mask: NDArray[np.bool_], rows: Sequence[MemberRows]
) -> dict[str, NDArray[np.float64]]:
    """Measure how each member standardises the constituents of its own training rows.

    Parameters
    ----------
    X : ndarray of shape (n_rows, n_constituents, n_features)
    mask : ndarray of bool, of shape (n_rows, n_constituents)
    rows : sequence of MemberRows

    Returns
    -------
    dict
        ``shift`` and ``scale`` of shape (n_members, 1, n_features): the weighted mean and standard
        deviation over constituents, 0 and 1 where there is none, and scale 1 for a constant;
        ``count`` of shape (n_members, 1, 1): the weighted mean number of constituents.
    """
    n_features = X.shape[2]
    low, high = np.full(n_features, np.inf), np.full(n_features, -np.inf)
    for part in blocks(X.shape):
        there = mask[part][..., None]
        values = X[part].astype(np.float64)
        low = np.minimum(low, values.min(axis=(0, 1), where=there, initial=np.inf))
        high = np.maximum(high, values.max(axis=(0, 1), where=there, initial=-np.inf))
    empty = ~(low <= high)
    low, high = np.where(empty, 0.0, low), np.where(empty, 0.0, high)
    middle = 0.5 * (low + high)
    weights = training_weights(rows, len(X))
    # Moments about the middle, so that a large offset costs no digits.
    sums = np.zeros((2, len(rows), 1 + 2 * n_features))
    for part in blocks(X.shape):
        there = mask[part][..., None]
        values = np.where(there, X[part] - middle, 0.0)
        moments = np.concatenate(
            [there.sum(axis=1), values.sum(axis=1), (values**2).sum(axis=1)], axis=1
        )
        sums[0] += weights[:, part] @ moments
        sums[1] += np.abs(weights[:, part]) @ moments
    mean, variance = _moments(sums[0], n_features)
    # Where the signs of weights leave no variance: that under the absolute weights.
    variance = np.where(variance > 0.0, variance, _moments(sums[1], n_features)[1])
    rounding = 1e-12 * (0.5 * (high - low)) ** 2
    count = sums[0][:, :1] / weights.sum(axis=1, keepdims=True)
    return {
        "shift": (middle + mean)[:, None],
        "scale": np.where(variance > rounding, np.sqrt(np.abs(variance)), 1.0)[:, None],
        "count": np.where(count > 0.0, count, 1.0)[:, None],
    }


def _moments(
    sums: NDArray[np.float64], n_features: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return mean and variance of (sum 1, sum x, sum x^2)."""
    total = np.where(sums[:, :1] > 0.0, sums[:, :1], np.inf)
    mean = sums[:, 1 : 1 + n_features] / total
    return mean, sums[:, 1 + n_features :] / total - mean**2


def root_mean_square(
    X: NDArray[np.generic], power: float, rows: Sequence[MemberRows]
) -> NDArray[np.float64]:
    """Return the root mean square of the pixels, raised to a power, of each member's training rows.

    Parameters
    ----------
    X : ndarray of shape (n_rows, height, width)
    power : float
    rows : sequence of MemberRows

    Returns
    -------
    ndarray of shape (n_members, 1, 1, 1)
        1 where all pixels are zero, or where negative weights leave nothing.
    """
    weights = training_weights(rows, len(X))
    total = np.zeros(len(rows))
    for part in blocks(X.shape):
        squares = np.abs(X[part].astype(np.float64)) ** (2.0 * power)
        total += weights[:, part] @ squares.mean(axis=(1, 2))
    mean = total / weights.sum(axis=1)
    return np.sqrt(np.where(mean > 0.0, mean, 1.0))[:, None, None, None]
