"""Whole or absent."""

from __future__ import annotations

import errno
import os

import pytest

from bycatch.errors import StorageError
from bycatch.tasks import atomic_file, atomic_write, file_signature


def test_writes_a_file_and_leaves_no_temporary_one(tmp_path):
    atomic_write(tmp_path / "deep" / "a.txt", b"new")
    assert (tmp_path / "deep" / "a.txt").read_bytes() == b"new"
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["a.txt"]


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EFBIG])
def test_a_full_disk_is_one_sentence_and_harms_nothing(tmp_path, number):
    path = tmp_path / "a.txt"
    path.write_text("old")
    with (
        pytest.raises(StorageError, match=r"a\.txt could not be written \(.+\); earlier results"),
        atomic_file(path) as temporary,
    ):
        temporary.write_text("half")
        raise OSError(number, os.strerror(number))
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_arrow_errors_are_storage_errors(tmp_path):
    pyarrow = pytest.importorskip("pyarrow")
    path = tmp_path / "a.parquet"
    with pytest.raises(StorageError, match=r"a\.parquet"), atomic_file(path):
        message = "disk"
        raise pyarrow.ArrowInvalid(message)


def test_other_errors_pass_and_leave_nothing(tmp_path):
    with pytest.raises(ValueError, match="mine"), atomic_file(tmp_path / "a.txt") as temporary:
        temporary.write_text("half")
        message = "mine"
        raise ValueError(message)
    assert not list(tmp_path.iterdir())


def test_a_folder_without_permission_or_that_is_a_file(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="could not be written"):
        atomic_write(tmp_path / "file" / "a.txt", b"")


def test_signature_sees_size_head_and_tail(tmp_path):
    path = tmp_path / "a"
    content = bytearray(200_000)
    path.write_bytes(content)
    first = file_signature(path)
    assert file_signature(path) == first
    for position in (0, -1):
        changed = bytearray(content)
        changed[position] = 1
        path.write_bytes(changed)
        assert file_signature(path) != first
    path.write_bytes(content + b"\0")
    assert file_signature(path) != first
