"""The measured over-dispersion and its use."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

from bycatch.errors import ConfigError, FitError
from bycatch.search.validation.correction import Correction, measure


def _measure(z, methods=("m",), points=(0.1, 0.01), r=None, toys=None):
    if toys is None:
        toys = np.zeros((2, *z.shape[1:]))
        toys[1] = 1.0
    return measure(z, z if r is None else r, toys, methods, points)


def _null(n=4000, sd=1.1, mean=-0.05, seed=2):
    rng = np.random.default_rng(seed)
    return mean + sd * rng.standard_normal((n, 2, 1, 2))


def test_measures_mean_and_spread_within_their_errors():
    correction = _measure(_null(), ("cwola-trees",))
    entry = correction.entry("cwola-trees", 0.01)
    assert abs(entry.sd - 1.1) < 4 * entry.sd_error
    assert abs(entry.mean + 0.05) < 4 * entry.mean_error
    # 4,000 experiments x 2 independent windows of a normal: sd / sqrt(2 n).
    assert entry.sd_error == pytest.approx(1.1 / math.sqrt(16_000), rel=0.1)
    assert correction.calibrated_down_to == 20 / 4000


def test_fresh_values_are_standard_after_the_correction():
    correction = _measure(_null())
    fresh = correction.apply(_null(seed=99)[:, 0, 0, 0], "m", 0.1)
    assert abs(fresh.std() - 1) < 4 * math.hypot(1 / math.sqrt(8000), 1 / math.sqrt(16_000))
    assert abs(fresh.mean()) < 4 * math.hypot(1 / math.sqrt(4000), 1 / math.sqrt(8000))


def test_never_sharpens():
    correction = _measure(_null(sd=0.8, mean=0.0))
    entry = correction.entry("m", 0.1)
    assert entry.sd < 0.85
    assert entry.dispersion == 1.0
    assert float(correction.apply(3.0, "m", 0.1)) == pytest.approx(3.0 - entry.mean)


def test_failed_fits_are_left_out_and_too_few_are_refused():
    r = _null(n=100)
    r[:30, 0] = np.nan
    assert _measure(r).entries[0].n == 70
    assert _measure(r).calibrated_down_to == 20 / 70
    r[:90, 0, 0, 1] = np.nan
    with pytest.raises(FitError, match=r"Only 10 of 100 .* working point 0\.01"):
        _measure(r)


def test_json_round_trip_and_its_errors():
    correction = _measure(_null(n=50))
    document = json.loads(json.dumps(correction.to_json()))
    assert Correction.from_json(document) == correction
    del document["entries"][0]["sd"]
    with pytest.raises(ConfigError, match="run 'bycatch validate' again"):
        Correction.from_json(document)


def test_says_what_was_covered():
    correction = _measure(_null(n=50), ("cwola-trees",))
    with pytest.raises(ConfigError, match=r"does not cover cwola-network .*cwola-trees at 0\.1"):
        correction.apply(1.0, "cwola-network", 0.1)


def test_the_toy_scale_keeps_what_toys_share():
    # Fits at low counts: toys without training have mean -0.2 and spread 1.2; training adds 10 %.
    rng = np.random.default_rng(3)
    shape = (4000, 1, 1, 1)
    r = -0.2 + 1.32 * rng.standard_normal(shape)
    toys = np.full((2, *shape[1:]), -0.2)
    toys[1] = 1.2
    correction = _measure((r + 0.2) / 1.2, ("m",), (0.1,), r=r, toys=toys)
    assert correction.entry("m", 0.1).excess_dispersion == pytest.approx(1.1, abs=0.04)
    scaled = correction.on_toy_scale(r.ravel(), "m", 0.1)
    assert scaled.mean() == pytest.approx(-0.2, abs=1e-9)
    assert scaled.std(ddof=1) == pytest.approx(1.2, rel=1e-9)
