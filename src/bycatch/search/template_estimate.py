"""The template's own estimate of the background in every look, with its measured bias.

What to use when: beside the estimate of the fit, which the result of a search is built on. The
template knows nothing of the smoothness of the selected spectrum and the fit nothing of the
template, so their errors are different ones; where they disagree, look at the checks.

References
----------
Cowan, Cranmer, Gross, Vitells, arXiv:1007.1727 (profile likelihood); Li, Ma, Astrophys. J. 272
(1983) 317; arXiv:2411.00085 (delta_sys).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtr, xlogy

from bycatch.search.looks import FittedLook
from bycatch.search.result import TemplateEstimate
from bycatch.search.sample import Sample
from bycatch.search.scored import Scored
from bycatch.search.scoring import ScoringTask
from bycatch.search.selection import Selection
from bycatch.search.template_bias import (
    ClosurePoint,
    SharedEvents,
    TemplateBias,
    count_windows,
    measure_bias,
)
from bycatch.statistics.region import Region
from bycatch.template import get_template

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class WindowCounts:
    """What the template's estimate in one look's window is made of.

    Attributes
    ----------
    point : ClosurePoint
        Counts of the look's own window.
    rejected_variance : float
        Sum of squared weights of its scored events that were not selected.
    scale : float
        Sum of weights over sum of squared weights of the selected events: times it, counts are
        Poisson-like.
    """

    point: ClosurePoint
    rejected_variance: float
    scale: float = 1.0


def counting_z(n: ArrayLike, b: ArrayLike, sigma_b: ArrayLike) -> Floats:
    r"""Return the significance of a count over a background that is known to sigma_b.

    The signed root of the profile likelihood ratio of n ~ Poisson(s + b) with b constrained by an
    auxiliary count of mean (b / sigma_b)^2, which gives b its relative error:

    z^2 = 2 { n ln[n (b + v) / (b^2 + n v)] - b^2 / v ln[1 + v (n - b) / (b (b + v))] }, v = sigma^2

    Parameters
    ----------
    n : array_like
        Observed; need not be integer.
    b, sigma_b : array_like
        Expected background (positive) and its error; an infinite error gives 0.

    Returns
    -------
    ndarray
        Negative for a deficit.

    References
    ----------
    arXiv:1007.1727; Li, Ma, Astrophys. J. 272 (1983) 317, equation 17 (the same with m = (b /
    sigma_b)^2 events off and tau = b / sigma_b^2).
    """
    count, background, sigma = np.broadcast_arrays(
        *(np.asarray(value, dtype=np.float64) for value in (n, b, sigma_b))
    )
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        relative = sigma**2 / background  # v / b
        first = xlogy(count, count / background)
        first += count * (np.log1p(relative) - np.log1p(relative * count / background))
        change = (count - background) / background
        # b^2 / v ln[1 + v (n - b) / (b (b + v))], which tends to n - b where v vanishes
        argument = relative * change / (1.0 + relative)
        second = background / relative * np.log1p(argument)
        second = np.where(relative > 0.0, second, count - background)
        z = np.sign(count - background) * np.sqrt(2.0 * np.maximum(first - second, 0.0))
    return np.asarray(np.where(np.isinf(relative), 0.0, z))


def estimate_background(counts: WindowCounts, bias: TemplateBias | None) -> TemplateEstimate:
    """Return the background in a window as the template predicts it, and what n is beside it.

    The estimate is b_T = efficiency x N with N the scored events in the window. N holds the
    selected events themselves, so the test compares them with those that were not selected:
    b = efficiency / (1 - efficiency) x (N - n) is the same estimate without them, and independent
    of n.

    Parameters
    ----------
    counts : WindowCounts
    bias : TemplateBias or None
        None: it cannot be measured, and there is no p without it.

    Returns
    -------
    TemplateEstimate
    """
    point = counts.point
    if not point.expected > 0.0:
        message = "The template expects no events of positive weight in the window; widen it."
        return TemplateEstimate(status=message)
    estimate = TemplateEstimate(
        background=point.expected,
        background_error=point.inclusive * point.efficiency_error,
        status=(
            "The template's bias is unknown, since no window that does not overlap this one "
            "expects selected events: scan more windows, widen 'fit_range' or loosen the working "
            "point."
        ),
    )
    if bias is None:
        return estimate
    # the bias is not corrected for: its size counts, and its error
    relative = float(np.hypot(bias.delta, bias.error))
    estimate = replace(
        estimate,
        delta_sys=bias.delta,
        delta_sys_error=bias.error,
        delta_sys_statistical=bias.statistical,
        delta_sys_spread=bias.spread,
        n_windows=bias.n_windows,
        systematic=point.expected * relative,
        status="ok",
    )
    rejected = point.inclusive - point.observed
    if point.observed < 0.0 or not (rejected > 0.0 and point.efficiency < 1.0):
        message = (
            "There is no significance from the template, since no events of positive weight are "
            "rejected, or negative weights leave a negative number of selected ones; use a "
            "tighter working point or widen the window."
        )
        return replace(estimate, status=message)
    # selected events are part of the window, so what is compared is odds
    odds = 1.0 - point.efficiency
    background = point.efficiency / odds * rejected
    # d ln[e / (1 - e)] = (de / e) / (1 - e)
    of_efficiency = np.hypot(point.efficiency_error / point.efficiency, relative) / odds
    error = background * np.hypot(np.sqrt(counts.rejected_variance) / rejected, of_efficiency)
    z = float(counting_z(*(counts.scale * value for value in (point.observed, background, error))))
    return replace(estimate, local_p=float(ndtr(-z)), local_z=z)


def with_templates(
    looks: Sequence[FittedLook],
    sample: Sample,
    tasks: Sequence[ScoringTask],
    scored: Sequence[Scored],
    selections: Sequence[Selection],
) -> list[FittedLook]:
    """Give every look its template's estimate.

    Parameters
    ----------
    looks : sequence of FittedLook
        One for each of the first tasks and working point, working points innermost.
    sample : Sample
    tasks : sequence of (MethodPlan, Region)
        Those of the looks, then those of the extra windows of the closure test.
    scored, selections : sequence
        One for each of `tasks`.

    Returns
    -------
    list of FittedLook
    """
    found = list(looks)
    n_points = len(selections[0].working_points)
    for method in {task[0].name: task[0] for task in tasks}.values():
        mine = [position for position, task in enumerate(tasks) if task[0].name == method.name]
        yardstick = get_template(method.template).needs_truth
        windows = [(tasks[i][1], scored[i], selections[i]) for i in mine]
        for index in range(n_points):
            rows = [i * n_points + index for i in mine if i * n_points < len(looks)]
            if yardstick:
                message = f"'{method.name}' is a yardstick that uses truth, not an estimate."
                estimates = [TemplateEstimate(status=message)] * len(rows)
            else:
                estimates = _estimates(sample, windows, index, len(rows))
            for row, estimate in zip(rows, estimates, strict=True):
                found[row] = replace(found[row], look=replace(found[row].look, template=estimate))
    return found


def _estimates(
    sample: Sample,
    windows: Sequence[tuple[Region, Scored, Selection]],
    index: int,
    n_looks: int,
) -> list[TemplateEstimate]:
    """Return the estimates in the first windows, each with its bias from those apart from it."""
    points, shared = count_windows(sample, windows, index)
    found = []
    for (region, scored, selection), point in zip(windows[:n_looks], points, strict=False):
        if selection.status[index] != "ok":
            found.append(TemplateEstimate(status=selection.status[index]))
            continue
        kept = selection.mask[index]
        rejected = region.in_window(sample.mass) & scored.scored & ~kept
        weight = sample.weight[kept]
        total, squares = float(weight.sum()), float((weight**2).sum())
        counts = WindowCounts(
            point,
            float((sample.weight[rejected] ** 2).sum()),
            total / squares if total > 0.0 else 1.0,
        )
        found.append(estimate_background(counts, _bias_apart(region, points, shared)))
    return found


def _bias_apart(
    region: Region, points: Sequence[ClosurePoint], shared: SharedEvents
) -> TemplateBias | None:
    """Measure the bias in the windows that do not overlap one."""
    low, high = region.window
    apart = [
        index
        for index, point in enumerate(points)
        if point.window[1] <= low or point.window[0] >= high
    ]
    return measure_bias([points[index] for index in apart], shared.of(apart))
