"""The main job: from a plan to a result, in steps that survive a kill.

Read, resolve the regions, train and score (one stored task per method and window), select, fit,
draw toys (stored blocks), check, interpret. `bycatch.search.assemble` puts the result together.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bycatch.errors import DataError, FitError
from bycatch.search.assemble import Found, assemble, result_json
from bycatch.search.closure import closure_regions
from bycatch.search.densities import distinct, plan_densities, template_of, train_densities
from bycatch.search.folds import assign_folds
from bycatch.search.interpret import write_scores, write_selected
from bycatch.search.load import load_sample
from bycatch.search.looks import FittedLook, fit_look
from bycatch.search.plan import SearchPlan
from bycatch.search.regions import Regions, resolve_regions, scan_windows
from bycatch.search.result import SearchResult
from bycatch.search.sample import Sample
from bycatch.search.scoring import ScoringTask, score_all, share_sample
from bycatch.search.selection import Selection, select
from bycatch.search.spectra import LookKey, spectrum_of
from bycatch.search.template_estimate import with_templates
from bycatch.search.validation.correction import Correction
from bycatch.search.validation.validated import load_correction
from bycatch.statistics.region import Region
from bycatch.statistics.significance.inclusive import with_least_order
from bycatch.statistics.significance.overlaps import build_patterns
from bycatch.statistics.significance.toys import block_sizes, toy_task
from bycatch.tasks.executor import run_tasks
from bycatch.tasks.progress import Progress, SilentProgress
from bycatch.tasks.store import RunFolder
from bycatch.template import get_template

__all__ = ["describe_plan", "run_search"]

Floats = NDArray[np.float64]


def run_search(
    plan: SearchPlan,
    resolved: Mapping[str, Any],
    folder: RunFolder,
    workers: int = 1,
    progress: Progress | None = None,
) -> SearchResult:
    """Run a search, or continue it where it was stopped.

    Parameters
    ----------
    plan : SearchPlan
    resolved : mapping
        The resolved configuration, which the result repeats.
    folder : RunFolder
        Holds the steps; gets `result.json`, `scores.parquet` and `selected.parquet`.
    workers : int
        Processes; the result does not depend on it.
    progress : Progress, optional

    Returns
    -------
    SearchResult

    Raises
    ------
    BycatchError
        For anything that the user can mend; the message says how.
    """
    progress = progress or SilentProgress()
    progress.stage("Reading events", 1)
    correction = load_correction(plan, resolved)
    sample, dropped = load_sample(plan)
    regions = resolve_regions(plan.regions, sample.mass)
    folder.log("read", n_events=len(sample), dropped=dropped)
    background = with_least_order(
        plan.background, sample.mass, sample.weight, np.asarray(regions.edges), regions.regions
    )
    plan = replace(plan, background=background)
    progress.advance()

    tasks, closure_tasks = _tasks(plan, regions)
    paths = share_sample(folder, sample)
    densities = plan_densities([*tasks, *closure_tasks])
    curves = train_densities(
        distinct(densities),
        paths,
        assign_folds(len(sample), plan.folds, plan.seed),
        plan.seed,
        folder,
        workers,
        progress,
    )
    scored = score_all(
        [*tasks, *closure_tasks], paths, sample.features, plan, folder, workers, progress, densities
    )
    selections = [
        select(item, sample, region, None, plan.working_points, plan.seed)
        for item, (_, region) in zip(scored, [*tasks, *closure_tasks], strict=True)
    ]
    looks = _fit_looks(sample, regions, tasks, selections, plan, correction, progress)
    looks = with_templates(looks, sample, [*tasks, *closure_tasks], scored, selections)
    toys = _toys(sample, regions, tasks, selections, looks, plan, folder, workers, progress)
    found = Found(
        sample=sample,
        dropped=dropped,
        regions=regions,
        tasks=tuple(tasks),
        closure_tasks=tuple(closure_tasks),
        scored=tuple(scored),
        selections=tuple(selections),
        looks=tuple(looks),
        toys=toys,
        correction=correction,
        densities=curves,
    )
    progress.stage("Checking and interpreting", 1)
    result = assemble(plan, resolved, found)
    _write(folder, found, result)
    progress.advance()
    return result


def _tasks(plan: SearchPlan, regions: Regions) -> tuple[list[ScoringTask], list[ScoringTask]]:
    tasks = [(method, region) for region in regions.regions for method in plan.methods]
    extra = closure_regions(regions, plan.regions.sidebands)
    searches = [m for m in plan.methods if not get_template(m.template).needs_truth]
    return tasks, [(method, region) for region in extra for method in searches]


def _fit_looks(
    sample: Sample,
    regions: Regions,
    tasks: Sequence[ScoringTask],
    selections: Sequence[Selection],
    plan: SearchPlan,
    correction: Correction | None,
    progress: Progress,
) -> list[FittedLook]:
    edges = np.asarray(regions.edges)
    progress.stage("Fitting the selected spectra", len(tasks) * len(plan.working_points))
    looks = []
    for (method, region), selection in zip(tasks, selections, strict=False):
        for index, working_point in enumerate(plan.working_points):
            selected = spectrum_of(
                sample,
                selection.mask[index],
                edges,
                LookKey(method.name, region.window, working_point),
                (float(selection.efficiency[index]), float(selection.efficiency_error[index])),
                selection.status[index],
            )
            looks.append(fit_look(selected, edges, plan.background, correction, plan.seed))
            progress.advance()
    if all(np.isnan(look.r) for look in looks):
        reasons = sorted({look.look.status for look in looks})
        message = f"No look could be fitted: {'; '.join(reasons)}."
        raise FitError(message)
    return looks


def _toys(
    sample: Sample,
    regions: Regions,
    tasks: Sequence[ScoringTask],
    selections: Sequence[Selection],
    looks: Sequence[FittedLook],
    plan: SearchPlan,
    folder: RunFolder,
    workers: int,
    progress: Progress,
) -> list[Floats]:
    """Return blocks of r of the looks that have a result, of shape (n_toys, n_usable)."""
    sizes = block_sizes(plan.toys)
    names = [f"toys/{index:04d}" for index in range(len(sizes))]
    steps = {name: folder.step(name) for name in names}
    progress.stage("Drawing toys of the whole search", len(names))
    progress.advance(sum(step.done for step in steps.values()))
    waiting = [index for index, name in enumerate(names) if not steps[name].done]
    if waiting:
        usable = np.array([not np.isnan(look.r) for look in looks])
        selected = np.concatenate([selection.mask for selection in selections[: len(tasks)]])
        best = max((look for look in looks if not np.isnan(look.r)), key=lambda x: x.corrected_r)
        patterns = build_patterns(
            selected[usable],
            sample.mass,
            regions.edges,
            [look.look for look, use in zip(looks, usable, strict=True) if use],
            plan.background.family,
            plan.background.order,
            min_order=plan.background.min_order,
            masked_window=best.look.window,
            weight=sample.weight,
            seed=plan.seed,
        ).to_arrays()
        common = {
            "patterns": patterns,
            "background": plan.background,
            "systematics": np.array([look.systematic for look in looks])[usable],
            "seed": plan.seed,
        }
        run_tasks(
            toy_task,
            [(names[i], {**common, "block": i, "n_toys": sizes[i]}) for i in waiting],
            workers,
            progress,
            lambda name, r: steps[name].save_arrays(r=r),
        )
    return [steps[name].load_arrays()["r"] for name in names]


def _write(folder: RunFolder, found: Found, result: SearchResult) -> None:
    scores = {
        (method.name, region.window): scored.score
        for (method, region), scored in zip(found.tasks, found.scored, strict=False)
    }
    write_scores(folder.path / "scores.parquet", found.sample, scores)
    index, working_point = found.locate(result.best)
    _, region = found.tasks[index]
    kept = found.selections[index].mask[working_point] & region.in_window(found.sample.mass)
    write_selected(
        folder.path / "selected.parquet",
        found.sample,
        np.flatnonzero(kept),
        found.scored[index].score,
    )
    folder.write_text("result.json", json.dumps(result_json(result), indent=1) + "\n")


def describe_plan(plan: SearchPlan) -> str:
    """Say in one sentence how much work a plan is.

    Parameters
    ----------
    plan : SearchPlan

    Returns
    -------
    str
        Numbers of windows, looks, trainings and fits.
    """
    asked = plan.regions.windows
    n_windows = len(asked) if isinstance(asked, tuple) else len(scan_windows(asked))
    if n_windows == 0:
        message = "The plan has no windows; give regions.windows or regions.scan."
        raise DataError(message)
    per_fold = [template_of(method).members or plan.members for method in plan.methods]
    folds = 1 if plan.folds == "half" else plan.folds
    trainings = n_windows * folds * sum(per_fold)
    looks = n_windows * len(plan.methods) * len(plan.working_points)
    fits = looks * (plan.toys + 1)
    # Windows of the closure test may come on top, where the scan is too short to test itself.
    windows = [Region((i, i + 1.0), ()) for i in range(n_windows)]
    needed = plan_densities([(method, window) for window in windows for method in plan.methods])
    densities = len(distinct(needed))
    models = "density" if densities == 1 else "densities"
    return (
        f"{n_windows} windows x {len(plan.methods)} methods x {len(plan.working_points)} working "
        f"points = {looks} looks; {trainings} trainings ({folds} folds x {_range(per_fold)} "
        f"members each), {densities} background {models} and {fits} spectra to fit in the data "
        f"and {plan.toys} toys."
    )


def _range(values: Sequence[int]) -> str:
    low, high = min(values), max(values)
    return f"{low}" if low == high else f"{low} to {high}"
