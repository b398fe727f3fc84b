"""A run: its folder, its workers and its display in one object, and the frame around every verb.

What to use when: a verb's work takes a `Run` and asks it for stages (`Run.stage`: many stored
tasks) and for its one `Run.write_result`; `run_verb` opens the folder, works, draws the page and
keeps the log, for the command line and for Python alike.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeVar

from bycatch.tasks.executor import run_tasks
from bycatch.tasks.progress import Progress, SilentProgress, open_progress
from bycatch.tasks.result import plain
from bycatch.tasks.store import RunFolder, Step, fingerprint

Found = TypeVar("Found")
Kept = TypeVar("Kept")
Task = tuple[str, Mapping[str, Any]]
"""Name of a step and the keyword arguments of the function that makes it."""


class Runnable(Protocol):
    """What can be run in a folder: a configuration that was read and checked."""

    @property
    def resolved(self) -> Mapping[str, Any]:
        """All settings that determine the result, JSON-compatible."""

    @property
    def inputs(self) -> Sequence[Path]:
        """Files whose replacement makes it another run."""

    @property
    def text(self) -> str:
        """The settings as they are kept in ``config.yaml``."""

    @property
    def output(self) -> Path:
        """Run folder."""


@dataclass(frozen=True)
class Job:
    """The simplest `Runnable`: its four parts as they are.

    Attributes
    ----------
    resolved : mapping
    inputs : sequence of Path
    text : str
    output : Path
    """

    resolved: Mapping[str, Any]
    inputs: Sequence[Path]
    text: str
    output: Path


class Run:
    """Where a verb works, on how many processes, and what it shows meanwhile.

    Parameters
    ----------
    folder : RunFolder
    workers : int
        Processes; no result depends on it.
    progress : Progress, optional
    """

    def __init__(
        self, folder: RunFolder, workers: int = 1, progress: Progress | None = None
    ) -> None:
        self.folder = folder
        self.workers = workers
        self.progress = progress or SilentProgress()

    @classmethod
    @contextlib.contextmanager
    def open(cls, loaded: Runnable, workers: int = 1, *, quiet: bool = True) -> Iterator[Run]:
        """Create the run folder of a configuration, or continue the same run in it.

        Raises
        ------
        RunFolderError, StorageError
            As `RunFolder.open`.
        """
        name = fingerprint(loaded.resolved, loaded.inputs)
        with (
            RunFolder.open(loaded.output, name, loaded.text) as folder,
            open_progress(quiet=quiet) as progress,
        ):
            yield cls(folder, workers, progress)

    @property
    def path(self) -> Path:
        """Where the run folder lies."""
        return self.folder.path

    def log(self, event: str, **fields: Any) -> None:
        """Append a line to ``log.jsonl``."""
        self.folder.log(event, **fields)

    @contextlib.contextmanager
    def doing(self, words: str) -> Iterator[None]:
        """Show a stage of one task, done when the block ends."""
        self.progress.stage(words, 1)
        yield
        self.progress.advance()

    def stage(
        self,
        words: str,
        function: Callable[..., Found],
        tasks: Sequence[Task],
        save: Callable[[Step, Found], Mapping[str, Any] | None],
        load: Callable[[Step], Kept],
        *,
        common: Callable[[], Mapping[str, Any]] | None = None,
        event: str = "",
    ) -> list[Kept]:
        """Run every task whose step is not stored yet, and return what is stored of all, in order.

        What comes back was always read from disk, so that an interrupted run cannot differ from
        one that was not.

        Parameters
        ----------
        words : str
            Title of the stage.
        function : callable
            Importable by name, see `bycatch.tasks.run_tasks`.
        tasks : sequence of (str, mapping)
            Name of each step and the arguments of `function`.
        save : callable
            Stores what `function` returned; may return further fields of the log's line.
        load : callable
            Reads it from its step.
        common : callable, optional
            Returns further arguments of every task; called only where a task waits, for what is
            slow to make.
        event : str
            Kind of the log's line for each stored step; none is written where it is empty.

        Returns
        -------
        list

        Raises
        ------
        Exception
            Whatever a task raised; what was stored before stays.
        """
        steps = {name: self.folder.step(name) for name, _ in tasks}
        self.progress.stage(words, len(tasks))
        self.progress.advance(sum(step.done for step in steps.values()))
        waiting = [task for task in tasks if not steps[task[0]].done]
        if waiting and common is not None:
            shared = common()
            waiting = [(name, {**arguments, **shared}) for name, arguments in waiting]

        def store(name: str, found: Found) -> None:
            fields = save(steps[name], found)
            if event:
                self.log(event, step=name, **(fields or {}))

        run_tasks(function, waiting, self.workers, self.progress, store)
        return [load(steps[name]) for name, _ in tasks]

    def write_result(self, result: Found, *, sort_keys: bool = False) -> Found:
        """Write ``result.json`` (strict JSON, equal bytes for equal results); return `result`.

        Parameters
        ----------
        result : Result or mapping
        sort_keys : bool
            Whether keys are sorted, as `bycatch validate` always did.
        """
        text = json.dumps(plain(result), indent=1, sort_keys=sort_keys, allow_nan=False)
        self.folder.write_text("result.json", text + "\n")
        return result


def run_verb(
    loaded: Runnable,
    work: Callable[[Run], Found],
    page: Callable[[Found, Path], Path],
    *,
    workers: int = 1,
    quiet: bool = True,
    **logged: Any,
) -> tuple[Found, Path]:
    """Run a verb in its folder, or continue it, and draw its page.

    Parameters
    ----------
    loaded : Runnable
    work : callable
        Takes the `Run`, writes ``result.json`` through it and returns the result.
    page : callable
        Takes the result and the folder's path, writes the page and returns its path.
    workers : int
    quiet : bool
        Show no progress.
    **logged
        Further fields of the log's first line.

    Returns
    -------
    result : object
        What `work` returned.
    path : Path
        Of the page.

    Raises
    ------
    BycatchError
        For anything that the user can mend; the message says how.
    """
    with Run.open(loaded, workers, quiet=quiet) as run:
        run.log("start", workers=workers, **logged)
        result = work(run)
        with run.doing("Writing the report"):
            path = page(result, run.path)
        run.log("end")
    return result, path
