"""One property test over all templates: rows, seeds, weights and refusals."""

import numpy as np
import pytest
from window_toy import REGION, SPREAD, TINY, barely_trained, columns, inside, tiny

from bycatch.errors import ConfigError, DataError
from bycatch.evaluate.sizes import kish
from bycatch.template import TEMPLATES, InterpolatedTemplate, Region

every_template = pytest.mark.parametrize("name", sorted(TEMPLATES))
LEARNING = sorted(name for name in TEMPLATES if issubclass(TEMPLATES[name], InterpolatedTemplate))
every_density = pytest.mark.parametrize("name", LEARNING)
DRAWING = (*LEARNING, "ideal")
FIELDS = ("X", "y", "weight", "row")


@pytest.fixture(scope="module")
def background():
    return barely_trained()


def made_by(name, mass, X, weight, label, seed=1, region=REGION, **options):
    return tiny(name, **options).training_set(mass, X, weight, region, label=label, seed=seed)


def given(name, background):
    """Return the option that spares a template its training."""
    return {"background": background} if name in LEARNING else {}


def sums(made, label):
    """Return weighted sums over a class: of one, of the features, of their squares and product."""
    rows = made.y == label
    x, w = made.X[rows].astype(float), made.weight[rows]
    return np.r_[w.sum(), w @ x, w @ x**2, w @ (x[:, 0] * x[:, 1])]


@every_template
def test_rows_of_a_training_set(name):
    mass, X, weight, label = columns()
    made = made_by(name, mass, X, weight, label)
    n = made.y.size
    assert (made.X.shape, made.weight.shape, made.row.shape) == ((n, 2), (n,), (n,))
    window = made.row[made.y == 1]
    np.testing.assert_array_equal(made.weight[made.y == 1], weight[window])
    np.testing.assert_array_equal(made.X[made.y == 1], X[window])
    assert inside(mass)[window].all()
    template = made.row[made.y == 0]
    if name in LEARNING:
        assert (template == -1).all()
    else:
        assert (template >= 0).all()
        assert not np.intersect1d(template, window).size
    if name in (*LEARNING, "cwola"):
        np.testing.assert_array_equal(np.sort(window), np.flatnonzero(inside(mass)))


@every_template
def test_the_sum_of_the_weights(name):
    """Interpolated templates stand for the window's sum; others carry that of their own events."""
    mass, X, weight, label = columns()
    within, side = inside(mass), REGION.in_sidebands(mass)
    made = made_by(name, mass, X, weight, label)
    total, window = (made.weight[made.y == y].sum() for y in (0, 1))
    expected = {
        "cwola": (weight[side].sum(), weight[within].sum()),
        "supervised": tuple(weight[within & (label == y)].sum() for y in (0, 1)),
        "ideal": (total, weight[within].sum() - total),
    }.get(name, (weight[within].sum(),) * 2)
    np.testing.assert_allclose((total, window), expected, rtol=1e-12)


@every_template
def test_a_seed_decides_everything(name):
    mass, X, weight, label = columns()
    first, again, other = (made_by(name, mass, X, weight, label, seed=s) for s in (1, 1, 2))
    for field in FIELDS:
        np.testing.assert_array_equal(getattr(first, field), getattr(again, field))
    differs = not np.array_equal(first.X, other.X)
    assert differs == (name in DRAWING)
    if name in LEARNING:
        rows = first.y == 0
        assert (first.X[rows] != other.X[rows]).all()


@every_template
def test_scaled_weights_scale_the_set_and_nothing_else(name):
    """By a power of two: then rounding is the same, and even the trained densities are equal."""
    mass, X, weight, label = columns()
    one = made_by(name, mass, X, weight, label)
    four = made_by(name, mass, X, 4.0 * weight, label)
    for field in ("X", "y", "row"):
        np.testing.assert_array_equal(getattr(four, field), getattr(one, field))
    np.testing.assert_array_equal(four.weight, 4.0 * one.weight)


@every_density
def test_any_scale_leaves_the_number_and_the_masses_alone(name, background):
    mass, X, _, label = columns()
    alone = made_by(name, mass, X, np.ones(mass.size), label, **given(name, background))
    assert np.count_nonzero(alone.y == 0) == 4 * np.count_nonzero(alone.y == 1)
    scaled = made_by(name, mass, X, np.full(mass.size, 0.7), label, **given(name, background))
    np.testing.assert_array_equal(scaled.X, alone.X)
    np.testing.assert_allclose(scaled.weight, 0.7 * alone.weight, rtol=1e-12)


