"""Put a search's result together: the best look, the global p-value, checks and interpretation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bycatch import __version__
from bycatch.errors import FitError
from bycatch.learn import density_citation
from bycatch.search import checks
from bycatch.search.closure import closure_check, sculpting_check
from bycatch.search.densities import template_of
from bycatch.search.evaluation import evaluate
from bycatch.search.interpret import compare_features
from bycatch.search.looks import FittedLook
from bycatch.search.plan import SearchPlan
from bycatch.search.regions import Regions
from bycatch.search.result import (
    Check,
    DensityCurve,
    FeatureComparison,
    LearningCurve,
    Look,
    SearchResult,
    Spectrum,
)
from bycatch.search.sample import Sample
from bycatch.search.scored import Scored
from bycatch.search.scoring import ScoringTask
from bycatch.search.selection import Selection
from bycatch.search.spectra import LookKey, shown_spectrum, spectrum_of, without_negative_bins
from bycatch.search.validation.correction import Correction
from bycatch.statistics.fits.goodness import goodness_of_fit, suggest_fit_range
from bycatch.statistics.fits.order import planned_orders
from bycatch.statistics.significance.global_p import (
    bonferroni,
    global_p,
    gross_vitells,
    tail_extrapolation,
)
from bycatch.statistics.significance.local import window_bins
from bycatch.statistics.significance.toys import merge_blocks
from bycatch.tasks.random import stream
from bycatch.template import InterpolatedTemplate

Floats = NDArray[np.float64]
GOODNESS_TOYS = 500
FEWEST_WINDOWS = 3
"""Windows of one scan from which upcrossings are counted."""
ALWAYS_CITED = ("template-bias", "asymptotics", "clopper-pearson", "look-everywhere", "bycatch")


@dataclass(frozen=True)
class Found:
    """Everything that the steps of a run produced.

    Attributes
    ----------
    sample : Sample
    dropped : dict
        Events dropped per column.
    regions : Regions
    tasks, closure_tasks : tuple of (MethodPlan, Region)
    scored, selections : tuple
        One for each of `tasks`, then one for each of `closure_tasks`.
    looks : tuple of FittedLook
        One for each of `tasks` and working point, working points innermost.
    toys : list of ndarray of shape (n_toys, n_usable)
        r of the looks that have a result.
    correction : Correction or None
    densities : tuple of DensityCurve
        Learning curves of densities that several tasks share.
    """

    sample: Sample
    dropped: dict[str, int]
    regions: Regions
    tasks: tuple[ScoringTask, ...]
    closure_tasks: tuple[ScoringTask, ...]
    scored: tuple[Scored, ...]
    selections: tuple[Selection, ...]
    looks: tuple[FittedLook, ...]
    toys: list[Floats]
    correction: Correction | None
    densities: tuple[DensityCurve, ...] = ()

    def locate(self, look: Look) -> tuple[int, int]:
        """Return the index of a look's task and of its working point."""
        position = next(i for i, item in enumerate(self.looks) if item.look == look)
        n_points = len(self.looks) // len(self.tasks)
        return position // n_points, position % n_points

    def inclusive(self, scored: Scored) -> Floats:
        """Histogram the events of the fit range that were scored: only these can be selected."""
        mass, weight = self.sample.mass[scored.scored], self.sample.weight[scored.scored]
        counts, _ = np.histogram(mass, self.regions.edges, weights=weight)
        return np.asarray(counts, dtype=np.float64)


