"""The likelihood version of the variational autoencoder: what its loss and its scores are."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.stats
import torch

from bycatch.errors import ConfigError, DataError
from bycatch.learn.neural import Learning
from bycatch.learn.trainer import Batch
from bycatch.represent.lepton_stream import FEATURES
from bycatch.score import load_score
from bycatch.score.likelihood_vae import FEATURE_DENSITIES, LikelihoodVae
from bycatch.score.parts.variational import importance_weighted, kl_divergence, log_normal_density

QUICK = {"steps": 40, "rounds": 2, "batch_size": 64, "samples": 4}


def lepton_rows(n=400, seed=1):
    """Rows that look like the 21 features: zeros, counts, flags and tails."""
    rng = np.random.default_rng(seed)
    kinds = {
        "clipped_log_normal": lambda: np.where(
            rng.random(n) < 0.4, 0.0, np.exp(rng.normal(3.0, 1.0, n))
        ),
        "gaussian": lambda: rng.normal(0.0, 30.0, n),
        "truncated_gaussian": lambda: np.abs(rng.normal(60.0, 30.0, n)),
        "discrete_gaussian": lambda: rng.poisson(0.5, n),
        "poisson": lambda: rng.poisson(40.0, n),
        "bernoulli": lambda: rng.integers(0, 2, n),
        "charge": lambda: rng.choice([-1, 1], n),
    }
    columns = [kinds[FEATURE_DENSITIES[name]]() for name in FEATURES]
    return np.stack(columns, axis=1).astype(np.float32)


@pytest.fixture(scope="module")
def fitted():
    return LikelihoodVae(features=FEATURES, **QUICK).fit(lepton_rows())


def test_each_lepton_feature_has_its_published_density():
    assert set(FEATURE_DENSITIES) == set(FEATURES)
    counts = {name: list(FEATURE_DENSITIES.values()).count(name) for name in DENSITY_COUNTS}
    assert counts == DENSITY_COUNTS
    names = [d.name for d in LikelihoodVae(features=FEATURES).feature_densities(21)]
    assert names == [FEATURE_DENSITIES[name] for name in FEATURES]
    assert {d.name for d in LikelihoodVae().feature_densities(21)} == {"gaussian"}


DENSITY_COUNTS = {
    "clipped_log_normal": 10,
    "gaussian": 2,
    "truncated_gaussian": 1,
    "discrete_gaussian": 4,
    "poisson": 2,
    "bernoulli": 1,
    "charge": 1,
}


@pytest.mark.parametrize("prior", [(0.0, 1.0), (0.1, 2.0), (-1.0, 0.3)])
def test_the_divergence_is_that_of_two_normal_densities(prior):
    rng = np.random.default_rng(2)
    mean = torch.from_numpy(rng.normal(size=(2, 5, 3)))
    width = torch.from_numpy(rng.uniform(0.05, 3.0, (2, 5, 3)))
    expected = torch.distributions.kl_divergence(
        torch.distributions.Normal(mean, width), torch.distributions.Normal(*prior)
    ).sum(dim=2)
    torch.testing.assert_close(kl_divergence(mean, width, *prior), expected)
    one = kl_divergence(torch.tensor([0.3]), torch.tensor([0.5]), 0.1, 2.0)
    # The published formula gives 0.698 here.
    assert float(one) == pytest.approx(0.923, abs=1e-3)


def test_the_loss_is_the_sum_over_features_plus_beta_times_the_divergence(fitted):
    x = torch.from_numpy(lepton_rows(50, seed=3))[None]
    parameters, columns = fitted.parameters_, fitted.prepared({"x": x})
    scores = {name: fitted.scores(parameters, columns, name) for name in fitted.score_names}
    total = scores["reconstruction"] + 0.3 * scores["kl"]
    torch.testing.assert_close(scores["total"], total)
    mean, width = fitted.posterior(parameters, columns)
    prior = parameters["prior.mean"], torch.nn.functional.softplus(parameters["prior.width"])
    expected = torch.distributions.kl_divergence(
        torch.distributions.Normal(mean, width), torch.distributions.Normal(*prior)
    ).sum(dim=2)
    torch.testing.assert_close(scores["kl"], expected, rtol=1e-4, atol=1e-5)
    pull = ((mean - prior[0]) / width).square().sum(dim=2)
    torch.testing.assert_close(scores["latent"], pull)


def test_contributions_are_each_features_loss_and_name_the_odd_one(fitted):
    x = lepton_rows(60, seed=4)
    found = fitted.contributions(x, name="reconstruction")
    np.testing.assert_allclose(found.sum(axis=1), fitted.score(x, name="reconstruction"))
    for name, value in (("n_muons", 9.0), ("m_electrons", 1e5), ("n_charged_hadrons", 900.0)):
        odd = x.copy()
        odd[:, FEATURES.index(name)] = value
        for score in ("reconstruction", "total"):
            changed = fitted.contributions(odd, name=score) - fitted.contributions(x, name=score)
            assert (changed.argmax(axis=1) == FEATURES.index(name)).mean() > 0.9


def test_scores_of_what_was_never_seen_are_large_and_finite(fitted):
    x = lepton_rows(20, seed=5)
    usual = fitted.score(x).max()
    for factor in (1e2, 1e6, 1e12):
        odd = x.copy()
        for name, density in FEATURE_DENSITIES.items():
            if density not in {"bernoulli", "charge"}:
                odd[:, FEATURES.index(name)] = np.round((np.abs(odd[:, 3]) + 1.0) * factor)
        for name in fitted.score_names:
            assert np.isfinite(fitted.score(odd, name=name)).all(), (name, factor)
        assert (fitted.score(odd) > usual).all()
        assert (fitted.score(odd, name="iwae") > usual).all()


def test_counts_and_constants_that_training_never_saw():
    x = lepton_rows()
    for name in ("n_jets", "n_b", "m_muons", "n_charged_hadrons"):
        x[:, FEATURES.index(name)] = 0.0
    vae = LikelihoodVae(features=FEATURES, **QUICK).fit(x)
    assert np.isfinite(vae.score(lepton_rows(50, seed=6))).all()
    assert np.isfinite(vae.contributions(lepton_rows(50, seed=6), name="iwae")).all()


def linear_gaussian(d=3, k=2, seed=7):
    """A model whose p(x) is known: x = W z + b + noise of width s, and a poor posterior of it."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(200, d)).astype(np.float32)
    vae = LikelihoodVae(
        hidden=(), n_latent=k, prior="standard", steps=1, rounds=1, dtype="float64"
    ).fit(x)
    weight, offset, s = rng.normal(size=(k, d)), rng.normal(size=d), 0.6
    p = dict(vae.parameters_)
    p["shift"], p["centre"] = torch.zeros((1, 1, d)).double(), torch.zeros((1, 1, d)).double()
    p["scale"], p["spread"] = torch.ones((1, 1, d)).double(), torch.ones((1, 1, d)).double()
    raw = np.log(np.expm1(s - vae.smallest_width))
    p["decoder.weight0"] = torch.from_numpy(np.concatenate([weight, 0 * weight], axis=1))[None]
    p["decoder.bias0"] = torch.from_numpy(np.concatenate([offset, np.full(d, raw)]))[None, None]
    # The right mean, and a width that ignores correlations and is too wide.
    precision = np.eye(k) + weight @ weight.T / s**2
    to_mean = weight.T / s**2 @ np.linalg.inv(precision)
    width = 1.5 / np.sqrt(np.diag(precision))
    p["encoder.weight0"] = torch.from_numpy(np.concatenate([to_mean, 0 * to_mean], axis=1))[None]
    raw_width = np.log(np.expm1(width - 1e-4))
    p["encoder.bias0"] = torch.from_numpy(np.concatenate([-offset @ to_mean, raw_width]))[
        None, None
    ]
    vae.parameters_ = p
    covariance = weight.T @ weight + s**2 * np.eye(d)
    return vae, scipy.stats.multivariate_normal(offset, covariance)


