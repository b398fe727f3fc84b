import numpy as np
import pytest

from bycatch.errors import ColumnError, ConfigError, DataError
from bycatch.events import Events
from bycatch.kinematics.vectors import cartesian
from bycatch.represent.constituents import (
    FEATURES,
    STANDARD_ANGLES,
    constituent_features,
    represent,
)

INVARIANT = ["log_pt", "log_pt_fraction", "delta_y", "delta_phi", "delta_r"]


def test_features_by_hand(make_jets):
    jets = make_jets.of([30.0, 60.0], [0.2, 0.2], [np.pi, np.pi + 0.3], [0, 0], [2])
    made = constituent_features(jets.ragged(), n_max=3)
    assert made.names == FEATURES["relative"]
    assert made.values.dtype == np.float32
    np.testing.assert_array_equal(made.mask, [[True, True, False]])
    px, py, _, E = (v.sum() for v in cartesian(jets.pt, jets.y, jets.phi, 0.0))
    angle = np.pi + 0.3 - np.arctan2(-py, -px) - np.pi
    # of massless momenta at one rapidity, the sum has a smaller pt and thus another rapidity
    along = 0.2 - np.arcsinh(90 * np.sinh(0.2) / np.sqrt(E**2 - (90 * np.sinh(0.2)) ** 2))
    want = [
        np.log(60.0),
        np.log(60.0 * np.cosh(0.2)),
        np.log(60.0 / np.hypot(px, py)),
        np.log(2 / 3),
        along,
        angle,
        np.hypot(along, angle),
    ]
    np.testing.assert_allclose(made.values[0, 0], want, rtol=1e-5, atol=1e-6)
    assert not made.values[0, 2].any()


@pytest.mark.parametrize(
    "change",
    [
        lambda jets, rng: jets.turned(rng.uniform(-9, 9, len(jets.counts))),
        lambda jets, rng: jets.boosted(-1.1),
        lambda jets, rng: jets.permuted(rng),
        lambda jets, rng: jets.with_soft(),
    ],
    ids=["rotation", "boost", "permutation", "soft"],
)
def test_relative_features_are_invariant(make_jets, change):
    jets = make_jets(100, massive=True)
    one = constituent_features(jets.ragged(), n_max=20)
    two = constituent_features(change(jets, np.random.default_rng(2)).ragged(), n_max=20)
    kept = [one.names.index(name) for name in INVARIANT]
    np.testing.assert_array_equal(two.mask, one.mask)
    np.testing.assert_allclose(two.values[..., kept], one.values[..., kept], atol=1e-6)


def test_the_standard_frame_is_centred_turned_and_mirrored(make_jets):
    jets = make_jets(60, massive=True)
    made = constituent_features(jets.ragged(), n_max=200, frame="standard")
    assert made.names[4:] == STANDARD_ANGLES
    pt = np.exp(made.values[..., 0].astype(np.float64)) * made.mask
    x, y, r = np.moveaxis(made.values[..., 4:].astype(np.float64), -1, 0)
    scale = pt.sum(axis=1)
    for moment in (pt * x, pt * y, pt * x * y):
        np.testing.assert_allclose(moment.sum(axis=1) / scale, 0.0, atol=1e-6)
    assert ((pt * y * y).sum(axis=1) >= (pt * x * x).sum(axis=1) * (1 - 1e-6)).all()
    assert ((pt * np.sign(x)).sum(axis=1) <= 1e-6 * scale).all()
    assert ((pt * np.sign(y)).sum(axis=1) >= -1e-6 * scale).all()
    np.testing.assert_allclose(r, np.hypot(x, y), atol=1e-6)
    # The other features do not know of the frame.
    plain = constituent_features(jets.ragged(), n_max=200)
    np.testing.assert_array_equal(made.values[..., :4], plain.values[..., :4])
    mirrored = constituent_features(jets.reflected().ragged(), n_max=200, frame="standard")
    np.testing.assert_allclose(mirrored.values, made.values, atol=1e-5)


def test_frames_that_make_no_sense(make_jets):
    jets = make_jets(2).ragged()
    with pytest.raises(ConfigError, match="'jet' or 'standard', not 'lab'"):
        constituent_features(jets, frame="lab")
    with pytest.raises(ConfigError, match="Momenta have no frame"):
        constituent_features(jets, frame="standard", features="momenta")


def test_reflection_changes_the_signs_of_angles_only(make_jets):
    jets = make_jets(50, massive=True)
    one, two = (constituent_features(some.ragged()) for some in (jets, jets.reflected()))
    sign = np.array([1, 1, 1, 1, -1, -1, 1])
    np.testing.assert_allclose(two.values, one.values * sign, atol=1e-6)


def test_hardest_come_first_and_softer_are_left_out(make_jets):
    jets = make_jets(40)
    made = constituent_features(jets.ragged(), n_max=10)
    counts = np.minimum(jets.counts, 10)
    np.testing.assert_array_equal(made.mask.sum(axis=1), counts)
    for j, values in enumerate(np.split(jets.pt, np.cumsum(jets.counts)[:-1])):
        want = np.log(np.sort(values)[::-1][:10])
        np.testing.assert_allclose(made.values[j, : counts[j], 0], want, rtol=1e-6)
    assert not made.values[~made.mask].any()
    # the jet stays the sum of all, so the fractions kept sum to less than one
    fraction = np.where(made.mask, np.exp(made.values[..., 3]), 0).sum(axis=1)
    assert (fraction[jets.counts > 10] < 1).all()
    full = constituent_features(jets.ragged())
    fraction = np.where(full.mask, np.exp(full.values[..., 3]), 0).sum(axis=1)
    np.testing.assert_allclose(fraction, 1, rtol=1e-5)


def test_momenta_are_kept_as_they_are(make_jets):
    jets = make_jets(20)
    made = represent(jets.events(), features="momenta", n_max=60)
    padded, mask = jets.padded()
    order = np.argsort(-np.hypot(padded[..., 0], padded[..., 1]), axis=1, kind="stable")
    want = np.take_along_axis(padded, order[..., None], axis=1).astype(np.float32)
    np.testing.assert_array_equal(made.values[:, : want.shape[1]], want)
    np.testing.assert_array_equal(made.mask.sum(axis=1), mask.sum(axis=1))


def test_empty_and_single_jets(make_jets):
    jets = make_jets.of([5.0], [0.4], [-np.pi], [0.0], [0, 1])
    made = constituent_features(jets.ragged(), n_max=2)
    assert not made.mask[0].any()
    assert made.mask[1].tolist() == [True, False]
    np.testing.assert_allclose(made.values[1, 0, 2:], 0, atol=1e-6)
    assert constituent_features(jets.ragged()[:0], n_max=2).values.shape == (0, 2, 7)


def test_errors_say_what_is_wrong(make_jets):
    jets = make_jets(3)
    with pytest.raises(ConfigError, match="n_max"):
        constituent_features(jets.ragged(), n_max=0)
    with pytest.raises(ConfigError, match="'momenta'"):
        constituent_features(jets.ragged(), features="momentum")
    padded, mask = jets.padded()
    padded[0, 0, 3] = 0.0
    with pytest.raises(DataError, match=r"1 of .* positive energy"):
        constituent_features(padded, mask)
    with pytest.raises(ColumnError, match="constituent_px"):
        represent(Events({"jet_pt": np.ones(3)}))
