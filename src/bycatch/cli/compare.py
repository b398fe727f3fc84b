"""`bycatch compare`: anomaly scores over many signals."""

from __future__ import annotations

from pathlib import Path

import click

from bycatch.cli._common import output_option, quiet_option, run_verb


@click.command()
@click.argument("inputs", nargs=-1, required=True)
@output_option("Run folder; by default runs/compare, or that of the YAML file.")
@quiet_option
def compare(inputs: tuple[str, ...], output: Path | None, *, quiet: bool) -> None:
    """Compare anomaly scores over many signals, in the Dark Machines way.

    INPUTS are folders of `bycatch score`, CSV tables (Model, MinSigI, MaxSigI, MedianSigI; or
    Signal, Model, 1e-2, 1e-3, 1e-4), or one YAML file that names such inputs. For each score and
    signal the significance improvement is read at fixed background efficiencies; its maximum over
    them is summarised over the signals.

    \b
    Example:
      bycatch compare runs/score published.csv --output runs/compare
    writes result.json, scores.csv (Model, MinSigI, MaxSigI, MedianSigI) and report.html.
    """
    from bycatch.config.compare import load_comparison  # noqa: PLC0415 - heavy rooms load late
    from bycatch.evaluate.comparison_plan import run_comparison  # noqa: PLC0415
    from bycatch.report.score_comparison import answer, write_comparison  # noqa: PLC0415

    loaded = load_comparison(inputs, output)
    run_verb(
        loaded,
        lambda run: run_comparison(loaded.plan, loaded.resolved, run),
        write_comparison,
        answer,
        quiet=quiet,
    )
