"""Mini-batches for members with different rows.

Every member reads an endless row of permutations of its own training rows, drawn from its own
stream. So every batch is full, members with different numbers of rows need no padding, and what a
member sees depends neither on the other members nor on how many steps are drawn at a time.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


class BatchStream:
    """Batches of row numbers and weights.

    Parameters
    ----------
    rows : sequence of ndarray of shape (n_m,)
        Training rows of each member.
    weights : sequence of ndarray of shape (n_m,)
        Their weights.
    rngs : sequence of numpy.random.Generator
        One per member.
    batch_size : int
    """

    def __init__(
        self,
        rows: Sequence[NDArray[np.int64]],
        weights: Sequence[NDArray[np.float64]],
        rngs: Sequence[np.random.Generator],
        batch_size: int,
    ) -> None:
        self.batch_size = batch_size
        self._rows, self._weights, self._rngs = rows, weights, rngs
        self._queue: list[NDArray[np.int64]] = [np.empty(0, dtype=np.int64) for _ in rows]

    def steps_per_epoch(self, member: int) -> int:
        """Return the number of batches after which a member has seen all of its rows once."""
        return max(1, -(-len(self._rows[member]) // self.batch_size))

    def draw(
        self, members: Sequence[int], steps: int
    ) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Return the next batches.

        Parameters
        ----------
        members : sequence of int
        steps : int

        Returns
        -------
        rows, weights : ndarray of shape (steps, len(members), batch_size)
        """
        size = steps * self.batch_size
        rows = np.empty((len(members), size), dtype=np.int64)
        weights = np.empty((len(members), size))
        for position, member in enumerate(members):
            taken = self._take(member, size)
            rows[position] = self._rows[member][taken]
            weights[position] = self._weights[member][taken]
        shape = (len(members), steps, self.batch_size)
        return rows.reshape(shape).swapaxes(0, 1), weights.reshape(shape).swapaxes(0, 1)

    def _take(self, member: int, size: int) -> NDArray[np.int64]:
        parts = [self._queue[member]]
        available = len(parts[0])
        while available < size:
            parts.append(self._rngs[member].permutation(len(self._rows[member])))
            available += len(parts[-1])
        joined = np.concatenate(parts)
        self._queue[member] = joined[size:]
        return joined[:size]
