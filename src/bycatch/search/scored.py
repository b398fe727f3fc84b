"""Score a sample by models that have not seen it: one ensemble for all folds of a window."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from bycatch.errors import ConfigError
from bycatch.learn.base import ClassifierEnsemble, History
from bycatch.search.densities import own_density, template_of
from bycatch.search.folds import FoldAssignment, assign_folds
from bycatch.search.plan import MethodPlan
from bycatch.search.sample import Sample
from bycatch.statistics.region import Region
from bycatch.tasks.random import child_seed
from bycatch.template import SidebandDensity
from bycatch.template.base import Template, TrainingSet

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
        `bycatch.search.densities`. None: it is trained here.

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
    if background is None:
        background = own_density(sample, method, region, folds, seed)
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
    ensemble = _ensemble(method, template, plan.scores)
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
    scores = score_by_fold(ensemble, sample.X, folds.fold, plan.scores)
    return gather(scores, training, folds, plan.scores, ensemble)


def _ensemble(
    method: MethodPlan, template: Template, scores: NDArray[np.int64]
) -> ClassifierEnsemble:
    """Return the method's untrained classifiers: those of its template, or those asked for."""
    from bycatch.learn import make_classifier  # noqa: PLC0415 - torch and lightgbm are slow

    own = template.classifier(scores.size, scores)
    if own is not None:
        return own
    if method.classifier is None:
        raise ConfigError(
            f"The template {method.template!r} has no score of its own: name a 'classifier' for "
            "it, for example trees."
        )
    return make_classifier(method.classifier, scores.size, **dict(method.options))


def gather(
    scores: tuple[NDArray[np.float32], NDArray[np.float32]],
    training: TrainingSet,
    folds: FoldAssignment,
    member_scores: NDArray[np.int64],
    ensemble: ClassifierEnsemble,
) -> Scored:
    """Put the scores of a sample together with those of its template.

    Parameters
    ----------
    scores : tuple of ndarray of shape (n_events,)
        Mean and spread, from `score_by_fold`; of the template's events at least.
    training : TrainingSet
    folds : FoldAssignment
    member_scores : ndarray of shape (n_members,)
        The fold that each member scores.
    ensemble : ClassifierEnsemble
        Trained.

    Returns
    -------
    Scored
    """
    score, spread = scores
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
