"""The verb ``bycatch count``: how many events lie in each window of a column."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import click
import numpy as np

from bycatch import read
from bycatch.cli._common import output_option, quiet_option, run_verb
from bycatch.config.plan import Configuration
from bycatch.events.expressions import parse
from bycatch.fields import Block, Expression, Interval, Paths
from bycatch.report.write import write_page
from bycatch.tasks.result import Plain, Result


class CountPlan(Block):
    """The keys of the YAML file, checked as they stand here."""

    data: Paths
    column: Expression
    windows: tuple[Interval, ...]
    output: str | None = None


@dataclass(frozen=True)
class Window(Plain):
    """Events of one window: their sum of weights, and its error."""

    low: float
    high: float
    events: float
    error: float


@dataclass(frozen=True, repr=False)
class CountResult(Result):
    """What becomes ``result.json``."""

    config: dict
    windows: tuple[Window, ...]
    citations: tuple[str, ...] = ("bycatch",)


def run_count(plan, resolved, run):
    """Count, and write the result."""
    events = read(plan.data)
    value = parse(plan.column).vector(events.columns, len(events))
    windows = []
    for low, high in plan.windows:
        weight = events.weight[(value >= low) & (value < high)]
        error = float(np.sqrt((weight**2).sum()))
        windows.append(Window(low, high, float(weight.sum()), error))
    return run.write_result(CountResult(dict(resolved), tuple(windows)))


def told(window):
    """Return a window as a sentence."""
    bounds = f"{window.low:g}-{window.high:g}"
    return f"{bounds}: {window.events:g} +- {window.error:.3g} events"


def write_count(result, folder, command="bycatch count config.yaml"):
    """Write the page; its template stands beside this file."""
    return write_page(
        "count.html.j2", result, folder, command, templates=Path(__file__).parent, told=told
    )


@click.command()
@click.argument("config", type=click.Path(path_type=Path))
@output_option("Run folder instead of the one that CONFIG names.")
@quiet_option
def count(config, output, *, quiet):
    """Count the events in windows of a column.

    \b
    Example:
      bycatch count count.yaml
    """
    loaded = Configuration(CountPlan, "count").load(config, output)
    run_verb(
        loaded,
        lambda run: run_count(loaded.plan, loaded.resolved, run),
        write_count,
        lambda result: "\n".join(map(told, result.windows)),
        quiet=quiet,
    )
