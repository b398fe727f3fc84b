"""Silent where nobody watches."""

from __future__ import annotations

import io
import sys

import pytest

from bycatch.tasks import SilentProgress, TerminalProgress, open_progress


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_silent_without_a_terminal_or_when_asked(monkeypatch):
    assert isinstance(open_progress(), SilentProgress)
    monkeypatch.setattr(sys, "stderr", Terminal())
    assert isinstance(open_progress(), TerminalProgress)
    assert isinstance(open_progress(quiet=True), SilentProgress)


def test_silent_prints_nothing(capsys):
    with SilentProgress() as progress:
        progress.stage("Training", 3)
        progress.advance()
        progress.message("hello")
    assert capsys.readouterr() == ("", "")


def test_a_terminal_shows_stage_rate_and_message(monkeypatch):
    stream = Terminal()
    monkeypatch.setattr(sys, "stderr", stream)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "120")
    with TerminalProgress() as progress:
        progress.stage("Training classifiers", 2)
        progress.advance()
        progress.message("[3300, 3700] is empty")
        progress.advance()
        progress.stage("Drawing toys", 1)
    text = stream.getvalue()
    assert "Training classifiers" in text
    assert "[3300, 3700] is empty" in text
    assert "2/2" in text
    assert "1/1" in text  # the last stage is completed when the run ends well


def test_an_interrupted_stage_is_not_shown_as_complete(monkeypatch):
    stream = Terminal()
    monkeypatch.setattr(sys, "stderr", stream)
    monkeypatch.setenv("COLUMNS", "120")
    with pytest.raises(KeyboardInterrupt), TerminalProgress() as progress:
        progress.stage("Training", 7)
        raise KeyboardInterrupt
    assert "7/7" not in stream.getvalue()
