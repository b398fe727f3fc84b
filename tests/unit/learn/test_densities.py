"""One property test over all densities, on a normal density whose mean follows the condition."""

import numpy as np
import pytest
import torch
from density_toy import (
    COVARIANCE,
    FAST,
    MEAN,
    SLOPE,
    N,
    every_density,
    masks,
    same_weights,
    small,
    toy,
)
from scipy import stats

from bycatch.errors import ConfigError
from bycatch.learn import make_density
from bycatch.learn.densities.ode import integrate
from bycatch.learn.trainer import Batch


@pytest.fixture(scope="module")
def trained():
    """Return densities of the toy by name, in double precision, each trained once."""
    made = {}

    def get(name):
        if name not in made:
            X, c = toy(N, 1)
            density = make_density(
                name, 1, steps=400, rounds=4, batch_size=500, dtype="float64", **FAST[name]
            )
            made[name] = density.fit(X, c, seed=2, **masks(N))
        return made[name]

    return get


def to_latent(density, z, c):
    """Map scaled features to the normal variables of the model (tensors of one member)."""
    parameters = {name: value[0] for name, value in density.parameters_.items()}
    if density.kind != "matching":
        module = density._flow()
        module.load_state_dict(parameters, strict=False)
        return module.flow(c).transform(z)
    return _carry(density, z, c, 1.0, 0.0)


def from_latent(density, noise, c):
    if density.kind != "matching":
        to_latent(density, noise, c)  # hands the weights to the module
        return density._flow().flow(c).transform.inv(noise)
    return _carry(density, noise, c, 0.0, 1.0)


def _carry(density, x, c, start, stop):
    velocity, head = density._velocity(), torch.zeros((1, len(x)), dtype=torch.int64)

    def flow(t, state):
        return (velocity.chosen(density.parameters_, state[0], t, c[None], head),)

    return integrate(flow, (x[None],), start, stop, solver="rk4", steps=200)[0][0]


def quadrature(edges, nodes):
    """Gauss and Legendre's points and weights of each panel between edges, both (panels, nodes)."""
    point, weight = np.polynomial.legendre.leggauss(nodes)
    half = np.diff(edges)[:, None] / 2
    return (edges[1:] + edges[:-1])[:, None] / 2 + half * point, half * weight


def cell_probabilities(density, value, edges, nodes):
    """Integrate p(x | c = value) over cells of the scaled features, of shape (cells, cells)."""
    (a, weight_a), (b, weight_b) = (quadrature(e, nodes) for e in edges)
    z = np.stack(np.meshgrid(a.ravel(), b.ravel(), indexing="ij"), axis=-1).reshape(-1, 2)
    x = density.scaling_.inverse(z).astype(np.float32)
    log_p = density.log_prob(x, np.full(len(x), value))[0]
    inside = np.isfinite(log_p)  # float32 puts the outermost points on the ends
    p = np.zeros(len(x))
    p[inside] = np.exp(log_p[inside] - density.scaling_.log_jacobian(x[inside]))
    p = p.reshape(*a.shape, *b.shape)
    return np.einsum("iajb,ia,jb->ij", p, weight_a, weight_b)


@every_density
def test_integral_over_the_support_is_one(name, trained):
    """The kinks of splines and rectifiers limit the quadrature; fewer points show how far."""
    edges = (np.linspace(-9.0, 9.0, 19),) * 2
    for value in (-0.8, 0.5):
        coarse, fine = (cell_probabilities(trained(name), value, edges, n) for n in (4, 6))
        # The velocity's equation is solved in 20 steps of fourth order: 20^-4 and a factor.
        limit = np.abs(fine - coarse).sum() + 1e-4
        assert limit < 0.01
        assert fine.sum() == pytest.approx(1.0, abs=limit)


@every_density
def test_samples_follow_the_density(name, trained):
    """Chi-squared of samples in cells whose probabilities come from quadrature."""
    density, n, value = trained(name), 20_000, 0.3
    drawn = density.scaling_.transform(density.sample(np.full(n, value), seed=7))
    edges = [np.r_[-9.0, np.quantile(drawn[:, j], np.arange(1, 6) / 6), 9.0] for j in (0, 1)]
    coarse, fine = (n * cell_probabilities(density, value, edges, k) for k in (7, 10))
    observed, *_ = np.histogram2d(drawn[:, 0], drawn[:, 1], bins=edges)
    assert observed.sum() == n
    use = fine > 20
    variance = fine + (fine - coarse) ** 2
    chi2 = ((observed - fine) ** 2 / variance)[use].sum()
    assert use.sum() > 15
    assert 1e-4 < stats.chi2.sf(chi2, use.sum()) < 1 - 1e-4


