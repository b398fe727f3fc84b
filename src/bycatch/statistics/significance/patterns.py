"""Overlap patterns with their null rates, and how toys are drawn from them.

`bycatch.statistics.significance.overlaps` builds them from data and says why they look as they do.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

_CHUNK = 4_000_000
"""Poisson numbers that are drawn at once: 32 MB."""


@dataclass(frozen=True)
class Patterns:
    """Overlap patterns with their null rates.

    Attributes
    ----------
    edges : ndarray of shape (n_bins + 1,)
        In units of the resonance.
    windows : ndarray of shape (n_looks, 2)
        Window of each look.
    member : ndarray of bool, of shape (n_patterns, n_looks)
        Which looks a pattern's events are in.
    rate : ndarray of shape (n_patterns, n_bins)
        Mean number of (effective) events.
    weight : ndarray of shape (n_patterns,)
        Sum of weights per effective event: sum w^2 / sum w; 1 for events without weights.
    look_scale : ndarray of shape (n_looks,)
        Effective events per sum of weights of a look: sum w / sum w^2.
    n_common : int
        The first `n_common` patterns are drawn one by one; the others are drawn as one number per
        bin and dealt out by their frequencies, which is the same distribution.
    null : ndarray of shape (n_looks, n_bins)
        Each look's null spectrum, in effective events; zero where a look has no events outside of
        the masked window.
    deviation : float
        Largest difference between a look's sum of patterns and its null spectrum, in units of the
        Poisson error of a bin (iterative fitting stops below 0.01).
    """

    edges: Floats
    windows: Floats
    member: Bools
    rate: Floats
    weight: Floats
    look_scale: Floats
    n_common: int
    null: Floats
    deviation: float

    @property
    def n_looks(self) -> int:
        """Number of looks."""
        return int(self.member.shape[1])

    def expected(self) -> Floats:
        """Return the mean spectrum of each look, of shape (n_looks, n_bins), effective events."""
        table = self.member.T.astype(np.float64) @ (self.rate * self.weight[:, None])
        return np.asarray(table * self.look_scale[:, None])

    def draw(self, rng: np.random.Generator, n_toys: int) -> Floats:
        """Draw null spectra of all looks together.

        Parameters
        ----------
        rng : numpy.random.Generator
        n_toys : int

        Returns
        -------
        ndarray of shape (n_toys, n_looks, n_bins)
            Effective counts (integers where events have no weights).
        """
        counts = np.zeros((n_toys, self.edges.size - 1, self.n_looks), dtype=np.float64)
        self._draw_common(rng, counts)
        self._draw_rare(rng, counts)
        return np.asarray(np.moveaxis(counts, 1, 2) * self.look_scale[:, None])

    def _draw_common(self, rng: np.random.Generator, counts: Floats) -> None:
        rate = self.rate[: self.n_common].T
        member = self.member[: self.n_common] * self.weight[: self.n_common, None]
        step = max(1, _CHUNK // max(1, rate.size))
        for low in range(0, counts.shape[0], step):
            part = counts[low : low + step]
            part += rng.poisson(rate, (part.shape[0], *rate.shape)).astype(np.float64) @ member

    def _draw_rare(self, rng: np.random.Generator, counts: Floats) -> None:
        rate = self.rate[self.n_common :]
        if not rate.size:
            return
        member = (self.member[self.n_common :] * self.weight[self.n_common :, None]).astype(float)
        for b in range(rate.shape[1]):
            total = np.cumsum(rate[:, b])
            n = rng.poisson(total[-1], counts.shape[0])
            which = np.searchsorted(total, rng.random(int(n.sum())) * total[-1], side="right")
            start = np.concatenate([[0], np.cumsum(n)])
            shape = (counts.shape[0], rate.shape[0])
            dealt = csr_array((np.ones(which.size), which, start), shape=shape)
            counts[:, b] += dealt @ member

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        """Return everything as arrays, for a step of a run."""
        return {
            "edges": self.edges,
            "windows": self.windows,
            "member": self.member,
            "rate": self.rate,
            "weight": self.weight,
            "look_scale": self.look_scale,
            "n_common": np.asarray(self.n_common),
            "null": self.null,
            "deviation": np.asarray(self.deviation),
        }

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> Self:
        """Rebuild what `to_arrays` gave."""
        return cls(
            edges=arrays["edges"],
            windows=arrays["windows"],
            member=arrays["member"],
            rate=arrays["rate"],
            weight=arrays["weight"],
            look_scale=arrays["look_scale"],
            n_common=int(arrays["n_common"]),
            null=arrays["null"],
            deviation=float(arrays["deviation"]),
        )
