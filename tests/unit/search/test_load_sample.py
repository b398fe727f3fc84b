"""From files to the searched sample."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from bycatch.errors import DataError
from bycatch.search.load import load_sample
from bycatch.search.plan import (
    DataPlan,
    InjectionPlan,
    MethodPlan,
    RegionPlan,
    SearchPlan,
)


@pytest.fixture
def plan(tmp_path):
    rng = np.random.default_rng(1)
    n = 1000
    table = {
        "m": rng.uniform(2000, 5000, n),
        "x": rng.normal(size=n),
        "w": rng.uniform(-0.2, 2.0, n),
        "label": (np.arange(n) % 10 == 0).astype(np.int8),
    }
    path = tmp_path / "events.parquet"
    pq.write_table(pa.table(table), path)
    return SearchPlan(
        data=DataPlan(path=(str(path),)),
        resonance="m",
        features={"twice": "2 * x", "m": "x + m / 1000"},
        regions=RegionPlan(bins=100.0, fit_range=(2200.0, 4800.0), windows=((3000.0, 3400.0),)),
        methods=(MethodPlan(template="cwola", classifier="trees"),),
        truth="label",
        seed=3,
    )


def test_columns_are_what_the_expressions_say(plan):
    sample, dropped = load_sample(plan.replace(data=plan.data.replace(weight="w")))
    table = pq.read_table(plan.data.path[0]).to_pandas()
    assert dropped == {}
    assert sample.features == ("twice", "m")
    np.testing.assert_allclose(sample.X[:, 0], 2 * table.x, rtol=1e-6)
    np.testing.assert_allclose(sample.X[:, 1], table.x + table.m / 1000, rtol=1e-5)
    np.testing.assert_array_equal(sample.mass, table.m)
    np.testing.assert_array_equal(sample.weight, table.w)
    np.testing.assert_array_equal(sample.label, table.label)


def test_injected_events_follow_the_data_and_are_never_drawn_twice(plan):
    inject = InjectionPlan(path=plan.data.path, where="label == 1", count=40)
    data = plan.data.replace(where="label == 0", inject=inject)
    sample, _ = load_sample(plan.replace(data=data))
    assert len(sample) == 900 + 40
    assert sample.label[:900].sum() == 0
    assert sample.label[900:].sum() == 40
    assert len(np.unique(sample.mass[900:])) == 40
    other, _ = load_sample(plan.replace(data=data, seed=4))
    assert set(other.mass[900:]) != set(sample.mass[900:])


def test_more_signal_than_there_is(plan):
    inject = InjectionPlan(path=plan.data.path, where="label == 1", count=101)
    with pytest.raises(DataError, match=r"asks for 101 events.*has 100 that pass"):
        load_sample(plan.replace(data=plan.data.replace(inject=inject)))


def test_fraction_is_a_random_part_by_seed(plan):
    half = plan.replace(data=plan.data.replace(fraction=0.5))
    one, _ = load_sample(half)
    again, _ = load_sample(half)
    other, _ = load_sample(half.replace(seed=4))
    assert len(one) == 500
    np.testing.assert_array_equal(one.mass, again.mass)
    assert set(one.mass) != set(other.mass)


def test_nonfinite_values_are_counted_per_column(plan):
    bad = plan.replace(features={"log": "log(x)", "big": "x * 1e300"})
    with (
        np.errstate(all="ignore"),
        pytest.raises(DataError, match=r"log \(log\(x\)\): \d+, big \(x \* 1e300\): 1000"),
    ):
        load_sample(bad)
    some = plan.replace(features={"log": "log(x)"}, nonfinite="drop")
    with np.errstate(all="ignore"):
        sample, dropped = load_sample(some)
    assert dropped == {"log": 1000 - len(sample)}
    assert 400 < len(sample) < 600
    assert np.isfinite(sample.X).all()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"features": {"one": "0 * x + 1"}}, "The feature one has the one value 1"),
        ({"resonance": "m / 1000"}, r"events span \[2\.0\d+, 4\.9\d+\]"),
    ],
)
def test_useless_columns(plan, change, message):
    with pytest.raises(DataError, match=message):
        load_sample(plan.replace(**change))


def test_no_event_passes(plan):
    with pytest.raises(DataError, match=r"No event of .* passes 'm > 9000'"):
        load_sample(plan.replace(data=plan.data.replace(where="m > 9000")))
