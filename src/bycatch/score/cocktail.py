"""A classifier of background against a cocktail of new-physics models (semi-supervised).

What to use when: when there is a list of models that you would be sorry to miss, and the signal
need only resemble some of them. It is the one score here that learns from labels: it finds what is
like its cocktail better than any score without labels, and nothing else for certain. Look at what
it does to a model that it has never seen (`bycatch.evaluate.transfer`) before you trust it, and
quote the mixture: there is no right one. Simulated background must agree with data where it is
used.

References
----------
.. [1] Kasieczka et al., "The LHC Olympics 2020", arXiv:2101.08320 (semi-supervised searches).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import NDArray
from scipy.special import logit

from bycatch.errors import ConfigError, DataError
from bycatch.learn import CLASSIFIERS, make_classifier
from bycatch.learn.members import MemberRows, check_choice
from bycatch.learn.options import option
from bycatch.score.base import Inputs
from bycatch.score.parts.rows import unlabelled_rows
from bycatch.score.parts.wrapped import WrappedScore

_CLOSEST = float(np.finfo(np.float32).eps)
"""Distance of a probability from 0 and 1 at which single precision ends."""


class Cocktail(WrappedScore):
    """The log of the classifier's odds: log p(x | cocktail) / p(x | background).

    Attributes
    ----------
    classifier_ : ClassifierEnsemble
    signals_ : tuple of int
        Signals in the cocktail.

    Notes
    -----
    Scores: ``log_ratio``, the log of the odds, and ``probability``. Boosted trees find the edges of
    their bins from all rows that are given, those of other members among them (see
    `bycatch.learn.classifiers.trees`); the classifier ``network`` sees a member's own rows only.
    """

    kind = "cocktail"
    part = "classifier"
    registry = CLASSIFIERS
    citation = "lhco"
    score_names = ("log_ratio", "probability")

    classifier: str = option(default="trees", says="Key of `bycatch.learn.CLASSIFIERS`.")
    options: Mapping[str, Any] | None = option(
        default=None, says="Of that classifier, see `bycatch.learn.classifier_options`."
    )
    mixture: Literal["equal", "weights"] | Sequence[float] = option(
        default="equal",
        says="Share of each signal in the cocktail: the same for all; as the rows' weights say "
        "(cross sections); or positive numbers, one for each signal 1, 2, ...",
    )
    validation: float = option(
        default=0.2,
        least=0.0,
        most=0.9,
        says="Fraction of the rows that ends the training early; a classifier needs some.",
    )

    def check_options(self) -> None:
        """Refuse options that make no sense (ConfigError)."""
        super().check_options()
        check_choice("classifier", self.classifier, tuple(CLASSIFIERS))
        make_classifier(self.classifier, self.members, **self._chosen())
        if not self.validation > 0.0:
            raise ConfigError(
                "The option 'validation' is 0, but a classifier is judged by rows that it did not "
                "learn from; give a fraction above 0."
            )
        if isinstance(self.mixture, str):
            check_choice("mixture", self.mixture, ("equal", "weights"))
        elif not all(np.isfinite(share) and share > 0.0 for share in self.mixture):
            raise ConfigError(
                f"The option 'mixture' is {self.mixture!r}, but its shares must be positive."
            )

    def fit(
        self,
        X: NDArray[np.generic],
        weight: NDArray[np.float64] | None = None,
        *,
        mask: NDArray[np.bool_] | None = None,
        train: NDArray[np.bool_] | None = None,
        label: NDArray[np.integer] | None = None,
    ) -> Self:
        """Learn what sets the signals apart from background.

        Parameters
        ----------
        X : ndarray of shape (n_rows, n_features)
        weight : ndarray of shape (n_rows,), optional
            Signed weights. Background and cocktail are scaled to the same sum.
        mask : None
            Not for vectors.
        train : ndarray of bool, of shape (n_members, n_rows), optional
            Rows that each member may see; all by default. A member whose rows lack a signal learns
            without it.
        label : ndarray of int, of shape (n_rows,)
            0 for background, k for signal k.

        Returns
        -------
        Cocktail
            Itself.

        Raises
        ------
        ConfigError
            Where an option makes no sense.
        DataError
            Where the rows cannot serve, or there is no label.
        """
        self.check_options()
        inputs = self._checked(X, mask, None)
        labels = _checked_labels(label, len(inputs["x"]))
        rows = unlabelled_rows(len(labels), weight, train, self.members, self.validation, self.seed)
        mixed, self.signals_ = self._mixed(labels, weight)
        self.shape_ = tuple(inputs["x"].shape[1:])
        self._fit({**inputs, "label": labels, "weight": mixed}, rows)
        return self

    def _mixed(
        self, labels: NDArray[np.int64], weight: NDArray[np.float64] | None
    ) -> tuple[NDArray[np.float64], tuple[int, ...]]:
        """Return weights in which each signal has its share, and the signals."""
        mixed = np.ones(len(labels)) if weight is None else np.array(weight, dtype=np.float64)
        signals = tuple(int(k) for k in np.unique(labels[labels > 0]))
        if self.mixture == "weights":
            return mixed, signals
        if not isinstance(self.mixture, str) and len(self.mixture) < max(signals):
            raise DataError(
                f"The option 'mixture' has {len(self.mixture)} shares, but there is a signal "
                f"{max(signals)}; give one share for each signal."
            )
        for k in signals:
            share = 1.0 if isinstance(self.mixture, str) else float(self.mixture[k - 1])
            total = float(mixed[labels == k].sum())
            if not total > 0.0:
                raise DataError(
                    f"The {int((labels == k).sum())} rows of signal {k} have a sum of weights of "
                    f"{total:g}; it must be positive."
                )
            mixed[labels == k] *= share / total
        return mixed, signals

    def _fit(self, inputs: Inputs, rows: Sequence[MemberRows]) -> None:
        x, label, weight = inputs["x"], inputs["label"], inputs["weight"]
        train, validate = np.zeros((2, len(rows), len(label)), dtype=bool)
        for m, r in enumerate(rows):
            train[m, r.train] = validate[m, r.validate] = True
        used = (train | validate).any(axis=0)
        self.classifier_ = make_classifier(self.classifier, self.members, **self._chosen())
        if hasattr(self.classifier_, "callbacks"):
            self.classifier_.callbacks = self.callbacks
        self.classifier_.fit(
            x[used].astype(np.float32),
            (label[used] > 0).astype(np.int8),
            weight[used],
            train=train[:, used],
            validate=validate[:, used],
            seed=self.seed,
        )
        background = used & (label == 0)
        values = x[background].astype(np.float64)
        self.reference_ = np.asarray(np.average(values, axis=0, weights=weight[background]))

    def _chosen(self) -> dict[str, Any]:
        return dict(self.options or {})

    def _member_scores(
        self, inputs: Inputs, members: Sequence[int], name: str
    ) -> NDArray[np.float64]:
        found = self.classifier_.predict(inputs["x"].astype(np.float32), members=members)
        p = found.astype(np.float64)
        if name == "probability":
            return p
        return np.asarray(logit(np.clip(p, _CLOSEST, 1.0 - _CLOSEST)))

    def _state(self) -> dict[str, NDArray[Any]]:
        return {}

    def _notes(self) -> dict[str, Any]:
        return {"signals": list(self.signals_)}

    def _restore(self, arrays: Mapping[str, NDArray[Any]], notes: Mapping[str, Any]) -> None:  # noqa: ARG002
        self.signals_ = tuple(int(k) for k in notes["signals"])


def _checked_labels(label: NDArray[np.integer] | None, n_rows: int) -> NDArray[np.int64]:
    """Return labels, or say what is wrong with them (DataError)."""
    if label is None:
        raise DataError(
            "The score 'cocktail' learns from labels: give 'label', 0 for background and k for "
            "signal k; scores without labels are in docs/howto/which-score.md."
        )
    labels = np.asarray(label)
    if labels.shape != (n_rows,) or not np.issubdtype(labels.dtype, np.integer):
        raise DataError(
            f"'label' must hold whole numbers and have the shape ({n_rows},), but it is of "
            f"{labels.dtype.name} and has {labels.shape}."
        )
    if (labels < 0).any():
        raise DataError(f"'label' holds {labels.min()}; background is 0, and signals are 1, 2, ...")
    if not (labels == 0).any() or not (labels > 0).any():
        raise DataError(
            f"'label' marks {int((labels == 0).sum())} background rows and "
            f"{int((labels > 0).sum())} signal rows; a cocktail needs both."
        )
    return labels.astype(np.int64)
