import awkward as ak
import numpy as np
import pytest

from bycatch.errors import ColumnError, DataError
from bycatch.kinematics.particles import flatten, momenta, order_by, owners, pad, sum_by


def particles(counts):
    values = np.arange(1.0, sum(counts) + 1)
    return ak.unflatten(
        ak.Array({"px": values, "py": -values, "pz": 0 * values, "E": 2 * values}), counts
    )


def test_ragged_and_padded_give_the_same():
    ragged = particles([2, 0, 3])
    px, py, _pz, E, counts = momenta(ragged)
    np.testing.assert_array_equal(px, [1, 2, 3, 4, 5])
    np.testing.assert_array_equal(counts, [2, 0, 3])
    rows = np.stack([px, py, _pz, E], axis=1)
    padded, mask = pad(rows, counts, 4)
    np.testing.assert_array_equal(mask.sum(axis=1), counts)
    for got in (
        momenta(padded, mask),
        momenta(padded),
        momenta(ragged[:]),
    ):
        for a, b in zip(got, (px, py, _pz, E, counts), strict=True):
            np.testing.assert_array_equal(a, b)


def test_a_slice_of_ragged_particles_begins_where_it_should():
    px, *_, counts = momenta(particles([2, 0, 3])[1:])
    np.testing.assert_array_equal(px, [3, 4, 5])
    np.testing.assert_array_equal(counts, [0, 3])


def test_lists_that_are_missing_count_as_empty():
    flat, counts = flatten(ak.Array([[1.0], None, [2.0]]), "pt")
    np.testing.assert_array_equal(flat, [1, 2])
    np.testing.assert_array_equal(counts, [1, 0, 1])


@pytest.mark.parametrize("wrong", [np.nan, np.inf, 1e200])
def test_values_that_cannot_serve_are_refused(wrong):
    with pytest.raises(DataError, match="1 of 2 values of 'pt'"):
        flatten(ak.Array([[1.0, wrong]]), "pt")


def test_shapes_are_checked():
    with pytest.raises(DataError, match="one list per event"):
        flatten(ak.Array([1.0, 2.0]), "pt")
    with pytest.raises(DataError, match="empty entries"):
        flatten(ak.Array([[1.0, None]]), "pt")
    with pytest.raises(ColumnError, match=r"'E'.*'px'"):
        momenta(particles([1])[["px", "py", "pz"]])


def test_pad_keeps_the_first():
    values, mask = pad(np.arange(5), np.array([4, 0, 1]), 2)
    np.testing.assert_array_equal(values, [[0, 1], [0, 0], [4, 0]])
    np.testing.assert_array_equal(mask, [[True, True], [False, False], [True, False]])


def test_order_by_sorts_within_events_only():
    values = np.array([1.0, 3.0, 2.0, 9.0, 9.0])
    counts = np.array([3, 0, 2])
    np.testing.assert_array_equal(order_by(values, counts), [1, 2, 0, 3, 4])
    assert order_by(np.array([3.0, 2.0, 9.0, 9.0]), np.array([2, 2])) is None


def test_sums_are_floats_even_without_values():
    assert sum_by(np.array([], dtype=np.int64), np.array([]), 3).dtype == np.float64
    np.testing.assert_array_equal(sum_by(owners(np.array([2, 0, 1])), np.ones(3), 3), [2, 0, 1])
