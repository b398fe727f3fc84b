"""`bycatch export`: a trained score as one ONNX graph."""

from __future__ import annotations

from pathlib import Path

import click


@click.command()
@click.argument("model", type=click.Path(path_type=Path))
@click.option(
    "--output",
    "-o",
    type=click.Path(path_type=Path),
    default=Path("score.onnx"),
    show_default=True,
    help="Graph to write.",
)
@click.option("--name", help="Which score of the model; its first by default.")
@click.option(
    "--member",
    "members",
    type=click.IntRange(min=0),
    multiple=True,
    help="Members to average over; all by default, one is the fastest.",
)
@click.option("--threshold", type=float, help="Adds the output 'accept' to the graph.")
def export(
    model: Path, output: Path, name: str | None, members: tuple[int, ...], threshold: float | None
) -> None:
    """Write a trained score as one ONNX graph, and say what it costs.

    MODEL is a folder that `bycatch score` wrote under models/, or that `Score.save` wrote. The
    graph holds the scaling, the networks, the mean over members and the threshold; it takes any
    number of rows. Needs the extra [export].

    \b
    Example:
      bycatch export runs/lepton/models/vae -o vae.onnx --member 0 --threshold 31.5
    """
    from bycatch.score import load_score  # noqa: PLC0415 - heavy rooms load late
    from bycatch.trigger.cost import size_of  # noqa: PLC0415
    from bycatch.trigger.onnx_export import export_onnx  # noqa: PLC0415

    score = load_score(model)
    path = export_onnx(score, output, name=name, members=members or None, threshold=threshold)
    size = size_of(path)
    click.echo(
        f"{path}: {size.parameters:,} parameters, {size.multiplications:,} multiplications per "
        f"event, {size.bits / 8 / 1024:.0f} KiB."
    )
