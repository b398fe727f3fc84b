"""Mass sculpting: how much a cut on a score changes the spectrum of another variable.

What to use when: before a bump hunt behind a cut. A score that knows the mass carves a peak where
there is none. Quote `excess` and `p_value`, not the bare divergence: of finite samples it is
positive even where score and mass have nothing to do with each other.

What is measured is the Jensen-Shannon divergence, in bits, between the spectrum of all events and
that of the events behind the cut: 0 for equal shapes, 1 for shapes without overlap. What it would
be without sculpting is drawn: each event keeps its score and its weight, and gets a bin of the
whole spectrum at random. For n events of weight one and an efficiency e its mean is about
(n_bins - 1) (1 - e) / (8 n e ln 2).
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bycatch.errors import DataError
from bycatch.evaluate.sizes import kish
from bycatch.tasks.random import stream
from bycatch.tasks.result import Plain

EFFICIENCIES = (0.5, 0.2, 0.1, 0.05, 0.02, 0.01)


@dataclass(frozen=True)
class SculptingPoint(Plain):
    """What one cut does to the spectrum.

    Attributes
    ----------
    efficiency : float
        Fraction of the weight that passes, as measured.
    threshold : float
        An event passes where its score is at least this.
    n_passed : float
        Kish's effective number of events that pass.
    divergence : float
        Jensen-Shannon divergence in bits.
    expected, expected_error : float
        Mean and standard deviation of the divergence without sculpting, in bits.
    p_value : float
        Fraction of draws without sculpting whose divergence is at least as large, with one added
        to both counts.
    passed : tuple of float
        Sums of weights per bin behind the cut.
    status : str
        ``ok``, or a sentence that says why there is no number.
    """

    further: ClassVar = ("excess",)

    efficiency: float
    threshold: float
    n_passed: float
    divergence: float
    expected: float
    expected_error: float
    p_value: float
    passed: tuple[float, ...]
    status: str = "ok"

    @property
    def excess(self) -> float:
        """The divergence less what it is without sculpting, in bits."""
        return self.divergence - self.expected


@dataclass(frozen=True)
class Sculpting(Plain):
    """What cuts on a score do to the spectrum of a variable.

    Attributes
    ----------
    edges : tuple of float
        Edges of the bins, in units of the variable.
    spectrum : tuple of float
        Sums of weights per bin before any cut.
    n_events : float
        Kish's effective number of events.
    n_outside : int
        Events outside of the bins; they are left out of everything.
    n_draws : int
        Draws without sculpting.
    points : tuple of SculptingPoint
        One for each efficiency.
    """

    edges: tuple[float, ...]
    spectrum: tuple[float, ...]
    n_events: float
    n_outside: int
    n_draws: int
    points: tuple[SculptingPoint, ...]


def jensen_shannon(p: ArrayLike, q: ArrayLike) -> NDArray[np.float64]:
    """Return the Jensen-Shannon divergence of histograms, in bits.

    Parameters
    ----------
    p, q : array_like of shape (..., n_bins)
        Sums of weights per bin; each is normalised to unit sum. What is negative counts as empty.

    Returns
    -------
    ndarray of shape (...)
        From 0 to 1; NaN where a histogram has no positive sum.

    References
    ----------
    .. [1] Lin, "Divergence measures based on the Shannon entropy", IEEE Trans. Inf. Theory 37
       (1991) 145.

    Examples
    --------
    >>> float(jensen_shannon([1, 0], [0, 4])), float(jensen_shannon([1, 1], [3, 3]))
    (1.0, 0.0)
    """
    a, b = (np.maximum(np.asarray(h, dtype=np.float64), 0.0) for h in (p, q))
    with np.errstate(invalid="ignore", divide="ignore"):
        a = a / a.sum(axis=-1, keepdims=True)
        b = b / b.sum(axis=-1, keepdims=True)
    middle = 0.5 * (a + b)
    return np.asarray(_entropy(middle) - 0.5 * (_entropy(a) + _entropy(b)))


def _entropy(p: NDArray[np.float64]) -> NDArray[np.float64]:
    logarithm = np.log2(p, out=np.zeros_like(p), where=p > 0.0)
    return np.asarray(-(p * logarithm).sum(axis=-1))


def sculpting(
    mass: ArrayLike,
    score: ArrayLike,
    weight: ArrayLike | None = None,
    efficiencies: Sequence[float] = EFFICIENCIES,
    bins: int | ArrayLike = 50,
    *,
    draws: int = 200,
    seed: int = 0,
) -> Sculpting:
    """Measure how cuts on a score change the spectrum of the mass.

    Parameters
    ----------
    mass : array_like of shape (n_events,)
        Of background events; any variable, in any unit.
    score : array_like of shape (n_events,)
        Higher passes.
    weight : array_like of shape (n_events,), optional
        Signed weights.
    efficiencies : sequence of float
        Fractions of the weight that cuts let pass; events with equal scores pass together.
    bins : int or array_like of shape (n_bins + 1,)
        Number of equal bins over the range of the masses, or edges.
    draws : int
        Draws without sculpting; draw i comes from the stream (seed, "sculpting", i).
    seed : int

    Returns
    -------
    Sculpting

    Raises
    ------
    DataError
        Where a mass or score is NaN, shapes do not fit, the weights have no positive sum, or an
        efficiency or the bins make no sense.
    """
    m, s, w = _checked(mass, score, weight)
    edges = _edges(m, bins)
    place = np.searchsorted(edges, m, side="right") - 1
    # the highest mass belongs to the last bin, as in np.histogram
    place[m == edges[-1]] = edges.size - 2
    inside = (place >= 0) & (place < edges.size - 1)
    place, s, w = place[inside], s[inside], w[inside]
    total = float(w.sum())
    if not total > 0.0:
        raise DataError(
            f"The {s.size} events inside of the bins have a sum of weights of {total:g}; it must "
            "be positive."
        )
    order = np.argsort(-s, kind="stable")
    place, s, w = place[order], s[order], w[order]
    cuts = [_cut(s, w, total, value) for value in efficiencies]
    n_bins = edges.size - 1
    spectrum = np.bincount(place, w, n_bins).astype(np.float64)
    passed = np.stack([np.bincount(place[:k], w[:k], n_bins) for k in cuts])
    null = _null(w, cuts, spectrum, draws, seed)
    points = [
        _point(s, w, total, k, h, spectrum, null[:, i])
        for i, (k, h) in enumerate(zip(cuts, passed, strict=True))
    ]
    return Sculpting(
        tuple(edges.tolist()),
        tuple(spectrum.tolist()),
        kish(w),
        int(np.count_nonzero(~inside)),
        draws,
        tuple(points),
    )


def _checked(
    mass: ArrayLike, score: ArrayLike, weight: ArrayLike | None
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    m, s = (np.asarray(values, dtype=np.float64) for values in (mass, score))
    w = np.ones(m.shape) if weight is None else np.asarray(weight, dtype=np.float64)
    for name, values in (("mass", m), ("score", s), ("weight", w)):
        if values.ndim != 1 or values.shape != m.shape:
            raise DataError(
                f"'{name}' must have the shape of 'mass', {m.shape}, but has {values.shape}."
            )
        bad = int(np.count_nonzero(np.isnan(values) if name == "score" else ~np.isfinite(values)))
        if bad:
            raise DataError(
                f"{bad} of {m.size} values of '{name}' are NaN or infinite; drop these rows."
            )
    return m, s, w


def _edges(mass: NDArray[np.float64], bins: int | ArrayLike) -> NDArray[np.float64]:
    if np.ndim(bins) == 0:
        count = int(np.asarray(bins))
        if count < 2 or mass.size == 0 or not mass.min() < mass.max():
            raise DataError(
                f"{count} bins over {mass.size} masses make no spectrum; give at least two bins "
                "and two different masses."
            )
        return np.linspace(float(mass.min()), float(mass.max()), count + 1)
    edges = np.asarray(bins, dtype=np.float64)
    if edges.ndim != 1 or edges.size < 3 or not (np.diff(edges) > 0.0).all():
        raise DataError(
            "The edges of the bins must ascend, and there must be at least three of them."
        )
    return edges


def _cut(
    score: NDArray[np.float64], weight: NDArray[np.float64], total: float, efficiency: float
) -> int:
    """Return how many of the sorted events pass: as close to the efficiency as ties allow."""
    if not 0.0 < efficiency < 1.0:
        raise DataError(f"An efficiency is {efficiency!r}, but it must lie between 0 and 1.")
    # events with equal scores pass together
    last = np.flatnonzero(np.append(np.diff(score) != 0.0, True))
    reached = np.cumsum(weight)[last] / total
    return int(last[int(np.argmin(np.abs(reached - efficiency)))]) + 1


def _null(
    weight: NDArray[np.float64],
    cuts: Sequence[int],
    spectrum: NDArray[np.float64],
    draws: int,
    seed: int,
) -> NDArray[np.float64]:
    """Return divergences without sculpting, of shape (n_draws, n_cuts).

    The events between two cuts are one group; groups of one weight are drawn as counts.
    """
    shape = np.maximum(spectrum, 0.0)  # a probability: bins that negative weights win are empty
    shape = shape / shape.sum()
    ends = sorted({0, *cuts, weight.size})
    groups = [weight[a:b] for a, b in itertools.pairwise(ends)]
    which = [ends.index(k) for k in cuts]
    result = np.empty((draws, len(cuts)))
    for i in range(draws):
        rng = stream(seed, "sculpting", i)
        filled = np.stack([_filled(rng, group, shape) for group in groups])
        sums = np.concatenate([np.zeros((1, shape.size)), np.cumsum(filled, axis=0)])
        result[i] = jensen_shannon(sums[which], sums[-1])
    return result


def _filled(
    rng: np.random.Generator, weight: NDArray[np.float64], shape: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Put events into bins at random."""
    # equal weights: one multinomial instead of placing every event
    if (weight == weight[0]).all():
        return np.asarray(weight[0] * rng.multinomial(weight.size, shape))
    edges = np.cumsum(shape)
    edges[-1] = 1.0  # rounding must not leave a gap that no bin owns
    place = np.searchsorted(edges, rng.uniform(size=weight.size), side="right")
    return np.bincount(place, weight, shape.size).astype(np.float64)


def _point(
    score: NDArray[np.float64],
    weight: NDArray[np.float64],
    total: float,
    cut: int,
    passed: NDArray[np.float64],
    spectrum: NDArray[np.float64],
    null: NDArray[np.float64],
) -> SculptingPoint:
    found = float(jensen_shannon(passed, spectrum))
    usable = null[np.isfinite(null)]
    reached, threshold = float(weight[:cut].sum()) / total, float(score[cut - 1])
    n_passed = kish(weight[:cut])
    if not np.isfinite(found) or usable.size < null.size or usable.size < 2:
        status = (
            f"The {cut} events behind this cut have no positive spectrum, or fewer than two draws "
            "tell what to expect; use more events or more draws."
        )
        nan = float("nan")
        values = tuple(passed.tolist())
        return SculptingPoint(reached, threshold, n_passed, found, nan, nan, nan, values, status)
    return SculptingPoint(
        reached,
        threshold,
        n_passed,
        found,
        float(usable.mean()),
        float(usable.std(ddof=1)),
        float((1.0 + np.count_nonzero(usable >= found)) / (1.0 + usable.size)),
        tuple(passed.tolist()),
    )
