"""Steps that every template shares."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from bycatch.errors import DataError
from bycatch.statistics.region import Region
from bycatch.template.base import TrainingSet


def interval(bounds: tuple[float, float]) -> str:
    """Return a window as text for messages."""
    return f"[{bounds[0]:g}, {bounds[1]:g}]"


def require_finite(
    mass: NDArray[np.float64], X: NDArray[np.float32], weight: NDArray[np.float64]
) -> None:
    """Refuse columns of different lengths and values that are not finite.

    Parameters
    ----------
    mass : ndarray of shape (n_events,)
    X : ndarray of shape (n_events, n_features)
    weight : ndarray of shape (n_events,)

    Raises
    ------
    DataError
        The message counts the events of each kind.
    """
    if mass.ndim != 1 or X.ndim != 2 or len(X) != mass.size or weight.shape != mass.shape:
        raise DataError(
            f"mass has shape {mass.shape}, X {X.shape} and weight {weight.shape}, but they must be "
            "(n_events,), (n_events, n_features) and (n_events,)."
        )
    counts = {
        "mass": int(np.count_nonzero(~np.isfinite(mass))),
        "a feature": int(np.count_nonzero(~np.isfinite(X).all(axis=1))),
        "weight": int(np.count_nonzero(~np.isfinite(weight))),
    }
    if any(counts.values()):
        listed = ", ".join(f"{what}: {count}" for what, count in counts.items() if count)
        raise DataError(
            f"Of {mass.size} events some have a NaN or infinite value ({listed}): drop these "
            "events or mend them."
        )


def require_events(rows: NDArray[np.int64], what: str, remedy: str) -> None:
    """Refuse an empty class."""
    if rows.size == 0:
        raise DataError(f"There are no events {what}: {remedy}.")


def require_weight(weight: NDArray[np.float64], what: str, region: Region) -> None:
    """Refuse a class whose weights do not sum to a positive number."""
    total = float(weight.sum())
    if not total > 0.0:
        raise DataError(
            f"The weights of {what} of {interval(region.window)} sum to {total:g}, but they "
            "must sum to a positive number: check 'weight' or widen the region."
        )


def require_truth(label: NDArray[np.int8] | None, name: str) -> NDArray[np.int8]:
    """Return the truth labels or say why the method cannot go without them."""
    if label is None:
        raise DataError(
            f"The template '{name}' is a yardstick that needs truth labels, but the sample has "
            "none: name them under 'truth', or use 'cwola'."
        )
    return label


def assemble(
    X: NDArray[np.float32],
    window_rows: NDArray[np.int64],
    window_weight: NDArray[np.float64],
    template_rows: NDArray[np.int64],
    template_weight: NDArray[np.float64],
    region: Region,
) -> TrainingSet:
    """Put the rows of both classes into one training set.

    Parameters
    ----------
    X : ndarray of shape (n_events, n_features)
    window_rows, template_rows : ndarray of int
        Events of class 1 and of class 0.
    window_weight, template_weight : ndarray
        Their weights.
    region : Region
        For messages.

    Returns
    -------
    TrainingSet

    Raises
    ------
    DataError
        Where a class has no events or a sum of weights that is not positive.
    """
    require_weight(window_weight, "the signal region", region)
    require_weight(template_weight, "the template", region)
    rows = np.concatenate([window_rows, template_rows])
    y = np.zeros(rows.size, dtype=np.int8)
    y[: window_rows.size] = 1  # window first, template behind
    return TrainingSet(
        X=X[rows],
        y=y,
        weight=np.concatenate([window_weight, template_weight]).astype(np.float64),
        row=rows,
    )


def assemble_synthetic(
    X: NDArray[np.float32],
    window_rows: NDArray[np.int64],
    window_weight: NDArray[np.float64],
    template: NDArray[np.float32],
    template_weight: NDArray[np.float64],
    region: Region,
) -> TrainingSet:
    """Put the window's events and template events that are not of the sample into one set.

    Parameters
    ----------
    X : ndarray of shape (n_events, n_features)
    window_rows : ndarray of int
        Events of class 1.
    window_weight : ndarray
        Their weights.
    template : ndarray of shape (n_template, n_features)
        Events of class 0; their `row` is -1.
    template_weight : ndarray of shape (n_template,)
    region : Region
        For messages.

    Returns
    -------
    TrainingSet

    Raises
    ------
    DataError
        As `assemble`.
    """
    require_weight(window_weight, "the signal region", region)
    require_weight(template_weight, "the template", region)
    sizes = [window_rows.size, len(template)]
    return TrainingSet(
        X=np.concatenate([X[window_rows], template]),
        y=np.repeat(np.array([1, 0], dtype=np.int8), sizes),
        weight=np.concatenate([window_weight, template_weight]).astype(np.float64),
        row=np.concatenate([window_rows, np.full(sizes[1], -1)]).astype(np.int64),
    )
