"""Train every score and score every event that it has not seen, one stored task each."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bycatch.anomaly.encode import encode
from bycatch.anomaly.explain import explain
from bycatch.anomaly.plan import MethodPlan, ScorePlan
from bycatch.anomaly.reference import fit_reference
from bycatch.anomaly.sample import Processes, stored_sample
from bycatch.anomaly.trainings import (
    Rows,
    Training,
    member_numbers,
    method_of,
    pixels_of,
    training_rows,
)
from bycatch.errors import BycatchError, DataError
from bycatch.evaluate.score_tables import REFERENCE
from bycatch.score import make_score
from bycatch.score.base import Score
from bycatch.tasks.random import child_seed
from bycatch.tasks.run import Run
from bycatch.tasks.store import Step

Predict = Callable[[Mapping[str, NDArray[Any]], Sequence[int], str], NDArray[np.floating]]
"""Rows, members and the name of a score to scores of shape (n_chosen, n_rows)."""
Stored = tuple[dict[str, NDArray[Any]], dict[str, Any]]
"""Arrays and document of a step."""


@dataclass(frozen=True)
class Trained:
    """What a training gave.

    Attributes
    ----------
    training : Training
    names : tuple of str
        Of the scores, the default first.
    rows : ndarray of int of shape (n_scored,)
        Positions in the sample.
    scores : ndarray of shape (n_names, n_members, n_scored)
        Of each repetition; higher means more anomalous.
    contributions : mapping of str to ndarray
        ``mean`` and ``error`` of shape (n_processes, *places) and ``n`` of shape (n_processes,);
        empty where nothing was explained.
    n_learn : int
    contamination : float
        Fraction of signal in the training, by weight, as it came out.
    n_parameters : int
        Numbers that a member learns; 0 where that says nothing.
    latent : ndarray of shape (n_encoded, n_latent) or None
        Where the encoder puts some events; None where that was not asked for, or there is none.
    latent_rows : ndarray of int of shape (n_encoded,)
        Positions of these in the sample.
    """

    training: Training
    names: tuple[str, ...]
    rows: NDArray[np.int64]
    scores: NDArray[np.float64]
    contributions: Mapping[str, NDArray[np.float64]]
    n_learn: int
    contamination: float
    n_parameters: int
    latent: NDArray[np.float64] | None = None
    latent_rows: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, dtype=np.int64))

    @property
    def score(self) -> NDArray[np.float64]:
        """Mean over the repetitions, of shape (n_names, n_scored)."""
        return np.asarray(self.scores.mean(axis=1))


def train_all(trainings: Sequence[Training], plan: ScorePlan, run: Run) -> list[Trained]:
    """Run every training that is not stored yet, and return all of them in order.

    Parameters
    ----------
    trainings : sequence of Training
    plan : ScorePlan
    run : Run
        Its folder holds the sample already; it gets ``models/``.

    Returns
    -------
    list of Trained

    Raises
    ------
    DataError, FitError
        Where rows cannot serve or a training diverges; names the method.
    """
    explained: dict[str, str] = {}
    for training in trainings:
        if training.method != REFERENCE:
            explained.setdefault(training.method, training.name)
    common = {"plan": plan, "folder": str(run.path)}
    tasks = [
        (
            f"scores/{training.name}",
            {**common, "training": training, "explained": training.name in explained.values()},
        )
        for training in trainings
    ]
    stored = run.stage("Training and scoring", _train_task, tasks, _save, _load, event="scored")
    return [_trained(training, *kept) for training, kept in zip(trainings, stored, strict=True)]


def _save(step: Step, found: Stored) -> dict[str, int]:
    step.save(*found)
    return {"n_scored": len(found[0]["rows"])}


def _load(step: Step) -> Stored:
    return step.load_arrays(), step.load_json()


def _trained(
    training: Training, arrays: Mapping[str, NDArray[Any]], document: Mapping[str, Any]
) -> Trained:
    names = ("mean", "error", "n")
    kept: dict[str, NDArray[Any]] = {name: arrays[name] for name in names if name in arrays}
    return Trained(
        training,
        tuple(document["names"]),
        arrays["rows"],
        arrays["scores"],
        kept,
        document["n_learn"],
        document["contamination"],
        document["n_parameters"],
        arrays.get("latent"),
        arrays.get("latent_rows", np.empty(0, dtype=np.int64)),
    )


def _train_task(training: Training, plan: ScorePlan, folder: str, explained: bool) -> Stored:
    """Return the arrays and the document of a training's step."""
    sample = stored_sample(Path(folder))
    models = Path(folder) / "models" / training.name
    try:
        if training.method == REFERENCE:
            return _supervised(training, plan, sample, models)
        return _unsupervised(training, plan, sample, models, explained=explained)
    except BycatchError as error:
        raise type(error)(f"{training.name}: {error}") from error


