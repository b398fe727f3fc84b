import awkward as ak
import numpy as np
import pytest

from bycatch.errors import ColumnError, ConfigError, DataError
from bycatch.represent.base import as_momenta
from bycatch.represent.frame import standard_frame
from bycatch.represent.images import HALF_WIDTH, SIZE, jet_images, represent, reweighted


def frame(jets, **options):
    return standard_frame(as_momenta(jets.ragged(), None), **options)


def test_pixels_of_one_jet_by_hand(make_jets):
    # Three constituents on one line, 4 : 2 : 1, tilted; the jet lies across phi = pi.
    step = np.array([-0.2, 0.1, 0.6])
    jets = make_jets.of(
        [40.0, 20.0, 10.0], 0.3 + step * np.cos(0.7), np.pi + step * np.sin(0.7), [0] * 3, [3]
    )
    pixels = jet_images(jets.ragged(), normalise=False, dtype=np.float64).pixels[0]
    # Its centroid is at (-8 + 2 + 6) / 7 = 0 of the line, and its heavier end turns upwards.
    rows = np.floor((0.70 - step) / 0.035).astype(int)
    want = np.zeros((SIZE, SIZE))
    want[rows, SIZE // 2] = [40.0, 20.0, 10.0]
    np.testing.assert_allclose(pixels, want, rtol=1e-12)


def test_constituents_in_one_pixel_are_added(make_jets):
    jets = make_jets.of([5.0, 3.0, 2.0], [0.01, 0.011, 0.012], [0.01] * 3, [0] * 3, [3])
    pixels = jet_images(
        jets.ragged(), centre=False, rotate=False, flip=False, normalise=False
    ).pixels[0]
    assert pixels[20, 20] == pytest.approx(10.0, rel=1e-6)
    assert np.count_nonzero(pixels) == 1


@pytest.mark.parametrize("weight", ["pt", "E"])
def test_energy_is_conserved_exactly(make_jets, weight):
    jets = make_jets(1500, spread=0.4)  # more than one block, and many constituents outside
    images = jet_images(jets.ragged(), weight=weight, normalise=False, dtype=np.float64)
    values = jets.pt if weight == "pt" else jets.components()["E"]
    total = np.bincount(jets.owner, values)
    np.testing.assert_allclose(images.pixels.sum(axis=(1, 2)), images.inside, rtol=1e-12)
    np.testing.assert_allclose(images.inside + images.outside, total, rtol=1e-12)
    assert (images.outside > 0).mean() > 0.5
    w, x, y = frame(jets, weight=weight)
    beyond = (np.abs(x) >= HALF_WIDTH[0]) | (np.abs(y) >= HALF_WIDTH[1])
    np.testing.assert_array_equal(images.n_outside, np.bincount(jets.owner, beyond))
    np.testing.assert_allclose(images.outside, np.bincount(jets.owner, w * beyond), rtol=1e-12)


def test_steps_put_the_jet_into_its_frame(make_jets):
    jets = make_jets(300)
    w, x, y = frame(jets)

    def total(values):
        return np.bincount(jets.owner, values)

    scale = total(w)
    np.testing.assert_allclose(total(w * x) / scale, 0, atol=1e-12)
    np.testing.assert_allclose(total(w * y) / scale, 0, atol=1e-12)
    np.testing.assert_allclose(total(w * x * y) / scale, 0, atol=1e-12)
    assert (total(w * y * y) >= total(w * x * x)).all()  # the principal axis is vertical
    assert (total(w * (x < 0)) >= total(w * (x > 0))).all()
    assert (total(w * (y > 0)) >= total(w * (y < 0))).all()


def test_each_step_can_be_left_out(make_jets):
    jets = make_jets(20)
    w, x, y = frame(jets, centre=False, rotate=False, flip=False)
    np.testing.assert_allclose(x, jets.y, atol=1e-12)
    total = np.bincount(jets.owner, w)
    w, x, y = frame(jets, rotate=False, flip=False)
    np.testing.assert_allclose(np.bincount(jets.owner, w * x) / total, 0, atol=1e-12)
    assert np.abs(np.bincount(jets.owner, w * x * y) / total).max() > 1e-4
    _, turned, _ = frame(jets, flip=False)
    _, flipped, _ = frame(jets)
    np.testing.assert_allclose(np.abs(turned), np.abs(flipped), atol=1e-14)
    assert (turned != flipped).any()


@pytest.mark.parametrize(
    "change",
    [
        lambda jets, rng: jets.turned(rng.uniform(-9, 9, len(jets.counts))),
        lambda jets, rng: jets.boosted(0.8),
        lambda jets, rng: jets.reflected(),
    ],
    ids=["rotation", "boost", "reflection"],
)
def test_coordinates_are_invariant(make_jets, change):
    jets = make_jets(200, massive=True)
    w, x, y = frame(jets)
    w2, x2, y2 = frame(change(jets, np.random.default_rng(3)))
    np.testing.assert_allclose(w2, w, rtol=1e-9)
    np.testing.assert_allclose(x2, x, atol=1e-9)
    np.testing.assert_allclose(y2, y, atol=1e-9)


@pytest.mark.parametrize(
    "change",
    [
        lambda jets, rng: jets.permuted(rng),
        lambda jets, rng: jets.with_soft(),
        lambda jets, rng: jets.split(rng),
    ],
    ids=["permutation", "soft", "collinear"],
)
def test_images_are_invariant_away_from_edges(make_jets, change):
    jets = make_jets(300)
    _, x, y = frame(jets)
    column, row = (x + HALF_WIDTH[0]) / 0.029, (y + HALF_WIDTH[1]) / 0.035
    close = (np.abs(column - np.round(column)) < 1e-6) | (np.abs(row - np.round(row)) < 1e-6)
    clear = np.bincount(jets.owner, close) == 0
    assert clear.mean() > 0.95
    one = jet_images(jets.ragged(), dtype=np.float64)
    two = jet_images(change(jets, np.random.default_rng(4)).ragged(), dtype=np.float64)
    np.testing.assert_allclose(two.pixels[clear], one.pixels[clear], atol=1e-12)


def test_ragged_padded_and_events_agree(make_jets):
    jets = make_jets(50)
    one = jet_images(jets.ragged()).pixels
    padded, mask = jets.padded()
    assert one.dtype == np.float32
    np.testing.assert_array_equal(jet_images(padded, mask).pixels, one)
    np.testing.assert_array_equal(jet_images(padded).pixels, one)
    made = represent(jets.events())
    np.testing.assert_array_equal(made.values, one)
    assert made.mask is None
    assert len(made) == 50


def test_masked_constituents_do_not_count(make_jets):
    jets = make_jets(20)
    padded, mask = jets.padded()
    garbage = padded.copy()
    garbage[~mask] = np.nan
    np.testing.assert_array_equal(jet_images(garbage, mask).pixels, jet_images(padded).pixels)


def test_empty_single_and_no_jets(make_jets):
    jets = make_jets.of([7.0], [1.2], [np.pi], [0.0], [0, 1, 0])
    images = jet_images(jets.ragged())
    assert not images.pixels[[0, 2]].any()
    assert images.pixels[1, 20, 20] == 1.0
    assert images.pixels[1].sum() == 1.0
    assert jet_images(jets.ragged()[:0]).pixels.shape == (0, SIZE, SIZE)
    along_the_beam = np.array([[[0.0, 0.0, 50.0, 50.0]]])
    assert not jet_images(along_the_beam, weight="E").pixels.any()


def test_size_and_width(make_jets):
    jets = make_jets(10)
    images = jet_images(jets.ragged(), size=16, half_width=(3.0, 3.0), normalise=False)
    assert images.pixels.shape == (10, 16, 16)
    assert not images.n_outside.any()
    np.testing.assert_allclose(
        images.pixels.sum(axis=(1, 2)), np.bincount(jets.owner, jets.pt), rtol=1e-5
    )


def test_errors_say_what_is_wrong(make_jets):
    jets = make_jets(3)
    padded, mask = jets.padded()
    padded[0, 0, 2] = np.nan
    with pytest.raises(DataError, match=r"1 of .* values of 'pz' are not finite"):
        jet_images(padded, mask)
    with pytest.raises(DataError, match=r"shape \(n_events, n_max, 4\)"):
        jet_images(padded[..., :3])
    with pytest.raises(DataError, match="mask needs booleans"):
        jet_images(padded, mask[:, :-1])
    with pytest.raises(DataError, match="ragged"):
        jet_images(jets.ragged(), mask)
    with pytest.raises(ColumnError, match="'E'"):
        jet_images(jets.ragged()[["px", "py", "pz"]])
    with pytest.raises(ConfigError, match="at least 1 pixel"):
        jet_images(jets.ragged(), size=0)
    with pytest.raises(ConfigError, match="half_width"):
        jet_images(jets.ragged(), half_width=(0.5, -1.0))
    with pytest.raises(ConfigError, match="'pt' or 'E'"):
        jet_images(jets.ragged(), weight="mass")
    events = jets.events(constituent_kind=ak.Array([[0]] * 3))
    with pytest.raises(ConfigError, match="pixel"):
        represent(events, size=-1)


def test_power_and_smearing_of_pixels():
    pixels = np.zeros((2, 21, 21))
    pixels[0, 10, 10], pixels[0, 10, 12] = 0.9, 0.1
    pixels[1, 0, 0] = 1.0
    half = reweighted(pixels, 0.5, 0.0)
    assert half[0, 10, 10] / half[0, 10, 12] == pytest.approx(3.0)
    np.testing.assert_allclose(half.sum(axis=(1, 2)), 1.0)
    smeared = reweighted(pixels, 1.0, 2.0, normalise=False)
    # The Gaussian keeps the sum, and what leaves the picture is lost: three quarters at a corner.
    assert smeared[0].sum() == pytest.approx(1.0, abs=1e-4)
    x = np.arange(21) - 10
    mean = (smeared[0].sum(axis=0) * x).sum()
    assert mean == pytest.approx(0.2, abs=1e-3)
    variance = (smeared[0].sum(axis=0) * (x - mean) ** 2).sum()
    assert variance == pytest.approx(0.36 + 4.0, rel=5e-3)
    assert 0.25 < smeared[1].sum() < 0.45
    with pytest.raises(ConfigError, match="power"):
        reweighted(pixels, 0.0, 0.0)
    with pytest.raises(ConfigError, match="smearing"):
        reweighted(pixels, 1.0, -1.0)


def test_the_options_of_an_image_reweight_it(make_jets):
    jets = make_jets(3, seed=5)
    plain = jet_images(jets.ragged()).pixels
    found = jet_images(jets.ragged(), power=0.3, smear=1.0).pixels
    np.testing.assert_allclose(found, reweighted(plain, 0.3, 1.0), rtol=1e-5)
    assert not np.allclose(found, plain)
