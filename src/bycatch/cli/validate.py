"""`bycatch validate`: how well a search is calibrated."""

from __future__ import annotations

from pathlib import Path

import click

from bycatch.cli._common import output_option, quiet_option, run_verb, workers_option


@click.command()
@click.argument("config", type=click.Path(path_type=Path))
@click.option(
    "--pseudo-experiments",
    "-n",
    type=click.IntRange(min=1),
    default=200,
    show_default=True,
    help="Signal-free data sets on which the whole search is repeated.",
)
@output_option("Run folder; the search's own with -validation appended by default.")
@workers_option
@quiet_option
def validate(
    config: Path,
    pseudo_experiments: int,
    output: Path | None,
    workers: int | None,
    *,
    quiet: bool,
) -> None:
    """Repeat the search of CONFIG on signal-free pseudo-data, and measure its p-values.

    The run folder can be named in a configuration (`validation: path/to/run`); the search then
    applies the measured correction and says down to which p it was shown.

    \b
    Example:
      bycatch validate search.yaml --pseudo-experiments 500 --workers 4
    """
    from bycatch.config import load_search  # noqa: PLC0415 - heavy rooms load late
    from bycatch.report.validation import write_validation  # noqa: PLC0415
    from bycatch.search.validation.run import run_validation  # noqa: PLC0415
    from bycatch.tasks import Job  # noqa: PLC0415

    n, loaded = pseudo_experiments, load_search(config)
    path = output or loaded.output.with_name(f"{loaded.output.name}-validation")
    text = f"{loaded.text}# {n} pseudo-experiments\n"
    run_verb(
        Job({**loaded.resolved, "pseudo_experiments": n}, loaded.inputs, text, path),
        lambda run: run_validation(loaded.plan, loaded.resolved, n, run),
        write_validation,
        str,
        workers=workers,
        quiet=quiet,
        at="",
        pseudo_experiments=n,
    )
