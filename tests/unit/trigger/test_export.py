"""Scores as graphs: the same numbers, any number of rows, thresholds and preprocessing inside."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch

from bycatch.errors import ConfigError, DataError, InputError
from bycatch.represent.images import reweighted
from bycatch.score import make_score
from bycatch.trigger.cost import matmul_bound, measure, size_of
from bycatch.trigger.onnx_export import OnnxScore, check_parity, export_onnx
from bycatch.trigger.preprocessing import Columns, Pixels

pytest.importorskip("onnxscript")
QUICK = {"steps": 60, "rounds": 3, "batch_size": 64}


def vectors(n, seed=0):
    return np.random.default_rng(seed).normal(size=(n, 21)).astype(np.float32)


@pytest.fixture(scope="module")
def trained():
    options = {**QUICK, "hidden": (50, 50), "n_latent": 4, "members": 2}
    return make_score("autoencoder", **options).fit(vectors(400))


@pytest.fixture(scope="module")
def graph(trained, tmp_path_factory):
    path = tmp_path_factory.mktemp("graph") / "score.onnx"
    return OnnxScore(export_onnx(trained, path, threshold=1.5))


def test_a_graph_repeats_a_million_scores(trained, graph):
    X = vectors(1_000_000, seed=1)
    X[::7] *= 5.0  # far outside of what it was trained on
    found = check_parity(trained, graph, X)
    assert found.n_events == 1_000_000
    assert found.largest < 1e-5
    # Scores closer to the threshold than single precision can tell may fall on either side.
    near = np.abs(trained.score(X) - 1.5) < 1e-5 * 1.5
    assert found.threshold_flips <= np.count_nonzero(near)
    np.testing.assert_array_equal(graph.accept(X[:1000]), graph.score(X[:1000]) >= 1.5)
    assert 0.1 < graph.accept(X[:1000]).mean() < 0.9


@pytest.mark.parametrize("n", [0, 1, 2, 999])
def test_any_number_of_rows(trained, graph, n):
    X = vectors(n, seed=2)
    assert graph.score(X).shape == (n,)
    np.testing.assert_allclose(graph.score(X), trained.score(X), rtol=1e-5)


def test_one_member_alone_and_another_score(trained, tmp_path):
    X = vectors(50, seed=3)
    graph = OnnxScore(export_onnx(trained, tmp_path / "a.onnx", name="latent", members=[1]))
    np.testing.assert_allclose(
        graph.score(X), trained.score(X, name="latent", members=[1]), rtol=1e-5
    )
    assert graph.notes["members"] == 1
    with pytest.raises(ConfigError, match="no threshold"):
        graph.accept(X)


def test_preprocessing_lies_in_the_graph(trained, tmp_path):
    X = vectors(50, seed=4)
    units = Columns([1000.0] * 21, [3.0] * 21)
    graph = OnnxScore(export_onnx(trained, tmp_path / "a.onnx", preprocessing=units))
    np.testing.assert_allclose(graph.score((X - 3.0) / 1000.0), trained.score(X), rtol=2e-4)


@pytest.mark.parametrize(("power", "smear"), [(1.0, 0.0), (0.3, 0.0), (0.5, 1.0), (1.0, 2.0)])
def test_pixels_are_prepared_as_in_python(power, smear):
    rng = np.random.default_rng(5)
    images = rng.exponential(size=(20, 20, 20)) * (rng.random((20, 20, 20)) < 0.2)
    images[0] = 0.0
    total = images.sum(axis=(1, 2), keepdims=True)
    plain = np.divide(images, total, out=np.zeros_like(images), where=total > 0.0)
    expected = reweighted(plain, power, smear)
    found = Pixels(power, smear)(torch.from_numpy(images.astype(np.float32))).numpy()
    np.testing.assert_allclose(found, expected, rtol=2e-5, atol=1e-8)


def test_what_cannot_become_a_graph_is_refused(tmp_path):
    pca = make_score("pca", components=2).fit(vectors(100))
    with pytest.raises(ConfigError, match="student"):
        export_onnx(pca, tmp_path / "a.onnx")
    with pytest.raises(DataError, match="call 'fit' first"):
        export_onnx(make_score("autoencoder"), tmp_path / "a.onnx")


def test_wrong_inputs_and_files_are_refused(graph, tmp_path):
    with pytest.raises(DataError, match=r"rows of the shape \(21,\)"):
        graph.run(vectors(3)[:, :20])
    (tmp_path / "text.onnx").write_text("no graph")
    with pytest.raises(InputError, match="no graph"):
        OnnxScore(tmp_path / "text.onnx")
    with pytest.raises(InputError, match="cannot be read"):
        OnnxScore(tmp_path / "missing.onnx")


def test_size_is_counted_from_the_graph(trained, graph):
    size = size_of(graph.path)
    # Two members of 21-50-50-4-50-50-21.
    products = 2 * (21 * 50 + 50 * 50 + 50 * 4 + 4 * 50 + 50 * 50 + 50 * 21)
    assert size.multiplications == products
    numbers = sum(value.numel() for value in trained.parameters_.values())
    used = 2 * 21 * 2 + trained.n_parameters_ * 2
    assert used <= size.parameters <= numbers + 10
    assert size.bits == 32 * size.parameters


def test_a_likelihood_stays_itself_and_its_products_are_counted(tmp_path):
    rng = np.random.default_rng(6)

    def rows(n):
        positive = np.where(rng.random((n, 2)) < 0.3, 0.0, rng.lognormal(3.0, 1.0, (n, 2)))
        counts = np.concatenate([rng.poisson(1.0, (n, 2)), rng.poisson(30.0, (n, 1))], axis=1)
        flags = np.stack([rng.integers(0, 2, n), rng.choice([-1, 1], n)], axis=1)
        return np.concatenate([positive, counts, flags], axis=1).astype(np.float32)

    kinds = ("clipped_log_normal", "truncated_gaussian", *2 * ("discrete_gaussian",))
    kinds += ("poisson", "bernoulli", "charge")
    vae = make_score("likelihood_vae", densities=kinds, hidden=(30, 20), members=2, **QUICK)
    vae.fit(rows(500))
    X = rows(20_000)
    X[::7, :5] = np.round(5.0 * X[::7, :5])  # far outside of what it was trained on
    latent = export_onnx(vae, tmp_path / "latent.onnx", name="latent", members=[1])
    assert check_parity(vae, OnnxScore(latent), X, members=[1]).largest < 1e-5
    graph = OnnxScore(export_onnx(vae, tmp_path / "total.onnx"))
    assert check_parity(vae, graph, X).largest < 1e-5
    member = [(1, 7, 30), (1, 30, 20), (1, 20, 8), (1, 4, 20), (1, 20, 30), (1, 30, 12)]
    assert size_of(graph.path).products == tuple(2 * member)
    assert graph.score(X[:1]).shape == (1,)
    assert graph.score(X[:0]).shape == (0,)


def test_times_are_measured(graph):
    timing = measure(graph, vectors(100), batch=100, seconds=0.05)
    assert timing.batch == 100
    assert 0.0 < timing.low <= timing.median <= timing.high
    bound = matmul_bound(size_of(graph.path).products, 100, seconds=0.05)
    assert bound.events_per_second > 0.0


def test_notes_are_json(graph):
    assert json.loads(json.dumps(graph.notes)) == {
        "kind": "autoencoder",
        "score": "reconstruction",
        "members": 2,
        "threshold": 1.5,
        "shape": [21],
    }
