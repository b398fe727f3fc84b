"""The ratio of two densities as a score: that of a window's events over that of its background."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from bycatch.errors import DataError, FitError
from bycatch.learn.base import DensityEnsemble, History
from bycatch.learn.callbacks import Callback
from bycatch.learn.checkpoint import Checkpoint, damaged_metadata, load_checkpoint, save_checkpoint
from bycatch.learn.members import check_features
from bycatch.template._common import interval
from bycatch.template._sidebands import SidebandDensity

_KIND = "density-ratio"


def two_masses(
    mass: NDArray[np.float64], weight: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the two-point Gauss rule in log m of weighted masses.

    It gives the mean of every cubic polynomial in log m exactly. Over a window, where p(x | m)
    bends little, that is more accurate than a handful of quantiles: for 60,000 LHC Olympics events
    and the window of 3.3 to 3.7 TeV the logarithm of a ``matching`` density's mean errs by 0.00001
    (root mean square over the window's events), with five quantiles by 0.0002, with the central
    mass alone by 0.005.

    Parameters
    ----------
    mass : ndarray of shape (n_events,)
        Positive.
    weight : ndarray of shape (n_events,)
        Not negative, with a positive sum.

    Returns
    -------
    masses, weights : ndarray of shape (2,)
        Inside of the range of `mass`; the weights sum to 1.

    Examples
    --------
    >>> masses, weights = two_masses(np.exp([1.0, 2.0, 3.0]), np.array([1.0, 2.0, 1.0]))
    >>> np.log(masses).round(4).tolist(), weights.round(4).tolist()
    ([1.2929, 2.7071], [0.5, 0.5])
    """
    position = np.log(mass)
    share = weight / weight.sum()
    mean = float(share @ position)
    spread = float(np.sqrt(share @ (position - mean) ** 2))
    # one mass only: the nodes coincide, and the skewness would be 0/0
    if not spread > 1e-12:
        return np.exp([mean, mean]), np.array([0.5, 0.5])
    skewness = float(share @ ((position - mean) / spread) ** 3)
    # the two-point Gauss rule: mean, variance and skewness of log m are exact
    root = np.sqrt(0.25 * skewness**2 + 1.0)
    below, above = 0.5 * skewness - root, 0.5 * skewness + root
    weights = np.array([above, -below]) / (above - below)
    return np.exp(mean + spread * np.array([below, above])), weights


