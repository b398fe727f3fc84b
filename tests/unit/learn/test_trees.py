"""What holds for the weights of boosted trees, and their early stopping."""

import numpy as np
import pytest

from bycatch.learn.classifiers.hgb import HistGradientBoostingEnsemble
from bycatch.learn.classifiers.trees import LightGBMEnsemble

ENGINES = {
    "lightgbm": (LightGBMEnsemble, {"row_fraction": 1.0}),
    "hgb": (HistGradientBoostingEnsemble, {"feature_fraction": 1.0}),
}


@pytest.fixture(params=ENGINES)
def engine(request):
    """Return a function that makes an engine without random parts."""
    kind, fixed = ENGINES[request.param]
    return lambda **options: kind(1, **{**fixed, **options})


@pytest.fixture(scope="module")
def rows():
    rng = np.random.default_rng(1)
    y = (np.arange(1200) % 2).astype(np.int8)
    X = rng.normal(size=(1200, 2)) + 0.8 * y[:, None]
    return X.astype(np.float32), y, rng.uniform(0.5, 1.5, 1200)


def split(n, extra=0):
    """Every third row validates; `extra` rows at the end train."""
    validate = np.concatenate([np.arange(n) % 3 == 0, np.zeros(extra, dtype=bool)])[None]
    return {"train": ~validate, "validate": validate}


def test_order_of_rows_has_no_influence_without_sampling(engine, rows):
    X, y, weight = rows
    order = np.random.default_rng(2).permutation(len(y))
    masks = split(len(y))
    p = engine().fit(X, y, weight, **masks, seed=1).predict(X)
    masks = {name: mask[:, order] for name, mask in masks.items()}
    q = engine().fit(X[order], y[order], weight[order], **masks, seed=1).predict(X)
    np.testing.assert_allclose(q, p, atol=1e-5)


def repeated(rows, sign):
    """Return training rows of which 300 are there twice, and the same with other weights."""
    X, y, weight = rows
    X = np.round(2 * X) / 2  # fewer distinct values than bins, so that bins do not depend on rows
    twice = np.flatnonzero(split(len(y))["train"][0])[:300]
    more = (
        np.concatenate([X, X[twice]]),
        np.concatenate([y, y[twice]]),
        np.concatenate([weight, sign * weight[twice]]),
    )
    changed = weight.copy()
    changed[twice] *= 1 + sign
    return (X, y, changed), more, len(twice)


def fit_both(engine, rows, sign, **options):
    """Return predictions after training with weights and with repeated rows."""
    weighted, copied, extra = repeated(rows, sign)
    n = len(weighted[1])
    options = {"max_trees": 15, "patience": 15, **options}
    p = engine(**options).fit(*weighted, **split(n), seed=1).predict(weighted[0])
    q = engine(**options).fit(*copied, **split(n, extra), seed=1).predict(weighted[0])
    return p, q


def test_weight_two_equals_two_events_only_without_row_counts(engine, rows):
    p, q = fit_both(engine, rows, 1, min_rows_per_leaf=1, leaves=8)
    np.testing.assert_allclose(q, p, atol=1e-4)
    # Leaves count rows, so in general it does not hold.
    p, q = fit_both(engine, rows, 1, min_rows_per_leaf=60)
    assert np.abs(q - p).max() > 1e-3


def test_negative_weights_cancel_where_rows_are_not_counted(engine, rows):
    p, q = fit_both(engine, rows, -1, min_rows_per_leaf=1, leaves=8)
    np.testing.assert_allclose(q, p, atol=1e-4)


def test_minimum_number_of_trees(engine, rows):
    X, _, _ = rows
    noise = (np.random.default_rng(3).random(len(X)) < 0.5).astype(np.int8)
    ensemble = engine(min_trees=25, patience=3, min_rows_per_leaf=5)
    history = ensemble.fit(X, noise, **split(len(X)), seed=1).histories_[0]
    assert history.best >= 24
    # The labels are noise, so the validation loss alone would keep fewer trees.
    assert int(np.argmin(history.validation_loss)) < 24


def test_early_stopping_keeps_the_best_tree(engine, rows):
    X, y, weight = rows
    ensemble = engine(max_trees=200, patience=12, min_trees=5, learning_rate=0.3)
    history = ensemble.fit(X, y, weight, **split(len(y)), seed=1).histories_[0]
    assert len(history.train_loss) < 60
    assert history.best == 4 + int(np.argmin(history.validation_loss[4:]))
    masks = split(len(y))
    short = engine(max_trees=history.best + 1, min_trees=5, learning_rate=0.3)
    short.fit(X, y, weight, **masks, seed=1)
    np.testing.assert_allclose(short.predict(X), ensemble.predict(X), atol=1e-6)


def test_losses_are_the_balanced_cross_entropy(engine, rows):
    X, y, weight = rows
    masks = split(len(y))
    ensemble = engine().fit(X, y, weight, **masks, seed=1)
    p = ensemble.predict(X)[0].astype(np.float64)
    history = ensemble.histories_[0]
    for name, losses in (("train", history.train_loss), ("validate", history.validation_loss)):
        mean = 0.0
        for label, chance in ((0, 1 - p), (1, p)):
            use = masks[name][0] & (y == label)
            mean -= 0.5 * np.average(np.log(chance[use]), weights=weight[use])
        assert losses[history.best] == pytest.approx(mean, rel=1e-5)


def test_no_leaf_can_be_split(engine, rows):
    X, y, _ = rows
    ensemble = engine(min_rows_per_leaf=10_000).fit(X, y, **split(len(y)), seed=1)
    np.testing.assert_allclose(ensemble.predict(X), 0.5, atol=1e-6)
    assert len(ensemble.histories_[0].validation_loss) >= 1
