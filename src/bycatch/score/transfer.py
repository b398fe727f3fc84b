"""How well a cocktail finds a signal that it was never shown: the leave-one-out transfer matrix.

What to use when: before a cocktail is used, and whenever its mixture changes. Train on all signals
but one and test on each of them: the entry of the one that was left out is what the cocktail is
worth for a model that nobody thought of. Beside it stand the cocktail of all and the classifier
that knows that one signal only, the supervised reference.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bycatch.errors import DataError
from bycatch.evaluate.roc import max_sic, roc
from bycatch.learn.members import check_option
from bycatch.score.cocktail import Cocktail
from bycatch.tasks.random import stream
from bycatch.tasks.result import Plain

__all__ = ["Transfer", "transfer_matrix"]


@dataclass(frozen=True)
class Transfer(Plain):
    """What classifiers of different cocktails are worth for each signal.

    Attributes
    ----------
    signals : tuple of str
        Columns.
    trainings : tuple of str
        Rows: ``all``; ``without S`` and ``only S`` for each signal S.
    auc, auc_error : tuple of tuple of float
        Area under the curve on rows that no member saw, of the mean over repeats, and its
        standard error.
    auc_spread : tuple of tuple of float
        Standard deviation of the area over repeats; NaN for one.
    max_sic, max_sic_error : tuple of tuple of float
        Maximum significance improvement, where the background's relative error is below 20 %.
    n_background : float
        Kish's effective number of background rows in the test.
    n_signal : tuple of float
        The same for each signal.
    """

    signals: tuple[str, ...]
    trainings: tuple[str, ...]
    auc: tuple[tuple[float, ...], ...]
    auc_error: tuple[tuple[float, ...], ...]
    auc_spread: tuple[tuple[float, ...], ...]
    max_sic: tuple[tuple[float, ...], ...]
    max_sic_error: tuple[tuple[float, ...], ...]
    n_background: float
    n_signal: tuple[float, ...]

    def row(self, training: str) -> dict[str, tuple[float, float]]:
        """Return area and error of each signal, for one training.

        Raises
        ------
        DataError
            Where there is no such training.
        """
        if training not in self.trainings:
            message = f"There is no training {training!r}; there are {', '.join(self.trainings)}."
            raise DataError(message)
        at = self.trainings.index(training)
        pairs = zip(self.auc[at], self.auc_error[at], strict=True)
        return dict(zip(self.signals, pairs, strict=True))

    @property
    def left_out(self) -> dict[str, tuple[float, float]]:
        """Area and error of each signal where the cocktail was trained without it."""
        return {name: self.row(f"without {name}")[name] for name in self.signals}


def transfer_matrix(
    X: NDArray[np.generic],
    label: NDArray[np.integer],
    weight: NDArray[np.float64] | None = None,
    *,
    names: Sequence[str] | None = None,
    test: float = 0.5,
    repeats: int = 1,
    seed: int = 0,
    **options: Any,
) -> Transfer:
    """Train on all signals but one and test on each, for all of them in one pass.

    Parameters
    ----------
    X : ndarray of shape (n_rows, n_features)
    label : ndarray of int, of shape (n_rows,)
        0 for background, k for signal k.
    weight : ndarray of shape (n_rows,), optional
        Signed weights.
    names : sequence of str, optional
        Of the signals 1, 2, ...; their numbers by default.
    test : float
        Fraction of each class's rows that no training sees.
    repeats : int
        Members per training.
    seed : int
    **options
        Of `bycatch.score.cocktail.Cocktail`, but `members` and `seed`.

    Returns
    -------
    Transfer

    Raises
    ------
    ConfigError
        Where an option makes no sense.
    DataError
        Where there are fewer than two signals, or the rows cannot serve.
    """
    check_option("test", test, 0.01, 0.99)
    check_option("repeats", repeats, 1)
    label = np.asarray(label)
    signals = [int(k) for k in np.unique(label[label > 0])]
    if len(signals) < 2:
        message = (
            f"'label' holds {len(signals)} signals, but one can only be left out of two or more."
        )
        raise DataError(message)
    named = _named(signals, names)
    tested = _tested(label, test, seed)
    shown = [
        signals,
        *([k for k in signals if k != out] for out in signals),
        *([k] for k in signals),
    ]
    train = np.stack([~tested & ((label == 0) | np.isin(label, kept)) for kept in shown])
    score = Cocktail(len(shown) * repeats, seed=seed, **options)
    score.fit(X, weight, train=np.repeat(train, repeats, axis=0), label=label)
    found = score.member_scores(np.asarray(X)[tested])
    weights = None if weight is None else np.asarray(weight)[tested]
    return _matrix(found.reshape(len(shown), repeats, -1), label[tested], weights, signals, named)


def _named(signals: Sequence[int], names: Sequence[str] | None) -> tuple[str, ...]:
    if names is None:
        return tuple(str(k) for k in signals)
    if len(names) < max(signals) or len(set(names)) < len(names):
        message = (
            f"'names' must hold one name, and no name twice, for each signal up to {max(signals)}; "
            f"it holds {', '.join(map(repr, names))}."
        )
        raise DataError(message)
    return tuple(str(names[k - 1]) for k in signals)


def _tested(label: NDArray[np.integer], fraction: float, seed: int) -> NDArray[np.bool_]:
    """Mark the rows that no training sees, the same fraction of each class."""
    tested = np.zeros(label.shape, dtype=bool)
    for k in np.unique(label):
        rows = np.flatnonzero(label == k)
        chosen = stream(seed, "transfer", int(max(k, 0))).permutation(rows)
        tested[chosen[: round(fraction * rows.size)]] = True
    return tested


def _matrix(
    scores: NDArray[np.float64],
    label: NDArray[np.integer],
    weight: NDArray[np.float64] | None,
    signals: Sequence[int],
    names: tuple[str, ...],
) -> Transfer:
    """Evaluate scores of shape (n_trainings, n_repeats, n_rows)."""
    table: dict[str, list[tuple[float, ...]]] = {
        key: [] for key in ("auc", "auc_error", "auc_spread", "max_sic", "max_sic_error")
    }
    sizes = (float("nan"), tuple[float, ...]())
    for of_training in scores:
        curves, spreads = [], []
        for k in signals:
            rows = (label == 0) | (label == k)
            w = None if weight is None else weight[rows]
            each = [roc(s[rows], label[rows] > 0, w).auc for s in of_training]
            spreads.append(float(np.std(each, ddof=1)) if len(each) > 1 else float("nan"))
            curves.append(roc(of_training.mean(axis=0)[rows], label[rows] > 0, w))
        best = [max_sic(curve) for curve in curves]
        table["auc"].append(tuple(curve.auc for curve in curves))
        table["auc_error"].append(tuple(curve.auc_error for curve in curves))
        table["auc_spread"].append(tuple(spreads))
        table["max_sic"].append(tuple(float(b.value) for b in best))
        table["max_sic_error"].append(tuple(float(b.error) for b in best))
        sizes = (curves[0].n_background, tuple(curve.n_signal for curve in curves))
    trainings = ("all", *(f"without {n}" for n in names), *(f"only {n}" for n in names))
    values: dict[str, Any] = {key: tuple(rows) for key, rows in table.items()}
    return Transfer(names, trainings, n_background=sizes[0], n_signal=sizes[1], **values)
