"""From files to the searched sample: derive, cut, inject, and refuse what is not finite."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from bycatch import events
from bycatch.errors import DataError
from bycatch.search.plan import DataPlan, SearchPlan
from bycatch.search.sample import Sample
from bycatch.tasks.random import stream

_MASS, _WEIGHT, _LABEL = "resonance", "weight", "truth"
Columns = dict[str, NDArray[np.float64]]


def load_sample(plan: SearchPlan) -> tuple[Sample, dict[str, int]]:
    """Read the events of a plan.

    Parameters
    ----------
    plan : SearchPlan

    Returns
    -------
    sample : Sample
        Data first, then the injected events, in the order of the files.
    dropped : dict
        Number of events per column that were dropped for not being finite (empty: none).

    Raises
    ------
    InputError, ColumnError, ExpressionError
        From reading.
    DataError
        For no events, a non-finite value that is not to be dropped, a constant feature, or fewer
        signal events than are to be injected.
    """
    expressions = _expressions(plan)
    data = events.derive(plan.data.path, expressions, where=plan.data.where)
    if plan.data.fraction < 1:
        data = _fraction(data, plan.data, plan.seed)
    inject = plan.data.inject
    if inject is not None and inject.count > 0:
        signal = events.derive(inject.path, expressions, where=inject.where)
        rows = len(signal[_MASS])
        if rows < inject.count:
            raise DataError(
                f"data.inject.count asks for {inject.count} events, but {', '.join(inject.path)} "
                f"has {rows} that pass {inject.where!r}; lower the count."
            )
        chosen = stream(plan.seed, "inject").choice(rows, size=inject.count, replace=False)
        chosen.sort()
        data = {name: np.concatenate([data[name], signal[name][chosen]]) for name in data}
    if not len(data[_MASS]):
        raise DataError(f"No event of {', '.join(plan.data.path)} passes {plan.data.where!r}.")
    data, dropped = _finite(data, expressions, plan.nonfinite)
    sample = _sample(data, plan)
    _refuse_constant(sample, plan)
    return sample, dropped


def _expressions(plan: SearchPlan) -> dict[str, str]:
    """Name every column to derive; user features are prefixed so that no name can collide."""
    expressions = {_MASS: plan.resonance}
    expressions.update({f"feature:{name}": text for name, text in plan.features.items()})
    if plan.data.weight is not None:
        expressions[_WEIGHT] = plan.data.weight
    if plan.truth is not None:
        expressions[_LABEL] = plan.truth
    return expressions


def _fraction(data: Columns, plan: DataPlan, seed: int) -> Columns:
    rows = len(data[_MASS])
    kept = stream(seed, "fraction").choice(rows, size=round(plan.fraction * rows), replace=False)
    kept.sort()
    return {name: column[kept] for name, column in data.items()}


def _finite(
    data: Columns, expressions: Mapping[str, str], policy: str
) -> tuple[Columns, dict[str, int]]:
    with np.errstate(over="ignore"):  # a feature beyond float32's range is infinite to a model
        bad = {name: ~np.isfinite(column.astype(np.float32)) for name, column in data.items()}
    counts = {_plain(name): int(mask.sum()) for name, mask in bad.items() if mask.any()}
    if not counts:
        return data, {}
    total = int(np.logical_or.reduce(list(bad.values())).sum())
    if policy != "drop":
        listed = ", ".join(
            f"{_plain(name)} ({expressions[name]}): {int(mask.sum())}"
            for name, mask in bad.items()
            if mask.any()
        )
        raise DataError(
            f"{total} of {len(data[_MASS])} events have a NaN or infinite value in {listed}; mend "
            "the expression, cut the events with data.where, or set nonfinite: drop."
        )
    good = ~np.logical_or.reduce(list(bad.values()))
    if not good.any():
        raise DataError("Every event has a NaN or infinite value, so nonfinite: drop leaves none.")
    return {name: column[good] for name, column in data.items()}, counts


def _plain(name: str) -> str:
    return name.removeprefix("feature:")


def _sample(data: Columns, plan: SearchPlan) -> Sample:
    names = tuple(plan.features)
    mass = np.asarray(data[_MASS], dtype=np.float64)
    X = np.empty((len(mass), len(names)), dtype=np.float32)
    for column, name in enumerate(names):
        X[:, column] = data.pop(f"feature:{name}")
    weight = data[_WEIGHT] if _WEIGHT in data else np.ones_like(mass)
    label = data[_LABEL].astype(np.int8) if _LABEL in data else None
    return Sample(mass, X, np.asarray(weight, dtype=np.float64), label, names)


def _refuse_constant(sample: Sample, plan: SearchPlan) -> None:
    low, high = plan.regions.fit_range
    inside = (sample.mass >= low) & (sample.mass < high)
    if not inside.any():
        raise DataError(
            f"No event has {plan.resonance} in regions.fit_range [{low:g}, {high:g}]; the events "
            f"span [{sample.mass.min():g}, {sample.mass.max():g}]: set the range in their unit."
        )
    for column, name in enumerate(sample.features):
        values = sample.X[inside, column]
        if values.min() == values.max():
            raise DataError(
                f"The feature {name} has the one value {values[0]:g} for all {values.size} events "
                "in the fit range and cannot tell anything apart; remove it from features."
            )
