"""The masses that a template is drawn at, and the nodes that a density is averaged over."""

import numpy as np
import pytest
from scipy import stats
from window_toy import WINDOW

from bycatch.template._interpolated import draw_masses, rising_weight
from bycatch.template._ratio import two_masses


def weighted_masses(seed, n=400):
    rng = np.random.default_rng(seed)
    return rng.uniform(*WINDOW, n), rng.exponential(size=n)


@pytest.mark.parametrize("seed", range(5))
def test_two_masses_have_the_moments_of_all(seed):
    mass, weight = weighted_masses(seed)
    nodes, shares = two_masses(mass, weight)
    for power in range(4):
        expected = np.average(np.log(mass) ** power, weights=weight)
        assert shares @ np.log(nodes) ** power == pytest.approx(expected, rel=1e-12)
    fourth = np.average(np.log(mass) ** 4, weights=weight)
    assert shares @ np.log(nodes) ** 4 != pytest.approx(fourth, rel=1e-6)
    assert mass.min() < nodes[0] < nodes[1] < mass.max()
    assert (shares > 0).all()
    same = two_masses(mass, 7.0 * weight)
    np.testing.assert_allclose(np.r_[same], np.r_[nodes, shares], rtol=1e-12)


def test_two_masses_against_the_direct_integral():
    """Of a normal density in one feature whose mean is linear in u = log m.

    Gauss' rule errs by at most max|d^4 p / du^4| / 4! times the mean of the squared node polynomial
    (u - u_1)^2 (u - u_2)^2; the derivative is a Hermite polynomial times the density.
    """
    mass, weight = weighted_masses(1)
    nodes, shares = two_masses(mass, weight)
    slope, width = 20.0, 4.0
    x = np.linspace(-35.0, 20.0, 200)[:, None]

    def density(m):
        return stats.norm.pdf(x, -20.0 + slope * np.log(m), width)

    direct = np.average(density(mass), axis=1, weights=weight)
    error = np.abs(density(nodes) @ shares - direct)
    u, centre = np.log(mass), np.log(nodes)
    square = np.average((u - centre[0]) ** 2 * (u - centre[1]) ** 2, weights=weight)
    t = np.linspace(-8.0, 8.0, 4001)
    fourth = np.abs((t**4 - 6 * t**2 + 3) * stats.norm.pdf(t)).max() / width
    bound = (slope / width) ** 4 * fourth / 24 * square
    assert error.max() < bound
    assert error.max() > 0.1 * bound, "the bound should be the reason"
    assert np.abs(density(np.exp(u.mean()))[:, 0] - direct).max() > 10 * bound


def test_two_masses_of_one_mass():
    for mass in (np.array([2.0]), np.full(5, 2.0)):
        nodes, shares = two_masses(mass, np.ones(mass.size))
        np.testing.assert_allclose(nodes, 2.0, rtol=1e-15)
        assert shares.sum() == 1.0


def slow_rising(mass, weight):
    """As documented, in a loop: the running maximum of the sum, at most the total."""
    order = np.argsort(mass, kind="stable")
    total, highest, running, result = weight.sum(), 0.0, 0.0, []
    for w in weight[order]:
        running += w
        now = min(max(highest, running), total)
        result.append(now - highest)
        highest = now
    return mass[order], np.array(result)


@pytest.mark.parametrize("negative", [0.0, 0.2])
def test_rising_weights(negative):
    mass, weight = weighted_masses(2)
    weight = weight * np.where(np.random.default_rng(1).random(weight.size) < negative, -1, 1)
    masses, rising = rising_weight(mass, weight)
    expected = slow_rising(mass, weight)
    np.testing.assert_array_equal(masses, expected[0])
    np.testing.assert_allclose(rising, expected[1], atol=1e-12)
    assert (rising >= 0).all()
    assert rising.sum() == pytest.approx(weight.sum(), rel=1e-12)
    if not negative:
        np.testing.assert_allclose(rising, weight[np.argsort(mass)], rtol=1e-9)
        return
    # No further from the signed sum than the sum falls.
    signed = np.cumsum(weight[np.argsort(mass)])
    fall = (np.maximum.accumulate(signed) - signed).max()
    excess = (signed - signed[-1]).max()
    assert np.abs(np.cumsum(rising) - signed).max() <= max(fall, excess) + 1e-12


@pytest.mark.parametrize("negative", [0.0, 0.2])
def test_masses_are_spread_over_the_quantiles(negative):
    """The i-th of n draws lies in the i-th n-th of the weight, so counts err by less than one."""
    mass, weight = weighted_masses(3)
    weight = weight * np.where(np.random.default_rng(1).random(weight.size) < negative, -1, 1)
    n = 1000
    drawn = draw_masses(mass, weight, n, np.random.default_rng(1))
    assert np.isin(drawn, mass).all()
    assert (np.diff(drawn) >= 0).all()
    ascending, rising = rising_weight(mass, weight)
    count = np.searchsorted(drawn, ascending, side="right")
    share = n * np.cumsum(rising) / rising.sum()
    assert np.abs(count - share).max() < 1.0 + 1e-6
    other = draw_masses(mass, weight, n, np.random.default_rng(2))
    assert not np.array_equal(drawn, other)
    if negative:
        return
    order = np.random.default_rng(4).permutation(mass.size)
    moved = draw_masses(mass[order], weight[order], n, np.random.default_rng(1))
    np.testing.assert_array_equal(moved, drawn)


def test_splitting_an_event_draws_the_same_masses():
    mass, _ = weighted_masses(4)
    weight = np.random.default_rng(1).integers(1, 4, mass.size)
    first = draw_masses(mass, weight.astype(float), 1000, np.random.default_rng(1))
    split = np.repeat(mass, weight)
    second = draw_masses(split, np.ones(split.size), 1000, np.random.default_rng(1))
    np.testing.assert_array_equal(first, second)
