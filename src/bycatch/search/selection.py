"""Score a sample by models that have not seen it, and keep its most anomalous events.

The threshold of a working point is set per fold, on the fold's own template events: the fold's
models have neither trained nor stopped early on them. Early-stopped trees give tied scores, so
that a nominal 10 % may select 7 % or 43 %; here events are ordered by (score, u) with one seeded
uniform number u per event, which breaks ties fairly and keeps the working points nested.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from bycatch.errors import ConfigError, DataError
from bycatch.evaluate.sizes import kish
from bycatch.learn.base import ClassifierEnsemble, History
from bycatch.learn.random import child_seed, stream
from bycatch.search.densities import template_of
from bycatch.search.folds import FoldAssignment, assign_folds
from bycatch.search.plan import MethodPlan
from bycatch.search.sample import Sample
from bycatch.template import SidebandDensity
from bycatch.template.base import Region, Template, TrainingSet

__all__ = ["Scored", "Selection", "score_by_fold", "score_window", "select"]

CHUNK = 100_000
"""Rows that are scored at once: 50 members of 100,000 float32 scores are 20 MB."""


@dataclass(frozen=True)
class Scored:
    """Scores of a sample by one method in one window.

    Attributes
    ----------
    score : ndarray of shape (n_events,)
        Mean of p(window | x) over the members of the event's fold; NaN where an event is not
        scored (the training half).
    spread : ndarray of shape (n_events,)
        Standard deviation over these members.
    fold : ndarray of shape (n_events,)
    template_row : ndarray of shape (n_template,)
        Events of the sample that are the template; -1 for events that are not in it.
    template_score, template_weight : ndarray of shape (n_template,)
        Score by the models of the event's own fold (NaN: training half), and its weight in the
        training.
    template_fold : ndarray of shape (n_template,)
    n_folds : int
    histories : tuple of History
        Learning curves, outer fold by outer fold.
    """

    score: NDArray[np.float32]
    spread: NDArray[np.float32]
    fold: NDArray[np.int8]
    template_row: NDArray[np.int64]
    template_score: NDArray[np.float32]
    template_weight: NDArray[np.float64]
    template_fold: NDArray[np.int8]
    n_folds: int
    histories: tuple[History, ...]

    @property
    def scored(self) -> NDArray[np.bool_]:
        """Mark the events that have a score."""
        return np.asarray(~np.isnan(self.score))


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


def score_window(
    sample: Sample,
    region: Region,
    method: MethodPlan,
    folds: int | Literal["half"] | FoldAssignment,
    members: int,
    seed: int,
    save_to: Path | None = None,
    background: SidebandDensity | None = None,
) -> Scored:
    """Train one ensemble for all folds of a window and score every event of the sample.

    Parameters
    ----------
    sample : Sample
        Events outside of the window and the sidebands are scored as well: the fit needs them.
    region : Region
    method : MethodPlan
    folds : int or "half" or FoldAssignment
        A number of folds is assigned from `seed`, the same for all methods and windows.
    members : int
        Classifiers per fold.
    seed : int
        Seed of the run. The training draws from (seed, method, window) only.
    save_to : Path, optional
        Folder for the trained ensemble.
    background : SidebandDensity, optional
        For templates that interpolate a density: one that was trained beforehand, see
        `bycatch.search.densities`.

    Returns
    -------
    Scored

    Raises
    ------
    DataError
        Where the window, the template or a fold has too few events.
    ConfigError
        For an unknown template or classifier.
    """
    if not isinstance(folds, FoldAssignment):
        folds = assign_folds(len(sample), folds, seed)
    name = (method.name, *(repr(edge) for edge in region.window))
    template = template_of(method, background)
    training = template.training_set(
        sample.mass,
        sample.X,
        sample.weight,
        region,
        label=sample.label,
        seed=child_seed(seed, "template", *name),
    )
    plan = folds.masks(training, template.members or members)
    ensemble = _ensemble(method, template, plan.scores.size)
    ensemble.fit(
        training.X,
        training.y,
        training.weight,
        train=plan.train,
        validate=plan.validate,
        seed=child_seed(seed, "training", *name),
    )
    if save_to is not None:
        ensemble.save(save_to)
    return _score(sample, training, folds, plan.scores, ensemble)


def _ensemble(method: MethodPlan, template: Template, members: int) -> ClassifierEnsemble:
    """Return the method's untrained classifiers: those of its template, or those asked for."""
    from bycatch.learn import make_classifier  # noqa: PLC0415 - torch and lightgbm are slow

    own = template.classifier(members)
    if own is not None:
        return own
    if method.classifier is None:
        message = (
            f"The template {method.template!r} has no score of its own: name a 'classifier' for "
            "it, for example trees."
        )
        raise ConfigError(message)
    return make_classifier(method.classifier, members, **dict(method.options))


