"""The templates' training sets, and the registry."""

from __future__ import annotations

import numpy as np
import pytest

from bycatch.errors import ConfigError, DataError
from bycatch.template import (
    TEMPLATES,
    InterpolatedTemplate,
    Region,
    get_template,
    template_options,
)
from bycatch.template.cwola import CwolaHunting, balance_sides
from bycatch.template.ideal import Ideal

REGION = Region((4.0, 6.0), ((2.0, 4.0), (6.0, 7.0)))
N = 3_000
SMALL = {"density_options": {"hidden": (16,), "steps": 20, "rounds": 2, "batch_size": 128}}


def columns(seed: int = 0):
    rng = np.random.default_rng(seed)
    mass = np.clip(rng.exponential(4.0, N), 0.0, 9.0)
    X = rng.normal(size=(N, 2)).astype(np.float32)
    weight = rng.uniform(0.5, 1.5, N)
    label = (rng.uniform(size=N) < 0.1).astype(np.int8)
    return mass, X, weight, label


def small(name: str):
    """A template that trains in no time, if it trains at all."""
    return get_template(
        name, **(SMALL if issubclass(TEMPLATES[name], InterpolatedTemplate) else {})
    )


@pytest.mark.parametrize("name", sorted(TEMPLATES))
def test_training_sets_of_all_templates(name):
    mass, X, weight, label = columns()
    template = small(name)
    assert template.name == name
    assert template.citation
    made = template.training_set(mass, X, weight, REGION, label=label, seed=1)
    assert made.X.dtype == np.float32
    assert made.y.dtype == np.int8
    assert made.weight.dtype == np.float64
    assert made.row.dtype == np.int64
    assert set(made.y.tolist()) == {0, 1}
    real = made.row >= 0
    assert real[made.y == 1].all()
    assert np.unique(made.row[real]).size == np.count_nonzero(real)
    np.testing.assert_array_equal(made.X[real], X[made.row[real]])
    assert np.isfinite(made.X).all()
    assert REGION.in_window(mass[made.row[made.y == 1]]).all()
    again = template.training_set(mass, X, weight, REGION, label=label, seed=1)
    np.testing.assert_array_equal(again.row, made.row)
    np.testing.assert_array_equal(again.X, made.X)
    assert (template.classifier(2) is not None) == template.own_classifier


@pytest.mark.parametrize("name", sorted(TEMPLATES))
def test_truth_is_used_by_yardsticks_only(name):
    mass, X, weight, label = columns()
    template = small(name)
    if template.needs_truth:
        with pytest.raises(DataError, match="needs truth labels"):
            template.training_set(mass, X, weight, REGION)
        return
    with_truth = template.training_set(mass, X, weight, REGION, label=label)
    without = template.training_set(mass, X, weight, REGION)
    np.testing.assert_array_equal(with_truth.row, without.row)
    np.testing.assert_array_equal(with_truth.X, without.X)
    np.testing.assert_array_equal(with_truth.weight, without.weight)


@pytest.mark.parametrize("name", sorted(TEMPLATES))
def test_empty_windows_are_refused(name):
    mass, X, weight, label = columns()
    nowhere = Region((20.0, 30.0), ((2.0, 4.0),))
    with pytest.raises(DataError, match=r"window \[20, 30\]"):
        small(name).training_set(mass, X, weight, nowhere, label=label)


def test_cwola_takes_window_against_sidebands():
    mass, X, weight, _ = columns()
    made = CwolaHunting().training_set(mass, X, weight, REGION)
    signal = np.sort(made.row[made.y == 1])
    np.testing.assert_array_equal(signal, np.flatnonzero(REGION.in_window(mass)))
    template = np.sort(made.row[made.y == 0])
    np.testing.assert_array_equal(template, np.flatnonzero(REGION.in_sidebands(mass)))
    np.testing.assert_array_equal(made.weight[made.y == 1], weight[made.row[made.y == 1]])


