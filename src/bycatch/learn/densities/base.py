"""What all learned densities share: rows, scaling, training, chunks, and models on disk.

A density is learned in scaled features z = f(x), where f is logit and standardisation with a
tracked Jacobian, and evaluated and sampled in the features themselves. A model file (`matching`,
`flows`) adds only what its paper adds.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from bycatch.errors import DataError
from bycatch.learn.densities.rows import DensityRows, checked_condition, density_rows
from bycatch.learn.members import check_features, check_members
from bycatch.learn.neural import Columns, NeuralEnsemble, Rounds
from bycatch.learn.options import learned, option
from bycatch.represent.scaling import LogitStandardise, Standardise
from bycatch.tasks.random import child_seed, stream

_SCALING = ("low", "high", "mean", "scale")
_SIZES = ("n_features", "n_conditions", "n_heads")


class NeuralDensity(Rounds, NeuralEnsemble):
    """A conditional density ensemble that the one training loop trains.

    Training has a fixed number of steps, since what a density needs depends on the steps and hardly
    on the number of events; the learning rate falls to zero at the end. After each of `rounds`
    equal parts the held-out likelihood is measured, and the best state is kept. Signed weights
    enter the loss as they are.

    The scaling is common to all members. It is measured on all rows that any member uses, unless
    `fit` is given one.

    Attributes
    ----------
    histories_ : list of History
        Per member: the training loss, and -log p of held-out events in nats per unit of the
        features, both per round.
    callbacks : sequence of Callback
        Progress or logging; empty unless set before `fit`.
    scaling_ : LogitStandardise
    shape_ : tuple of int
        Numbers of features, conditions and heads.
    """

    citation: ClassVar[str]
    """Key of the paper in `bycatch.citations`."""
    validation_rows: ClassVar[int]
    """Held-out events that are used at most to judge a state."""
    noun = "density"
    prefix = "parameter."
    chunk = 8192

    rounds: int = option(
        default=10,
        says="Parts of the training, after each of which the held-out likelihood is measured.",
    )
    learning_rate = 3e-3
    # Of no features, until `fit`.
    scaling_: LogitStandardise = learned(
        default_factory=lambda: LogitStandardise(*np.zeros((4, 0)))
    )

    @abstractmethod
    def _log_prob(self, parameters: Mapping[str, Tensor], z: Tensor, c: Tensor, h: int) -> Tensor:
        """Return log p(z | c) of head `h`, of shape (n_members, n_rows)."""

    @abstractmethod
    def _sample(
        self, parameters: Mapping[str, Tensor], c: Tensor, generator: torch.Generator, h: int
    ) -> Tensor:
        """Draw scaled features of head `h` for one member, of shape (n_rows, n_features)."""

    @abstractmethod
    def _check_heads(self, n_heads: int, n_conditions: int) -> None:
        """Refuse heads or conditions that the model cannot have (ConfigError)."""

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
        """Train all members; see `bycatch.learn.base.DensityEnsemble.fit`.

        Raises
        ------
        DataError
            Where the rows cannot serve.
        ConfigError
            Where the model cannot have that many heads or conditions.
        FitError
            Where a training diverges.
        """
        rngs = self._streams(seed)
        most, head_rng = self.validation_rows, stream(seed, "heads")
        data = density_rows(X, condition, weight, train, validate, blind, rngs, most, head_rng)
        self._check_heads(data.sees.shape[1], data.condition.shape[1])
        self.shape_ = (data.X.shape[1], data.condition.shape[1], data.sees.shape[1])
        used, used_weight = data.used()
        self.scaling_ = scaling or LogitStandardise.fit(data.X[used], used_weight, bounds)
        self._require_inside(data.X[used])
        self._condition = Standardise.fit(data.condition[used], used_weight)
        columns = self._columns(data)
        begin = self._begin(self.shape_, columns, data.rows, rngs)
        self._train(*begin, columns, data.rows, rngs, seed)
        return self

    def _require_inside(self, X: NDArray[np.float32]) -> None:
        outside = int(np.count_nonzero(~self.scaling_.inside(X)))
        if outside:
            raise DataError(
                f"{outside} of {len(X)} rows lie outside of the bounds of the scaling that was "
                "given: clip them, or let the density measure its own."
            )

    def _columns(self, data: DensityRows) -> dict[str, NDArray[Any]]:
        """Return what the model sees of the rows."""
        columns = {
            # Rows that no member uses may lie outside of the support.
            "z": np.nan_to_num(self.scaling_.transform(data.X)),
            "c": self._condition.transform(data.condition),
            "jacobian": np.nan_to_num(self.scaling_.log_jacobian(data.X)),
            "sees": data.sees,
        }
        return {**{k: v.astype(self.dtype) for k, v in columns.items()}, "head": data.head}

    def log_prob(
        self,
        X: NDArray[np.floating],
        condition: NDArray[np.floating] | None = None,
        members: Sequence[int] | None = None,
        head: int = 0,
    ) -> NDArray[np.float64]:
        """Return log p(x | c) of each chosen member.

        Parameters
        ----------
        X : ndarray of shape (n_rows, n_features)
        condition : ndarray of shape (n_rows,) or (n_rows, n_conditions), optional
        members : sequence of int, optional
            All by default.
        head : int

        Returns
        -------
        ndarray of shape (n_chosen, n_rows)
            In nats, per unit of the features; -inf outside of the support.

        Raises
        ------
        DataError
            Where the density is not trained, or the rows do not fit it.
        """
        self._require_head(head)
        X = check_features(X, self._sizes["n_features"])
        chosen = check_members(members, self.members)
        c = self._conditions(condition, len(X))
        result = np.full((len(chosen), len(X)), -np.inf)
        inside = np.flatnonzero(self.scaling_.inside(X))
        if not inside.size:  # a solver that chooses its steps needs rows
            return result
        columns = {"z": self.scaling_.transform(X[inside]).astype(self.dtype), "c": c[inside]}
        log_p = self._map(lambda p, r: self._log_prob(p, r["z"], r["c"], head), columns, chosen)
        result[:, inside] = log_p + self.scaling_.log_jacobian(X[inside])
        return result

    def sample(
        self,
        condition: NDArray[np.floating] | None,
        seed: int,
        member: int = 0,
        head: int = 0,
        n: int | None = None,
    ) -> NDArray[np.float32]:
        """Draw events.

        Parameters
        ----------
        condition : ndarray of shape (n_rows,) or (n_rows, n_conditions), or None
        seed : int
        member, head : int
        n : int, optional
            Number of events of an unconditional density.

        Returns
        -------
        ndarray of shape (n_rows, n_features)

        Raises
        ------
        DataError
            Where the density is not trained, or condition and `n` do not say how many events.
        """
        self._require_head(head)
        chosen = check_members([member], self.members)
        if condition is None and n is None:
            raise DataError("An unconditional density must be told the number of events: give 'n'.")
        c = self._conditions(condition, len(condition) if condition is not None else n or 0)
        if not len(c):
            return np.empty((0, self._sizes["n_features"]), dtype=np.float32)
        generator = torch.Generator().manual_seed(child_seed(seed, "sample"))
        z = self._map(lambda p, r: self._sample(p, r["c"], generator, head)[None], {"c": c}, chosen)
        return self.scaling_.clip(self.scaling_.inverse(z[0])).astype(np.float32)

    @property
    def _sizes(self) -> dict[str, int]:
        return dict(zip(_SIZES, self.shape_, strict=True))

    def _state(self) -> dict[str, NDArray[Any]]:
        scaling = {f"scaling.{name}": getattr(self.scaling_, name) for name in _SCALING}
        condition = {f"condition.{name}": getattr(self._condition, name) for name in _SCALING[2:]}
        return {**super()._state(), **scaling, **condition}

    def _notes(self) -> dict[str, Any]:
        return {**super()._notes(), "sizes": self._sizes}

    def _restore(self, arrays: Columns, notes: Mapping[str, Any]) -> None:
        super()._restore(arrays, notes)
        self.shape_ = tuple(int(notes["sizes"][name]) for name in _SIZES)
        self.scaling_ = LogitStandardise(*(arrays[f"scaling.{name}"] for name in _SCALING))
        self._condition = Standardise(*(arrays[f"condition.{name}"] for name in _SCALING[2:]))

    def _fits(self) -> bool:
        scalings = (*self.scaling_.low.shape, *self._condition.mean.shape)
        return super()._fits() and scalings == self.shape_[:2]

    def _conditions(
        self, condition: NDArray[np.floating] | None, n_rows: int
    ) -> NDArray[np.floating]:
        values = checked_condition(condition, n_rows, self._sizes["n_conditions"])
        return self._condition.transform(values).astype(self.dtype)

    def _require_head(self, head: int) -> None:
        self._require_fitted()
        if not 0 <= head < self._sizes["n_heads"]:
            raise DataError(f"There is no head {head}; the density has {self._sizes['n_heads']}.")
