"""A format, a process and a representation: what is small enough to stand in one file."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from bycatch.events.formats import Format
from bycatch.events.formats.base import RandomAccess
from bycatch.events.simulate.process import Process, Selection
from bycatch.represent.base import Representation

JSON_LINES = Format("JSON lines", "bycatch_more.others", (".jsonl",), b"")


class Reader(RandomAccess):
    """One event a line: an object of numbers."""

    def __init__(self, path, inside):
        super().__init__(path, inside)
        self._events = [json.loads(line) for line in Path(path).read_text().splitlines()]
        self.columns = tuple(self._events[0])

    def close(self):
        """Nothing stays open."""

    def count(self, columns):
        return len(self._events)

    def rows(self, columns, start, stop):
        return {name: np.array([e[name] for e in self._events[start:stop]]) for name in columns}


def select(batch):
    """Return the scale of each event."""
    scale = np.asarray(batch.info.pT2Hat) ** 0.5
    return Selection(event=np.arange(len(batch)), columns={"pt_hat": scale})


PROCESSES = (
    Process(
        "hard_scale",
        "The scale of QCD events, without a detector",
        ("Beams:eCM = 13000.", "HardQCD:all = on", "PhaseSpace:pTHatMin = 100."),
        select,
        {"pt_hat": "scale of the hard process, in GeV"},
    ),
)


def pairs(events, first="a", second="b"):
    """Return two columns and their product."""
    a, b = events[first], events[second]
    values = np.stack([a, b, a * b], axis=1).astype(np.float32)
    return Representation(values, None, (first, second, "product"))
