"""What labels give on the lepton stream: classifiers of one benchmark against the background.

Each event is judged by a member that did not train on it. A classifier of all events spends its
training where events are: of the weight behind 30 events a day it sees 5e-6. `tail_score` therefore
trains a second one among the events that the first puts in front, with the weights of both classes
made equal there, which is what a cut that far out asks for.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from bycatch.learn import make_classifier, make_tagger
from bycatch.tasks.random import stream

__all__ = ["FOLDS", "INSIDE", "out_of_fold", "tail_score"]

FOLDS = 5
INSIDE = 3e-3
"""Fraction of the background that the second classifier is about: 20,000 events a day."""


def out_of_fold(
    X: np.ndarray, signal: np.ndarray, weight: np.ndarray, options: dict[str, Any]
) -> np.ndarray:
    """Return log p/(1-p) of each event, from the member that did not train on its fold.

    Without options the classifiers are boosted trees, with options dense networks.
    """
    fold = stream(5, "folds").integers(FOLDS, size=len(X))
    judge = stream(5, "judge").random(len(X)) < 0.2
    others = fold != np.arange(FOLDS)[:, None]
    tagger = make_tagger("mlp", FOLDS, **options) if options else make_classifier("trees", FOLDS)
    y = signal.astype(np.int8)
    tagger.fit(X, y, weight, train=others & ~judge, validate=others & judge, seed=5)
    p = tagger.predict(X)[fold, np.arange(len(X))].astype(np.float64).clip(1e-7, 1.0 - 1e-7)
    return np.asarray(np.log(p / (1.0 - p)))


def tail_score(
    X: np.ndarray, signal: np.ndarray, weight: np.ndarray, options: dict[str, Any]
) -> np.ndarray:
    """Return the same of a second classifier in front, and of boosted trees behind it, lowered."""
    first = out_of_fold(X, signal, weight, {})
    order = np.argsort(-first[~signal])
    share = np.cumsum(weight[~signal][order]) / weight[~signal].sum()
    inside = first > first[~signal][order][np.searchsorted(share, INSIDE)]
    w, y = weight[inside].copy(), signal[inside]
    w[~y] *= w[y].sum() / w[~y].sum()
    score = first - 1e3
    score[inside] = out_of_fold(X[inside], y, w / w.mean(), options)
    return score
