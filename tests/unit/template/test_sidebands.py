"""The density of the sidebands: what it may see, where it may be asked, disk and refusals."""

import numpy as np
import pytest
from window_toy import (
    COVARIANCE,
    SPAN,
    SPREAD,
    TINY,
    WINDOW,
    asked,
    assert_equal,
    barely_trained,
    inside,
    mean_at,
    toy,
)

from bycatch.errors import ConfigError, DataError
from bycatch.learn import DENSITIES
from bycatch.represent.scaling import LogitStandardise
from bycatch.template import SidebandDensity
from bycatch.template._sidebands import SHARING

WINDOWS = ((1.3, 1.6), WINDOW, (2.5, 3.0))


def fit(
    mass, X, weight=None, windows=(WINDOW,), span=SPAN, density="matching", hide=None, fold=None,
    **options,
):  # fmt: skip
    weight = np.ones(mass.size) if weight is None else weight
    options = {**({"transforms": 1} if density != "matching" else {}), **TINY, **options}
    return SidebandDensity.fit(
        mass, X, weight, windows, span, density=density, options=options, hidden=hide, fold=fold
    )


def within_the_range(X, outside):
    """Move values into the range of the events outside of a window."""
    return np.clip(X, X[outside].min(axis=0), X[outside].max(axis=0))


@pytest.mark.parametrize("name", DENSITIES)
def test_a_single_window_gives_nothing_but_the_ends_of_the_support(name):
    """Its events may change in every way, in number too: the density stays bit by bit."""
    mass, X = toy(1500, 0)
    within = inside(mass)
    X = within_the_range(X, ~within)
    rng = np.random.default_rng(1)
    weight = rng.uniform(0.5, 1.5, mass.size)
    first = fit(mass, X, weight, density=name)
    outer = mass[~within], X[~within], weight[~within]
    assert_equal(first, fit(*outer, density=name))

    n = 700
    low, high = first.bounds
    added = (
        rng.uniform(*WINDOW, n),
        rng.uniform(low, high, (n, 2)).astype(np.float32),
        rng.normal(size=n),
    )
    changed = [np.concatenate(pair) for pair in zip(outer, added, strict=True)]
    assert_equal(first, fit(*changed, density=name))

    changed[1][-1] = high + 1.0
    wider = fit(*changed, density=name)
    np.testing.assert_array_equal(wider.bounds, [low, changed[1][-1]])
    assert not np.array_equal(asked(first)[0], asked(wider)[0])


def test_a_head_does_not_learn_from_its_window(monkeypatch):
    """Given what all heads share (trunk and scaling), it stays bit by bit; the others change."""
    from bycatch.learn import neural as module

    mass, X = toy(1500, 0)
    bounds = np.stack([X.min(axis=0), X.max(axis=0)]).astype(float)
    scaling, train = LogitStandardise.fit(X, None, bounds), module.train

    def of_heads(model, initial, trainable, *rest):
        return train(model, initial, [key for key in trainable if key.startswith("head")], *rest)

    monkeypatch.setattr(module, "train", of_heads)
    monkeypatch.setattr(LogitStandardise, "fit", staticmethod(lambda *_: scaling))
    rng = np.random.default_rng(2)
    first = fit(mass, X, windows=WINDOWS, rounds=1)
    for window in WINDOWS:
        within = inside(mass, window)
        changed = X.copy()
        changed[within] = rng.uniform(*bounds, (within.sum(), 2))
        second = fit(mass, within_the_range(changed, ~within), windows=WINDOWS, rounds=1)
        for other in WINDOWS:
            pairs = zip(asked(first, other), asked(second, other), strict=True)
            equal = [np.array_equal(a, b) for a, b in pairs]
            assert equal == [other == window] * 2


