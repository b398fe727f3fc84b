"""One chunk of a simulation: a fixed number of rows, made from the chunk's own random streams."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bycatch.errors import DataError
from bycatch.events.simulate.generator import Generator
from bycatch.events.simulate.process import Batch, Process, Selection
from bycatch.events.simulate.processes import find_process
from bycatch.events.simulate.tally import Tally
from bycatch.tasks.random import child_seed, stream
from bycatch.tasks.store import Step

_COUNTS = ".counts"


@dataclass
class Rows:
    """Rows of a process and what it took to make them.

    Attributes
    ----------
    columns : dict of str to numpy or awkward array of shape (n_rows, ...)
    tallies : dict of str to Tally
        By process: one, or one for each part of a mixture.
    """

    columns: dict[str, Any]
    tallies: dict[str, Tally] = field(default_factory=dict)


def simulate_chunk(name: str, chunk: int, rows: int, seed: int, base: str) -> None:
    """Make chunk number `chunk` and store it as a step; a task of `bycatch.tasks.run_tasks`.

    Parameters
    ----------
    name : str
        The process.
    chunk, rows, seed : int
    base : str
        The step's path without suffix.

    Raises
    ------
    DataError
        If the process gives too few rows within its number of tries.
    ConfigError
        If Pythia does not accept the settings.
    """
    process = find_process(name)
    made = (
        _mix(process, rows, seed, chunk)
        if process.mixture
        else make_rows(process, rows, seed, (name, chunk))
    )
    document = {key: tally.to_json() for key, tally in made.tallies.items()}
    Step(Path(base)).save(_flat(made.columns), {"tallies": document})


def load_chunk(step: Step) -> Rows:
    """Return a stored chunk.

    Raises
    ------
    RunFolderError
        If the step is missing or damaged.
    """
    import awkward as ak  # noqa: PLC0415 - slow to import

    arrays = step.load_arrays()
    columns = {
        name: ak.unflatten(values, arrays[name + _COUNTS]) if name + _COUNTS in arrays else values
        for name, values in arrays.items()
        if not name.endswith(_COUNTS)
    }
    tallies = step.load_json()["tallies"]
    return Rows(columns, {key: Tally.from_json(value) for key, value in tallies.items()})


def make_rows(process: Process, rows: int, seed: int, path: tuple[str | int, ...]) -> Rows:
    """Generate events until `rows` rows are accepted.

    Parameters
    ----------
    process : Process
    rows : int
    seed : int
        The run's.
    path : tuple of str or int
        Name of the random streams: ``(process, chunk)``.
    """
    generator = Generator(
        process.settings, child_seed(seed, "simulate", *path), process.setup, process.prescale
    )
    rng = stream(seed, "simulate", "detector", *path)
    tally = Tally()
    parts: list[Mapping[str, Any]] = []
    found = 0
    while found < rows:
        if tally.n_generated >= process.max_tries:
            raise DataError(
                f"{process.name!r} gave {found} of {rows} rows in {tally.n_generated} generated "
                f"events, and stops after {process.max_tries}; loosen its selection or raise "
                "max_tries in its file."
            )
        record, info, weight = generator.batch(process.batch)
        batch = Batch(record, info, weight, rng, generator.table, generator.shared)
        selection = _select(process, batch)
        event = selection.event
        wanted = min(len(event), rows - found)
        complete = found + wanted == rows
        judged = int(event[wanted - 1]) if complete else len(weight)
        tally.add(selection, weight, wanted, judged)
        parts.append({name: values[:wanted] for name, values in selection.columns.items()})
        found += wanted
    tally.cross_section = generator.cross_section()
    return Rows(_join(parts), {process.name: tally})


def _select(process: Process, batch: Batch) -> Selection:
    """Select, and hold the result against what the process declares."""
    selection = process.select(batch)  # type: ignore[misc]  # a process without has a mixture
    if set(selection.columns) != set(process.columns):
        raise ValueError(
            f"The process {process.name!r} wrote the columns {sorted(selection.columns)} but "
            f"declares {sorted(process.columns)}."
        )
    event = selection.event
    lengths = {len(values) for values in selection.columns.values()}
    if lengths != {len(event)} or np.any(np.diff(event) < 0):
        raise ValueError(
            f"The process {process.name!r} gave {len(event)} rows but columns of the lengths "
            f"{sorted(lengths)}, or rows that are not in the order of their events."
        )
    return selection


def _mix(process: Process, rows: int, seed: int, chunk: int) -> Rows:
    """Make the rows of a mixture, in random order."""
    rng = stream(seed, "simulate", "mixture", process.name, chunk)
    fractions = np.array(list(process.mixture.values()))
    numbers = rng.multinomial(rows, fractions / fractions.sum())
    tallies: dict[str, Tally] = {}
    parts = []
    for name, number in zip(process.mixture, numbers, strict=True):
        if number:
            made = make_rows(find_process(name), int(number), seed, (process.name, name, chunk))
            tallies.update(made.tallies)
            parts.append(made.columns)
    order = rng.permutation(rows)
    return Rows({name: values[order] for name, values in _join(parts).items()}, tallies)


def _join(parts: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    import awkward as ak  # noqa: PLC0415 - slow to import

    out: dict[str, Any] = {}
    for name, first in parts[0].items():
        arrays = [part[name] for part in parts]
        out[name] = (
            np.concatenate(arrays) if isinstance(first, np.ndarray) else ak.concatenate(arrays)
        )
    return out


def _flat(columns: Mapping[str, Any]) -> dict[str, NDArray[Any]]:
    """Return columns as plain arrays; a ragged one becomes its values and their counts."""
    import awkward as ak  # noqa: PLC0415 - slow to import

    out: dict[str, NDArray[Any]] = {}
    for name, values in columns.items():
        if isinstance(values, np.ndarray):
            out[name] = values
        else:
            out[name] = ak.to_numpy(ak.flatten(values, axis=1))
            out[name + _COUNTS] = ak.to_numpy(ak.num(values, axis=1)).astype(np.int32)
    return out
