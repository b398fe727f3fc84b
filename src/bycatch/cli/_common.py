"""What the verbs share: options, and the way a search is run and told about."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from bycatch.config import LoadedSearch

__all__ = ["output_option", "quiet_option", "run_and_report", "workers_option"]

Command = TypeVar("Command", bound=Callable[..., Any])


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


def cores() -> int:
    """Return the number of cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def run_and_report(loaded: LoadedSearch, *, workers: int | None, quiet: bool) -> None:
    """Run a search in its folder, or continue it; print the answer and where its report lies."""
    from bycatch.report import write_report  # noqa: PLC0415 - heavy rooms load late
    from bycatch.report.words import answer  # noqa: PLC0415
    from bycatch.search.run import run_search  # noqa: PLC0415
    from bycatch.tasks import RunFolder, fingerprint, open_progress  # noqa: PLC0415

    name = fingerprint(loaded.resolved, loaded.inputs)
    with (
        RunFolder.open(loaded.output, name, loaded.text) as folder,
        open_progress(quiet=quiet) as progress,
    ):
        folder.log("start", workers=workers or cores())
        result = run_search(loaded.plan, loaded.resolved, folder, workers or cores(), progress)
        progress.stage("Writing the report", 1)
        report = write_report(result, folder.path)
        progress.advance()
        folder.log("end", global_p=result.global_p)
    if not quiet:
        click.echo(answer(result).sentence)
    click.echo(f"Report: {report}" if not quiet else str(report))
