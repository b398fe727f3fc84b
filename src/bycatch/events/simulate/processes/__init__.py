"""The processes that ``bycatch simulate`` makes; see `bycatch.events.simulate.process`."""

from __future__ import annotations

from functools import cache

from bycatch.errors import ConfigError, nearest
from bycatch.events.simulate.process import Process
from bycatch.registry import Registry

__all__ = ["FAMILIES", "all_processes", "find_process"]

FAMILIES: Registry[tuple[Process, ...]] = Registry(
    "family of processes",
    {
        name: f"bycatch.events.simulate.processes.{name}:PROCESSES"
        for name in (
            "dijets",
            "lepton_stream",
            "lepton_benchmarks",
            "top_pairs",
            "bosons",
            "pileup",
            "top_landscape",
            "rpv_gluinos",
            "dark_showers",
        )
    },
    "bycatch.processes",
)
"""The tuple ``PROCESSES`` of each file of this folder, and of other packages."""


@cache
def all_processes() -> dict[str, Process]:
    """Return every process by its name, in the order of `FAMILIES`."""
    out: dict[str, Process] = {}
    for family in FAMILIES.values():
        for process in family:
            if process.name in out:
                raise ValueError(f"Two processes are called {process.name!r}.")
            out[process.name] = process
    return out


def find_process(name: str) -> Process:
    """Return one process.

    Raises
    ------
    ConfigError
        If there is none of this name.
    """
    known = all_processes()
    if name not in known:
        raise ConfigError(
            f"There is no process {name!r}; the nearest are {nearest(name, known)} "
            "(bycatch simulate --list shows all)."
        )
    return known[name]
