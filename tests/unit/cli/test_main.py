"""The command line starts fast and speaks in sentences."""

from __future__ import annotations

import subprocess
import sys
import time

import pytest
from click.testing import CliRunner

import bycatch
from bycatch.cli import main
from bycatch.cli.main import _VERBS

HEAVY = ("torch", "lightgbm", "sklearn", "scipy", "matplotlib", "uproot", "h5py", "pandas", "rich")


def fastest(*command, tries=4):
    """Return the shortest of some run times, in s: the machine may be busy with other tests."""
    times = []
    for _ in range(tries):
        start = time.perf_counter()
        subprocess.run([sys.executable, *command], check=True, capture_output=True)
        times.append(time.perf_counter() - start)
    return min(times)


def test_starts_fast():
    empty = fastest("-c", "pass")
    assert fastest("-c", "import bycatch") < 0.3 + empty
    assert fastest("-m", "bycatch", "--help") < 0.5 + empty


@pytest.mark.parametrize("code", ["import bycatch", "import bycatch.cli.main, bycatch.cli.search"])
def test_heavy_libraries_are_imported_late(code):
    check = f"{code}, sys; print(*[name for name in {HEAVY} if name in sys.modules])"
    run = subprocess.run([sys.executable, "-c", check], check=True, capture_output=True, text=True)
    assert run.stdout.split() == []


def test_help_lists_the_verbs_without_loading_them():
    for flag in ("-h", "--help"):
        result = CliRunner().invoke(main, [flag])
        assert result.exit_code == 0
        for verb, text in _VERBS.items():
            assert verb in result.stdout
            assert text in result.stdout


@pytest.mark.parametrize("verb", list(_VERBS))
def test_every_verb_has_help_with_an_example(verb):
    result = CliRunner().invoke(main, [verb, "--help"])
    assert result.exit_code == 0, result.output
    assert f"bycatch {verb}" in result.stdout.partition("Example")[2]


def test_version():
    result = CliRunner().invoke(main, ["--version"])
    assert bycatch.__version__ in result.stdout


def test_an_unknown_verb():
    result = CliRunner().invoke(main, ["serch"])
    assert result.exit_code == 2
    assert "'search'" in result.stderr


def test_errors_are_one_sentence_and_exit_code_2(tmp_path):
    result = CliRunner().invoke(main, ["search", str(tmp_path / "no.yaml")])
    assert result.exit_code == 2
    assert result.stderr.startswith("bycatch: The configuration")
    assert result.stderr.count("\n") == 1
    assert result.stdout == ""


@pytest.mark.parametrize(
    ("raised", "code", "sentence"),
    [
        (KeyboardInterrupt(), 130, "bycatch: interrupted; run the same command again"),
        (ZeroDivisionError("defect"), 1, ""),
    ],
)
def test_interrupts_and_defects(monkeypatch, raised, code, sentence):
    def fail(*args, **kwargs):
        raise raised

    monkeypatch.setattr("bycatch.config.load_search", fail)
    result = CliRunner().invoke(main, ["search", "x.yaml"])
    assert result.exit_code == code
    assert result.stderr.startswith(sentence)
    if code == 1:
        assert result.exception is raised  # a defect keeps its traceback
