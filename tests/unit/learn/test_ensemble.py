import json

import numpy as np
import pytest
import torch

from bycatch.errors import FitError
from bycatch.learn.callbacks import JsonLog, ProgressReport
from bycatch.learn.classifiers.network import NetworkEnsemble
from bycatch.learn.members import member_rows
from bycatch.learn.nets.mlp import draw_weights
from bycatch.learn.neural import Learning
from bycatch.learn.trainer import Batch
from bycatch.tasks.random import stream

EXACT = {"hidden": (8, 8), "dtype": "float64", "learning_rate": 0.01, "min_epochs": 1}


@pytest.fixture(scope="module")
def problem():
    """Rows, signed weights and masks of different sizes for seven members."""
    rng = np.random.default_rng(1)
    n, members = 700, 7
    y = (np.arange(n) % 2).astype(np.int8)
    X = rng.normal(size=(n, 3)) + 0.7 * y[:, None]
    weight = rng.uniform(0.5, 2.0, n) * np.where(rng.random(n) < 0.05, -1, 1)
    share = np.linspace(0.2, 0.7, members)[:, None]
    u = rng.random((members, n))
    return X.astype(np.float32), y, weight, u < share, u > 0.8


def test_each_member_equals_the_same_member_trained_alone(problem, monkeypatch):
    """Members have different numbers of rows and stop at different epochs."""
    X, y, weight, train, validate = problem
    options = {**EXACT, "batch_size": 64, "max_epochs": 15, "patience": 2}
    together = NetworkEnsemble(7, **options)
    together.fit(X, y, weight, train=train, validate=validate, seed=3)
    epochs = {len(history.train_loss) for history in together.histories_}
    assert len(epochs) > 2, "the members must stop at different epochs for this test to bite"
    p = together.predict(X)
    for m in range(7):
        # Member m draws from the stream (seed, "member", m): name it so although it is alone.
        monkeypatch.setattr(
            "bycatch.learn.neural.stream",
            lambda seed, word, _, m=m: stream(seed, word, m),
        )
        alone = NetworkEnsemble(1, **options)
        alone.fit(X, y, weight, train=train[m : m + 1], validate=validate[m : m + 1], seed=3)
        for name, value in alone.parameters_.items():
            np.testing.assert_allclose(value[0], together.parameters_[name][m], rtol=0, atol=1e-12)
        np.testing.assert_allclose(alone.predict(X)[0], p[m], rtol=0, atol=1e-7)  # float32
        assert alone.histories_[0].best == together.histories_[m].best
        np.testing.assert_allclose(
            alone.histories_[0].validation_loss, together.histories_[m].validation_loss, atol=1e-12
        )


def test_the_best_state_is_kept(problem):
    """Train up to the best epoch only: the same state must come out."""
    X, y, weight, train, validate = problem
    masks = {"train": train[3:4], "validate": validate[3:4], "seed": 3}
    options = {**EXACT, "learning_rate": 0.03, "batch_size": 32, "patience": 4}
    stopped = NetworkEnsemble(1, max_epochs=60, **options).fit(X, y, weight, **masks)
    history = stopped.histories_[0]
    assert len(history.train_loss) == history.best + 1 + 4
    assert history.best == int(np.argmin(history.validation_loss))
    short = NetworkEnsemble(1, max_epochs=history.best + 1, **options).fit(X, y, weight, **masks)
    np.testing.assert_array_equal(short.predict(X), stopped.predict(X))


def test_no_state_is_kept_before_the_minimum_of_epochs(problem):
    X, y, _, train, validate = problem
    noise = (np.random.default_rng(7).random(len(y)) < 0.5).astype(np.int8)
    options = {**EXACT, "batch_size": 32, "min_epochs": 8, "max_epochs": 40, "patience": 3}
    ensemble = NetworkEnsemble(3, **options)
    ensemble.fit(X, noise, train=train[2:5], validate=validate[2:5], seed=3)
    early = 0
    for history in ensemble.histories_:
        losses = history.validation_loss
        assert history.best == 7 + int(np.argmin(losses[7:]))
        assert len(losses) == history.best + 1 + 3
        early += int(np.argmin(losses)) < 7
    assert early > 0, "the loss itself must prefer an earlier epoch for this test to bite"


