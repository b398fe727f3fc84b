"""Convolutional encoders and decoders against torch's layers; the Lorentz layer's symmetries."""

import numpy as np
import pytest
import torch
from torch.nn.functional import avg_pool2d, conv2d, interpolate, leaky_relu

from bycatch.learn.nets.conv_autoencoder import (
    decode,
    draw_decoder,
    draw_encoder,
    encode,
    pooled_sides,
)
from bycatch.learn.nets.lola import LORENTZ_FEATURES, draw_lola, lola, momenta

SHAPE = (10, 14)


def draw(members=2, per_block=2, shape=SHAPE):
    rngs = [np.random.default_rng(m) for m in range(members)]
    options = (shape, (3, 5), (7,), 4, rngs, torch.float64)
    return draw_encoder(*options, per_block=per_block), draw_decoder(*options, per_block=per_block)


def images(members=2, rows=3, shape=SHAPE):
    return torch.from_numpy(np.random.default_rng(9).random((members, rows, *shape)))


def dense(weights, member, h):
    h = leaky_relu(h @ weights["weight0"][member] + weights["bias0"][member], 0.0)
    return h @ weights["weight1"][member] + weights["bias1"][member]


@pytest.mark.parametrize("per_block", [1, 2])
def test_an_encoder_is_its_layers_one_after_the_other(per_block):
    weights, _ = draw(per_block=per_block)
    x = images()
    found = encode(weights, x)
    for m in range(2):
        h = x[m].unsqueeze(1)
        for block in range(2):
            for layer in range(per_block):
                kernel = weights[f"kernel{block}.{layer}"][m]
                offset = weights[f"offset{block}.{layer}"][m]
                h = leaky_relu(conv2d(h, kernel, offset, padding=1), 0.1)
            h = avg_pool2d(h, 2, ceil_mode=True)
        torch.testing.assert_close(found[m], dense(weights, m, h.flatten(1)))


@pytest.mark.parametrize("per_block", [1, 2])
def test_a_decoder_is_its_layers_one_after_the_other(per_block):
    _, weights = draw(per_block=per_block)
    z = torch.from_numpy(np.random.default_rng(8).normal(size=(2, 3, 4)))
    found = decode(weights, z, SHAPE)
    for m in range(2):
        h = leaky_relu(dense(weights, m, z[m]), 0.1).reshape(3, 5, 3, 4)
        for block, sides in enumerate([(5, 7), SHAPE]):
            h = interpolate(h, scale_factor=2.0)[..., : sides[0], : sides[1]]
            for layer in range(per_block):
                kernel = weights[f"kernel{block}.{layer}"][m]
                h = conv2d(h, kernel, weights[f"offset{block}.{layer}"][m], padding=1)
                if (block, layer) != (1, per_block - 1):
                    h = leaky_relu(h, 0.1)
        torch.testing.assert_close(found[m], h[:, 0])


def test_members_of_the_decoder_and_the_encoder_do_not_mix():
    encoder, decoder = draw(3)
    x = images(3)
    whole = decode(decoder, encode(encoder, x), SHAPE)
    one = [{name: value[[1]] for name, value in net.items()} for net in (encoder, decoder)]
    torch.testing.assert_close(decode(one[1], encode(one[0], x[[1]]), SHAPE), whole[[1]])


def test_no_rows_are_no_rows():
    encoder, decoder = draw()
    z = encode(encoder, images(rows=0))
    assert z.shape == (2, 0, 4)
    assert decode(decoder, z, SHAPE).shape == (2, 0, *SHAPE)


def test_sides_are_rounded_up():
    assert pooled_sides(20, 3) == [20, 10, 5, 3]


def test_images_of_any_shape_come_back_in_it():
    for shape in ((7, 9), (20, 13), (2, 1)):
        encoder, decoder = draw(1, shape=shape)
        found = decode(decoder, encode(encoder, images(1, 2, shape)), shape)
        assert found.shape == (1, 2, *shape)


