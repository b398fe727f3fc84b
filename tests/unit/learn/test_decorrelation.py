"""Distance correlation against closed forms and a slow program of its own."""

import numpy as np
import pytest
import torch

from bycatch.learn.decorrelation import (
    distance_correlation,
    distance_covariance,
    reverse_gradient,
)


def tensors(*arrays):
    return [torch.from_numpy(np.asarray(array, dtype=np.float64)) for array in arrays]


def slow_covariance(a, b, w):
    """The other form of the definition: E|a-a'||b-b'| + E|a-a'| E|b-b'| - 2 E|a-a'||b-b''|."""
    w = w / w.sum()
    n = len(a)
    both = first = second = mixed = 0.0
    for i in range(n):
        row_a = sum(w[j] * abs(a[i] - a[j]) for j in range(n))
        row_b = sum(w[j] * abs(b[i] - b[j]) for j in range(n))
        both += w[i] * sum(w[j] * abs(a[i] - a[j]) * abs(b[i] - b[j]) for j in range(n))
        first += w[i] * row_a
        second += w[i] * row_b
        mixed += w[i] * row_a * row_b
    return both + first * second - 2.0 * mixed


@pytest.mark.parametrize("weights", ["none", "positive", "signed"])
def test_it_agrees_with_the_other_form_of_the_definition(weights):
    rng = np.random.default_rng(0)
    a = rng.normal(size=(2, 30))
    b = a**2 + rng.normal(size=(2, 30))
    w = {
        "none": np.ones((2, 30)),
        "positive": rng.uniform(0.1, 3.0, (2, 30)),
        "signed": np.where(np.arange(30) % 7 == 0, -0.5, 1.0) * np.ones((2, 1)),
    }[weights]
    ta, tb, tw = tensors(a, b, w)
    found = distance_covariance(ta, tb, None if weights == "none" else tw)
    expected = [slow_covariance(a[m], b[m], w[m]) for m in range(2)]
    np.testing.assert_allclose(found.numpy(), expected, rtol=1e-10)
    correlation = distance_correlation(ta, tb, tw).numpy()
    variances = [slow_covariance(v[m], v[m], w[m]) for m in range(2) for v in (a, b)]
    root = np.sqrt(np.reshape(variances, (2, 2)).prod(axis=1))
    np.testing.assert_allclose(correlation, expected / root, rtol=1e-10)


@pytest.mark.parametrize("rho", [0.3, 0.7, 0.95])
def test_normal_variables_have_the_closed_form(rho):
    # Szekely, Rizzo, Bakirov, arXiv:0803.4101, theorem 7.
    numerator = rho * np.arcsin(rho) + np.sqrt(1 - rho**2) - rho * np.arcsin(rho / 2)
    numerator += 1.0 - np.sqrt(4 - rho**2)
    expected = numerator / (1.0 + np.pi / 3.0 - np.sqrt(3.0))
    rng = np.random.default_rng(1)
    a = rng.normal(size=(20, 300))
    b = rho * a + np.sqrt(1 - rho**2) * rng.normal(size=(20, 300))
    found = distance_correlation(*tensors(a, b)).numpy()
    # The members give the error of their mean; the bias is that of independent rows at most.
    error = found.std(ddof=1) / np.sqrt(20)
    bias = (2.0 / np.sqrt(np.pi)) ** 2 / 300 / (4.0 / np.pi * (1.0 + np.pi / 3.0 - np.sqrt(3.0)))
    assert abs(found.mean() - expected) < 4.0 * error + bias


def test_independent_variables_leave_what_fluctuates():
    # n times the covariance is on average E|a - a'| E|b - b'|, 4 / pi for normal variables.
    rng = np.random.default_rng(2)
    found = 100 * distance_covariance(*tensors(*rng.normal(size=(2, 200, 100)))).numpy()
    assert abs(found.mean() - 4.0 / np.pi) < 4.0 * found.std(ddof=1) / np.sqrt(200) + 4.0 / 100


def test_dependence_without_linear_correlation_is_seen():
    rng = np.random.default_rng(3)
    a = rng.normal(size=(1, 400))
    dependent = float(distance_correlation(*tensors(a, a**2)))
    shuffled = float(distance_correlation(*tensors(a, rng.permutation(a[0])[None] ** 2)))
    assert dependent > 5.0 * shuffled


def test_linear_relations_are_one_and_scales_do_not_matter():
    a = np.random.default_rng(4).normal(size=(1, 100))
    for b in (a, -3e-7 * a + 2.0, 1e6 * a):
        assert float(distance_correlation(*tensors(a, b))) == pytest.approx(1.0, abs=1e-6)


def test_one_row_of_weight_two_is_two_rows():
    rng = np.random.default_rng(5)
    a, b = rng.normal(size=(2, 1, 50))
    weight = np.where(np.arange(50) < 10, 2.0, 1.0)[None]
    twice = [np.concatenate([x, x[:, :10]], axis=1) for x in (a, b)]
    np.testing.assert_allclose(
        distance_correlation(*tensors(a, b, weight)), distance_correlation(*tensors(*twice))
    )


def test_a_row_and_its_negative_cancel():
    rng = np.random.default_rng(6)
    a, b = rng.normal(size=(2, 1, 50))
    more = [np.concatenate([x, [[7.0, 7.0]]], axis=1) for x in (a, b)]
    weight = np.concatenate([np.ones(50), [1.0, -1.0]])[None]
    np.testing.assert_allclose(
        distance_correlation(*tensors(*more, weight)), distance_correlation(*tensors(a, b))
    )


def test_members_do_not_mix():
    rng = np.random.default_rng(7)
    a, b = tensors(*rng.normal(size=(2, 3, 40)))
    whole = distance_correlation(a, b)
    alone = torch.cat([distance_correlation(a[[m]], b[[m]]) for m in range(3)])
    np.testing.assert_allclose(whole, alone, rtol=1e-12)


@pytest.mark.parametrize("case", ["constant", "no weight", "negative sum"])
def test_nothing_to_correlate_is_zero_without_a_gradient(case):
    rng = np.random.default_rng(8)
    a, b, w = tensors(rng.normal(size=(1, 30)), rng.normal(size=(1, 30)), np.ones((1, 30)))
    if case == "constant":
        b = torch.full_like(b, 173.2)
    elif case == "no weight":
        w = 0.0 * w
    else:
        w = -w
    a.requires_grad_()
    found = distance_correlation(a, b, w)
    found.sum().backward()
    assert float(found.detach()) == 0.0
    assert (a.grad == 0.0).all()


def test_the_gradient_is_that_of_finite_differences():
    rng = np.random.default_rng(9)
    a, b, w = tensors(*rng.normal(size=(2, 1, 12)), rng.uniform(0.5, 2.0, (1, 12)))
    a.requires_grad_()
    distance_correlation(a, b, w).sum().backward()
    step = 1e-6
    for j in range(12):
        moved = [a.detach().clone() for _ in range(2)]
        moved[0][0, j] += step
        moved[1][0, j] -= step
        up, down = (float(distance_correlation(x, b, w)) for x in moved)
        assert float(a.grad[0, j]) == pytest.approx((up - down) / (2.0 * step), rel=1e-5, abs=1e-9)


def test_reversed_gradients_keep_the_value():
    x = torch.tensor([2.0, -3.0], requires_grad=True)
    y = reverse_gradient(x, 0.25)
    torch.testing.assert_close(y.detach(), x.detach())
    (y * torch.tensor([1.0, 10.0])).sum().backward()
    torch.testing.assert_close(x.grad, torch.tensor([-0.25, -2.5]))
