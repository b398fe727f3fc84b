"""Simulate a file: chunks in a run folder beside it, joined into one when all are there.

The folder ``<output>.parts`` holds the finished chunks; a simulation that was killed continues
there, and its file has the same bytes as that of one that was not, for any number of workers.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from bycatch import __version__
from bycatch.errors import ConfigError, RunFolderError
from bycatch.events.simulate.chunk import load_chunk, simulate_chunk
from bycatch.events.simulate.files import simulation_info, table_from_columns, writer
from bycatch.events.simulate.generator import pythia_version
from bycatch.events.simulate.process import Process
from bycatch.events.simulate.processes import find_process
from bycatch.events.simulate.tally import Tally, combine
from bycatch.tasks import Progress, Run, RunFolder, SilentProgress, Step, atomic_file, fingerprint


def simulate(
    name: str,
    events: int,
    output: Path,
    *,
    seed: int = 1,
    workers: int = 1,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Simulate `events` rows of a process into a Parquet file.

    Parameters
    ----------
    name : str
        The process, see `bycatch.events.simulate.processes`.
    events : int
        Rows of the file: events, or jets for a process that writes one row per jet.
    output : Path
    seed : int
        Not negative.
    workers : int
        Processes to use; the file does not depend on it.
    progress : Progress, optional

    Returns
    -------
    dict
        The file's metadata, see `simulation_info`.

    Raises
    ------
    ConfigError
        If there is no such process or the numbers make no sense.
    RunFolderError
        If `output` or its folder of parts was made with other settings.
    DataError
        If the process cannot fill a chunk.
    InputError
        If Pythia is not installed.
    """
    process = find_process(name)
    if events < 1:
        raise ConfigError(f"The number of events must be at least 1, but it is {events}.")
    output = Path(output)
    settings = _settings(process, events, seed)
    mark = fingerprint(settings)
    parts = output.with_name(f"{output.name}.parts")
    if output.exists():
        info = _finished(output, mark, settings)
        shutil.rmtree(parts, ignore_errors=True)  # of a run that was killed at its very end
        return info
    progress = progress or SilentProgress()
    text = yaml.safe_dump(settings, sort_keys=False)
    with RunFolder.open(parts, mark, text) as folder:
        tasks = []
        for index, rows in enumerate(_sizes(events, process.chunk)):
            key = f"chunk-{index:06d}"
            base = str(folder.path / "steps" / key)
            tasks.append(
                (key, {"name": name, "chunk": index, "rows": rows, "seed": seed, "base": base})
            )
        steps = Run(folder, workers, progress).stage(
            f"Simulating {name} ({process.chunk} rows each)",
            simulate_chunk,
            tasks,
            lambda *_: None,  # chunks are large: the worker stores its own
            lambda step: step,
        )
        progress.stage("Writing the file", len(steps))
        info = _write(output, steps, {**settings, "fingerprint": mark}, progress)
    shutil.rmtree(parts, ignore_errors=True)
    return info


def _sizes(events: int, chunk: int) -> list[int]:
    return [min(chunk, events - start) for start in range(0, events, chunk)]


def _settings(process: Process, events: int, seed: int) -> dict[str, Any]:
    """Return all that the file's content depends on."""
    parts = [find_process(part) for part in process.mixture] or [process]
    prescale = {"prescale": asdict(process.prescale)} if process.prescale else {}
    return prescale | {
        "process": process.name,
        "title": process.title,
        "label": process.label,
        "events": events,
        "seed": seed,
        "chunk": process.chunk,
        "pythia": {part.name: list(part.settings) for part in parts},
        "mixture": dict(process.mixture),
        "columns": dict(parts[0].columns),
        "references": list(process.references),
        "software": {
            "bycatch": __version__,
            "pythia8mc": pythia_version(),
            "numpy": np.__version__,
        },
    }


def _finished(output: Path, mark: str, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return the metadata of a file that is there already, if it is this very one."""
    info = simulation_info(output)
    if info.get("fingerprint") != mark:
        key = next((key for key in settings if info.get(key) != settings[key]), "version")
        raise RunFolderError(
            f"{output} exists and was made with another {key} ({info.get(key)!r} instead of "
            f"{settings.get(key)!r}); choose another --output or remove it, nothing was changed."
        )
    return info


def _write(
    output: Path, steps: Sequence[Step], settings: Mapping[str, Any], progress: Progress
) -> dict[str, Any]:
    """Join the chunks into one file, a row group each."""
    tallies: dict[str, list[Tally]] = {}
    for step in steps:
        stored = step.load_json()["tallies"]
        for part, tally in stored.items():
            tallies.setdefault(part, []).append(Tally.from_json(tally))
    numbers = {part: combine(found) for part, found in sorted(tallies.items())}
    info = {**settings, "units": "GeV, pb", **_total(numbers), "parts": numbers}
    info = dict(json.loads(json.dumps(info)))  # as it will be read: no tuples
    with atomic_file(output) as path, writer(path) as write:
        for step in steps:
            write(table_from_columns(load_chunk(step).columns, info))
            progress.advance()
    return info


def _total(numbers: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Return the numbers of the whole file; cross sections of a mixture are those of its parts."""
    if len(numbers) == 1:
        return dict(next(iter(numbers.values())))
    return {
        key: sum(part[key] for part in numbers.values())
        for key in ("n_tried", "n_generated", "n_accepted", "n_rows")
    }
