"""What every tagger must do, whatever it eats."""

import math

import numpy as np
import pytest
import torch

from bycatch.errors import ConfigError, DataError, InputError
from bycatch.learn import TAGGERS, load_classifier, load_tagger, make_tagger, tagger_options
from bycatch.learn.members import labelled_rows
from bycatch.learn.neural import Learning
from bycatch.learn.trainer import Batch
from bycatch.tasks.random import stream

SMALL = {"steps": 24, "rounds": 4, "patience": 2, "batch_size": 32, "learning_rate": 5e-3}
OPTIONS = {
    "cnn": {"channels": (4, 4), "hidden": (8,), "power": 1.0},
    "deep_sets": {"per_constituent": (8, 8), "per_jet": (8,), "learning_rate": 0.02},
    "transformer": {
        "width": 8,
        "heads": 2,
        "blocks": 1,
        "hidden": 8,
        "pairs": (0, 1, 2),
        "pair_hidden": 16,
    },
    "mlp": {"hidden": (16, 16)},
}
NAMES = tuple(TAGGERS)
EXACT = {"dtype": "float64"}


def make(name, members=1, **options):
    return make_tagger(name, members, **{**SMALL, **OPTIONS[name], **options})


def toy(name, n, seed):
    """Return inputs in which class 1 has larger numbers; some jets are empty."""
    rng = np.random.default_rng(seed)
    y = (np.arange(n) % 2).astype(np.int8)
    if name == "mlp":
        return (rng.normal(size=(n, 3)) + y[:, None]).astype(np.float32), None, y
    if name == "cnn":
        X = rng.exponential(size=(n, 12, 10)) * (rng.random((n, 12, 10)) < 0.2)
        X[:, 3:6, 2:5] += y[:, None, None]
        X[:2] = 0.0
        return X.astype(np.float32), None, y
    X = rng.normal(size=(n, 7, 4))
    X[..., 3] += 1.2 * y[:, None]
    mask = np.arange(7) < rng.integers(1, 8, n)[:, None]
    mask[:2] = False
    return X.astype(np.float32), mask, y


def masks(n, members, seed=0):
    fold = np.random.default_rng(seed).integers(0, 5, n)
    train = np.stack([(fold != m % 5) & (fold != (m + 1) % 5) for m in range(members)])
    validate = np.stack([fold == (m + 1) % 5 for m in range(members)])
    return {"train": train, "validate": validate}


@pytest.fixture(scope="module", params=NAMES)
def fitted(request):
    X, mask, y = toy(request.param, 300, 1)
    weight = np.random.default_rng(2).uniform(0.5, 1.5, len(y))
    tagger = make(request.param, 3).fit(X, y, weight, mask, **masks(len(y), 3), seed=4)
    return request.param, tagger, X, mask, y, weight


def test_shapes_types_and_range(fitted):
    _, tagger, X, mask, _, _ = fitted
    p = tagger.predict(X, mask)
    assert p.shape == (3, 300)
    assert p.dtype == np.float32
    assert np.all((p > 0.0) & (p < 1.0))
    assert tagger.predict(X[:0], None if mask is None else mask[:0]).shape == (3, 0)
    np.testing.assert_allclose(tagger.predict(X, mask, members=[2, 0]), p[[2, 0]], atol=1e-6)
    with pytest.raises(DataError, match="no member 3"):
        tagger.predict(X, mask, members=[3])


def test_learns_the_difference(fitted):
    name, tagger, *_ = fitted
    X, mask, y = toy(name, 400, 9)
    p = tagger.predict(X, mask).mean(axis=0)
    pairs = p[y == 1][:, None] - p[y == 0]
    # A useless score gives 0.5 with a standard deviation of 1 / sqrt(3 * 400) = 0.03.
    assert (pairs > 0).mean() > 0.5 + 5 * 0.03
    for history in tagger.histories_:
        assert len(history.train_loss) == len(history.validation_loss) > history.best >= 0
        assert history.validation_loss[history.best] < math.log(2)


