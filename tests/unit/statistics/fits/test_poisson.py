from __future__ import annotations

import numpy as np
import pytest

from bycatch.errors import FitError
from bycatch.statistics.background import Background
from bycatch.statistics.fits.background import FAMILIES
from bycatch.statistics.fits.poisson import Prior, fit_poisson

EDGES = np.linspace(2700.0, 6700.0, 41)
DIJET_AUTO = Background("dijet", EDGES)
DIJET = Background("dijet", EDGES, integrate=False)


def spectrum(total: float, edges: np.ndarray = EDGES) -> np.ndarray:
    x = 0.5 * (edges[1:] + edges[:-1]) / 13_000.0
    shape = (1 - x) ** 7 * x ** (-4.5) * np.diff(edges)
    return total * shape / shape.sum()


@pytest.fixture
def toys() -> np.ndarray:
    return np.random.default_rng(11).poisson(spectrum(5000.0), size=(50, 40)).astype(float)


@pytest.mark.parametrize("name", FAMILIES)
def test_the_score_vanishes_for_every_family_and_order(name: str, toys: np.ndarray) -> None:
    family = FAMILIES[name]
    for order in family.orders:
        fit = Background(name, EDGES, integrate=False).fit(toys, order).require()
        design = family.design(EDGES, order)
        error = np.sqrt(np.einsum("ti,ip->tp", fit.rate, design**2))
        pull = ((toys - fit.rate) @ design) / error
        assert np.abs(pull).max() < 1e-6


def test_batch_equals_each_spectrum_alone(toys: np.ndarray) -> None:
    together = DIJET_AUTO.fit(toys, 4)
    for index in (0, 17, 49):
        alone = DIJET_AUTO.fit(toys[index], 4)
        np.testing.assert_allclose(alone.rate[0], together.rate[index], rtol=1e-8)
        np.testing.assert_allclose(alone.loglike[0], together.loglike[index], atol=1e-9)
        value, error = alone.total(np.arange(40) < 5)
        values, errors = together.total(np.arange(40) < 5)
        np.testing.assert_allclose([value[0], error[0]], [values[index], errors[index]], rtol=1e-7)


def test_unit_of_the_mass_and_order_of_the_bins_do_not_matter(toys: np.ndarray) -> None:
    fit = DIJET_AUTO.fit(toys, 4)
    scaled = Background("dijet", EDGES / 1000.0, sqrt_s=13.0).fit(toys, 4)
    np.testing.assert_allclose(scaled.rate, fit.rate, rtol=1e-8)
    order = np.random.default_rng(2).permutation(40)
    design = FAMILIES["dijet"].design(EDGES, 4)
    mixed = fit_poisson(toys[:, order], design[order], np.zeros(40))
    np.testing.assert_allclose(mixed.rate, fit.rate[:, order], rtol=1e-8)


def test_weight_two_equals_two_events(toys: np.ndarray) -> None:
    once = DIJET.fit(toys, 4)
    twice = DIJET.fit(2.0 * toys, 4)
    np.testing.assert_allclose(twice.rate, 2.0 * once.rate, rtol=1e-8)
    np.testing.assert_allclose(twice.covariance, 0.5 * once.covariance, rtol=1e-5)
    np.testing.assert_allclose(twice.loglike, 2.0 * once.loglike, rtol=1e-9)


@pytest.mark.parametrize("integrate", [False, True])
def test_splitting_a_bin_of_constant_density_changes_nothing(integrate: bool) -> None:
    edges = np.array([0.0, 1.0, 3.0, 4.0])
    split = np.array([0.0, 1.0, 2.0, 3.0, 4.0])
    whole = Background("exppoly", edges, integrate=integrate).fit([5.0, 8.0, 6.0], 1)
    parts = Background("exppoly", split, integrate=integrate).fit([5.0, 4.0, 4.0, 6.0], 1)
    np.testing.assert_allclose(whole.rate[0], [4.75, 9.5, 4.75], rtol=1e-10)
    np.testing.assert_allclose(parts.rate[0], [4.75] * 4, rtol=1e-10)
    np.testing.assert_allclose(whole.total([1, 1, 1])[1], np.sqrt(19.0), rtol=1e-8)


def test_masked_bins_do_not_matter(toys: np.ndarray) -> None:
    mask = np.ones(40, dtype=bool)
    mask[6:10] = False
    spoiled = toys.copy()
    spoiled[:, 6:10] = 1e6
    fit = DIJET_AUTO.fit(toys, 3, mask)
    np.testing.assert_allclose(DIJET_AUTO.fit(spoiled, 3, mask).rate, fit.rate, rtol=1e-8)
    each = np.repeat(mask[None], 50, axis=0)
    each[1] = True
    mixed = DIJET.fit(spoiled, 3, each)
    plain = DIJET.fit(toys, 3, mask)
    np.testing.assert_allclose(mixed.rate[0], plain.rate[0], rtol=1e-7)
    assert mixed.rate[1, 7] > 1e4


def test_covariance_predicts_the_spread() -> None:
    truth = spectrum(20_000.0)
    n_toys = 3000
    toys = np.random.default_rng(5).poisson(truth, size=(n_toys, 40))
    fit = DIJET.fit(toys, 4).require()
    value, error = fit.total(np.arange(40) >= 30)
    # relative error of a standard deviation is 1/sqrt(2 n); four of them
    assert abs(value.std() / error.mean() - 1.0) < 4.0 / np.sqrt(2.0 * n_toys) + 0.01
    assert abs(value.mean() - truth[30:].sum()) < 4.0 * value.std() / np.sqrt(n_toys) + 1.0


