"""The lepton stream: its four processes at their fractions, and the four benchmarks.

Files come from ``bycatch simulate NAME --seed N -o NAME_N.parquet``, where NAME is
``w_lepton_tail_particles``, the same of z and qcd (weighted; or without ``_tail``),
``tt_lepton_particles`` or ``<benchmark>_particles``. An event's weight is its process's fraction
divided by the process's sum of weights, times the number of all rows.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from bycatch.events import read
from bycatch.represent import represent
from bycatch.represent.base import Representation
from bycatch.tasks.random import stream

__all__ = ["FRACTIONS", "SIGNALS", "SIM", "Stream", "file_names", "load", "without_heavy"]

SIM = Path(__file__).resolve().parents[1] / "runs" / "sim"
FRACTIONS = {"w": 0.592, "qcd": 0.338, "z": 0.067, "tt": 0.003}
"""Of the events that pass the trigger, arXiv:1811.10276, table 1."""
SIGNALS = ("a_4l", "lq_btau", "h0_tautau", "hplus_taunu")


@dataclass(frozen=True)
class Stream:
    """Events of the stream in one representation.

    Attributes
    ----------
    values, mask : ndarray of shape (n_events, ...)
    weight : ndarray of shape (n_events,)
        Mean 1 for the background.
    process : ndarray of str of shape (n_events,)
    half : ndarray of bool of shape (n_events,)
        True for the events that train.
    """

    values: np.ndarray
    mask: np.ndarray | None
    weight: np.ndarray
    process: np.ndarray
    half: np.ndarray

    def rows(self, chosen: np.ndarray) -> Stream:
        """Return some rows."""
        mask = None if self.mask is None else self.mask[chosen]
        return Stream(
            self.values[chosen],
            mask,
            self.weight[chosen],
            self.process[chosen],
            self.half[chosen],
        )

    def of(self, name: str) -> Stream:
        """Return the rows of one process."""
        return self.rows(self.process == name)

    @property
    def background(self) -> Stream:
        """The rows of the standard model."""
        return self.rows(~np.isin(self.process, SIGNALS))


def file_names(last: int | None = None, folder: Path = SIM) -> list[str]:
    """Return the names of all files of the stream, or of those up to a seed."""
    found = []
    for kind in (*FRACTIONS, *SIGNALS):
        paths = [p for stem in _stems(kind) for p in sorted(folder.glob(f"{stem}_*.parquet"))]
        found += [
            path.name
            for path in paths
            if path.is_file() and (last is None or int(path.stem.rpartition("_")[2]) <= last)
        ]
    return found


def _stems(kind: str) -> tuple[str, ...]:
    """Return the names of files of a process, without seed."""
    if kind in FRACTIONS:
        return f"{kind}_lepton_particles", f"{kind}_lepton_tail_particles"
    return (f"{kind}_particles",)


def load(
    representation: Mapping[str, Any],
    files: Collection[str] | None = None,
    folder: Path = SIM,
    *,
    train: float = 0.5,
) -> Stream:
    """Read files (all that are there, or those of `file_names`) in a representation.

    `train` is the share of the events that train.
    """
    options = dict(representation)
    name = options.pop("name")
    chosen = file_names(folder=folder) if files is None else files
    parts: list[Representation] = []
    weights, process = [], []
    for kind in (*FRACTIONS, *SIGNALS):
        own = [str(folder / path) for path in chosen if path.startswith(_stems(kind))]
        events = read(own, weight="weight")
        parts.append(represent(name, events, **options))
        weight = np.asarray(events.weight, dtype=np.float64)
        weights.append(weight * (FRACTIONS.get(kind, 1.0) / weight.sum()))
        process.append(np.repeat(kind, len(weight)))
    mask = None if parts[0].mask is None else np.concatenate([p.mask for p in parts])
    weight, names = np.concatenate(weights), np.concatenate(process)
    background = ~np.isin(names, SIGNALS)
    weight[background] *= background.sum()
    for kind in SIGNALS:
        weight[names == kind] = 1.0
    half = stream(11, "half").random(len(names)) < train
    values = np.concatenate([p.values for p in parts])
    return Stream(values, mask, weight, names, half)


def without_heavy(events: Stream, heaviest: float) -> tuple[Stream, float]:
    """Leave out rows of more than so many times the mean weight of their process.

    Returns the others, and how much of the background's weight that removes.
    """
    mean = {kind: events.of(kind).weight.mean() for kind in FRACTIONS}
    heavy = events.weight > [heaviest * mean.get(kind, np.inf) for kind in events.process]
    lost = events.weight[heavy].sum() / events.background.weight.sum()
    return events.rows(~heavy), float(lost)