def _score(
    sample: Sample,
    training: TrainingSet,
    folds: FoldAssignment,
    member_scores: NDArray[np.int64],
    ensemble: ClassifierEnsemble,
) -> Scored:
    score, spread = score_by_fold(ensemble, sample.X, folds.fold, member_scores)
    template = np.flatnonzero(training.y == 0)
    row = training.row[template]
    fold = folds.of_rows(training)[template]
    real = row >= 0
    template_score = np.full(row.size, np.nan, dtype=np.float32)
    template_score[real] = score[row[real]]
    synthetic = template[~real]
    if synthetic.size:
        template_score[~real] = score_by_fold(
            ensemble, training.X[synthetic], fold[~real], member_scores
        )[0]
    return Scored(
        score=score,
        spread=spread,
        fold=folds.fold,
        template_row=row,
        template_score=template_score,
        template_weight=training.weight[template],
        template_fold=fold,
        n_folds=folds.n_folds,
        histories=tuple(ensemble.histories_),
    )


def score_by_fold(
    ensemble: ClassifierEnsemble,
    X: NDArray[np.float32],
    fold: NDArray[np.int8],
    member_scores: NDArray[np.int64],
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Score rows by the members of their fold.

    Parameters
    ----------
    ensemble : ClassifierEnsemble
    X : ndarray of shape (n_rows, n_features)
    fold : ndarray of shape (n_rows,)
    member_scores : ndarray of shape (n_members,)
        The fold that each member scores, see `bycatch.learn.folds.FoldMasks`.

    Returns
    -------
    mean, spread : ndarray of shape (n_rows,)
        Mean and standard deviation of p(1|x) over these members; NaN where a row's fold is not
        scored.
    """
    mean = np.full(fold.shape, np.nan, dtype=np.float32)
    spread = np.full(fold.shape, np.nan, dtype=np.float32)
    for k in np.unique(member_scores):
        members = np.flatnonzero(member_scores == k).tolist()
        rows = np.flatnonzero(fold == k)
        for start in range(0, rows.size, CHUNK):
            part = rows[start : start + CHUNK]
            # float64 sums: equal members must give equal means, or ties would be broken by noise.
            predicted = ensemble.predict(X[part], members).astype(np.float64)
            mean[part] = predicted.mean(axis=0)
            spread[part] = predicted.std(axis=0)
    return mean, spread


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
        message = f"'working_points' is {list(working_points)}, but each must be in (0, 1]."
        raise ConfigError(message)
    template = _template(scored, sample, template_rows, seed)
    if not template.weight.sum() > 0.0:
        window = f"[{region.window[0]:g}, {region.window[1]:g}]"
        message = (
            f"The window {window} has no unseen template events of positive weight to set its "
            "thresholds on: widen 'sidebands'."
        )
        raise DataError(message)
    order = np.argsort(points)
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
        own[real] = u[scored.template_row[real]]
        all_of_them = _TemplateScores(
            scored.template_score, own, scored.template_fold, scored.template_weight
        )
    seen = ~np.isnan(all_of_them.score)
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
    with np.errstate(invalid="ignore"):
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
        target = points * passed[-1] + carry
        after = np.clip(np.searchsorted(running, target), 1, running.size - 1)
        nearer = np.where(target - running[after - 1] < running[after] - target, after - 1, after)
        # Carried remainders must not put a tighter working point below a looser one.
        n_passed = np.maximum.accumulate(nearer)
        carry = target - passed[n_passed]
        some = n_passed > 0
        last = order[np.maximum(n_passed, 1) - 1]
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
