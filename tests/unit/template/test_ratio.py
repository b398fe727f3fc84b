"""ANODE's ratio: its formula, and what every ensemble of classifiers does."""

import shutil

import numpy as np
import pytest
from scipy import stats
from scipy.special import logit
from window_toy import (
    COVARIANCE,
    REGION,
    TINY,
    WINDOW,
    barely_trained,
    columns,
    inside,
    mean_at,
    refusals,
    tiny,
    toy,
    truncated,
    with_metadata,
)

from bycatch.errors import DataError, FitError, InputError
from bycatch.learn import make_density
from bycatch.learn.base import ClassifierEnsemble
from bycatch.template._ratio import DensityRatio, two_masses

NODES = two_masses(np.array([1.9, 2.0, 2.15]), np.ones(3))
N = 600


@pytest.fixture(scope="module")
def background():
    return barely_trained()


def events(n=N, seed=3):
    """Return rows of both classes, and weights."""
    rng = np.random.default_rng(seed)
    y = (np.arange(n) % 3 == 0).astype(np.int8)
    return toy(n, seed)[1], y, rng.uniform(0.5, 1.5, n)


def masks(n=N, members=2):
    fold = np.arange(n) // 3 % 5
    validate = fold == np.arange(members)[:, None]
    return {"train": ~validate & (fold != 4), "validate": validate}


def trained(background, members=2, seed=1, X=None, y=None, weight=None, options=None, **changes):
    made = events()
    X, y, weight = (a if b is None else b for a, b in zip(made, (X, y, weight), strict=True))
    ratio = DensityRatio(
        members, background, WINDOW, *NODES, "matching", {**TINY, **(options or {})}
    )
    return ratio.fit(X, y, weight, seed=seed, **{**masks(members=members), **changes})


class Normal:
    """A density in closed form: two members, at the background's mean and beside it."""

    histories_ = ((), ())
    shift = (0.0, 0.3)

    def log_prob(self, X, condition=None, members=None, head=0):
        chosen = range(2) if members is None else members
        mean = mean_at(2.0)
        return np.stack(
            [stats.multivariate_normal(mean + self.shift[m], COVARIANCE).logpdf(X) for m in chosen]
        )


def test_the_formula_on_densities_in_closed_form(background, monkeypatch):
    """log R = log p(x | window) - log sum_j w_j p(x | m_j)."""
    ratio = DensityRatio(2, background, WINDOW, *NODES, "matching", TINY)
    ratio.inside = Normal()
    normal = stats.multivariate_normal([0.0, 0.0], COVARIANCE)
    monkeypatch.setattr(
        background, "log_prob", lambda window, X, mass, member=0: normal.logpdf(X - mean_at(mass))
    )
    X = toy(40, 3)[1]
    below = sum(w * normal.pdf(X - mean_at(m)) for m, w in zip(*NODES, strict=True))
    expected = [
        stats.multivariate_normal(mean_at(2.0) + shift, COVARIANCE).pdf(X) / below
        for shift in Normal.shift
    ]
    np.testing.assert_allclose(np.exp(ratio.log_ratio(X)), expected, rtol=1e-9)
    found = ratio.predict(X)
    assert found.dtype == np.float32
    # float32 keeps seven digits of p, which the odds magnify by 1 / (1 - p).
    np.testing.assert_allclose(logit(found.astype(float)), np.log(expected), rtol=0, atol=1e-4)
    np.testing.assert_array_equal(ratio.predict(X, [1]), found[1:])


def test_ratios_that_are_not_numbers_are_refused(background):
    ratio = DensityRatio(2, background, WINDOW, *NODES, "matching", TINY)
    X = background.clip(toy(5, 3)[1])
    for value in (np.nan, np.inf, -np.inf):

        class Broken(Normal):
            def log_prob(self, X, *args, value=value, **kwargs):
                found = super().log_prob(X, *args, **kwargs)
                found[1, [0, 3]] = value
                return found

        ratio.inside = Broken()
        with pytest.raises(
            FitError, match=r"\[1.8, 2.2\] is not a finite number for 2 of 5 events"
        ):
            ratio.predict(X)


def test_is_an_ensemble_of_classifiers(background):
    ratio = trained(background, members=3)
    assert isinstance(ratio, ClassifierEnsemble)
    assert len(ratio.histories_) == 3
    assert len(ratio.histories_[0].train_loss) == TINY["rounds"]
    X = background.clip(toy(50, 4)[1])
    p = ratio.predict(X)
    assert p.shape == (3, 50)
    assert p.dtype == np.float32
    assert ((p > 0) & (p < 1)).all()
    assert len(np.unique(p[:, 0])) == 3
    np.testing.assert_allclose(ratio.predict(X, [2, 0]), p[[2, 0]], atol=1e-6)
    fresh = DensityRatio(3, background, WINDOW, *NODES, "matching", TINY)
    assert isinstance(fresh, ClassifierEnsemble)
    assert list(fresh.histories_) == []
    with pytest.raises(DataError, match="not trained"):
        fresh.predict(X)


