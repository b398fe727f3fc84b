"""Train and score every method in every window, one stored task each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from bycatch.errors import RunFolderError
from bycatch.learn.base import History
from bycatch.search.densities import DensityTask, density_folder
from bycatch.search.plan import MethodPlan, SearchPlan
from bycatch.search.regions import window_name
from bycatch.search.sample import Sample
from bycatch.search.scored import Scored, score_window
from bycatch.statistics.region import Region
from bycatch.tasks.run import Run
from bycatch.tasks.store import Step
from bycatch.template import SidebandDensity

_ARRAYS = (
    "score",
    "spread",
    "fold",
    "template_row",
    "template_score",
    "template_weight",
    "template_fold",
)

ScoringTask = tuple[MethodPlan, Region]


def share_sample(run: Run, sample: Sample) -> dict[str, str]:
    """Write the sample where workers map it into memory; return the paths by column."""
    paths = {
        "mass": run.folder.save_npy("mass", sample.mass),
        "X": run.folder.save_npy("features", sample.X),
        "weight": run.folder.save_npy("weight", sample.weight),
    }
    if sample.label is not None:
        paths["label"] = run.folder.save_npy("label", sample.label)
    return {name: str(path) for name, path in paths.items()}


def score_all(
    tasks: Sequence[ScoringTask],
    paths: dict[str, str],
    features: tuple[str, ...],
    plan: SearchPlan,
    run: Run,
    densities: Mapping[tuple[str, tuple[float, float]], DensityTask] | None = None,
) -> list[Scored]:
    """Run every scoring task that is not stored yet, and return all of them in order.

    Parameters
    ----------
    tasks : sequence of (MethodPlan, Region)
    paths : dict
        From `share_sample`.
    features : tuple of str
    plan : SearchPlan
    run : Run
    densities : mapping, optional
        (name of the method, window) -> the density that it interpolates; trained and kept already.

    Returns
    -------
    list of Scored
    """
    common = {
        "paths": paths,
        "features": features,
        "folds": plan.folds,
        "members": plan.members,
        "seed": plan.seed,
    }
    named = [
        (f"{window_name(region.window)}/{method.name}", method, region) for method, region in tasks
    ]
    waiting = [
        (
            f"scores/{name}",
            {
                **common,
                "region": region,
                "method": method,
                "models": str(run.path / "models" / name),
                "density": _density_path(run, densities or {}, method, region),
            },
        )
        for name, method, region in named
    ]
    words = "Training classifiers and scoring events"
    return run.stage(words, _score_task, waiting, _save, _load, event="scored")


def _score_task(
    paths: dict[str, str],
    features: tuple[str, ...],
    region: Region,
    method: MethodPlan,
    folds: Any,
    members: int,
    seed: int,
    models: str,
    density: str | None,
) -> Scored:
    columns = {name: np.load(path, mmap_mode="r") for name, path in paths.items()}
    sample = Sample(
        columns["mass"], columns["X"], columns["weight"], columns.get("label"), features
    )
    background = None if density is None else SidebandDensity.load(Path(density))
    return score_window(sample, region, method, folds, members, seed, Path(models), background)


def _density_path(
    run: Run,
    densities: Mapping[tuple[str, tuple[float, float]], DensityTask],
    method: MethodPlan,
    region: Region,
) -> str | None:
    task = densities.get((method.name, region.window))
    return None if task is None else str(density_folder(run, task))


def _save(step: Step, scored: Scored) -> None:
    step.save(
        {name: getattr(scored, name) for name in _ARRAYS},
        {
            "n_folds": scored.n_folds,
            "histories": [asdict(history) for history in scored.histories],
        },
    )


def _load(step: Step) -> Scored:
    arrays, document = step.load_arrays(), step.load_json()
    missing = [name for name in _ARRAYS if name not in arrays]
    if missing:
        raise RunFolderError(
            f"A stored step lacks {', '.join(missing)}; remove the run folder's steps."
        )
    return Scored(
        **{name: arrays[name] for name in _ARRAYS},
        n_folds=int(document["n_folds"]),
        histories=tuple(
            History(tuple(item["train_loss"]), tuple(item["validation_loss"]), item["best"])
            for item in document["histories"]
        ),
    )
