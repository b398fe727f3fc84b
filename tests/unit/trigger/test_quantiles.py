"""Quantiles of weighted points, and roots near a guess."""

from __future__ import annotations

import numpy as np
import pytest

from bycatch.trigger.quantiles import rising_root, weighted_quantile


def test_quantiles_follow_the_shares() -> None:
    values, share = np.array([3.0, 1.0, 2.0]), np.array([0.2, 0.5, 0.3])
    found = [weighted_quantile(values, share, p) for p in (0.4, 0.6, 0.9, 1.0)]
    assert found == [1.0, 2.0, 3.0, 3.0]


@pytest.mark.parametrize("guess", [-90.0, 1.9, 2.0, 2.1, 1e3])
def test_roots_are_found_from_any_guess(guess: float) -> None:
    found = rising_root(lambda x: x**3 - 8.0, guess, 0.1, (-100.0, 1e4))
    assert found == pytest.approx(2.0, rel=1e-8)


def test_without_a_change_of_sign_an_end_is_the_answer() -> None:
    assert rising_root(lambda x: x + 5.0, 1.0, 0.1, (0.0, 10.0)) == 0.0
    assert rising_root(lambda x: x - 50.0, 1.0, 0.1, (0.0, 10.0)) == 10.0
