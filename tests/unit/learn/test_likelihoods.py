"""Densities of features: each integrates to one, agrees with scipy, and is smooth everywhere."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import scipy.stats
import torch
from scipy.integrate import quad

from bycatch.learn import likelihoods
from bycatch.learn.likelihoods import CLIP, DENSITIES

LOCATIONS = [(-3.0, 1.0), (-1.0, 1.0), (0.0, 1.0), (0.3, 0.5), (4.0, 0.02), (2.0, 30.0)]


def at(function, x, *parameters):
    x = torch.as_tensor(np.asarray(x, dtype=np.float64))
    return function(x, *(torch.tensor(p, dtype=torch.float64) for p in parameters)).numpy()


def integral(function, low, high, *parameters, points=()):
    edges = [low, *(p for p in sorted(points) if low < p < high), high]
    return sum(
        quad(lambda x: float(np.exp(at(function, x, *parameters))), a, b, limit=400)[0]
        for a, b in itertools.pairwise(edges)
    )


@pytest.mark.parametrize(("mean", "width"), LOCATIONS)
def test_gaussians_integrate_to_one(mean, width):
    points = [mean - 8 * width, mean, mean + 8 * width]
    for function, low in ((likelihoods.gaussian, -400.0), (likelihoods.truncated_gaussian, 0.0)):
        found = integral(function, low, 400.0, mean, width, points=points)
        assert found == pytest.approx(1.0, abs=1e-7)


@pytest.mark.parametrize(("log_mean", "log_width"), [(0.0, 1.0), (3.0, 0.1), (-9.0, 1.5), (-12, 1)])
@pytest.mark.parametrize("logit", [-30.0, 0.4, 3.0])
def test_the_clipped_log_normal_integrates_to_one_with_its_point_mass(log_mean, log_width, logit):
    def of_log(log_x):
        x = np.exp(log_x)
        return x * np.exp(at(likelihoods.clipped_log_normal, x, log_mean, log_width, logit))

    start = np.log(CLIP) + 1e-12
    above = sum(
        quad(of_log, a, b, limit=400)[0]
        for a, b in itertools.pairwise(
            np.unique(np.clip(log_mean + log_width * np.linspace(-9, 16, 9), start, None))
        )
    )
    zero = np.exp(at(likelihoods.clipped_log_normal, 0.0, log_mean, log_width, logit))
    assert zero + above == pytest.approx(1.0, abs=1e-7)
    assert zero == pytest.approx(1.0 / (1.0 + np.exp(-logit)), rel=1e-12)
    at_clip = at(likelihoods.clipped_log_normal, CLIP, log_mean, log_width, logit)
    assert np.exp(at_clip) == zero


@pytest.mark.parametrize(("mean", "width"), LOCATIONS)
def test_counts_sum_to_one(mean, width):
    total = np.exp(at(likelihoods.discrete_gaussian, np.arange(400), mean, width)).sum()
    assert total == pytest.approx(1.0, abs=1e-10)


@pytest.mark.parametrize("rate", [1e-6, 0.3, 4.0, 60.0])
def test_poisson_sums_to_one(rate):
    assert np.exp(at(likelihoods.poisson, np.arange(400), rate)).sum() == pytest.approx(1.0)


@pytest.mark.parametrize("logit", [-40.0, -1.0, 0.0, 2.5])
def test_flags_and_charges_sum_to_one(logit):
    assert np.exp(at(likelihoods.bernoulli, [0, 1], logit)).sum() == pytest.approx(1.0)
    assert np.exp(at(likelihoods.charge, [-1, 1], logit)).sum() == pytest.approx(1.0)
    one = np.exp(at(likelihoods.bernoulli, 1, logit))
    assert one == pytest.approx(scipy.special.expit(logit), rel=1e-12)
    assert one == np.exp(at(likelihoods.charge, 1, logit))


def test_they_agree_with_scipy():
    x = np.array([0.1, 1.0, 2.5, 9.0])
    mean, width = -0.7, 1.3
    np.testing.assert_allclose(
        at(likelihoods.truncated_gaussian, x, mean, width),
        scipy.stats.truncnorm.logpdf(x, -mean / width, np.inf, mean, width),
        rtol=1e-12,
    )
    norm = scipy.stats.norm(mean, width)
    np.testing.assert_allclose(
        at(likelihoods.discrete_gaussian, np.arange(4), mean, width),
        np.log(norm.cdf(np.arange(4) + 0.5) - norm.cdf(np.arange(4) - 0.5)) - norm.logsf(-0.5),
        rtol=1e-10,
    )
    np.testing.assert_allclose(
        at(likelihoods.poisson, np.arange(9), 3.2),
        scipy.stats.poisson.logpmf(np.arange(9), 3.2),
        rtol=1e-12,
    )
    above = scipy.stats.norm(0.5, 2.0).sf(np.log(CLIP))
    np.testing.assert_allclose(
        at(likelihoods.clipped_log_normal, x, 0.5, 2.0, -1.0),
        scipy.stats.lognorm.logpdf(x, 2.0, scale=np.exp(0.5))
        - np.log(above)
        + scipy.special.log_expit(1.0),
        rtol=1e-12,
    )


def test_far_tails_of_counts_are_right():
    """Where differences of distribution functions would be zero, against the tail's expansion."""
    for mean, width, x in [(0.0, 0.05, 6.0), (0.5, 1.0, 200.0), (900.0, 2.0, 3.0)]:
        edge = x - 0.5 if x > mean else x + 0.5
        z = abs(edge - mean) / width
        expansion = -0.5 * z**2 - np.log(z * np.sqrt(2 * np.pi)) + np.log1p(-1 / z**2)
        found = at(likelihoods.discrete_gaussian, x, mean, width)
        norm = scipy.stats.norm.logsf(-(mean + 0.5) / width)
        assert found == pytest.approx(expansion - norm, abs=1e-3)


