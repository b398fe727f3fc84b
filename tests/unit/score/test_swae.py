"""The sliced-Wasserstein autoencoder: its latent distribution, and physics as losses."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from bycatch.errors import ConfigError, DataError
from bycatch.learn.neural import Noise
from bycatch.learn.trainer import Batch
from bycatch.learn.wasserstein import sliced_wasserstein, unit_directions
from bycatch.score import load_score
from bycatch.score.parts.constraints import balance, checked_constraints, on_shell
from bycatch.score.swae import Swae

OPTIONS = {
    "steps": 240,
    "rounds": 4,
    "batch_size": 128,
    "hidden": (16,),
    "n_latent": 2,
    "learning_rate": 1e-2,
    "directions": 10,
}


def plane(n=1000, seed=1):
    """Rows that fill a curved plane, clustered at two places."""
    rng = np.random.default_rng(seed)
    uv = rng.normal(size=(n, 2)) * 0.4 + rng.choice([-2.0, 2.0], n)[:, None]
    x = np.stack([uv[:, 0], uv[:, 1], 0.3 * uv[:, 0] * uv[:, 1]], axis=1)
    return (x + 0.02 * rng.normal(size=x.shape)).astype(np.float32)


def spread_of(prior, penalty):
    score = Swae(prior=prior, penalty=penalty, **OPTIONS).fit(plane())
    return score, score.latent(plane(seed=2))


def distance(score, z):
    """Squared sliced Wasserstein distance of encodings from the prior of `score`."""
    noise = Noise([7])
    encoded = torch.from_numpy(z.astype(np.float32))[None]
    prior = score.prior_sample(score.parameters_, 4000, noise)
    along = unit_directions(noise.normal((100, 2), encoded))
    return float(sliced_wasserstein(encoded, prior, along))


@pytest.fixture(scope="module")
def unpenalised():
    return spread_of("normal", 0.0)[1]


@pytest.mark.parametrize("prior", ["normal", "uniform", "sphere"])
def test_the_penalty_pulls_encodings_to_the_prior(prior, unpenalised):
    """Encodings of new rows are five times nearer than those of an autoencoder of that size."""
    score, z = spread_of(prior, 3.0)
    assert distance(score, z) < 0.2 * distance(score, unpenalised)
    x = plane(30)
    squared = (score.latent(x) ** 2).sum(axis=1)
    expected = {"normal": squared, "uniform": 3.0 * squared, "sphere": (squared - 1.0) ** 2}[prior]
    found = score.score(x, name="latent")
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-6)


def test_given_samples_are_a_prior_and_are_saved(tmp_path, unpenalised):
    rng = np.random.default_rng(3)
    samples = rng.normal(size=(500, 2)) @ [[2.0, 1.0], [0.0, 0.5]] + [5.0, -3.0]
    score, z = spread_of(samples.tolist(), 3.0)
    np.testing.assert_allclose(z.mean(axis=0), samples.mean(axis=0), atol=0.5)
    assert distance(score, z) < 0.2 * distance(score, unpenalised)
    inverse = np.linalg.inv(np.cov(samples.T, bias=True))
    delta = score.latent(plane(40)) - samples.mean(axis=0)
    expected = np.einsum("ni,ij,nj->n", delta, inverse, delta)
    found = score.score(plane(40), name="latent")
    np.testing.assert_allclose(found, expected, rtol=1e-2, atol=1e-3)
    score.save(tmp_path / "model")
    again = load_score(tmp_path / "model")
    np.testing.assert_array_equal(again.score(plane(40), name="latent"), found)


def test_mass_shells_and_balance():
    rng = np.random.default_rng(4)
    p = rng.normal(size=(1, 50, 2, 3))
    mass = 3.0
    total = p.sum(axis=2)
    energy = np.sqrt(mass**2 + (total**2).sum(axis=-1))
    e = np.stack([0.3 * energy, 0.7 * energy], axis=-1)
    x = torch.from_numpy(np.concatenate([e[..., None], p], axis=-1).reshape(1, 50, 8))
    columns = [[0, 1, 2, 3], [4, 5, 6, 7]]
    assert on_shell(x, columns, mass).abs().max() < 1e-20
    heavier = on_shell(x, columns, 6.0)
    assert ((heavier > 0.01) & (heavier < 1.0)).all()
    light_like = torch.tensor([[[5.0, 3.0, 0.0, 4.0], [0.0, 0.0, 0.0, 0.0]]])
    assert torch.equal(on_shell(light_like, [[0, 1, 2, 3]], 0.0), torch.zeros((1, 2)))
    apart = torch.tensor([[[1.0, -1.0, 2.0, -2.0], [1.0, 1.0, 0.0, 0.0], [0.0, 0.0, 0.0, 0.0]]])
    found = balance(apart, [[0, 1], [2, 3]])
    torch.testing.assert_close(found, torch.tensor([[0.0, 2.0, 0.0]]))
    apart.requires_grad_()
    balance(apart, [[0, 1], [2, 3]]).sum().backward()
    assert torch.isfinite(apart.grad).all()


def decays(n=800, seed=5):
    """(E, px, py, pz) of something of mass 2, with a detector's smearing of 5 %."""
    rng = np.random.default_rng(seed)
    p = rng.normal(size=(n, 3)) * [1.0, 1.0, 3.0]
    x = np.concatenate([np.sqrt(4.0 + (p**2).sum(axis=1, keepdims=True)), p], axis=1)
    return (x * (1.0 + 0.05 * rng.normal(size=x.shape))).astype(np.float32)


