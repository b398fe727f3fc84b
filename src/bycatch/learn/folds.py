"""Nested k-fold as masks: who trains on what, who stops early on what, who scores what.

What to use when: `nested` wherever the events that are searched also train the classifier; `half`
where the p-value must be exact without a measured correction, since the scored half then shares no
training event with itself (half of the statistics is the price).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bycatch.tasks.random import stream

INNER_FOLDS_OF_A_HALF = 4
"""Parts of the training half, one of which stops each member early."""


@dataclass(frozen=True)
class FoldMasks:
    """Masks of all members of one ensemble fit.

    Attributes
    ----------
    train, validate : ndarray of shape (n_members, n_rows)
        Rows that a member learns from and rows on which it stops early; disjoint.
    scores : ndarray of shape (n_members,)
        The fold that the member scores: it has seen none of that fold's rows.
    """

    train: NDArray[np.bool_]
    validate: NDArray[np.bool_]
    scores: NDArray[np.int64]


def assign(n: int, k: int, seed: int, *path: str | int) -> NDArray[np.int8]:
    """Assign `n` rows to `k` folds whose sizes differ by at most one.

    Parameters
    ----------
    n : int
        Number of rows.
    k : int
        Number of folds, at most 127.
    seed : int
        Seed of the permutation.
    *path : str or int
        Name of the stream, so that two assignments of one run differ.

    Returns
    -------
    ndarray of shape (n,)
        Fold of each row, 0 to k - 1.
    """
    order = stream(seed, "folds", *path).permutation(n)
    fold = np.empty(n, dtype=np.int8)
    fold[order] = np.arange(n) % k
    return fold


def nested(fold: NDArray[np.int8], k: int, members: int) -> FoldMasks:
    """Nested k-fold: `members` classifiers for each of the `k` folds.

    Member j of outer fold f stops early on the j-th of the other folds (cycling) and trains on
    the remaining k - 2, as in Ref. [1]_.

    Parameters
    ----------
    fold : ndarray of shape (n_rows,)
    k : int
        At least 3: one fold to score, one to stop on, one to train on.
    members : int
        Classifiers per outer fold.

    Returns
    -------
    FoldMasks
        Of k * members members, outer fold by outer fold.

    Raises
    ------
    ValueError
        For fewer than 3 folds.

    References
    ----------
    .. [1] Collins, Howe, Nachman, "Extending the search for new resonances with machine
       learning", arXiv:1902.02634.
    """
    if k < 3:
        raise ValueError(f"Nested k-fold needs at least 3 folds, but there are {k}.")
    scores = np.repeat(np.arange(k), members)
    step = np.tile(np.arange(members) % (k - 1), k)
    inner = (scores + 1 + step) % k
    validate = fold[None, :] == inner[:, None]
    train = (fold[None, :] != scores[:, None]) & ~validate
    return FoldMasks(train=train, validate=validate, scores=scores)


def half(fold: NDArray[np.int8], inner: NDArray[np.int8], members: int) -> FoldMasks:
    """Train in half 0, score half 1.

    Parameters
    ----------
    fold : ndarray of shape (n_rows,)
        0 for the training half, 1 for the scored half.
    inner : ndarray of shape (n_rows,)
        Inner fold of each row, 0 to INNER_FOLDS_OF_A_HALF - 1.
    members : int

    Returns
    -------
    FoldMasks
        Of `members` members, which all score fold 1.
    """
    stop = np.arange(members) % INNER_FOLDS_OF_A_HALF
    in_half = (fold == 0)[None, :]
    chosen = inner[None, :] == stop[:, None]
    return FoldMasks(
        train=in_half & ~chosen,
        validate=in_half & chosen,
        scores=np.ones(members, dtype=np.int64),
    )
