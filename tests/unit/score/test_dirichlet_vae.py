"""The Dirichlet variational autoencoder: its prior, its divergence, and readable topics."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from bycatch.errors import ConfigError, DataError
from bycatch.learn.neural import Learning
from bycatch.learn.trainer import Batch
from bycatch.score.dirichlet_vae import DirichletVae, laplace_approximation
from bycatch.score.parts.variational import kl_divergence

OPTIONS = {"steps": 400, "rounds": 4, "batch_size": 128, "hidden": (16,), "learning_rate": 1e-2}


def mixtures(n=1500, minority=0.1, seed=1):
    """6x6 images with counts from one of two halves, and a tenth of them from both."""
    rng = np.random.default_rng(seed)
    left = np.zeros((6, 6))
    left[:, :3] = 1.0 / 18
    shares = np.where(rng.random(n) < minority, 0.9, 0.1)
    p = (1.0 - shares)[:, None, None] * left + shares[:, None, None] * left[:, ::-1]
    return rng.poisson(200 * p).astype(np.float32), shares


@pytest.mark.parametrize("concentration", [(1.0, 0.25), (5.0, 2.0, 3.0), (0.5, 0.5, 0.5, 0.5)])
def test_the_prior_is_the_laplace_approximation_of_the_dirichlet(concentration):
    """Against the maximum and the curvature of its density in the softmax basis, numerically.

    In that basis the density is prod_k softmax(h)_k^a_k; along the direction in which all h move it
    is flat and the approximation fixes sum(h) = 0 with the variance that the limit of a wide prior
    on it leaves: only differences are compared.
    """
    a = torch.tensor(concentration, dtype=torch.float64)
    mean, width = laplace_approximation(concentration)
    h = mean.clone().requires_grad_()

    def minus_log(h):
        return -(a * torch.log_softmax(h, dim=0)).sum()

    (slope,) = torch.autograd.grad(minus_log(h), h)
    torch.testing.assert_close(slope, torch.zeros_like(slope), rtol=0.0, atol=1e-12)
    curvature = torch.autograd.functional.hessian(minus_log, mean)
    # The pseudo-inverse is the covariance within sum(h) = 0.
    covariance = torch.linalg.pinv(curvature, rtol=1e-10)
    torch.testing.assert_close(covariance.diag(), width.square(), rtol=1e-8, atol=1e-10)


def test_the_divergence_from_the_prior_agrees_with_sampling():
    mean, width = torch.tensor([[0.4, -0.9]]).double(), torch.tensor([[0.3, 1.4]]).double()
    prior_mean, prior_width = laplace_approximation((1.0, 0.25))
    q = torch.distributions.Normal(mean, width)
    p = torch.distributions.Normal(prior_mean, prior_width)
    rng = np.random.default_rng(2)
    z = mean + width * torch.from_numpy(rng.normal(size=(200_000, 2)))
    each = (q.log_prob(z) - p.log_prob(z)).sum(dim=1)
    found = float(kl_divergence(mean, width, prior_mean, prior_width))
    assert found == pytest.approx(float(each.mean()), abs=4.0 * float(each.std()) / 200_000**0.5)


def test_topics_are_the_kinds_of_which_the_sample_is_made():
    x, shares = mixtures()
    score = DirichletVae(beta=0.02, **{**OPTIONS, "steps": 800}).fit(x)
    topics = score.topics()
    assert topics.shape == (2, 6, 6)
    np.testing.assert_allclose(topics.sum(axis=(1, 2)), 1.0)
    left = topics[:, :, :3].sum(axis=(1, 2))
    assert left.max() > 0.8
    assert left.min() < 0.5
    mixture = score.score(x, name="mixture")
    rare = shares > 0.5
    # The minority is what the rarest topic holds: no label was needed.
    assert mixture[rare].min() > np.quantile(mixture[~rare], 0.99)
    z = score.latent(x)
    np.testing.assert_allclose(z.sum(axis=1), 1.0, atol=1e-5)
    np.testing.assert_allclose(mixture, z[:, z.mean(axis=0).argmin()], rtol=1e-5)


def test_the_distance_in_the_latent_space_has_no_direction():
    x, _ = mixtures(400, minority=0.0)
    train = np.ones((1, 400), dtype=bool)
    score = DirichletVae(validation=0.0, **{**OPTIONS, "steps": 100}).fit(x, train=train)
    logs = np.log(score.latent(x))
    logit = logs[:, 0] - logs[:, 1]
    expected = (logit - logit.mean()) ** 2 / logit.var()
    np.testing.assert_allclose(score.score(x, name="latent"), expected, rtol=1e-2, atol=1e-3)
    assert score.score(x, name="latent").mean() == pytest.approx(1.0, rel=1e-2)
    purer = np.zeros((1, 6, 6))
    purer[:, :, :2] = 1.0
    odd = [score.score(one, name="latent")[0] for one in (purer, purer[:, :, ::-1])]
    assert min(odd) > np.quantile(score.score(x, name="latent"), 0.9)


def test_only_shares_count_and_empty_rows_have_scores():
    x, _ = mixtures(300)
    score = DirichletVae(**{**OPTIONS, "steps": 40}).fit(x)
    for name in score.score_names:
        np.testing.assert_allclose(
            score.score(7.0 * x, name=name), score.score(x, name=name), rtol=2e-3, atol=1e-5
        )
        assert np.isfinite(score.score(np.zeros((2, 6, 6)), name=name)).all()
    parts = score.contributions(x[:9], name="reconstruction")
    np.testing.assert_allclose(
        parts.sum(axis=(1, 2)), score.score(x[:9], name="reconstruction"), rtol=1e-5
    )
    assert (score.score(x, name="reconstruction") >= -1e-6).all()


def test_what_has_no_shares_is_refused():
    x, _ = mixtures(60)
    x[7, 0, 0] = -1.0
    with pytest.raises(DataError, match="1 of 60 rows have negative inputs"):
        DirichletVae(**OPTIONS).fit(x)
    for options, match in [
        ({"concentration": (1.0,)}, "concentration"),
        ({"concentration": (1.0, 0.0)}, "concentration"),
        ({"layout": "set"}, "layout"),
    ]:
        with pytest.raises(ConfigError, match=match):
            DirichletVae(**options).check_options()


def test_vectors_of_counts_have_topics_too():
    x, _ = mixtures(300)
    flat = x.reshape(300, 36)
    options = {**OPTIONS, "steps": 40}
    a = DirichletVae(layout="vector", **options).fit(flat).score(flat)
    np.testing.assert_allclose(a, DirichletVae(**options).fit(x).score(x), rtol=1e-5)


def test_it_computes_where_its_parameters_are():
    score = DirichletVae(**{**OPTIONS, "steps": 4}).fit(mixtures(60)[0])
    parameters = {k: v.to("meta") for k, v in score.parameters_.items()}
    columns = {"x": torch.empty((1, 6, 6, 6), device="meta")}
    batch = Batch(columns, torch.empty((1, 6), device="meta"), (0,))
    assert Learning(score, [1]).loss(parameters, batch).device.type == "meta"
    for name in score.score_names:
        assert score.scores(parameters, columns, name).device.type == "meta"
