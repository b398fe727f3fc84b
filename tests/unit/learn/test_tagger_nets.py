"""The symmetries of the taggers on constituents, and the layers against torch's own."""

import numpy as np
import pytest
import torch

from bycatch.errors import DataError
from bycatch.learn import make_tagger
from bycatch.learn.inputs import check_inputs, constituent_scaling, root_mean_square
from bycatch.learn.nets.image_cnn import draw_image_cnn, image_cnn
from bycatch.learn.nets.packing import pack
from bycatch.learn.nets.transformer import (
    Sizes,
    _pair_bias,
    draw_transformer,
    interactions,
)

SMALL = {"steps": 20, "rounds": 2, "batch_size": 64}
TAGGERS = {
    "deep_sets": {"per_constituent": (16, 16), "per_jet": (16,)},
    "transformer": {"width": 16, "heads": 4, "blocks": 2, "hidden": 16, "pairs": (0, 4, 5)},
}


@pytest.fixture(scope="module", params=TAGGERS)
def fitted(request):
    rng = np.random.default_rng(1)
    y = (np.arange(300) % 2).astype(np.int8)
    X = rng.normal(size=(300, 9, 7)).astype(np.float32)
    X[..., 3] += y[:, None]
    mask = np.arange(9) < rng.integers(0, 10, 300)[:, None]
    tagger = make_tagger(request.param, 2, **SMALL, **TAGGERS[request.param])
    train = np.tile(np.arange(300) < 200, (2, 1))
    return tagger.fit(X, y, None, mask, train=train, validate=~train, seed=1), X, mask


def test_order_of_constituents_has_no_influence(fitted):
    tagger, X, mask = fitted
    order = np.random.default_rng(2).random(mask.shape).argsort(axis=1)
    shuffled = np.take_along_axis(X, order[..., None], axis=1)
    p = tagger.predict(shuffled, np.take_along_axis(mask, order, axis=1))
    np.testing.assert_allclose(p, tagger.predict(X, mask), rtol=0, atol=1e-5)


def test_padding_has_no_influence_whatever_it_holds(fitted):
    tagger, X, mask = fitted
    p = tagger.predict(X, mask)
    rng = np.random.default_rng(3)
    wider = rng.normal(size=(300, 20, 7)).astype(np.float32) * 1e3
    wider[:, 9:12] = np.nan
    wider[:, :9] = np.where(mask[..., None], X, np.nan)
    there = np.pad(mask, ((0, 0), (0, 11)))
    np.testing.assert_allclose(tagger.predict(wider, there), p, rtol=0, atol=1e-5)


def test_padding_has_no_influence_on_the_training(fitted):
    tagger, X, mask = fitted
    y = (np.arange(300) % 2).astype(np.int8)
    train = np.arange(300)[None] < 200
    results = []
    for padded in (X, np.where(mask[..., None], X, np.nan)):
        one = make_tagger(tagger.kind, 1, dtype="float64", **SMALL, **TAGGERS[tagger.kind])
        one.fit(padded, y, None, mask, train=train, validate=~train, seed=1)
        results.append(one.predict(X, mask))
        assert all(torch.isfinite(value).all() for value in one.parameters_.values())
    np.testing.assert_allclose(results[1], results[0], rtol=0, atol=1e-7)


def test_empty_jets_have_one_finite_score(fitted):
    tagger, X, mask = fitted
    empty = ~mask.any(axis=1)
    assert empty.sum() > 10
    p = tagger.predict(X, mask)
    assert np.isfinite(p).all()
    np.testing.assert_allclose(
        p[:, empty], np.repeat(p[:, empty][:, :1], empty.sum(), 1), atol=1e-6
    )
    alone = tagger.predict(X[empty], mask[empty])
    np.testing.assert_allclose(alone, p[:, empty], atol=1e-6)
    assert np.unique(p[0, ~empty]).size > 200


def test_everything_is_there_where_there_is_no_mask(fitted):
    tagger, X, mask = fitted
    np.testing.assert_array_equal(tagger.predict(X), tagger.predict(X, np.ones_like(mask)))
    assert (tagger.predict(X) != tagger.predict(X, mask)).any()
    with pytest.raises(DataError, match=r"'mask' must be of bool .* int64"):
        tagger.predict(X, mask.astype(np.int64))


def test_pack_finds_every_constituent_once():
    mask = torch.from_numpy(np.random.default_rng(1).random((3, 5, 4)) < 0.4)
    place, there = pack(mask)
    for m in range(3):
        assert place[m][there[m]].tolist() == mask[m].flatten().nonzero()[:, 0].tolist()
    assert place.shape[1] == mask.flatten(1).sum(dim=1).max()


def test_grouped_convolutions_equal_one_network_per_member():
    rngs = [np.random.default_rng(m) for m in range(3)]
    weights = draw_image_cnn((16, 12), (3, 4), (5,), rngs, torch.float64)
    x = torch.from_numpy(np.random.default_rng(9).random((3, 6, 16, 12)))
    together = image_cnn(weights, x)
    f = torch.nn.functional
    for m in range(3):
        h = x[m][:, None]
        h = f.relu(f.conv2d(h, weights["kernel0"][m], weights["offset0"][m], 2, padding=1))
        h = f.relu(f.conv2d(h, weights["kernel1"][m], weights["offset1"][m], padding=1))
        # Channels, height, width, in this order.
        h = f.max_pool2d(h, 2).flatten(1)
        h = f.relu(h @ weights["weight0"][m] + weights["bias0"][m])
        h = h @ weights["weight1"][m] + weights["bias1"][m]
        torch.testing.assert_close(together[m], h[:, 0], rtol=0, atol=1e-12)