def test_penalty_pulls_a_coefficient_to_its_mean() -> None:
    counts = np.random.default_rng(3).poisson(50.0, size=(4, 6))
    design = np.column_stack([np.ones(6), np.arange(6.0)])
    free = fit_poisson(counts, design, np.zeros(6))
    tight = fit_poisson(
        counts, design, np.zeros(6), prior=Prior(np.array([0.0, 0.7]), np.array([0.0, 1e8]))
    )
    np.testing.assert_allclose(tight.coef[:, 1], 0.7, atol=1e-4)
    loose = fit_poisson(
        counts, design, np.zeros(6), prior=Prior(np.zeros(2), np.full((4, 2), 1e-12))
    )
    np.testing.assert_allclose(loose.coef, free.coef, atol=1e-8)


def test_fits_without_a_maximum_are_reported_and_never_a_number() -> None:
    table = np.zeros((5, 40))
    table[0] = spectrum(300.0)  # fine
    table[2, 3] = 5.0  # one populated bin, three parameters
    table[3, [0, 1]] = 7.0  # separation: all other bins want to be infinitely lower
    table[4, [0, 39]] = 7.0  # two ends: the middle wants to go down without bound
    fit = DIJET_AUTO.fit(table, 3)
    np.testing.assert_array_equal(fit.converged, [True, False, False, False, False])
    assert np.isnan(fit.rate[1:]).all()
    assert np.isnan(fit.coef[1:]).all()
    assert np.isnan(fit.loglike[1:]).all()
    assert fit.reasons[0] == "ok"
    assert "empty" in fit.reasons[1]
    assert "fewer populated bins" in fit.reasons[2]
    assert "separation" in fit.reasons[3]
    assert "separation" in fit.reasons[4]
    assert fit.reason.startswith("4 of 5 fits: all used bins are empty")
    with pytest.raises(FitError, match="background fit failed: 4 of 5 fits"):
        fit.require()


def test_two_populated_bins_can_carry_three_parameters_only_if_zeros_lie_around_them() -> None:
    # between the two events the quadratic must not rise without bound: the zeros there hold it
    counts = np.zeros(40)
    counts[[15, 25]] = 3.0
    fit = Background("exppoly", EDGES, integrate=False).fit(counts, 3).require()
    np.testing.assert_allclose(fit.rate.sum(), 6.0, rtol=1e-9)
    counts = np.zeros(40)
    counts[[15, 16]] = 3.0
    assert not Background("exppoly", EDGES, integrate=False).fit(counts, 3).converged[0]


def test_bad_counts_and_masks_are_refused_in_words() -> None:
    with pytest.raises(FitError, match=r"shape \(3,\) do not fit 40 bins"):
        DIJET_AUTO.fit([1.0, 2.0, 3.0], 3)
    counts = spectrum(100.0)
    counts[4] = -1.0
    with pytest.raises(FitError, match=r"Bin 4 holds the negative count -1.*wider bins"):
        DIJET_AUTO.fit(counts, 3)
    counts[4] = np.nan
    with pytest.raises(FitError, match="NaN or infinite"):
        DIJET_AUTO.fit(counts, 3)
    with pytest.raises(FitError, match="mask of shape"):
        DIJET_AUTO.fit(spectrum(100.0), 3, np.ones(7, dtype=bool))
    with pytest.raises(FitError, match="The 2 bins that the fit uses cannot determine 3"):
        DIJET_AUTO.fit(spectrum(100.0), 3, np.arange(40) < 2)


def test_wide_bins_are_noticed() -> None:
    fine = spectrum(1e5)
    assert not DIJET_AUTO.too_wide(fine, 4)
    wide = np.array([2700.0, 2800.0, 2900.0, 3000.0, 3400.0, 4500.0, 6700.0])
    x = np.linspace(2700.0, 6700.0, 4001)
    density = spectrum(1e5, x)
    counts = np.histogram(0.5 * (x[1:] + x[:-1]), wide, weights=density)[0]
    assert Background("dijet", wide).too_wide(counts, 3)
    fit = Background("dijet", wide).fit(counts, 3)  # auto
    np.testing.assert_allclose(fit.rate[0], counts, rtol=1e-4)
    pointwise = Background("dijet", wide, integrate=False).fit(counts, 3)
    assert pointwise.deviance[0] > 100.0 * max(fit.deviance[0], 1e-3)


def test_integration_does_not_matter_for_narrow_bins(toys: np.ndarray) -> None:
    integrated = Background("dijet", EDGES, integrate=True).fit(toys, 3)
    pointwise = DIJET.fit(toys, 3)
    difference = np.abs(integrated.rate - pointwise.rate) / np.sqrt(pointwise.rate)
    assert difference.max() < 0.02


def test_spectra_of_very_different_size_converge_together() -> None:
    table = np.random.default_rng(8).poisson(
        np.concatenate([np.full(20, 1.0), np.full(20, 1e3)])[:, None] * spectrum(100.0)
    )
    for integrate in (False, True):
        fit = Background("dijet", EDGES, integrate=integrate).fit(table, 3).require()
        np.testing.assert_allclose(fit.rate.sum(axis=1), table.sum(axis=1), rtol=2e-3)


def test_many_fits_equal_single_ones() -> None:
    toys = np.random.default_rng(1).poisson(spectrum(20_000.0), size=(20_000, 40)).astype(float)
    fit = DIJET.fit(toys, 4).require()
    assert fit.rate.shape == (20_000, 40)
    for row in (0, 9_999, 19_999):  # in different blocks
        single = DIJET.fit(toys[row], 4).require()
        np.testing.assert_allclose(fit.rate[row], single.rate[0], rtol=1e-5)
