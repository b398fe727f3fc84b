"""The density of the sidebands on disk: it comes back as it was, and damage is an input error."""

import shutil

import numpy as np
import pytest
from window_toy import (
    TINY,
    WINDOW,
    assert_equal,
    barely_trained,
    refusals,
    toy,
    truncated,
    with_metadata,
)

from bycatch.errors import InputError
from bycatch.learn import make_classifier, make_density
from bycatch.template import SidebandDensity

WINDOWS = ((1.3, 1.6), WINDOW, (2.5, 3.0))


@pytest.mark.parametrize("windows", [(WINDOW,), WINDOWS])
def test_round_trip_on_disk(windows, tmp_path):
    density = barely_trained(windows)
    density.save(tmp_path)
    loaded = SidebandDensity.load(tmp_path)
    for window in windows:
        assert_equal(loaded, density, window)
    for key in ("windows", "span", "density_name", "history"):
        assert getattr(loaded, key) == getattr(density, key)
    np.testing.assert_array_equal(loaded.bounds, density.bounds)
    assert repr(loaded) == repr(density)
    assert repr(density).startswith("SidebandDensity(matching, span [1, 4], ")
    assert len(density.history.validation_loss) == TINY["rounds"]


MISFIT = "is damaged: its metadata does not fit"


@pytest.fixture
def refused(tmp_path):
    barely_trained(WINDOWS).save(tmp_path / "good")
    return refusals(SidebandDensity, tmp_path)


def test_damaged_folders_are_input_errors(refused, tmp_path):
    for metadata in (
        {"windows": 3},
        {"windows": [[1.0]]},
        {"windows": []},
        {"windows": [[0.5, 2.0]]},
        {"windows": [*WINDOWS, [2.0, 2.1]]},
        {"span": [1.0]},
        {"span": [0.0, 4.0]},
        {"span": "wide"},
    ):
        refused(MISFIT, with_metadata(**metadata))
    refused("'arrays.safetensors' is not what was written", truncated("arrays.safetensors"))
    refused("'checkpoint.json' is not JSON", truncated("checkpoint.json"))
    refused("'arrays.safetensors' is not what", truncated("density/arrays.safetensors"))
    refused("holds no model", lambda folder: shutil.rmtree(folder / "density"))
    refused("holds no model", lambda folder: (folder / "checkpoint.json").unlink())
    with pytest.raises(InputError, match="'matching', but 'sideband-density' is expected"):
        SidebandDensity.load(tmp_path / "good" / "density")


def test_another_model_in_the_folder_is_an_input_error(refused):
    validate = np.arange(200)[None] % 5 == 0

    def trees(folder):
        y = np.arange(200) % 2
        model = make_classifier("trees", 1, max_trees=10)
        model.fit(np.c_[y, y].astype(np.float32), y, train=~validate, validate=validate, seed=1)
        shutil.rmtree(folder / "density")
        model.save(folder / "density")

    refused(MISFIT, trees)

    def other_features(folder):
        mass, X = toy(200, 1)
        model = make_density("matching", **TINY)
        model.fit(X[:, :1], np.log(mass), train=~validate, validate=validate, seed=1)
        model.save(folder / "density")

    refused(MISFIT, other_features)
