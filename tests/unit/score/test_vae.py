"""The variational autoencoder: where it is an autoencoder, and what its scores are."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.stats
import torch

from bycatch.errors import ConfigError
from bycatch.learn.neural import Learning
from bycatch.learn.trainer import Batch
from bycatch.score.autoencoder import Autoencoder
from bycatch.score.vae import Vae

QUICK = {"steps": 60, "rounds": 3, "batch_size": 64, "hidden": (8,), "n_latent": 2}


def curve(n=400, seed=1):
    rng = np.random.default_rng(seed)
    t = rng.uniform(-1, 1, n)
    x = np.stack([t, t**2, np.sin(3 * t)], axis=1) + 0.05 * rng.normal(size=(n, 3))
    return x.astype(np.float32)


@pytest.mark.parametrize("network", ["dense", "conv"])
def test_without_divergence_and_noise_it_is_the_autoencoder(network):
    x = curve()
    if network == "conv":
        x = np.abs(np.random.default_rng(2).normal(size=(150, 8, 8))).astype(np.float32)
    plain = Autoencoder(network=network, **QUICK).fit(x)
    vae = Vae(network=network, beta=0.0, noise=0.0, **QUICK).fit(x)
    for name in plain.parameters_:
        torch.testing.assert_close(vae.parameters_[name], plain.parameters_[name])
    found = vae.score(x, name="reconstruction")
    np.testing.assert_allclose(found, plain.score(x, name="reconstruction"), rtol=1e-5)
    np.testing.assert_allclose(vae.score(x, name="total"), found, rtol=1e-6)
    np.testing.assert_allclose(vae.latent(x), plain.latent(x), rtol=1e-4, atol=1e-5)
    assert "iwae" not in vae.score_names
    with pytest.raises(ConfigError, match="no 'iwae'"):
        vae.score(x, name="iwae")


def test_scores_follow_their_definitions():
    x = curve()
    vae = Vae(beta=0.2, **QUICK).fit(x)
    p, c = vae.parameters_, vae.prepared({"x": torch.from_numpy(x)[None]})
    mean, width = vae.posterior(p, c)
    kl = torch.distributions.kl_divergence(
        torch.distributions.Normal(mean, width), torch.distributions.Normal(0.0, 1.0)
    )
    np.testing.assert_allclose(vae.score(x, name="kl"), kl.sum(dim=2)[0], rtol=1e-4, atol=1e-6)
    error = (vae.decoded(p, mean) - vae.scaled(p, c)).square().mean(dim=2)
    np.testing.assert_allclose(vae.score(x, name="reconstruction"), error[0], rtol=1e-5)
    total = 0.8 * error + 0.2 * kl.sum(dim=2) / 3
    np.testing.assert_allclose(vae.score(x), total[0], rtol=1e-4)
    np.testing.assert_allclose(vae.latent(x), mean[0], rtol=1e-6)
    pull = (mean / width).square().sum(dim=2)
    np.testing.assert_allclose(vae.score(x, name="latent"), pull[0], rtol=1e-5)


def test_iwae_is_minus_log_p_of_a_linear_decoder():
    """x = z W + b + errors of variance beta / (2 (1 - beta)): p(x) is normal and known."""
    x = curve()
    options = {**QUICK, "hidden": (), "steps": 600, "learning_rate": 0.03, "dtype": "float64"}
    vae = Vae(beta=0.3, samples=2000, **options).fit(x)
    columns = vae.prepared({"x": torch.from_numpy(x)[None]})
    scaled = vae.scaled(vae.parameters_, columns)[0].numpy()
    w = vae.parameters_["decoder.weight0"][0].numpy()
    b = vae.parameters_["decoder.bias0"][0, 0].numpy()
    truth = scipy.stats.multivariate_normal(b, w.T @ w + 0.3 / (2 * 0.7) * np.eye(3))
    found = vae.score(x[:40], name="iwae")
    np.testing.assert_allclose(found, -truth.logpdf(scaled[:40]), atol=0.15)


def test_contributions_name_the_feature_that_is_odd():
    vae = Vae(**{**QUICK, "steps": 300}).fit(curve())
    x = curve(40, seed=2)
    found = vae.contributions(x, name="reconstruction")
    np.testing.assert_allclose(found.sum(axis=1), vae.score(x, name="reconstruction"), rtol=1e-5)
    odd = x.copy()
    odd[:, 1] += 3.0
    assert (vae.contributions(odd).argmax(axis=1) == 1).mean() > 0.9
    assert np.median(vae.score(odd)) > vae.score(x).max()
    far = vae.score(1e6 * x, name="iwae")
    assert np.isfinite(far).all()


def test_beta_buys_a_smaller_divergence():
    x = curve()
    found = [
        Vae(**{**QUICK, "steps": 300}, beta=beta).fit(x).score(x, name="kl").mean()
        for beta in (0.002, 0.2)
    ]
    assert found[1] < 0.5 * found[0]


def test_options_are_refused():
    for options, match in [({"beta": 1.0}, "beta"), ({"noise": -1.0}, "noise")]:
        with pytest.raises(ConfigError, match=match):
            Vae(**options).check_options()


def test_it_computes_where_its_parameters_are():
    vae = Vae(**QUICK).fit(curve(100))
    parameters = {k: v.to("meta") for k, v in vae.parameters_.items()}
    columns = {"x": torch.empty((1, 6, 3), device="meta")}
    batch = Batch(columns, torch.empty((1, 6), device="meta"), (0,))
    assert Learning(vae, [1]).loss(parameters, batch).device.type == "meta"
    for name in vae.score_names:
        assert vae.scores(parameters, columns, name).device.type == "meta"
