"""How well a cocktail finds a signal that it was never shown: the leave-one-out transfer matrix.

What to use when: before a cocktail is used, and whenever its mixture changes. Train on all signals
but one and test on each of them: the entry of the one that was left out is what the cocktail is
worth for a model that nobody thought of. Beside it stand the cocktail of all and the classifier
that knows that one signal only, the supervised reference: width against sensitivity.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from bycatch.errors import DataError
from bycatch.evaluate.roc import Roc, max_sic, roc

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Transfer:
    """What classifiers of different cocktails are worth for each signal.

    Attributes
    ----------
    signals : tuple of str
        Columns.
    trainings : tuple of str
        Rows: ``all``; ``without S`` and ``only S`` for each signal S.
    auc, auc_error : tuple of tuple of float
        Area under the curve on rows that no training saw, and its standard error.
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
    max_sic: tuple[tuple[float, ...], ...]
    max_sic_error: tuple[tuple[float, ...], ...]
    n_background: float
    n_signal: tuple[float, ...]

    @classmethod
    def from_json(cls, found: Mapping[str, Any]) -> Self:
        """Return what JSON kept; its None is NaN."""
        return cls(**{key: _from_plain(value) for key, value in found.items()})

    def row(self, training: str) -> dict[str, tuple[float, float]]:
        """Return area and error of each signal, for one training.

        Raises
        ------
        DataError
            Where there is no such training.
        """
        if training not in self.trainings:
            raise DataError(
                f"There is no training {training!r}; there are {', '.join(self.trainings)}."
            )
        at = self.trainings.index(training)
        pairs = zip(self.auc[at], self.auc_error[at], strict=True)
        return dict(zip(self.signals, pairs, strict=True))

    @property
    def left_out(self) -> dict[str, tuple[float, float]]:
        """Area and error of each signal where the cocktail was trained without it."""
        return {name: self.row(f"without {name}")[name] for name in self.signals}


def _from_plain(value: Any) -> Any:
    if isinstance(value, list):
        return tuple(map(_from_plain, value))
    return float("nan") if value is None else value


def transfer_sets(names: Sequence[str]) -> dict[str, frozenset[int]]:
    """Return the signals 1, 2, ... that each training of the matrix learns from, by its name.

    Parameters
    ----------
    names : sequence of str
        Of the signals.

    Raises
    ------
    DataError
        Where there are fewer than two signals, or a name stands twice.
    """
    every = frozenset(range(1, len(names) + 1))
    if len(names) < 2:
        raise DataError(
            f"There are {len(names)} signals, but one can only be left out of two or more."
        )
    if len(set(names)) < len(names):
        raise DataError(
            f"No name may stand twice in 'names'; it holds {', '.join(map(repr, names))}."
        )
    found = {"all": every}
    found |= {f"without {name}": every - {k} for k, name in enumerate(names, 1)}
    return found | {f"only {name}": frozenset({k}) for k, name in enumerate(names, 1)}


def transfer_matrix(
    scores_of: Callable[[NDArray[np.bool_]], Floats],
    learned: NDArray[np.integer],
    tested: NDArray[np.integer],
    weight: Floats | None = None,
    *,
    names: Sequence[str],
) -> Transfer:
    """Train on all signals but one and test on each, for all of them in one pass.

    Parameters
    ----------
    scores_of : callable
        From the rows that each training may learn from, of shape (n_trainings, n_learned), to its
        scores of the tested rows, of shape (n_trainings, n_tested).
    learned, tested : ndarray of int
        0 for background, k for signal k; of rows to learn from and, apart from them, of rows to
        test with.
    weight : ndarray of shape (n_tested,), optional
        Signed weights.
    names : sequence of str
        Of the signals 1, 2, ...

    Returns
    -------
    Transfer

    Raises
    ------
    DataError
        Where there are fewer than two signals, or the rows cannot serve.
    """
    sets = transfer_sets(names)
    # of two signals 'without' one is 'only' the other: no set is trained twice
    distinct = list(dict.fromkeys(sets.values()))
    scores = scores_of(np.stack([np.isin(learned, [0, *kept]) for kept in distinct]))
    found: dict[str, list[tuple[float, ...]]] = {
        key: [] for key in ("auc", "auc_error", "max_sic", "max_sic_error")
    }
    for kept in sets.values():
        score = scores[distinct.index(kept)]
        curves = [_curve(score, tested, weight, k) for k in range(1, len(names) + 1)]
        best = [max_sic(curve) for curve in curves]
        found["auc"].append(tuple(curve.auc for curve in curves))
        found["auc_error"].append(tuple(curve.auc_error for curve in curves))
        found["max_sic"].append(tuple(float(b.value) for b in best))
        found["max_sic_error"].append(tuple(float(b.error) for b in best))
    table: dict[str, Any] = {key: tuple(rows) for key, rows in found.items()}
    return Transfer(
        signals=tuple(names),
        trainings=tuple(sets),
        n_background=curves[0].n_background,
        n_signal=tuple(curve.n_signal for curve in curves),
        **table,
    )


def _curve(score: Floats, label: NDArray[np.integer], weight: Floats | None, k: int) -> Roc:
    rows = (label == 0) | (label == k)
    return roc(score[rows], label[rows] > 0, None if weight is None else weight[rows])