@every_template
def test_an_event_of_weight_two_is_two_of_weight_one(name, background):
    mass, X, _, label = columns()
    weight = np.random.default_rng(3).integers(1, 3, mass.size).astype(float)
    copies = np.repeat(np.arange(mass.size), weight.astype(int))
    twice = made_by(name, mass, X, weight, label, **given(name, background))
    split = made_by(
        name,
        mass[copies],
        X[copies],
        np.ones(copies.size),
        label[copies],
        **given(name, background),
    )
    if name == "ideal":  # events are drawn for the template, so only both classes together agree
        np.testing.assert_allclose(
            sums(split, 0) + sums(split, 1), sums(twice, 0) + sums(twice, 1), rtol=1e-9
        )
        return
    np.testing.assert_allclose(sums(split, 1), sums(twice, 1), rtol=1e-9)
    if name not in LEARNING:
        np.testing.assert_allclose(sums(split, 0), sums(twice, 0), rtol=1e-9)
        return
    # The template has more events where the window has, for the same sum and the same density.
    found = [np.count_nonzero(made.y == 0) for made in (twice, split)]
    within = inside(mass)
    expected = [np.ceil(4 * kish(w)) for w in (weight[within], np.ones(int(weight[within].sum())))]
    np.testing.assert_array_equal(found, expected)
    assert found[1] > 1.05 * found[0]
    assert sums(split, 0)[0] == pytest.approx(sums(twice, 0)[0], rel=1e-12)
    means = [sums(made, 0)[1:3] / sums(made, 0)[0] for made in (twice, split)]
    spread = twice.X[twice.y == 0].std(axis=0)
    error = 5 * spread * np.sqrt(1 / found[0] + 1 / found[1])
    np.testing.assert_array_less(np.abs(means[1] - means[0]), error)


@every_template
def test_the_order_of_the_events_does_not_matter(name, background):
    mass, X, weight, label = columns()
    order = np.random.default_rng(4).permutation(mass.size)
    first = made_by(name, mass, X, weight, label, **given(name, background))
    moved = made_by(
        name, mass[order], X[order], weight[order], label[order], **given(name, background)
    )
    row = np.where(moved.row >= 0, order[moved.row], -1)
    if name == "ideal":  # which half becomes the template is drawn by position
        np.testing.assert_array_equal(np.sort(row), np.sort(first.row))
        return
    for y in (0, 1):
        a, b = (
            np.lexsort((made.X[:, 0], rows)) for made, rows in ((first, first.row), (moved, row))
        )
        a, b = a[first.y[a] == y], b[moved.y[b] == y]
        np.testing.assert_array_equal(row[b], first.row[a])
        np.testing.assert_array_equal(moved.X[b], first.X[a])
        np.testing.assert_allclose(moved.weight[b], first.weight[a], rtol=1e-12)


@every_density
def test_a_density_of_permuted_events_is_one_of_another_seed(name):
    """Other events validate and other batches are drawn, so only statistics can agree.

    A smooth mean that is fitted to N events errs by about sqrt(20 / N) standard deviations, as the
    densities' own tests say; two fits differ by sqrt(2) of that, and their samples add theirs.
    """
    n = 6000
    mass, X, weight, label = columns(n)
    order = np.random.default_rng(4).permutation(n)
    options = {"density_options": {**TINY, "hidden": (32, 32), "steps": 180}}
    first = made_by(name, mass, X, weight, label, **options)
    moved = made_by(name, mass[order], X[order], weight[order], label[order], **options)
    np.testing.assert_array_equal(moved.y, first.y)
    np.testing.assert_allclose(moved.weight[moved.y == 0], first.weight[first.y == 0], rtol=1e-12)
    samples = [made.X[made.y == 0].astype(float) for made in (first, moved)]
    assert (samples[0] != samples[1]).any()
    outside = kish(weight[~inside(mass)])
    error = 3 * np.sqrt(2 * (20 / outside + 1 / len(samples[0])))
    assert error < 0.35
    for moment in (np.mean, np.std):
        a, b = (moment(sample, axis=0) / SPREAD for sample in samples)
        np.testing.assert_array_less(np.abs(a - b), error)


@every_template
def test_signed_weights(name, background):
    """One event in ten is negative; sums stay as they are, and synthetic events are positive."""
    mass, X, weight, label = columns()
    signed = weight * np.where(np.random.default_rng(5).uniform(size=mass.size) < 0.1, -1.0, 1.0)
    made = made_by(name, mass, X, signed, label)
    window = made.y == 1
    np.testing.assert_array_equal(made.weight[window], signed[made.row[window]])
    if name in LEARNING:
        total, template = signed[inside(mass)].sum(), made.weight[~window]
        assert template.sum() == pytest.approx(total, rel=1e-12)
        assert (template > 0).all()
        assert template.size == np.ceil(4 * kish(signed[inside(mass)]))
        return
    rows = made.row[~window]
    np.testing.assert_array_equal(np.sign(made.weight[~window]), np.sign(signed[rows]))


