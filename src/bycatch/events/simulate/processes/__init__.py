"""The processes that ``bycatch simulate`` makes; see `bycatch.events.simulate.process`."""

from __future__ import annotations

from functools import cache
from importlib import import_module

from bycatch.errors import ConfigError, nearest
from bycatch.events.simulate.process import Process

__all__ = ["FAMILIES", "all_processes", "find_process"]

FAMILIES = (
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
"""Files of this folder; each ends in a tuple ``PROCESSES``."""


@cache
def all_processes() -> dict[str, Process]:
    """Return every process by its name, in the order of `FAMILIES`."""
    out: dict[str, Process] = {}
    for family in FAMILIES:
        for process in import_module(f"{__name__}.{family}").PROCESSES:
            if process.name in out:
                message = f"Two processes are called {process.name!r}."
                raise ValueError(message)
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
        message = (
            f"There is no process {name!r}; the nearest are {nearest(name, known)} "
            "(bycatch simulate --list shows all)."
        )
        raise ConfigError(message)
    return known[name]
