"""Files that are either whole or absent, whatever happens while they are written."""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

from bycatch.errors import StorageError

TEMPORARY_PREFIX = ".tmp-"
"""Start of the name of a file that is being written."""

_SIGNATURE_BYTES = 65_536


def _storage_error(path: Path, reason: object) -> StorageError:
    message = (
        f"{path} could not be written ({reason}); earlier results are untouched: "
        "make room or choose another folder, and run the same command again."
    )
    return StorageError(message)


def _is_writer_failure(error: BaseException) -> bool:
    """Tell whether `error` is how a library reports a write that failed.

    Arrow raises its own classes, which are no OSError in every version.
    """
    return isinstance(error, OSError) or type(error).__module__.partition(".")[0] == "pyarrow"


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def atomic_file(path: Path) -> Iterator[Path]:
    """Write a file under a temporary name and rename it when it is whole and on disk.

    Parameters
    ----------
    path : Path
        Final name; its folder is created.

    Yields
    ------
    Path
        Name to write to, in the same folder and with the same suffix as `path`.

    Raises
    ------
    StorageError
        Where writing fails; a file that `path` named before is untouched.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with atomic_file(Path(folder) / "figure.txt") as name:
    ...         _ = name.write_text("whole")
    ...     (Path(folder) / "figure.txt").read_text()
    'whole'
    """
    path = Path(path)
    temporary = path.with_name(f"{TEMPORARY_PREFIX}{os.getpid()}-{path.name}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield temporary
        _sync(temporary)
        temporary.replace(path)
        _sync(path.parent)  # the rename itself must survive a power cut
    except BaseException as error:
        with contextlib.suppress(OSError):
            temporary.unlink()
        if isinstance(error, StorageError) or not _is_writer_failure(error):
            raise
        reason = getattr(error, "strerror", None) or f"the disk took only a part: {error}"
        raise _storage_error(path, reason) from error


def atomic_write(path: Path, content: bytes) -> None:
    """Write `content` to `path`, whole or not at all.

    Raises
    ------
    StorageError
        Where writing fails; a file that `path` named before is untouched.
    """
    with atomic_file(path) as temporary:
        temporary.write_bytes(content)


def file_signature(path: Path) -> str:
    """Return a fast fingerprint of a file: its size and the hash of its two ends.

    The ends hold the headers, footers and statistics of Parquet, HDF5 and ROOT files, so that a
    replaced input is noticed without reading gigabytes.
    """
    size = path.stat().st_size
    digest = hashlib.sha256(str(size).encode())
    with path.open("rb") as stream:
        digest.update(stream.read(_SIGNATURE_BYTES))
        if size > _SIGNATURE_BYTES:
            stream.seek(max(_SIGNATURE_BYTES, size - _SIGNATURE_BYTES))
            digest.update(stream.read(_SIGNATURE_BYTES))
    return digest.hexdigest()
