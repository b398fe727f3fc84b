"""Steps that every template shares."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from bycatch.errors import DataError
from bycatch.template.base import Region, TrainingSet

__all__ = ["assemble", "assemble_synthetic", "interval", "require_events", "require_truth"]


def interval(bounds: tuple[float, float]) -> str:
    """Return a window as text for messages."""
    return f"[{bounds[0]:g}, {bounds[1]:g}]"


def require_events(rows: NDArray[np.int64], what: str, remedy: str) -> None:
    """Refuse an empty class."""
    if rows.size == 0:
        message = f"There are no events {what}: {remedy}."
        raise DataError(message)


def require_truth(label: NDArray[np.int8] | None, name: str) -> NDArray[np.int8]:
    """Return the truth labels or say why the method cannot go without them."""
    if label is None:
        message = (
            f"The template '{name}' is a yardstick that needs truth labels, but the sample has "
            "none: name them under 'truth', or use 'cwola'."
        )
        raise DataError(message)
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
    for weight, what in ((window_weight, "the signal region"), (template_weight, "the template")):
        total = float(weight.sum())
        if not total > 0.0:
            message = (
                f"The weights of {what} of {interval(region.window)} sum to {total:g}, but they "
                "must sum to a positive number: check 'weight' or widen the region."
            )
            raise DataError(message)
    rows = np.concatenate([window_rows, template_rows])
    y = np.zeros(rows.size, dtype=np.int8)
    y[: window_rows.size] = 1
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
    n_window = window_rows.size
    joined = assemble(
        np.concatenate([X[window_rows], template]),
        np.arange(n_window),
        window_weight,
        np.arange(n_window, n_window + len(template)),
        template_weight,
        region,
    )
    row = np.full(joined.y.size, -1, dtype=np.int64)
    row[:n_window] = window_rows
    return TrainingSet(X=joined.X, y=joined.y, weight=joined.weight, row=row)