def _unsupervised(
    training: Training, plan: ScorePlan, sample: Processes, models: Path, *, explained: bool
) -> Stored:
    method = method_of(training, plan)
    rows = training_rows(training, sample, plan, method.members)
    score = _fitted(method, training, rows, plan, sample)
    score.save(models)
    pixels = pixels_of(training, plan)

    def predict(
        inputs: Mapping[str, NDArray[Any]], members: Sequence[int], name: str
    ) -> NDArray[np.floating]:
        return score.member_scores(inputs["x"], inputs.get("mask"), name=name, members=members)

    found = _score_rows(
        predict, score.score_names, rows, sample, pixels, method.members, method.flat
    )
    arrays = {"rows": rows.score, "scores": found}
    if explained:
        arrays |= explain(score, method, rows.n_folds, sample, pixels, plan)
        arrays |= encode(score, method, rows.n_folds, sample, pixels, plan)
    return arrays, {
        "names": list(score.score_names),
        "n_learn": len(rows.learn),
        "contamination": rows.contamination,
        "n_parameters": int(getattr(score, "n_parameters_", 0)),
    }


def _fitted(
    method: MethodPlan, training: Training, rows: Rows, plan: ScorePlan, sample: Processes
) -> Score:
    """Return the trained score; all trainings of a method begin with the same seed."""
    options = {**method.options, "members": method.members * rows.n_folds}
    seed = child_seed(plan.seed, "score", method.name)
    score = make_score(method.kind, **options, seed=seed)
    inputs = sample.inputs.rows(sample.row[rows.learn], pixels_of(training, plan), flat=method.flat)
    further: dict[str, Any] = {}
    if method.uses == "label":
        further["label"] = sample.process[rows.learn].astype(np.int64)
    elif method.uses == "protected":
        if sample.mass is None:
            raise DataError("The score needs a protected variable; give 'data.mass'.")
        further["protected"] = sample.mass[rows.learn]
    if "mask" in inputs:
        further["mask"] = inputs["mask"]
    return score.fit(inputs["x"], sample.weight[rows.learn], train=rows.train, **further)


def _supervised(training: Training, plan: ScorePlan, sample: Processes, models: Path) -> Stored:
    reference = plan.reference
    if reference is None:
        raise ValueError("A supervised training was asked for without a plan for it.")
    rows = training_rows(training, sample, plan, reference.members)
    pixels = pixels_of(training, plan)
    model = fit_reference(reference, training, rows, plan, sample, pixels)
    model.save(models)

    def predict(
        inputs: Mapping[str, NDArray[Any]],
        members: Sequence[int],
        name: str,  # noqa: ARG001 - there is one
    ) -> NDArray[np.floating]:
        further = {"mask": inputs["mask"]} if "mask" in inputs else {}
        found: NDArray[np.floating] = model.predict(inputs["x"], members=members, **further)
        return found

    found = _score_rows(
        predict, ("probability",), rows, sample, pixels, reference.members, reference.flat
    )
    return {"rows": rows.score, "scores": found}, {
        "names": ["probability"],
        "n_learn": len(rows.learn),
        "contamination": 0.0,
        "n_parameters": int(getattr(model, "n_parameters_", 0)),
    }


def _score_rows(
    predict: Predict,
    names: Sequence[str],
    rows: Rows,
    sample: Processes,
    pixels: Any,
    members: int,
    flat: bool,
) -> NDArray[np.float64]:
    """Return scores of shape (n_names, n_members, n_scored), each event by its fold's models."""
    result = np.empty((len(names), members, len(rows.score)))
    for fold in range(rows.n_folds):
        here = np.flatnonzero(sample.fold[rows.score] == fold)
        chosen = member_numbers(members, rows.n_folds, fold)
        where = sample.row[rows.score[here]]
        for part, inputs in sample.inputs.chunks(where, pixels, flat=flat):
            for i, name in enumerate(names):
                result[i][:, here[part]] = predict(inputs, chosen, name)
    bad = int(np.count_nonzero(np.isnan(result)))
    if bad:
        raise DataError(
            f"{bad} of {result.size} scores are NaN; look at the training rows and options."
        )
    return result
