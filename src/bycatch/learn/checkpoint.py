"""Models on disk: arrays as safetensors, text files, and JSON that describes and seals them.

A checkpoint is a folder. Loading it parses numbers and text and never runs code, so a folder from a
stranger is harmless; the hashes in ``checkpoint.json`` detect damage, not a forger.
"""

from __future__ import annotations

import hashlib
import inspect
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load, save

from bycatch.errors import ConfigError, InputError
from bycatch.learn.base import History
from bycatch.tasks.files import atomic_write

FORMAT = "bycatch-checkpoint"
VERSION = 1
_INDEX = "checkpoint.json"
_ARRAYS = "arrays.safetensors"


@dataclass(frozen=True)
class Checkpoint:
    """Content of a checkpoint.

    Attributes
    ----------
    kind : str
        Name in `bycatch.learn.CLASSIFIERS`, or of another kind of model.
    metadata : mapping
        What JSON can hold.
    arrays : mapping of str to ndarray
    texts : mapping of str to str
        File name -> content.
    """

    kind: str
    metadata: Mapping[str, Any]
    arrays: Mapping[str, NDArray[Any]] = field(default_factory=dict)
    texts: Mapping[str, str] = field(default_factory=dict)


def constructor_options(model: object) -> dict[str, Any]:
    """Return the options that a model was made with, as scikit-learn stores them, but the device.

    A model that was trained on one device is loaded on another.
    """
    names = inspect.signature(type(model)).parameters
    return {name: getattr(model, name) for name in names if name != "device"}


def save_checkpoint(folder: Path, checkpoint: Checkpoint) -> None:
    """Write a checkpoint; the index comes last, so that a folder without it is unfinished.

    Parameters
    ----------
    folder : Path
        Created where it is missing.
    checkpoint : Checkpoint

    Raises
    ------
    StorageError
        Where the folder cannot be written.
    """
    folder = Path(folder)
    contents = {name: text.encode() for name, text in checkpoint.texts.items()}
    arrays = {name: np.ascontiguousarray(array) for name, array in checkpoint.arrays.items()}
    contents[_ARRAYS] = save(arrays)
    index = {
        "format": FORMAT,
        "version": VERSION,
        "kind": checkpoint.kind,
        "metadata": dict(checkpoint.metadata),
        "files": {name: hashlib.sha256(data).hexdigest() for name, data in contents.items()},
    }
    for name, data in contents.items():
        atomic_write(folder / name, data)
    text = json.dumps(index, indent=1, sort_keys=True, allow_nan=False)
    atomic_write(folder / _INDEX, text.encode())


def read_kind(folder: Path) -> str:
    """Return which kind of model a checkpoint holds.

    Raises
    ------
    InputError
        Where the folder holds no checkpoint of this version.
    """
    return str(_read_index(Path(folder))["kind"])


def load_checkpoint(folder: Path, kind: str) -> Checkpoint:
    """Read a checkpoint.

    Parameters
    ----------
    folder : Path
    kind : str
        The kind of model that is expected.

    Returns
    -------
    Checkpoint

    Raises
    ------
    InputError
        Where the folder is missing, damaged, of another kind or of another version.
    """
    folder = Path(folder)
    index = _read_index(folder)
    if index["kind"] != kind:
        raise InputError(
            f"{folder} holds a model of kind '{index['kind']}', but '{kind}' is expected."
        )
    contents = {name: _read(folder, name, digest) for name, digest in index["files"].items()}
    try:
        arrays = load(contents.pop(_ARRAYS))
        texts = {name: data.decode() for name, data in contents.items()}
    except (SafetensorError, UnicodeDecodeError, KeyError) as error:
        raise _damaged(folder, str(error)) from error
    return Checkpoint(kind, index["metadata"], arrays, texts)


def _read_index(folder: Path) -> dict[str, Any]:
    path = folder / _INDEX
    try:
        index = json.loads(path.read_bytes())
    except OSError as error:
        raise InputError(
            f"{folder} holds no model: '{_INDEX}' cannot be read ({error.strerror})."
        ) from error
    except ValueError as error:
        raise _damaged(folder, f"'{_INDEX}' is not JSON") from error
    if not isinstance(index, dict) or index.get("format") != FORMAT:
        raise InputError(f"{path} does not describe a model of bycatch.")
    if index.get("version") != VERSION:
        raise InputError(
            f"{folder} holds a model of format version {index.get('version')}, but this bycatch "
            f"reads version {VERSION}; train it again or use the bycatch that wrote it."
        )
    fields = {"kind": str, "metadata": dict, "files": dict}
    for name, expected in fields.items():
        if not isinstance(index.get(name), expected):
            raise _damaged(folder, f"'{_INDEX}' has no valid '{name}'")
    return index


def _read(folder: Path, name: str, digest: str) -> bytes:
    if Path(name).name != name:
        raise _damaged(folder, f"it names the file '{name}' outside of it")
    try:
        data = (folder / name).read_bytes()
    except OSError as error:
        raise _damaged(folder, f"'{name}' cannot be read ({error.strerror})") from error
    if hashlib.sha256(data).hexdigest() != digest:
        raise _damaged(folder, f"'{name}' is not what was written")
    return data


def _damaged(folder: Path, reason: str) -> InputError:
    return InputError(f"The model in {folder} is damaged: {reason}; train it again.")


@contextmanager
def damaged_metadata(folder: Path) -> Iterator[None]:
    """Turn what goes wrong while metadata is interpreted into a clear error.

    Raises
    ------
    InputError
    """
    try:
        yield
    except (AttributeError, ConfigError, IndexError, KeyError, TypeError, ValueError) as error:
        raise _damaged(Path(folder), f"its metadata does not fit ({error})") from error


def histories_to_json(histories: Sequence[History]) -> list[dict[str, Any]]:
    """Return learning curves as JSON can hold them."""
    return [
        {
            "train_loss": list(history.train_loss),
            "validation_loss": list(history.validation_loss),
            "best": history.best,
        }
        for history in histories
    ]


def histories_from_json(values: Sequence[Mapping[str, Any]]) -> list[History]:
    """Return the learning curves of `histories_to_json`."""
    return [
        History(tuple(v["train_loss"]), tuple(v["validation_loss"]), int(v["best"])) for v in values
    ]
