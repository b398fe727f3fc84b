"""The template's bias in windows without a signal: delta_sys, its error and its spread.

What a classifier selects beyond the efficiency that it has on its template is an excess if there
is a signal, and the template's error if there is none. So the error is measured where no signal is
expected: in windows of the sidebands, each with a training, a template and thresholds of its own.

Windows share events: overlapping windows count the same ones, a sideband of one window is the
inside of another, and templates share sidebands. Every sum here is a sum over events, so its
covariances are sums over events as well, of the products of what one event adds to each.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from bycatch.search.sample import Sample
from bycatch.search.scored import Scored
from bycatch.search.selection import Selection
from bycatch.statistics.region import Region

Floats = NDArray[np.float64]
Index = NDArray[np.intp]

SAME = 1e-9
"""Windows whose overlaps leave less than this to differ are one window."""


@dataclass(frozen=True)
class ClosurePoint:
    """Counts of scored events in one signal-free window.

    Attributes
    ----------
    window : tuple of float
    working_point : float
    observed : float
        Selected events in the window (sum of weights).
    efficiency : float
        Achieved on the template.
    inclusive : float
        Events in the window before the selection, of those that were scored.
    efficiency_error : float
        Statistical error of `efficiency`.
    event_weight : float
        Sum of squared weights over sum of weights of the window's events.
    """

    window: tuple[float, float]
    working_point: float
    observed: float
    efficiency: float
    inclusive: float
    efficiency_error: float = 0.0
    event_weight: float = 1.0

    @property
    def expected(self) -> float:
        """The template's estimate of the selected background."""
        return self.efficiency * self.inclusive


@dataclass(frozen=True)
class SharedEvents:
    """Covariances of the counts of several windows, each of shape (n_windows, n_windows).

    Attributes
    ----------
    observed : ndarray
        Of the selected events.
    crossed : ndarray
        Of the selected events (rows) with the template's estimates (columns).
    expected : ndarray
        Of the template's estimates: the windows' events and the finite templates.
    overlap : ndarray
        Share of common events, N_uv / sqrt(N_u N_v).
    """

    observed: Floats
    crossed: Floats
    expected: Floats
    overlap: Floats

    @classmethod
    def none(cls, points: Sequence[ClosurePoint]) -> SharedEvents:
        """Return the covariances of windows and templates that have no event in common."""
        weight = np.array([point.event_weight for point in points])
        observed = np.array([point.observed for point in points])
        efficiency = np.array([point.efficiency for point in points])
        inclusive = np.array([point.inclusive for point in points])
        template = inclusive * np.array([point.efficiency_error for point in points])
        return cls(
            np.diag(weight * observed),
            np.diag(weight * efficiency * observed),
            np.diag(weight * efficiency**2 * inclusive + template**2),
            np.eye(len(points)),
        )

    def of(self, chosen: Sequence[int]) -> SharedEvents:
        """Return the covariances of some of the windows."""
        block = np.ix_(list(chosen), list(chosen))
        return SharedEvents(
            self.observed[block], self.crossed[block], self.expected[block], self.overlap[block]
        )


@dataclass(frozen=True)
class TemplateBias:
    """The template's bias as measured in windows without a signal.

    Attributes
    ----------
    delta : float
        delta_sys: sum of observed / sum of expected - 1.
    statistical : float
        Its statistical error.
    spread : float or None
        Standard deviation of the true bias between windows; None where it cannot be told.
    error : float
        Error of `delta` as a statement about one more window: statistics, what the spread does to
        the mean, and the spread itself, in quadrature.
    n_windows : int
    """

    delta: float
    statistical: float
    spread: float | None
    error: float
    n_windows: int


def measure_bias(
    points: Sequence[ClosurePoint], shared: SharedEvents | None = None
) -> TemplateBias | None:
    """Measure delta_sys = sum of observed / sum of expected - 1 in signal-free windows.

    Parameters
    ----------
    points : sequence of ClosurePoint
        Of one method at one working point.
    shared : SharedEvents, optional
        What the windows have in common; None: nothing.

    Returns
    -------
    TemplateBias or None
        None where no window expects any events.

    References
    ----------
    arXiv:2411.00085 (definition of delta_sys); DerSimonian, Laird, Control. Clin. Trials 7 (1986)
    177 (moment estimate of the spread, here with correlated windows).
    """
    shared = SharedEvents.none(points) if shared is None else shared
    usable = [index for index, point in enumerate(points) if point.expected > 0]
    if not usable:
        return None
    shared = shared.of(usable)
    expected = np.array([points[index].expected for index in usable])
    observed = np.array([points[index].observed for index in usable])
    total = expected.sum()
    ratio = observed.sum() / total
    # covariances of observed - ratio x expected, relative to the expected numbers
    crossed = shared.crossed + shared.crossed.T
    covariance = shared.observed - ratio * crossed + ratio**2 * shared.expected
    covariance /= np.outer(expected, expected)
    share = expected / total
    # fewer than one event has never been counted: an observed zero is no exact zero
    one_event = max(points[index].event_weight for index in usable) / total
    variance = max(float(share @ covariance @ share), one_event**2)
    spread = _spread(observed / expected - 1.0, share, covariance, shared.overlap)
    common = float(share @ shared.overlap @ share)
    between = 0.0 if spread is None else spread**2 * (1.0 + common)
    return TemplateBias(
        delta=float(ratio - 1.0),
        statistical=float(np.sqrt(variance)),
        spread=spread,
        error=float(np.sqrt(variance + between)),
        n_windows=len(usable),
    )