def test_gradients_reach_all_weights_and_the_image_twice():
    encoder, decoder = draw()
    weights = [value.requires_grad_() for net in (encoder, decoder) for value in net.values()]
    x = images().requires_grad_()
    energy = (decode(decoder, encode(encoder, x), SHAPE) - x).square().sum()
    (slope,) = torch.autograd.grad(energy, x, create_graph=True)
    slope.square().sum().backward()
    assert all(value.grad is not None and torch.isfinite(value.grad).all() for value in weights)


@pytest.fixture
def jet():
    rng = np.random.default_rng(5)
    x = np.stack([rng.exponential(0.1, (2, 4, 6)), *rng.normal(0.0, 0.4, (2, 2, 4, 6))], axis=-1)
    mask = np.arange(6) < np.array([[6, 3, 1, 5]] * 2)[..., None]
    weights = draw_lola(6, 3, [np.random.default_rng(m) for m in range(2)], torch.float64)
    return weights, torch.from_numpy(x) * torch.from_numpy(mask)[..., None], torch.from_numpy(mask)


def features(found):
    return found.reshape(*found.shape[:2], -1, LORENTZ_FEATURES)


def boosted(p, rapidity):
    c, s = np.cosh(rapidity), np.sinh(rapidity)
    x, y, z, e = p.unbind(-1)
    return torch.stack([x, y, c * z + s * e, c * e + s * z], dim=-1)


def test_constituents_have_their_masses_and_their_sum_that_of_the_jet(jet):
    weights, x, mask = jet
    p = momenta(x)
    found = features(lola(weights, p, mask))
    whole = p.sum(dim=2)
    mass = (whole[..., 3] ** 2 - (whole[..., :3] ** 2).sum(-1)).clamp(min=0).sqrt()
    several = mask.sum(dim=2) > 1
    np.testing.assert_allclose(
        0.01 * torch.sinh(found[:, :, 6, 0])[several], mass[several], rtol=0.01
    )
    pt = torch.hypot(whole[..., 0], whole[..., 1])
    np.testing.assert_allclose(0.01 * torch.sinh(found[:, :, 6, 1]), pt, rtol=1e-9)
    assert found[:, :, :6, 0].abs().max() < 1e-4


def test_boosts_along_the_beam_and_turns_about_it_change_energies_only(jet):
    weights, x, mask = jet
    p = momenta(x)
    plain = features(lola(weights, p, mask))
    turned = x.clone()
    turned[..., 2] += 1.3
    for other in (boosted(p, 0.8), momenta(turned)):
        found = features(lola(weights, other, mask))
        keep = [0, 1, 3, 4]
        # A single massless constituent has a mass of zero, whose root magnifies rounding.
        np.testing.assert_allclose(found[..., keep], plain[..., keep], atol=1e-6)
    assert not np.allclose(features(lola(weights, boosted(p, 0.8), mask))[..., 2], plain[..., 2])


def test_what_is_not_there_says_nothing(jet):
    weights, x, mask = jet
    found = features(lola(weights, momenta(x), mask))
    assert (found[:, :, :6][~mask] == 0.0).all()
    assert (found[:, :, :6][mask][:, 1] > 0.0).all()


def test_the_nearest_of_two_collinear_constituents_is_at_no_distance():
    weights = draw_lola(3, 1, [np.random.default_rng(0)], torch.float64)
    x = torch.tensor([[[[0.5, 0.1, 0.2], [0.3, 0.1, 0.2], [0.2, -1.0, 0.9]]]], dtype=torch.float64)
    found = 0.01 * torch.sinh(features(lola(weights, momenta(x), torch.ones(1, 1, 3) > 0)))
    assert found[0, 0, :2, 3].abs().max() < 1e-6
    expected = (2 * 0.2 * 0.3 * (np.cosh(1.1) - np.cos(0.7))) ** 0.5
    np.testing.assert_allclose(found[0, 0, 2, 3], expected, rtol=0.01)


def test_momenta_that_are_given_are_taken():
    p = torch.rand(1, 2, 3, 4)
    assert momenta(p) is p


def test_gradients_of_the_lorentz_layer_are_finite_where_there_is_nothing(jet):
    weights, x, mask = jet
    weights = {name: value.requires_grad_() for name, value in weights.items()}
    lola(weights, momenta(0.0 * x), mask).sum().backward()
    assert all(torch.isfinite(value.grad).all() for value in weights.values())
