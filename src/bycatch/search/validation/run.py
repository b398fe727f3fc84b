"""`bycatch validate`: repeat the whole search on signal-free pseudo-data and judge its p-values.

What k-fold does not cure: folds share training events, so that the counts that a search selects
under the null spread more than Poisson, and a p-value that does not know it is too small (3 to 20
times at 1e-4 for trees, arXiv:2512.13787). Here the search is repeated, training included, on null
pseudo-experiments (`bycatch.search.validation.pseudo`). The spread of r is the correction that the
search then applies (`bycatch.search.validation.correction`), and the p-values before and after it
are held against the uniform distribution (`bycatch.search.validation.verdict`).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bycatch import __version__
from bycatch.errors import ConfigError, DataError
from bycatch.search.closure import closure_regions
from bycatch.search.load import load_sample
from bycatch.search.plan import SearchPlan
from bycatch.search.regions import Regions, resolve_regions
from bycatch.search.sample import Sample
from bycatch.search.validation.correction import EXPECTED_FOR_SHOWN
from bycatch.search.validation.pseudo import MassDensity, largest_mean, pseudo_task, smooth_density
from bycatch.search.validation.validated import load_correction
from bycatch.search.validation.verdict import ValidationResult, summarise
from bycatch.tasks.run import Run
from bycatch.tasks.store import Step

BLOCK = 5
"""Pseudo-experiments per task: a killed run loses at most so many per worker."""
GLOBAL_TOYS = 199


def run_validation(
    plan: SearchPlan,
    resolved: Mapping[str, Any],
    n: int,
    run: Run,
    *,
    events: float | None = None,
    toys: int = GLOBAL_TOYS,
) -> ValidationResult:
    """Run null pseudo-experiments of a search, or continue them.

    Parameters
    ----------
    plan : SearchPlan
        Its injection is ignored. With `truth`, only its background events are used. Its
        `validation`, where given, is applied and so put to the test: give the two runs different
        seeds, or the pseudo-experiments are the same.
    resolved : mapping
        The resolved configuration; it is repeated in the result, and a search that names this
        validation is compared with it.
    n : int
        Number of pseudo-experiments.
    run : Run
        ``result.json`` and the arrays of each block are written to its folder.
    events : float, optional
        Mean number of events per pseudo-experiment; as many as the data have by default, or as
        many as the pool can serve without copies.
    toys : int
        Toys for a global p-value in each pseudo-experiment; 0: none.

    Returns
    -------
    ValidationResult

    Raises
    ------
    ConfigError
        For fewer than 20 pseudo-experiments.
    FitError
        Where the unselected spectrum cannot be fitted, or too few fits succeed.
    """
    if n < EXPECTED_FOR_SHOWN:
        raise ConfigError(
            f"A validation needs at least {EXPECTED_FOR_SHOWN} pseudo-experiments to measure a "
            f"spread, but {n} were asked for."
        )
    pool, regions, density, mean = _prepare(plan, events)
    arguments = {
        "paths": {
            "X": str(run.folder.save_npy("pool-features", pool.X)),
            "weight": str(run.folder.save_npy("pool-weight", pool.weight)),
        },
        "density": density,
        "mean": mean,
        "regions": regions.regions,
        "edges": np.asarray(regions.edges),
        "plan": plan,
        "toys": toys,
        "apart": closure_regions(regions, plan.regions.sidebands),
    }
    table = _experiments(arguments, n, run)
    result = summarise(
        table,
        plan,
        regions,
        density,
        mean_events=mean,
        pool=len(pool),
        applied=load_correction(plan, resolved),
    )
    run.folder.step("table").save(table)
    document = {"version": __version__, "config": dict(resolved), **result.to_json()}
    run.write_result(document, sort_keys=True)
    return result


def _experiments(arguments: Mapping[str, Any], n: int, run: Run) -> dict[str, NDArray[Any]]:
    """Run the blocks of pseudo-experiments that are not stored yet; return all in order."""
    tasks = [
        (f"pseudo/{first:06d}", {**arguments, "first": first, "n": min(BLOCK, n - first)})
        for first in range(0, n, BLOCK)
    ]
    words = "Repeating the search on signal-free pseudo-data"
    blocks = run.stage(words, pseudo_task, tasks, Step.save, Step.load_arrays)
    return {name: np.concatenate([block[name] for block in blocks]) for name in blocks[0]}


def _prepare(plan: SearchPlan, events: float | None) -> tuple[Sample, Regions, MassDensity, float]:
    """Read the signal-free events and fit their spectrum."""
    plan = plan.replace(data=plan.data.replace(inject=None))
    sample, _ = load_sample(plan)
    regions = resolve_regions(plan.regions, sample.mass)
    edges = np.asarray(regions.edges)
    keep = (sample.mass >= edges[0]) & (sample.mass < edges[-1])
    if sample.label is not None:
        keep &= sample.label == 0
    if not keep.any():
        raise DataError(
            "No signal-free event lies in the fit range, so there is no pseudo-data to draw."
        )
    label = None if sample.label is None else sample.label[keep]
    pool = Sample(sample.mass[keep], sample.X[keep], sample.weight[keep], label, sample.features)
    counts, _ = np.histogram(pool.mass, edges, weights=pool.weight)
    squares, _ = np.histogram(pool.mass, edges, weights=pool.weight**2)
    scale = counts.sum() / squares.sum()
    exact = replace(plan.background.on(edges), integrate="auto")
    density = smooth_density(np.maximum(counts * scale, 0.0), exact)
    largest = largest_mean(len(pool))
    if events is not None and events > largest:
        raise DataError(
            f"Pseudo-experiments of {events:g} events need a larger pool than {len(pool)} "
            f"signal-free events: ask for at most {math.floor(largest)}."
        )
    return pool, regions, density, min(largest, float(len(pool))) if events is None else events
