"""`bycatch trigger`: a score, a budget of events per day, and what that threshold can see."""

from __future__ import annotations

from pathlib import Path

import click

from bycatch.cli._common import output_option, quiet_option, run_verb, tell_plan


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
    from bycatch.trigger.run import run_trigger  # noqa: PLC0415

    loaded = load_trigger(config, output)
    if dry_run:
        tell_plan(loaded)
        return
    run_verb(
        loaded,
        lambda run: run_trigger(loaded.plan, loaded.resolved, run),
        write_trigger,
        summary,
        quiet=quiet,
    )
