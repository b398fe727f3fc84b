"""The ensembles against programs that do the same in the ordinary way."""

import lightgbm
import numpy as np
import pytest
import torch
from sklearn.ensemble import HistGradientBoostingClassifier

from bycatch.learn.batches import BatchStream
from bycatch.learn.classifiers.hgb import _forest
from bycatch.learn.classifiers.network import NetworkEnsemble
from bycatch.learn.classifiers.trees import LightGBMEnsemble
from bycatch.learn.members import member_rows
from bycatch.learn.nets.mlp import draw_weights
from bycatch.tasks.random import child_seed, stream


@pytest.fixture(scope="module")
def problem():
    rng = np.random.default_rng(1)
    y = (np.arange(900) % 2).astype(np.int8)
    X = (rng.normal(size=(900, 3)) * [1, 5, 0.1] + y[:, None] * [0.5, 2, 0.05]).astype(np.float32)
    train = (np.arange(900) < 600)[None]
    return X, y, rng.uniform(0.5, 2.0, 900), train, ~train


def test_network_against_a_plain_pytorch_loop(problem):
    X, y, weight, train, validate = problem
    ensemble = NetworkEnsemble(
        1, hidden=(8, 6), batch_size=50, max_epochs=4, learning_rate=1e-3, dtype="float64"
    )
    ensemble.fit(X, y, weight, train=train, validate=validate, seed=2)

    rng = stream(2, "member", 0)
    start = draw_weights((3, 8, 6, 1), [rng], torch.float64)
    layers = [torch.nn.Linear(a, b, dtype=torch.float64) for a, b in ((3, 8), (8, 6), (6, 1))]
    for i, layer in enumerate(layers):
        layer.weight.data = start[f"weight{i}"][0].T.clone()
        layer.bias.data = start[f"bias{i}"][0, 0].clone()
    network = torch.nn.Sequential(
        layers[0], torch.nn.ReLU(), layers[1], torch.nn.ReLU(), layers[2], torch.nn.Flatten(0)
    )
    _, _, (rows,) = member_rows(X, y, weight, train, validate, 1)
    mean = np.average(X[rows.train], axis=0, weights=rows.train_weight)
    spread = np.average((X[rows.train] - mean) ** 2, axis=0, weights=rows.train_weight) ** 0.5
    x = torch.from_numpy((X - mean) / spread)
    target = torch.from_numpy(y).double()
    batches = BatchStream([rows.train], [rows.train_weight], [rng], 50)
    adam = torch.optim.Adam(network.parameters(), lr=1e-3)
    for _ in range(4):
        drawn, weights = batches.draw([0], 12)
        for chosen, w in zip(drawn[:, 0], weights[:, 0], strict=True):
            adam.zero_grad()
            entropy = torch.nn.BCEWithLogitsLoss(weight=torch.from_numpy(w.copy()))
            entropy(network(x[chosen]), target[chosen]).backward()
            adam.step()
    p = torch.sigmoid(network(x)).detach().numpy()
    assert ensemble.histories_[0].best == 3
    np.testing.assert_allclose(ensemble.predict(X)[0], p, atol=2e-7)  # returned as float32


def test_lightgbm_against_its_own_training_function(problem):
    X, y, weight, train, validate = problem
    ensemble = LightGBMEnsemble(1, min_trees=1, patience=10)
    ensemble.fit(X, y, weight, train=train, validate=validate, seed=2)
    _, _, (rows,) = member_rows(X, y, weight, train, validate, 1)
    parameters = ensemble._parameters(child_seed(2, "member", 0))
    # Bins come from all rows, as documented.
    binned = lightgbm.Dataset(X, y, params=parameters, free_raw_data=False).construct()
    data = binned.subset(rows.train).construct()
    data.set_weight(rows.train_weight)
    check = binned.subset(rows.validate).construct()
    check.set_weight(rows.validate_weight)
    booster = lightgbm.train(
        parameters,
        data,
        200,
        valid_sets=[check],
        callbacks=[lightgbm.early_stopping(10, verbose=False)],
    )
    assert ensemble.histories_[0].best + 1 == booster.best_iteration
    np.testing.assert_allclose(ensemble.predict(X)[0], booster.predict(X), rtol=1e-6)


def test_forest_against_scikit_learn(problem):
    X, y, weight, _, _ = problem
    model = HistGradientBoostingClassifier(max_iter=30, random_state=1)
    model.fit(X, y, sample_weight=weight)
    probe = np.concatenate([X, 3 * X])
    np.testing.assert_array_equal(_forest(model, 30).sum(probe), model.decision_function(probe))
