"""`bycatch score`: score events without labels, and say what the score finds."""

from __future__ import annotations

from pathlib import Path

import click

from bycatch.cli._common import cores, output_option, quiet_option, workers_option

__all__ = ["score"]


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
@click.option("--dry-run", is_flag=True, help="Print the resolved plan and stop.")
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
    from bycatch.config import load_scores  # noqa: PLC0415 - heavy rooms load late

    loaded = load_scores(config, output, inverse=inverse, device=device)
    if dry_run:
        from bycatch.anomaly.run import describe_scores  # noqa: PLC0415

        click.echo(loaded.text, nl=False)
        click.echo(f"# {describe_scores(loaded.plan)}\n# Run folder: {loaded.output}")
        return
    from bycatch.anomaly.run import run_scores  # noqa: PLC0415
    from bycatch.report.score import write_score_report  # noqa: PLC0415
    from bycatch.report.score_words import summary  # noqa: PLC0415
    from bycatch.tasks import RunFolder, fingerprint, open_progress  # noqa: PLC0415

    name = fingerprint(loaded.resolved, loaded.inputs)
    with (
        RunFolder.open(loaded.output, name, loaded.text) as folder,
        open_progress(quiet=quiet) as progress,
    ):
        folder.log("start", workers=workers or cores())
        result = run_scores(loaded.plan, loaded.resolved, folder, workers or cores(), progress)
        progress.stage("Writing the report", 1)
        report = write_score_report(result, folder.path)
        progress.advance()
        folder.log("end")
    click.echo(str(report) if quiet else f"{summary(result)}\nReport: {report}")
