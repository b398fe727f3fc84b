"""`bycatch demo`: the main job on the embedded sample."""

from __future__ import annotations

from pathlib import Path

import click

from bycatch.cli._common import output_option, quiet_option, run_and_report, workers_option


@click.command()
@output_option("Run folder; runs/demo by default.")
@click.option("--no-signal", is_flag=True, help="Search a random half of the background alone.")
@click.option("--seed", type=click.IntRange(min=0), default=1, show_default=True)
@workers_option
@quiet_option
def demo(
    output: Path | None, seed: int, workers: int | None, *, no_signal: bool, quiet: bool
) -> None:
    """Search simulated di-jet events for an injected W' -> XY, in a scan with two methods.

    \b
    Example:
      bycatch demo
      bycatch demo --no-signal --seed 3 --output runs/null-3
    """
    from bycatch.config.demo import demo_search  # noqa: PLC0415 - heavy rooms load late

    loaded = demo_search(signal=not no_signal, seed=seed, output=output)
    run_and_report(loaded, workers=workers, quiet=quiet)