def test_counts_its_parameters(fitted):
    name, tagger, *_ = fitted
    expected = {
        # 4x4x1x4 + 4, 3x3x4x4 + 4; then 12x10 -> 6x5 -> 3x2 pixels of 4 channels.
        "cnn": 68 + 148 + 24 * 8 + 8 + 9,
        "deep_sets": (4 * 8 + 8) + (8 * 8 + 8) + (8 * 8 + 8) + 9,
        # Embedding, pairs, one block, class block and its token, logit.
        "transformer": (40 + 72) + (80 + 34) + 2 * (4 * 72 + 2 * 72) + 8 + 9,
        "mlp": (3 * 16 + 16) + (16 * 16 + 16) + 17,
    }[name]
    assert tagger.n_parameters_ == expected
    assert make(name).n_parameters_ == 0


def test_same_seed_same_result_other_seed_other_result(fitted):
    name, tagger, X, mask, y, weight = fitted
    p = tagger.predict(X, mask)
    again = make(name, 3).fit(X, y, weight, mask, **masks(len(y), 3), seed=4)
    np.testing.assert_array_equal(again.predict(X, mask), p)
    other = make(name, 3).fit(X, y, weight, mask, **masks(len(y), 3), seed=5)
    assert all((other.predict(X, mask) != p).any(axis=1))


def test_members_equal_the_same_members_trained_alone(fitted, monkeypatch):
    name, _, X, mask, y, weight = fitted
    # Members have different numbers of rows, and may stop at different times.
    rng = np.random.default_rng(3)
    u = rng.random((3, len(y)))
    train, validate = u < np.array([[0.3], [0.5], [0.7]]), u > 0.8
    options = {**EXACT, "rounds": 12, "patience": 1, "learning_rate": 0.05}
    together = make(name, 3, **options)
    together.fit(X, y, weight, mask, train=train, validate=validate, seed=3)
    for m in range(3):
        monkeypatch.setattr(
            "bycatch.learn.neural.stream", lambda seed, word, _, m=m: stream(seed, word, m)
        )
        alone = make(name, 1, **options)
        alone.fit(X, y, weight, mask, train=train[m : m + 1], validate=validate[m : m + 1], seed=3)
        for key, value in alone.parameters_.items():
            np.testing.assert_allclose(value[0], together.parameters_[key][m], rtol=0, atol=1e-10)
        np.testing.assert_allclose(
            alone.histories_[0].validation_loss, together.histories_[m].validation_loss, atol=1e-10
        )
        assert alone.histories_[0].best == together.histories_[m].best


def loss_and_gradients(name, X, mask, y, weight):
    """Mean balanced loss over all rows at fixed parameters and a fixed scale, and gradients."""
    n = len(y)
    validation = toy(name, 4, 8)
    everything = np.arange(n + 4)[None] < n
    _, rows = labelled_rows(
        n + 4,
        np.concatenate([y, validation[2]]),
        np.concatenate([weight, np.ones(4)]),
        everything,
        ~everything,
        1,
    )
    tagger = make(name, 1, **EXACT)
    weights = tagger._initial(X.shape[1:], [np.random.default_rng(4)])
    weights = {key: value.requires_grad_() for key, value in weights.items()}
    scaling = {k: torch.from_numpy(v) for k, v in tagger._unit_scaling(X.shape[1:]).items()}
    columns = {"x": X.astype(np.float64), "y": y}
    if mask is not None:
        columns["mask"] = mask
    batch = Batch(
        {key: torch.from_numpy(value)[None] for key, value in columns.items()},
        torch.from_numpy(rows[0].train_weight)[None],
    )
    loss = Learning(tagger, [0]).loss({**weights, **scaling}, batch)[0] / n
    loss.backward()
    return loss.item(), [value.grad.numpy() for value in weights.values()]


