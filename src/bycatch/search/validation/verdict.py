"""What a validation says: p-values before and after the correction against the uniform one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm

from bycatch.search.plan import SearchPlan
from bycatch.search.regions import Regions
from bycatch.search.validation.calibration import (
    ENOUGH_FOR_KS,
    GlobalCalibration,
    LookCalibration,
    calibrate,
    calibrate_global,
    mid_p,
)
from bycatch.search.validation.correction import EXPECTED_FOR_SHOWN, Correction, measure
from bycatch.search.validation.pseudo import MassDensity
from bycatch.statistics.fits.order import planned_orders
from bycatch.statistics.significance.global_p import global_p
from bycatch.statistics.significance.local import window_bins, window_excess
from bycatch.tasks.random import stream
from bycatch.tasks.result import Result

Floats = NDArray[np.float64]
Cell = tuple[int, int, int]

REFERENCE_TOYS = 5000
"""Toys without training that calibrate p at low counts."""


@dataclass(frozen=True, repr=False)
class ValidationResult(Result):
    """How well a configuration is calibrated.

    Attributes
    ----------
    n : int
        Pseudo-experiments.
    mean_events : float
        Mean number of events of each, in the fit range.
    pool : int
        Signal-free events that features were drawn from.
    looks : tuple of LookCalibration
        As measured: order, systematic and low counts as in the search.
    without_systematic : tuple of LookCalibration
        The same without the spurious-signal systematic, where over-dispersion is seen undiluted.
    corrected : tuple of LookCalibration
        After the correction.
    correction : Correction
        Measured here, from all pseudo-experiments.
    corrected_by : str
        ``halves``: each half of the pseudo-experiments by what the other half gave; ``itself``
        where there are too few for that; else the folder of the validation that was applied
        (fresh pseudo-experiments).
    global_p, corrected_global_p : GlobalCalibration or None
    """

    further: ClassVar = ("bonferroni",)

    n: int
    mean_events: float
    pool: int
    looks: tuple[LookCalibration, ...]
    without_systematic: tuple[LookCalibration, ...]
    corrected: tuple[LookCalibration, ...]
    correction: Correction
    corrected_by: str
    global_p: GlobalCalibration | None
    corrected_global_p: GlobalCalibration | None

    @property
    def bonferroni(self) -> float:
        """Smallest p over all tests of the corrected p-values, times their number."""
        tests = [p for look in self.corrected for p in look.tests()]
        if self.corrected_global_p is not None:
            tests.extend(self.corrected_global_p.tests())
        return min(1.0, min(tests) * len(tests))

    def __str__(self) -> str:
        head = (
            f"{self.n} null pseudo-experiments of {self.mean_events:.0f} events each, features "
            f"from {self.pool} signal-free events."
        )
        lines = [
            head,
            "As measured:",
            *(f"  {look}" for look in self.looks),
            "Without the spurious-signal systematic:",
            *(f"  {look}" for look in self.without_systematic),
            f"Corrected ({self.corrected_by}):",
            *(f"  {look}" for look in self.corrected),
        ]
        if self.global_p is not None and self.corrected_global_p is not None:
            lines += [f"As measured: {self.global_p}", f"Corrected: {self.corrected_global_p}"]
        verdict = "agree with" if self.bonferroni > 0.05 else "differ from"
        lines.append(
            f"The corrected p-values {verdict} the uniform distribution (smallest p over all "
            f"tests, Bonferroni: {self.bonferroni:.3g}); shown down to p = "
            f"{self.correction.calibrated_down_to:.2g}."
        )
        return "\n".join(lines)


def summarise(
    table: Mapping[str, Floats],
    plan: SearchPlan,
    regions: Regions,
    density: MassDensity,
    *,
    mean_events: float,
    pool: int,
    applied: Correction | None = None,
) -> ValidationResult:
    """Judge the numbers of pseudo-experiments.

    Parameters
    ----------
    table : mapping of ndarray
        `bycatch.search.validation.pseudo.FIELDS` and, optionally, ``maxima``, of all experiments.
    plan : SearchPlan
    regions : Regions
    density : MassDensity
    mean_events : float
    pool : int
        See `ValidationResult`.
    applied : Correction, optional
        A correction that was measured before, on other pseudo-experiments.

    Returns
    -------
    ValidationResult
    """
    methods, points = tuple(method.name for method in plan.methods), plan.working_points
    z = table["r"].copy()
    cells: list[Cell] = list(np.ndindex(*z.shape[1:]))
    toys = np.empty((2, *z.shape[1:]))
    low = dict.fromkeys(cells, False)
    for cell in cells:
        reference = _reference(table, cell, plan, regions, density)
        toys[:, *cell] = reference.mean(), reference.std(ddof=1)
        if np.nanmean(table["background"][:, *cell]) < ENOUGH_FOR_KS:
            low[cell] = True
            known = np.isfinite(z[:, *cell])
            z[known, *cell] = norm.isf(mid_p(z[known, *cell], reference))
    correction = measure(z, table["r"], toys, methods, points)
    corrected_z, corrected_r, corrected_by = _correct(
        z, table["r"], toys, plan, applied, correction
    )

    def judge(values: Floats, *, asymptotic: bool = False) -> tuple[LookCalibration, ...]:
        return tuple(
            _judge(values, cell, table, plan, regions, asymptotic or not low[cell])
            for cell in cells
        )

    maxima = table.get("maxima")
    return ValidationResult(
        n=z.shape[0],
        mean_events=mean_events,
        pool=pool,
        looks=judge(z),
        without_systematic=judge(table["plain_r"], asymptotic=True),
        corrected=judge(corrected_z),
        correction=correction,
        corrected_by=corrected_by,
        global_p=_global(table["r"], maxima, plan.seed),
        corrected_global_p=_global(corrected_r, maxima, plan.seed),
    )


def _judge(
    values: Floats,
    cell: Cell,
    table: Mapping[str, Floats],
    plan: SearchPlan,
    regions: Regions,
    asymptotic: bool,
) -> LookCalibration:
    window, method, point = cell
    kind: Literal["asymptotic", "mid-p"] = "asymptotic" if asymptotic else "mid-p"
    return calibrate(
        values[:, *cell],
        method=plan.methods[method].name,
        window=regions.windows[window],
        working_point=plan.working_points[point],
        expected=float(np.nanmean(table["background"][:, *cell])),
        efficiency=float(np.mean(table["efficiency"][:, *cell])),
        kind=kind,
    )


def _reference(
    table: Mapping[str, Floats],
    cell: Cell,
    plan: SearchPlan,
    regions: Regions,
    density: MassDensity,
) -> Floats:
    """Return r of Poisson toys at a look's mean counts: the same fits, no training."""
    edges = np.asarray(regions.edges)
    window = regions.windows[cell[0]]
    rng = stream(plan.seed, "validation-reference", *cell)
    mean = density.fractions(edges) * table["n_selected"][:, *cell].mean()
    counts = rng.poisson(mean, (REFERENCE_TOYS, mean.size)).astype(np.float64)
    counts = counts[counts.sum(axis=1) > 0]  # an empty spectrum has no fit
    background = plan.background.at_least(int(np.median(table["order"]))).on(edges)
    orders = planned_orders(counts, background, window_bins(edges, window))
    systematic = float(np.nanmedian(table["systematic"][:, *cell]))
    fitted = window_excess(counts, background, window, orders, systematic)
    return np.asarray(fitted.r[fitted.converged])


