"""The embedded sample."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

from bycatch.events import count_nonfinite, demo, derive

FEATURES = {
    "mjj": "mjj",
    "m_light": "jL_mass / 1000",
    "delta_m": "(jH_mass - jL_mass) / 1000",
    "tau21_light": "jL_tau2 / (jL_tau1 + 1e-5)",
    "tau21_heavy": "jH_tau2 / (jH_tau1 + 1e-5)",
}


def test_content() -> None:
    background, signal = demo.load_background(), demo.load_signal()
    assert len(background) == 100_000
    assert len(signal) == 2000
    assert background.label is not None
    assert signal.label is not None
    assert not background.label.any()
    assert signal.label.all()
    assert list(background.columns) == list(signal.columns)
    assert np.all(background["jL_mass"] <= background["jH_mass"])
    # the W' peaks at its mass; half of the events lie within 10 %
    assert abs(np.median(signal["mjj"]) - 3500) < 200


def test_features_are_finite() -> None:
    for path in (demo.BACKGROUND, demo.SIGNAL):
        assert set(count_nonfinite(derive(path, FEATURES)).values()) == {0}


def test_size_and_encoding() -> None:
    sizes = [path.stat().st_size for path in (demo.BACKGROUND, demo.SIGNAL)]
    assert sum(sizes) < 8e6
    column = pq.ParquetFile(demo.BACKGROUND).metadata.row_group(0).column(0)
    assert column.compression == "ZSTD"
    assert "BYTE_STREAM_SPLIT" in column.encodings
    assert (demo.BACKGROUND.parent / "PROVENANCE.md").is_file()


def test_it_is_the_shared_sample(shared_data: Path) -> None:
    origin = pq.read_table(shared_data / "pythia" / "dijet_qcd.parquet")
    background = demo.load_background()
    for name, values in background.columns.items():
        np.testing.assert_array_equal(values, origin.column(name).to_numpy())
    everything = pq.read_table(shared_data / "pythia" / "dijet_wprime_xy.parquet")
    # as PROVENANCE.md says
    drawn = np.sort(np.random.default_rng(20261124).choice(20_000, 2000, replace=False))
    for name, values in demo.load_signal().columns.items():
        np.testing.assert_array_equal(values, everything.column(name).to_numpy()[drawn])