def test_a_seed_decides_everything(background):
    X = background.clip(toy(50, 4)[1])
    first, again, other = (trained(background, seed=s).predict(X) for s in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert (first != other).mean() > 0.9


def test_only_the_windows_events_are_learned_from(background):
    """What class 0 holds, and how it weighs, changes nothing."""
    X, y, weight = events()
    asked = background.clip(toy(50, 4)[1])
    first = trained(background).log_ratio(asked)
    other, heavier = X.copy(), weight.copy()
    other[y == 0] = np.nan
    heavier[y == 0] = -5.0
    np.testing.assert_array_equal(
        trained(background, X=other, weight=heavier).log_ratio(asked), first
    )
    alone = masks()
    alone["train"] = alone["train"] & (y == 1)
    np.testing.assert_array_equal(trained(background, **alone).log_ratio(asked), first)
    swapped = trained(background, y=1 - y).log_ratio(asked)
    assert not np.array_equal(swapped, first)


def test_rows_outside_of_both_masks_are_not_learned_from(background):
    """Not even for the scaling."""
    X, _, weight = events()
    held_out = np.arange(N) // 3 % 5 == 4
    other = X.copy()
    other[held_out] = background.clip(other[held_out] * 2.0)
    weight_too = np.where(held_out, 3.0, weight)
    asked = background.clip(toy(50, 4)[1])
    np.testing.assert_array_equal(
        trained(background, X=other, weight=weight_too).log_ratio(asked),
        trained(background).log_ratio(asked),
    )


def test_rows_that_another_member_uses_are_not_learned_from(background):
    """In folds the rows that a member scores are those that others train on."""
    X, _, _ = events()
    scored = np.arange(N) // 3 % 5 == 3
    train = masks()["train"] & ~(np.array([[True], [False]]) & scored)
    other = X.copy()
    other[scored] = background.clip(other[scored] * 2.0)
    asked = background.clip(toy(50, 4)[1])
    changed = trained(background, X=other, train=train).log_ratio(asked)
    first = trained(background, train=train).log_ratio(asked)
    np.testing.assert_array_equal(changed[0], first[0])
    assert not np.array_equal(changed[1], first[1])


def test_weights_scale_and_sign(background):
    X, y, weight = events()
    asked = background.clip(toy(50, 4)[1])
    first = trained(background).log_ratio(asked)
    np.testing.assert_array_equal(trained(background, weight=4.0 * weight).log_ratio(asked), first)
    np.testing.assert_array_equal(
        trained(background, weight=np.ones(N)).log_ratio(asked),
        _unweighted(background, X, y, asked),
    )
    signed = weight * np.where(np.arange(N) % 11 == 0, -1.0, 1.0)
    found = trained(background, weight=signed).log_ratio(asked)
    assert np.isfinite(found).all()
    assert not np.array_equal(found, first)
    with pytest.raises(DataError, match="sum of weights of -"):
        trained(background, weight=-weight)


def _unweighted(background, X, y, asked):
    ratio = DensityRatio(2, background, WINDOW, *NODES, "matching", TINY)
    return ratio.fit(X, y, seed=1, **masks()).log_ratio(asked)


def test_events_outside_of_the_support_are_scored_at_its_edge(background):
    low, high = background.bounds.astype(np.float32)
    X = background.clip(toy(6, 4)[1])
    X[1, 0], X[2] = high[0] * 2.0, low - 5.0
    X[3] = low
    ratio = trained(background)
    np.testing.assert_array_equal(ratio.outside(X), [False, True, True, False, False, False])
    moved = X.copy()
    moved[1, 0], moved[2] = high[0], low
    found = ratio.predict(X)
    np.testing.assert_array_equal(found, ratio.predict(moved))
    np.testing.assert_array_equal(found[:, 2], found[:, 3])
    # The window's events may lie outside as well: those of a pseudo-experiment, say.
    train, y, _ = events()
    train[y == 1] += 100.0
    assert np.isfinite(trained(background, X=train).predict(X)).all()


def test_rows_that_do_not_fit_are_refused(background):
    ratio = trained(background)
    X = toy(10, 4)[1]
    for value in (np.nan, np.inf):
        bad = X.copy()
        bad[2, 1] = value
        for ask in (ratio.predict, ratio.outside):
            with pytest.raises(DataError, match=r"1 of 10 rows .* \(1 in feature 1\)"):
                ask(bad)
        train = events()[0]
        train[3, 0] = value
        with pytest.raises(DataError, match="1 of 200 rows have features that are NaN or infinite"):
            trained(background, X=train)
    with pytest.raises(DataError, match="trained on 2 features, but was given 1"):
        ratio.predict(X[:, :1])
    with pytest.raises(DataError, match="no member 2"):
        ratio.predict(X, [2])
    with pytest.raises(DataError, match="0 validation rows"):
        trained(background, validate=np.zeros((2, N), dtype=bool))
    with pytest.raises(DataError, match=r"blind to the window \[1, 2\]"):
        DensityRatio(2, background, (1.0, 2.0), *NODES, "matching", TINY)


@pytest.mark.parametrize("window_density", ["matching", "maf"])
def test_round_trip_on_disk(background, window_density, tmp_path):
    options = {**TINY, **({"transforms": 1} if window_density == "maf" else {})}
    ratio = DensityRatio(2, background, WINDOW, *NODES, window_density, options)
    X, y, weight = events()
    ratio.fit(X, y, weight, seed=1, **masks())
    ratio.save(tmp_path)
    loaded = DensityRatio.load(tmp_path)
    asked = toy(50, 4)[1]
    np.testing.assert_array_equal(loaded.log_ratio(asked), ratio.log_ratio(asked))
    np.testing.assert_array_equal(loaded.predict(asked, [1]), ratio.predict(asked, [1]))
    for key in ("members", "window", "histories_"):
        assert getattr(loaded, key) == getattr(ratio, key)
    again = loaded.fit(X, y, weight, seed=1, **masks())
    np.testing.assert_array_equal(again.log_ratio(asked), ratio.log_ratio(asked))


MISFIT = "is damaged: its metadata does not fit"


@pytest.fixture
def refused(background, tmp_path):
    trained(background).save(tmp_path / "good")
    return refusals(DensityRatio, tmp_path)


def test_damaged_folders_are_input_errors(refused, tmp_path):
    reason = rf"{MISFIT} \(the background does not cover \[1.8, 2.3\]\)"
    refused(reason, with_metadata(window=[1.8, 2.3]))
    refused(MISFIT, with_metadata(window=[1.8]))
    refused(MISFIT, with_metadata(window="1.8 to 2.2"))
    refused("'arrays.safetensors' is not what was written", truncated("arrays.safetensors"))
    for part in ("background", "background/density", "window"):
        refused("holds no model", lambda folder, part=part: shutil.rmtree(folder / part))
    with pytest.raises(InputError, match="'sideband-density', but 'density-ratio' is expected"):
        DensityRatio.load(tmp_path / "good" / "background")


def test_parts_that_do_not_belong_together_are_input_errors(refused):
    def exchanged(folder):
        shutil.rmtree(folder / "window")
        shutil.copytree(folder / "background", folder / "window")

    refused(MISFIT, exchanged)

    def other_features(folder):
        density = make_density("matching", 2, **TINY)
        X = toy(300, 1)[1][:, :1]
        validate = np.tile(np.arange(300) % 5 == 0, (2, 1))
        density.fit(X, None, train=~validate, validate=validate, seed=1).save(folder / "window")

    refused(MISFIT, other_features)


@pytest.mark.parametrize(
    ("masses", "weights"), [([0.5, 2.0], [0.5, 0.5]), ([1.9, 2.0], [0.2, 0.3, 0.5])]
)
def test_nodes_that_make_no_sense_are_input_errors(background, masses, weights, tmp_path):
    ratio = trained(background)
    ratio.masses, ratio.mass_weights = np.array(masses), np.array(weights)
    ratio.save(tmp_path)
    with pytest.raises(InputError, match=MISFIT):
        DensityRatio.load(tmp_path)


def test_anode_gives_the_ratio_of_its_last_training_set(background):
    mass, X, weight, _ = columns()
    anode = tiny("anode", background=background, window_density="maf")
    anode.window_options = {**TINY, "transforms": 1}
    with pytest.raises(DataError, match="call 'training_set' first"):
        anode.classifier(2)
    anode.training_set(mass, X, weight, REGION, seed=1)
    ratio = anode.classifier(4)
    assert (ratio.members, ratio.window) == (4, WINDOW)
    assert ratio.background is anode.background_ is background
    assert ratio.inside.kind == "maf"
    assert ratio.inside.transforms == 1
    within = inside(mass)
    expected = two_masses(mass[within], weight[within])
    np.testing.assert_allclose(np.r_[ratio.masses, ratio.mass_weights], np.r_[expected], rtol=1e-9)
    signed = np.where(np.arange(mass.size) % 9 == 0, -weight, weight)
    anode.training_set(mass, X, signed, REGION)
    nodes = anode.classifier(1)
    assert (nodes.mass_weights > 0).all()
    assert inside(nodes.masses).all()
    # A set that could not be made leaves nothing behind that could be taken for it.
    with pytest.raises(DataError, match="sum to -"):
        anode.training_set(mass, X, -weight, REGION)
    with pytest.raises(DataError, match="call 'training_set' first"):
        anode.classifier(2)