def test_a_signal_in_a_window_hardly_reaches_its_head():
    """All of a window's events move to one spot; trunk and scaling learn from them as well.

    The head's mean and width change by less than the error of a smooth curve through the events
    outside, sqrt(20 / N) standard deviations (three sigma), those of the other heads by far more.
    """
    mass, X = toy(6000, 0)
    within = inside(mass)
    moved = X.copy()
    centre = mean_at(2.0) + 2.0 * SPREAD * [1, -1]
    noise = np.random.default_rng(1).normal(size=(within.sum(), 2))
    moved[within] = centre + 0.2 * SPREAD * noise
    options = {"windows": WINDOWS, "hidden": (32, 32), "steps": 600, "batch_size": 500}
    first, second = fit(mass, X, **options), fit(mass, within_the_range(moved, ~within), **options)
    limit = 3 * np.sqrt(20 / np.count_nonzero(~within))
    assert limit < 0.2
    at = np.full(3000, 2.0)
    for window in WINDOWS:
        a, b = (density.sample(window, at, 5).astype(float) for density in (first, second))
        mean = np.abs(a.mean(axis=0) - b.mean(axis=0)) / SPREAD
        spread = np.abs(a.std(axis=0) - b.std(axis=0)) / SPREAD
        if window == WINDOW:
            np.testing.assert_array_less(np.r_[mean, spread], limit)
        else:
            assert (mean > 2 * limit).all()


def test_it_learns_from_the_span_and_nothing_else():
    mass, X = toy(1500, 0)
    span = (1.2, 3.5)
    use = (mass >= span[0]) & (mass < span[1])
    assert_equal(fit(mass, X, span=span), fit(mass[use], X[use], span=span))
    assert not np.array_equal(asked(fit(mass, X))[0], asked(fit(mass, X, span=span))[0])


def test_a_window_that_is_listed_twice_is_learned_once():
    mass, X = toy(1500, 0)
    once, twice = fit(mass, X), fit(mass, X, windows=(WINDOW, WINDOW))
    assert twice.windows == (WINDOW,)
    assert_equal(once, twice)
    again = fit(mass, X, windows=(*WINDOWS, WINDOW))
    assert again.windows == WINDOWS
    assert [again.head(window) for window in WINDOWS] == [0, 1, 2]


def test_the_mass_enters_as_its_logarithm(monkeypatch):
    """In other units of mass it is the same density, up to rounding of the scaled condition."""
    mass, X = toy(1500, 0)
    gev = SidebandDensity.fit(
        1000.0 * mass,
        X,
        np.ones(mass.size),
        ((1800.0, 2200.0),),
        (1000.0, 4000.0),
        options={**TINY, "dtype": "float64"},
    )
    tev = fit(mass, X, dtype="float64")
    at = mass[inside(mass)]
    expected = tev.log_prob(WINDOW, X[inside(mass)], at)
    found = gev.log_prob((1800.0, 2200.0), X[inside(mass)], 1000.0 * at)
    # 60 steps let rounding of 1e-15 grow.
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-9)
    assert np.ptp(tev.log_prob(WINDOW, np.tile(X[:1], (at.size, 1)), at)) > 1e-3


def test_matching_is_a_parabola_in_log_m_unless_told_otherwise():
    mass, X = toy(1500, 0)
    assert_equal(fit(mass, X), fit(mass, X, degree=2))
    assert not np.array_equal(asked(fit(mass, X))[0], asked(fit(mass, X, degree=1))[0])


def test_nothing_is_extrapolated():
    density = barely_trained()
    _, X = toy(5, 1)
    for outside in (0.999, 4.001, -1.0, np.nan, np.inf):
        at = np.array([2.0, outside, 2.0, 1.0, 4.0])
        for ask in (
            lambda at=at: density.log_prob(WINDOW, X, at),
            lambda at=at: density.sample(WINDOW, at, 1),
            lambda at=at: density.marginal(WINDOW, X, at, np.ones(5)),
        ):
            with pytest.raises(DataError, match=r"of . masses lie outside of \[1, 4\].*extrapol"):
                ask()
    with pytest.raises(DataError, match=r"^2 of 3 masses"):
        density.sample(WINDOW, np.array([0.5, 2.0, 5.0]), 1)


