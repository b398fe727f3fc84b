"""Classification without labels (CWoLa), and CWoLa hunting, where the sidebands are the template.

What to use when: the first method to try. It needs neither simulation nor truth nor a density
model, and one training per window.

Weak spot: features that follow the resonant mass. The classifier then learns to tell the window
from the sidebands by the mass itself, which sculpts a bump where there is none and hides the
signal: a shift of the jet masses by 10 % of the di-jet mass takes the published maximum SIC from
10.8 to 1.0 (arXiv:2109.00546). The search's sculpting check looks for it. And what both sides
share with the window is all that may be learned, so a signal that leaks into the sidebands hides.

`CwolaHunting` is what the search uses; `Cwola` is the general form, an estimator that separates
any two mixed samples.

References
----------
.. [1] Metodiev, Nachman, Thaler, "Classification without labels", arXiv:1708.02949.
.. [2] Collins, Howe, Nachman, "Anomaly detection for resonant new physics with machine learning",
   arXiv:1805.02664.
.. [3] Collins, Howe, Nachman, "Extending the search for new resonances with machine learning",
   arXiv:1902.02634.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import ClassVar, Literal, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bycatch.errors import DataError
from bycatch.learn import folds
from bycatch.learn.options import Options, option
from bycatch.statistics.region import Region
from bycatch.template._common import assemble, interval, require_events, require_finite
from bycatch.template.base import Template, TrainingSet

PathArgument = str | Path | Sequence[str | Path]


class CwolaHunting(Options, Template):
    """Class 1 is the window, class 0 the training sidebands."""

    name: ClassVar[str] = "cwola"
    citation: ClassVar[str] = "cwola-hunting"

    sides: Literal["equal", "natural"] = option(
        default="equal",
        kw_only=False,
        says="``equal``: the sidebands below and above the window each carry half of the class's "
        "weight. In a falling spectrum the lower side would otherwise dominate; with equal sides a "
        "distribution that changes linearly with the mass has the same average in the sidebands as "
        "in the window, and there is nothing to learn from it (Refs. [2]_ and [3]_ of the module). "
        "``natural``: as the events come.",
    )

    def training_set(
        self,
        mass: NDArray[np.float64],
        X: NDArray[np.float32],
        weight: NDArray[np.float64],
        region: Region,
        label: NDArray[np.int8] | None = None,  # noqa: ARG002 - truth is not for searches
        seed: int = 0,  # noqa: ARG002 - nothing is drawn
    ) -> TrainingSet:
        """Return the window against its sidebands; see `Template.training_set`."""
        require_finite(mass, X, weight)
        inside = np.flatnonzero(region.in_window(mass))
        outside = np.flatnonzero(region.in_sidebands(mass))
        window = interval(region.window)
        require_events(inside, f"in the window {window}", "move or widen it")
        sidebands = ", ".join(interval(side) for side in region.sidebands)
        require_events(outside, f"in the sidebands ({sidebands}) of {window}", "widen 'sidebands'")
        outside_weight = weight[outside]
        if self.sides == "equal":
            outside_weight = balance_sides(mass[outside], outside_weight, region.window)
        return assemble(X, inside, weight[inside], outside, outside_weight, region)


def balance_sides(
    mass: NDArray[np.float64], weight: NDArray[np.float64], window: tuple[float, float]
) -> NDArray[np.float64]:
    """Scale the weights so that both sides of the window carry equal sums.

    Parameters
    ----------
    mass : ndarray of shape (n_events,)
        Masses of sideband events.
    weight : ndarray of shape (n_events,)
        Their weights.
    window : tuple of float

    Returns
    -------
    ndarray of shape (n_events,)
        Weights of the same total sum. Unchanged where a side is empty or its weights do not sum
        to a positive number: then there is nothing to balance.

    Examples
    --------
    >>> import numpy as np
    >>> balance_sides(np.array([1.0, 2.0, 3.0, 9.0]), np.ones(4), (4.0, 8.0)).round(3).tolist()
    [0.667, 0.667, 0.667, 2.0]
    """
    below = mass < window[0]
    total = float(weight.sum())
    low, high = float(weight[below].sum()), float(weight[~below].sum())
    if low <= 0.0 or high <= 0.0:
        return weight
    return np.asarray(weight * np.where(below, total / (2.0 * low), total / (2.0 * high)))


class Cwola(Options):
    """Classification without labels between two mixed samples of unknown fractions.

    Where two samples mix the same signal and background densities in different fractions, the
    best classifier between the samples is also the best between signal and background, since the
    mixed likelihood ratio grows with the pure one (Ref. [1]_). Nothing is said about the
    fractions, but the closer they are, the more events it takes; at equal fractions there is
    nothing to learn and the score orders at random.

    Attributes
    ----------
    scores_ : ndarray of shape (n_events,)
        Scores of the training events, each by models that have not seen it. Use these, never
        `score(X)`, for the events of the fit.
    spread_ : ndarray of shape (n_events,)
        Standard deviation over the members.
    fold_ : ndarray of shape (n_events,)
    ensemble_ : bycatch.learn.base.ClassifierEnsemble

    References
    ----------
    .. [1] Metodiev, Nachman, Thaler, "Classification without labels", arXiv:1708.02949.
    """

    classifier: str = option(
        default="trees", kw_only=False, says="Name in `bycatch.learn.CLASSIFIERS`."
    )
    members: int = option(default=10, kw_only=False, says="Classifiers per fold.")
    folds: int = option(
        default=5, kw_only=False, says="Outer folds of the nested k-fold, at least 3."
    )
    seed: int = option(default=1, kw_only=False)
    options: Mapping[str, object] | None = option(
        default=None, kw_only=False, says="Further keyword arguments of the classifier."
    )

    def fit(self, X: ArrayLike, sample: ArrayLike, weight: ArrayLike | None = None) -> Self:
        """Learn to tell sample 1 from sample 0.

        Parameters
        ----------
        X : array_like of shape (n_events, n_features)
        sample : array_like of shape (n_events,)
            1 for the sample with more signal, 0 for the other. Which is which decides the sign of
            the score.
        weight : array_like of shape (n_events,), optional
            Signed weights.

        Returns
        -------
        Cwola
            Itself.

        Raises
        ------
        DataError
            For shapes that do not fit, values that are not finite, other sample numbers than 0
            and 1, or fewer than 10 events of a sample per fold.
        """
        from bycatch.learn import make_classifier  # noqa: PLC0415 - torch and lightgbm are slow

        features, which, w = _checked(X, sample, weight, self.folds)
        self.fold_ = folds.assign(which.size, self.folds, self.seed, "cwola")
        masks = folds.nested(self.fold_, self.folds, self.members)
        self.ensemble_ = make_classifier(
            self.classifier, masks.scores.size, **dict(self.options or {})
        )
        self.ensemble_.fit(
            features, which, w, train=masks.train, validate=masks.validate, seed=self.seed
        )
        self.scores_ = np.empty(which.size, dtype=np.float32)
        self.spread_ = np.empty(which.size, dtype=np.float32)
        for k in range(self.folds):
            here = self.fold_ == k
            members = np.flatnonzero(masks.scores == k).tolist()
            predicted = self.ensemble_.predict(features[here], members).astype(np.float64)
            self.scores_[here] = predicted.mean(axis=0)
            self.spread_[here] = predicted.std(axis=0)
        return self

    def score(self, X: ArrayLike) -> NDArray[np.float32]:
        """Return the mean of p(sample 1 | x) over all members; higher is more anomalous.

        Parameters
        ----------
        X : array_like of shape (n_events, n_features)
            Events that were not in the fit.

        Returns
        -------
        ndarray of shape (n_events,)
        """
        features = np.asarray(X, dtype=np.float32)
        predicted = self.ensemble_.predict(features).astype(np.float64)
        return np.asarray(predicted.mean(axis=0), dtype=np.float32)


def mixed_ratio(ratio: ArrayLike, f1: float, f2: float) -> NDArray[np.float64]:
    """Return the likelihood ratio of two mixed samples from that of signal to background.

    Parameters
    ----------
    ratio : array_like
        L = p(x | signal) / p(x | background).
    f1, f2 : float
        Signal fractions of sample 1 and sample 2, in [0, 1].

    Returns
    -------
    ndarray
        (f1 L + 1 - f1) / (f2 L + 1 - f2): it grows with L where f1 > f2.

    References
    ----------
    .. [1] Metodiev, Nachman, Thaler, "Classification without labels", arXiv:1708.02949, theorem 1.
    """
    pure = np.asarray(ratio, dtype=np.float64)
    return np.asarray((f1 * pure + 1.0 - f1) / (f2 * pure + 1.0 - f2))


def pure_ratio(ratio: ArrayLike, f1: float, f2: float) -> NDArray[np.float64]:
    """Invert `mixed_ratio`.

    Parameters
    ----------
    ratio : array_like
        Likelihood ratio of the mixed samples.
    f1, f2 : float
        Their signal fractions, f1 > f2.

    Returns
    -------
    ndarray
        L = p(x | signal) / p(x | background). Where a mixed ratio lies beyond what the fractions
        allow (a learned one may), it is 0 or infinite.

    Raises
    ------
    ValueError
        Unless f1 > f2: equal fractions say nothing about L.
    """
    if not 0.0 <= f2 < f1 <= 1.0:
        raise ValueError(
            f"The ratio can be inverted for 0 <= f2 < f1 <= 1, not for {f1:g} and {f2:g}."
        )
    mixed = np.asarray(ratio, dtype=np.float64)
    # a learned ratio may lie beyond what the fractions allow
    above = np.maximum(mixed * (1.0 - f2) - (1.0 - f1), 0.0)
    below = np.maximum(f1 - mixed * f2, 0.0)
    return np.asarray(np.divide(above, below, out=np.full(mixed.shape, np.inf), where=below > 0.0))


def mixed_samples(
    path_1: PathArgument,
    features: Mapping[str, str],
    where_1: str | None = None,
    where_2: str | None = None,
    path_2: PathArgument | None = None,
) -> tuple[NDArray[np.float32], NDArray[np.int8]]:
    """Read two mixed samples: two cuts on the same files, or two sets of files.

    Parameters
    ----------
    path_1 : str, Path or sequence of them
        Files of the sample with more signal.
    features : mapping of str to str
        Name and expression of each feature.
    where_1, where_2 : str, optional
        Cuts that define the samples.
    path_2 : str, Path or sequence of them, optional
        Files of the other sample; None: the same files with the other cut.

    Returns
    -------
    X : ndarray of shape (n_events, n_features)
    sample : ndarray of shape (n_events,)
        1 for the first sample, 0 for the second.

    Raises
    ------
    DataError
        Where a sample is empty, or one set of files comes with the same cut twice.
    """
    from bycatch.events import derive  # noqa: PLC0415 - pyarrow and uproot are slow

    if path_2 is None and where_1 == where_2:
        raise DataError(
            f"Both samples are the same events (where: {where_1!r}): give two cuts or two files."
        )
    parts = []
    for path, where in ((path_1, where_1), (path_1 if path_2 is None else path_2, where_2)):
        columns = derive(path, features, where=where)
        part = np.stack([columns[name] for name in features], axis=1).astype(np.float32)
        if part.shape[0] == 0:
            raise DataError(f"No event of {path} passes {where!r}: loosen the cut.")
        parts.append(part)
    sample = np.repeat(np.array([1, 0], dtype=np.int8), [part.shape[0] for part in parts])
    return np.concatenate(parts), sample


def _checked(
    X: ArrayLike, sample: ArrayLike, weight: ArrayLike | None, n_folds: int
) -> tuple[NDArray[np.float32], NDArray[np.int8], NDArray[np.float64]]:
    """Return the arguments of a fit as arrays, or say what is wrong with them."""
    features = np.asarray(X, dtype=np.float32)
    which = np.asarray(sample)
    w = np.ones(which.shape) if weight is None else np.asarray(weight, dtype=np.float64)
    if features.ndim != 2 or which.shape != features.shape[:1] or w.shape != which.shape:
        raise DataError(
            f"X has shape {features.shape}, sample {which.shape} and weight {w.shape}, but they "
            "must be (n_events, n_features), (n_events,) and (n_events,)."
        )
    if not (np.isfinite(features).all() and np.isfinite(w).all()):
        raise DataError(
            "X or weight holds NaN or infinite values: drop or replace those events first."
        )
    if not np.isin(which, (0, 1)).all():
        raise DataError(f"'sample' must be 0 or 1, but it holds {np.unique(which)[:5].tolist()}.")
    for value in (0, 1):
        count = int(np.count_nonzero(which == value))
        if count < 10 * n_folds:
            raise DataError(
                f"Sample {value} has {count} events, but {n_folds} folds need at least "
                f"{10 * n_folds}: use more events or fewer folds."
            )
    return features, which.astype(np.int8), w
