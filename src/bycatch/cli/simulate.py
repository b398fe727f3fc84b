"""`bycatch simulate`: events of our own."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bycatch.cli._common import cores, output_option, quiet_option, workers_option

if TYPE_CHECKING:
    from bycatch.events.simulate.process import Process


@click.command()
@click.argument("process", required=False)
@click.option(
    "--events",
    "-n",
    type=click.IntRange(min=1),
    default=1000,
    show_default=True,
    help="Rows of the file: events, or jets where a process writes single jets.",
)
@click.option("--seed", type=click.IntRange(min=0), default=1, show_default=True)
@output_option("Parquet file; PROCESS.parquet by default.")
@click.option("--list", "list_", is_flag=True, help="Show all processes and stop.")
@click.option("--table", is_flag=True, help="Print the process's table of acceptances.")
@workers_option
@quiet_option
def simulate(
    process: str | None,
    events: int,
    seed: int,
    output: Path | None,
    workers: int | None,
    *,
    list_: bool,
    table: bool,
    quiet: bool,
) -> None:
    """Simulate PROCESS with Pythia 8 and a parametrised detector.

    A simulation that was stopped continues with the same command; the file does not depend on the
    number of workers.

    \b
    Example:
      bycatch simulate --list
      bycatch simulate top_jets --events 20000 --workers 2 -o tops.parquet
    """
    from bycatch.events.simulate import all_processes, find_process  # noqa: PLC0415 - loads late
    from bycatch.events.simulate import simulate as run  # noqa: PLC0415
    from bycatch.tasks import open_progress  # noqa: PLC0415

    if list_:
        for found in all_processes().values():
            click.echo(f"{found.name:<26}{found.title}")
        return
    if process is None:
        raise click.UsageError("Which process? bycatch simulate --list shows all.")
    chosen = find_process(process)
    if table and chosen.table is None:
        _refuse_table(chosen, all_processes())
    path = output or Path(f"{process}.parquet")
    with open_progress(quiet=quiet) as progress:
        info = run(process, events, path, seed=seed, workers=workers or cores(), progress=progress)
    if not quiet:
        _tell(info)
    if table and chosen.table is not None:
        click.echo(chosen.table(info))
    click.echo(str(path) if quiet else f"Events: {path}")


def _refuse_table(process: Process, known: Mapping[str, Process]) -> None:
    others = ", ".join(name for name, other in known.items() if other.table) or "no process"
    raise click.UsageError(
        f"{process.name!r} has no table of acceptances; {others} has. Leave out --table."
    )


def _tell(info: Mapping[str, Any]) -> None:
    """Print cross section and acceptance, one line per generated process."""
    for name, part in info["parts"].items():
        click.echo(
            f"{name}: {part['n_rows']:,} rows, "
            f"cross section {part['cross_section_pb']:.4g} +- "
            f"{part['cross_section_error_pb']:.2g} pb, "
            f"acceptance {part['acceptance']:.4g} +- {part['acceptance_error']:.2g} "
            f"({part['n_accepted']:,} of {part['n_judged']:,} generated events)"
        )