@pytest.mark.parametrize("density", DENSITIES)
def test_the_support_is_the_range_of_all_events(density):
    mass, X = toy(1500, 0)
    within = np.flatnonzero(inside(mass))
    X[within[0]] = X.max(axis=0) + SPREAD
    learned = fit(mass, X, density=density)
    np.testing.assert_array_equal(learned.bounds, [X.min(axis=0), X.max(axis=0)])
    assert np.isfinite(learned.log_prob(WINDOW, X[within], mass[within])).all()
    far = X.max(axis=0) + 0.01 * np.ptp(X, axis=0) * np.eye(2)
    assert np.isneginf(learned.log_prob(WINDOW, far, np.full(2, 2.0))).all()
    np.testing.assert_array_equal(learned.clip(far), [X.max(axis=0)] * 2)
    np.testing.assert_array_equal(learned.clip(X), X)
    low, high = learned.bounds
    room = 1e-3 * (high - low)  # of the support beyond the outermost events
    drawn = learned.sample(WINDOW, np.full(3000, 2.0), 1)
    assert ((drawn > low - room) & (drawn < high + room)).all()


def test_marginal_is_the_weighted_mean_density():
    density = barely_trained()
    X = density.clip(toy(50, 1)[1])
    masses, weights = np.array([1.9, 2.0, 2.15]), np.array([2.0, 0.0, 6.0])
    each = [np.exp(density.log_prob(WINDOW, X, np.full(50, m))) for m in masses]
    expected = np.log(0.25 * each[0] + 0.75 * each[2])
    found = density.marginal(WINDOW, X, masses, weights)
    # exp and log cost some digits where the density is small.
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-12)
    alone = density.marginal(WINDOW, X, masses[:1], weights[:1])
    np.testing.assert_allclose(alone, np.log(each[0]), rtol=0, atol=1e-12)
    assert np.ptp(expected - np.log(each[0])) > 1e-3
    far = X[:1] + 100.0
    assert np.isneginf(density.marginal(WINDOW, far, masses, weights)).all()


def test_samples_of_a_huge_window_are_drawn_in_chunks(monkeypatch):
    density = barely_trained()
    sizes = []

    def counted(parameters, c, generator, head):
        import torch

        sizes.append(c.shape[1])
        return torch.zeros((c.shape[1], 2), dtype=c.dtype)

    monkeypatch.setattr(density._density, "_sample", counted)
    drawn = density.sample(WINDOW, np.full(300_000, 2.0), 1)
    assert drawn.shape == (300_000, 2)
    assert drawn.dtype == np.float32
    assert sum(sizes) == 300_000
    assert max(sizes) <= 8192


def test_what_cannot_be_learned_is_refused():
    mass, X = toy(300, 0)

    def refused(error, match, mass=mass, X=X, weight=None, **changes):
        with pytest.raises(error, match=match):
            fit(mass, X, weight, **changes)

    refused(ConfigError, r"range is \[0, 4\]: it must ascend and begin above 0", span=(0.0, 4.0))
    refused(ConfigError, "begin above 0", span=(-1.0, 4.0))
    refused(ConfigError, "must ascend", span=(4.0, 1.0))
    refused(ConfigError, "begin above 0", span=(np.nan, 4.0))
    refused(ConfigError, "at least one window", windows=())
    for window in ((0.9, 1.2), (3.8, 4.1), (2.2, 1.8), (2.0, 2.0)):
        refused(ConfigError, "is not inside of .*'fit_range'", windows=(WINDOW, window))
    for name in set(DENSITIES) - set(SHARING):
        refused(ConfigError, f"'{name}' cannot be shared", windows=WINDOWS, density=name)
    refused(ConfigError, "no density 'flow'", density="flow")
    refused(ConfigError, "no option 'hiden'", hiden=3)
    for window, side in ((SPAN[0], 2.0), "below"), ((2.0, SPAN[1]), "above"):
        reason = rf"no events {side} the window .* extrapolated instead of interpolated.*fit_range"
        refused(DataError, reason, windows=(window,))
        refused(DataError, reason, windows=(WINDOW, window))
    gap = inside(mass, (1.8, 4.0))
    refused(DataError, "no events above", mass=mass[~gap], X=X[~gap])
    refused(DataError, "no events below", mass=mass + 100.0)
    refused(DataError, "sum of weights of -", weight=-np.ones(300))
    refused(DataError, "mass: 1", mass=np.where(np.arange(300) == 4, np.nan, mass))
    refused(DataError, "Feature 1 has the one value 2", X=np.c_[X[:, 0], np.full(300, 2.0)])


