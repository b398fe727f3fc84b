"""What only flows have: zuko's modules with weights that are handed in."""

import numpy as np
import pytest
import torch
import zuko
from density_toy import FAST, TINY, masks, toy

from bycatch.errors import ConfigError
from bycatch.learn import make_density
from bycatch.learn.densities.flows import log_prob
from bycatch.tasks.random import stream

FLOWS = ("maf", "spline", "coupling")
every_flow = pytest.mark.parametrize("name", FLOWS)


def normal(*shape, seed=1):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(shape, generator=generator, dtype=torch.float64)


def prepared(name, n_features=4, n_conditions=1, members=3, **options):
    """Return a flow with initial weights in double precision, and the weights."""
    density = make_density(name, members, dtype="float64", **{**FAST[name], **options})
    density.shape_ = (n_features, n_conditions, 1)
    rngs = [stream(1, "member", m) for m in range(members)]
    return density, density._initial(density.shape_, rngs)


def plain(density, parameters, member):
    """Return the flow of one member as a user of zuko has it."""
    flow = density._build(
        features=density._sizes["n_features"],
        context=density._sizes["n_conditions"],
        transforms=density.transforms,
        hidden_features=density.hidden,
        activation=torch.nn.SiLU,
    ).double()
    weights = {key.removeprefix("flow."): value[member] for key, value in parameters.items()}
    assert set(weights) == {key for key, _ in flow.named_parameters()}
    flow.load_state_dict(weights, strict=False)
    return flow


@every_flow
@pytest.mark.parametrize("n_conditions", [0, 1, 2])
def test_batched_members_equal_plain_flows(name, n_conditions):
    density, parameters = prepared(name, n_conditions=n_conditions)
    z, c = 2 * normal(3, 50, 4), normal(3, 50, n_conditions, seed=2)
    found = log_prob(density._flow(), parameters, z, c)
    for m in range(3):
        flow = plain(density, parameters, m)
        expected = flow(c[m] if n_conditions else None).log_prob(z[m])
        torch.testing.assert_close(found[m], expected, rtol=0, atol=1e-12)
        alone = {key: value[m : m + 1] for key, value in parameters.items()}
        single = log_prob(density._flow(), alone, z[m : m + 1], c[m : m + 1])
        torch.testing.assert_close(single[0], expected, rtol=0, atol=1e-12)


@every_flow
def test_gradients_equal_those_of_plain_flows(name):
    density, parameters = prepared(name)
    for value in parameters.values():
        value.requires_grad_()
    z, c = normal(3, 20, 4), normal(3, 20, 1, seed=2)
    log_prob(density._flow(), parameters, z, c).sum().backward()
    flow = plain(density, {key: value.detach() for key, value in parameters.items()}, 2)
    flow(c[2]).log_prob(z[2]).sum().backward()
    for key, value in flow.named_parameters():
        torch.testing.assert_close(parameters[f"flow.{key}"].grad[2], value.grad)


@every_flow
def test_samples_are_the_inverse_of_the_map(name):
    """Four features, so that coupling and autoregression differ."""
    density, parameters = prepared(name)
    c = normal(1, 500, 1)
    alone = {key: value[1:2] for key, value in parameters.items()}
    drawn = density._sample(alone, c, torch.Generator().manual_seed(4), 0)
    noise = normal(500, 4, seed=4)
    back = plain(density, parameters, 1)(c[0]).transform(drawn)
    torch.testing.assert_close(back.detach(), noise, rtol=0, atol=1e-7)


@every_flow
def test_log_jacobian_in_four_dimensions(name):
    density, parameters = prepared(name)
    flow = plain(density, parameters, 0)
    c = torch.tensor([0.3], dtype=torch.float64)
    for z in normal(5, 4):
        jacobian = torch.autograd.functional.jacobian(flow(c).transform, z)
        _, found = flow(c).transform.call_and_ladj(z)
        torch.testing.assert_close(found, torch.linalg.slogdet(jacobian).logabsdet)


@pytest.mark.parametrize(("name", "passes"), [("maf", 5), ("spline", 5), ("coupling", 2)])
def test_passes_of_the_inverse(name, passes):
    density, _ = prepared(name, n_features=5)
    transforms = density._flow().flow.transform.transforms
    assert len(transforms) == density.transforms
    assert {transform.passes for transform in transforms} == {passes}


def test_coupling_splits_the_features_in_halves_that_change_places():
    density, parameters = prepared("coupling")
    flow = plain(density, parameters, 0)
    c, z = torch.zeros(1, dtype=torch.float64), normal(4)
    first, second = flow(c).transform.transforms
    for transform, givers, takers in ((first, (0, 1), (2, 3)), (second, (2, 3), (0, 1))):
        depends = torch.autograd.functional.jacobian(transform, z) != 0
        assert depends.diagonal().all()
        assert depends[list(takers)][:, list(givers)].all()
        assert depends.sum() == 4 + 4


