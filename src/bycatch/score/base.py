"""What every anomaly score offers, whatever it is made of.

A score is a scikit-learn estimator without labels: ``fit(X)`` learns what background looks like,
``score(X)`` says how unlike it each row is. Higher means more anomalous, everywhere. A score has
`members`: independent repetitions with seeds (and, where `fit` is given `train`, rows) of their
own, trained in one pass where networks learn; their mean is the score. So the same estimator serves
an ensemble over seeds and a k-fold in which no event is scored by a model that saw it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator

from bycatch.errors import ConfigError, DataError, nearest
from bycatch.learn.callbacks import Callback
from bycatch.learn.checkpoint import (
    Checkpoint,
    constructor_options,
    damaged_metadata,
    load_checkpoint,
    save_checkpoint,
)
from bycatch.learn.inputs import blocks, check_inputs, check_mask
from bycatch.learn.members import MemberRows, check_members
from bycatch.learn.options import Options, learned, option
from bycatch.score.parts.rows import unlabelled_rows

Inputs = Mapping[str, NDArray[Any]]
"""``x`` of shape (n_rows, *axes), and ``mask`` of shape (n_rows, n_constituents) for sets."""

_OCCLUSION_ROWS = 200_000


class Score(BaseEstimator, Options, ABC):  # type: ignore[misc]
    """An anomaly score of events, learned without labels.

    Subclasses declare their options as fields, see `bycatch.learn.options`.

    Attributes
    ----------
    shape_ : tuple of int
        Lengths of the axes of the inputs.
    reference_ : ndarray of shape `shape_`
        Weighted mean of the training rows, for `contributions`.
    callbacks : sequence of Callback
        Progress or logging; empty unless set before `fit`.
    """

    kind: ClassVar[str]
    citation: ClassVar[str]
    """Key of the paper in `bycatch.citations`."""
    further_citations: ClassVar[tuple[str, ...]] = ()
    """Keys of the papers behind its parts."""
    score_names: ClassVar[tuple[str, ...]] = ("score",)
    """What `score` can return, the default first; some scores narrow it by their options."""
    callbacks: Sequence[Callback] = learned(default=())

    members: int = option(default=1, least=1, kw_only=False, says="Independent repetitions.")
    seed: int = option(default=0, least=0, says="Of all random numbers.")
    validation: float = option(
        default=0.0,
        least=0.0,
        most=0.9,
        says="Fraction of each member's rows that is held out to judge a state; 0 where nothing is "
        "judged.",
    )

    @property
    def axes(self) -> tuple[str, ...]:
        """Names of the axes of the inputs after the first, as the option `layout` says."""
        image = getattr(self, "layout", "vector") == "image"
        return ("height", "width") if image else ("n_features",)

    @property
    def masked(self) -> bool:
        """Whether rows are sets of objects with a mask."""
        return False

    @property
    def has_latent(self) -> bool:
        """Whether there is a latent space to look at."""
        return False

    @abstractmethod
    def _fit(self, inputs: Inputs, rows: Sequence[MemberRows]) -> None:
        """Learn all members from checked inputs."""

    @abstractmethod
    def _member_scores(
        self, inputs: Inputs, members: Sequence[int], name: str
    ) -> NDArray[np.float64]:
        """Return the score `name` of checked inputs, of shape (n_chosen, n_rows)."""

    def _shapes(self) -> dict[str, tuple[int, ...]]:
        """Return the shape that the options give each learned array; ``mean`` is ``self.mean_``."""
        # not abstract: scores that write `_state` and `_restore` of their own need no shapes
        raise NotImplementedError(
            f"{type(self).__name__} must say what it learned: by '_shapes', or by '_state' and "
            "'_restore'."
        )

    def _state(self) -> dict[str, NDArray[Any]]:
        """Return what was learned as arrays: those of `_shapes`."""
        return {name: getattr(self, f"{name}_") for name in self._shapes()}

    def _restore(self, arrays: Mapping[str, NDArray[Any]], notes: Mapping[str, Any]) -> None:  # noqa: ARG002
        """Take what `_state` and `_notes` returned; ValueError or KeyError where it cannot be."""
        for name, shape in self._shapes().items():
            if arrays[name].shape != shape:
                raise ValueError(f"'{name}' does not have the shape of its options")
            setattr(self, f"{name}_", arrays[name])

    def _notes(self) -> dict[str, Any]:
        """Return what else was learned, as JSON can hold it."""
        return {}

    def _latent(self, inputs: Inputs, member: int) -> NDArray[np.float64]:  # noqa: ARG002
        """Return the latent coordinates of checked inputs, of shape (n_rows, n_latent)."""
        raise ConfigError(f"The score '{self.kind}' has no latent space.")

    def fit(
        self,
        X: NDArray[np.generic],
        weight: NDArray[np.float64] | None = None,
        *,
        mask: NDArray[np.bool_] | None = None,
        train: NDArray[np.bool_] | None = None,
    ) -> Self:
        """Learn what the rows have in common.

        Parameters
        ----------
        X : ndarray of shape (n_rows, *axes)
        weight : ndarray of shape (n_rows,), optional
            Signed weights.
        mask : ndarray of bool, of shape (n_rows, n_constituents), optional
            True where there is an object; only for scores of sets.
        train : ndarray of bool, of shape (n_members, n_rows), optional
            Rows that each member may see; all by default.

        Returns
        -------
        Score
            Itself.

        Raises
        ------
        ConfigError
            Where an option makes no sense.
        DataError
            Where the rows cannot serve: NaN, another shape, too few, no positive sum of weights.
        FitError
            Where a training diverges.
        """
        self.check_options()
        inputs = self._checked(X, mask, None)
        rows = unlabelled_rows(
            len(inputs["x"]), weight, train, self.members, self.validation, self.seed
        )
        self.shape_ = tuple(inputs["x"].shape[1:])
        self.reference_ = _mean(inputs["x"], rows)
        self._fit(inputs, rows)
        return self

    def score(
        self,
        X: NDArray[np.generic],
        mask: NDArray[np.bool_] | None = None,
        *,
        name: str | None = None,
        members: Sequence[int] | None = None,
    ) -> NDArray[np.float64]:
        """Return how anomalous each row is: the mean over members.

        Parameters
        ----------
        X : ndarray of shape (n_rows, *axes)
        mask : ndarray of bool, of shape (n_rows, n_constituents), optional
        name : str, optional
            One of `score_names`; the first by default.
        members : sequence of int, optional
            All by default.

        Returns
        -------
        ndarray of shape (n_rows,)
            Higher means more anomalous.

        Raises
        ------
        ConfigError
            Where there is no score of that name.
        DataError
            Where nothing was learned yet, or the rows do not fit.
        """
        return np.asarray(self.member_scores(X, mask, name=name, members=members).mean(axis=0))

    def member_scores(
        self,
        X: NDArray[np.generic],
        mask: NDArray[np.bool_] | None = None,
        *,
        name: str | None = None,
        members: Sequence[int] | None = None,
    ) -> NDArray[np.float64]:
        """Return the score of each chosen member, of shape (n_chosen, n_rows); see `score`."""
        inputs = self._checked(X, mask, self._fitted_shape())
        chosen = check_members(members, self.members)
        return self._member_scores(inputs, chosen, self._named(name))

    def latent(
        self, X: NDArray[np.generic], mask: NDArray[np.bool_] | None = None, *, member: int = 0
    ) -> NDArray[np.float64]:
        """Return where a member's encoder puts each row, of shape (n_rows, n_latent).

        Raises
        ------
        ConfigError
            Where the score has no latent space.
        DataError
            As in `score`.
        """
        inputs = self._checked(X, mask, self._fitted_shape())
        (chosen,) = check_members([member], self.members)
        return self._latent(inputs, chosen)

    def contributions(
        self,
        X: NDArray[np.generic],
        mask: NDArray[np.bool_] | None = None,
        *,
        name: str | None = None,
        members: Sequence[int] | None = None,
    ) -> NDArray[np.float64]:
        """Return what the score reacts to.

        By how much the score falls where one input is replaced by its mean over the training rows
        or, for sets, where one object is taken away. Scores that are sums over inputs return
        these instead; then they sum to the score.

        Returns
        -------
        ndarray of shape (n_rows, *axes), or (n_rows, n_constituents) for sets

        Raises
        ------
        ConfigError, DataError
            As in `score`.
        """
        inputs = self._checked(X, mask, self._fitted_shape())
        chosen = check_members(members, self.members)
        return self._contributions(inputs, chosen, self._named(name))

    def _contributions(
        self, inputs: Inputs, members: Sequence[int], name: str
    ) -> NDArray[np.float64]:
        places = inputs["mask"].shape[1:] if self.masked else inputs["x"].shape[1:]
        n_rows, n_places = len(inputs["x"]), int(np.prod(places))
        whole = self._member_scores(inputs, members, name).mean(axis=0)
        result = np.empty((n_rows, n_places))
        step = max(1, _OCCLUSION_ROWS // max(1, n_places))
        for start in range(0, n_rows, step):
            part = slice(start, start + step)
            without = self._occluded({key: value[part] for key, value in inputs.items()}, places)
            scores = self._member_scores(without, members, name).mean(axis=0)
            result[part] = whole[part, None] - scores.reshape(-1, n_places)
        return result.reshape(n_rows, *places)

    def _occluded(self, inputs: Inputs, places: tuple[int, ...]) -> Inputs:
        """Repeat each row once per place, and hide that place."""
        n_places = int(np.prod(places))
        x = np.repeat(inputs["x"].astype(np.float32), n_places, axis=0)
        place = np.tile(np.arange(n_places), len(inputs["x"]))
        row = np.arange(len(x))
        if self.masked:
            mask = np.repeat(inputs["mask"], n_places, axis=0)
            mask[row, place] = False
            return {"x": x, "mask": mask}
        x.reshape(len(x), n_places)[row, place] = self.reference_.ravel()[place]
        return {"x": x}

    def save(self, folder: Path) -> None:
        """Write what was learned to `folder` (safetensors and JSON; never pickle).

        Raises
        ------
        DataError
            Where nothing was learned yet.
        StorageError
            Where the folder cannot be written.
        """
        metadata = {
            "options": constructor_options(self),
            "shape": list(self._fitted_shape()),
            "notes": self._notes(),
        }
        arrays = {**self._state(), "reference": self.reference_}
        save_checkpoint(folder, Checkpoint(f"score-{self.kind}", metadata, arrays))

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read what `save` wrote.

        Raises
        ------
        InputError
            Where the folder is missing, damaged, or holds something else.
        """
        checkpoint = load_checkpoint(folder, f"score-{cls.kind}")
        with damaged_metadata(folder):
            found = cls(**checkpoint.metadata["options"])
            found.check_options()
            found.shape_ = tuple(int(length) for length in checkpoint.metadata["shape"])
            arrays = dict(checkpoint.arrays)
            found.reference_ = arrays.pop("reference")
            if found.reference_.shape != found.shape_ or len(found.shape_) != len(found.axes):
                raise ValueError("the inputs do not have the shape of its options")
            found._restore(arrays, checkpoint.metadata["notes"])
        return found

    def _named(self, name: str | None) -> str:
        if name is None:
            return self.score_names[0]
        if name not in self.score_names:
            raise ConfigError(
                f"The score '{self.kind}' has no {name!r}; it has "
                f"{', '.join(map(repr, self.score_names))}, the nearest are "
                f"{nearest(name, self.score_names)}."
            )
        return name

    def _fitted_shape(self) -> tuple[int, ...]:
        if not hasattr(self, "shape_"):
            raise DataError(f"The score '{self.kind}' has learned nothing yet; call 'fit' first.")
        return self.shape_

    def _checked(
        self,
        X: NDArray[np.generic],
        mask: NDArray[np.bool_] | None,
        shape: tuple[int | None, ...] | None,
    ) -> dict[str, NDArray[Any]]:
        """Return ``x``, and ``mask`` for sets, or say what is wrong with them (DataError)."""
        X = np.asarray(X)
        if not self.masked:
            if mask is not None:
                raise DataError(f"The score '{self.kind}' has no use for a mask; leave 'mask' out.")
            return {"x": check_inputs(X, None, self.axes, shape)}
        if X.ndim == 1 + len(self.axes):
            mask = check_mask(mask, X.shape[:2])
        return {"x": check_inputs(X, mask, self.axes, shape), "mask": np.asarray(mask)}


def _mean(X: NDArray[np.generic], rows: Sequence[MemberRows]) -> NDArray[np.float64]:
    """Return the weighted mean of all members' training rows; what is not finite counts as 0."""
    weight = np.zeros(len(X))
    for r in rows:
        weight[r.train] += r.train_weight
    total = np.zeros(X.shape[1:])
    for part in blocks(X.shape):
        total += np.tensordot(weight[part], np.nan_to_num(X[part].astype(np.float64)), axes=1)
    return np.asarray(total / weight.sum())
