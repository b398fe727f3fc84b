"""What all ensembles do before training: check the rows and balance the weights."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bycatch.errors import ConfigError, DataError


@dataclass(frozen=True)
class MemberRows:
    """The rows of one member with balanced weights.

    Attributes
    ----------
    train, validate : ndarray of shape (n_train,), (n_validate,)
        Row numbers, ascending.
    train_weight, validate_weight : ndarray of shape (n_train,), (n_validate,)
        Signed weights; each class sums to half the number of rows, so the mean weight is 1.
    """

    train: NDArray[np.int64]
    validate: NDArray[np.int64]
    train_weight: NDArray[np.float64]
    validate_weight: NDArray[np.float64]


def check_option(name: str, value: float, low: float, high: float = np.inf) -> None:
    """Refuse an option outside of [low, high].

    Raises
    ------
    ConfigError
    """
    if not low <= value <= high:
        limit = f"at least {low:g}" if np.isinf(high) else f"between {low:g} and {high:g}"
        raise ConfigError(f"The option '{name}' is {value!r}, but it must be {limit}.")


def check_choice(name: str, value: object, known: Sequence[str]) -> None:
    """Refuse an option that is none of the known words.

    Raises
    ------
    ConfigError
    """
    if value not in known:
        raise ConfigError(
            f"The option '{name}' is {value!r}, but it must be one of {', '.join(known)}."
        )


def check_features(X: NDArray[np.float32], n_features: int | None = None) -> NDArray[np.float32]:
    """Return the features as a C-ordered float32 matrix.

    Parameters
    ----------
    X : ndarray of shape (n_rows, n_features)
    n_features : int, optional
        Number of features that the ensemble was trained on.

    Raises
    ------
    DataError
        Where a feature is not finite, or the shape does not fit.
    """
    matrix = np.ascontiguousarray(X, dtype=np.float32)
    if matrix.ndim != 2 or matrix.shape[1] == 0:
        raise DataError(f"Features must have the shape (n_rows, n_features), not {matrix.shape}.")
    if n_features is not None and matrix.shape[1] != n_features:
        raise DataError(
            f"The ensemble was trained on {n_features} features, but was given "
            f"{matrix.shape[1]}; give the same features in the same order."
        )
    bad = ~np.isfinite(matrix)
    if bad.any():
        counts = ", ".join(f"{n} in feature {j}" for j, n in enumerate(bad.sum(axis=0)) if n)
        raise DataError(
            f"{int(bad.any(axis=1).sum())} of {len(matrix)} rows have features that are NaN or "
            f"infinite ({counts}); drop these rows or change the feature."
        )
    return matrix


def check_members(members: Sequence[int] | None, n_members: int) -> list[int]:
    """Return the chosen members; all of them for None.

    Raises
    ------
    DataError
        Where a member does not exist.
    """
    chosen = list(range(n_members)) if members is None else [int(m) for m in members]
    missing = [m for m in chosen if not 0 <= m < n_members]
    if missing:
        raise DataError(
            f"There is no member {missing[0]}; the ensemble has members 0 to {n_members - 1}."
        )
    return chosen


def member_rows(
    X: NDArray[np.float32],
    y: NDArray[np.int8],
    weight: NDArray[np.float64] | None,
    train: NDArray[np.bool_],
    validate: NDArray[np.bool_],
    n_members: int,
) -> tuple[NDArray[np.float32], NDArray[np.int8], list[MemberRows]]:
    """Check the input of `fit` and give every member its rows and balanced weights.

    Parameters
    ----------
    X : ndarray of shape (n_rows, n_features)
    y : ndarray of shape (n_rows,)
    weight : ndarray of shape (n_rows,), optional
    train, validate : ndarray of shape (n_members, n_rows)
    n_members : int

    Returns
    -------
    X, y : ndarray
        As float32 and int8.
    rows : list of MemberRows

    Raises
    ------
    DataError
        Where shapes do not fit, values are not finite or not 0 and 1, the masks of a member
        overlap, or a class has no rows or no positive sum of weights.
    """
    X = check_features(X)
    y, rows = labelled_rows(len(X), y, weight, train, validate, n_members)
    return X, y, rows


def labelled_rows(
    n_rows: int,
    y: NDArray[np.int8],
    weight: NDArray[np.float64] | None,
    train: NDArray[np.bool_],
    validate: NDArray[np.bool_],
    n_members: int,
) -> tuple[NDArray[np.int8], list[MemberRows]]:
    """Do what `member_rows` does for rows whose features have been checked, whatever they are.

    Parameters
    ----------
    n_rows : int
    y, weight, train, validate, n_members
        As in `member_rows`.

    Returns
    -------
    y : ndarray
        As int8.
    rows : list of MemberRows

    Raises
    ------
    DataError
        As in `member_rows`.
    """
    y = np.asarray(y)
    weights = np.ones(n_rows) if weight is None else np.asarray(weight, dtype=np.float64)
    for name, shape, expected in (
        ("y", y.shape, (n_rows,)),
        ("weight", weights.shape, (n_rows,)),
        ("train", np.shape(train), (n_members, n_rows)),
        ("validate", np.shape(validate), (n_members, n_rows)),
    ):
        if shape != expected:
            raise DataError(f"'{name}' must have the shape {expected}, but it has {shape}.")
    if not np.isin(y, (0, 1)).all():
        raise DataError("Classes must be 0 (reference) and 1 (sample), but 'y' holds other values.")
    if not np.isfinite(weights).all():
        count = int((~np.isfinite(weights)).sum())
        raise DataError(f"{count} of {n_rows} weights are NaN or infinite; drop these rows.")
    train, validate = np.asarray(train, dtype=bool), np.asarray(validate, dtype=bool)
    rows = []
    for m in range(n_members):
        if (train[m] & validate[m]).any():
            raise DataError(
                f"Member {m} trains and validates on the same rows; the masks must not overlap."
            )
        use, check = np.flatnonzero(train[m]), np.flatnonzero(validate[m])
        rows.append(
            MemberRows(
                use,
                check,
                _balanced(y[use], weights[use], m, "training"),
                _balanced(y[check], weights[check], m, "validation"),
            )
        )
    return y.astype(np.int8), rows


def _balanced(
    y: NDArray[np.int8], weight: NDArray[np.float64], member: int, purpose: str
) -> NDArray[np.float64]:
    """Scale the weights so that each class sums to half of the number of rows."""
    result = np.empty(len(y))
    for label in (0, 1):
        mask = y == label
        total = float(weight[mask].sum())
        if not total > 0.0:
            raise DataError(
                f"Class {label} of member {member} has {int(mask.sum())} {purpose} rows with a sum "
                f"of weights of {total:g}; it must be positive. Widen the region."
            )
        result[mask] = weight[mask] * (0.5 * len(y) / total)
    return result
