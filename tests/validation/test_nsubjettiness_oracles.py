"""N-subjettiness against FastJet contrib's own, the formula written out, and its invariances."""

import awkward as ak
import numpy as np
import pytest

from bycatch.kinematics.nsubjettiness import nsubjettiness, nsubjettiness_betas, subjet_axes
from bycatch.kinematics.vectors import cartesian, delta_r, pt_eta_phi_mass, rapidity

fastjet = pytest.importorskip("fastjet")
NAMES = ("px", "py", "pz", "E")
AXES = {"kt": "KT_Axes", "wta_kt": "WTA_KT_Axes"}


def make(n_jets, *, seed=1, mass=0.14, n_mean=40):
    """Return flat components, and the number of constituents, of jets around (1, pi)."""
    rng = np.random.default_rng(seed)
    counts = rng.poisson(n_mean, n_jets) + 12
    n = counts.sum()
    flat = cartesian(rng.exponential(10, n), rng.normal(1, 0.3, n), rng.normal(3.1, 0.3, n), mass)
    return np.stack(flat, axis=1), counts


def ragged(rows, counts):
    return ak.unflatten(ak.Array({name: rows[:, i] for i, name in enumerate(NAMES)}), counts)


@pytest.mark.parametrize("axes", AXES)
@pytest.mark.parametrize("beta", [0.5, 1.0, 2.0])
def test_values_are_those_of_fastjet_contrib(axes, beta):
    jets = ragged(*make(50))
    definition = fastjet.JetDefinition(fastjet.kt_algorithm, 1000.0)
    sequence = fastjet.ClusterSequence(jets, definition)
    numbers = list(range(1, 10))
    theirs = sequence.njettiness("NormalizedMeasure", AXES[axes], numbers, beta, 0.8)
    ours = nsubjettiness(jets, 9, beta, axes, radius=0.8)
    np.testing.assert_allclose(ours, np.asarray(theirs), rtol=1e-6)


@pytest.mark.parametrize("axes", AXES)
def test_values_are_those_of_the_formula(axes):
    rows, counts = make(6, seed=2)
    jets = ragged(rows, counts)
    found = subjet_axes(jets, 5, axes)
    taus = nsubjettiness_betas(jets, 5, (0.5, 1.0, 2.0, 3.0), axes)
    for j, own in enumerate(np.split(rows, np.cumsum(counts)[:-1])):
        pt, _, phi, _ = pt_eta_phi_mass(*own.T)
        y = rapidity(*own.T)
        for n in range(5):
            ends = found[n][j]
            distance = np.array([delta_r(y, phi, *end) for end in ends]).min(axis=0)
            for b, beta in enumerate((0.5, 1.0, 2.0, 3.0)):
                want = (pt * distance**beta).sum() / pt.sum()
                assert taus[b, j, n] == pytest.approx(want, rel=1e-6)


@pytest.mark.parametrize(("axes", "scheme"), [("kt", "E_scheme"), ("wta_kt", "WTA_pt_scheme")])
def test_axes_are_exclusive_jets_of_single_events(axes, scheme):
    rows, counts = make(4, seed=3)
    found = subjet_axes(ragged(rows, counts), 4, axes)
    definition = fastjet.JetDefinition(fastjet.kt_algorithm, 1000.0)
    definition.set_recombination_scheme(getattr(fastjet, scheme))
    for j, own in enumerate(np.split(rows, np.cumsum(counts)[:-1])):
        sequence = fastjet._swig.ClusterSequence(
            [fastjet.PseudoJet(*row) for row in own], definition
        )
        for n in range(1, 5):
            want = sorted((jet.rap(), jet.phi_std()) for jet in sequence.exclusive_jets(n))
            np.testing.assert_allclose(sorted(map(tuple, found[n - 1][j])), want, atol=1e-9)


@pytest.mark.parametrize("axes", AXES)
def test_three_prongs_by_hand(axes):
    # Corners at (0, 0), (d, 0) and (0, c) with c < d, of pt 1, 0.999 and 0.998: the first and the
    # third merge first; an axis by winner takes all lies on the hardest corner that it holds.
    d, c, share = 0.1, 0.08, np.array([1.0, 0.999, 0.998])
    corners = np.array([[0.0, 0.0], [d, 0.0], [0.0, c]])
    rows = np.stack(cartesian(50 * share, corners[:, 0], corners[:, 1], 0.0), axis=1)
    tau = nsubjettiness(ragged(rows, [3]), 4, axes=axes)[0]
    assert tau[2] == tau[3] == 0
    if axes == "wta_kt":
        want = np.array([0.999 * d + 0.998 * c, 0.998 * c]) / 2.997
        np.testing.assert_allclose(tau[:2], want, rtol=1e-9)
    else:  # the axis is the centre of the corners, then of the two, up to the jet's curvature
        centre = corners.mean(axis=0)
        want = np.array([np.hypot(*(corners - centre).T).mean(), c / 3])
        np.testing.assert_allclose(tau[:2], want, rtol=2e-3)


@pytest.mark.parametrize("axes", AXES)
@pytest.mark.parametrize("beta", [0.5, 1.0, 2.0])
def test_invariances(axes, beta):
    rng = np.random.default_rng(4)
    rows, counts = make(30, mass=0.0, seed=5)
    base = nsubjettiness(ragged(rows, counts), 9, beta, axes)
    px, py, pz, E = rows.T
    c, s, ch, sh = np.cos(0.9), np.sin(0.9), np.cosh(-1.2), np.sinh(-1.2)
    owner = np.repeat(np.arange(len(counts)), counts)
    shuffled = np.lexsort((rng.random(len(rows)), owner))
    share = rng.uniform(0.1, 0.9, len(rows))[:, None]
    twice = np.stack([share * rows, (1 - share) * rows], axis=1).reshape(-1, 4)
    ends = np.cumsum(counts)
    for name, changed, number in (
        ("rotation", np.stack([c * px - s * py, s * px + c * py, pz, E], axis=1), counts),
        ("boost", np.stack([px, py, ch * pz + sh * E, ch * E + sh * pz], axis=1), counts),
        ("reflection", np.stack([px, -py, -pz, E], axis=1), counts),
        ("scale", 3.0 * rows, counts),
        ("permutation", rows[shuffled], counts),
        ("soft", np.insert(rows, ends, rows[0] * 1e-25, axis=0), counts + 1),
    ):
        got = nsubjettiness(ragged(changed, number), 9, beta, axes)
        np.testing.assert_allclose(got, base, rtol=1e-6, atol=1e-6, err_msg=name)
    # Each constituent splits into two collinear ones: the 12 axes or more stay the same ones.
    got = nsubjettiness(ragged(twice, 2 * counts), 9, beta, axes)
    np.testing.assert_allclose(got, base, rtol=1e-6, atol=1e-6, err_msg="collinear")


def test_more_axes_describe_a_jet_better_and_a_larger_beta_gives_less():
    jets = ragged(*make(100, seed=6))
    for axes in AXES:
        tau = nsubjettiness_betas(jets, 9, (0.5, 1.0, 2.0), axes)
        median = np.median(tau, axis=1)
        assert (np.diff(median, axis=1) < 0).all()
        assert (tau[0] >= tau[1]).mean() > 0.99  # distances are below 1