def test_iwae_converges_from_above_to_the_known_density_of_a_linear_gaussian():
    vae, truth = linear_gaussian()
    x = truth.rvs(2000, random_state=8).astype(np.float32)
    exact = -truth.logpdf(x)
    p, c = vae.parameters_, vae.prepared({"x": torch.from_numpy(x)[None]})
    mean, width = vae.posterior(p, c)

    def log_joint(z):
        return log_normal_density(z) - vae.feature_losses(p, c, z).sum(dim=2)

    excess, error = [], []
    for samples in (1, 4, 16, 256):
        # Noise of its own for each row here, so that rows average it out.
        noise = np.random.default_rng(samples).normal(size=(samples, *mean.shape))
        found = importance_weighted(mean, width, torch.from_numpy(noise), log_joint)[0].numpy()
        excess.append((found - exact).mean())
        error.append((found - exact).std() / np.sqrt(len(x)))
    for more in range(2):
        assert excess[more] - excess[more + 1] > 3.0 * np.hypot(error[more], error[more + 1])
    assert excess[3] == pytest.approx(0.0, abs=4.0 * error[3] + 2.0 / 256)
    # The score has the same noise in all rows: 1,024 samples know -log p to about 1/32.
    vae.samples = 1024
    found = vae.score(x[:50], name="iwae")
    np.testing.assert_allclose(found, exact[:50], atol=0.15)


