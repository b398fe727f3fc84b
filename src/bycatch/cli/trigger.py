"""`bycatch trigger`: a score, a budget of events per day, and what that threshold can see."""

from __future__ import annotations

from pathlib import Path

import click

from bycatch.cli._common import output_option, quiet_option

__all__ = ["trigger"]


@click.command()
@click.argument("config", type=click.Path(path_type=Path))
@output_option("Run folder instead of the one that CONFIG names.")
@quiet_option
@click.option("--dry-run", is_flag=True, help="Print the resolved configuration and stop.")
def trigger(config: Path, output: Path | None, *, quiet: bool, dry_run: bool) -> None:
    """Turn the score that CONFIG (a YAML file) names into a trigger.

    Thresholds for budgets of background events per day, rates by process, and for each signal the
    absolute efficiency and the cross sections that it makes visible. An interrupted run continues
    when the same command is given again.

    \b
    Example:
      bycatch trigger trigger.yaml
    prints
      30 events/day: threshold 61.6 (46.1 to 102), extrapolated from 0 effective events; ...
    """
    from bycatch.config.trigger import load_trigger  # noqa: PLC0415 - heavy rooms load late
    from bycatch.report.trigger import write_trigger  # noqa: PLC0415
    from bycatch.report.trigger_words import summary  # noqa: PLC0415
    from bycatch.tasks import RunFolder, fingerprint, open_progress  # noqa: PLC0415
    from bycatch.trigger.run import run_trigger  # noqa: PLC0415

    loaded = load_trigger(config, output)
    if dry_run:
        click.echo(f"{loaded.text}# Run folder: {loaded.output}")
        return
    name = fingerprint(loaded.resolved, loaded.inputs)
    with (
        RunFolder.open(loaded.output, name, loaded.text) as folder,
        open_progress(quiet=quiet) as progress,
    ):
        folder.log("start")
        result = run_trigger(loaded.plan, loaded.resolved, folder, progress)
        progress.stage("Writing the report", 1)
        report = write_trigger(result, folder.path)
        progress.advance()
        folder.log("end")
    click.echo(str(report) if quiet else f"{summary(result)}\nReport: {report}")