def _correct(
    z: Floats,
    r: Floats,
    toys: Floats,
    plan: SearchPlan,
    applied: Correction | None,
    correction: Correction,
) -> tuple[Floats, Floats, str]:
    """Correct z, and r for the global p, by what other experiments gave; say which."""
    if applied is not None:
        return *_apply(z, r, plan, applied), str(plan.validation)
    # a correction must not be judged by the experiments that it came from
    halves = [np.arange(z.shape[0]) % 2 == parity for parity in (0, 1)]
    finite = np.asarray(np.isfinite(z).all(axis=1))
    if min(int(finite[half].sum(axis=0).min()) for half in halves) < EXPECTED_FOR_SHOWN:
        return *_apply(z, r, plan, correction), "itself"
    methods = tuple(method.name for method in plan.methods)
    new_z, new_r = np.empty_like(z), np.empty_like(r)
    for half, other in (halves, halves[::-1]):
        theirs = measure(z[other], r[other], toys, methods, plan.working_points)
        new_z[half], new_r[half] = _apply(z[half], r[half], plan, theirs)
    return new_z, new_r, "halves"


def _apply(z: Floats, r: Floats, plan: SearchPlan, correction: Correction) -> tuple[Floats, Floats]:
    new_z, new_r = np.empty_like(z), np.empty_like(r)
    for i, method in enumerate(plan.methods):
        for j, point in enumerate(plan.working_points):
            cell = (slice(None), slice(None), i, j)
            new_z[cell] = correction.apply(z[cell], method.name, point)
            new_r[cell] = correction.on_toy_scale(r[cell], method.name, point)
    return new_z, new_r


def _global(r: Floats, maxima: Floats | None, seed: int) -> GlobalCalibration | None:
    """Judge the global p-values of all experiments that have one."""
    if maxima is None:
        return None
    flat = r.reshape(r.shape[0], -1)
    usable = ~np.isnan(maxima).any(axis=1) & np.isfinite(flat).any(axis=1)
    if not usable.any():
        return None
    observed = np.nanmax(flat[usable], axis=1)
    p = np.array([global_p(*pair).p for pair in zip(observed, maxima[usable], strict=True)])
    return calibrate_global(p, maxima.shape[1], stream(seed, "validation-spread"))
