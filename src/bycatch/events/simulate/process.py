"""What a process is: how Pythia makes it, what is selected, and the columns that are written.

How to add a process: write one new file in ``processes/`` that ends in
``PROCESSES = (Process(...), ...)``, and name that file in one line of ``FAMILIES`` in
``processes/__init__.py``. That is all: the command line, resuming, workers, cross sections and
``benchmarks/bench_simulate.py`` find it there. In the file, a function ``select(batch)`` gets
some generated events (`Batch`) and returns the accepted rows (`Selection`):

>>> def select(batch):  # doctest: +SKIP
...     visible = detect(final_state(batch), FULL, batch.rng)
...     ...
...     return Selection(event=np.flatnonzero(mask), columns={"met_pt": met[mask]})

Rules: no Python loop over events; random numbers only from ``batch.rng``; columns always with the
same names and dtypes, also where no event is accepted; heavy libraries imported inside functions.

Beyond that a process may have: several rows per event (repeat its index in `Selection.event`);
weighted generation (Pythia's own weights are in ``batch.weight``: write them as the column
``weight``); counters of a cut flow (`Selection.counts`) and a text made from them
(`Process.table`); a user hook or a second generator (`Process.setup`); or no settings but
`Process.mixture`, rows of other processes in given fractions.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bycatch.events.simulate.generator import ParticleTable
from bycatch.events.simulate.prescale import Prescale


@dataclass(frozen=True)
class Batch:
    """Some generated events, in the order of their generation.

    Attributes
    ----------
    record : awkward array of shape (n_events, var)
        Pythia's event record: id, status, mother1, mother2, daughter1, daughter2, m and
        p.px, p.py, p.pz, p.e (GeV) and more. Entry 0 is the whole event; indices of mothers and
        daughters count from it.
    info : awkward array of shape (n_events,)
        Pythia's information: id1, id2, x1, x2, pT2Hat, mHat, ... of the hard process.
    weight : ndarray of shape (n_events,)
        Pythia's event weights; 1 where generation is unweighted.
    rng : numpy.random.Generator
        The chunk's stream for the detector and all else that is random.
    table : ParticleTable
        Charges and visibility by particle code.
    shared : object
        What `Process.setup` returned.
    """

    record: Any
    info: Any
    weight: NDArray[np.float64]
    rng: np.random.Generator
    table: ParticleTable
    shared: Any = None

    def __len__(self) -> int:
        return len(self.weight)


@dataclass(frozen=True)
class Selection:
    """The rows that a batch gives.

    Attributes
    ----------
    event : ndarray of shape (n_rows,), int
        Index in the batch of the event that each row comes from; never falling.
    columns : mapping of str to array of length n_rows
        numpy, or awkward for ragged columns.
    counts : mapping of str to ndarray of shape (n_events,)
        Cut flow: for each generated event a number (or bool); the file's metadata hold their sums
        over all generated events, weighted by the events' weights.
    share : ndarray of shape (n_events,), optional
        Of each generated event the part of its weight that is accepted, in [0, 1], where the select
        function looks at several versions of it (repeated decays); without it 1 for the events of
        rows and 0 for others.
    """

    event: NDArray[np.integer]
    columns: Mapping[str, Any]
    counts: Mapping[str, NDArray[Any]] = field(default_factory=dict)
    share: NDArray[np.float64] | None = None


@dataclass(frozen=True)
class Process:
    """One process that ``bycatch simulate`` makes.

    Attributes
    ----------
    name : str
        What the user types.
    title : str
        One line for the list of processes.
    settings : tuple of str
        Pythia's settings, as ``("Beams:eCM = 13000.", "HardQCD:all = on")``; seed and output are
        the engine's.
    select : callable
        ``select(batch)`` gives a `Selection`.
    columns : mapping of str to str
        Every column that is written and what it is, with unit; stored in the file.
    label : int
        Truth: 0 background, 1 signal; stored in the metadata (a column ``label`` is the
        process's own to write).
    references : tuple of str
        arXiv numbers.
    chunk : int
        Rows of one chunk, the unit of resuming and of work.
    batch : int
        Events that are generated at a time.
    max_tries : int
        Generated events after which a chunk that is not full gives up.
    setup : callable, optional
        ``setup(pythia, seed)``, called once per chunk between the settings and Pythia's init;
        may set user hooks or make a second generator; its result is ``batch.shared``.
    prescale : Prescale, optional
        Drop common events in the middle of their evolution, with weights; for W and Z.
    table : callable, optional
        ``table(metadata)`` gives the text that ``--table`` prints; metadata as
        `bycatch.events.simulate.simulation_info` returns them.
    mixture : mapping of str to float
        For a process without settings: the names of others and the fraction of rows from each.
        Their columns must agree; the rows come in random order.
    """

    name: str
    title: str
    settings: tuple[str, ...] = ()
    select: Callable[[Batch], Selection] | None = None
    columns: Mapping[str, str] = field(default_factory=dict)
    label: int = 0
    references: tuple[str, ...] = ()
    chunk: int = 500
    batch: int = 100
    max_tries: int = 500_000
    setup: Callable[[Any, int], Any] | None = None
    prescale: Prescale | None = None
    table: Callable[[Mapping[str, Any]], str] | None = None
    mixture: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if bool(self.mixture) == bool(self.settings and self.select):
            raise ValueError(f"The process {self.name!r} needs settings and select, or a mixture.")
