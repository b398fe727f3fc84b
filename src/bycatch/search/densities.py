"""Background densities of a search: which are needed, for which windows, trained once each.

A template that interpolates a density takes one that was trained beforehand, so that all methods
with the same density share it, and all windows too where the density can hold a blind head for
each (`bycatch.template.SidebandDensity`): a scan then costs about one training.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bycatch.learn.base import History
from bycatch.search.folds import FoldAssignment
from bycatch.search.plan import MethodPlan
from bycatch.search.regions import window_name
from bycatch.search.result import DensityCurve
from bycatch.search.sample import Sample
from bycatch.statistics.region import Region
from bycatch.tasks.random import child_seed
from bycatch.tasks.run import Run
from bycatch.tasks.store import Step, canonical_json
from bycatch.template import InterpolatedTemplate, SidebandDensity, Template, get_template

Window = tuple[float, float]


@dataclass(frozen=True)
class DensityTask:
    """One density to train.

    Attributes
    ----------
    name : str
        In the run folder and in the result, for example ``matching`` or ``spline-3300-3700``.
    density : str
        Key of `bycatch.learn.DENSITIES`.
    options : mapping
        Its options.
    windows : tuple of tuple of float
        Windows that it must be blind to, each by itself.
    span : tuple of float
        Range that it learns from.
    hidden : mapping of tuple to tuple
        Window -> further intervals whose events it is not learned from.
    folded : bool
        Whether it is learned in the folds of the events, one member each: what scores events must
        not have seen them.
    """

    name: str
    density: str
    options: Mapping[str, Any]
    windows: tuple[Window, ...]
    span: Window
    hidden: Mapping[Window, tuple[Window, ...]] = field(default_factory=dict)
    folded: bool = False

    @property
    def identity(self) -> str:
        """What the density is made from: equal identities, equal densities."""
        hidden = sorted(self.hidden.items())
        made_of = [self.density, dict(self.options), self.windows, self.span, hidden, self.folded]
        return canonical_json(made_of)


def template_of(method: MethodPlan, background: SidebandDensity | None = None) -> Template:
    """Return the template of a method, with its options.

    Parameters
    ----------
    method : MethodPlan
    background : SidebandDensity, optional
        For templates that interpolate a density: one that was trained beforehand.

    Raises
    ------
    ConfigError
        Where template or option do not exist, or a value makes no sense.
    """
    options = dict(method.template_options)
    if background is not None:
        options["background"] = background
    return get_template(method.template, **options)


def plan_densities(
    tasks: Sequence[tuple[MethodPlan, Region]],
) -> dict[tuple[str, Window], DensityTask]:
    """Find out which densities scoring tasks need.

    Parameters
    ----------
    tasks : sequence of (MethodPlan, Region)

    Returns
    -------
    dict
        (name of the method, window) -> its density, of those methods that interpolate one. Equal
        densities are one object.
    """
    users = [
        (method, region, template)
        for method, region in tasks
        if isinstance(template := template_of(method), InterpolatedTemplate)
    ]
    kinds = list(dict.fromkeys(_kind(template) for _, _, template in users))
    regions = {region.window: region for _, region, _ in users}
    made: dict[str, DensityTask] = {}
    found = {}
    for method, region, template in users:
        name = _name(template, kinds) + ("-folds" if template.folded else "")
        own = tuple(regions)
        if not template.shares:
            name = f"{name}-{window_name(region.window)}"
            own = (region.window,)
        task = DensityTask(
            name,
            template.density,
            dict(template.density_options or {}),
            own,
            region.reach,
            {window: regions[window].hidden for window in own if regions[window].hidden},
            template.folded,
        )
        found[method.name, region.window] = made.setdefault(name, task)
    return found


def distinct(needed: Mapping[tuple[str, Window], DensityTask]) -> list[DensityTask]:
    """Return each density that `plan_densities` found once, in their order."""
    return list({task.name: task for task in needed.values()}.values())


def _kind(template: InterpolatedTemplate) -> tuple[str, str]:
    return template.density, canonical_json(dict(template.density_options or {}))


def _name(template: InterpolatedTemplate, kinds: Sequence[tuple[str, str]]) -> str:
    """Return the density's name, numbered where it stands with several options."""
    alike = [kind for kind in kinds if kind[0] == template.density]
    if len(alike) == 1:
        return template.density
    return f"{template.density}-{1 + alike.index(_kind(template))}"


