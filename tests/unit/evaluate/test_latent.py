"""Latent spaces against closed forms: what is recovered, real dimensions, clusters and classes."""

from __future__ import annotations

import json

import numpy as np
import pytest
from sklearn.metrics import normalized_mutual_info_score

from bycatch.errors import DataError
from bycatch.evaluate.clusters import find_clusters, mutual_information, purity
from bycatch.evaluate.latent import explained_variance, latent_view, reduction_ratio
from bycatch.score import make_score

FAST = {"replicas": 20, "most_clusters": 0}


def test_reduction_ratio_is_that_of_the_lecture() -> None:
    assert reduction_ratio(21, 3) == pytest.approx(18 / 21)
    assert reduction_ratio(5, 5) == 0.0


def test_what_is_recovered_from_principal_components_is_their_share_of_the_variance() -> None:
    rng = np.random.default_rng(1)
    x = rng.normal(size=(4000, 6)) @ rng.normal(size=(6, 6))
    score = make_score("pca", components=3).fit(x)
    latent = score.latent(x)
    view = latent_view(latent, x, **FAST)
    assert view.recovered is not None
    assert view.recovered_by == "linear"
    assert view.reduction == 0.5
    # Standardised features: the share of the variance is exact up to the halves' own fits.
    share = float(score.explained_[0].sum())
    assert abs(view.recovered.value - share) < 4.0 * view.recovered.error + 3 / 4000
    assert 0.0 < view.recovered.error < 0.02
    centred = latent @ score.components_[0] * score.scale_[0] + score.mean_[0]
    model = latent_view(latent, x, reconstructed=centred, **FAST)
    assert model.recovered_by == "model"
    assert model.recovered is not None
    assert model.recovered.value == pytest.approx(share, abs=1e-6)


def test_noise_recovers_nothing_and_units_do_not_matter() -> None:
    rng = np.random.default_rng(2)
    x = rng.normal(size=(3000, 4)) * [1.0, 1e3, 1e-3, 1.0]
    view = latent_view(rng.normal(size=(3000, 2)), x, **FAST)
    assert view.recovered is not None
    assert abs(view.recovered.value) < 0.01
    half = np.column_stack([x[:, :2], np.tile(x[:, 2:].mean(axis=0), (3000, 1))])
    assert explained_variance(x, half) == pytest.approx(0.5)
    constant = np.column_stack([x, np.ones(3000)])
    assert explained_variance(constant, constant * 0.0 + constant.mean(axis=0)) == pytest.approx(
        0.0
    )
    assert np.isnan(explained_variance(np.ones((20, 2)), np.ones((20, 2))))


@pytest.mark.parametrize(("scales", "dimension"), [((1, 1, 1, 1), 4.0), ((1, 0, 0, 0), 1.0)])
def test_the_effective_dimension_counts_what_varies(
    scales: tuple[float, ...], dimension: float
) -> None:
    z = np.random.default_rng(3).normal(size=(20_000, 4)) * scales
    view = latent_view(z, n_inputs=10, **FAST)
    for found in (view.participation, view.effective_rank):
        assert found.value == pytest.approx(dimension, abs=0.01)
    assert sum(view.spectrum) == pytest.approx(1.0)
    assert list(view.spectrum) == sorted(view.spectrum, reverse=True)


def test_errors_are_the_spread_over_samples() -> None:
    values, errors = [], []
    for seed in range(60):
        z = np.random.default_rng(seed).normal(size=(500, 2)) * [1.0, 2.0]
        view = latent_view(z, n_inputs=4, **FAST)
        values.append(view.participation.value)
        errors.append(view.participation.error)
    # Sixty numbers know their spread to 9 %, twenty replicas theirs to 16 %.
    assert np.mean(errors) == pytest.approx(np.std(values), rel=0.4)


def blobs(n: int = 1500, seed: int = 4) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    label = rng.integers(0, 3, n)
    centre = np.array([[0.0, 0.0], [6.0, 0.0], [0.0, 6.0]])[label]
    return centre + rng.normal(size=(n, 2)), label


