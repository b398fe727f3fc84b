"""Which rows each member of a score learns from, and with which weights."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from bycatch.errors import DataError
from bycatch.learn.members import MemberRows
from bycatch.tasks.random import stream


def unlabelled_rows(
    n_rows: int,
    weight: NDArray[np.float64] | None,
    train: NDArray[np.bool_] | None,
    members: int,
    validation: float,
    seed: int,
) -> list[MemberRows]:
    """Split each member's rows into those it learns from and those it is judged on.

    Parameters
    ----------
    n_rows : int
    weight : ndarray of shape (n_rows,), optional
        Signed weights.
    train : ndarray of bool, of shape (n_members, n_rows), optional
        Rows that a member may see; all by default.
    members : int
    validation : float
        Fraction that is held out; with 0 a member is judged on the rows that it learns from.
    seed : int
        Member m's split comes from the stream (seed, "member", m, "split").

    Returns
    -------
    list of MemberRows
        With a mean weight of 1 over a member's training and validation rows.

    Raises
    ------
    DataError
        Where shapes do not fit, a weight is not finite, or a member has too few rows or no positive
        sum of weights.
    """
    weights = np.ones(n_rows) if weight is None else np.asarray(weight, dtype=np.float64)
    allowed = np.ones((members, n_rows), dtype=bool) if train is None else np.asarray(train)
    for name, found, expected in (
        ("weight", weights.shape, (n_rows,)),
        ("train", allowed.shape, (members, n_rows)),
    ):
        if found != expected:
            raise DataError(f"'{name}' must have the shape {expected}, but it has {found}.")
    bad = int(np.count_nonzero(~np.isfinite(weights)))
    if bad:
        raise DataError(f"{bad} of {n_rows} weights are NaN or infinite; drop these rows.")
    return [
        _split(np.flatnonzero(allowed[m]), weights, validation, m, seed) for m in range(members)
    ]


def _split(
    rows: NDArray[np.int64], weights: NDArray[np.float64], validation: float, member: int, seed: int
) -> MemberRows:
    held_out = round(validation * len(rows))
    if validation > 0.0:
        held_out = max(1, held_out)
    if len(rows) - held_out < 1:
        raise DataError(
            f"Member {member} has {len(rows)} rows to learn from, of which {held_out} are held "
            "out; give more rows."
        )
    order = stream(seed, "member", member, "split").permutation(len(rows))
    judged = np.sort(rows[order[:held_out]])
    used = np.sort(rows[order[held_out:]])
    if not held_out:
        judged = used
    return MemberRows(
        used,
        judged,
        _normalised(weights[used], member, "training"),
        _normalised(weights[judged], member, "validation"),
    )


def _normalised(weight: NDArray[np.float64], member: int, purpose: str) -> NDArray[np.float64]:
    total = float(weight.sum())
    if not total > 0.0:
        raise DataError(
            f"The {len(weight)} {purpose} rows of member {member} have a sum of weights of "
            f"{total:g}; it must be positive."
        )
    return weight * (len(weight) / total)
