"""Streamed representations equal those of a whole file, and bad events are found."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from bycatch import events
from bycatch.anomaly import inputs as module
from bycatch.anomaly.inputs import write_inputs
from bycatch.anomaly.plan import InputPlan, Preprocessing, SamplePlan, ScorePlan
from bycatch.anomaly.sample import load_sample
from bycatch.errors import DataError
from bycatch.represent import represent
from bycatch.tasks import RunFolder


def write(path, n, bad=None):
    rng = np.random.default_rng(n)
    columns = {name: [] for name in ("px", "py", "pz", "E")}
    for i in range(n):
        momenta = rng.normal(size=(3, 5)) + np.array([[9.0], [0.0], [0.0]])
        for name, values in zip(columns, momenta, strict=False):
            columns[name].append(values)
        columns["E"].append(np.sqrt((momenta**2).sum(axis=0)))
        if i == bad:
            columns["px"][-1][2] = np.nan
    table = {f"constituent_{name}": pa.array(values) for name, values in columns.items()}
    pq.write_table(pa.table({**table, "m": np.arange(n, dtype=float)}), path)
    return SamplePlan(path.stem, (str(path),))


@pytest.fixture(autouse=True)
def _small_chunks(monkeypatch):
    monkeypatch.setattr(module, "ROWS", 7)


def test_chunks_make_no_difference(tmp_path):
    samples = [write(tmp_path / "a.parquet", 20), write(tmp_path / "b.parquet", 11)]
    samples[1] = replace(samples[1], where="m > 2")
    chosen = [np.array([0, 3, 4, 13, 19]), np.arange(8)]
    plan = InputPlan("images", {"size": 6})
    stored, good, names = write_inputs(samples, chosen, plan, tmp_path / "shared", drop=False)
    assert good.all()
    assert names == ("y", "x")
    for pixels in (Preprocessing(), Preprocessing(0.5, 1.0)):
        own = {"power": pixels.power, "smear": pixels.smear}
        first = represent("images", events.read(samples[0].path), size=6, **own).values
        second = events.read(samples[1].path, where="m > 2")
        second = represent("images", second, size=6, **own).values
        expected = np.concatenate([first[chosen[0]], second])
        np.testing.assert_array_equal(stored.rows(np.arange(13), pixels)["x"], expected)
        some = np.array([12, 1, 5])
        flat = stored.rows(some, pixels, flat=True)["x"]
        np.testing.assert_array_equal(flat, expected[some].reshape(3, 36))


def test_padding_of_flattened_sets_is_zero(tmp_path):
    sample = write(tmp_path / "a.parquet", 9)
    plan = InputPlan("constituents", {"n_max": 8})
    stored, _, _ = write_inputs([sample], [np.arange(9)], plan, tmp_path / "shared", drop=False)
    found = stored.rows(np.arange(9))
    assert found["mask"].sum() == 45
    flat = stored.rows(np.arange(9), flat=True)["x"].reshape(found["x"].shape)
    assert (flat[~found["mask"]] == 0.0).all()
    np.testing.assert_array_equal(flat[found["mask"]], found["x"][found["mask"]])


def make_plan(sample, **changes):
    plan = ScorePlan(sample, (), InputPlan("images", {"size": 6}), (), mass="m")
    return replace(plan, pixels=Preprocessing(), **changes)


def test_events_with_bad_constituents_are_refused_or_dropped(tmp_path):
    sample = write(tmp_path / "background.parquet", 10, bad=4)
    with (
        RunFolder.open(tmp_path / "one", "f", "") as folder,
        pytest.raises(DataError, match="constituent_px"),
    ):
        load_sample(make_plan(sample), folder)
    with RunFolder.open(tmp_path / "two", "f", "") as folder:
        found = load_sample(make_plan(sample, nonfinite="drop"), folder)
    assert found.sizes[0].n_dropped == 1
    assert 4.0 not in found.mass
    pixels = found.inputs.rows(found.row)["x"]
    np.testing.assert_allclose(pixels.sum(axis=(1, 2)), 1.0, rtol=1e-6)


def test_the_limit_draws_from_the_seed(tmp_path):
    sample = replace(write(tmp_path / "background.parquet", 30), limit=12)
    drawn = []
    for seed in (1, 1, 2):
        with RunFolder.open(tmp_path / f"run{len(drawn)}", "f", "") as folder:
            found = load_sample(make_plan(sample, seed=seed), folder)
        assert found.sizes[0].n_events == 12
        assert found.sizes[0].n_test == 6
        drawn.append(found)
    np.testing.assert_array_equal(drawn[0].mass, drawn[1].mass)
    np.testing.assert_array_equal(drawn[0].fold, drawn[1].fold)
    assert (drawn[0].mass != drawn[2].mass).any()


def test_stored_events_that_are_gone_are_missed(tmp_path):
    sample = write(tmp_path / "background.parquet", 8)
    with RunFolder.open(tmp_path / "run", "f", "") as folder:
        load_sample(make_plan(sample), folder)
        (tmp_path / "run/shared/values.npy").unlink()
        with pytest.raises(DataError, match="are gone; remove"):
            load_sample(make_plan(sample), folder)
