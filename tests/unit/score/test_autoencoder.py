"""Autoencoders: the limit of principal components, and what each loss counts."""

import numpy as np
import pytest
import torch

from bycatch.errors import ConfigError, DataError
from bycatch.score import make_score

QUICK = {"steps": 40, "rounds": 2, "batch_size": 64, "hidden": (8,), "n_latent": 2}


def plane(n, seed, noise=0.1):
    """Rows about a plane in six dimensions."""
    rng = np.random.default_rng(seed)
    axes = np.linalg.qr(np.random.default_rng(7).normal(size=(6, 6)))[0][:2]
    return rng.normal(size=(n, 2)) * [2.0, 1.5] @ axes + noise * rng.normal(size=(n, 6)) + 1.0


def test_a_linear_autoencoder_finds_the_principal_components():
    # All rows in every step, and noise that is not small, so that descent converges.
    x = plane(256, 0, noise=0.4)
    linear = make_score(
        "autoencoder",
        hidden=(),
        n_latent=2,
        steps=800,
        rounds=10,
        validation=0.0,
        batch_size=256,
        learning_rate=0.03,
        dtype="float64",
    ).fit(x)
    pca = make_score("pca", components=2).fit(x)
    new = plane(200, 1, noise=0.8)
    np.testing.assert_allclose(linear.score(new), pca.score(new), rtol=1e-3)
    decoder = linear.parameters_["decoder.weight0"][0].numpy()
    basis = np.linalg.qr(decoder.T)[0]
    cosines = np.linalg.svd(pca.components_[0] @ basis, compute_uv=False)
    np.testing.assert_allclose(cosines, 1.0, atol=1e-6)
    # The components give the lowest error there is, down to rounding.
    assert linear.score(x).mean() >= pca.score(x).mean() * (1.0 - 1e-12)


@pytest.mark.parametrize(
    ("network", "layout", "loss"),
    [
        ("dense", "vector", "mse"),
        ("dense", "vector", "chi2"),
        ("dense", "image", "masked"),
        ("dense", "set", "masked"),
        ("conv", "image", "chi2"),
        ("lola", "set", "chi2"),
        ("lola", "set", "mse"),
    ],
)
def test_contributions_sum_to_the_score(network, layout, loss):
    x, mask = rows(layout)
    options = {"network": network, "layout": layout, "loss": loss}
    if loss == "chi2" and layout != "image":
        options["uncertainty"] = 0.2
    score = make_score("autoencoder", members=2, **QUICK, **options).fit(x, mask=mask)
    parts = score.contributions(x[:9], None if mask is None else mask[:9])
    found = score.score(x[:9], None if mask is None else mask[:9])
    np.testing.assert_allclose(parts.reshape(9, -1).sum(axis=1), found, rtol=1e-5)
    assert (parts >= 0.0).all()
    if layout == "set" and loss == "masked":
        assert (parts[~mask[:9]] == 0.0).all()


def rows(layout, n=120):
    rng = np.random.default_rng(3)
    if layout == "vector":
        return rng.normal(size=(n, 5)), None
    if layout == "image":
        return rng.exponential(size=(n, 6, 6)) * (rng.random((n, 6, 6)) < 0.5), None
    x = rng.normal(size=(n, 19, 3)) * 0.4
    x[..., 0] = rng.exponential(size=(n, 19))
    return x, np.arange(19) < rng.integers(1, 20, n)[:, None]


def test_chi2_counts_in_units_of_the_uncertainty():
    x = plane(300, 2)
    given = np.array([0.1, 0.2, 0.3, 0.4, 0.5, 0.6])
    options = {**QUICK, "loss": "chi2", "steps": 2}
    score = make_score("autoencoder", uncertainty=given.tolist(), **options).fit(x)
    parts = score.contributions(x)
    # The same network's errors, by hand.
    p = score.parameters_
    columns = score.prepared({"x": torch.from_numpy(x[None])})
    output = score.decoded(p, score.encoded(p, columns)) * p["scale"] + p["shift"]
    pulls = (output[0].numpy() - x) / given
    np.testing.assert_allclose(parts, pulls**2 / 6, rtol=1e-3, atol=1e-5)


def test_one_uncertainty_serves_all_features():
    x = plane(300, 2)
    found = [
        make_score("autoencoder", loss="chi2", uncertainty=u, **QUICK).fit(x).score(x)
        for u in (0.3, [0.3] * 6)
    ]
    np.testing.assert_array_equal(found[0], found[1])