@every_template
@pytest.mark.parametrize(
    ("column", "value", "match"),
    [
        (0, np.nan, "mass: 2"),
        (1, np.nan, "a feature: 2"),
        (1, np.inf, "a feature: 2"),
        (2, np.nan, "weight: 2"),
        (2, -np.inf, "weight: 2"),
    ],
)
def test_values_that_are_not_finite_are_counted_and_refused(name, column, value, match):
    mass, X, weight, label = columns(300)
    data = [mass, X, weight]
    data[column][[3, 5], ...] = value
    with pytest.raises(DataError, match=rf"Of 300 events some .*\({match}\): drop"):
        made_by(name, *data, label)


@every_template
def test_columns_of_other_lengths_are_refused(name):
    mass, X, weight, label = columns(300)
    for data in ((mass[:-1], X, weight), (mass, X[:, 0], weight), (mass, X, weight[:-1])):
        with pytest.raises(DataError, match=r"must be \(n_events,\), \(n_events, n_features\)"):
            made_by(name, *data, label)


@every_template
def test_windows_without_events_or_weight_are_refused_before_any_training(name):
    class Watch:
        def on_epoch(self, report):
            message = "a density was trained"
            raise AssertionError(message)

    mass, X, weight, label = columns(300)
    template = tiny(name)
    template.callbacks = (Watch(),)
    nowhere = Region((4.1, 4.2), REGION.sidebands, (1.0, 5.0))
    with pytest.raises(DataError, match=r"There are no events .* \[4.1, 4.2\]"):
        template.training_set(mass, X, weight, nowhere, label=label)
    negative = np.where(inside(mass), -weight, weight)
    with pytest.raises(DataError, match=r"of \[1.8, 2.2\] sum to -.*check 'weight'"):
        template.training_set(mass, X, negative, REGION, label=label)


@every_template
def test_how_many_trainings_a_template_asks_for(name):
    template = tiny(name)
    assert template.members is None or template.members >= 1
    if template.own_classifier:
        assert tiny(name, members=3).members == 3
        with pytest.raises(ConfigError, match="'members' is 0, but it must be at least 1"):
            tiny(name, members=0)


@every_density
def test_options_of_densities_are_checked(name):
    for options, match in (
        ({"density": "matchin"}, "no density 'matchin'; the nearest are 'matching'.*'density'"),
        ({"density": "maf", "shared": True}, "'maf' cannot be shared.*'shared: false'"),
        ({"oversample": 0.0}, "'oversample' is 0, but it must be positive"),
        ({"oversample": 1001.0}, "'oversample' is 1001"),
        ({"oversample": np.nan}, "'oversample' is nan"),
    ):
        with pytest.raises(ConfigError, match=match):
            tiny(name, **options)
    assert [tiny(name, density=d, shared=s).shares for d, s in SHARED] == [True, False, True, False]


SHARED = (("matching", None), ("matching", False), ("matching", True), ("spline", None))


@every_density
def test_a_template_that_no_memory_holds_is_refused(name, monkeypatch, background):
    monkeypatch.setattr("bycatch.template._interpolated.LARGEST_TEMPLATE", 1000)
    mass, X, weight, label = columns()
    n = kish(weight[inside(mass)])
    fits = 1000 / n
    made = made_by(name, mass, X, weight, label, oversample=fits, **given(name, background))
    assert np.count_nonzero(made.y == 0) == 1000
    with pytest.raises(ConfigError, match=r"asks for 1.1e\+03 template .* than 1e\+03: lower it"):
        made_by(name, mass, X, weight, label, oversample=1.1 * fits, **given(name, background))


@every_density
def test_a_given_density_must_cover_the_window(name, background):
    mass, X, weight, _ = columns()
    template = tiny(name, background=background)
    made = template.training_set(mass, X, weight, REGION, seed=1)
    assert template.background_ is background
    assert made.y.any()
    other = Region((1.9, 2.3), REGION.sidebands, REGION.span)
    with pytest.raises(
        DataError, match=r"blind to the window \[1.9, 2.3\]; it covers \[1.8, 2.2\]"
    ):
        template.training_set(mass, X, weight, other)


@every_density
def test_callbacks_reach_the_density(name):
    class Count:
        reports = 0

        def on_epoch(self, report):
            self.reports += 1
            return ()

    mass, X, weight, _ = columns()
    template, count = tiny(name), Count()
    template.callbacks = (count,)
    made = template.training_set(mass, X, weight, REGION)
    assert count.reports == TINY["rounds"]
    own = template.classifier(2)
    if own is None:
        return
    validate = np.tile(np.arange(made.y.size) % 5 == 0, (2, 1))
    own.fit(made.X, made.y, made.weight, train=~validate, validate=validate, seed=1)
    assert count.reports == 2 * TINY["rounds"]


@every_density
def test_what_a_template_says_that_it_learns(name):
    template = tiny(name, density="spline", density_options={"bins": 4})
    sidebands = ("spline", {"bins": 4})
    own = (("matching", TINY),) if template.own_classifier else ()
    assert template.learned() == (sidebands, *own)
    default = {"cathode": "spline", "anode": "matching"}[name]
    assert tiny(name, density_options=None).learned()[0] == (default, {})
