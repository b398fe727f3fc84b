"""Random streams: one child per task, never per worker, and never a global seed.

A stream is named by the run's seed and a path of words and numbers such as
``("toys", 17)``. The same name gives the same numbers on any number of workers and in any order.
"""

from __future__ import annotations

import hashlib

import numpy as np


def _key(part: str | int) -> int:
    if isinstance(part, int):
        if part < 0:
            raise ValueError(f"A stream's index must not be negative, but it is {part}.")
        return part
    return int.from_bytes(hashlib.sha256(part.encode()).digest()[:4], "little")


def _sequence(seed: int, path: tuple[str | int, ...]) -> np.random.SeedSequence:
    return np.random.SeedSequence(entropy=seed, spawn_key=tuple(_key(part) for part in path))


def stream(seed: int, *path: str | int) -> np.random.Generator:
    """Return the generator of the task that `path` names.

    Parameters
    ----------
    seed : int
        The run's seed, not negative.
    *path : str or int
        The task's name, for example ``"toys", 17``.

    Returns
    -------
    numpy.random.Generator
        Independent of every stream with another name.
    """
    return np.random.default_rng(_sequence(seed, path))


def child_seed(seed: int, *path: str | int) -> int:
    """Return a 31-bit seed of the task that `path` names, for libraries that take an integer."""
    return int(_sequence(seed, path).generate_state(1)[0] & 0x7FFFFFFF)