@pytest.mark.parametrize("name", NAMES)
def test_weight_two_equals_two_events_and_a_negative_one_takes_one_away(name):
    X, mask, y = toy(name, 60, 5)
    weight = np.random.default_rng(6).uniform(0.5, 2.0, 60)

    def repeated(rows, factors):
        chosen = None if mask is None else mask[rows]
        return loss_and_gradients(name, X[rows], chosen, y[rows], weight[rows] * factors)

    every, some = np.arange(60), np.arange(20)
    rest = np.setdiff1d(every, some)
    pairs = [
        (repeated(every, 1.0 + (every < 20)), repeated(np.append(every, some), 1.0)),
        (
            repeated(rest, 1.0),
            repeated(np.append(every, some), np.append(np.ones(60), -np.ones(20))),
        ),
    ]
    for first, second in pairs:
        assert first[0] == pytest.approx(second[0], rel=1e-12)
        for a, b in zip(first[1], second[1], strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-13)


def test_scale_of_weights_and_rows_outside_of_the_masks_have_no_influence(fitted):
    name, tagger, X, mask, y, weight = fitted
    chosen = masks(len(y), 3)
    scaled = make(name, 3).fit(X, y, 4.0 * weight, mask, **chosen, seed=4)
    np.testing.assert_array_equal(scaled.predict(X, mask), tagger.predict(X, mask))
    unused = ~(chosen["train"] | chosen["validate"]).any(axis=0)
    unused |= ~(chosen["train"][0] | chosen["validate"][0])
    other = X.copy()
    other[unused] *= -1.0
    alone = {key: value[:1] for key, value in chosen.items()}
    first = make(name).fit(X, y, weight, mask, **alone, seed=4)
    second = make(name).fit(other, np.where(unused, 1 - y, y), weight, mask, **alone, seed=4)
    np.testing.assert_allclose(second.predict(X, mask), first.predict(X, mask), atol=1e-4)


def test_save_and_load(fitted, tmp_path):
    name, tagger, X, mask, _, _ = fitted
    tagger.save(tmp_path / "model")
    loaded = load_tagger(tmp_path / "model")
    assert type(loaded) is type(tagger)
    assert loaded.histories_ == tagger.histories_
    assert loaded.n_parameters_ == tagger.n_parameters_
    np.testing.assert_array_equal(loaded.predict(X, mask), tagger.predict(X, mask))
    assert {path.suffix for path in (tmp_path / "model").iterdir()} == {".json", ".safetensors"}
    with pytest.raises(ConfigError, match=f"no classifier '{name}'"):
        load_classifier(tmp_path / "model")
    index = tmp_path / "model" / "checkpoint.json"
    text = index.read_text()
    index.write_text(text.replace('"members": 3', '"members": 2'))
    with pytest.raises(InputError, match="do not have the shapes of its options"):
        load_tagger(tmp_path / "model")
    index.write_text(text.replace('"shape": [', '"shape": [5, '))
    with pytest.raises(InputError, match="its inputs have the axes"):
        load_tagger(tmp_path / "model")


def test_nan_is_refused_by_name_and_counted(fitted):
    name, tagger, X, mask, y, _ = fitted
    bad = X.copy()
    here = (slice(2, 4), 0) if mask is not None else slice(2, 4)
    bad[here][..., 1] = np.nan
    expected = {
        "cnn": r"2 of 300 rows have pixels .*2 in pixel \(0, 1\)",
        "mlp": r"2 of 300 rows have features .*\(2 in feature 1\)",
    }.get(name, r"2 of 300 rows have features .*\(2 in feature 1\)")
    with pytest.raises(DataError, match=expected):
        make(name, 3).fit(bad, y, None, mask, **masks(len(y), 3), seed=4)
    with pytest.raises(DataError, match="2 of 300 rows"):
        tagger.predict(bad, mask)


def test_inputs_that_cannot_serve_are_refused(fitted):
    name, tagger, X, mask, y, weight = fitted
    chosen = masks(len(y), 3)
    with pytest.raises(DataError, match=r"must have the shape \(n_rows, "):
        tagger.predict(X[0])
    with pytest.raises(DataError, match="trained on"):
        tagger.predict(X[..., :-1], mask)
    with pytest.raises(DataError, match="'mask'"):
        tagger.predict(X, np.ones((3, 3), dtype=bool))
    with pytest.raises(DataError, match="not trained"):
        make(name).predict(X, mask)
    with pytest.raises(DataError, match="1 of 300 weights are NaN"):
        spoiled = np.where(np.arange(300) == 7, np.nan, weight)
        make(name, 3).fit(X, y, spoiled, mask, **chosen, seed=4)
    with pytest.raises(DataError, match="Class 0 of member 0 has 0 training rows"):
        empty = {**chosen, "train": chosen["train"] & (y == 1)}
        make(name, 3).fit(X, y, None, mask, **empty, seed=4)
    with pytest.raises(DataError, match="'y' must have the shape"):
        make(name, 3).fit(X, y[:-1], None, mask, **chosen, seed=4)


