"""What a simulation counted: cross section, acceptance and cut flow, each with its error."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from bycatch.events.simulate.generator import CrossSection
from bycatch.events.simulate.process import Selection


@dataclass
class Tally:
    """Sums over the generated events of one chunk.

    A chunk ends with an accepted event, whose presence says nothing about the acceptance: the sums
    end before it, which makes the acceptance unbiased (k - 1 of n - 1 in negative binomial
    sampling). Only `rows` and `n_generated` count everything.

    Attributes
    ----------
    rows : int
    n_generated : int
        Generated events, those after the chunk's last row included.
    n_judged, n_accepted : int
        Events in the sums below, and accepted ones among them.
    weight, weight2 : float
        Sums of the weights and of their squares.
    accepted, accepted2 : float
        The same over accepted events, each times its share (`Selection.share`).
    counts, counts2 : dict of str to float
        Cut flow: sums of weight x count and of its square.
    cross_section : CrossSection
        Of the generated process, before the selection.
    """

    rows: int = 0
    n_generated: int = 0
    n_judged: int = 0
    n_accepted: int = 0
    weight: float = 0.0
    weight2: float = 0.0
    accepted: float = 0.0
    accepted2: float = 0.0
    counts: dict[str, float] = field(default_factory=dict)
    counts2: dict[str, float] = field(default_factory=dict)
    cross_section: CrossSection = field(default_factory=lambda: CrossSection(0.0, 0.0, 0))

    def add(
        self, selection: Selection, weight: NDArray[np.float64], rows: int, judged: int
    ) -> None:
        """Count one batch.

        Parameters
        ----------
        selection : Selection
        weight : ndarray of shape (n_events,)
        rows : int
            How many of the batch's rows are kept.
        judged : int
            How many of its events enter the sums: those before the chunk's last row.
        """
        share = np.zeros(len(weight)) if selection.share is None else selection.share
        if selection.share is None:
            share[selection.event] = 1.0
        self.rows += rows
        self.n_generated += len(weight)
        self.n_judged += judged
        self.n_accepted += int(np.count_nonzero(share[:judged]))
        w = weight[:judged]
        w2 = np.square(w)
        self.weight += float(w.sum())
        self.weight2 += float(w2.sum())
        self.accepted += float(w @ share[:judged])
        self.accepted2 += float(w2 @ np.square(share[:judged]))
        for name, values in selection.counts.items():
            count = np.asarray(values[:judged], dtype=np.float64)
            self.counts[name] = self.counts.get(name, 0.0) + float(w @ count)
            self.counts2[name] = self.counts2.get(name, 0.0) + float(w2 @ np.square(count))

    def to_json(self) -> dict[str, Any]:
        """Return the sums as a JSON-compatible mapping."""
        return asdict(self)

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> Self:
        """Return the tally that `to_json` wrote."""
        return cls(**{**content, "cross_section": CrossSection(**content["cross_section"])})


def combine(tallies: Sequence[Tally]) -> dict[str, Any]:
    """Return the numbers of a process over all its chunks.

    Parameters
    ----------
    tallies : sequence of Tally
        Not empty.

    Returns
    -------
    dict
        cross_section_pb and cross_section_error_pb (of the generated process, chunks weighted by
        their tries), acceptance and acceptance_error (binomial; with weights its generalisation),
        accepted_cross_section_pb, n_generated, n_accepted, n_rows, sum_of_weights,
        effective_events and effective_accepted (Kish's effective sizes of generated and accepted
        events) and, by name, counts with [fraction, error].
    """
    tries = sum(tally.cross_section.n_tried for tally in tallies)
    shares = [tally.cross_section.n_tried / max(tries, 1) for tally in tallies]
    sections = [tally.cross_section for tally in tallies]
    value = sum(s * section.value for s, section in zip(shares, sections, strict=True))
    error = math.hypot(*(s * section.error for s, section in zip(shares, sections, strict=True)))
    weight, weight2, accepted, accepted2 = (
        math.fsum(getattr(tally, name) for tally in tallies)
        for name in ("weight", "weight2", "accepted", "accepted2")
    )
    acceptance, acceptance_error = _fraction(accepted, accepted2, weight, weight2)
    return {
        "cross_section_pb": value,
        "cross_section_error_pb": error,
        "acceptance": acceptance,
        "acceptance_error": acceptance_error,
        "accepted_cross_section_pb": value * acceptance,
        "n_tried": tries,
        "n_generated": sum(tally.n_generated for tally in tallies),
        "n_judged": sum(tally.n_judged for tally in tallies),
        "n_accepted": sum(tally.n_accepted for tally in tallies),
        "n_rows": sum(tally.rows for tally in tallies),
        "sum_of_weights": weight,
        "effective_events": weight**2 / weight2 if weight2 > 0.0 else 0.0,
        "effective_accepted": accepted**2 / accepted2 if accepted2 > 0.0 else 0.0,
        "counts": {
            name: _fraction(
                math.fsum(tally.counts.get(name, 0.0) for tally in tallies),
                math.fsum(tally.counts2.get(name, 0.0) for tally in tallies),
                weight,
                weight2,
            )
            for name in dict.fromkeys(name for tally in tallies for name in tally.counts)
        },
    }


def _fraction(part: float, part2: float, weight: float, weight2: float) -> tuple[float, float]:
    """Return a weighted fraction and its error.

    With weights 1 the error is sqrt(p (1 - p) / n); in general the variance is
    (sum_in w^2 (1 - p)^2 + sum_out w^2 p^2) / (sum w)^2.
    """
    if weight <= 0.0:
        return 0.0, 0.0
    p = part / weight
    variance = part2 * (1.0 - p) ** 2 + max(weight2 - part2, 0.0) * p**2
    return p, math.sqrt(variance) / weight