def test_iwae_with_the_exact_posterior_needs_one_sample():
    """x = z + noise in one dimension: q(z|x) = p(z|x) makes every weight p(x)."""
    x = torch.linspace(-3, 3, 11, dtype=torch.float64)[None, :, None]
    s2 = 0.5
    mean, width = x / (1 + s2), torch.full_like(x, (s2 / (1 + s2)) ** 0.5)

    def log_joint(z):
        return log_normal_density(z) + log_normal_density(x - z, 0.0, s2**0.5)

    noise = torch.tensor([[1.3]], dtype=torch.float64)
    found = importance_weighted(mean, width, noise, log_joint)[0]
    expected = -scipy.stats.norm(0.0, (1 + s2) ** 0.5).logpdf(x[0, :, 0].numpy())
    np.testing.assert_allclose(found.numpy(), expected, rtol=1e-12)


def test_beta_one_is_a_bound_of_the_density_it_estimates():
    vae = LikelihoodVae(features=FEATURES, beta=1.0, **{**QUICK, "samples": 256})
    x = lepton_rows(300, seed=9)
    vae.fit(x)
    noise = 0.0
    for seed in range(20):
        eps = np.random.default_rng(seed).normal(size=(1, 1, 4)).astype(np.float32)
        p, c = vae.parameters_, vae.prepared({"x": torch.from_numpy(x)[None]})
        mean, width = vae.posterior(p, c)
        z = mean + width * torch.from_numpy(eps)
        noise += vae.feature_losses(p, c, z).sum(dim=2)[0].numpy() / 20
    bound = noise + vae.score(x, name="kl")
    assert bound.mean() > vae.score(x, name="iwae").mean()


def test_values_that_a_density_does_not_allow_are_refused_by_name(fitted):
    cases = {"lepton_charge": 0.0, "n_jets": 1.5, "m_t": -1.0, "s_t": -2.0}
    for name, value in cases.items():
        x = lepton_rows(30)
        x[4, FEATURES.index(name)] = value
        with pytest.raises(DataError, match=f"1 of 30 rows have a feature '{name}'"):
            fitted.score(x)


def test_densities_are_chosen_by_name_or_column():
    x = np.abs(np.random.default_rng(1).normal(size=(100, 2))).astype(np.float32)
    by_name = LikelihoodVae(features=("a", "m_t"), densities={"a": "clipped_log_normal"}, **QUICK)
    names = [d.name for d in by_name.feature_densities(2)]
    assert names == ["clipped_log_normal", "truncated_gaussian"]
    by_column = LikelihoodVae(densities=("clipped_log_normal", "truncated_gaussian"), **QUICK)
    np.testing.assert_array_equal(by_name.fit(x).score(x), by_column.fit(x).score(x))
    with pytest.raises(ConfigError, match="nearest are 'gaussian'"):
        LikelihoodVae(densities=("gausian",)).check_options()
    with pytest.raises(ConfigError, match="names 'b', but the option 'features' does not"):
        LikelihoodVae(features=("a",), densities={"b": "poisson"}).check_options()
    with pytest.raises(DataError, match="'features' names 1 columns, but there are 2"):
        LikelihoodVae(features=("a",)).fit(x)
    with pytest.raises(ConfigError, match="'prior'"):
        LikelihoodVae(prior="flat").check_options()