def test_stored_types_are_read_without_a_copy(fitted, tmp_path):
    """A memory map of half precision, read-only, gives what its numbers in float32 give."""
    name, tagger, X, mask, y, _ = fitted
    np.save(tmp_path / "x.npy", X.astype(np.float16))
    stored = np.load(tmp_path / "x.npy", mmap_mode="r")
    np.testing.assert_array_equal(
        tagger.predict(stored, mask), tagger.predict(stored.astype(np.float32), mask)
    )
    chosen = {key: value[:1] for key, value in masks(len(y), 3).items()}
    first = make(name).fit(stored, y, None, mask, **chosen, seed=1)
    second = make(name).fit(stored.astype(np.float32), y, None, mask, **chosen, seed=1)
    np.testing.assert_array_equal(first.predict(X, mask), second.predict(X, mask))
    whole = np.round(np.clip(X, 0, 3) * 50).astype(np.uint8)
    assert np.isfinite(make(name).fit(whole, y, None, mask, **chosen, seed=1).predict(whole)).all()


def test_torch_is_left_as_it_was(fitted):
    name, _, X, mask, y, _ = fitted
    state, threads = torch.get_rng_state(), torch.get_num_threads()
    chosen = {key: value[:1] for key, value in masks(len(y), 3).items()}
    make(name, steps=2, rounds=1).fit(X, y, None, mask, **chosen, seed=1).predict(X, mask)
    assert torch.get_num_threads() == threads
    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.parametrize("name", NAMES)
def test_constant_inputs_do_no_harm(name):
    X, mask, y = toy(name, 200, 3)
    nothing = np.full_like(X, 0.1)
    if mask is not None:
        mask[:] = True
    chosen = {key: value[:1] for key, value in masks(200, 3).items()}
    p = make(name, learning_rate=1e-3).fit(nothing, y, None, mask, **chosen, seed=1)
    p = p.predict(nothing, mask)
    np.testing.assert_allclose(p, p[0, 0], atol=1e-6)
    assert abs(p[0, 0] - 0.5) < 0.1


@pytest.mark.parametrize("name", NAMES)
def test_registry(name):
    tagger = make_tagger(name)
    for option, default in tagger_options(name).items():
        assert getattr(make_tagger(name, 2, **{option: default}), option) == default
    from bycatch.represent import REPRESENTATIONS

    assert tagger.representation in REPRESENTATIONS
    assert tagger.kind == name
    for option, value in {"steps": 0, "rounds": 10**9, "dtype": "float16", "device": "tpu"}.items():
        with pytest.raises(ConfigError, match=f"'{option}' is"):
            make_tagger(name, **{option: value})
    with pytest.raises(ConfigError, match="no option 'step'"):
        make_tagger(name, step=3)


@pytest.mark.parametrize(
    ("name", "option", "value"),
    [
        ("cnn", "channels", ()),
        ("cnn", "power", 0.0),
        ("deep_sets", "per_constituent", ()),
        ("deep_sets", "per_jet", (0,)),
        ("transformer", "heads", 0),
        ("transformer", "width", 30),
        ("transformer", "pairs", (0, 0, 1)),
        ("transformer", "pairs", (0, 1)),
        ("mlp", "hidden", (8, 0)),
    ],
)
def test_senseless_values_are_refused(name, option, value):
    with pytest.raises(ConfigError, match=f"'{option}' is"):
        make_tagger(name, **{option: value})


def test_unknown_tagger_names_the_nearest():
    with pytest.raises(ConfigError, match=r"no tagger 'deepsets'.*'deep_sets'"):
        make_tagger("deepsets")
