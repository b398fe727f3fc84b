from __future__ import annotations

import numpy as np
import pytest

from bycatch.errors import ConfigError, FitError
from bycatch.statistics.fits.background import FAMILIES, bin_offset, check_edges, get_family

EDGES = np.linspace(2700.0, 6500.0, 39)


@pytest.mark.parametrize("name", FAMILIES)
def test_design_has_one_column_per_parameter_and_orders_are_nested(name: str) -> None:
    family = FAMILIES[name]
    longest = family.design(EDGES, family.orders[-1])
    for order in family.orders:
        design = family.design(EDGES, order)
        assert design.shape == (38, order)
        assert np.linalg.matrix_rank(design / np.linalg.norm(design, axis=0), tol=1e-13) == order
        np.testing.assert_array_equal(design, longest[:, :order])


def test_dijet_columns_give_the_published_function() -> None:
    mass = 0.5 * (EDGES[1:] + EDGES[:-1])
    x = mass / 13_000.0
    coefficients = [np.log(3.0), 8.0, -4.0, 0.3, -0.02]
    density = np.exp(FAMILIES["dijet"].design(EDGES, 5) @ coefficients)
    published = 3.0 * (1 - x) ** 8.0 * x ** (-4.0 + 0.3 * np.log(x) - 0.02 * np.log(x) ** 2)
    np.testing.assert_allclose(density, published, rtol=1e-12)


def test_cms_columns_give_the_published_function() -> None:
    x = 0.5 * (EDGES[1:] + EDGES[:-1]) / 13_000.0
    design = FAMILIES["cms"].design(EDGES, 6)
    p0, p1, p2, p3, p4, p5 = 2.0, 8.0, 5.0, 0.4, 0.03, 1.5
    density = np.exp(design @ [np.log(p0), p1, -p2, -p3, -p4, -p5])
    log_x = np.log(x)
    published = p0 * (1 - x) ** p1 / x ** (p2 + p3 * log_x + p4 * log_x**2) * np.exp(-p5 * x)
    np.testing.assert_allclose(density, published, rtol=1e-12)


def test_unit_of_the_mass_does_not_matter() -> None:
    for family in FAMILIES.values():
        order = family.orders[-1]
        in_gev = family.design(EDGES, order, 13_000.0)
        in_tev = family.design(EDGES / 1000.0, order, 13.0)
        np.testing.assert_allclose(in_gev, in_tev, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(bin_offset(EDGES), bin_offset(EDGES / 1000.0), atol=1e-12)


def test_masses_beyond_the_collision_energy_are_refused_in_words() -> None:
    with pytest.raises(FitError, match=r"function of m / sqrt\(s\).*'exppoly'"):
        FAMILIES["dijet"].design(np.linspace(8.0, 15.0, 8), 3, scale=13.0)
    with pytest.raises(FitError, match="a bin lies at -1"):
        FAMILIES["ua2"].design([-4.0, 2.0, 5.0], 2)
    assert FAMILIES["exppoly"].design([-4.0, 2.0, 5.0], 2, scale=1.0).shape == (2, 2)


def test_unknown_names_orders_and_edges_are_refused_in_words() -> None:
    with pytest.raises(ConfigError, match=r"no background family 'dijets'.*'dijet'"):
        get_family("dijets")
    with pytest.raises(ConfigError, match="has 3 to 5 parameters, so order 7"):
        FAMILIES["dijet"].design(EDGES, 7)
    with pytest.raises(FitError, match="increase"):
        check_edges([1.0, 3.0, 2.0])
    with pytest.raises(FitError, match="at least two"):
        check_edges([1.0])