def test_interactions_of_two_constituents():
    log_pt = np.log([30.0, 10.0])
    first, second = torch.tensor([log_pt[0], 0.3, 0.0]), torch.tensor([log_pt[1], 0.0, -0.4])
    expected = np.log([0.5, 10.0 * 0.5, 10.0 / 40.0, 30.0 * 10.0 * 0.25])
    for pair in ((first, second), (second, first)):
        np.testing.assert_allclose(interactions(*pair), expected, rtol=1e-6)
    # For small angles the mass is that of the four-vectors.
    small = torch.tensor([1.0, 1e-2, 1e-2])
    found = interactions(first.double() * small, second.double() * small)[3].exp()
    exact = 2 * 300.0 * (np.cosh(3e-3) - np.cos(4e-3))
    assert found.item() == pytest.approx(exact, rel=1e-4)
    assert torch.isfinite(interactions(first, first)).all()


def test_bias_of_pairs_is_that_of_each_pair():
    """Packed, of several members, against one pair at a time."""
    rng = np.random.default_rng(1)
    sizes = Sizes(3, 4, 2, 1, 4, 5)
    weights = draw_transformer(sizes, [rng, rng], torch.float64)
    x = torch.from_numpy(rng.normal(size=(2, 3, 4, 3)))
    mask = torch.from_numpy(np.arange(4) < np.array([[[0], [3], [4]], [[1], [2], [4]]]))
    found = _pair_bias(weights, x.masked_fill(~mask.unsqueeze(3), torch.nan), mask)
    found = found.reshape(2, 3, 2, 4, 4)
    for m, row, i, j in np.ndindex(2, 3, 4, 4):
        expected = torch.zeros(2, dtype=torch.float64)
        if i != j and mask[m, row, i] and mask[m, row, j]:
            h = interactions(x[m, row, i], x[m, row, j]) @ weights["pair0.weight"][m]
            h = torch.relu(h + weights["pair0.bias"][m, 0])
            expected = h @ weights["pair1.weight"][m] + weights["pair1.bias"][m, 0]
        torch.testing.assert_close(found[m, row, :, i, j], expected, rtol=0, atol=1e-12)


class Rows:
    def __init__(self, train, weight):
        self.train, self.train_weight = np.asarray(train), np.asarray(weight, dtype=np.float64)


def test_scaling_is_that_of_the_constituents_of_the_training_rows():
    rng = np.random.default_rng(1)
    X = (rng.normal(size=(50, 6, 3)) * [1.0, 10.0, 0.0] + [1e6, 0.0, 0.1]).astype(np.float64)
    mask = np.arange(6) < rng.integers(0, 7, 50)[:, None]
    X[~mask] = np.nan
    weight = rng.uniform(0.5, 2.0, 30)
    rows = [Rows(np.arange(30), weight), Rows(np.arange(20, 50), np.ones(30))]
    found = constituent_scaling(X, mask, rows)
    for m, r in enumerate(rows):
        there = mask[r.train]
        w = np.repeat(r.train_weight, there.sum(axis=1))
        values = X[r.train][there]
        mean = np.average(values, axis=0, weights=w)
        sigma = np.sqrt(np.average((values - mean) ** 2, axis=0, weights=w))
        np.testing.assert_allclose(found["shift"][m, 0], mean, rtol=1e-12)
        np.testing.assert_allclose(found["scale"][m, 0], [*sigma[:2], 1.0], rtol=1e-9)
        count = np.average(there.sum(axis=1), weights=r.train_weight)
        assert found["count"][m, 0, 0] == pytest.approx(count, rel=1e-12)
    nothing = constituent_scaling(X, np.zeros_like(mask), rows)
    assert all(np.isfinite(values).all() for values in nothing.values())
    assert (nothing["scale"] == 1.0).all()
    assert (nothing["count"] == 1.0).all()


def test_root_mean_square_of_images():
    X = np.arange(24.0).reshape(2, 3, 4)
    found = root_mean_square(X, 0.5, [Rows([0], [2.0]), Rows([0, 1], [1.0, 1.0])])
    np.testing.assert_allclose(found.ravel(), np.sqrt([X[0].mean(), X.mean()]))
    assert root_mean_square(0 * X, 0.5, [Rows([0], [2.0])]).item() == 1.0


def test_inputs_stay_where_they_are():
    for dtype in (np.uint8, np.float16, np.float32, np.float64):
        X = np.ones((4, 5, 5), dtype=dtype)
        assert np.shares_memory(check_inputs(X, None, ("height", "width")), X)
    assert check_inputs(np.ones((4, 5), dtype=int), None, ("n_features",)).dtype == np.float32


def test_small_images_and_missing_pairs_are_refused():
    y = (np.arange(40) % 2).astype(np.int8)
    masks = {"train": np.arange(40)[None] < 20, "validate": np.arange(40)[None] >= 20}
    with pytest.raises(DataError, match=r"4x4 pixels are too small for 3 layers"):
        make_tagger("cnn").fit(np.ones((40, 4, 4)), y, **masks, seed=1)
    with pytest.raises(DataError, match="names feature 5, but constituents have 4"):
        make_tagger("transformer", pairs=(0, 4, 5)).fit(np.ones((40, 3, 4)), y, **masks, seed=1)
