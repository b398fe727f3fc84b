"""Scores of the events of a process: read from a column, or computed by a saved score.

Files are streamed, so that memory holds scores and not events. The events must not be those that
the score was trained on: their tail is thinner than that of new events.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from bycatch.errors import DataError
from bycatch.events import derive, scan
from bycatch.events.expressions import parse
from bycatch.events.table import Events
from bycatch.trigger.mixture import ScoredSample
from bycatch.trigger.plan import ModelPlan
from bycatch.trigger.processes import Process

if TYPE_CHECKING:
    from bycatch.score.base import Score

CHUNK = 20_000
"""Events that are represented and scored at a time."""


def score_process(process: Process, score: ModelPlan, menu: str | None) -> ScoredSample:
    """Return the scored events of a process.

    Parameters
    ----------
    process : Process
    score : ModelPlan
        Expression of a column, or a saved score.
    menu : str or None
        Expression: whether the existing menu accepts an event.

    Returns
    -------
    ScoredSample

    Raises
    ------
    DataError
        Where no event is left, or a score or weight is not finite.
    InputError, ColumnError, ExpressionError, ConfigError
        As the readers, the representation and the score say.
    """
    if score.column is None:
        sample = _computed(process, score, menu)
    else:
        sample = _read(process, score.column, menu)
    if not len(sample.score):
        raise DataError(
            f"No event of {process.name!r} passes {process.where!r} in {process.path[0]}."
        )
    bad = int(np.count_nonzero(~(np.isfinite(sample.score) & np.isfinite(sample.weight))))
    if bad:
        raise DataError(
            f"{bad} of {len(sample.score)} scores or weights of {process.name!r} are not finite; "
            "remove these events with 'where' or mend the score."
        )
    return sample


def _read(process: Process, score: str, menu: str | None) -> ScoredSample:
    wanted = {"score": score, "weight": process.weight or "1"}
    if menu is not None:
        wanted["menu"] = menu
    columns = derive(process.path, wanted, where=process.where)
    accepted = None if menu is None else _as_mask(columns["menu"], menu, process)
    return ScoredSample(process.name, columns["score"], columns["weight"], accepted)


def _as_mask(values: NDArray[np.float64], expression: str, process: Process) -> NDArray[np.bool_]:
    odd = values[~np.isin(values, (0.0, 1.0))]
    if odd.size:
        raise DataError(
            f"'menu' is {expression!r}, which is {odd[0]:g} for an event of {process.name!r}, but "
            "must be true or false."
        )
    return np.asarray(values == 1.0)


def _computed(process: Process, plan: ModelPlan, menu: str | None) -> ScoredSample:
    from pathlib import Path  # noqa: PLC0415

    from bycatch.score import load_score  # noqa: PLC0415 - loads torch

    model = load_score(Path(str(plan.folder)))
    scores, weights, menus = [], [], []
    for events in scan(process.path, None, where=process.where, weight=process.weight, chunk=CHUNK):
        if not len(events):
            continue
        scores.append(_scored(events, model, plan))
        weights.append(events.weight)
        if menu is not None:
            values = parse(menu).vector(events.columns, len(events))
            menus.append(_as_mask(values, menu, process))
    return ScoredSample(
        process.name,
        np.concatenate(scores) if scores else np.empty(0),
        np.concatenate(weights) if weights else np.empty(0),
        None if menu is None else np.concatenate(menus) if menus else np.empty(0, bool),
    )


def _scored(events: Events, model: Score, plan: ModelPlan) -> NDArray[np.float64]:
    from bycatch.represent import represent  # noqa: PLC0415

    assert plan.representation is not None  # noqa: S101 - the plan has it where it has a folder
    found = represent(plan.representation.name, events, **plan.representation.given)
    mask = found.mask if model.masked else None
    return model.score(found.values, mask, name=plan.name)
