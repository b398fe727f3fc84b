"""LHC Olympics: files written in the public layouts come back as standard columns."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from bycatch.errors import ColumnError, InputError
from bycatch.events.public import lhco

N = 40


@pytest.fixture
def features(tmp_path: Path) -> tuple[Path, pd.DataFrame]:
    rng = np.random.default_rng(3)
    frame = {}
    for jet in ("j1", "j2"):
        frame |= {f"p{axis}{jet}": rng.normal(0, 1500, N) for axis in "xyz"}
        frame[f"m{jet}"] = rng.exponential(200, N)
        frame |= {f"tau{k}{jet}": rng.random(N) for k in (1, 2, 3)}
    frame["label"] = (rng.random(N) < 0.3).astype(np.float64)
    path = tmp_path / "events_anomalydetection_v2.features.h5"
    table = pd.DataFrame(frame)
    table.to_hdf(path, key="df")
    return path, table


def test_features(features: tuple[Path, pd.DataFrame]) -> None:
    path, table = features
    events = lhco.read_features(path)
    four = {}
    for jet in ("j1", "j2"):
        p = table[[f"p{axis}{jet}" for axis in "xyz"]].to_numpy()
        four[jet] = np.column_stack([np.sqrt((p**2).sum(axis=1) + table[f"m{jet}"] ** 2), p])
        theta = np.arctan2(np.hypot(p[:, 0], p[:, 1]), p[:, 2])
        np.testing.assert_allclose(events[f"{jet}_eta"], -np.log(np.tan(theta / 2)), rtol=1e-9)
        np.testing.assert_allclose(events[f"{jet}_pt"], np.linalg.norm(p[:, :2], axis=1))
        back = events[f"{jet}_pt"][:, None] * np.column_stack(
            [np.cos(events[f"{jet}_phi"]), np.sin(events[f"{jet}_phi"])]
        )
        np.testing.assert_allclose(back, p[:, :2], atol=1e-9)
        np.testing.assert_array_equal(events[f"{jet}_mass"], table[f"m{jet}"])
        np.testing.assert_array_equal(events[f"{jet}_tau3"], table[f"tau3{jet}"])
    total = four["j1"] + four["j2"]
    mjj = np.sqrt(total[:, 0] ** 2 - (total[:, 1:] ** 2).sum(axis=1))
    np.testing.assert_allclose(events["mjj"], mjj, rtol=1e-10)
    assert events.label is not None
    np.testing.assert_array_equal(events.label, table["label"])


def test_features_with_a_cut(features: tuple[Path, pd.DataFrame]) -> None:
    path, _ = features
    everything = lhco.read_features(path)
    signal = lhco.read_features(path, where="(label == 1) & (mjj > 2000)")
    keep = (everything.label == 1) & (everything["mjj"] > 2000)
    np.testing.assert_array_equal(signal["mjj"], everything["mjj"][keep])
    assert 0 < len(signal) < N


def test_features_of_another_file(tmp_path: Path) -> None:
    pd.DataFrame({"mass1": [1.0]}).to_hdf(tmp_path / "x.h5", key="df")
    with pytest.raises(ColumnError, match=r"x\.h5 has no column .*the nearest are 'mass1'"):
        lhco.read_features(tmp_path / "x.h5")


def write_raw(path: Path, width: int = 2101, **options: object) -> np.ndarray:
    rng = np.random.default_rng(5)
    values = rng.random((N, width))
    values[:, 1500:2100] = 0.0
    values[:, 2100:] = rng.random((N, width - 2100)) < 0.5
    pd.DataFrame(values).to_hdf(path, key="df", **options)
    return values


@pytest.mark.parametrize(
    "options",
    [
        {"format": "table", "complevel": 9, "complib": "blosc"},
        {"format": "table"},
        {"format": "fixed"},
    ],
)
def test_raw(tmp_path: Path, options: dict[str, object]) -> None:
    path = tmp_path / "events_anomalydetection.h5"
    values = write_raw(path, **options)
    parts = list(lhco.scan_particles(path, chunk=17))
    assert [len(part.particles) for part in parts] == [17, 17, 6]
    particles = np.concatenate([part.particles for part in parts])
    assert particles.shape == (N, 700, 3)
    np.testing.assert_array_equal(particles[3, 4], values[3, 12:15].astype(np.float32))
    np.testing.assert_array_equal(particles.reshape(N, -1), values[:, :2100].astype(np.float32))
    labels = np.concatenate([part.label for part in parts if part.label is not None])
    np.testing.assert_array_equal(labels, values[:, 2100])


def test_a_black_box_has_no_labels(tmp_path: Path) -> None:
    path = tmp_path / "events_LHCO2020_BlackBox1.h5"
    write_raw(path, width=2100, format="table", complevel=9, complib="blosc")
    assert next(lhco.scan_particles(path)).label is None


def test_a_feature_file_is_not_raw(features: tuple[Path, pd.DataFrame]) -> None:
    with pytest.raises(InputError, match=r"has 15 columns, but a raw .* use read_features"):
        next(lhco.scan_particles(features[0]))


def test_without_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "events_anomalydetection.h5"
    write_raw(path, format="table", complevel=9, complib="blosc")
    monkeypatch.setitem(sys.modules, "blosc2", None)
    with pytest.raises(InputError, match=r'pip install "bycatch\[tables\]"'):
        next(lhco.scan_particles(path))