def test_pixels_have_poisson_like_uncertainties():
    rng = np.random.default_rng(4)
    mean = rng.uniform(0.5, 4.0, (6, 6))
    mean[0, 0] = 0.0
    x = rng.poisson(mean, (400, 6, 6)).astype(np.float32)
    score = make_score("autoencoder", network="conv", loss="chi2", **QUICK).fit(x)
    found = score.parameters_["sigma"][0, 0].numpy().reshape(6, 6)
    average = x.mean(axis=0)
    expected = np.sqrt(np.maximum(average / average.mean(), 0.01))
    # Held-out rows are not looked at, hence the statistical difference.
    np.testing.assert_allclose(found, expected, rtol=0.05)
    assert found[0, 0] == pytest.approx(0.1)


def test_masked_zeros_do_not_count():
    rng = np.random.default_rng(5)
    x = rng.normal(3.0, 1.0, (400, 5)) * (rng.random((400, 5)) < 0.6)
    x[0] = 0.0
    score = make_score("autoencoder", loss="masked", **QUICK).fit(x)
    parts = score.contributions(x)
    assert (parts[x == 0.0] == 0.0).all()
    assert score.score(x)[0] == 0.0
    # The spread is that of what is there.
    np.testing.assert_allclose(score.parameters_["shift"], 3.0, atol=5.0 / np.sqrt(400 * 0.5))
    np.testing.assert_allclose(score.parameters_["scale"], 1.0, atol=5.0 / np.sqrt(400))


def test_padding_counts_as_zeros_unless_masked():
    x, mask = rows("set")
    for loss, counts in (("mse", True), ("masked", False)):
        score = make_score("autoencoder", layout="set", loss=loss, **QUICK).fit(x, mask=mask)
        assert (score.contributions(x, mask)[~mask] > 0.0).any() == counts


def test_what_is_not_there_does_not_change_the_training():
    x, mask = rows("set")
    options = {"network": "lola", "loss": "masked", **QUICK}
    found = [
        make_score("autoencoder", **options).fit(other, mask=mask).score(other, mask)
        for other in (x, np.where(mask[..., None], x, np.nan))
    ]
    np.testing.assert_array_equal(found[0], found[1])


def test_momenta_and_angles_of_massless_objects_are_the_same_to_the_encoder():
    x, mask = rows("set")
    pt, eta, phi = np.moveaxis(x, -1, 0)
    p = np.stack([pt * np.cos(phi), pt * np.sin(phi), pt * np.sinh(eta), pt * np.cosh(eta)], -1)
    options = {"network": "lola", "dtype": "float64", **QUICK, "steps": 2}
    found = [make_score("autoencoder", **options).fit(given, mask=mask) for given in (x, p)]
    for score in found[1:]:
        np.testing.assert_allclose(
            score.parameters_["momentum"], found[0].parameters_["momentum"], rtol=1e-6
        )
    # The same encoder reads both.
    found[1].parameters_ |= {
        name: value for name, value in found[0].parameters_.items() if name[:7] == "encoder"
    }
    np.testing.assert_allclose(found[1].latent(p, mask), found[0].latent(x, mask), atol=1e-6)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"network": "convolution"}, "'network'"),
        ({"network": "conv", "layout": "vector"}, "'layout' is 'vector'"),
        ({"loss": "chi2"}, "'uncertainty' is missing"),
        ({"uncertainty": 0.1}, "'uncertainty' is 0.1, but the loss 'mse'"),
        ({"loss": "chi2", "uncertainty": [1.0, 0.0]}, "'uncertainty' is 0.0"),
        ({"network": "conv", "channels": ()}, "'channels'"),
        ({"network": "lola", "combinations": 0}, "'combinations'"),
    ],
)
def test_options_that_make_no_sense_are_refused(options, message):
    with pytest.raises(ConfigError, match=message):
        make_score("autoencoder", **options)


def test_inputs_that_do_not_fit_the_options_are_refused():
    x, mask = rows("set")
    with pytest.raises(DataError, match="2 numbers"):
        make_score("autoencoder", loss="chi2", uncertainty=[1.0, 2.0], **QUICK).fit(plane(50, 0))
    with pytest.raises(DataError, match="given 2 features"):
        make_score("autoencoder", network="lola", **QUICK).fit(x[..., :2], mask=mask)


@pytest.mark.parametrize(
    ("network", "layout", "loss"), [("conv", "image", "chi2"), ("lola", "set", "masked")]
)
def test_everything_stays_on_the_device_of_the_parameters(network, layout, loss):
    x, mask = rows(layout)
    score = make_score("autoencoder", network=network, layout=layout, loss=loss, **QUICK)
    score.fit(x, mask=mask)
    parameters = {name: value.to("meta") for name, value in score.parameters_.items()}
    columns = {"x": torch.from_numpy(x[None])}
    if mask is not None:
        columns["mask"] = torch.from_numpy(mask[None])
    columns = score.prepared({name: value.to("meta") for name, value in columns.items()})
    for found in (
        score.losses(parameters, columns, None),
        score.scores(parameters, columns, "latent"),
    ):
        assert found.device.type == "meta"
        assert found.shape == (1, len(x))
