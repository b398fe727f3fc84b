"""What the verbs share: options, and the way a search is run and told about."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from bycatch.config.plan import Loaded
    from bycatch.search.plan import SearchPlan
    from bycatch.tasks import Run, Runnable

Command = TypeVar("Command", bound=Callable[..., Any])
Found = TypeVar("Found")


def output_option(help_text: str) -> Callable[[Command], Command]:
    """Return the option ``--output``."""
    return click.option(
        "--output", "-o", type=click.Path(path_type=Path), default=None, help=help_text
    )


def workers_option(command: Command) -> Command:
    """Add the option ``--workers``."""
    return click.option(
        "--workers",
        type=click.IntRange(min=1),
        default=None,
        help="Processes to use; all cores by default. The result does not depend on it.",
    )(command)


def quiet_option(command: Command) -> Command:
    """Add the option ``--quiet``."""
    return click.option(
        "--quiet", "-q", is_flag=True, help="Show no progress; print the report's path only."
    )(command)


def dry_run_option(command: Command) -> Command:
    """Add the option ``--dry-run``; `tell_plan` answers it."""
    return click.option("--dry-run", is_flag=True, help="Print the resolved plan and stop.")(
        command
    )


def tell_plan(loaded: Runnable, description: str = "") -> None:
    """Print the resolved configuration, what it amounts to, and where the run would lie."""
    told = f"# {description}\n" if description else ""
    click.echo(f"{loaded.text}{told}# Run folder: {loaded.output}")


def cores() -> int:
    """Return the number of cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def run_verb(
    loaded: Runnable,
    work: Callable[[Run], Found],
    page: Callable[[Found, Path], Path],
    words: Callable[[Found], str],
    *,
    workers: int | None = 1,
    quiet: bool = False,
    at: str = "Report: ",
    **logged: Any,
) -> None:
    """Run a verb in its folder, or continue it; print its answer and where its page lies.

    Parameters
    ----------
    loaded : Runnable
        What was read and checked.
    work, page : callable
        See `bycatch.tasks.run_verb`.
    words : callable
        Takes the result, returns the lines to print.
    workers : int or None
        None: all cores.
    quiet : bool
        Show no progress, print the page's path alone.
    at : str
        What stands before the page's path.
    **logged
        Fields of the log's first line.
    """
    from bycatch import tasks  # noqa: PLC0415 - heavy rooms load late

    result, path = tasks.run_verb(
        loaded, work, page, workers=workers or cores(), quiet=quiet, **logged
    )
    click.echo(str(path) if quiet else f"{words(result)}\n{at}{path}")


def run_and_report(loaded: Loaded[SearchPlan], *, workers: int | None, quiet: bool) -> None:
    """Run a search in its folder, or continue it; print the answer and where its report lies."""
    from bycatch.report import write_report  # noqa: PLC0415 - heavy rooms load late
    from bycatch.report.words import answer  # noqa: PLC0415
    from bycatch.search.run import run_search  # noqa: PLC0415

    run_verb(
        loaded,
        lambda run: run_search(loaded.plan, loaded.resolved, run),
        write_report,
        lambda result: answer(result).sentence,
        workers=workers,
        quiet=quiet,
    )
