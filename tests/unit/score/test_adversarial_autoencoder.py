"""Autoencoders whose score does not follow a protected variable."""

import numpy as np
import pytest
import torch

from bycatch.errors import ConfigError, DataError
from bycatch.learn.decorrelation import distance_correlation
from bycatch.score import load_score, make_score
from bycatch.score.adversarial_autoencoder import _edges

QUICK = {"steps": 40, "rounds": 2, "batch_size": 64, "hidden": (8,), "n_latent": 2}


def toy(n, seed):
    """Eight features whose noise, which no bottleneck can keep, grows with the mass."""
    rng = np.random.default_rng(seed)
    mass = rng.uniform(0.0, 1.0, n)
    t = rng.normal(size=(n, 1))
    x = np.concatenate([t, t**2 / 2, np.sin(t), -t, t, t, t, t], axis=1)
    x[:, :4] += (0.1 + 0.8 * mass[:, None]) * rng.normal(size=(n, 4))
    return x + 0.2 * rng.normal(size=(n, 8)), mass


def dependence(score, mass):
    a, b = (torch.from_numpy(np.asarray(v, dtype=np.float64))[None] for v in (score, mass))
    return float(distance_correlation(torch.log(a), b))


@pytest.mark.parametrize("decorrelate", ["disco", "adversary"])
def test_the_score_no_longer_follows_the_mass(decorrelate):
    x, mass = toy(1500, 0)
    new, new_mass = toy(800, 1)
    options = {**QUICK, "steps": 500, "hidden": (32,), "n_latent": 2, "batch_size": 128}
    options["learning_rate"] = 3e-3
    found = {}
    for strength in (0.0, {"disco": 3.0, "adversary": 10.0}[decorrelate]):
        score = make_score(
            "adversarial_autoencoder", decorrelate=decorrelate, strength=strength, **options
        )
        found[strength > 0.0] = dependence(score.fit(x, protected=mass).score(new), new_mass)
    assert found[False] > 0.15
    assert found[True] < 0.3 * found[False]


@pytest.mark.parametrize("decorrelate", ["disco", "adversary"])
def test_a_column_and_an_argument_are_the_same_contract(decorrelate, tmp_path):
    x, mass = toy(200, 0)
    wide = np.insert(x, 3, mass, axis=1)
    options = {**QUICK, "decorrelate": decorrelate}
    one = make_score("adversarial_autoencoder", **options).fit(x, protected=mass)
    two = make_score("adversarial_autoencoder", protected_column=3, **options).fit(wide)
    np.testing.assert_array_equal(one.score(x), two.score(wide))
    parts = two.contributions(wide)
    assert (parts[:, 3] == 0.0).all()
    np.testing.assert_allclose(parts.sum(axis=1), two.score(wide), rtol=1e-5)
    # The value of the protected column has no influence on the score.
    other = wide.copy()
    other[:, 3] = 1e3
    np.testing.assert_array_equal(two.score(other), two.score(wide))
    two.save(tmp_path / "model")
    np.testing.assert_array_equal(load_score(tmp_path / "model").score(wide), two.score(wide))


@pytest.mark.parametrize("decorrelate", ["disco", "adversary"])
@pytest.mark.parametrize(("network", "layout"), [("conv", "image"), ("lola", "set")])
def test_images_and_sets_are_protected_too(decorrelate, network, layout):
    rng = np.random.default_rng(2)
    shape, mask = ((90, 6, 6), None) if layout == "image" else ((90, 5, 3), np.ones((90, 5)) > 0)
    x, mass = rng.exponential(size=shape), rng.uniform(size=90)
    score = make_score(
        "adversarial_autoencoder", members=2, network=network, decorrelate=decorrelate, **QUICK
    ).fit(x, mask=mask, protected=mass)
    assert np.isfinite(score.score(x, mask)).all()
    assert score.contributions(x[:3], mask if mask is None else mask[:3]).shape[0] == 3
    assert not hasattr(score, "_protected")


def test_the_last_state_is_kept():
    x, mass = toy(200, 0)
    score = make_score("adversarial_autoencoder", decorrelate="adversary", **QUICK)
    score.fit(x, protected=mass)
    assert score.histories_[0].best == 1


def test_a_constant_variable_protects_nothing():
    x, _ = toy(200, 0)
    found = [
        make_score("adversarial_autoencoder", strength=s, **QUICK)
        .fit(x, protected=np.full(200, 91.2))
        .score(x)
        for s in (0.0, 5.0)
    ]
    np.testing.assert_array_equal(found[0], found[1])


def test_bins_hold_equal_weights():
    values = np.random.default_rng(3).exponential(size=1000)
    weights = np.stack([np.ones(1000), np.where(values > 1.0, 3.0, -1.0)])
    edges = _edges(values, weights, 5)
    assert edges.shape == (2, 1, 4)
    for e, w in zip(edges[:, 0], weights, strict=True):
        counts = np.bincount(np.searchsorted(e, values), np.abs(w), minlength=5)
        np.testing.assert_allclose(counts, np.abs(w).sum() / 5, atol=3.0)


def test_missing_and_bad_protected_variables_are_refused():
    x, mass = toy(100, 0)
    score = make_score("adversarial_autoencoder", **QUICK)
    with pytest.raises(DataError, match="has no protected variables"):
        score.fit(x)
    with pytest.raises(DataError, match="two protected variables"):
        make_score("adversarial_autoencoder", protected_column=0, **QUICK).fit(x, protected=mass)
    with pytest.raises(DataError, match=r"shape \(100,\), but it has \(99,\)"):
        score.fit(x, protected=mass[1:])
    with pytest.raises(DataError, match="1 of 100 values of 'protected'"):
        score.fit(x, protected=np.where(np.arange(100) == 3, np.nan, mass))
    with pytest.raises(DataError, match="'protected_column' is 8"):
        make_score("adversarial_autoencoder", protected_column=8, **QUICK).fit(x)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"decorrelate": "planing"}, "'decorrelate'"),
        ({"strength": -1.0}, "'strength'"),
        ({"bins": 1}, "'bins'"),
        ({"adversary": (0,)}, "'adversary'"),
        ({"network": "conv", "protected_column": 1}, "without columns"),
    ],
)
def test_options_that_make_no_sense_are_refused(options, message):
    with pytest.raises(ConfigError, match=message):
        make_score("adversarial_autoencoder", **options)


@pytest.mark.parametrize("decorrelate", ["disco", "adversary"])
def test_everything_stays_on_the_device_of_the_parameters(decorrelate):
    from bycatch.learn.trainer import Batch

    x, mass = toy(100, 0)
    score = make_score("adversarial_autoencoder", decorrelate=decorrelate, **QUICK)
    score.fit(x, protected=mass)
    parameters = {name: value.to("meta") for name, value in score.parameters_.items()}
    columns = {"x": torch.from_numpy(x[None]), "protected": torch.from_numpy(mass[None])}
    columns = {name: value.to("meta") for name, value in columns.items()}
    batch = Batch(columns, torch.ones((1, 100), device="meta"), (0,))
    model = score._model([1])
    for found in (model.loss(parameters, batch), model.validation(parameters, batch)):
        assert found.device.type == "meta"
        assert found.shape == (1,)