@every_flow
def test_every_feature_depends_on_the_condition_and_on_the_others(name):
    """Two couplings would leave the features of a half independent of each other."""
    density, parameters = prepared(name, transforms=3)
    flow = plain(density, parameters, 0)
    z = normal(4)
    jacobian = torch.autograd.functional.jacobian(
        lambda z, c: flow(c).transform(z), (z, torch.zeros(1, dtype=torch.float64))
    )
    assert (jacobian[1] != 0).all()
    assert ((jacobian[0] != 0) | (jacobian[0] != 0).T).all()


@every_flow
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_values_and_gradients_are_finite_far_outside_of_the_splines(name, dtype):
    """Splines end at +-5; beyond them, on them and far away nothing may become NaN."""
    density, parameters = prepared(name, members=2)
    density._flow().to(dtype)
    parameters = {key: value.to(dtype).requires_grad_() for key, value in parameters.items()}
    edge = torch.tensor([0.0, 5.0, -5.0, 5.0 + 1e-6, 7.0, -30.0, 1e4, -1e6], dtype=dtype)
    z = torch.cartesian_prod(edge, edge, edge[:2], edge[:2]).expand(2, -1, -1)
    z = z.clone().requires_grad_()
    found = log_prob(density._flow(), parameters, z, torch.zeros((2, z.shape[1], 1), dtype=dtype))
    assert torch.isfinite(found).all()
    (found / (1 + z.square().sum(dim=2))).sum().backward()
    assert torch.isfinite(z.grad).all()
    for value in parameters.values():
        assert torch.isfinite(value.grad).all()


@pytest.mark.parametrize("name", ["spline", "coupling"])
def test_splines_are_the_identity_outside(name):
    density, parameters = prepared(name)
    flow = plain(density, parameters, 0)
    z = torch.tensor([[5.5, -6.0, 8.0, -40.0]], dtype=torch.float64)
    noise = flow(torch.zeros((1, 1), dtype=torch.float64)).transform(z)
    torch.testing.assert_close(noise, z, rtol=0, atol=0)


@every_flow
def test_initial_weights_come_from_the_members_own_streams(name):
    state = torch.random.get_rng_state()
    density, parameters = prepared(name, members=3)
    assert torch.equal(torch.random.get_rng_state(), state)
    fresh = make_density(name, 1, dtype="float64", **FAST[name])
    fresh.shape_ = density.shape_
    alone = fresh._initial(fresh.shape_, [stream(1, "member", 2)])
    for key, value in parameters.items():
        assert torch.equal(alone[key][0], value[2])
        assert not torch.equal(value[0], value[1])
    # As torch's linear layer: uniform in +-1/sqrt(n_in).
    weight = parameters["flow.transform.transforms.0.hyper.2.weight"]
    bound = FAST[name]["hidden"][0] ** -0.5
    assert weight.abs().max() < bound
    # The variance of a uniform variable is bound^2 / 3, known to 5 sqrt(0.8 / n).
    assert weight.var() == pytest.approx(bound**2 / 3, rel=5 * (0.8 / weight.numel()) ** 0.5)


@every_flow
def test_other_sizes_rebuild_the_module(name):
    density = make_density(name, 1, **TINY, **FAST[name])
    X, c = toy(100, 1)
    density.fit(X, c, seed=1, **masks(100))
    first = density.log_prob(X, c)
    density.fit(X[:, :1], None, seed=1, **masks(100))
    assert density.sample(None, 1, n=7).shape == (7, 1)
    density.fit(X, c, seed=1, **masks(100))
    np.testing.assert_array_equal(density.log_prob(X, c), first)


@every_flow
def test_default_widths_can_hold_ten_features(name):
    """Every unit of zuko's networks sees one of the features' prefixes; none may be lost."""
    density = make_density(name)
    density.shape_ = (10, 1, 1)
    parameters = density._initial(density.shape_, [stream(1, "member", 0)])
    flow = density._flow().flow
    for key, value in parameters.items():
        owner = flow.get_submodule(key.removeprefix("flow.").rpartition(".")[0])
        assert isinstance(owner, zuko.nn.MaskedLinear)
        assert value.shape[1] == owner.mask.shape[0]
    for transform in flow.transform.transforms:
        reach = None
        for layer in transform.hyper:
            if isinstance(layer, zuko.nn.MaskedLinear):
                mask = layer.mask.double()
                reach = mask if reach is None else mask @ reach
        expected = transform.order[:, None] > transform.order
        expected = torch.cat([expected, torch.ones((10, 1), dtype=bool)], dim=1)
        expected = expected.repeat_interleave(transform.total, dim=0)
        torch.testing.assert_close(reach > 0, expected)


@every_flow
@pytest.mark.parametrize(("option", "value"), [("transforms", 0), ("hidden", (8, 0)), ("bins", 1)])
def test_senseless_values_are_refused(name, option, value):
    if (name, option) == ("maf", "bins"):
        with pytest.raises(ConfigError, match="'maf' has no option 'bins'"):
            make_density(name, bins=value)
        return
    with pytest.raises(ConfigError, match=f"'{option}' is"):
        make_density(name, **{option: value})
