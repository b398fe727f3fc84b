"""Paths, lists, globs and the object inside a file."""

from __future__ import annotations

from pathlib import Path

import pytest

from bycatch.errors import InputError
from bycatch.events.paths import resolve_paths, split_object


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("b.root", "a.root", "c.parquet", "sub/d.root", "odd[1].root"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    return tmp_path


def names(paths: tuple[str, ...], folder: Path) -> list[str]:
    return [str(Path(path).relative_to(folder)) for path in paths]


def test_one_file(folder: Path) -> None:
    assert resolve_paths(folder / "a.root") == (str(folder / "a.root"),)
    assert resolve_paths("a.root", base=folder) == (str(folder / "a.root"),)
    assert resolve_paths("a.root:Events", base=folder) == (f"{folder}/a.root:Events",)


def test_globs_are_sorted_and_lists_keep_their_order(folder: Path) -> None:
    assert names(resolve_paths("[ab].root", base=folder), folder) == ["a.root", "b.root"]
    found = resolve_paths(["c.parquet", "?.root:T"], base=folder)
    assert names(found, folder) == ["c.parquet", "a.root:T", "b.root:T"]
    assert names(resolve_paths("**/d.root", base=folder), folder) == ["sub/d.root"]


def test_a_name_that_looks_like_a_glob(folder: Path) -> None:
    assert names(resolve_paths("odd[1].root", base=folder), folder) == ["odd[1].root"]


def test_an_absolute_path_ignores_the_base(folder: Path) -> None:
    assert resolve_paths(str(folder / "a.root"), base=Path("/nowhere")) == (str(folder / "a.root"),)


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("a.rot", r"no file .*a\.rot; the nearest names in .* are 'a\.root'"),
        ("a.rot:Events", r"no file .*a\.rot; the nearest"),
        ("*.h5", r"No file matches .*\*\.h5; the nearest names"),
        ("nowhere/x.root", r"folder does not exist either"),
        ("sub", r"is a folder; name its files, for example .*sub/\*\.parquet"),
        ("root://eos/x.root", "is a remote address"),
        ([], "list of input files is empty"),
        (["a.root", "?.root"], r"a\.root is named twice"),
    ],
)
def test_refused(folder: Path, path: str | list[str], message: str) -> None:
    with pytest.raises(InputError, match=message):
        resolve_paths(path, base=folder)


def test_split_object() -> None:
    assert split_object("x.root:dir/Events") == ("x.root", "dir/Events")
    assert split_object("x.root") == ("x.root", None)
    assert split_object("x.root:") == ("x.root", None)
    assert split_object(r"C:\data.root") == (r"C:\data.root", None)


def test_a_colon_in_an_existing_name(tmp_path: Path) -> None:
    path = tmp_path / "run:1.csv"
    path.touch()
    assert resolve_paths(path) == (str(path),)
    assert split_object(str(path)) == (str(path), None)
