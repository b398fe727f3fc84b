"""Checks that the user did not ask for and always gets (see also `bycatch.search.closure`)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.stats import chi2

from bycatch.evaluate.sizes import kish
from bycatch.search.looks import LOW_COUNT
from bycatch.search.regions import Regions
from bycatch.search.result import Check, Look
from bycatch.search.sample import Sample
from bycatch.search.scored import Scored
from bycatch.search.validation.correction import Correction
from bycatch.statistics.region import Region

SIGNIFICANT = 0.01
FEWEST_EFFECTIVE = 0.5
MOST_FAILED = 0.05
UNVALIDATED = 0.01
"""Down to this p a k-fold search is trusted without a validation of its own."""


def inclusive_check(p: float, suggestion: tuple[float, float] | None, regions: Regions) -> Check:
    """Ask whether the family describes the spectrum before any selection."""
    low, high = regions.fit_range
    values = {"p": p, "suggested_fit_range": suggestion}
    if p >= SIGNIFICANT:
        message = f"The background family describes the unselected spectrum (p = {p:.2g})."
        return Check("inclusive fit", True, message, values=values)
    remedy = (
        f"regions.fit_range: [{suggestion[0]:g}, {suggestion[1]:g}] is described"
        if suggestion is not None
        else "no shorter range is described either; try another background family"
    )
    message = (
        f"Warning: the background family does not describe the unselected spectrum between {low:g} "
        f"and {high:g} outside of the best look's window (p = {p:.2g}); {remedy}."
    )
    return Check("inclusive fit", False, message, values=values)


def fit_checks(looks: Sequence[Look]) -> tuple[Check, ...]:
    """Report fits without a result and fits that describe their spectrum badly."""
    failed = [look for look in looks if look.local_p is None]
    names = "; ".join(
        f"{look.method} at {look.working_point:g} in [{look.window[0]:g}, {look.window[1]:g}]: "
        f"{look.status}"
        for look in failed
    )
    first = Check(
        "fits",
        not failed,
        f"Warning: {len(failed)} of {len(looks)} looks have no result: {names}"
        if failed
        else f"All {len(looks)} fits converged.",
        values={"failed": len(failed)},
    )
    qualities = [look.goodness_of_fit for look in looks if look.goodness_of_fit is not None]
    if not qualities:
        return (first,)
    worst = min(qualities)
    message = (
        f"Warning: the worst of {len(qualities)} background fits outside of its window has "
        f"p = {worst:.2g}; look at its spectrum before you believe its excess."
        if worst * len(qualities) < SIGNIFICANT
        else f"Outside of the windows all background fits are good (smallest p of "
        f"{len(qualities)}: {worst:.2g})."
    )
    passed = worst * len(qualities) >= SIGNIFICANT
    return first, Check("goodness of fit", passed, message, values={"smallest_p": worst})


def stability_check(
    look: Look, scored: Scored, selected: NDArray[np.bool_], sample: Sample, region: Region
) -> Check:
    """Ask whether folds agree on the selected yield, and members on the scores."""
    inside = region.in_window(sample.mass) & scored.scored
    folds = np.unique(scored.fold[inside])
    kept = np.array([(selected & inside & (scored.fold == k)).sum() for k in folds], dtype=float)
    whole = np.array([(inside & (scored.fold == k)).sum() for k in folds], dtype=float)
    expected = kept.sum() * whole / max(whole.sum(), 1.0)
    spread = float(np.nanmedian(scored.spread[inside]))
    width = float(np.nanstd(scored.score[inside]))
    ratio = spread / width if width > 0 else 0.0
    values = {"kept_per_fold": kept.tolist(), "member_spread": ratio}
    if len(folds) < 2 or expected.min() <= 0:
        message = f"The members' scores spread by {ratio:.1f} of the scores' own width."
        return Check("stability", True, message, look.method, look.window, values)
    p = float(chi2.sf(((kept - expected) ** 2 / expected).sum(), len(folds) - 1))
    values["p"] = p
    per_fold = ", ".join(f"{count:g}" for count in kept)
    tail = f"({per_fold}; p = {p:.2g}); members spread by {ratio:.1f} of the scores' width."
    if p < SIGNIFICANT:
        message = f"Warning: the folds disagree on the selected events in the window {tail}"
        return Check("stability", False, message, look.method, look.window, values)
    message = f"The folds agree on the selected events in the window {tail}"
    return Check("stability", True, message, look.method, look.window, values)


def sizes_check(sample: Sample, regions: Regions) -> Check:
    """State Kish's effective sample sizes."""
    values = {"sample": [len(sample), kish(sample.weight)]}
    # effective over real events: 1 without weights
    smallest = values["sample"][1] / max(values["sample"][0], 1)
    for region in regions.regions:
        low, high = region.window
        for name, mask in (
            (f"window {low:g}-{high:g}", region.in_window(sample.mass)),
            (f"sidebands of {low:g}-{high:g}", region.in_sidebands(sample.mass)),
        ):
            count = int(mask.sum())
            values[name] = [count, kish(sample.weight[mask])]
            smallest = min(smallest, values[name][1] / max(count, 1))
    if smallest < FEWEST_EFFECTIVE:
        message = (
            f"Warning: the weights leave as little as {smallest:.0%} of the events effective; "
            "few events with large weights decide."
        )
        return Check("effective sizes", False, message, values=values)
    message = (
        f"{len(sample)} events, effectively {values['sample'][1]:.0f}; at least {smallest:.0%} of "
        "the events are effective in every window and its sidebands."
    )
    return Check("effective sizes", True, message, values=values)


