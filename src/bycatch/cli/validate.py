"""`bycatch validate`: how well a search is calibrated."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from bycatch.cli._common import cores, output_option, quiet_option, workers_option

if TYPE_CHECKING:
    from bycatch.search.validation.run import ValidationResult
    from bycatch.tasks import RunFolder

__all__ = ["validate"]


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
    from bycatch.search.validation.run import run_validation  # noqa: PLC0415
    from bycatch.tasks import RunFolder, fingerprint, open_progress  # noqa: PLC0415

    loaded = load_search(config)
    path = output or loaded.output.with_name(f"{loaded.output.name}-validation")
    name = fingerprint({**loaded.resolved, "pseudo_experiments": pseudo_experiments}, loaded.inputs)
    text = f"{loaded.text}# {pseudo_experiments} pseudo-experiments\n"
    with RunFolder.open(path, name, text) as folder, open_progress(quiet=quiet) as progress:
        folder.log("start", pseudo_experiments=pseudo_experiments)
        summary = run_validation(
            loaded.plan, loaded.resolved, pseudo_experiments, folder, workers or cores(), progress
        )
        _draw(folder, summary)
        folder.log("end")
    if not quiet:
        click.echo(str(summary))
    click.echo(str(path))


def _draw(folder: RunFolder, result: ValidationResult) -> None:
    """Write the plot of r under the null, before any correction."""
    from bycatch.report.plots.calibration import plot_calibration  # noqa: PLC0415
    from bycatch.report.style import figure_bytes  # noqa: PLC0415

    r = folder.step("table").load_arrays()["r"]
    z = {
        f"{look.method}, {look.window[0]:g}-{look.window[1]:g}, {look.working_point:g}": values
        for look, values in zip(result.looks, r.reshape(r.shape[0], -1).T, strict=True)
    }
    figure = plot_calibration(z)
    folder.write_bytes("calibration.png", figure_bytes(figure, "png"))
    folder.write_bytes("calibration.pdf", figure_bytes(figure, "pdf"))