def test_a_saved_model_keeps_its_features(fitted, tmp_path):
    fitted.save(tmp_path / "model")
    x = lepton_rows(30, seed=2)
    np.testing.assert_array_equal(load_score(tmp_path / "model").score(x), fitted.score(x))


def test_it_learns_which_features_belong_together():
    """Two features that are one: shuffling one of them raises -log p."""
    rng = np.random.default_rng(3)
    t = rng.normal(size=2000)
    x = np.stack([t, t + 0.05 * rng.normal(size=2000)], axis=1).astype(np.float32)
    vae = LikelihoodVae(steps=600, rounds=4, batch_size=128, hidden=(16,), n_latent=1).fit(x)
    broken = np.stack([x[:, 0], np.roll(x[:, 1], 7)], axis=1)
    for name in ("total", "iwae"):
        assert np.median(vae.score(broken, name=name)) > np.quantile(vae.score(x, name=name), 0.9)


@pytest.mark.parametrize("prior", ["learned", "standard"])
def test_it_computes_where_its_parameters_are(fitted, prior):
    """A tensor that is made on the processor in between fails beside tensors on ``meta``."""
    vae = LikelihoodVae(features=FEATURES, prior=prior, **QUICK)
    vae.shape_ = (21,)
    learned = vae._initial((21,), [np.random.default_rng(0)])
    scaling = {k: fitted.parameters_[k] for k in ("shift", "scale", "centre", "spread")}
    parameters = {k: v.to("meta").requires_grad_() for k, v in learned.items()}
    parameters |= {k: v.to("meta") for k, v in scaling.items()}
    columns = {"x": torch.empty((1, 6, 21), device="meta")}
    batch = Batch(columns, torch.empty((1, 6), device="meta"), (0,))
    loss = Learning(vae, [1]).loss(parameters, batch)
    loss.sum().backward()
    assert all(parameters[name].grad.device.type == "meta" for name in learned)
    for name in vae.score_names:
        assert vae.scores(parameters, columns, name).device.type == "meta"


@pytest.mark.parametrize(
    ("options", "dtype"),
    [({"prior": "learned"}, "float32"), ({"prior": "standard", "beta": 1.0}, "float64")],
)
def test_a_graph_of_few_operations_repeats_all_scores(options, dtype):
    vae = LikelihoodVae(2, features=FEATURES, dtype=dtype, **QUICK, **options).fit(lepton_rows())
    usual = lepton_rows(3000, seed=8)
    odd = lepton_rows(50, seed=9)
    for name, density in FEATURE_DENSITIES.items():
        if density not in {"bernoulli", "charge"}:
            odd[:, FEATURES.index(name)] = np.round(np.abs(odd[:, FEATURES.index(name)]) * 1e4)
    for name in vae.score_names:
        graph = vae.graph(vae.parameters_, name)
        for x in (usual, odd):
            with torch.no_grad():
                found = graph(torch.from_numpy(x)).double().numpy()
            expected = vae.score(x, name=name)
            difference = np.abs(found - expected) / np.maximum(1.0, np.abs(expected))
            assert difference.max() < 1e-5, name


def test_a_graph_of_one_kind_and_without_hidden_layers():
    x = np.random.default_rng(4).normal(size=(300, 5)).astype(np.float32)
    vae = LikelihoodVae(hidden=(), **QUICK).fit(x)
    with torch.no_grad():
        found = vae.graph(vae.parameters_, "total")(torch.from_numpy(x)).numpy()
    np.testing.assert_allclose(found, vae.score(x), rtol=1e-5, atol=1e-5)