@every_density
def test_latent_and_back(name, trained):
    density = trained(name)
    X, c = toy(300, 8)
    z = torch.from_numpy(density.scaling_.transform(density.scaling_.clip(X)))
    conditions = torch.from_numpy(density._conditions(c, len(c)))
    with torch.no_grad():
        noise = to_latent(density, z, conditions)
        back = from_latent(density, noise, conditions)
    # A spline's inverse subtracts squares, which costs half of the digits where it is flat.
    np.testing.assert_allclose(back, z, atol=1e-7)
    # The held-out events become normal: each mean and variance, at five sigma.
    assert (np.abs(noise.numpy().mean(axis=0)) < 5 / np.sqrt(300) + 0.15).all()
    assert (np.abs(noise.numpy().var(axis=0) - 1) < 5 * np.sqrt(2 / 300) + 0.2).all()


@every_density
def test_log_prob_against_the_jacobian_of_the_whole_map(name, trained):
    """From x to normal variables by autograd, with the logit written out here."""
    density = trained(name)
    X, c = toy(12, 9)
    conditions = torch.from_numpy(density._conditions(c, len(c)))
    low, high, mean, scale = (
        torch.from_numpy(getattr(density.scaling_, key)) for key in ("low", "high", "mean", "scale")
    )
    expected = []
    for x, condition in zip(torch.from_numpy(X).double(), conditions, strict=True):

        def whole(x, condition=condition):
            z = (torch.logit((x - low) / (high - low)) - mean) / scale
            return to_latent(density, z[None], condition[None])[0]

        jacobian = torch.autograd.functional.jacobian(whole, x)
        normal = torch.distributions.Normal(0.0, 1.0).log_prob(whole(x)).sum()
        expected.append(float(normal + torch.linalg.slogdet(jacobian).logabsdet))
    if name == "matching":
        density = same_weights(density, solver_steps=200)
    np.testing.assert_allclose(density.log_prob(X, c)[0], expected, rtol=0, atol=1e-7)


@every_density
def test_conditional_moments(name, trained):
    """Within three sigma of the closed form.

    A smooth curve of a moment has no more than some 20 degrees of freedom here, so its error is
    about sqrt(20 / N) standard deviations; the samples add theirs.
    """
    density, n = trained(name), 4000
    spread = np.sqrt(np.diag(COVARIANCE))
    error = 3 * np.sqrt(20 / N + 1 / n)
    correlation = COVARIANCE[0, 1] / spread.prod()
    for value in (-0.8, 0.0, 0.8):
        drawn = density.sample(np.full(n, value), seed=11)
        np.testing.assert_array_less(
            np.abs(drawn.mean(axis=0) - MEAN - SLOPE * value) / spread, error
        )
        np.testing.assert_array_less(np.abs(drawn.std(axis=0) / spread - 1), error)
        found = np.corrcoef(drawn.T)[0, 1]
        assert abs(np.arctanh(found) - np.arctanh(correlation)) < error
    # The error must be small beside what there is to learn.
    assert (error < 0.3 * 1.6 * SLOPE / spread).all()


def batch_of(density, X, c, weight):
    """Return a batch as the training loop makes it, for one member."""
    z = torch.from_numpy(density.scaling_.transform(X))
    n = len(X)
    columns = {
        "z": z,
        "c": torch.from_numpy(density._conditions(c, n)),
        "jacobian": torch.from_numpy(density.scaling_.log_jacobian(X)),
        "sees": torch.ones((n, 1), dtype=torch.float64),
        "head": torch.zeros(n, dtype=torch.int64),
    }
    weights = torch.from_numpy(np.asarray(weight, dtype=float))
    return Batch({key: value[None] for key, value in columns.items()}, weights[None], (0,))


