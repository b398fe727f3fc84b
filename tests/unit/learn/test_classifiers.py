"""What every classifier must do, whatever it is made of."""

import math

import numpy as np
import pytest

from bycatch.errors import DataError
from bycatch.learn import CLASSIFIERS, load_classifier, make_classifier

FAST = {
    "network": {
        "hidden": (16, 16),
        "batch_size": 128,
        "min_epochs": 1,
        "max_epochs": 12,
        "patience": 3,
        "learning_rate": 0.01,
    },
}
# Two names of one class are tested once.
NAMES = tuple({target: name for name, target in CLASSIFIERS.items()}.values())


def make(name, members):
    return make_classifier(name, members, **FAST.get(name, {}))


def two_gaussians(n, seed, shift=1.0, features=3):
    """Return rows whose first feature is shifted by `shift` in class 1."""
    rng = np.random.default_rng(seed)
    y = (np.arange(n) % 2).astype(np.int8)
    X = rng.normal(size=(n, features))
    X[:, 0] += shift * y
    return X.astype(np.float32), y


def masks(n, members, seed=0):
    """Return masks of three fifths to train and one fifth to validate."""
    fold = np.random.default_rng(seed).integers(0, 5, n)
    train = np.stack([(fold != m % 5) & (fold != (m + 1) % 5) for m in range(members)])
    validate = np.stack([fold == (m + 1) % 5 for m in range(members)])
    return {"train": train, "validate": validate}


def auc(score, y):
    rank = np.empty(len(y))
    rank[np.argsort(score, kind="stable")] = np.arange(1, len(y) + 1)
    n1 = int((y == 1).sum())
    return (rank[y == 1].sum() - n1 * (n1 + 1) / 2) / (n1 * (len(y) - n1))


@pytest.fixture(scope="module", params=NAMES)
def fitted(request):
    X, y = two_gaussians(1500, 1)
    weight = np.random.default_rng(2).uniform(0.5, 1.5, len(y))
    ensemble = make(request.param, 3).fit(X, y, weight, **masks(len(y), 3), seed=4)
    return request.param, ensemble, X, y, weight


def test_shapes_types_and_range(fitted):
    _, ensemble, X, _, _ = fitted
    p = ensemble.predict(X[:100])
    assert p.shape == (3, 100)
    assert p.dtype == np.float32
    assert np.all((p > 0.0) & (p < 1.0))
    assert ensemble.predict(X[:0]).shape == (3, 0)


def test_members_can_be_chosen(fitted):
    _, ensemble, X, _, _ = fitted
    p = ensemble.predict(X)
    np.testing.assert_allclose(ensemble.predict(X, members=[2, 0]), p[[2, 0]], atol=1e-6)
    with pytest.raises(DataError, match="no member 3"):
        ensemble.predict(X, members=[3])


def test_histories(fitted):
    _, ensemble, _, _, _ = fitted
    assert len(ensemble.histories_) == 3
    for history in ensemble.histories_:
        assert len(history.train_loss) == len(history.validation_loss) > history.best >= 0
        # Better than guessing, which costs log 2.
        assert history.validation_loss[history.best] < math.log(2)


def test_same_seed_same_result_other_seed_other_result(fitted):
    name, ensemble, X, y, weight = fitted
    p = ensemble.predict(X)
    again = make(name, 3).fit(X, y, weight, **masks(len(y), 3), seed=4)
    np.testing.assert_array_equal(again.predict(X), p)
    other = make(name, 3).fit(X, y, weight, **masks(len(y), 3), seed=5)
    assert all((other.predict(X) != p).any(axis=1))


def test_members_with_the_same_rows_differ(fitted):
    name, _, X, y, weight = fitted
    same = {key: np.repeat(mask[:1], 2, axis=0) for key, mask in masks(len(y), 1).items()}
    p = make(name, 2).fit(X, y, weight, **same, seed=4).predict(X)
    assert (p[0] != p[1]).any()


def test_a_member_does_not_depend_on_how_many_there_are(fitted):
    name, ensemble, X, y, weight = fitted
    alone = make(name, 1).fit(X, y, weight, **masks(len(y), 1), seed=4)
    # In float32 the kernel may depend on the batch; test_ensemble.py shows 1e-12 in float64.
    np.testing.assert_allclose(alone.predict(X)[0], ensemble.predict(X)[0], atol=1e-4)


def test_common_factor_of_the_weights_has_no_influence(fitted):
    name, ensemble, X, y, weight = fitted
    # A power of two, so that not even rounding differs.
    scaled = make(name, 3).fit(X, y, 4.0 * weight, **masks(len(y), 3), seed=4)
    np.testing.assert_array_equal(scaled.predict(X), ensemble.predict(X))


def test_class_weights_are_balanced(fitted):
    name, ensemble, X, y, weight = fitted
    heavy = make(name, 3).fit(X, y, np.where(y == 1, 1 / 64, 1) * weight, **masks(1500, 3), seed=4)
    np.testing.assert_array_equal(heavy.predict(X), ensemble.predict(X))


def test_rows_outside_of_the_masks_have_no_influence(fitted):
    name, _, X, y, weight = fitted
    chosen = masks(len(y), 3)
    unused = np.flatnonzero(~(chosen["train"][0] | chosen["validate"][0]))
    assert len(unused) > 100
    flipped = y.copy()
    flipped[unused] = 1 - flipped[unused]
    other = make(name, 3).fit(X, flipped, 1 + weight * (y != flipped), **chosen, seed=4)
    plain = make(name, 3).fit(X, y, None, **chosen, seed=4)
    np.testing.assert_allclose(other.predict(X, [0]), plain.predict(X, [0]), atol=1e-4)


