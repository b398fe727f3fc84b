"""Anomaly scores over many signals, compared in the way of the Dark Machines challenge.

What to use when: to choose a score that is to find something unknown. A score is as good as the
minimum of its total improvement over signals where no signal may be missed, as its median where it
shall find most of them; the maximum flatters.

References
----------
.. [1] Aarrestad et al., "The Dark Machines anomaly score challenge: benchmark data and model
   independent event classification for the Large Hadron Collider", arXiv:2105.14027.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from bycatch.errors import DataError
from bycatch.evaluate.improvement import Improvement
from bycatch.tasks.random import stream
from bycatch.tasks.result import Result, document

_DRAWS = 1000
_NAN = float("nan")


@dataclass(frozen=True)
class Summary:
    """What one score is worth over all signals.

    Attributes
    ----------
    method : str
    minimum, median, maximum : float
        Of the total improvement over the signals; the best channel counts for each signal.
    minimum_error, median_error, maximum_error : float
        Spread of these while every efficiency moves within its error; NaN where that is unknown.
    n_signals : int
        0 where a published table has the summary only.
    weakest, strongest : str
        Signals of the minimum and the maximum; empty where they are unknown.
    n_best : int
        Signals for which no score has a larger total improvement, and this one a positive one.
    mean_rank : float
        Mean over the signals of its place among the scores, 1 for the best; NaN where unknown.
    """

    method: str
    minimum: float
    median: float
    maximum: float
    minimum_error: float = float("nan")
    median_error: float = float("nan")
    maximum_error: float = float("nan")
    n_signals: int = 0
    weakest: str = ""
    strongest: str = ""
    n_best: int = 0
    mean_rank: float = float("nan")


@dataclass(frozen=True, repr=False)
class Comparison(Result):
    """Scores over many signals.

    Attributes
    ----------
    summaries : tuple of Summary
        The highest median first.
    improvements : tuple of Improvement
        One for each score, signal and channel; none for scores of which a summary is all there is.
    signals : tuple of str
    notes : tuple of str
        Sentences about what limits the comparison.
    references : tuple of Summary
        Of what learned from labels, the highest median first: what there is to find, beside the
        comparison and no part of it.
    reference_improvements : tuple of Improvement
    """

    citations: ClassVar = ("bycatch", "dark-machines", "clopper-pearson")

    summaries: tuple[Summary, ...]
    improvements: tuple[Improvement, ...]
    signals: tuple[str, ...]
    notes: tuple[str, ...]
    references: tuple[Summary, ...] = ()
    reference_improvements: tuple[Improvement, ...] = ()

    @property
    def highest_median(self) -> Summary:
        """The score that finds most signals."""
        return self.summaries[0]

    @property
    def highest_minimum(self) -> Summary:
        """The score that misses its worst signal least."""
        return max(self.summaries, key=lambda s: (s.minimum, s.median))

    @property
    def best_for_most(self) -> Summary | None:
        """The score that is the best for most signals; None where no signals are known."""
        if not self.signals:
            return None
        return max(self.summaries, key=lambda s: (s.n_best, s.median))

    def totals(self) -> tuple[tuple[str, ...], NDArray[np.float64]]:
        """Return the scores whose signals are known, and their total improvements.

        Returns
        -------
        methods : tuple of str
            In the order of `summaries`.
        totals : ndarray of shape (n_methods, n_signals)
            NaN where a score has no number for a signal.
        """
        methods = tuple(s.method for s in self.summaries if s.n_signals)
        return methods, _totals(self.improvements, methods, self.signals)

    def reference_totals(self) -> NDArray[np.float64]:
        """Return the same of what learned from labels, in the order of `references`."""
        cells = self.reference_improvements
        methods = tuple(s.method for s in self.references)
        return _totals(cells, methods, tuple(dict.fromkeys(c.signal for c in cells)))

    def to_json(self) -> dict[str, Any]:
        """Return the numbers as JSON can hold them; NaN becomes None."""
        best = self.best_for_most
        return document(
            summaries=self.summaries,
            highest_median=self.highest_median.method,
            highest_minimum=self.highest_minimum.method,
            best_for_most=None if best is None else best.method,
            signals=self.signals,
            improvements=self.improvements,
            notes=self.notes,
            citations=self.citations,
            supervised={
                "summaries": self.references,
                "improvements": self.reference_improvements,
            },
        )


def compare_scores(
    improvements: Sequence[Improvement],
    published: Sequence[Summary] = (),
    *,
    references: Sequence[Improvement] = (),
    seed: int = 0,
) -> Comparison:
    """Compare scores over signals.

    Parameters
    ----------
    improvements : sequence of Improvement
    published : sequence of Summary
        Further scores of which no more is known.
    references : sequence of Improvement
        Of what learned from labels; summarised by itself.
    seed : int
        Of the draws behind the errors of the summaries.

    Returns
    -------
    Comparison

    Raises
    ------
    DataError
        Where there is nothing to compare, or something stands twice.
    """
    if not improvements and not published:
        raise DataError("There is no score to compare; give a table or a run with scores.")
    for cells in (improvements, references):
        _require_once([(c.method, c.signal, c.channel) for c in cells])
    methods = tuple(dict.fromkeys(c.method for c in improvements))
    _require_once([*methods, *(s.method for s in published)])
    signals = tuple(dict.fromkeys(c.signal for c in improvements))
    totals = _totals(improvements, methods, signals)
    return Comparison(
        _ordered([*_summaries(improvements, seed), *published]),
        tuple(improvements),
        signals,
        _notes(improvements, methods, totals, published),
        _ordered([replace(s, n_best=0, mean_rank=_NAN) for s in _summaries(references, seed)]),
        tuple(references),
    )


def _ordered(summaries: Sequence[Summary]) -> tuple[Summary, ...]:
    return tuple(sorted(summaries, key=lambda s: (-s.median, -s.minimum, s.method)))


def _summaries(improvements: Sequence[Improvement], seed: int) -> list[Summary]:
    methods = tuple(dict.fromkeys(c.method for c in improvements))
    signals = tuple(dict.fromkeys(c.signal for c in improvements))
    totals = _totals(improvements, methods, signals)
    spreads = _spreads(improvements, methods, signals, seed)
    places = _places(totals)
    return [
        _summary(method, signals, totals, spreads, places, i) for i, method in enumerate(methods)
    ]


def _require_once(names: Sequence[object]) -> None:
    seen: set[object] = set()
    for name in names:
        if name in seen:
            what = name if isinstance(name, str) else ", ".join(part for part in name if part)  # type: ignore[attr-defined]
            raise DataError(
                f"'{what}' stands twice among what is to be compared; give one of the inputs "
                "another 'name' or another 'channel'."
            )
        seen.add(name)


def _totals(
    improvements: Sequence[Improvement], methods: Sequence[str], signals: Sequence[str]
) -> NDArray[np.float64]:
    """Return the maximum over channels, of shape (n_methods, n_signals)."""
    rows = {name: i for i, name in enumerate(methods)}
    columns = {name: i for i, name in enumerate(signals)}
    totals = np.full((len(rows), len(columns)), np.nan)
    for cell in improvements:
        if cell.method in rows:
            at = rows[cell.method], columns[cell.signal]
            totals[at] = np.fmax(totals[at], cell.total)
    return totals


def _spreads(
    improvements: Sequence[Improvement], methods: Sequence[str], signals: Sequence[str], seed: int
) -> NDArray[np.float64]:
    """Return standard errors of minimum, median and maximum, of shape (n_methods, 3)."""
    rows = {name: i for i, name in enumerate(methods)}
    columns = {name: i for i, name in enumerate(signals)}
    drawn = np.full((_DRAWS, len(rows), len(columns)), np.nan)
    known = np.ones(len(rows), dtype=bool)
    for cell in improvements:
        error, root = np.array(cell.error), np.sqrt(cell.eps_b)
        if not np.isfinite(error).all():
            known[rows[cell.method]] = False
            continue
        rng = stream(seed, "improvement", cell.method, cell.signal, cell.channel)
        moved = np.array(cell.eps_s) + error * rng.standard_normal((_DRAWS, error.size))
        total = (np.clip(moved, 0.0, 1.0) / root).max(axis=1)
        at = (slice(None), rows[cell.method], columns[cell.signal])
        drawn[at] = np.fmax(drawn[at], total)
    spreads = np.full((len(rows), 3), np.nan)
    for i in np.flatnonzero(known):
        there = drawn[:, i][:, ~np.isnan(drawn[0, i])]
        each = there.min(axis=1), np.median(there, axis=1), there.max(axis=1)
        spreads[i] = [values.std(ddof=1) for values in each]
    return spreads


def _places(totals: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the place of each score for each signal; equal ones share the mean of theirs."""
    below = (totals[:, None] < totals[None]).sum(axis=1)
    equal = (totals[:, None] == totals[None]).sum(axis=1)
    return np.where(np.isnan(totals), np.nan, 1.0 + below + 0.5 * (equal - 1))


