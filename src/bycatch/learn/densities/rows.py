"""The rows that a density learns from: checked, weighted, and with what each head may see."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bycatch.errors import DataError
from bycatch.learn.members import MemberRows, check_features


@dataclass(frozen=True)
class DensityRows:
    """Input of a density's training.

    Attributes
    ----------
    X : ndarray of shape (n_rows, n_features)
    condition : ndarray of shape (n_rows, n_conditions)
    weight : ndarray of shape (n_rows,)
    rows : list of MemberRows
        Rows of each member, without those that no head may see; mean weight 1.
    sees : ndarray of shape (n_rows, n_heads)
        Factor of each row in each head's loss: 0 where the head is blind, and elsewhere such that
        the factors of the training rows have the mean 1 / n_heads.
    head : ndarray of shape (n_rows,)
        A head that may see the row, drawn evenly; by it the row is judged in the validation.
    """

    X: NDArray[np.float32]
    condition: NDArray[np.float64]
    weight: NDArray[np.float64]
    rows: list[MemberRows]
    sees: NDArray[np.float64]
    head: NDArray[np.int64]

    def used(self) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Return the rows that any member uses, and their weights."""
        rows = np.unique(np.concatenate([r for m in self.rows for r in (m.train, m.validate)]))
        return rows, self.weight[rows]


def checked_condition(
    condition: NDArray[np.floating] | None, n_rows: int, n_conditions: int | None = None
) -> NDArray[np.float64]:
    """Return conditions as a matrix of shape (n_rows, n_conditions); without columns for None.

    Raises
    ------
    DataError
        Where a value is not finite, or the shape does not fit.
    """
    if condition is None:
        values = np.empty((n_rows, 0))
    else:
        values = np.asarray(condition, dtype=np.float64)
        values = values[:, None] if values.ndim == 1 else values
    if values.ndim != 2 or len(values) != n_rows:
        raise DataError(
            f"Conditions must have the shape ({n_rows}, n_conditions), not {values.shape}."
        )
    if n_conditions is not None and values.shape[1] != n_conditions:
        raise DataError(
            f"The density was trained on {n_conditions} conditions, but was given "
            f"{values.shape[1]}; give the same conditions in the same order."
        )
    bad = int((~np.isfinite(values)).any(axis=1).sum())
    if bad:
        raise DataError(
            f"{bad} of {n_rows} rows have a condition that is NaN or infinite; drop them."
        )
    return values


def density_rows(
    X: NDArray[np.float32],
    condition: NDArray[np.floating] | None,
    weight: NDArray[np.float64] | None,
    train: NDArray[np.bool_],
    validate: NDArray[np.bool_],
    blind: NDArray[np.bool_] | None,
    rngs: Sequence[np.random.Generator],
    most_validation_rows: int,
    head_rng: np.random.Generator,
) -> DensityRows:
    """Check the input of a density's `fit`; see `bycatch.learn.base.DensityEnsemble.fit`.

    Parameters
    ----------
    X, condition, weight, train, validate, blind
        As in `fit`.
    rngs : sequence of numpy.random.Generator
        One per member; it chooses the validation rows where there are more than enough.
    most_validation_rows : int
    head_rng : numpy.random.Generator
        Of no member, so that a member draws the same numbers whatever its neighbours are.

    Returns
    -------
    DensityRows

    Raises
    ------
    DataError
        Where shapes do not fit, values are not finite, masks overlap, a head sees nothing, or a
        member's weights do not have a positive sum.
    """
    X = check_features(X)
    n_rows, n_members = len(X), len(rngs)
    conditions = checked_condition(condition, n_rows)
    weights = np.ones(n_rows) if weight is None else np.asarray(weight, dtype=np.float64)
    hidden = np.zeros((1, n_rows), dtype=bool) if blind is None else np.asarray(blind, dtype=bool)
    for name, shape, expected in (
        ("weight", weights.shape, (n_rows,)),
        ("train", np.shape(train), (n_members, n_rows)),
        ("validate", np.shape(validate), (n_members, n_rows)),
        ("blind", hidden.shape, (len(hidden), n_rows)),
    ):
        if shape != expected:
            raise DataError(f"'{name}' must have the shape {expected}, but it has {shape}.")
    if not np.isfinite(weights).all():
        count = int((~np.isfinite(weights)).sum())
        raise DataError(f"{count} of {n_rows} weights are NaN or infinite; drop these rows.")
    seen = ~hidden.all(axis=0)
    rows = []
    for m, rng in enumerate(rngs):
        use = np.flatnonzero(np.asarray(train[m], dtype=bool) & seen)
        check = np.flatnonzero(np.asarray(validate[m], dtype=bool) & seen)
        if (np.asarray(train[m], dtype=bool) & np.asarray(validate[m], dtype=bool)).any():
            raise DataError(
                f"Member {m} trains and validates on the same rows; masks must not overlap."
            )
        if check.size > most_validation_rows:
            check = np.sort(rng.choice(check, most_validation_rows, replace=False))
        rows.append(
            MemberRows(
                use,
                check,
                _of_mean_one(weights[use], m, "training"),
                _of_mean_one(weights[check], m, "validation"),
            )
        )
    sees = _sees(~hidden, np.unique(np.concatenate([r.train for r in rows])))
    return DensityRows(X, conditions, weights, rows, sees, _heads(~hidden, head_rng))


def _of_mean_one(weight: NDArray[np.float64], member: int, purpose: str) -> NDArray[np.float64]:
    total = float(weight.sum())
    if not total > 0.0:
        raise DataError(
            f"Member {member} has {weight.size} {purpose} rows with a sum of weights of "
            f"{total:g}; it must be positive. Widen the region."
        )
    return np.asarray(weight * (weight.size / total))


def _sees(visible: NDArray[np.bool_], training: NDArray[np.int64]) -> NDArray[np.float64]:
    share = visible[:, training].mean(axis=1)
    if not (share > 0).all():
        raise DataError(
            f"Head {int(np.argmin(share))} is blind to every training row: widen the range."
        )
    return np.ascontiguousarray((visible / (share[:, None] * len(visible))).T)


def _heads(visible: NDArray[np.bool_], rng: np.random.Generator) -> NDArray[np.int64]:
    """Draw one of the heads that may see a row, for each row; 0 where there is none."""
    order = np.where(visible, rng.random(visible.shape), -1.0)
    return np.asarray(order.argmax(axis=0), dtype=np.int64)