def test_a_constraint_brings_the_reconstruction_to_the_mass_shell():
    x = decays()
    shell = {"name": "on_shell", "columns": [[0, 1, 2, 3]], "mass": 2.0, "weight": 30.0}
    found = {}
    for name, given, own in [
        ("without", (), ()),
        ("by name", (shell,), ()),
        ("as callable", (), ((30.0, lambda y: on_shell(y, [[0, 1, 2, 3]], 2.0)),)),
    ]:
        score = Swae(constraints=given, **OPTIONS)
        score.extra_losses = own
        score.fit(x)
        c = score.prepared({"x": torch.from_numpy(x)[None]})
        p = score.parameters_
        given_back = score.decoded(p, score.encoded(p, c)) * p["scale"] + p["shift"]
        found[name] = float(on_shell(given_back, [[0, 1, 2, 3]], 2.0).mean())
    assert found["by name"] < 0.5 * found["without"]
    assert found["as callable"] == pytest.approx(found["by name"], rel=1e-3)


def test_options_are_refused_by_name():
    shell = {"name": "on_shell", "columns": [[0, 1, 2, 3]], "mass": 2.0, "weight": 1.0}
    for change, match in [
        ({"name": "on_shel"}, "nearest are 'on_shell'"),
        ({"weight": 0.0}, "more than 0"),
        ({"columns": [[0, 1]]}, "E, px, py and pz"),
        ({"more": 1}, "has the keys"),
    ]:
        with pytest.raises(ConfigError, match=match):
            checked_constraints([{**shell, **change}])
    with pytest.raises(ConfigError, match="'prior'"):
        Swae(prior="cube").check_options()
    for samples in ([[1.0, 2.0]], [[1.0]] * 9, [[np.nan, 1.0]] * 9):
        with pytest.raises(ConfigError, match="'prior' holds samples"):
            Swae(n_latent=2, prior=samples).check_options()
    with pytest.raises(DataError, match="column 9, but there are 4"):
        Swae(constraints=[{**shell, "columns": [[9, 1, 2, 3]]}], **OPTIONS).fit(decays(50))


@pytest.mark.parametrize("prior", ["normal", "uniform", "sphere", [[0.0, 1.0], [1.0, 2.0], [3, 1]]])
def test_it_computes_where_its_parameters_are(prior):
    score = Swae(prior=prior, **{**OPTIONS, "steps": 4}).fit(plane(60))
    parameters = {k: v.to("meta") for k, v in score.parameters_.items()}
    columns = {"x": torch.empty((1, 6, 3), device="meta")}
    batch = Batch(columns, torch.empty((1, 6), device="meta"), (0,))
    model = score._model([1])
    assert model.loss(parameters, batch).device.type == "meta"
    assert model.validation(parameters, batch).device.type == "meta"
    assert score.scores(parameters, columns, "latent").device.type == "meta"