class DensityRatio:
    """p(x | window) / p(x | background) as an ensemble of classifiers.

    Each member learns the density of the window's events anew, with the background's scaling of the
    features, so that nothing of it knows the rows that it neither trains nor stops on. The
    background's density is common to all members, or, where it was learned in folds, each member
    has the one that has not seen the events it scores. Both densities have the same support, the
    bounds of the background's; an event outside of it is scored at the nearest point of the
    support, see `outside`.

    Parameters
    ----------
    members : int
    background : SidebandDensity
    window : (float, float)
        One of the background's windows.
    masses, mass_weights : ndarray of shape (n_masses,)
        Where the background is evaluated, and how much each value counts; see `two_masses`.
    density : str
        Key of `bycatch.learn.DENSITIES`, for the window.
    options : mapping, optional
        Options of that density.
    folds : ndarray of shape (n_members,), optional
        Member of the background that each member divides by. None: the first.

    Attributes
    ----------
    inside : DensityEnsemble
        The window's densities, one member each.
    histories_ : sequence of History
        Of the window's densities, in nats.
    callbacks : sequence of Callback
        Progress or logging; empty unless set before `fit`.
    """

    def __init__(
        self,
        members: int,
        background: SidebandDensity,
        window: tuple[float, float],
        masses: NDArray[np.float64],
        mass_weights: NDArray[np.float64],
        density: str,
        options: Mapping[str, Any] | None = None,
        folds: NDArray[np.int64] | None = None,
    ) -> None:
        from bycatch.learn import make_density  # noqa: PLC0415 - torch is slow to import

        background.head(window)
        self.members = members
        self.background = background
        self.window = (float(window[0]), float(window[1]))
        self.masses = np.asarray(masses, dtype=np.float64)
        self.mass_weights = np.asarray(mass_weights, dtype=np.float64)
        self.folds = np.zeros(members, dtype=np.int64) if folds is None else np.asarray(folds)
        self.callbacks: Sequence[Callback] = ()
        self.histories_: Sequence[History] = ()
        self.inside: DensityEnsemble = make_density(density, members, **dict(options or {}))

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
        """Learn the density of the rows of class 1; the rows of class 0 are not used.

        Parameters
        ----------
        X : ndarray of shape (n_rows, n_features)
        y : ndarray of shape (n_rows,)
            1 for the window's events.
        weight : ndarray of shape (n_rows,), optional
            Signed.
        train, validate : ndarray of shape (n_members, n_rows)
            Rows that a member learns from, and rows on which its state is chosen.
        seed : int

        Returns
        -------
        DensityRatio
            Itself.

        Raises
        ------
        DataError
            Where the rows cannot serve.
        FitError
            Where a training diverges.
        """
        rows = np.flatnonzero(np.asarray(y) == 1)
        self.inside.callbacks = tuple(self.callbacks)
        self.inside.fit(
            self._inner(np.asarray(X)[rows]),
            None,
            None if weight is None else np.asarray(weight)[rows],
            train=np.asarray(train)[:, rows],
            validate=np.asarray(validate)[:, rows],
            seed=seed,
            scaling=self.background.scaling,
        )
        self.histories_ = self.inside.histories_
        return self

    def log_ratio(
        self, X: NDArray[np.float32], members: Sequence[int] | None = None
    ) -> NDArray[np.float64]:
        """Return log p(x | window) - log p(x | background) of each chosen member.

        Parameters
        ----------
        X : ndarray of shape (n_rows, n_features)
        members : sequence of int, optional
            All by default.

        Returns
        -------
        ndarray of shape (n_chosen, n_rows)

        Raises
        ------
        DataError
            Where the rows do not fit, or are not finite.
        FitError
            Where a ratio is not a number.
        """
        inner = self._inner(X)
        ratio = self.inside.log_prob(inner, None, members)
        chosen = self.folds if members is None else self.folds[list(members)]
        for fold in np.unique(chosen):
            ratio[chosen == fold] -= self.background.marginal(
                self.window, inner, self.masses, self.mass_weights, int(fold)
            )
        bad = int((~np.isfinite(ratio)).any(axis=0).sum())
        if bad:
            raise FitError(
                f"The density ratio of the window {interval(self.window)} is not a finite number "
                f"for {bad} of {len(inner)} events: train the densities longer, or cut outliers."
            )
        return ratio

    def predict(
        self, X: NDArray[np.float32], members: Sequence[int] | None = None
    ) -> NDArray[np.float32]:
        """Return R / (1 + R) of the density ratio R, of shape (n_chosen, n_rows).

        This is p(1|x) for equal numbers of window and background events, as a classifier gives it.
        """
        return np.asarray(expit(self.log_ratio(X, members)), dtype=np.float32)

    def outside(self, X: NDArray[np.float32]) -> NDArray[np.bool_]:
        """Mark the rows that are scored at the nearest point of the support, of shape (n_rows,)."""
        return np.asarray((self._inner(X) != np.asarray(X, dtype=np.float32)).any(axis=1))

    def _inner(self, X: NDArray[np.float32]) -> NDArray[np.float32]:
        """Move checked rows into the support; an infinite feature would be moved there as well."""
        return self.background.clip(check_features(X, self.background.bounds.shape[1]))

    def save(self, folder: Path) -> None:
        """Write both densities to `folder` (safetensors and JSON; never pickle)."""
        folder = Path(folder)
        self.background.save(folder / "background")
        self.inside.save(folder / "window")
        arrays = {"masses": self.masses, "mass_weights": self.mass_weights, "folds": self.folds}
        save_checkpoint(folder, Checkpoint(_KIND, {"window": list(self.window)}, arrays))

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read what `save` wrote.

        Raises
        ------
        InputError
            Where the folder is missing, damaged, or holds something else.
        """
        from bycatch.learn import load_density  # noqa: PLC0415 - torch is slow to import

        folder = Path(folder)
        checkpoint = load_checkpoint(folder, _KIND)
        background = SidebandDensity.load(folder / "background")
        ratio = cls.__new__(cls)
        with damaged_metadata(folder):
            inside = load_density(folder / "window")
            low, high = checkpoint.metadata["window"]
            ratio.window = (float(low), float(high))
            ratio.masses = checkpoint.arrays["masses"]
            ratio.mass_weights = checkpoint.arrays["mass_weights"]
            ratio.folds = checkpoint.arrays["folds"]
            if ratio.window not in background.windows:
                raise ValueError(f"the background does not cover {interval(ratio.window)}")
            if ratio.folds.shape != (len(inside.histories_),):
                raise ValueError(f"{ratio.folds.size} folds for {len(inside.histories_)} members")
            try:
                # a trial evaluation: a damaged file must fail here and not in the search
                inside.log_prob(background.bounds)
                for fold in np.unique(ratio.folds):
                    background.marginal(
                        ratio.window, background.bounds, ratio.masses, ratio.mass_weights, int(fold)
                    )
            except DataError as error:
                raise ValueError(error) from error
        ratio.background, ratio.callbacks, ratio.inside = background, (), inside
        ratio.histories_ = inside.histories_
        ratio.members = len(inside.histories_)
        return ratio