def assemble(plan: SearchPlan, resolved: Mapping[str, Any], found: Found) -> SearchResult:
    """Build the result of a search from what its steps produced.

    The best look is the one with the largest signed root r; the global p-value compares this r
    with the largest r of each toy.

    Parameters
    ----------
    plan : SearchPlan
    resolved : mapping
    found : Found

    Returns
    -------
    SearchResult
    """
    usable = [look for look in found.looks if not np.isnan(look.r)]
    best = max(usable, key=lambda look: look.corrected_r)
    toys = merge_blocks(found.toys, [_key(look.look) for look in usable])
    outcome = global_p(best.corrected_r, toys.maxima)
    inclusive, inclusive_check = _inclusive(plan, found, best.look)
    failed = sum(int(np.isnan(block).sum()) for block in found.toys)
    tried = sum(block.size for block in found.toys)
    all_checks = (
        inclusive_check,
        *checks.fit_checks([item.look for item in found.looks]),
        *_method_checks(plan, found),
        *_best_checks(found, best.look),
        checks.sizes_check(found.sample, found.regions),
        checks.trials_check([item.look for item in found.looks], len(found.regions.regions)),
        checks.toys_check(failed, tried),
        checks.calibration_check(
            found.correction,
            plan.folds,
            [item.look for item in found.looks],
            interpolated=any(
                isinstance(template_of(m), InterpolatedTemplate) for m in plan.methods
            ),
        ),
        *_dropped_check(found),
    )
    evaluations = (
        evaluate(found.sample, region, method.name, scored)
        for (method, region), scored in zip(found.tasks, found.scored, strict=False)
    )
    return SearchResult(
        version=__version__,
        config=resolved,
        n_events=len(found.sample),
        looks=tuple(item.look for item in found.looks),
        best=best.look,
        global_p=outcome.p,
        global_p_interval=outcome.interval,
        global_z=outcome.z,
        n_toys=outcome.n_toys,
        n_looks=len(usable),
        extrapolation=_extrapolation(best, usable, found.toys, toys.maxima),
        calibrated_down_to=None
        if found.correction is None
        else found.correction.calibrated_down_to,
        checks=all_checks,
        evaluation=tuple(item for item in evaluations if item is not None),
        citations=_citations(plan),
        spectra=(inclusive, *(item.spectrum for item in found.looks)),
        toy_maxima=tuple(toys.maxima.tolist()),
        features=_features(plan, found, best.look),
        curves=tuple(
            _curve(method.name, region.window, scored)
            for (method, region), scored in zip(found.tasks, found.scored, strict=False)
        ),
        densities=found.densities,
    )


def _key(look: Look) -> str:
    return str(LookKey(look.method, look.window, look.working_point))


def _extrapolation(
    best: FittedLook, usable: Sequence[FittedLook], blocks: Sequence[Floats], maxima: Floats
) -> dict[str, Any]:
    """Return numbers beyond the toys; None where one cannot be had."""
    p = best.look.local_p
    try:
        tail = tail_extrapolation(maxima, best.corrected_r).to_json()
    except ValueError:  # too few toys for a tail
        tail = None
    return {
        "bonferroni": None if p is None else bonferroni(p, len(usable)),
        "tail": tail,
        "gross_vitells": _one_scan(best, usable, np.concatenate(blocks)),
    }


def _one_scan(best: FittedLook, usable: Sequence[FittedLook], r: Floats) -> dict[str, Any] | None:
    """Extrapolate in the mass scan of the best look's method and working point alone."""
    family = [
        index
        for index, item in enumerate(usable)
        if item.look.method == best.look.method
        and item.look.working_point == best.look.working_point
    ]
    if len(family) < FEWEST_WINDOWS:
        return None
    try:
        scan = gross_vitells(np.nan_to_num(r[:, family], nan=0.0), best.corrected_r)
    except ValueError:  # no toy crosses the level: nothing to extrapolate from
        return None
    return scan.to_json()


