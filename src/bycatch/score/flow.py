"""Minus log p(x): an event is anomalous where a learned density of background is low.

What to use when: up to some tens of features that are truly continuous (kinematics, substructure),
where `mahalanobis` finds the tails too Gaussian. Not for pixels, nor for features with many equal
values: they have no density. For images give `components`: the density of the leading principal
components, blind to what lies outside of their span (for that there is `pca`).

A low density is not the same as an anomaly: densities of simple events are high wherever they lie,
so look at both directions, and at ``typicality``.

A density score is not invariant: in other coordinates y(x) it is -log p(x) + log abs(det dy/dx).
Other units add a constant and leave the order alone; a logarithm, a power or an angle instead of
its cosine changes the order by exactly that Jacobian. No choice of coordinates is the right one:
state yours.

References
----------
.. [1] Papamakarios et al., "Masked autoregressive flow for density estimation", arXiv:1705.07057.
.. [2] Nachman, Shih, "Anomaly detection with density estimation", arXiv:2001.04990.
.. [3] Nalisnick et al., "Detecting out-of-distribution inputs to deep generative models using
   typicality", arXiv:1906.02994 (the score ``typicality``, for batches of one).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from bycatch.errors import ConfigError, DataError
from bycatch.learn import DENSITIES, make_density
from bycatch.learn.members import MemberRows, check_choice
from bycatch.learn.neural import Rounds
from bycatch.learn.options import option
from bycatch.represent.scaling import LogitStandardise, Standardise
from bycatch.score.base import Inputs
from bycatch.score.parts.principal import principal_components
from bycatch.score.parts.wrapped import WrappedScore

REACH = 1000.0
"""Standard deviations up to which rows are told apart; those beyond are moved there."""


class FlowScore(Rounds, WrappedScore):
    """A conditional-flow ensemble's -log p(x).

    Every member scales the features by the mean and standard deviation of its own training rows and
    learns its density in these coordinates, whose support is all that floating point can hold: an
    event far outside of the training rows has a finite score, as a sharp edge would not allow.

    Attributes
    ----------
    density_ : DensityEnsemble
        Of the scaled features.
    mean_, scale_ : ndarray of shape (n_members, n_coordinates)
        Of the features, or of their principal components; in the features' units.
    centre_, basis_ : ndarray of shape (n_members, n_inputs), (n_members, n_components, n_inputs)
        Of the principal components; of no rows where there are none.
    entropy_ : ndarray of shape (n_members,)
        Mean of -log p over each member's held-out rows, in nats, per standard deviation of the
        features.

    Notes
    -----
    Scores: ``negative_log_density`` in nats per unit of the features; ``scaled``, the same per
    standard deviation of the features, without units and in the same order (the two differ by the
    sum of the logarithms of the standard deviations); ``typicality``, how far -log p lies from its
    mean over background on either side.
    """

    kind = "flow"
    part = "density"
    registry = DENSITIES
    citation = "anode"
    score_names = ("negative_log_density", "scaled", "typicality")

    density: str = option(default="maf", says="Key of `bycatch.learn.DENSITIES`.")
    components: int | None = option(
        default=None,
        least=1,
        says="Learn the density of so many principal components of the inputs; needed for images.",
    )
    layout: Literal["vector", "image"] = option(default="vector", says="What a row is.")
    hidden: Sequence[int] = option(
        default=(64, 64), least=1, says="Units of the hidden layers of its networks."
    )
    rounds: int = option(
        default=10,
        says="Parts of the training, after each of which the held-out likelihood is measured.",
    )
    batch_size = 512
    validation: float = option(
        default=0.1,
        least=0.0,
        most=0.9,
        says="Fraction of the rows that judges states; a density needs some.",
    )

    def check_options(self) -> None:
        """Refuse options that make no sense (ConfigError)."""
        super().check_options()
        check_choice("density", self.density, tuple(DENSITIES))
        if self.components is None and self.layout == "image":
            raise ConfigError(
                "Pixels have no density; give the option 'components', the number of principal "
                "components of the images to learn it of."
            )
        if not self.validation > 0.0:
            raise ConfigError(
                "The option 'validation' is 0, but a density is judged by rows that it did not "
                "learn from; give a fraction above 0."
            )

    def _fit(self, inputs: Inputs, rows: Sequence[MemberRows]) -> None:
        x = inputs["x"]
        self._find_components(x, rows)
        coordinates = [self._coordinates(x[r.train], m) for m, r in enumerate(rows)]
        for values in coordinates:
            _require_spread(values)
        scalings = [
            Standardise.fit(values, r.train_weight)
            for values, r in zip(coordinates, rows, strict=True)
        ]
        self.mean_ = np.stack([s.mean for s in scalings])
        self.scale_ = np.stack([s.scale for s in scalings])
        parts = [np.concatenate([r.train, r.validate]) for r in rows]
        scaled = np.concatenate([self._scaled(x[part], m) for m, part in enumerate(parts)])
        weight = np.concatenate([w for r in rows for w in (r.train_weight, r.validate_weight)])
        train, validate = _own_copies(rows)
        self.density_ = make_density(
            self.density,
            self.members,
            hidden=tuple(self.hidden),
            steps=self.steps,
            rounds=self.rounds,
            batch_size=self.batch_size,
            learning_rate=self.learning_rate,
            weight_decay=self.weight_decay,
            dtype=self.dtype,
            device=self.device,
        )
        self.density_.callbacks = self.callbacks
        self.density_.fit(
            scaled,
            weight=weight,
            train=train,
            validate=validate,
            seed=self.seed,
            scaling=_whole_line(self.mean_.shape[1]),
        )
        self.entropy_ = np.array(
            [
                -np.average(self._log_density(x[r.validate], m), weights=r.validate_weight)
                for m, r in enumerate(rows)
            ]
        )

    def _find_components(self, x: NDArray[np.generic], rows: Sequence[MemberRows]) -> None:
        size = int(np.prod(x.shape[1:]))
        count = self.components or 0
        if count > size:
            raise DataError(f"The option 'components' is {count}, but there are {size} inputs.")
        self.centre_ = np.zeros((len(rows), size if count else 0))
        self.basis_ = np.zeros((len(rows), count, size))
        if count:
            for m, r in enumerate(rows):
                flat = x[r.train].reshape(len(r.train), size).astype(np.float64)
                self.centre_[m], _, self.basis_[m], _ = principal_components(
                    flat, r.train_weight, count, standardise=False
                )

    def _coordinates(self, x: NDArray[np.generic], member: int) -> NDArray[np.float64]:
        """Return what a member's density is of: the features, or their principal components."""
        if self.components is None:
            return x.astype(np.float64)
        flat = x.reshape(len(x), self.centre_.shape[1])
        return np.asarray((flat - self.centre_[member]) @ self.basis_[member].T)

    def _scaled(self, x: NDArray[np.generic], member: int) -> NDArray[np.float32]:
        """Return rows in a member's coordinates; what lies beyond its reach is moved there."""
        z = (self._coordinates(x, member) - self.mean_[member]) / self.scale_[member]
        return np.asarray(np.clip(z, -REACH, REACH), dtype=np.float32)

    def _log_density(self, x: NDArray[np.generic], member: int) -> NDArray[np.float64]:
        """Return log p per standard deviation of the features, of shape (n_rows,)."""
        return np.asarray(self.density_.log_prob(self._scaled(x, member), members=[member])[0])

    def _member_scores(
        self, inputs: Inputs, members: Sequence[int], name: str
    ) -> NDArray[np.float64]:
        result = np.empty((len(members), len(inputs["x"])))
        for place, member in enumerate(members):
            found = -self._log_density(inputs["x"], member)
            if name == "negative_log_density":
                found = found + np.log(self.scale_[member]).sum()
            elif name == "typicality":
                found = np.abs(found - self.entropy_[member])
            result[place] = found
        return result

    def fits_options(self, ensemble: Any) -> bool:
        """Return whether the density has as many features as its scaling has, too."""
        return (
            super().fits_options(ensemble) and ensemble.scaling_.low.shape == self.mean_.shape[1:]
        )

    def _shapes(self) -> dict[str, tuple[int, ...]]:
        size, count = int(np.prod(self.shape_)), self.components or 0
        return {
            "mean": (self.members, count or size),
            "scale": (self.members, count or size),
            "centre": (self.members, size if count else 0),
            "basis": (self.members, count, size),
            "entropy": (self.members,),
        }


