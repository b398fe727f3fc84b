"""`bycatch search`: the main job on a user's own file."""

from __future__ import annotations

from pathlib import Path

import click

from bycatch.cli._common import (
    dry_run_option,
    output_option,
    quiet_option,
    run_and_report,
    tell_plan,
    workers_option,
)


@click.command()
@click.argument("config", type=click.Path(path_type=Path))
@output_option("Run folder instead of the one that CONFIG names.")
@workers_option
@quiet_option
@dry_run_option
def search(
    config: Path, output: Path | None, workers: int | None, *, quiet: bool, dry_run: bool
) -> None:
    """Search for a resonance of unknown mass and decay, as CONFIG (a YAML file) describes.

    A run that was interrupted continues when the same command is given again.

    \b
    Example:
      bycatch search search.yaml --dry-run
      bycatch search search.yaml --workers 4
    """
    from bycatch.config import load_search  # noqa: PLC0415 - heavy rooms load late

    loaded = load_search(config, output)
    if dry_run:
        from bycatch.search.run import describe_plan  # noqa: PLC0415

        tell_plan(loaded, describe_plan(loaded.plan))
        return
    run_and_report(loaded, workers=workers, quiet=quiet)