def loss_and_gradients(X, y, weight):
    """Mean balanced loss over all rows at fixed parameters, and its gradients."""
    everything = np.ones((1, len(y)), dtype=bool)
    rng = np.random.default_rng(9)
    check = (rng.normal(size=(2, X.shape[1])), np.array([0, 1]))  # one validation row per class
    X, y, rows = member_rows(
        np.concatenate([X, check[0]]),
        np.concatenate([y, check[1]]),
        np.concatenate([weight, np.ones(2)]),
        np.pad(everything, ((0, 0), (0, 2))),
        np.pad(~everything, ((0, 0), (0, 2)), constant_values=True),
        1,
    )
    use = rows[0].train
    parameters = draw_weights((X.shape[1], 8, 8, 1), [np.random.default_rng(4)], torch.float64)
    parameters = {name: value.requires_grad_() for name, value in parameters.items()}
    fixed = {"shift": torch.zeros(1, 1, X.shape[1]), "scale": torch.ones(1, 1, X.shape[1])}
    columns = {
        "x": torch.from_numpy(X[use]).double()[None],
        "y": torch.tensor(y[use]).double()[None],
    }
    batch = Batch(columns, torch.from_numpy(rows[0].train_weight)[None])
    loss = Learning(NetworkEnsemble(dtype="float64"), [0]).loss({**parameters, **fixed}, batch)[
        0
    ] / len(use)
    loss.backward()
    return loss.item(), [value.grad.numpy() for value in parameters.values()]


def assert_same(first, second):
    assert first[0] == pytest.approx(second[0], rel=1e-13)
    for a, b in zip(first[1], second[1], strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-11, atol=1e-14)


def test_weight_two_equals_two_events(problem):
    X, y, weight, _, _ = problem
    twice = np.arange(len(y)) < 200
    assert_same(
        loss_and_gradients(X, y, np.where(twice, 2.0, 1.0) * weight),
        loss_and_gradients(
            np.concatenate([X, X[twice]]),
            np.concatenate([y, y[twice]]),
            np.concatenate([weight, weight[twice]]),
        ),
    )


def test_a_negative_weight_takes_an_event_away(problem):
    X, y, weight, _, _ = problem
    assert_same(
        loss_and_gradients(X[100:], y[100:], weight[100:]),
        loss_and_gradients(
            np.concatenate([X, X[:100]]),
            np.concatenate([y, y[:100]]),
            np.concatenate([weight, -weight[:100]]),
        ),
    )


def test_training_with_whole_batches_ignores_the_order_of_rows(problem):
    X, y, weight, train, validate = problem
    order = np.random.default_rng(5).permutation(len(y))
    options = {**EXACT, "max_epochs": 10, "batch_size": int(train[0].sum())}
    first = NetworkEnsemble(1, **options)
    first.fit(X, y, weight, train=train[:1], validate=validate[:1], seed=1)
    second = NetworkEnsemble(1, **options)
    second.fit(
        X[order], y[order], weight[order],
        train=train[:1, order], validate=validate[:1, order], seed=1,
    )  # fmt: skip
    np.testing.assert_allclose(second.predict(X), first.predict(X), atol=1e-6)


def test_torch_is_left_as_it_was(problem):
    X, y, weight, train, validate = problem
    state, threads = torch.get_rng_state(), torch.get_num_threads()
    torch.set_num_threads(3)
    try:
        ensemble = NetworkEnsemble(2, hidden=(4,), max_epochs=1)
        ensemble.fit(X, y, weight, train=train[:2], validate=validate[:2], seed=1).predict(X)
        assert torch.get_num_threads() == 3
        assert torch.equal(torch.get_rng_state(), state)
    finally:
        torch.set_num_threads(threads)


def test_global_random_numbers_have_no_influence(problem):
    X, y, weight, train, validate = problem
    results = []
    for seed in (1, 2):
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            ensemble = NetworkEnsemble(2, hidden=(4,), max_epochs=2)
            ensemble.fit(X, y, weight, train=train[:2], validate=validate[:2], seed=1)
        results.append(ensemble.predict(X))
    np.testing.assert_array_equal(*results)


def test_divergence_is_an_error(problem):
    X, y, weight, train, validate = problem
    ensemble = NetworkEnsemble(1, hidden=(4,), learning_rate=1e30)
    with pytest.raises(FitError, match=r"member 0 diverged .* lower the option 'learning_rate'"):
        ensemble.fit(X, y, weight, train=train[:1], validate=validate[:1], seed=1)


def test_callbacks_see_every_epoch(problem, tmp_path):
    X, y, weight, train, validate = problem
    shown = []
    ensemble = NetworkEnsemble(2, hidden=(4,), max_epochs=3)
    ensemble.callbacks = (JsonLog(tmp_path / "log.jsonl"), ProgressReport(shown.append))
    ensemble.fit(X, y, weight, train=train[:2], validate=validate[:2], seed=1)
    lines = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    for m, history in enumerate(ensemble.histories_):
        losses = tuple(line["validation_loss"] for line in lines if line["member"] == m)
        assert losses == history.validation_loss
    assert shown[0].startswith("epoch 1: validation loss 0.")
    assert "members still train" in shown[-1]
