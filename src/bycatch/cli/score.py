"""`bycatch score`: score events without labels, and say what the score finds."""

from __future__ import annotations

from pathlib import Path

import click

from bycatch.cli._common import (
    dry_run_option,
    output_option,
    quiet_option,
    run_verb,
    tell_plan,
    workers_option,
)


@click.command()
@click.argument("config", type=click.Path(path_type=Path))
@output_option("Run folder instead of the one that CONFIG names.")
@click.option(
    "--inverse",
    is_flag=True,
    help="Train on each signal and test on background, too: the test for complexity bias.",
)
@click.option("--device", help="Where networks are trained: cpu, cuda or cuda:N [as in CONFIG].")
@workers_option
@quiet_option
@dry_run_option
def score(
    config: Path,
    output: Path | None,
    device: str | None,
    workers: int | None,
    *,
    inverse: bool,
    quiet: bool,
    dry_run: bool,
) -> None:
    """Train anomaly scores without labels, as CONFIG (a YAML file) describes, and judge them.

    A run that was interrupted continues when the same command is given again.

    \b
    Example:
      bycatch score score.yaml --dry-run
      bycatch score score.yaml --inverse
    """
    from bycatch.anomaly.run import describe_scores, run_scores  # noqa: PLC0415 - loads late
    from bycatch.config import load_scores  # noqa: PLC0415

    loaded = load_scores(config, output, inverse=inverse, device=device)
    if dry_run:
        tell_plan(loaded, describe_scores(loaded.plan))
        return
    from bycatch.report.score import write_score_report  # noqa: PLC0415
    from bycatch.report.score_words import summary  # noqa: PLC0415

    run_verb(
        loaded,
        lambda run: run_scores(loaded.plan, loaded.resolved, run),
        write_score_report,
        summary,
        workers=workers,
        quiet=quiet,
    )
