"""Models as bycatch has always written them load, mean the same, and are written the same again."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import logit
from scipy.stats import norm

from bycatch.errors import InputError
from bycatch.learn import load_classifier, load_density, load_tagger
from bycatch.learn.checkpoint import Checkpoint, load_checkpoint, save_checkpoint

HISTORIES = [{"best": 1, "train_loss": [0.7, 0.6], "validation_loss": [0.8, 0.7]}] * 2
COMMON = {"members": 2, "batch_size": 64, "learning_rate": 0.002, "weight_decay": 0.0}
COMMON |= {"dtype": "float32"}


def f32(*shape, fill=0.0):
    return np.full(shape, fill, dtype=np.float32)


# Two features, two hidden units: the output is half of the first feature less its shift.
PERCEPTRON = {
    "shift": np.array([[[1.0, 0.0]], [[-1.0, 0.0]]], dtype=np.float32),
    "scale": f32(2, 1, 2, fill=2.0),
    "weight0": np.array([[[1.0, -1.0], [0.0, 0.0]]] * 2, dtype=np.float32),
    "bias0": f32(2, 1, 2),
    "weight1": np.array([[[1.0], [-1.0]]] * 2, dtype=np.float32),
    "bias1": f32(2, 1, 1),
}
EPOCHS = {"hidden": [2], "min_epochs": 1, "max_epochs": 2, "patience": 3}
ROUNDS = {"hidden": [2], "steps": 20, "rounds": 2}
NETWORK = Checkpoint("network", {"options": COMMON | EPOCHS, "histories": HISTORIES}, PERCEPTRON)
TAGGER = Checkpoint(
    "mlp",
    {"options": COMMON | ROUNDS | {"patience": 3}, "histories": HISTORIES, "shape": [2]},
    PERCEPTRON,
)

SCALING = {
    "condition.mean": np.array([1.0]),
    "condition.scale": np.array([2.0]),
    "scaling.low": np.array([0.0, -1.0]),
    "scaling.high": np.array([1.0, 1.0]),
    "scaling.mean": np.array([0.5, 0.0]),
    "scaling.scale": np.array([1.0, 3.0]),
}
# Without weights the velocity is zero, and the affine maps do nothing.
VELOCITY = {
    "bias0": f32(2, 1, 2),
    "weight0": f32(2, 10, 2),
    "head_weight": f32(2, 2, 1, 1, 2),
    "head_bias": f32(2, 1, 1, 2),
}
HYPER = "flow.transform.transforms.0.hyper."
AFFINE = {
    f"{HYPER}0.weight": f32(2, 2, 3),
    f"{HYPER}0.bias": f32(2, 2),
    f"{HYPER}2.weight": f32(2, 4, 2),
    f"{HYPER}2.bias": f32(2, 4),
}
SOLVER = {"degree": None, "solver": "midpoint", "solver_steps": 4, "tolerance": 1e-5}


def density(kind, options, parameters):
    metadata = {
        "options": COMMON | ROUNDS | options,
        "histories": HISTORIES,
        "sizes": {"n_features": 2, "n_conditions": 1, "n_heads": 1},
    }
    arrays = {f"parameter.{name}": array for name, array in parameters.items()}
    return Checkpoint(kind, metadata, {**SCALING, **arrays})


MODELS = {
    "network": (load_classifier, NETWORK),
    "tagger": (load_tagger, TAGGER),
    "matching": (load_density, density("matching", SOLVER, VELOCITY)),
    "maf": (load_density, density("maf", {"transforms": 1}, AFFINE)),
}
every_model = pytest.mark.parametrize("name", MODELS)


@pytest.fixture
def written(name, tmp_path):
    save_checkpoint(tmp_path / "old", MODELS[name][1])
    return tmp_path / "old"


@every_model
def test_a_folder_is_written_again_byte_for_byte(name, written, tmp_path):
    model = MODELS[name][0](written)
    assert [history.best for history in model.histories_] == [1, 1]
    model.save(tmp_path / "new")
    assert sorted(path.name for path in written.iterdir()) == [
        "arrays.safetensors",
        "checkpoint.json",
    ]
    for path in written.iterdir():
        assert (tmp_path / "new" / path.name).read_bytes() == path.read_bytes()


@pytest.mark.parametrize("name", ["network", "tagger"])
def test_probabilities_are_those_of_the_arrays(name, written):
    model = MODELS[name][0](written)
    x = np.array([[-2.0, 5.0], [0.0, -5.0], [3.0, 0.0]], dtype=np.float32)
    expected = 0.5 * (x[:, 0] + np.array([[-1.0], [1.0]]))
    np.testing.assert_allclose(logit(model.predict(x).astype(float)), expected, rtol=1e-5)


@pytest.mark.parametrize("name", ["matching", "maf"])
def test_densities_are_those_of_the_arrays(name, written):
    model = MODELS[name][0](written)
    u = np.array([[0.2, 0.5], [0.7, 0.9]])
    X = SCALING["scaling.low"] + u * (SCALING["scaling.high"] - SCALING["scaling.low"])
    z = (logit(u) - SCALING["scaling.mean"]) / SCALING["scaling.scale"]
    width = (SCALING["scaling.high"] - SCALING["scaling.low"]) * SCALING["scaling.scale"]
    expected = (norm.logpdf(z) - np.log(u * (1 - u) * width)).sum(axis=1)
    np.testing.assert_allclose(model.log_prob(X, [0.0, 3.0]), [expected] * 2, atol=1e-6)


@every_model
def test_arrays_of_other_shapes_are_refused(name, written):
    load, checkpoint = MODELS[name]
    arrays = dict(load_checkpoint(written, checkpoint.kind).arrays)
    longest = max(arrays, key=lambda key: arrays[key].size)
    arrays[longest] = arrays[longest][:, :-1]
    save_checkpoint(written, Checkpoint(checkpoint.kind, checkpoint.metadata, arrays))
    with pytest.raises(InputError, match="the arrays do not have the shapes of its options"):
        load(written)