def _inclusive(plan: SearchPlan, found: Found, best: Look) -> tuple[Spectrum, Check]:
    """Fit the spectrum before any selection, outside of the best look's window."""
    every = np.ones(len(found.sample), dtype=bool)
    common = np.asarray(found.regions.edges)
    key = LookKey("inclusive", best.window, 1.0)
    selected, edges = without_negative_bins(spectrum_of(found.sample, every, common, key), common)
    masked = window_bins(edges, best.window)
    counts = selected.counts * selected.scale
    background = plan.background.on(edges)
    fit = background.fit(counts, int(planned_orders(counts, background, masked)[0]), ~masked)
    converged = bool(fit.converged[0])
    p = 0.0
    spectrum = shown_spectrum(selected, edges, fit if converged else None, inclusive=True)
    if converged:
        rng = stream(plan.seed, "goodness", "inclusive")
        try:
            p = goodness_of_fit(counts, fit, n_toys=GOODNESS_TOYS, rng=rng)
        except FitError as error:
            return spectrum, Check("inclusive fit", False, f"Warning: {error}")
    suggestion = None
    if p < checks.SIGNIFICANT:
        suggestion = suggest_fit_range(counts, replace(background, integrate="auto"))
    return spectrum, checks.inclusive_check(p, suggestion, found.regions)


def _method_checks(plan: SearchPlan, found: Found) -> list[Check]:
    """Sculpting for every method and window, at the working point with the most events."""
    loosest = int(np.argmax(plan.working_points))
    edges = np.asarray(found.regions.edges)
    return [
        sculpting_check(
            spectrum_of(
                found.sample,
                selection.mask[loosest],
                edges,
                LookKey(method.name, region.window, plan.working_points[loosest]),
            ),
            found.inclusive(scored),
            found.regions.window_bins(region.window),
            len(found.tasks),
        )
        for (method, region), scored, selection in zip(
            found.tasks, found.scored, found.selections, strict=False
        )
    ]


def _best_checks(found: Found, best: Look) -> list[Check]:
    """Closure of every method at every working point, and stability, in the best window."""
    result = []
    for position, item in enumerate(found.looks):
        if item.look.window != best.window:
            continue
        result.append(closure_check(item.look))
        index, point = divmod(position, len(found.looks) // len(found.tasks))
        if item.look.working_point == best.working_point:
            result.append(
                checks.stability_check(
                    item.look,
                    found.scored[index],
                    found.selections[index].mask[point],
                    found.sample,
                    found.tasks[index][1],
                )
            )
    return result


def _dropped_check(found: Found) -> list[Check]:
    if not found.dropped:
        return []
    listed = ", ".join(f"{name}: {count}" for name, count in found.dropped.items())
    message = f"Events with a NaN or infinite value were dropped as asked for ({listed})."
    return [Check("non-finite values", True, message, values=found.dropped)]


def _features(plan: SearchPlan, found: Found, best: Look) -> tuple[FeatureComparison, ...]:
    """Compare features in the best window, for each method at the best look's working point."""
    point = plan.working_points.index(best.working_point)
    comparisons: list[FeatureComparison] = []
    for (method, region), selection in zip(found.tasks, found.selections, strict=False):
        if region.window == best.window:
            comparisons.extend(
                compare_features(
                    found.sample,
                    region,
                    selection.mask[point],
                    method=method.name,
                    working_point=best.working_point,
                )
            )
    return tuple(sorted(comparisons, key=lambda item: item.method != best.method))


def _curve(method: str, window: tuple[float, float], scored: Scored) -> LearningCurve:
    def median(curves: list[tuple[float, ...]]) -> tuple[float, ...]:
        longest = max((len(curve) for curve in curves), default=0)
        table = np.full((len(curves), longest), np.nan)
        for row, curve in zip(table, curves, strict=True):
            row[: len(curve)] = curve
        return tuple(np.nanmedian(table, axis=0).tolist())

    return LearningCurve(
        method=method,
        window=window,
        train_loss=median([history.train_loss for history in scored.histories]),
        validation_loss=median([history.validation_loss for history in scored.histories]),
        best=tuple(history.best for history in scored.histories),
    )


def _citations(plan: SearchPlan) -> tuple[str, ...]:
    keys = []
    for template in map(template_of, plan.methods):
        keys.append(template.citation)
        if isinstance(template, InterpolatedTemplate):
            keys += [density_citation(name) for name, _ in template.learned()]
            keys += ["sigma"] if template.shares else []
    return tuple(dict.fromkeys([*keys, *ALWAYS_CITED]))
