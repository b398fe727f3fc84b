"""The small committed samples (`tests/data`): what they hold is what the recipes promise."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from bycatch.events import read
from bycatch.events.simulate import find_process, simulation_info
from bycatch.represent import represent

DATA = Path(__file__).parents[3] / "data"
SAMPLES = {"top_jets": 250, "qcd_jets": 250, "lepton_stream": 150, "a_4l": 100}


@pytest.mark.parametrize("name", SAMPLES)
def test_a_file_says_what_it_is(name):
    events = read(DATA / f"{name}.parquet")
    info = simulation_info(DATA / f"{name}.parquet")
    process = find_process(name)
    assert len(events) == SAMPLES[name]
    assert info["process"] == name
    assert set(events.columns) == set(info["columns"]) == set(process.columns or info["columns"])
    parts = info["parts"].values() if "parts" in info else [info]
    for part in parts:
        assert 0.0 < part["acceptance"] < 1.0
        assert part["cross_section_pb"] > 0.0


def test_jets_of_the_samples():
    tops, qcd = (read(DATA / f"{name}_jets.parquet") for name in ("top", "qcd"))
    for jets in (tops, qcd):
        assert (jets["jet_pt"] > 550.0).all()
        assert (jets["jet_pt"] < 650.0).all()
        assert (np.abs(jets["jet_eta"]) < 2.0).all()
    # The median of n masses, of which half lie within 10 GeV, is known to 10 GeV / sqrt(n).
    assert np.median(tops["jet_mass"]) == pytest.approx(173.0, abs=3 * 10.0 / np.sqrt(250))
    assert np.median(qcd["jet_mass"]) < 100.0
    images = represent("images", tops).values
    np.testing.assert_allclose(images.sum(axis=(1, 2)), 1.0, rtol=1e-5)


def test_leptons_of_the_samples():
    stream, signal = (read(DATA / f"{name}.parquet") for name in ("lepton_stream", "a_4l"))
    fraction = np.bincount(stream["process"], minlength=4) / len(stream)
    # Fractions of the mixture: W 59.2 %, with the binomial error of 150 rows.
    assert fraction.max() == pytest.approx(0.592, abs=4 * np.sqrt(0.592 * 0.408 / 150))
    for events in (stream, signal):
        made = represent("lepton_stream", events)
        assert made.values.shape == (len(events), 21)
        assert np.isfinite(made.values).all()
        assert (made.values[:, made.names.index("lepton_pt")] > 23.0).all()
    leptons = [
        np.mean([len(row) for row in events["electron_pt"]])
        + np.mean([len(row) for row in events["muon_pt"]])
        for events in (stream, signal)
    ]
    assert leptons[1] > leptons[0] + 0.5
