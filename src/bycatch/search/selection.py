"""Keep the most anomalous events of a scored sample at fixed background efficiencies.

The threshold of a working point is set per fold, on the fold's own template events: the fold's
models have neither trained nor stopped early on them. Early-stopped trees give tied scores, so
that a nominal 10 % may select 7 % or 43 %; here events are ordered by (score, u) with one seeded
uniform number u per event, which breaks ties fairly and keeps the working points nested.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bycatch.errors import ConfigError, DataError
from bycatch.evaluate.sizes import kish
from bycatch.search.sample import Sample
from bycatch.search.scored import Scored
from bycatch.statistics.region import Region
from bycatch.tasks.random import stream


@dataclass(frozen=True)
class Selection:
    """Events that pass the working points of one method in one window.

    Attributes
    ----------
    working_points : tuple of float
        Nominal background efficiencies, as asked for.
    mask : ndarray of shape (n_working_points, n_events)
        Nested: what passes a tighter working point passes every looser one.
    efficiency, efficiency_error : ndarray of shape (n_working_points,)
        Achieved weighted efficiency on the template events, and its binomial standard error at
        their Kish effective size.
    thresholds : ndarray of shape (n_working_points, n_folds)
        Score at the threshold; infinite where a fold selects nothing, NaN where it is not scored.
    status : tuple of str
        ``ok``, or a sentence that says why a working point selects nothing.
    """

    working_points: tuple[float, ...]
    mask: NDArray[np.bool_]
    efficiency: NDArray[np.float64]
    efficiency_error: NDArray[np.float64]
    thresholds: NDArray[np.float64]
    status: tuple[str, ...]


def select(
    scored: Scored,
    sample: Sample,
    region: Region,
    template_rows: NDArray[np.int64] | None,
    working_points: Sequence[float],
    seed: int,
) -> Selection:
    """Keep the most anomalous events at fixed background efficiencies.

    Parameters
    ----------
    scored : Scored
    sample : Sample
    region : Region
        For messages.
    template_rows : ndarray of int, optional
        Events of the sample that set the thresholds, by their own weights. None: the template
        of `scored` by its training weights, which stand for the background in the window.
    working_points : sequence of float
        Background efficiencies in (0, 1].
    seed : int
        Seed of the run; the numbers that break ties are the same for all methods and windows.

    Returns
    -------
    Selection

    Raises
    ------
    ConfigError
        For a working point outside of (0, 1].
    DataError
        Where there are no template events to set a threshold on.
    """
    points = np.asarray(working_points, dtype=np.float64)
    if points.size == 0 or not np.all((points > 0.0) & (points <= 1.0)):
        raise ConfigError(
            f"'working_points' is {list(working_points)}, but each must be in (0, 1]."
        )
    template = _template(scored, sample, template_rows, seed)
    if not template.weight.sum() > 0.0:
        window = f"[{region.window[0]:g}, {region.window[1]:g}]"
        raise DataError(
            f"The window {window} has no unseen template events of positive weight to set its "
            "thresholds on: widen 'sidebands'."
        )
    order = np.argsort(points)  # tight to loose: the carried remainders need that order
    passed = _thresholds(template, points[order], scored.n_folds)
    thresholds, tie_breakers = np.empty_like(passed[0]), np.empty_like(passed[1])
    thresholds[order], tie_breakers[order] = passed
    u = stream(seed, "ties").random(len(sample))
    mask = np.stack(
        [
            _above(scored.score, u, scored.fold, t, v)
            for t, v in zip(thresholds, tie_breakers, strict=True)
        ]
    )
    kept = np.stack(
        [
            _above(template.score, template.u, template.fold, t, v)
            for t, v in zip(thresholds, tie_breakers, strict=True)
        ]
    )
    efficiency = kept @ template.weight / template.weight.sum()
    n = kish(template.weight)
    bounded = np.clip(efficiency, 0.0, 1.0)
    return Selection(
        working_points=tuple(float(point) for point in points),
        mask=mask,
        efficiency=efficiency,
        efficiency_error=np.sqrt(bounded * (1.0 - bounded) / n),
        thresholds=thresholds,
        status=tuple(
            _status(point, bool(some.any()), n) for point, some in zip(points, kept, strict=True)
        ),
    )


@dataclass(frozen=True)
class _TemplateScores:
    score: NDArray[np.float32]
    u: NDArray[np.float64]
    fold: NDArray[np.int8]
    weight: NDArray[np.float64]


def _template(
    scored: Scored, sample: Sample, rows: NDArray[np.int64] | None, seed: int
) -> _TemplateScores:
    u = stream(seed, "ties").random(len(sample))
    if rows is not None:
        rows = np.flatnonzero(rows) if rows.dtype == np.bool_ else rows
        all_of_them = _TemplateScores(
            scored.score[rows], u[rows], scored.fold[rows], sample.weight[rows]
        )
    else:
        real = scored.template_row >= 0
        own = stream(seed, "ties", "template").random(scored.template_row.size)
        # an event that is in the template as well keeps its number, or one tie would be broken in
        # two ways
        own[real] = u[scored.template_row[real]]
        all_of_them = _TemplateScores(
            scored.template_score, own, scored.template_fold, scored.template_weight
        )
    seen = ~np.isnan(all_of_them.score)  # events that no model could score unseen set no threshold
    return _TemplateScores(
        all_of_them.score[seen],
        all_of_them.u[seen],
        all_of_them.fold[seen],
        all_of_them.weight[seen],
    )


def _above(
    score: NDArray[np.float32],
    u: NDArray[np.float64],
    fold: NDArray[np.int8],
    threshold: NDArray[np.float64],
    tie_breaker: NDArray[np.float64],
) -> NDArray[np.bool_]:
    """Mark what is at or above its fold's threshold in the order of (score, u)."""
    limit, tie = threshold[fold], tie_breaker[fold]
    with np.errstate(invalid="ignore"):  # scores of unscored events are NaN, which pass no cut
        return np.asarray((score > limit) | ((score == limit) & (u >= tie)))


