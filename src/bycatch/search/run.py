"""The main job: from a plan to a result, in steps that survive a kill.

Read, resolve the regions, train and score (one stored task per method and window), select, fit,
draw toys (stored blocks), check, interpret. `bycatch.search.assemble` puts the result together.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bycatch.errors import DataError, FitError
from bycatch.search.assemble import Found, assemble
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
from bycatch.tasks.run import Run
from bycatch.template import get_template

Floats = NDArray[np.float64]


def run_search(plan: SearchPlan, resolved: Mapping[str, Any], run: Run) -> SearchResult:
    """Run a search, or continue it where it was stopped.

    Parameters
    ----------
    plan : SearchPlan
    resolved : mapping
        The resolved configuration, which the result repeats.
    run : Run
        Its folder holds the steps; it gets `result.json`, `scores.parquet` and `selected.parquet`.

    Returns
    -------
    SearchResult

    Raises
    ------
    BycatchError
        For anything that the user can mend; the message says how.
    """
    with run.doing("Reading events"):
        correction = load_correction(plan, resolved)
        sample, dropped = load_sample(plan)
        regions = resolve_regions(plan.regions, sample.mass)
        run.log("read", n_events=len(sample), dropped=dropped)
        background = with_least_order(
            plan.background, sample.mass, sample.weight, np.asarray(regions.edges), regions.regions
        )
        plan = plan.replace(background=background)

    tasks, closure_tasks = _tasks(plan, regions)
    paths = share_sample(run, sample)
    densities = plan_densities([*tasks, *closure_tasks])
    curves = train_densities(
        distinct(densities),
        paths,
        assign_folds(len(sample), plan.folds, plan.seed),
        plan.seed,
        run,
    )
    scored = score_all([*tasks, *closure_tasks], paths, sample.features, plan, run, densities)
    selections = [
        select(item, sample, region, None, plan.working_points, plan.seed)
        for item, (_, region) in zip(scored, [*tasks, *closure_tasks], strict=True)
    ]
    looks = _fit_looks(sample, regions, tasks, selections, plan, correction, run)
    looks = with_templates(looks, sample, [*tasks, *closure_tasks], scored, selections)
    toys = _toys(sample, regions, tasks, selections, looks, plan, run)
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
    with run.doing("Checking and interpreting"):
        result = assemble(plan, resolved, found)
        _write(run, found, result)
    run.log("found", global_p=result.global_p)
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
    run: Run,
) -> list[FittedLook]:
    edges = np.asarray(regions.edges)
    run.progress.stage("Fitting the selected spectra", len(tasks) * len(plan.working_points))
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
            looks.append(fit_look(selected, plan.background.on(edges), correction, plan.seed))
            run.progress.advance()
    if all(np.isnan(look.r) for look in looks):
        reasons = sorted({look.look.status for look in looks})
        raise FitError(f"No look could be fitted: {'; '.join(reasons)}.")
    return looks


def _toys(
    sample: Sample,
    regions: Regions,
    tasks: Sequence[ScoringTask],
    selections: Sequence[Selection],
    looks: Sequence[FittedLook],
    plan: SearchPlan,
    run: Run,
) -> list[Floats]:
    """Return blocks of r of the looks that have a result, of shape (n_toys, n_usable)."""
    blocks = [
        (f"toys/{index:04d}", {"block": index, "n_toys": size})
        for index, size in enumerate(block_sizes(plan.toys))
    ]

    def common() -> dict[str, Any]:
        usable = np.array([not np.isnan(look.r) for look in looks])
        selected = np.concatenate([selection.mask for selection in selections[: len(tasks)]])
        best = max((look for look in looks if not np.isnan(look.r)), key=lambda x: x.corrected_r)
        patterns = build_patterns(
            selected[usable],
            sample.mass,
            plan.background.on(np.asarray(regions.edges)),
            [look.look for look, use in zip(looks, usable, strict=True) if use],
            masked_window=best.look.window,
            weight=sample.weight,
            seed=plan.seed,
        ).to_arrays()
        return {
            "patterns": patterns,
            "background": plan.background,
            "systematics": np.array([look.systematic for look in looks])[usable],
            "seed": plan.seed,
        }

    return run.stage(
        "Drawing toys of the whole search",
        toy_task,
        blocks,
        lambda step, r: step.save_arrays(r=r),
        lambda step: step.load_arrays()["r"],
        common=common,
    )


def _write(run: Run, found: Found, result: SearchResult) -> None:
    scores = {
        (method.name, region.window): scored.score
        for (method, region), scored in zip(found.tasks, found.scored, strict=False)
    }
    write_scores(run.path / "scores.parquet", found.sample, scores)
    index, working_point = found.locate(result.best)
    _, region = found.tasks[index]
    kept = found.selections[index].mask[working_point] & region.in_window(found.sample.mass)
    write_selected(
        run.path / "selected.parquet",
        found.sample,
        np.flatnonzero(kept),
        found.scored[index].score,
    )
    run.write_result(result)


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
    scan = plan.regions.scan
    n_windows = len(scan_windows(scan) if scan else plan.regions.windows or ())
    if n_windows == 0:
        raise DataError("The plan has no windows; give regions.windows or regions.scan.")
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