def test_a_window_that_was_not_learned_is_refused():
    density = barely_trained(WINDOWS)
    other = (1.8, 2.3)
    reason = (
        r"no model that is blind to the window \[1.8, 2.3\]; it covers \[1.3, 1.6\], \[1.8, 2.2\]"
    )
    for ask in (
        lambda: density.head(other),
        lambda: density.sample(other, np.full(3, 2.0), 1),
        lambda: density.log_prob(other, np.zeros((3, 2)), np.full(3, 2.0)),
        lambda: density.marginal(other, np.zeros((3, 2)), np.full(2, 2.0), np.ones(2)),
    ):
        with pytest.raises(DataError, match=reason):
            ask()


def test_signed_weights_shape_the_density():
    """Weights of mean 1 that tilt the first feature: the mean of x tilts with them.

    With w = 1 + x_1 / 2 in units of standard deviations, the mean of x_1 is 1/2 and that of x_2
    half of the correlation; some 2 % of the weights are negative.
    """
    mass, X = toy(8000, 0)
    scaled = (X - mean_at(mass)) / SPREAD
    weight = 1.0 + 0.5 * scaled[:, 0]
    assert 0.01 < (weight < 0).mean() < 0.04
    options = {"hidden": (32, 32), "steps": 600, "batch_size": 500}
    at = np.full(3000, 2.0)
    drawn = fit(mass, X, weight, **options).sample(WINDOW, at, 1)
    found = (drawn - mean_at(2.0)).mean(axis=0) / SPREAD
    outer = weight[~inside(mass)]
    effective = outer.sum() ** 2 / (outer**2).sum()
    correlation = COVARIANCE[0, 1] / SPREAD.prod()
    error = 3 * np.sqrt(20 / effective + 1 / at.size)
    assert error < 0.25
    np.testing.assert_array_less(np.abs(found - [0.5, 0.5 * correlation]), error)


@pytest.mark.parametrize("windows", [(WINDOW,), WINDOWS])
def test_a_member_does_not_learn_from_its_own_fold(monkeypatch, windows):
    """Given the scaling, which all members share, bit by bit."""
    mass, X = toy(1500, 0)
    bounds = np.stack([X.min(axis=0), X.max(axis=0)]).astype(float)
    scaling = LogitStandardise.fit(X, None, bounds)

    monkeypatch.setattr(LogitStandardise, "fit", staticmethod(lambda *_: scaling))
    fold = np.arange(mass.size) % 3
    changed = X.copy()
    moved = (fold == 1) & ~inside(mass)
    changed[moved] = np.random.default_rng(2).uniform(*bounds, (moved.sum(), 2))
    changed = within_the_range(changed, ~moved)
    first, second = (fit(mass, x, windows=windows, fold=fold) for x in (X, changed))
    assert first.members == 3
    points, at = X[:20], np.full(20, 2.0)
    same = [
        np.array_equal(
            first.log_prob(WINDOW, points, at, member), second.log_prob(WINDOW, points, at, member)
        )
        for member in range(3)
    ]
    assert same == [False, True, False]
    # Members take turns in samples.
    drawn = [density.sample(WINDOW, np.full(30, 2.0), 5) for density in (first, second)]
    equal = (drawn[0] == drawn[1]).all(axis=1)
    np.testing.assert_array_equal(equal, np.arange(30) % 3 == 1)


def test_hidden_intervals_are_not_learned_from():
    mass, X = toy(1500, 0)
    hidden = (2.5, 2.9)
    seen = ~inside(mass) & ~inside(mass, hidden)
    X = within_the_range(X, seen)
    hiding = fit(mass, X, hide={WINDOW: (hidden,)})
    without = fit(mass[seen], X[seen])
    assert_equal(hiding, without)
    assert not np.array_equal(asked(hiding)[0], asked(fit(mass, X))[0])
