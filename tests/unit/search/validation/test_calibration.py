"""Numbers about the uniformity of p-values."""

from __future__ import annotations

import json

import numpy as np
import pytest
from scipy.stats import norm, poisson

from bycatch.search.validation.calibration import calibrate, calibrate_global, mid_p

LOOK = {
    "method": "cwola-trees",
    "window": (3300.0, 3700.0),
    "working_point": 0.01,
    "efficiency": 0.01,
}


def test_a_standard_normal_passes_and_a_wide_one_fails():
    rng = np.random.default_rng(1)
    r = rng.standard_normal(4000)
    good = calibrate(r, expected=50.0, **LOOK)
    assert min(good.tests()) * len(good.tests()) > 0.01
    assert good.sd_error == pytest.approx(1 / np.sqrt(8000), rel=0.1)
    wide = calibrate(1.3 * r, expected=50.0, **LOOK)
    assert wide.sd_p_value < 1e-6
    assert wide.fractions[1].value > 0.02
    assert min(wide.tests()) < 1e-6
    json.dumps(wide.to_json(), allow_nan=False)
    assert "sd = 1." in str(wide)


def test_failed_fits_are_counted_and_low_counts_get_no_ks():
    r = np.random.default_rng(2).standard_normal(100)
    r[:7] = np.nan
    result = calibrate(r, expected=5.0, **LOOK)
    assert (result.n, result.failed, result.ks) == (93, 7, None)
    assert calibrate(r, expected=5.0, kind="mid-p", **LOOK).ks is not None


def test_mid_p_of_a_count_is_that_of_the_poisson_law():
    rng = np.random.default_rng(3)
    mean = 3.0
    p = mid_p(np.arange(8.0), rng.poisson(mean, 200_000).astype(float))
    exact = poisson.sf(np.arange(8), mean) + 0.5 * poisson.pmf(np.arange(8), mean)
    np.testing.assert_allclose(p, exact, atol=5e-3)
    assert mid_p(np.array([1e9]), np.zeros(9))[0] == pytest.approx(0.05)


def test_global_p_is_spread_over_its_steps():
    rng = np.random.default_rng(4)
    p = rng.integers(1, 101, 5000) / 100
    result = calibrate_global(p, 99, rng)
    assert result.ks > 1e-3
    assert min(result.tests()) > 1e-3 / 3
    assert "global p" in str(result)
    assert json.loads(json.dumps(result.to_json()))["n_toys"] == 99


def test_asymptotic_p_counts_the_upper_tail():
    r = norm.isf(np.linspace(0.0005, 0.9995, 1000))
    result = calibrate(r, expected=100.0, **LOOK)
    assert result.fractions[0].count == 50
    assert result.fractions[1].count == 10