def _own_copies(rows: Sequence[MemberRows]) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Mark each member's training and held-out rows in a matrix with a copy of them for each.

    A density has one matrix of rows. Members scale theirs differently, so each has a copy of its
    own there, and they are trained in one pass all the same.
    """
    ends = np.cumsum([0, *(len(r.train) + len(r.validate) for r in rows)])
    train, validate = np.zeros((2, len(rows), ends[-1]), dtype=bool)
    for m, r in enumerate(rows):
        train[m, ends[m] : ends[m] + len(r.train)] = True
        validate[m, ends[m] + len(r.train) : ends[m + 1]] = True
    return train, validate


def _require_spread(x: NDArray[np.generic]) -> None:
    flat = np.flatnonzero(x.min(axis=0) == x.max(axis=0))
    if flat.size:
        raise DataError(
            f"Feature {flat[0]} has the one value {float(x[0, flat[0]]):g}, so it has no density: "
            "remove it."
        )


def _whole_line(n_features: int) -> LogitStandardise:
    """Return a scaling that is the identity but for its far ends.

    The logit of (x + L) / 2 L is 2 x / L up to the third power of x / L.
    """
    end = np.full(n_features, 2.0 * REACH)
    return LogitStandardise(-end, end, np.zeros(n_features), 2.0 / end)