def test_separate_gaussians_are_found_as_clusters() -> None:
    z, label = blobs()
    found = find_clusters(z, label=np.array(["qcd", "w", "top"])[label], most=5, replicas=20)
    assert found.n_clusters == 3
    assert found.status == "ok"
    assert found.purity is not None
    assert found.mutual_information is not None
    assert found.purity.value > 0.98
    assert found.mutual_information.value > 0.9
    assert found.purity_by_chance == pytest.approx(np.bincount(label).max() / label.size)
    assert sorted(found.shares) == pytest.approx(sorted(np.bincount(label) / label.size), abs=0.02)
    # A binomial error of a fraction near one.
    p = found.purity.value
    assert found.purity.error == pytest.approx(np.sqrt(p * (1 - p) / label.size), rel=0.6)
    assert find_clusters(z, most=5).purity is None


def test_one_gaussian_is_one_cluster_and_knows_no_classes() -> None:
    rng = np.random.default_rng(5)
    z = rng.normal(size=(1500, 2))
    found = find_clusters(z, label=rng.integers(0, 2, 1500), most=4, replicas=20)
    assert found.n_clusters == 1
    assert found.purity is not None
    assert found.purity.value == found.purity_by_chance
    assert found.mutual_information is not None
    assert found.mutual_information.value == 0.0


def test_purity_and_mutual_information_against_other_programs() -> None:
    rng = np.random.default_rng(6)
    cluster, label = rng.integers(0, 4, 300), rng.integers(0, 3, 300)
    label[cluster == 1] = 0
    found = mutual_information(cluster, label, np.ones(300))
    assert found == pytest.approx(normalized_mutual_info_score(label, cluster))
    table = [[np.sum((cluster == c) & (label == k)) for k in range(3)] for c in range(4)]
    assert purity(cluster, label, np.ones(300)) == pytest.approx(np.max(table, axis=1).sum() / 300)
    count = rng.integers(1, 4, 300)
    repeated = (np.repeat(a, count) for a in (cluster, label))
    assert mutual_information(cluster, label, count.astype(float)) == pytest.approx(
        mutual_information(*repeated, np.ones(count.sum()))
    )


def test_weights_decide_what_a_cluster_is() -> None:
    z, label = blobs()
    weight = np.where(label == 2, 0.0, 1.0)
    found = find_clusters(z, label=label, weight=weight, most=4, replicas=20)
    assert found.n_clusters == 2
    assert found.purity is not None
    assert found.purity.value > 0.98
    signed = np.where(np.arange(label.size) % 10, 1.0, -0.5)
    view = latent_view(z, n_inputs=8, label=label, weight=signed, replicas=20, most_clusters=3)
    assert view.n_events < label.size
    json.dumps(view.to_json(), allow_nan=False)


def test_too_many_components_are_said() -> None:
    z, _ = blobs()
    assert "allow more" in find_clusters(z, most=2).status


def test_what_makes_no_sense_is_refused() -> None:
    z, label = blobs(50)
    with pytest.raises(DataError, match="at least 10 rows"):
        latent_view(z[:5], n_inputs=3)
    with pytest.raises(DataError, match="1 of 50 rows"):
        latent_view(np.where(np.arange(50)[:, None] == 3, np.nan, z), n_inputs=3)
    with pytest.raises(DataError, match="'n_inputs'"):
        latent_view(z)
    with pytest.raises(DataError, match="same rows"):
        latent_view(z, np.ones((20, 3)))
    with pytest.raises(DataError, match="sum of weights"):
        latent_view(z, n_inputs=3, weight=np.zeros(50))
    with pytest.raises(DataError, match="constant"):
        find_clusters(np.ones((50, 2)))
    with pytest.raises(DataError, match="'label'"):
        find_clusters(z, label=label[:20], most=1)
    with pytest.raises(DataError, match="replicas"):
        latent_view(z, n_inputs=3, replicas=1)
    with pytest.raises(DataError, match="'reconstructed'"):
        latent_view(z, z, reconstructed=z[:, :1], most_clusters=0)