def _summary(
    method: str,
    signals: Sequence[str],
    totals: NDArray[np.float64],
    spreads: NDArray[np.float64],
    places: NDArray[np.float64],
    i: int,
) -> Summary:
    mine = totals[i]
    there = ~np.isnan(mine)
    first = (mine > 0.0) & (mine == np.nanmax(totals, axis=0))
    low, middle, high = (float(error) for error in spreads[i])
    return Summary(
        method,
        float(mine[there].min()),
        float(np.median(mine[there])),
        float(mine[there].max()),
        low,
        middle,
        high,
        int(there.sum()),
        signals[int(np.nanargmin(mine))],
        signals[int(np.nanargmax(mine))],
        int(first.sum()),
        float(places[i][there].mean()),
    )


def _notes(
    improvements: Sequence[Improvement],
    methods: Sequence[str],
    totals: NDArray[np.float64],
    published: Sequence[Summary],
) -> tuple[str, ...]:
    notes = []
    cuts = {cell.eps_b for cell in improvements}
    if len(cuts) > 1:
        shown = "; ".join(", ".join(f"{b:g}" for b in cut) for cut in sorted(cuts, reverse=True))
        notes.append(
            f"The scores are read at different background efficiencies ({shown}); a maximum over "
            "more or tighter ones is larger by that alone."
        )
    for method, row in zip(methods, totals, strict=True):
        missing = int(np.isnan(row).sum())
        if missing:
            notes.append(
                f"'{method}' has numbers for {row.size - missing} of {row.size} signals; its "
                "summary is over those, and not comparable with the others."
            )
    if published:
        notes.append(
            f"Of {len(published)} score{'s' * (len(published) > 1)} only the published summary is "
            "known: without errors, over other signals and on another background."
        )
    weak = sum(cell.status != "ok" for cell in improvements)
    if weak:
        notes.append(
            f"{weak} of {len(improvements)} combinations of score and signal have fewer than ten "
            "background events above their tightest cut; their maximum over the cuts is biased "
            "upwards."
        )
    return tuple(notes)
