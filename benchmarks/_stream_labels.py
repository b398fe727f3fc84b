"""What labels give on the lepton stream: classifiers of one benchmark against the background.

Each event is judged by a member that did not train on it. A classifier of all events spends its
training where events are: of the weight behind 30 events a day it sees 5e-6. `in_front` therefore
trains a network among the events that boosted trees put in front, with the weights of both classes
made equal there, which is what a cut that far out asks for.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from bycatch.learn import make_classifier, make_tagger
from bycatch.tasks.random import stream

__all__ = ["LABELS", "NETWORK"]

FOLDS = 5
INSIDE = 3e-3
"""Fraction of the background that the network in front is about: 20,000 events a day."""
NETWORK = {"steps": 3000, "rounds": 15, "batch_size": 1024}
"""Options of the networks."""


def _out_of_fold(
    classifier: Any, X: np.ndarray, signal: np.ndarray, weight: np.ndarray
) -> np.ndarray:
    """Return log p/(1-p) of each event, from the member that did not train on its fold."""
    fold = stream(5, "folds").integers(FOLDS, size=len(X))
    judge = stream(5, "judge").random(len(X)) < 0.2
    others = fold != np.arange(FOLDS)[:, None]
    y = signal.astype(np.int8)
    classifier.fit(X, y, weight, train=others & ~judge, validate=others & judge, seed=5)
    p = classifier.predict(X)[fold, np.arange(len(X))].astype(np.float64)
    p = p.clip(1e-7, 1.0 - 1e-7)
    return np.asarray(np.log(p / (1.0 - p)))


def trees(X: np.ndarray, signal: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Return log p/(1-p) of boosted trees."""
    return _out_of_fold(make_classifier("trees", FOLDS), X, signal, weight)


def network(X: np.ndarray, signal: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Return log p/(1-p) of a dense network."""
    return _out_of_fold(make_tagger("mlp", FOLDS, **NETWORK), X, signal, weight)


def in_front(X: np.ndarray, signal: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Return that of a network in front, and of boosted trees, lowered, behind it."""
    first = trees(X, signal, weight)
    order = np.argsort(-first[~signal])
    share = np.cumsum(weight[~signal][order]) / weight[~signal].sum()
    inside = first > first[~signal][order][np.searchsorted(share, INSIDE)]
    w, y = weight[inside].copy(), signal[inside]
    w[~y] *= w[y].sum() / w[~y].sum()
    score = first - 1e3
    score[inside] = network(X[inside], y, w / w.mean())
    return score


LABELS: dict[str, Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]] = {
    "supervised": network,
    "supervised-trees": trees,
    "supervised-tail": in_front,
}
"""Of features, truth and weights."""