SAMPLES = {
    "gaussian": [-1e6, -3.0, 0.0, 7.0, 1e6],
    "truncated_gaussian": [0.0, 1e-3, 5.0, 1e6],
    "clipped_log_normal": [0.0, CLIP, 2e-4, 1.0, 1e6],
    "discrete_gaussian": [0.0, 1.0, 30.0, 10_000.0],
    "poisson": [0.0, 1.0, 30.0, 10_000.0],
    "bernoulli": [0.0, 1.0],
    "charge": [-1.0, 1.0],
}


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("name", DENSITIES)
def test_values_and_gradients_are_finite_whatever_a_network_says(name, dtype):
    density = DENSITIES[name]
    extreme = [-1e4, -200.0, -30.0, -1.0, 0.0, 1.0, 30.0, 200.0, 1e4]
    grid = list(itertools.product(SAMPLES[name], *([extreme] * density.n_parameters)))
    columns = torch.tensor(grid, dtype=dtype).mT
    raw = [column.clone().requires_grad_() for column in columns[1:]]
    for centre, spread in ((0.0, 1.0), (25.0, 10.0), (-7.0, 1e-3)):
        fixed = [torch.tensor(value, dtype=dtype) for value in (centre, spread)]
        found = density.log_prob(columns[0], raw, *fixed, 0.01)
        assert torch.isfinite(found).all()
        for gradient in torch.autograd.grad(found.sum(), raw):
            assert torch.isfinite(gradient).all()
    if name not in {"gaussian", "truncated_gaussian", "clipped_log_normal"}:
        assert (found <= 1e-12).all()


@pytest.mark.parametrize("name", DENSITIES)
def test_derivatives_are_those_of_finite_differences(name):
    density = DENSITIES[name]
    rng = np.random.default_rng(1)
    x = torch.tensor(SAMPLES[name][:3], dtype=torch.float64)
    raw = [torch.from_numpy(rng.normal(size=len(x))).requires_grad_() for _ in range(3)]
    raw = raw[: density.n_parameters]
    fixed = (torch.tensor(1.5, dtype=torch.float64), torch.tensor(2.0, dtype=torch.float64))
    x = x.clamp(-20.0, 20.0)
    assert torch.autograd.gradcheck(lambda *r: density.log_prob(x, r, *fixed, 0.01), raw)


@pytest.mark.parametrize("name", DENSITIES)
def test_values_outside_of_the_support_are_known(name):
    allows = DENSITIES[name].allows
    assert allows(torch.tensor(SAMPLES[name])).all()
    wrong = {
        "gaussian": [np.nan],
        "truncated_gaussian": [-0.1],
        "clipped_log_normal": [-0.1],
        "discrete_gaussian": [-1.0, 0.5],
        "poisson": [-1.0, 0.5],
        "bernoulli": [-1.0, 0.5, 2.0],
        "charge": [0.0, 2.0],
    }[name]
    assert not allows(torch.tensor(wrong)).any()
    assert not allows(torch.tensor([torch.nan])).any()


@pytest.mark.parametrize("z", [-1.0, -99.0, -101.0, -1e5, -1e9])
def test_the_norm_far_below_zero_keeps_its_derivative(z):
    """d/dz log Phi(z) tends to -z - 1/z; torch's own derivative is wrong from -1e8 on."""
    width = torch.tensor(1.0, dtype=torch.float64)
    mean = torch.tensor(z, dtype=torch.float64, requires_grad=True)
    found = likelihoods.truncated_gaussian(torch.tensor(0.0), mean, width)
    expected = scipy.stats.norm.logpdf(0.0, z) - scipy.stats.norm.logcdf(z)
    assert float(found.detach()) == pytest.approx(expected, rel=1e-7, abs=1e-8 * z**2)
    (slope,) = torch.autograd.grad(found, mean)
    hazard = np.exp(scipy.stats.norm.logpdf(z) - scipy.stats.norm.logcdf(z))
    # The slopes -z of the density and of its norm cancel but for 1/z.
    expected = -z - hazard if z > -50 else 1.0 / z
    assert float(slope) == pytest.approx(expected, rel=1e-3, abs=1e-6)
