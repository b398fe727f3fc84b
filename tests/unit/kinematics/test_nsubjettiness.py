import awkward as ak
import numpy as np
import pytest

from bycatch.errors import ConfigError, DataError
from bycatch.kinematics.nsubjettiness import nsubjettiness, nsubjettiness_betas, subjet_axes
from bycatch.kinematics.vectors import cartesian

pytest.importorskip("fastjet")
AXES = ("kt", "wta_kt")


def ragged(pt, eta, phi, counts, mass=0.0):
    vectors = cartesian(*(np.asarray(v, float) for v in (pt, eta, phi)), mass)
    return ak.unflatten(ak.Array(dict(zip(("px", "py", "pz", "E"), vectors, strict=True))), counts)


def random_jets(n=40, seed=1):
    rng = np.random.default_rng(seed)
    counts = rng.integers(0, 40, n)
    total = counts.sum()
    return ragged(
        rng.exponential(10, total),
        rng.normal(0, 0.3, total),
        rng.normal(np.pi, 0.3, total),
        counts,
        mass=0.14,
    )


@pytest.mark.parametrize("axes", AXES)
def test_as_many_axes_as_constituents_give_zero(axes):
    jets = random_jets()
    taus = nsubjettiness(jets, 9, axes=axes)
    counts = ak.num(jets).to_numpy()
    few = counts[:, None] <= np.arange(1, 10)
    assert (taus[few] == 0).all()
    assert (taus[~few] > 0).all()


@pytest.mark.parametrize("axes", AXES)
@pytest.mark.parametrize("beta", [0.5, 1.0, 2.0, 1.7])
def test_two_prongs_by_hand(axes, beta):
    d = 0.4
    for share in (0.5, 0.2):
        jets = ragged([share * 100, (1 - share) * 100], [0.0, 0.0], [3.0, 3.0 + d], [2])
        tau = nsubjettiness(jets, 2, beta, axes, radius=0.8)[0]
        if axes == "wta_kt":  # the axis lies on the harder prong
            want = min(share, 1 - share) * d**beta
        else:  # along the sum of two massless vectors at equal rapidity
            x = share + (1 - share) * np.cos(d)
            angle = np.arctan2((1 - share) * np.sin(d), x)
            want = share * angle**beta + (1 - share) * (d - angle) ** beta
        assert tau[0] == pytest.approx(want / 0.8**beta, rel=1e-9)
        assert tau[1] == 0


def test_betas_share_the_axes_and_blocks_do_not_matter(monkeypatch):
    jets = random_jets(60)
    together = nsubjettiness_betas(jets, 4, (0.5, 1.0, 2.0, 1.3))
    assert together.shape == (4, 60, 4)
    for index, beta in enumerate((0.5, 1.0, 2.0, 1.3)):
        np.testing.assert_array_equal(nsubjettiness(jets, 4, beta), together[index])
    monkeypatch.setattr("bycatch.kinematics.nsubjettiness._BLOCK", 7)
    np.testing.assert_array_equal(nsubjettiness(jets, 4, 0.5), together[0])


def test_axes_of_each_number():
    jets = random_jets(10)
    axes = subjet_axes(jets, 3)
    counts = ak.num(jets).to_numpy()
    assert [part.shape for part in axes] == [(10, n, 2) for n in (1, 2, 3)]
    for n, part in enumerate(axes, start=1):
        assert (np.isfinite(part).all(axis=2).sum(axis=1) == np.minimum(counts, n)).all()


def test_no_jets_and_empty_jets():
    jets = random_jets(3)
    assert nsubjettiness(jets[:0], 3).shape == (0, 3)
    assert subjet_axes(jets[:0], 2)[1].shape == (0, 2, 2)
    np.testing.assert_array_equal(nsubjettiness(jets[:, :0], 3), np.zeros((3, 3)))


def test_errors_say_what_is_wrong():
    jets = random_jets(2)
    with pytest.raises(ConfigError, match="n_max"):
        nsubjettiness(jets, 0)
    with pytest.raises(ConfigError, match="'wta_kt'"):
        nsubjettiness(jets, 2, axes="wta")
    for beta in (0.0, -1.0, np.nan, np.inf):
        with pytest.raises(ConfigError, match="beta"):
            nsubjettiness(jets, 2, beta)
    for radius in (0.0, -0.8, np.nan):
        with pytest.raises(ConfigError, match="R0"):
            nsubjettiness(jets, 2, radius=radius)
    with pytest.raises(DataError, match="'E'"):
        nsubjettiness(ak.with_field(jets, jets.E * np.inf, "E"), 2)
