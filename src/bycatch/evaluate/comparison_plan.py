"""What `bycatch compare` is asked for, and how it reads that: the keys of its YAML file."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, Strict

from bycatch.evaluate.improvement import EPS_B, Improvement
from bycatch.evaluate.score_comparison import Comparison, Summary, compare_scores
from bycatch.evaluate.score_tables import read_run, read_table
from bycatch.fields import Block, Share, Text, Whole
from bycatch.tasks.run import Run

_String = Annotated[str, Strict()]


class InputPlan(Block):
    """One run or one table."""

    path: Text = Field(description="Folder of `bycatch score`, or CSV table.")
    name: _String = Field(
        "",
        description="Put before the names of its scores; needed where two inputs name theirs "
        "alike.",
    )
    channel: _String = Field("", description="Of a run: the best channel counts for each signal.")
    scores: tuple[_String, ...] | None = Field(
        None,
        description="Columns of a run; all of its scores where absent. What learned from labels "
        "stands beside them.",
    )


class ComparePlan(Block):
    """A comparison of scores."""

    inputs: tuple[InputPlan, ...] = Field(min_length=1, description="What to compare.")
    eps_b: tuple[Share, ...] = Field(
        tuple(EPS_B),
        min_length=1,
        description="Background efficiencies at which runs are read; tables have their own.",
    )
    split: _String = Field("test", description="Rows of runs that are used.")
    seed: Annotated[Whole, Field(ge=0)] = Field(
        0, description="Of the draws behind the errors of minimum, median and maximum."
    )
    output: _String | None = Field(None, description="Run folder; `runs/NAME` where absent.")


def compare_inputs(plan: ComparePlan) -> Comparison:
    """Read the inputs of a plan and compare their scores.

    Parameters
    ----------
    plan : ComparePlan

    Returns
    -------
    Comparison

    Raises
    ------
    InputError, ColumnError, DataError
        Where an input cannot serve.
    """
    cells: list[Improvement] = []
    published: list[Summary] = []
    references: list[Improvement] = []
    for item in plan.inputs:
        if Path(item.path).is_dir():
            table = read_run(
                item.path,
                scores=item.scores,
                eps_b=plan.eps_b,
                split=plan.split,
                name=item.name,
                channel=item.channel,
            )
        else:
            table = read_table(item.path, name=item.name)
        cells.extend(table.improvements)
        published.extend(table.summaries)
        references.extend(table.references)
    return compare_scores(cells, published, references=references, seed=plan.seed)


def run_comparison(plan: ComparePlan, _resolved: Mapping[str, Any], run: Run) -> Comparison:
    """Compare in a run, which gets ``result.json``; see `compare_inputs`."""
    return run.write_result(compare_inputs(plan))
