import math

import awkward as ak
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bycatch.kinematics.vectors import (
    azimuth,
    cartesian,
    delta_phi,
    delta_r,
    invariant_mass,
    mass,
    pseudorapidity,
    pt_eta_phi_mass,
    rapidity,
)


def test_there_and_back():
    rng = np.random.default_rng(1)
    want = (
        rng.exponential(50, 1000) + 1,
        rng.uniform(-5, 5, 1000),
        rng.uniform(-np.pi, np.pi, 1000),
        rng.exponential(5, 1000),
    )
    got = pt_eta_phi_mass(*cartesian(*want))
    for a, b in zip(got[:3], want[:3], strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-12)
    # m^2 is a difference of squares of E: its rounding is that of E^2
    energy = cartesian(*want)[3]
    assert (np.abs(got[3] ** 2 - want[3] ** 2) <= 1e-14 * energy**2).all()


def test_rapidity_is_the_textbook_one_and_shifts_under_boosts():
    rng = np.random.default_rng(2)
    px, py, pz, E = cartesian(
        rng.exponential(20, 500), rng.uniform(-3, 3, 500), rng.uniform(-3, 3, 500), 5.0
    )
    y = rapidity(px, py, pz, E)
    np.testing.assert_allclose(y, 0.5 * np.log((E + pz) / (E - pz)), rtol=1e-9, atol=1e-12)
    shift = 1.3
    boosted_z = np.cosh(shift) * pz + np.sinh(shift) * E
    boosted_E = np.cosh(shift) * E + np.sinh(shift) * pz
    np.testing.assert_allclose(rapidity(px, py, boosted_z, boosted_E), y + shift, atol=1e-9)
    massless = cartesian(rng.exponential(20, 500), np.linspace(-6, 6, 500), 0.3, 0.0)
    np.testing.assert_allclose(rapidity(*massless), pseudorapidity(*massless[:3]), atol=1e-8)


def test_zero_and_beam_vectors_are_finite():
    zero = np.zeros(3)
    pz = np.array([0.0, 7000.0, -7000.0])
    pt, eta, phi, m = pt_eta_phi_mass(zero, -zero, pz, np.abs(pz))
    np.testing.assert_array_equal(pt, 0)
    assert eta[0] == 0
    assert np.isfinite(eta).all()
    assert eta[1] > 500
    assert eta[2] < -500
    np.testing.assert_array_equal(phi, 0)
    np.testing.assert_array_equal(m, 0)
    assert np.isfinite(rapidity(zero, zero, pz, np.abs(pz))).all()
    assert mass(3.0, 0.0, 0.0, 2.9) == 0.0  # rounding below zero is zero, not NaN


@given(st.floats(-50, 50), st.floats(-50, 50))
@settings(max_examples=200, deadline=None, derandomize=True)
def test_delta_phi_lies_within_its_range(a, b):
    got = float(delta_phi(a, b))
    assert -math.pi < got <= math.pi
    assert math.cos(got) == pytest.approx(math.cos(a - b), abs=1e-12)
    assert math.sin(got) == pytest.approx(math.sin(a - b), abs=1e-12)
    if -math.pi < a - b <= math.pi:
        assert got == a - b


@pytest.mark.parametrize(
    ("a", "b", "want"),
    [
        (np.pi, -np.pi, 0.0),
        (0.0, np.pi, np.pi),
        (np.pi, 0.0, np.pi),
        (3.1, -3.1, 6.2 - 2 * np.pi),
        (np.nextafter(-np.pi, 0), 0.0, np.pi),
    ],
)
def test_delta_phi_at_the_ends(a, b, want):
    assert float(delta_phi(a, b)) == pytest.approx(want, abs=1e-15)


def test_azimuth_of_minus_zero():
    assert azimuth(-0.0, 0.0) == 0.0
    assert azimuth(-1.0, -0.0) == pytest.approx(np.pi)
    assert azimuth(-1.0, 0.0) == np.pi


def test_awkward_gives_what_numpy_gives():
    counts = [2, 0, 3]
    rng = np.random.default_rng(3)
    flat = [rng.normal(size=5) for _ in range(3)]
    flat.append(np.sqrt(sum(v**2 for v in flat)) + 1.0)
    ragged = [ak.unflatten(v, counts) for v in flat]
    for a, b in zip(pt_eta_phi_mass(*ragged), pt_eta_phi_mass(*flat), strict=True):
        assert isinstance(a, ak.Array)
        np.testing.assert_array_equal(ak.to_numpy(ak.flatten(a)), b)
    np.testing.assert_array_equal(
        ak.to_numpy(ak.flatten(delta_phi(ragged[0], 3.0))), delta_phi(flat[0], 3.0)
    )
    total = ak.to_numpy(invariant_mass(*ragged))
    assert total[1] == 0
    assert total[2] == pytest.approx(float(invariant_mass(*(v[2:] for v in flat))))


def test_invariant_mass_of_two_back_to_back():
    # two massless of 45.6 GeV: the Z
    px, py, pz, E = (np.array([[a, b]]) for a, b in ((45.6, -45.6), (0, 0), (0, 0), (45.6, 45.6)))
    np.testing.assert_allclose(invariant_mass(px, py, pz, E), [91.2])


def test_delta_r_across_pi():
    assert delta_r(0.3, 3.1, 0.0, -3.1) == pytest.approx(np.hypot(0.3, 2 * np.pi - 6.2))