def trials_check(looks: Sequence[Look], n_windows: int) -> Check:
    """State how many looks the global p-value pays for."""
    usable = sum(look.local_p is not None for look in looks)
    methods = {look.method for look in looks}
    points = {look.working_point for look in looks}
    message = (
        f"The global p-value pays for {usable} looks: {n_windows} windows x {len(methods)} methods "
        f"x {len(points)} working points"
        + ("." if usable == len(looks) else f", less {len(looks) - usable} without a result.")
    )
    return Check("number of looks", True, message, values={"n_looks": usable})


def toys_check(failed: int, tried: int) -> Check:
    """Report fits that failed in toys; a toy without a fit counts as showing no excess there."""
    share = failed / tried if tried else 0.0
    message = f"{failed} of {tried} fits to toys have no solution ({share:.1%})"
    if share > MOST_FAILED:
        message = f"Warning: {message}, too many to trust the global p; loosen the working points."
        return Check("toys", False, message, values={"failed": failed, "tried": tried})
    return Check("toys", True, f"{message}.", values={"failed": failed, "tried": tried})


def calibration_check(
    correction: Correction | None,
    folds: int | str,
    looks: Sequence[Look],
    *,
    interpolated: bool = False,
) -> Check:
    """Say down to which p the numbers are calibrated.

    Parameters
    ----------
    correction : Correction or None
    folds : int or "half"
    looks : sequence of Look
    interpolated : bool
        Whether a template interpolates a density that has learned from events of the fit.

    Returns
    -------
    Check
    """
    low_counts = [
        look for look in looks if look.background is not None and look.background < LOW_COUNT
    ]
    tail = (
        f" {len(low_counts)} looks expect fewer than {LOW_COUNT:g} events; their local p comes "
        "from toys where toys reach it, and is asymptotic beyond."
        if low_counts
        else ""
    )
    if correction is not None:
        down_to = correction.calibrated_down_to
        message = f"Measured over-dispersion is divided out; shown down to p = {down_to:.1g}.{tail}"
        return Check("calibration", True, message, values={"calibrated_down_to": down_to})
    if folds == "half":
        message = (
            "Trained on one half and searched in the other: selected counts have no "
            f"over-dispersion from shared training events.{tail}"
        )
        return Check("calibration", True, message, values={"calibrated_down_to": None})
    if interpolated:
        tail = (
            " The events outside of a window are also those that its density has learned from, and "
            "look a little less anomalous to it: z of cathode was 0.3 too large on average in 200 "
            f"pseudo-experiments without a signal.{tail}"
        )
    message = (
        f"Warning: not calibrated below p = {UNVALIDATED:g}. Folds share training events, so "
        "counts spread more than Poisson; run `bycatch validate` on this configuration and name "
        f"its result under `validation`.{tail}"
    )
    return Check("calibration", False, message, values={"calibrated_down_to": None})
