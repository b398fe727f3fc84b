"""What a run shows while it works: what it is doing, how fast, and how long it will still take."""

from __future__ import annotations

import sys
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from types import TracebackType

    import rich.progress as rich_progress


class Progress(ABC):
    """Stages of a run, one after the other; use as a context manager."""

    @abstractmethod
    def stage(self, title: str, total: int) -> None:
        """Begin a stage of `total` tasks, for example ``Training classifiers``."""

    @abstractmethod
    def advance(self, n: int = 1) -> None:
        """Count `n` tasks of the stage as done."""

    @abstractmethod
    def message(self, text: str) -> None:
        """Show a line that stays."""

    def __enter__(self) -> Self:
        return self

    def __exit__(  # noqa: B027 - most displays have nothing to end
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End the display."""


class SilentProgress(Progress):
    """Shows nothing."""

    def stage(self, title: str, total: int) -> None:
        """Show nothing."""

    def advance(self, n: int = 1) -> None:
        """Show nothing."""

    def message(self, text: str) -> None:
        """Show nothing."""


class TerminalProgress(Progress):
    """Bars on the standard error stream: one line per stage, the finished ones stay."""

    def __init__(self) -> None:
        self._display = _display()
        self._task: rich_progress.TaskID | None = None
        self._total = 0

    def stage(self, title: str, total: int) -> None:
        """Begin a stage; the one before is shown as complete."""
        self._finish()
        self._total = total
        self._task = self._display.add_task(title, total=total)

    def advance(self, n: int = 1) -> None:
        """Move the bar."""
        if self._task is not None:
            self._display.advance(self._task, n)

    def message(self, text: str) -> None:
        """Print a line above the bars."""
        self._display.console.print(text, markup=False, highlight=False)

    def __enter__(self) -> Self:
        self._display.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop the display; a stage that was interrupted stays as it is."""
        if kind is None:
            self._finish()
        self._display.stop()

    def _finish(self) -> None:
        if self._task is not None:
            self._display.update(self._task, completed=self._total)


def open_progress(*, quiet: bool = False) -> Progress:
    """Return bars on a terminal, and silence elsewhere or where `quiet` asks for it."""
    return SilentProgress() if quiet or not sys.stderr.isatty() else TerminalProgress()


def _display() -> rich_progress.Progress:
    """Build the display; rich is imported here so that silent runs need not wait for it."""
    from rich import progress  # noqa: PLC0415
    from rich.console import Console  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    class RateColumn(progress.ProgressColumn):
        def render(self, task: progress.Task) -> Text:
            speed = task.finished_speed or task.speed
            if speed is None:
                return Text("")
            return Text(f"{speed:.1f}/s" if speed >= 1 else f"{1 / speed:.1f} s each")

    return progress.Progress(
        progress.SpinnerColumn(),
        progress.TextColumn("{task.description}"),
        progress.BarColumn(bar_width=30),
        progress.MofNCompleteColumn(),
        RateColumn(),
        progress.TimeRemainingColumn(elapsed_when_finished=True),
        console=Console(stderr=True),
    )
