import numpy as np

from bycatch.learn.batches import BatchStream


def stream(sizes, batch_size=8):
    rows = [np.arange(100 * m, 100 * m + n) for m, n in enumerate(sizes)]
    return BatchStream(
        rows,
        [r / 7.0 for r in rows],
        [np.random.default_rng(m) for m in range(len(sizes))],
        batch_size,
    )


def test_every_row_once_per_permutation():
    drawn, weights = stream([20]).draw([0], 5)
    assert drawn.shape == weights.shape == (5, 1, 8)
    flat = drawn[:, 0].ravel()
    np.testing.assert_array_equal(np.sort(flat[:20]), np.arange(20))
    np.testing.assert_array_equal(np.sort(flat[20:]), np.arange(20))
    assert (flat[:20] != flat[20:]).any()
    np.testing.assert_array_equal(weights, drawn / 7.0)


def test_batches_depend_neither_on_other_members_nor_on_the_block():
    together, _ = stream([20, 33, 3]).draw([0, 1, 2], 6)
    other = stream([20, 33, 3])
    for m in (2, 0, 1):
        parts = [other.draw([m], steps)[0] for steps in (1, 3, 2)]
        np.testing.assert_array_equal(np.concatenate(parts)[:, 0], together[:, m])


def test_fewer_rows_than_a_batch():
    source = stream([3])
    drawn, _ = source.draw([0], 1)
    assert np.bincount(drawn.ravel()).tolist() in ([3, 3, 2], [3, 2, 3], [2, 3, 3])
    assert source.steps_per_epoch(0) == 1
    assert stream([17]).steps_per_epoch(0) == 3
