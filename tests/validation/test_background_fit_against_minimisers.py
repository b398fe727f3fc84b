"""Batched fits against scipy and iminuit, which know nothing of them."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from iminuit import Minuit
from scipy import integrate as quadrature
from scipy import optimize

from bycatch.statistics.background import Background
from bycatch.statistics.fits.background import FAMILIES
from bycatch.statistics.fits.poisson import Prior, fit_poisson
from bycatch.statistics.significance.gaussian import gaussian_excess, gaussian_shape
from bycatch.statistics.significance.local import window_excess

EDGES = np.linspace(2700.0, 6700.0, 41)
DIJET = Background("dijet", EDGES, integrate=False)
WINDOW = (3300.0, 3700.0)
INSIDE = (np.arange(40) >= 6) & (np.arange(40) < 10)


def rates(total: float, edges: np.ndarray = EDGES) -> np.ndarray:
    x = 0.5 * (edges[1:] + edges[:-1]) / 13_000.0
    shape = (1 - x) ** 7 * x ** (-4.5) * np.diff(edges)
    return total * shape / shape.sum()


def scipy_fit(
    counts: np.ndarray, columns: np.ndarray, offset: np.ndarray, penalty: np.ndarray
) -> tuple[np.ndarray, np.ndarray, float]:
    """Maximise the penalised Poisson likelihood with scipy's trust-region Newton method."""
    q, _ = np.linalg.qr(columns * np.sqrt(counts + 0.1)[:, None])
    columns = q / np.sqrt(counts + 0.1)[:, None] if not penalty.any() else columns

    def cost(b: np.ndarray) -> float:
        rate = np.exp(columns @ b + offset)
        log_rate = columns @ b + offset
        return float((rate - counts * log_rate).sum() + 0.5 * (penalty * b**2).sum())

    def gradient(b: np.ndarray) -> np.ndarray:
        return columns.T @ (np.exp(columns @ b + offset) - counts) + penalty * b

    def hessian(b: np.ndarray) -> np.ndarray:
        rate = np.exp(columns @ b + offset)
        return (columns * rate[:, None]).T @ columns + np.diag(penalty)

    first = np.linalg.lstsq(columns, np.log(counts + 0.5) - offset, rcond=None)[0]
    found = optimize.minimize(
        cost, first, jac=gradient, hess=hessian, method="trust-exact", options={"gtol": 1e-9}
    )
    rate = np.exp(columns @ found.x + offset)
    log_counts = np.log(np.where(counts > 0, counts, 1.0))
    value = -found.fun - (counts * log_counts - counts).sum()
    return found.x, rate, float(value)


@pytest.mark.parametrize("total", [200.0, 5000.0, 1e6])
@pytest.mark.parametrize("name", FAMILIES)
def test_fits_equal_scipys(name: str, total: float) -> None:
    counts = np.random.default_rng(61).poisson(rates(total), size=(3, 40)).astype(float)
    for order in FAMILIES[name].orders:
        design = FAMILIES[name].design(EDGES, order)
        fit = Background(name, EDGES, integrate=False).fit(counts, order).require()
        for toy in range(3):
            _, rate, value = scipy_fit(counts[toy], design, np.zeros(40), np.zeros(order))
            np.testing.assert_allclose(fit.rate[toy], rate, rtol=1e-6, atol=1e-6)
            # both lose digits of a sum of `total` terms of size log(total)
            np.testing.assert_allclose(fit.loglike[toy], value, atol=1e-8 + 1e-13 * total)


def test_penalised_fits_equal_scipys() -> None:
    rng = np.random.default_rng(62)
    design = np.column_stack([np.ones(30), np.linspace(-1, 1, 30), rng.normal(size=30)])
    counts = rng.poisson(30.0, size=(5, 30)).astype(float)
    offset = rng.normal(size=30) * 0.2
    penalty = np.array([0.0, 40.0, 300.0])
    fit = fit_poisson(counts, design, offset, prior=Prior(np.zeros(3), penalty))
    for toy in range(5):
        coef, rate, value = scipy_fit(counts[toy], design, offset, penalty)
        np.testing.assert_allclose(fit.coef[toy], coef, atol=1e-6)
        np.testing.assert_allclose(fit.rate[toy], rate, rtol=1e-6, atol=1e-6)
        np.testing.assert_allclose(fit.loglike[toy], value, atol=1e-8)


def test_window_roots_equal_scipys() -> None:
    counts = np.random.default_rng(63).poisson(rates(3000.0), size=(4, 40)).astype(float)
    counts[1, INSIDE] *= 2.0
    design = FAMILIES["dijet"].design(EDGES, 3)
    wide = np.column_stack([INSIDE, design])
    for events in (0.0, 40.0):
        found = window_excess(counts, DIJET, WINDOW, 3, events)
        for toy in range(4):
            none = np.zeros(40)
            _, _, free = scipy_fit(counts[toy], wide, none, np.zeros(4))
            if events:
                strength = (found.background[toy] / events) ** 2
                penalty = np.array([strength, 0.0, 0.0, 0.0])
                basis = np.linalg.inv(np.linalg.qr(design, mode="r"))
                scaled = np.column_stack([INSIDE, design @ basis])
                _, _, null = scipy_fit(counts[toy], scaled, none, penalty)
            else:
                _, _, null = scipy_fit(counts[toy], design, none, np.zeros(3))
            expected = np.sign(found.signal[toy]) * np.sqrt(2.0 * (free - null))
            np.testing.assert_allclose(found.r[toy], expected, atol=1e-6)


