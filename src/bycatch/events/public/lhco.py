"""LHC Olympics 2020, R&D data set: raw particles and the public feature files.

What to use when: `read_features` for the small file of two jets per event, from which a di-jet
search starts at once; `scan_particles` for the raw events, to make one's own jets.

References
----------
G. Kasieczka et al., "The LHC Olympics 2020", arXiv:2101.08320. The data are at
https://doi.org/10.5281/zenodo.4536377 (raw) and https://doi.org/10.5281/zenodo.2629073 (features).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bycatch.errors import InputError
from bycatch.events.expressions import parse
from bycatch.events.formats import open_source
from bycatch.events.formats.hdf5 import Reader
from bycatch.events.io import derive
from bycatch.events.paths import PathLike, resolve_paths
from bycatch.events.table import Events, as_label

MAX_PARTICLES = 700
"""Particles per event in the raw file; events with fewer are filled with zeros."""

_ENERGY = "sqrt(pxj{j} ** 2 + pyj{j} ** 2 + pzj{j} ** 2 + mj{j} ** 2)"
_MOMENTA = "pxj1 * pxj2 + pyj1 * pyj2 + pzj1 * pzj2"
_JET = {
    "pt": "hypot(pxj{j}, pyj{j})",
    "eta": "arcsinh(pzj{j} / hypot(pxj{j}, pyj{j}))",
    "phi": "arctan2(pyj{j}, pxj{j})",
    "mass": "mj{j}",
    "tau1": "tau1j{j}",
    "tau2": "tau2j{j}",
    "tau3": "tau3j{j}",
}

FEATURES: dict[str, str] = {
    # m^2 = m1^2 + m2^2 + 2 (E1 E2 - p1 p2) never subtracts two squares of the beam's size
    "mjj": (
        f"sqrt(mj1 ** 2 + mj2 ** 2 + 2 * ({_ENERGY.format(j=1)} * {_ENERGY.format(j=2)} "
        f"- ({_MOMENTA})))"
    ),
    **{f"j{j}_{name}": text.format(j=j) for j in (1, 2) for name, text in _JET.items()},
}
"""Standard columns as expressions of those in the public feature files (GeV)."""


@dataclass(frozen=True)
class Particles:
    """Some events of the raw file.

    Attributes
    ----------
    particles : ndarray of shape (n_events, 700, 3), float32
        pt (GeV), eta and phi; zeros where an event has fewer particles.
    label : ndarray of shape (n_events,), int8, or None
        1 signal, 0 background; None in the black boxes, which have no such column.
    """

    particles: NDArray[np.float32]
    label: NDArray[np.int8] | None


def read_features(path: PathLike, where: str | None = None) -> Events:
    """Read a feature file such as ``events_anomalydetection_v2.features.h5``.

    Parameters
    ----------
    path : str or path
        Columns pxj1, pyj1, pzj1, mj1, tau1j1, tau2j1, tau3j1, the same for j2, and label.
    where : str, optional
        Cut on the standard columns, such as ``(mjj > 3300) & (mjj < 3700)``.

    Returns
    -------
    Events
        mjj and per jet (j1 and j2 as in the file) pt, eta, phi, mass, tau1 to tau3 (GeV), and the
        label.

    Raises
    ------
    InputError
        If the file cannot be read.
    ColumnError
        If a column is missing.
    """
    columns = derive(path, FEATURES | {"label": "label"})
    label = as_label(columns.pop("label"))
    events = Events({**columns, "label": label}, label=label)
    return (
        events if where is None else events.select(parse(where).mask(events.columns, len(events)))
    )


def scan_particles(path: PathLike, chunk: int = 2000) -> Iterator[Particles]:
    """Stream the raw file, a pandas table of 2,101 columns compressed with blosc.

    Parameters
    ----------
    path : str or path
        ``events_anomalydetection.h5`` or a black box. Needs the extra ``bycatch[tables]``.
    chunk : int
        Events at a time (17 kB each while they are read).

    Yields
    ------
    Particles

    Raises
    ------
    InputError
        If the file cannot be read, has another number of columns, or the extra is missing.
    """
    (file,) = resolve_paths(path)
    with open_source(file) as source:
        width = len(source.columns)
        if width not in {3 * MAX_PARTICLES, 3 * MAX_PARTICLES + 1} or not isinstance(
            source, Reader
        ):
            raise InputError(
                f"{file} has {width} columns, but a raw LHC Olympics file has "
                f"{3 * MAX_PARTICLES + 1} (or {3 * MAX_PARTICLES} without labels); for a feature "
                "file use read_features."
            )
        total = source.count(source.columns)
        for start in range(0, total, chunk):
            rows = source.matrix(start, min(start + chunk, total))
            particles = rows[:, : 3 * MAX_PARTICLES].astype(np.float32)
            label = as_label(rows[:, -1]) if width > 3 * MAX_PARTICLES else None
            yield Particles(particles.reshape(-1, MAX_PARTICLES, 3), label)