@every_density
def test_losses_are_linear_in_the_weights(name):
    density = small(name, dtype="float64")
    X, c = toy(40, 5)
    X = density.scaling_.clip(X)
    one, two = np.random.default_rng(1).normal(size=(2, 40))

    def loss(which, weight, rows=slice(None)):
        model = density._model([3])  # the same noise each time
        batch = batch_of(density, X[rows], c[rows], weight)
        return float(getattr(model, which)(density.parameters_, batch))

    for which in ("loss", "validation"):
        parts = loss(which, one), loss(which, two)
        assert loss(which, one + two) == pytest.approx(sum(parts), abs=1e-10)
        assert loss(which, 2 * one) == pytest.approx(2 * parts[0], abs=1e-10)
        assert abs(parts[0]) > 0.1
    # An event and its negative cancel, one of weight 2 is two: exact where no noise is drawn.
    twice = [*range(40), *range(10)]
    doubled = np.where(np.arange(40) < 10, 2.0, 1.0)
    repeated = loss("validation", np.ones(50), twice)
    assert repeated == pytest.approx(loss("validation", doubled), abs=1e-10)
    cancelled = loss("validation", np.r_[np.ones(40), -np.ones(10)], twice)
    assert cancelled == pytest.approx(
        loss("validation", np.where(np.arange(40) < 10, 0.0, 1.0)), abs=1e-10
    )


@every_density
def test_the_density_follows_signed_weights(name):
    """Two groups of events at -1 and 1; the second one weighs three times as much on the whole."""
    n, rng = 6000, np.random.default_rng(6)
    group = np.where(np.arange(n) % 2 == 0, 1.0, -1.0)
    X = (group[:, None] + rng.normal(size=(n, 2))).astype(np.float32)
    # Of both groups every eighth event or so is negative, so that the mean weights are 3 and 1.
    sign = np.where(rng.random(n) < 0.125, -1.0, 1.0)
    weight = np.where(group > 0, 4.0, 4.0 / 3.0) * sign
    density = make_density(name, 1, steps=200, rounds=1, batch_size=500, **FAST[name])
    density.fit(X, None, weight, seed=1, **masks(n))
    drawn = density.sample(None, seed=3, n=4000)
    mean = np.average(group, weights=weight)
    effective = weight.sum() ** 2 / (weight**2).sum()
    spread = np.sqrt(2.0)
    error = 3 * spread * np.sqrt(20 / effective + 1 / 4000)
    assert abs(mean - 0.5) < 0.05
    assert error < 0.4, "without the weights the mean would be zero"
    np.testing.assert_array_less(np.abs(drawn.mean(axis=0) - mean), error)


@every_density
def test_nothing_computes_on_another_device_than_its_inputs(name):
    """A tensor that is made on the processor in between fails beside tensors on ``meta``."""
    density = small(name)
    parameters = {
        key: value.to("meta").requires_grad_() for key, value in density.parameters_.items()
    }
    X, c = toy(8, 5)
    batch = batch_of(density, density.scaling_.clip(X), c, np.ones(8))
    density.device = "meta"
    columns = {
        key: value.to("meta", torch.float32 if value.is_floating_point() else None)
        for key, value in batch.columns.items()
    }
    batch = Batch(columns, batch.weight.to("meta", torch.float32), (0,))
    model = density._model([3])
    for loss in (model.loss, model.validation):
        assert loss(parameters, batch).device.type == "meta"
    model.loss(parameters, batch).sum().backward()
    assert all(value.grad.device.type == "meta" for value in parameters.values())
    z, conditions = columns["z"], columns["c"]
    assert density._log_prob(parameters, z, conditions, 0).device.type == "meta"
    drawn = density._sample(parameters, conditions, torch.Generator(), 0)
    assert (drawn.device.type, tuple(drawn.shape)) == ("meta", (8, 2))


@every_density
def test_a_device_that_is_not_there_is_refused(name):
    for device, sentence in (
        ("cuda:99", r"torch sees \d+ CUDA devices: use 'cpu'"),
        ("gpu", "must be 'cpu', 'cuda' or 'cuda:N'"),
        ("meta", "must be 'cpu', 'cuda' or 'cuda:N'"),
    ):
        with pytest.raises(ConfigError, match=sentence):
            make_density(name, 1, device=device)


@every_density
def test_outside_of_the_support_there_is_nothing(name):
    density = small(name)
    X, c = toy(20, 4)
    X = density.scaling_.clip(X).astype(np.float32)
    X[3, 0] = np.float32(density.scaling_.high[0] + 1e-3)
    X[4, 1] = -1e30
    log_p = density.log_prob(X, c)[0]
    outside = np.isin(np.arange(20), (3, 4))
    np.testing.assert_array_equal(np.isneginf(log_p), outside)
    assert np.isfinite(log_p[~outside]).all()
    assert np.isneginf(density.log_prob(X[3:5], c[3:5])).all()
    # Samples lie inside, whatever the condition.
    assert density.scaling_.inside(density.sample(np.full(2000, 3.0), 1)).all()