def test_save_and_load(fitted, tmp_path):
    _, ensemble, X, _, _ = fitted
    ensemble.save(tmp_path / "model")
    loaded = load_classifier(tmp_path / "model")
    assert type(loaded) is type(ensemble)
    assert loaded.histories_ == ensemble.histories_
    np.testing.assert_array_equal(loaded.predict(X), ensemble.predict(X))
    # Nothing on disk can run code.
    suffixes = {path.suffix for path in (tmp_path / "model").iterdir()}
    assert suffixes <= {".json", ".safetensors", ".txt"}


def test_nan_is_refused_and_counted(fitted):
    name, ensemble, X, y, _ = fitted
    bad = X.copy()
    bad[:2, 1] = np.nan
    bad[2, 2] = np.inf
    with pytest.raises(DataError, match=r"3 of 1500 rows .*2 in feature 1, 1 in feature 2"):
        make(name, 3).fit(bad, y, **masks(len(y), 3), seed=4)
    with pytest.raises(DataError, match="3 of 1500 rows"):
        ensemble.predict(bad)


def test_wrong_number_of_features_is_refused(fitted):
    _, ensemble, X, _, _ = fitted
    with pytest.raises(DataError, match=r"trained on 3 features.* given 2"):
        ensemble.predict(X[:, :2])


def test_input_that_cannot_serve_is_refused(fitted):
    name, _, X, y, weight = fitted
    chosen = masks(len(y), 3)
    empty = {**chosen, "train": chosen["train"] & (y == 1)}
    with pytest.raises(DataError, match="Class 0 of member 0 has 0 training rows"):
        make(name, 3).fit(X, y, **empty, seed=4)
    negative = np.where(y == 1, -1.0, 1.0)
    with pytest.raises(DataError, match=r"Class 1 of member 0 .* sum of weights of -"):
        make(name, 3).fit(X, y, negative, **chosen, seed=4)
    overlap = {"train": chosen["train"], "validate": chosen["train"]}
    with pytest.raises(DataError, match="masks must not overlap"):
        make(name, 3).fit(X, y, **overlap, seed=4)
    with pytest.raises(DataError, match="'train' must have the shape"):
        make(name, 2).fit(X, y, **chosen, seed=4)
    with pytest.raises(DataError, match="1 of 1500 weights are NaN"):
        make(name, 3).fit(X, y, np.where(np.arange(1500) == 7, np.nan, weight), **chosen, seed=4)
    with pytest.raises(DataError, match=r"Classes must be 0 .* and 1"):
        make(name, 3).fit(X, y + 1, **chosen, seed=4)
    with pytest.raises(DataError, match="not trained"):
        make(name, 3).predict(X)


@pytest.mark.parametrize("name", NAMES)
def test_constant_features_do_no_harm(name):
    X, y = two_gaussians(1000, 3)
    one = X.copy()
    one[:, 1] = 0.1
    p = make(name, 1).fit(one, y, **masks(1000, 1), seed=1).predict(one)
    assert auc(p[0], y) > 0.7
    nothing = np.full_like(X, 0.1)
    p = make(name, 1).fit(nothing, y, **masks(1000, 1), seed=1).predict(nothing)
    np.testing.assert_allclose(p, p[0, 0])
    assert abs(p[0, 0] - 0.5) < 0.1


@pytest.mark.parametrize("name", NAMES)
def test_negative_weights_take_events_away(name):
    """Half of class 1 is unshifted; negative-weight copies of it restore the shifted half."""
    X, y = two_gaussians(4000, 5)
    rng = np.random.default_rng(6)
    contamination = rng.normal(size=(1000, 3)).astype(np.float32)
    removal = rng.normal(size=(1000, 3)).astype(np.float32)
    X_all = np.concatenate([X, contamination, removal])
    y_all = np.concatenate([y, np.ones(2000, dtype=np.int8)])
    weight = np.concatenate([np.ones(5000), -np.ones(1000)])
    p = make(name, 5).fit(X_all, y_all, weight, **masks(6000, 5), seed=1).predict(X)
    pure = make(name, 5).fit(X, y, **masks(4000, 5), seed=1).predict(X)
    # The optimum is the same likelihood ratio, so the scores rank alike.
    assert auc(p.mean(axis=0), y) > auc(pure.mean(axis=0), y) - 0.03


@pytest.mark.parametrize("name", NAMES)
def test_separates_two_gaussians_nearly_as_well_as_possible(name):
    X, y = two_gaussians(4000, 7)
    X_test, y_test = two_gaussians(8000, 8)
    p = make(name, 5).fit(X, y, **masks(4000, 5), seed=1).predict(X_test).mean(axis=0)
    best = 0.5 * (1 + math.erf(0.5))  # Phi(1/sqrt 2): AUC of the likelihood ratio
    # Hanley and McNeil's error of an AUC from 4,000 events of each class.
    q1, q2 = best / (2 - best), 2 * best**2 / (1 + best)
    sd = math.sqrt((best * (1 - best) + 3999 * (q1 + q2 - 2 * best**2)) / 4000**2)
    assert best - 0.015 - 4 * sd < auc(p, y_test) < best + 4 * sd