def _spread(deltas: Floats, share: Floats, covariance: Floats, overlap: Floats) -> float | None:
    """Return the standard deviation between windows that statistics do not explain.

    Windows with common events have a common part of their bias, taken as the share of these
    events. The scatter about the mean is expected to be its statistical part plus the spread's.
    """
    free = float(share @ np.diag(overlap) - share @ overlap @ share)
    if len(deltas) < 2 or free < SAME:
        return None
    scatter = float(share @ (deltas - share @ deltas) ** 2)
    statistical = float(share @ np.diag(covariance) - share @ covariance @ share)
    return float(np.sqrt(max(scatter - statistical, 0.0) / free))


def count_windows(
    sample: Sample, windows: Sequence[tuple[Region, Scored, Selection]], index: int
) -> tuple[list[ClosurePoint], SharedEvents]:
    """Count what is observed and expected in the windows of one method at one working point.

    Only events that were scored count: in half mode the other half can never be selected.

    Parameters
    ----------
    sample : Sample
    windows : sequence of (Region, Scored, Selection)
    index : int
        Position of the working point.

    Returns
    -------
    points : list of ClosurePoint
    shared : SharedEvents
    """
    points: list[ClosurePoint] = []
    parts = []
    synthetic = np.zeros(len(windows))
    for position, (region, scored, selection) in enumerate(windows):
        inside = np.flatnonzero(region.in_window(sample.mass) & scored.scored)
        weight = sample.weight[inside]
        kept = selection.mask[index]
        efficiency = float(selection.efficiency[index])
        inclusive = float(weight.sum())
        points.append(
            ClosurePoint(
                region.window,
                selection.working_points[index],
                float(weight[kept[inside]].sum()),
                efficiency,
                inclusive,
                float(selection.efficiency_error[index]),
                float((weight**2).sum()) / inclusive if inclusive > 0 else 1.0,
            )
        )
        rows, pull, rest = _template_pull(scored, kept, efficiency)
        synthetic[position] = inclusive**2 * rest
        parts.append((inside, weight, weight * kept[inside], rows, inclusive * pull))
    efficiencies = [point.efficiency for point in points]
    return points, _shared(parts, efficiencies, synthetic, len(sample))


def _template_pull(
    scored: Scored, kept: NDArray[np.bool_], efficiency: float
) -> tuple[Index, Floats, float]:
    """Return events of the template, by how much each moves the efficiency, and the variance left.

    The variance is that of template events which are not events of the sample: those of one
    window are drawn independently of those of another.
    """
    seen = ~np.isnan(scored.template_score)
    real = seen & (scored.template_row >= 0)
    total = scored.template_weight[seen].sum()
    rows = scored.template_row[real]
    pull = scored.template_weight[real] * (kept[rows] - efficiency) / total
    drawn = scored.template_weight[seen & ~real]
    bounded = min(max(efficiency, 0.0), 1.0)
    return rows, pull, float(bounded * (1.0 - bounded) * (drawn**2).sum() / total**2)


def _shared(
    parts: Sequence[tuple[Index, Floats, Floats, Index, Floats]],
    efficiencies: Sequence[float],
    synthetic: Floats,
    n_events: int,
) -> SharedEvents:
    """Sum products of what each event adds to the windows' numbers."""

    def table(columns: Sequence[tuple[Index, Floats]]) -> csr_array:
        row = np.repeat(np.arange(len(columns)), [events.size for events, _ in columns])
        events = np.concatenate([events for events, _ in columns])
        values = np.concatenate([values for _, values in columns])
        return csr_array((values, (row, events)), shape=(len(columns), n_events))

    def product(left: csr_array, right: csr_array) -> Floats:
        return np.asarray((left @ right.T).toarray(), dtype=np.float64)

    observed = table([(inside, chosen) for inside, _, chosen, _, _ in parts])
    expected = table(
        [
            (np.concatenate([inside, rows]), np.concatenate([efficiency * weight, pull]))
            for (inside, weight, _, rows, pull), efficiency in zip(parts, efficiencies, strict=True)
        ]
    )
    within = table([(inside, np.ones(inside.size)) for inside, *_ in parts])
    inclusive = table([(inside, weight) for inside, weight, *_ in parts])
    common = product(within, inclusive)
    # windows without events overlap with nothing
    size = np.sqrt(np.maximum(np.diag(common), np.finfo(float).tiny))
    overlap = np.clip(common / np.outer(size, size), 0.0, 1.0)
    np.fill_diagonal(overlap, 1.0)
    return SharedEvents(
        product(observed, observed),
        product(observed, expected),
        product(expected, expected) + np.diag(synthetic),
        overlap,
    )
