"""Kish's effective size."""

from __future__ import annotations

import numpy as np
import pytest

from bycatch.evaluate import kish


def test_equal_weights_count_events():
    assert kish(np.full(17, 0.3)) == pytest.approx(17.0, rel=1e-12)


def test_relative_error_of_a_weighted_sum():
    rng = np.random.default_rng(1)
    weight = rng.exponential(size=500)
    sums = rng.poisson(1.0, (4_000, 500)) @ weight
    # The spread of 4,000 sums is known to 1.1 %.
    assert sums.std() / sums.mean() == pytest.approx(1.0 / np.sqrt(kish(weight)), rel=0.05)


def test_nothing_counts_nothing():
    assert kish([]) == 0.0
    assert kish([0.0, 0.0]) == 0.0
    assert kish([1.0, -1.0]) == 0.0
