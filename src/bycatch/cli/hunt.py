"""`bycatch hunt`: the bump hunt alone."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import click

from bycatch.cli._common import output_option, quiet_option, run_verb

_PAIR: Any = (float, float)


@click.command()
@click.argument("path")
@click.option("--column", help="Column or expression to histogram; PATH then holds events.")
@click.option("--range", "window", type=_PAIR, metavar="LOW HIGH", help="Fit range.")
@click.option("--bins", type=int, help="Bins of equal width for --column [default: 100].")
@click.option("--where", help="Cut on events, for example 'pt > 20'.")
@click.option("--weight", help="Weight of events, an expression.")
@click.option(
    "--luminosity",
    type=float,
    help="For a CSV table of low, high, value, error: counts are value x width x luminosity.",
)
@click.option("--unit-scale", type=float, help="Further factor where those units do not cancel.")
@click.option(
    "--background",
    help="dijet, cms, powerexp, ua2, exppoly, or auto: dijet if it falls steeply, else exppoly "
    "[auto].",
)
@click.option("--order", help="Number of parameters, or auto [auto].")
@click.option("--sqrt-s", type=float, help="Collision energy in units of the axis [13000].")
@click.option("--widths", help="Window widths in bins, like 2-8 or 2,3,5 [to 1/8 of the bins].")
@click.option("--toys", type=int, help="Pseudo-data sets [10000].")
@click.option(
    "--mask",
    "masks",
    type=_PAIR,
    multiple=True,
    metavar="LOW HIGH",
    help="Range to leave out of fit and scan; may be given several times.",
)
@click.option("--deficit", is_flag=True, help="Look for deficits.")
@click.option("--veto", type=float, help="Skip windows of which a sideband has p below this.")
@click.option("--normalise", is_flag=True, help="Scale the background to the data outside.")
@click.option("--seed", type=click.IntRange(min=0), help="Where all random numbers start [1].")
@output_option("Folder for result.json, report.html and figures.")
@quiet_option
def hunt(path: str, output: Path | None, *, quiet: bool, **options: Any) -> None:
    """Hunt for a bump in one spectrum: a column of events, or a histogram.

    PATH is a file of events (with --column), a CSV table of low, high, count, a ROOT histogram
    (file.root:name) or UHI JSON; or a YAML file with PATH as `path` and the options as keys.

    \b
    Example:
      bycatch hunt dimuons.parquet --column m_mumu --range 8 12 --mask 9.2 9.7
    prints
      There is a significant excess in 9.92-10.4 of m_mumu: global p = 1.0e-4 for 825 windows.
      Background: exppoly with 5 parameters, goodness of fit p = 0.17, fitted without
      9.2-9.72, 9.88-10.48.
      Global p: 1.0e-4 (3.7 sigma; 0 of 10,000 toys, 68.3 % interval 0 to 0.00018).
      Best: 9.92-10.4: 3,376 events, 2530 +- 60 expected, local p 6.4e-24 (10.0 sigma), ...
    """
    from bycatch.config.hunt import load_hunt  # noqa: PLC0415 - heavy rooms load late
    from bycatch.errors import ConfigError  # noqa: PLC0415
    from bycatch.hunt.hunt import hunt as run_hunt  # noqa: PLC0415
    from bycatch.hunt.task import read_options  # noqa: PLC0415
    from bycatch.report.hunt_words import summary  # noqa: PLC0415
    from bycatch.tasks import Job, open_progress  # noqa: PLC0415

    job: Job | None
    if path.endswith((".yaml", ".yml")):
        given = sorted(name for name, value in options.items() if value not in (None, (), False))
        if given:
            raise ConfigError(
                f"{path} says what to hunt: name {given[0]!r} there, not as an option."
            )
        task, job = load_hunt(path, output)
    else:
        task = read_options(path, options)
        job = None if output is None else Job(task.settings, task.inputs, task.text, output)
    histogram = task.load()
    if job is None:
        with open_progress(quiet=quiet) as progress:
            result = run_hunt(histogram, task.plan, progress)
        click.echo(summary(result))
        return
    from bycatch.report.hunt import write_hunt  # noqa: PLC0415

    run_verb(
        job,
        lambda run: run.write_result(run_hunt(histogram, task.plan, run.progress)),
        partial(write_hunt, command=task.command),
        summary,
        quiet=quiet,
    )
