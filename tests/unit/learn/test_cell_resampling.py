"""Cells that share negative weights."""

import numpy as np
import pytest

from bycatch.errors import DataError
from bycatch.learn.cell_resampling import positive_weights


@pytest.fixture
def sample():
    rng = np.random.default_rng(0)
    return rng.normal(size=(4000, 2)), np.where(rng.random(4000) < 0.25, -1.0, 1.0)


def test_no_weight_is_negative_and_the_sum_stays(sample):
    x, weight = sample
    found = positive_weights(x, weight)
    assert found.min() >= 0.0
    np.testing.assert_allclose(found.sum(), weight.sum(), rtol=1e-12)


def test_sums_over_regions_stay_within_what_crosses_their_borders(sample):
    x, weight = sample
    found = positive_weights(x, weight)
    inside = (x**2).sum(axis=1) < 1.0
    # Only rows within a cell's radius of the border, about 0.1, can change sides: a tenth or so.
    border = np.abs(np.sqrt((x**2).sum(axis=1)) - 1.0) < 0.1
    difference = found[inside].sum() - weight[inside].sum()
    assert abs(difference) < 3.0 * np.sqrt(border.sum())


def test_a_cell_is_what_its_negative_row_needs():
    x = np.array([[0.0], [1.0], [2.0], [10.0], [11.0]])
    found = positive_weights(x, np.array([-1.5, 1.0, 1.0, 3.0, 4.0]))
    np.testing.assert_allclose(found, [1.5 / 7, 1.0 / 7, 1.0 / 7, 3.0, 4.0])


def test_weights_without_negative_ones_stay(sample):
    x, weight = sample
    np.testing.assert_array_equal(positive_weights(x, np.abs(weight)), np.abs(weight))


def test_cells_grow_as_far_as_they_must():
    x = np.arange(300.0)[:, None]
    weight = np.full(300, 0.01)
    weight[0] = -2.0
    found = positive_weights(x, weight)
    assert np.count_nonzero(np.abs(found - 0.01) > 1e-9) == 201
    np.testing.assert_allclose(found.sum(), weight.sum())


def test_a_negative_sum_is_refused(sample):
    x, weight = sample
    with pytest.raises(DataError, match="sum of weights"):
        positive_weights(x, -weight)