def test_equal_sides_cancel_a_linear_trend():
    rng = np.random.default_rng(2)
    mass = rng.exponential(4.0, 200_000)
    mass = mass[(mass > 2.0) & (mass < 8.0)]
    region = Region((4.0, 6.0), ((2.0, 4.0), (6.0, 8.0)))
    X = mass[:, None].astype(np.float32)
    weight = np.ones(mass.size)
    # What is left of a feature that follows the mass: the mean difference of the classes.
    left = {}
    for sides in ("equal", "natural"):
        made = CwolaHunting(sides).training_set(mass, X, weight, region)
        means = [
            np.average(made.X[made.y == y, 0], weights=made.weight[made.y == y]) for y in (0, 1)
        ]
        left[sides] = abs(means[1] - means[0])
        total = made.weight[made.y == 0].sum()
        assert total == pytest.approx(np.count_nonzero(made.y == 0), rel=1e-9)
    # Within a side the spectrum still falls, which shifts side and window alike.
    assert left["equal"] < 0.15 * left["natural"]


def test_balancing_leaves_one_sided_regions_alone():
    mass, weight = np.array([1.0, 2.0]), np.array([1.0, 3.0])
    np.testing.assert_array_equal(balance_sides(mass, weight, (4.0, 6.0)), weight)
    np.testing.assert_array_equal(
        balance_sides(np.array([1.0, 9.0]), np.array([-1.0, 3.0]), (4.0, 6.0)), [-1.0, 3.0]
    )


def test_weights_that_sum_to_nothing_are_refused():
    mass, X, weight, _ = columns()
    inside = REGION.in_window(mass)
    with pytest.raises(DataError, match=r"signal region of \[4, 6\] sum to -"):
        CwolaHunting().training_set(mass, X, np.where(inside, -weight, weight), REGION)


def test_ideal_splits_the_true_background():
    mass, X, weight, label = columns()
    made = Ideal().training_set(mass, X, weight, REGION, label=label, seed=3)
    inside = np.flatnonzero(REGION.in_window(mass))
    np.testing.assert_array_equal(np.sort(made.row), inside)
    assert not label[made.row[made.y == 0]].any()
    n_background = np.count_nonzero(label[inside] == 0)
    assert np.count_nonzero(made.y == 0) == round(n_background / 2)
    other = Ideal().training_set(mass, X, weight, REGION, label=label, seed=4)
    assert not np.array_equal(other.row, made.row)


def test_ideal_with_extra_background_keeps_all_data():
    mass, X, weight, label = columns()
    extra = columns(seed=9)[:3]
    made = Ideal(background=extra).training_set(mass, X, weight, REGION, label=label)
    inside = np.flatnonzero(REGION.in_window(mass))
    np.testing.assert_array_equal(made.row[made.y == 1], inside)
    assert np.all(made.row[made.y == 0] == -1)
    np.testing.assert_array_equal(made.X[made.y == 0], extra[1][REGION.in_window(extra[0])])
    with pytest.raises(DataError, match="extra background"):
        Ideal(background=(extra[0] + 100.0, extra[1], extra[2])).training_set(
            mass, X, weight, REGION
        )


def test_unknown_names_list_the_nearest():
    with pytest.raises(ConfigError, match="'supervised'"):
        get_template("supervisd")
    with pytest.raises(ConfigError, match="'oversample'"):
        get_template("cathode", oversampling=2.0)
    with pytest.raises(ConfigError, match="'supervised'"):
        template_options("supervisd")


@pytest.mark.parametrize("name", sorted(TEMPLATES))
def test_options_are_the_constructor(name):
    options = template_options(name)
    template = get_template(name, **options)
    assert {key: getattr(template, key) for key in options} == options


def test_reach_is_the_span_or_the_hull():
    assert REGION.reach == (2.0, 7.0)
    assert Region((4.0, 6.0), ((2.0, 4.0),)).reach == (2.0, 6.0)
    assert Region((4.0, 6.0), ((2.0, 4.0),), (1.0, 9.0)).reach == (1.0, 9.0)
