"""What every ensemble of classifiers and of densities offers, whatever it is made of.

The members of an ensemble are trained together: member `m` learns from the rows that
``train[m]`` marks and stops early on the rows that ``validate[m]`` marks. Nested k-fold, repeats
with other seeds and plain training are all a choice of these two masks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, Self, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from bycatch.learn.callbacks import Callback

if TYPE_CHECKING:  # loads scipy
    from bycatch.represent.scaling import LogitStandardise


@dataclass(frozen=True)
class History:
    """Learning curve of one member.

    Attributes
    ----------
    train_loss, validation_loss : tuple of float
        Mean weighted cross-entropy per epoch (networks) or per tree (boosted trees), in nats. Of a
        density: its loss, and -log p of held-out events per round of steps, in nats.
    best : int
        Index of the epoch or tree at which the kept state was reached.
    """

    train_loss: tuple[float, ...]
    validation_loss: tuple[float, ...]
    best: int


@runtime_checkable
class ClassifierEnsemble(Protocol):
    """An ensemble of binary classifiers p(1|x), trained in one call."""

    histories_: Sequence[History]

    def fit(
        self,
        X: NDArray[np.float32],
        y: NDArray[np.int8],
        weight: NDArray[np.float64] | None = None,
        *,
        train: NDArray[np.bool_],
        validate: NDArray[np.bool_],
        seed: int,
    ) -> Self:
        """Train all members.

        Parameters
        ----------
        X : ndarray of shape (n_rows, n_features)
        y : ndarray of shape (n_rows,)
            1 for the sample to be found, 0 for the reference.
        weight : ndarray of shape (n_rows,), optional
            Signed event weights. Within each member the two classes are balanced to equal sums.
        train, validate : ndarray of shape (n_members, n_rows)
            Row masks; a member's two masks must not overlap.
        seed : int
            Member m draws from the stream (seed, "member", m) only.
        """
        ...

    def predict(
        self, X: NDArray[np.float32], members: Sequence[int] | None = None
    ) -> NDArray[np.float32]:
        """Return p(1|x) of each chosen member, of shape (n_chosen, n_rows)."""
        ...

    def save(self, folder: Path) -> None:
        """Write the members to `folder` (safetensors, text and JSON; never pickle)."""
        ...

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read what `save` wrote."""
        ...


@runtime_checkable
class DensityEnsemble(Protocol):
    """An ensemble of conditional densities p(x | c) that can be evaluated and sampled."""

    histories_: Sequence[History]
    callbacks: Sequence[Callback]
    scaling_: LogitStandardise

    def fit(
        self,
        X: NDArray[np.float32],
        condition: NDArray[np.floating] | None = None,
        weight: NDArray[np.float64] | None = None,
        *,
        train: NDArray[np.bool_],
        validate: NDArray[np.bool_],
        seed: int,
        blind: NDArray[np.bool_] | None = None,
        bounds: NDArray[np.float64] | None = None,
        scaling: LogitStandardise | None = None,
    ) -> Self:
        """Train all members.

        Parameters
        ----------
        X : ndarray of shape (n_rows, n_features)
        condition : ndarray of shape (n_rows,) or (n_rows, n_conditions), optional
        weight : ndarray of shape (n_rows,), optional
            Signed event weights.
        train, validate : ndarray of shape (n_members, n_rows)
            Row masks; a member's two masks must not overlap.
        seed : int
            Member m draws from the stream (seed, "member", m) only.
        blind : ndarray of shape (n_heads, n_rows), optional
            One head per row of this array; head h does not learn from rows marked ``blind[h]``.
        bounds : ndarray of shape (2, n_features), optional
            Range of the features; the range of the rows by default.
        scaling : LogitStandardise, optional
            A scaling that was measured on other rows, its bounds included. By default it is
            measured on all rows that any member uses: in folds, a member's own validation and
            test rows among them.
        """
        ...

    def log_prob(
        self,
        X: NDArray[np.floating],
        condition: NDArray[np.floating] | None = None,
        members: Sequence[int] | None = None,
        head: int = 0,
    ) -> NDArray[np.float64]:
        """Return log p(x | c) in nats, of shape (n_chosen, n_rows); -inf outside of the support."""
        ...

    def sample(
        self,
        condition: NDArray[np.floating] | None,
        seed: int,
        member: int = 0,
        head: int = 0,
        n: int | None = None,
    ) -> NDArray[np.float32]:
        """Return one event per row of `condition`, or `n` events where there is no condition."""
        ...

    def save(self, folder: Path) -> None:
        """Write the members to `folder` (safetensors and JSON; never pickle)."""
        ...

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read what `save` wrote."""
        ...
