"""JetNet: particle clouds of gluon, quark, top, W and Z jets, relative to the axis of the jet.

References
----------
R. Kansal et al., "Particle Cloud Generation with Message Passing Generative Adversarial Networks",
arXiv:2106.11535, section 2. The data are at https://doi.org/10.5281/zenodo.6975118 (30 particles)
and https://doi.org/10.5281/zenodo.6302240 (150 particles).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from bycatch.errors import DataError, InputError
from bycatch.events.paths import PathLike, Paths, resolve_paths
from bycatch.events.public._layouts import (
    FOUR_VECTOR,
    Pieces,
    counts_of,
    datasets,
    flat,
    hdf5_file,
    pad,
    pieces,
    unpad,
)
from bycatch.events.table import Events
from bycatch.kinematics.vectors import cartesian, delta_phi, pt_eta_phi_mass

WIDTHS = (30, 150)
"""Particles per jet in the two versions of the data set."""

_SHAPES: dict[str, tuple[int | None, ...]] = {"particle_features": (None, 4), "jet_features": (4,)}
_RELATIVE = ("eta_rel", "phi_rel", "pt_rel")


def read(path: Paths) -> Events:
    """Read jets into memory.

    Parameters
    ----------
    path : str, path or sequence of them
        ``g.hdf5``, ``q.hdf5``, ``t.hdf5``, ``w.hdf5``, ``z.hdf5`` or ``t150.hdf5`` and the like.

    Returns
    -------
    Events
        jet_pt, jet_eta, jet_mass (GeV) and n_constituents as in the file; ragged
        constituent_eta_rel, _phi_rel, _pt_rel; and the massless four-vectors that these mean,
        constituent_px, _py, _pz, _E, in a frame where jet_phi is 0, since the file does not know
        the azimuth.

    Raises
    ------
    InputError
        If a file cannot be read, holds no jets, an array has another shape, or the mask holds
        something else than 0 and 1.
    ColumnError
        If an array is missing.
    """
    return Events.concatenate(list(scan(path)))


def scan(path: Paths, chunk: int = 50_000) -> Iterator[Events]:
    """Stream jets.

    Parameters
    ----------
    path
        As in `read`.
    chunk : int
        Jets at a time.

    Yields
    ------
    Events
        As in `read`.

    Raises
    ------
    InputError, ColumnError
        As in `read`.
    """
    for file in resolve_paths(path):
        for raw in datasets(file, _SHAPES, chunk):
            yield _events(file, raw["particle_features"], raw["jet_features"])


def write(path: PathLike, events: Pieces, width: Literal[30, 150] = 30) -> None:
    """Write jets.

    Parameters
    ----------
    path : str or path
    events : Events, or iterable of Events
        jet_pt, jet_eta, jet_mass, and by falling pT either ragged constituent_eta_rel, _phi_rel,
        _pt_rel, or constituent_px, _py, _pz, _E with jet_phi, from which those follow. The file
        takes the first `width`.
    width : {30, 150}

    Raises
    ------
    ColumnError
        If a column is missing.
    DataError
        If there are no jets, or the layout has no such width.
    StorageError
        If the file cannot be written.
    """
    if width not in WIDTHS:
        raise DataError(f"JetNet files have 30 or 150 particles per jet, not {width}.")
    parts = [_arrays(part, width) for part in pieces(events)]
    if not parts:
        raise DataError(f"There are no jets to write to {path}.")
    with hdf5_file(path) as file:
        for name, arrays in zip(_SHAPES, zip(*parts, strict=True), strict=True):
            file.create_dataset(name, data=np.concatenate(arrays), compression="gzip")


def _events(path: str, particles: NDArray[Any], jets: NDArray[Any]) -> Events:
    if particles.shape[1] not in WIDTHS:
        raise InputError(
            f"{path} has {particles.shape[1]} particles per jet, but JetNet files have 30 or 150; "
            "check how it was written."
        )
    values, axes = particles.astype(np.float64), jets.astype(np.float64)
    mask = values[:, :, 3]
    if not np.isin(mask, (0.0, 1.0)).all():
        odd = mask[~np.isin(mask, (0.0, 1.0))]
        raise InputError(
            f"The mask of {path} (the last particle feature) is {odd[0]:g} in {odd.size} places, "
            "but it is 0 or 1; check the order of the features."
        )
    present = mask == 1
    columns: dict[str, Any] = {
        "jet_pt": axes[:, 0],
        "jet_eta": axes[:, 1],
        "jet_phi": np.zeros(len(axes)),
        "jet_mass": axes[:, 2],
        "n_constituents": axes[:, 3],
    }
    for index, name in enumerate(_RELATIVE):
        columns[f"constituent_{name}"] = unpad(values[:, :, index], present)
    pt = values[:, :, 2] * axes[:, :1]
    eta = np.where(present, values[:, :, 0] + axes[:, 1:2], 0.0)
    with np.errstate(over="ignore", invalid="ignore"):  # of values that are counted as not finite
        vectors = cartesian(pt, eta, values[:, :, 1], 0.0)
    for name, component in zip(FOUR_VECTOR, vectors, strict=True):
        columns[f"constituent_{name}"] = unpad(component, present)
    return Events(columns)


def _arrays(events: Events, width: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    relative = _relative(events)
    counts = np.minimum(counts_of(relative[0]), width)
    particles = np.stack(
        [
            *(pad(values, width, np.float32) for values in relative),
            (np.arange(width) < counts[:, None]).astype(np.float32),
        ],
        axis=2,
    )
    axes = [events["jet_pt"], events["jet_eta"], events["jet_mass"], counts]
    return particles, np.stack(axes, axis=1).astype(np.float32)


def _relative(events: Events) -> list[Any]:
    """Return eta_rel, phi_rel and pt_rel of the constituents."""
    import awkward as ak  # noqa: PLC0415 - slow to import

    names = [f"constituent_{name}" for name in _RELATIVE]
    if all(name in events.columns for name in names):
        return [events[name] for name in names]
    columns = [events[f"constituent_{name}"] for name in FOUR_VECTOR]
    counts = counts_of(columns[0])
    pt, eta, phi, _ = pt_eta_phi_mass(*(flat(column).astype(np.float64) for column in columns))
    axis = {name: np.repeat(events[f"jet_{name}"], counts) for name in ("pt", "eta", "phi")}
    values = (eta - axis["eta"], delta_phi(phi, axis["phi"]), pt / axis["pt"])
    return [ak.unflatten(value, counts) for value in values]
