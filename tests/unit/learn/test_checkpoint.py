import json
import pickle

import numpy as np
import pytest

from bycatch.errors import InputError, StorageError
from bycatch.learn import load_classifier
from bycatch.learn.checkpoint import Checkpoint, load_checkpoint, read_kind, save_checkpoint
from bycatch.learn.classifiers.hgb import HistGradientBoostingEnsemble
from bycatch.learn.classifiers.network import NetworkEnsemble
from bycatch.learn.classifiers.trees import LightGBMEnsemble


@pytest.fixture
def folder(tmp_path):
    save_checkpoint(
        tmp_path / "model",
        Checkpoint("kind", {"a": [1, 2]}, {"x": np.arange(3.0)}, {"t.txt": "text"}),
    )
    return tmp_path / "model"


def edit(folder, **changes):
    path = folder / "checkpoint.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def test_round_trip(folder):
    loaded = load_checkpoint(folder, "kind")
    assert read_kind(folder) == loaded.kind == "kind"
    assert loaded.metadata == {"a": [1, 2]}
    assert loaded.texts == {"t.txt": "text"}
    np.testing.assert_array_equal(loaded.arrays["x"], [0, 1, 2])


@pytest.mark.parametrize("name", ["arrays.safetensors", "t.txt"])
@pytest.mark.parametrize("damage", ["truncate", "flip", "remove"])
def test_damaged_file(folder, name, damage):
    path = folder / name
    data = bytearray(path.read_bytes())
    if damage == "truncate":
        path.write_bytes(data[:-1])
    elif damage == "flip":
        data[-1] ^= 1
        path.write_bytes(data)
    else:
        path.unlink()
    with pytest.raises(InputError, match=rf"The model in .* is damaged: '{name}'"):
        load_checkpoint(folder, "kind")


def test_damaged_index(folder):
    (folder / "checkpoint.json").write_text('{"format": ')
    with pytest.raises(InputError, match="is not JSON"):
        load_checkpoint(folder, "kind")
    (folder / "checkpoint.json").write_text("[]")
    with pytest.raises(InputError, match="does not describe a model"):
        load_checkpoint(folder, "kind")


def test_missing_folder_other_kind_other_version(folder, tmp_path):
    with pytest.raises(InputError, match="holds no model"):
        load_checkpoint(tmp_path / "nowhere", "kind")
    with pytest.raises(InputError, match="of kind 'kind', but 'other' is expected"):
        load_checkpoint(folder, "other")
    edit(folder, version=99)
    with pytest.raises(InputError, match=r"format version 99, but this bycatch reads version 1"):
        load_checkpoint(folder, "kind")


def test_pickle_is_refused_unread(folder):
    class Trap:
        def __reduce__(self):
            return pytest.fail, ("the pickle was run",)

    path = folder / "arrays.safetensors"
    path.write_bytes(pickle.dumps(Trap()))
    digest = __import__("hashlib").sha256(path.read_bytes()).hexdigest()
    files = json.loads((folder / "checkpoint.json").read_text())["files"]
    edit(folder, files={**files, "arrays.safetensors": digest})
    with pytest.raises(InputError, match="is damaged"):
        load_checkpoint(folder, "kind")


def test_no_file_outside_of_the_folder_is_read(folder):
    edit(folder, files={"../secret": "0"})
    with pytest.raises(InputError, match="outside of it"):
        load_checkpoint(folder, "kind")


def test_unwritable_folder_is_a_storage_error(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="could not be written"):
        save_checkpoint(tmp_path / "file" / "model", Checkpoint("kind", {}))


@pytest.mark.parametrize(
    "ensemble",
    [
        NetworkEnsemble(2, hidden=(4,), max_epochs=1),
        LightGBMEnsemble(2),
        HistGradientBoostingEnsemble(2),
    ],
    ids=lambda ensemble: ensemble.kind,
)
def test_metadata_that_does_not_fit(ensemble, tmp_path):
    rng = np.random.default_rng(1)
    y = (np.arange(300) % 2).astype(np.int8)
    X = (rng.normal(size=(300, 2)) + y[:, None]).astype(np.float32)
    train = np.tile(np.arange(300) < 200, (2, 1))
    ensemble.fit(X, y, train=train, validate=~train, seed=1).save(tmp_path)
    metadata = json.loads((tmp_path / "checkpoint.json").read_text())["metadata"]
    for changed in (
        {},
        {**metadata, "options": {"nonsense": 1}},
        {**metadata, "options": {**metadata["options"], "members": 3}},
        {**metadata, "options": {**metadata["options"], "members": 0}},
    ):
        edit(tmp_path, metadata=changed)
        with pytest.raises(InputError, match="is damaged: its metadata does not fit"):
            load_classifier(tmp_path)


def test_lightgbm_text_that_cannot_be_read(tmp_path):
    metadata = {
        "options": {"members": 1},
        "histories": [{"train_loss": [1.0], "validation_loss": [1.0], "best": 0}],
        "n_features": 2,
    }
    save_checkpoint(tmp_path, Checkpoint("lightgbm", metadata, texts={"member0000.txt": "tree\n"}))
    with pytest.raises(InputError, match="LightGBM cannot read the model"):
        load_classifier(tmp_path)