def fit_density(
    sample: Sample, task: DensityTask, folds: FoldAssignment, seed: int
) -> SidebandDensity:
    """Train one density.

    Parameters
    ----------
    sample : Sample
    task : DensityTask
    folds : FoldAssignment
        In half mode only the training half is learned from, and no other folds are needed.
    seed : int
        Seed of the run; the training draws from (seed, task) only.

    Raises
    ------
    BycatchError
        See `bycatch.template.SidebandDensity.fit`.
    """
    used = _learned_from(sample.mass, task, folds)
    folded = task.folded and folds.mode != "half"
    return SidebandDensity.fit(
        sample.mass[used],
        sample.X[used],
        sample.weight[used],
        task.windows,
        task.span,
        density=task.density,
        options=task.options,
        seed=child_seed(seed, "density", task.identity),
        hidden=task.hidden,
        fold=folds.fold[used] if folded else None,
    )


def own_density(
    sample: Sample, method: MethodPlan, region: Region, folds: FoldAssignment, seed: int
) -> SidebandDensity | None:
    """Train the density that a method needs in one window; None where it needs none."""
    needed = plan_densities([(method, region)])
    if not needed:
        return None
    return fit_density(sample, distinct(needed)[0], folds, seed)


def _learned_from(
    mass: NDArray[np.float64], task: DensityTask, folds: FoldAssignment
) -> NDArray[np.intp]:
    use = (mass >= task.span[0]) & (mass < task.span[1])
    if folds.mode == "half":
        use &= ~folds.scored
    return np.flatnonzero(use)


def train_densities(
    densities: Sequence[DensityTask],
    paths: Mapping[str, str],
    folds: FoldAssignment,
    seed: int,
    run: Run,
) -> tuple[DensityCurve, ...]:
    """Train and keep every density that is not stored yet; return the curves of all.

    Parameters
    ----------
    densities : sequence of DensityTask
    paths : mapping of str
        Arrays of the sample: ``mass``, ``X``, ``weight``.
    folds : FoldAssignment
    seed : int
        Seed of the run.
    run : Run
        Its folder gets the models, see `density_folder`.

    Returns
    -------
    tuple of DensityCurve
    """
    if not densities:
        return ()
    common = {"paths": dict(paths), "folds": folds, "seed": seed}
    waiting = [
        (
            f"densities/{task.name}",
            {**common, "task": task, "save_to": density_folder(run, task)},
        )
        for task in densities
    ]

    def save(step: Step, found: tuple[History, int]) -> None:
        history, n_events = found
        step.save_json({**vars(history), "n_events": n_events})

    words = "Learning background densities"
    stored = run.stage(words, _density_task, waiting, save, Step.load_json, event="density")
    return tuple(_curve(task, found) for task, found in zip(densities, stored, strict=True))


def density_folder(run: Run, task: DensityTask) -> Path:
    """Return where a density is kept."""
    return run.path / "models" / "densities" / task.name


def _density_task(
    paths: Mapping[str, str], task: DensityTask, folds: FoldAssignment, seed: int, save_to: Path
) -> tuple[History, int]:
    mass, X, weight = (np.load(paths[name], mmap_mode="r") for name in ("mass", "X", "weight"))
    density = fit_density(Sample(mass, X, weight, None, ()), task, folds, seed)
    density.save(save_to)
    return density.history, int(_learned_from(mass, task, folds).size)


def _curve(task: DensityTask, stored: Mapping[str, Any]) -> DensityCurve:
    return DensityCurve(
        name=task.name,
        windows=task.windows,
        train_loss=tuple(stored["train_loss"]),
        validation_loss=tuple(stored["validation_loss"]),
        best=int(stored["best"]),
        n_events=int(stored["n_events"]),
    )
