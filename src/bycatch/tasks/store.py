"""Run folders: every step of a run is stored when it is done, and a killed run continues.

What lies in a run folder:

``run.json``
    The fingerprint of the configuration that owns the folder.
``config.yaml``
    The resolved configuration.
``steps/``
    One file per finished step.
``log.jsonl``
    What happened when; the only place with times in it.
``lock``
    Held by the process that works in the folder.
"""

from __future__ import annotations

import contextlib
import difflib
import fcntl
import hashlib
import json
import os
import re
import time
import zipfile
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bycatch import __version__
from bycatch.errors import RunFolderError, StorageError
from bycatch.tasks.files import TEMPORARY_PREFIX, atomic_file, atomic_write, file_signature

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+=-]*(/[A-Za-z0-9][A-Za-z0-9._+=-]*)*")
_JSON_KEY = "json-document"
_RUN_FILE = "run.json"
_CONFIG_FILE = "config.yaml"
_LOG_FILE = "log.jsonl"
_LOCK_FILE = "lock"


def canonical_json(value: Any) -> str:
    """Return the one JSON text of `value`: sorted keys, no spaces, no NaN."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)


def fingerprint(config: Mapping[str, Any], inputs: Sequence[Path] = ()) -> str:
    """Return the name of a run: a hash of its configuration, its inputs and bycatch's version.

    Parameters
    ----------
    config : mapping
        The resolved configuration, JSON-compatible, without output folder and worker count.
    inputs : sequence of Path
        Files whose replacement makes it another run.
    """
    digest = hashlib.sha256(canonical_json(config).encode())
    digest.update(__version__.encode())
    for path in inputs:
        digest.update(file_signature(path).encode())
    return digest.hexdigest()


class Step:
    """One step of a run: one file, written at once.

    A step is done when its file is there; a step with arrays and a document gives both in one
    call of `save`.
    """

    def __init__(self, base: Path) -> None:
        self._arrays = base.with_name(f"{base.name}.npz")
        self._document = base.with_name(f"{base.name}.json")

    @property
    def done(self) -> bool:
        """Whether the step was stored."""
        return self._arrays.exists() or self._document.exists()

    def save(self, arrays: Mapping[str, ArrayLike], document: Any = None) -> None:
        """Store arrays and, beside them in the same file, a JSON document.

        Raises
        ------
        StorageError
            Where writing fails; nothing is stored then.
        """
        content = {name: np.asarray(array) for name, array in arrays.items()}
        if document is not None:
            text = canonical_json(document).encode()
            content[_JSON_KEY] = np.frombuffer(text, dtype=np.uint8)
        for name, array in content.items():
            if array.dtype.hasobject:
                raise TypeError(f"The array {name!r} holds Python objects, which are never stored.")
        with atomic_file(self._arrays) as path, path.open("wb") as stream:
            np.savez(stream, **content)  # type: ignore[arg-type]  # names are the caller's

    def save_arrays(self, **arrays: ArrayLike) -> None:
        """Store named arrays (no Python objects)."""
        self.save(arrays)

    def save_json(self, document: Any) -> None:
        """Store a JSON document."""
        text = json.dumps(document, indent=1, sort_keys=True, allow_nan=False)
        atomic_write(self._document, text.encode())

    def load_arrays(self) -> dict[str, NDArray[Any]]:
        """Return the stored arrays.

        Raises
        ------
        RunFolderError
            Where the step was not stored or its file is damaged.
        """
        return {name: array for name, array in self._load().items() if name != _JSON_KEY}

    def load_json(self) -> Any:
        """Return the stored document.

        Raises
        ------
        RunFolderError
            Where the step was not stored or its file is damaged.
        """
        try:
            if self._document.exists():
                return json.loads(self._document.read_text(encoding="utf-8"))
            return json.loads(self._load()[_JSON_KEY].tobytes())
        except (OSError, ValueError, KeyError) as error:
            raise self._damaged(self._document, error) from error

    def _load(self) -> dict[str, NDArray[Any]]:
        try:
            with self._arrays.open("rb") as stream:
                content = np.load(stream, allow_pickle=False)
                return {name: content[name] for name in content.files}
        except (OSError, ValueError, EOFError, KeyError, zipfile.BadZipFile) as error:
            raise self._damaged(self._arrays, error) from error

    @staticmethod
    def _damaged(path: Path, error: Exception) -> RunFolderError:
        message = f"The stored step {path} cannot be read ({error}); remove it and run again."
        return RunFolderError(message)


class RunFolder:
    """The folder of one run, held by one process at a time.

    Use `RunFolder.open`, as a context manager or with `close`.

    Attributes
    ----------
    path : Path
    """

    def __init__(self, path: Path, lock: IO[str]) -> None:
        self.path = path
        self._lock = lock
        self._start = time.monotonic()

    @classmethod
    def open(cls, path: Path, fingerprint: str, config_text: str) -> Self:
        """Create a run folder, or continue the same run in it.

        Parameters
        ----------
        path : Path
        fingerprint : str
            Name of the run, see `bycatch.tasks.fingerprint`.
        config_text : str
            The resolved configuration as YAML.

        Raises
        ------
        RunFolderError
            Where the folder belongs to another run, holds something else or is in use.
        StorageError
            Where it cannot be written.
        """
        path = Path(path)
        try:
            path.mkdir(parents=True, exist_ok=True)
        except FileExistsError as error:
            raise RunFolderError(
                f"{path} is a file, not a run folder; choose another --output."
            ) from error
        except OSError as error:
            raise StorageError(
                f"The run folder {path} cannot be made ({error.strerror})."
            ) from error
        lock = _acquire(path / _LOCK_FILE)
        try:
            _claim(path, fingerprint, config_text)
            folder = cls(path, lock)
            _clean(path)
        except BaseException:
            lock.close()
            raise
        return folder

    def step(self, name: str) -> Step:
        """Return the step `name`, for example ``scores/3300-3700/cwola-trees``."""
        return Step(self._inside("steps", name))

    def write_text(self, name: str, text: str) -> Path:
        """Write a text file, whole or not at all, and return its path."""
        return self.write_bytes(name, text.encode())

    def write_bytes(self, name: str, content: bytes) -> Path:
        """Write a file, whole or not at all, and return its path."""
        path = self._inside("", name)
        atomic_write(path, content)
        return path

    def save_npy(self, name: str, array: NDArray[Any]) -> Path:
        """Store one array for workers to map into memory (``np.load(path, mmap_mode="r")``)."""
        path = self._inside("shared", f"{name}.npy")
        with atomic_file(path) as temporary, temporary.open("wb") as stream:
            np.save(stream, array, allow_pickle=False)
        return path

    def log(self, event: str, **fields: Any) -> None:
        """Append a line to ``log.jsonl``, with the time of day and the seconds since the start."""
        line = {
            "time": datetime.now(UTC).isoformat(timespec="milliseconds"),
            "elapsed": round(time.monotonic() - self._start, 3),
            "event": event,
            **fields,
        }
        path = self.path / _LOG_FILE
        try:
            with path.open("a", encoding="utf-8") as stream:
                stream.write(json.dumps(line, default=str) + "\n")
        except OSError as error:
            raise StorageError(
                f"{path} could not be written ({error.strerror or error}); earlier results are "
                "untouched: make room and run the same command again."
            ) from error

    def close(self) -> None:
        """Let another process work in the folder."""
        if not self._lock.closed:
            self._lock.close()  # closing releases the lock; the file stays, which is harmless

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _inside(self, folder: str, name: str) -> Path:
        if not _NAME.fullmatch(name):
            raise ValueError(f"{name!r} is no name for a file of a run folder.")
        return self.path / folder / name


def _acquire(path: Path) -> IO[str]:
    """Take the lock of a run folder; the system releases it when the process dies in any way."""
    try:
        lock = path.open("a+", encoding="utf-8")
    except OSError as error:
        raise StorageError(
            f"The run folder {path.parent} cannot be written ({error.strerror})."
        ) from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        lock.seek(0)
        owner = lock.read().strip() or "unknown"
        lock.close()
        raise RunFolderError(
            f"The run folder {path.parent} is in use by process {owner}; "
            "wait for it or choose another --output."
        ) from error
    except OSError:
        pass  # a file system without locks: go on without
    try:
        lock.seek(0)
        lock.truncate()
        lock.write(f"{os.getpid()}\n")
        lock.flush()
    except OSError as error:
        with contextlib.suppress(OSError):
            lock.close()
        raise StorageError(
            f"The run folder {path.parent} cannot be written ({error.strerror})."
        ) from error
    return lock


def _claim(path: Path, fingerprint: str, config_text: str) -> None:
    """Write the run's fingerprint into a new folder, or compare it with the one that is there."""
    run_file = path / _RUN_FILE
    if not run_file.exists():
        foreign = sorted(
            entry.name
            for entry in path.iterdir()
            if entry.name != _LOCK_FILE and not entry.name.startswith(TEMPORARY_PREFIX)
        )
        if foreign:
            raise RunFolderError(
                f"{path} is no run folder but holds {foreign[0]!r}; "
                "choose another --output, nothing was written."
            )
        # config.yaml first: a folder that is killed between the two is refused by nobody
        _write_claim(path, run_file, fingerprint, config_text)
        return
    try:
        claim = json.loads(run_file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise RunFolderError(
            f"{run_file} cannot be read ({error}); choose another --output."
        ) from error
    if claim.get("fingerprint") != fingerprint:
        raise RunFolderError(
            f"The run folder {path} belongs to another run: {_difference(path, claim, config_text)}"
            "; choose another --output or remove the folder, nothing was changed."
        )


def _write_claim(path: Path, run_file: Path, fingerprint: str, config_text: str) -> None:
    claim = {"fingerprint": fingerprint, "version": __version__}
    content = {"config": config_text, **claim}
    atomic_write(run_file, json.dumps(content, indent=1, sort_keys=True).encode())
    atomic_write(path / _CONFIG_FILE, config_text.encode())


def _difference(path: Path, claim: Mapping[str, Any], config_text: str) -> str:
    """Say in a few words what sets the folder's run apart from the one that is asked for."""
    if claim.get("version") != __version__:
        return f"it was made by bycatch {claim.get('version')} and this is {__version__}"
    there = str(claim.get("config", "")).splitlines()
    removed = ""
    for line in difflib.ndiff(there, config_text.splitlines()):
        if line.startswith("- "):
            removed = removed or line[2:].strip()
        elif line.startswith("+ "):
            return f"it has {removed or '(nothing)'!r} where this one has {line[2:].strip()!r}"
    if removed:
        return f"it has {removed!r} and this one has not"
    return f"the configuration is the same as in {path / _CONFIG_FILE} but the input files changed"


def _clean(path: Path) -> None:
    """Remove what a killed process left half written, complete what it had begun."""
    for leftover in path.rglob(f"{TEMPORARY_PREFIX}*"):
        with contextlib.suppress(OSError):
            leftover.unlink()
    config = path / _CONFIG_FILE
    if not config.exists():
        claim = json.loads((path / _RUN_FILE).read_text(encoding="utf-8"))
        atomic_write(config, claim["config"].encode())
    log = path / _LOG_FILE
    if log.exists() and log.read_bytes()[-1:] not in {b"", b"\n"}:
        with log.open("ab") as stream:
            stream.write(b"\n")
