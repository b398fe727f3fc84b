"""One method on one draw: train, score by folds, and measure what truth allows.

Densities are trained in jobs of their own and kept on disk, so that every classifier and every
method of a draw takes the same one.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from _samples import (
    SPAN,
    WINDOW,
    Table,
    inject,
    read_sample,
    region_of,
    template_of,
    training_set,
)

from bycatch.evaluate import max_sic, roc
from bycatch.learn.base import ClassifierEnsemble
from bycatch.search.folds import FoldAssignment, assign_folds
from bycatch.search.sample import Sample
from bycatch.search.scored import Scored, gather, score_by_fold
from bycatch.search.selection import select
from bycatch.tasks.random import child_seed
from bycatch.template import TrainingSet

__all__ = ["DENSITY_OF", "NINE", "density_job", "density_path", "measure", "train_density"]

NINE = tuple((2900.0 + 100.0 * i, 3300.0 + 100.0 * i) for i in range(9))
"""The nine windows of arXiv:2411.00085, the tested one in the middle."""
DENSITY_OF = {
    "cathode": ("matching", "one"),
    "cathode (half)": ("matching", "one"),
    "cathode-spline": ("spline", "one"),
    "cathode-shared": ("matching", "nine"),
    "anode": ("matching", "one"),
}
"""Method -> density and the windows that it is trained for; methods without one need none."""
WORKING_POINTS = (0.1, 0.01)
FOLDS = 5
_DRAW = ("sample", "variant", "n_signal", "draw")

Job = Mapping[str, Any]


def density_job(job: Job, density_options: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the job that trains the density of a method's job, None where there is none."""
    if job["method"] not in DENSITY_OF:
        return None
    name, windows = DENSITY_OF[job["method"]]
    draw = {key: job[key] for key in _DRAW}
    return {**draw, "density": name, "windows": windows, "options": dict(density_options)}


def density_path(folder: Path, job: Job) -> Path:
    """Return where the density of a density's job is kept."""
    parts = [str(job[key]) for key in (*_DRAW, "density", "windows")]
    parts += [f"{name}={value}" for name, value in sorted(job["options"].items())]
    return folder / "-".join(parts)


def train_density(job: Job, folder: Path) -> dict[str, Any]:
    """Train and keep the density of one draw."""
    from bycatch.template._sidebands import SidebandDensity

    table = read_sample(job["sample"], job["variant"])
    used = inject(table, job["n_signal"], job["draw"])
    start = time.process_time()
    density = SidebandDensity.fit(
        table.mass[used],
        table.X[used],
        np.ones(int(used.sum())),
        NINE if job["windows"] == "nine" else (WINDOW,),
        SPAN,
        density=job["density"],
        options=job["options"],
        seed=child_seed(job["draw"], "density", job["density"], job["windows"]),
    )
    seconds = time.process_time() - start
    density.save(density_path(folder, job))
    history = density.history
    return {
        "seconds": seconds,
        "best_round": history.best,
        "validation_loss": history.validation_loss[history.best],
    }


def measure(job: Job, folder: Path) -> dict[str, Any]:
    """Train one method with one classifier on one draw, and measure it."""
    table = read_sample(job["sample"], job["variant"])
    used = inject(table, job["n_signal"], job["draw"])
    start = time.process_time()
    template = template_of(job["method"], **_template_options(job, folder))
    training = training_set(job["method"], template, table, used, job["draw"])
    made = time.process_time()
    folds = assign_folds(table.mass.size, FOLDS, job["draw"])
    plan = folds.masks(training, job["members"])
    ensemble = _classifier(job, template, plan.scores.size)
    ensemble.fit(
        training.X,
        training.y,
        training.weight,
        train=plan.train,
        validate=plan.validate,
        seed=child_seed(job["draw"], job["method"], job["classifier"]),
    )
    fitted = time.process_time()
    scored = _scored(ensemble, training, table, folds, plan.scores)
    inside = table.inside
    curve = roc(scored.score[inside], table.label[inside])
    best = max_sic(curve)
    return {
        "max_sic": best.value,
        "error": best.error,
        "eps_b": best.eps_b,
        "auc": curve.auc,
        "bias": _biases(scored, training, table, job["draw"]),
        "template_seconds": made - start,
        "classifier_seconds": fitted - made,
        "scoring_seconds": time.process_time() - fitted,
        "best_rounds": float(np.median([history.best + 1 for history in ensemble.histories_])),
    }


def _template_options(job: Job, folder: Path) -> dict[str, Any]:
    wanted = density_job(job, job.get("density_options", {}))
    if wanted is None:
        return {}
    from bycatch.template._sidebands import SidebandDensity

    background = SidebandDensity.load(density_path(folder, wanted))
    options: dict[str, Any] = {"density": wanted["density"], "background": background}
    if job["method"] == "anode":
        options["window_options"] = job["window_options"]
    return options


def _classifier(job: Job, template: Any, n_members: int) -> ClassifierEnsemble:
    from bycatch.learn import make_classifier

    own = template.classifier(n_members)
    return own if own is not None else make_classifier(job["classifier"], n_members)


def _scored(
    ensemble: ClassifierEnsemble,
    training: TrainingSet,
    table: Table,
    folds: FoldAssignment,
    scores: np.ndarray,
) -> Scored:
    """Score the window and the template; every row by models of its own fold, which never saw it.

    Signal that was not injected is dealt to the folds like any other event of the table.
    """
    needed = table.inside
    needed[training.row[(training.y == 0) & (training.row >= 0)]] = True
    score = np.full(table.mass.size, np.nan, dtype=np.float32)
    spread = score.copy()
    score[needed], spread[needed] = score_by_fold(
        ensemble, table.X[needed], folds.fold[needed], scores
    )
    return gather((score, spread), training, folds, scores, ensemble)


def _biases(
    scored: Scored, training: TrainingSet, table: Table, draw: int
) -> list[dict[str, float]]:
    """Return delta_sys = observed / expected - 1 on the window's true background.

    Background events that are the template are left out of both; where none remain (supervised)
    there is no bias to measure. The errors are those of the counted events and of the template.
    """
    background = table.inside & (table.label == 0)
    background[training.row[(training.y == 0) & (training.row >= 0)]] = False
    if not background.any():
        return []
    sample = Sample(table.mass, table.X, np.ones(table.mass.size), table.label, table.features)
    selection = select(scored, sample, region_of(), None, WORKING_POINTS, draw)
    found = []
    for i, point in enumerate(WORKING_POINTS):
        observed = float((selection.mask[i] & background).sum())
        efficiency = float(selection.efficiency[i])
        expected = efficiency * float(background.sum())
        relative = float(selection.efficiency_error[i]) / efficiency
        ratio = observed / expected
        error = np.hypot(np.sqrt(max(observed, 1.0)) / expected, ratio * relative)
        found.append(
            {
                "working_point": point,
                "observed": observed,
                "expected": expected,
                "delta_sys": ratio - 1.0,
                "error": float(error),
            }
        )
    return found