WIDE = np.array([2700.0, 2900.0, 3200.0, 3600.0, 4200.0, 5000.0, 6000.0, 7600.0])


def integrated_cost(counts: np.ndarray, basis: np.ndarray):
    """Return the deviance with adaptive quadrature of the density over each bin."""
    mean_width = float(np.diff(WIDE).mean())

    def log_density(m: float, b: np.ndarray) -> float:
        x = m / 13_000.0
        return float(np.array([1.0, np.log1p(-x), np.log(x)]) @ (basis @ b))

    def cost(b: np.ndarray) -> float:
        rate = np.array(
            [
                quadrature.quad(lambda m: np.exp(log_density(m, b)), low, high, epsrel=1e-11)[0]
                for low, high in itertools.pairwise(WIDE)
            ]
        )
        rate = np.maximum(rate / mean_width, 1e-300)
        log_counts = np.log(np.where(counts > 0, counts, 1.0))
        return float(-2.0 * (counts * (np.log(rate) - log_counts) - rate + counts).sum())

    return cost


def test_wide_bins_equal_minuits_best_start() -> None:
    fine = np.linspace(2700.0, 7600.0, 4901)
    density = rates(3000.0, fine)
    expected = np.histogram(0.5 * (fine[1:] + fine[:-1]), WIDE, weights=density)[0]
    counts = np.random.default_rng(64).poisson(expected).astype(float)
    fit = Background("dijet", WIDE, integrate=True).fit(counts, 3).require()
    auto = Background("dijet", WIDE).fit(counts, 3)
    np.testing.assert_allclose(auto.rate, fit.rate, rtol=1e-12)
    cost = integrated_cost(counts, fit.basis)
    best = np.inf
    rng = np.random.default_rng(65)
    for _ in range(4):
        start = fit.inner_coef[0] + rng.normal(size=3) * 3.0 * np.sqrt(
            np.diag(fit.inner_covariance[0])
        )
        minuit = Minuit(cost, start)
        minuit.errordef = Minuit.LEAST_SQUARES
        minuit.tol = 1e-5
        minuit.migrad(ncall=4000)
        best = min(best, float(minuit.fval))
    np.testing.assert_allclose(fit.deviance[0], best, atol=1e-6)
    pointwise = Background("dijet", WIDE, integrate=False).fit(counts, 3)
    assert np.abs(pointwise.rate - fit.rate).max() > 0.01 * np.sqrt(counts.max())


def peak_cost(counts: np.ndarray, design: np.ndarray, shape: np.ndarray):
    log_counts = np.log(np.where(counts > 0, counts, 1.0))

    def cost(point: np.ndarray) -> float:
        rate = np.exp(design @ point[1:]) + point[0] * shape
        if not (rate > 0.0).all():
            return 1e6
        return float(-2.0 * (counts * (np.log(rate) - log_counts) - rate + counts).sum())

    return cost


@pytest.mark.parametrize("in_core", [30.0, 500.0])
def test_gaussian_roots_equal_minuits(in_core: float) -> None:
    expected = rates(1.0)
    expected *= in_core / expected[INSIDE].sum()
    counts = np.random.default_rng(66).poisson(expected, size=(4, 40)).astype(float)
    counts[2] += np.round(0.5 * in_core * gaussian_shape(EDGES, 3500.0, 100.0))
    counts[3, INSIDE] = np.round(0.4 * counts[3, INSIDE])
    shape = gaussian_shape(EDGES, 3500.0, 100.0)
    found = gaussian_excess(counts, DIJET, 3500.0, 100.0, 3)
    null = DIJET.fit(counts, 3)
    design = FAMILIES["dijet"].design(EDGES, 3) @ null.basis
    for toy in range(4):
        cost = peak_cost(counts[toy], design, shape)
        minuit = Minuit(cost, np.concatenate([[0.0], null.inner_coef[toy]]))
        minuit.errordef = Minuit.LEAST_SQUARES
        minuit.tol = 1e-5
        minuit.migrad()
        r = np.sqrt(max(null.deviance[toy] - minuit.fval, 0.0)) * np.sign(minuit.values[0])
        np.testing.assert_allclose(found.r[toy], r, atol=2e-4)
        assert abs(found.signal[toy] - minuit.values[0]) < 2e-3 * found.signal_error[toy]
        minuit.hesse()
        # expected against observed information
        assert found.signal_error[toy] == pytest.approx(minuit.errors[0], rel=0.3)