def _thresholds(
    template: _TemplateScores, points: NDArray[np.float64], n_folds: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return (score, u) at the threshold, each of shape (n_points, n_folds); points ascend.

    The threshold is the score of a template event, and that event passes: of n template events j
    pass, of unseen background j / (n + 1), so the sidebands do not lag behind the window. What
    rounding to whole events leaves over in one fold is carried to the next.
    """
    thresholds = np.full((points.size, n_folds), np.nan)
    ties = np.full((points.size, n_folds), np.nan)
    carry = np.zeros(points.size)
    for k in range(n_folds):
        here = np.flatnonzero(template.fold == k)
        if here.size == 0:
            continue
        order = here[np.lexsort((-template.u[here], -template.score[here].astype(np.float64)))]
        passed = np.concatenate([[0.0], np.cumsum(template.weight[order])])
        # With negative weights the sum may fall again; its running maximum is monotone.
        running = np.maximum.accumulate(passed)
        # each fold keeps its own share, plus what rounding left over before
        target = points * passed[-1] + carry
        # at least one, so that `after - 1` exists
        after = np.clip(np.searchsorted(running, target), 1, running.size - 1)
        nearer = np.where(target - running[after - 1] < running[after] - target, after - 1, after)
        # Carried remainders must not put a tighter working point below a looser one.
        n_passed = np.maximum.accumulate(nearer)
        carry = target - passed[n_passed]
        some = n_passed > 0
        last = order[np.maximum(n_passed, 1) - 1]
        # no event passes: an infinite threshold selects nothing
        thresholds[:, k] = np.where(some, template.score[last], np.inf)
        ties[:, k] = np.where(some, template.u[last], np.inf)
    return thresholds, ties


def _status(point: float, some: bool, n: float) -> str:
    if some:
        return "ok"
    return (
        f"At the working point {point:g} none of the template's {n:.0f} effective events pass, so "
        "nothing is selected: use a looser working point or wider sidebands."
    )
