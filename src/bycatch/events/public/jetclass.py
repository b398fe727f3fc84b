"""JetClass: jets of ten classes with their constituents, in ROOT trees.

References
----------
H. Qu, C. Li, S. Qian, "Particle Transformer for Jet Tagging", arXiv:2202.03772, section 3. The data
are at https://doi.org/10.5281/zenodo.6619768.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bycatch.errors import DataError, InputError
from bycatch.events import candidates
from bycatch.events.formats.base import Batch, Source
from bycatch.events.formats.root import Reader
from bycatch.events.paths import PathLike, Paths, resolve_paths, split_object
from bycatch.events.public._layouts import (
    FOUR_VECTOR,
    Pieces,
    check_chunk,
    counts_of,
    flat,
    no_events,
    pieces,
)
from bycatch.events.table import Events
from bycatch.kinematics.vectors import delta_phi, mass, pt_eta_phi_mass
from bycatch.tasks.files import atomic_file

CLASSES = ("QCD", "Hbb", "Hcc", "Hgg", "H4q", "Hqql", "Zqq", "Wqq", "Tbqq", "Tbl")
"""Classes in the order of their numbers, as ``label_QCD`` and so on in the file."""

KINDS = tuple("is" + kind.title().replace("_", "") for kind in candidates.KINDS)
"""Kinds of constituents in the order of our numbers, as ``part_isChargedHadron`` in the file."""

CONSTITUENT = {
    "constituent_px": "part_px",
    "constituent_py": "part_py",
    "constituent_pz": "part_pz",
    "constituent_E": "part_energy",
    "constituent_deta": "part_deta",
    "constituent_dphi": "part_dphi",
    "constituent_d0": "part_d0val",
    "constituent_d0_error": "part_d0err",
    "constituent_dz": "part_dzval",
    "constituent_dz_error": "part_dzerr",
    "constituent_charge": "part_charge",
}
"""Our names of the constituents' columns, and the file's branches."""

JET = {
    "jet_pt": "jet_pt",
    "jet_eta": "jet_eta",
    "jet_phi": "jet_phi",
    "jet_E": "jet_energy",
    "n_constituents": "jet_nparticles",
    "jet_softdrop_mass": "jet_sdmass",
    "jet_tau1": "jet_tau1",
    "jet_tau2": "jet_tau2",
    "jet_tau3": "jet_tau3",
    "jet_tau4": "jet_tau4",
    "truth_pt": "aux_genpart_pt",
    "truth_eta": "aux_genpart_eta",
    "truth_phi": "aux_genpart_phi",
    "truth_pid": "aux_genpart_pid",
    "truth_match": "aux_truth_match",
}
"""Our names of the jets' columns, and the file's branches."""

_MOMENTA = tuple(CONSTITUENT[f"constituent_{name}"] for name in FOUR_VECTOR)
_LABELS = tuple(f"label_{name}" for name in CLASSES)
_FLAGS = tuple(f"part_{name}" for name in KINDS)
_NEEDED = (*_MOMENTA, "jet_pt", "jet_eta", "jet_phi", "jet_energy", *_LABELS)
# the public files' own types, in the order of CLASSES
_LABEL_TYPES = (np.float32, *(np.bool_,) * 5, *(np.int32,) * 4)


def read(path: Paths) -> Events:
    """Read jets into memory.

    Parameters
    ----------
    path : str, path or sequence of them
        Files such as ``TTBar_000.root``; their tree is ``tree``.

    Returns
    -------
    Events
        The columns of `JET` and `CONSTITUENT` (ragged, in the order of the file) that the file
        has; jet_mass (sum of the constituents); constituent_charge; constituent_kind (0 charged
        hadron, 1 neutral hadron, 2 photon, 3 electron, 4 muon, -1 none of them); jet_class (the
        position in `CLASSES`); label (0 QCD, 1 else). GeV; impact parameters in mm.

    Raises
    ------
    InputError
        If a file cannot be read, holds no jets, a branch is flat or ragged where it should not be,
        or a jet is not of exactly one class.
    ColumnError
        If a branch that every file has is missing: the four-vectors of constituents and jet, or a
        label.
    """
    return Events.concatenate(list(scan(path)))


def scan(path: Paths, chunk: int = 20_000) -> Iterator[Events]:
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
    check_chunk(chunk)
    for file in resolve_paths(path):
        with Reader(*split_object(file)) as source:
            names = _branches(source)
            if source.empty(names):
                raise no_events(file)
            for raw in source.batches(names, chunk, None):
                yield _events(file, raw)


def write(path: PathLike, events: Pieces) -> None:
    """Write jets as the tree ``tree``.

    Parameters
    ----------
    path : str or path
    events : Events, or iterable of Events
        jet_pt, jet_eta, jet_phi, ragged constituent_px, _py, _pz, _E by falling pT, and jet_class
        (the position in `CLASSES`). The distances to the jet, jet_energy and jet_nparticles
        follow where they are absent; other columns of `JET`, `CONSTITUENT` and constituent_kind
        are written where they are there. Ragged branches are arrays with a counter ``npart``
        where the public files have ``std::vector``: uproot and RDataFrame read both alike.

    Raises
    ------
    ColumnError
        If a column is missing.
    DataError
        If there are no jets, pieces differ in columns, or a class has no name.
    StorageError
        If the file cannot be written.
    """
    import awkward as ak  # noqa: PLC0415 - slow to import
    import uproot  # noqa: PLC0415 - only to write

    with atomic_file(Path(path)) as temporary, uproot.recreate(temporary) as file:
        tree: Any = None
        for part in pieces(events):
            ragged, columns = _constituent_branches(part), _jet_branches(part)
            ragged = {name.removeprefix("part_"): values for name, values in ragged.items()}
            branches = {"part": ak.zip(ragged), **columns}
            if tree is None:
                tree = file.mktree(
                    "tree", {name: _kind(values) for name, values in branches.items()}
                )
                written = set(ragged) | set(columns)
            elif set(ragged) | set(columns) != written:
                odd = sorted((set(ragged) | set(columns)) ^ written)
                raise DataError(
                    f"The pieces for {path} have different columns; they differ in {odd}."
                )
            tree.extend(branches)
        if tree is None:
            raise DataError(f"There are no jets to write to {path}.")


def _branches(source: Source) -> tuple[str, ...]:
    source.check(_NEEDED)
    flags = [name for name in _FLAGS if name in source.columns]
    if flags:
        source.check(_FLAGS)  # some kinds without the others would make them unknown
    known = (*CONSTITUENT.values(), *JET.values(), *_LABELS, *_FLAGS)
    return tuple(name for name in known if name in source.columns)


def _check_shapes(path: str, raw: Batch) -> None:
    """Refuse flat constituents, ragged jets, and constituents of different numbers."""
    counts: NDArray[np.int64] | None = None
    for name, values in raw.items():
        if name.startswith("part_") == isinstance(values, np.ndarray):
            there = "one number" if isinstance(values, np.ndarray) else "a list"
            raise InputError(
                f"Branch {name!r} of {path} has {there} per jet, which is not what JetClass has "
                "there; check how it was written."
            )
        if name.startswith("part_"):
            number = counts_of(values)
            counts = number if counts is None else counts
            if (number != counts).any():
                raise InputError(
                    f"Branches {_MOMENTA[0]!r} and {name!r} of {path} have different numbers of "
                    f"constituents in {(number != counts).sum()} jets; check how it was written."
                )


def _events(path: str, raw: Batch) -> Events:
    import awkward as ak  # noqa: PLC0415 - slow to import

    _check_shapes(path, raw)
    columns: dict[str, Any] = {}
    for ours, name in JET.items():
        if name in raw:
            columns[ours] = np.asarray(raw[name], dtype=np.float64)
    for ours, name in CONSTITUENT.items():
        if name in raw:
            columns[ours] = ak.values_astype(raw[name], np.float64)
    vectors = [columns[f"constituent_{name}"] for name in FOUR_VECTOR]
    columns["jet_mass"] = mass(*(ak.to_numpy(ak.sum(vector, axis=1)) for vector in vectors))
    if "constituent_charge" in columns:
        columns["constituent_charge"] = _charges(path, raw["part_charge"])
    if _FLAGS[0] in raw:
        columns["constituent_kind"] = _kinds(path, raw)
    columns["jet_class"] = _classes(path, raw)
    label = (columns["jet_class"] > 0).astype(np.int8)
    return Events({**columns, "label": label}, label=label)


def _charges(path: str, values: Any) -> Any:
    import awkward as ak  # noqa: PLC0415 - slow to import

    odd = ~np.isin(flat(values), (-1.0, 0.0, 1.0))
    if odd.any():
        raise InputError(
            f"Branch 'part_charge' of {path} is {flat(values)[odd][0]:g} in {odd.sum()} places, "
            "but a charge is -1, 0 or 1; check how it was written."
        )
    return ak.values_astype(values, np.int8)


def _kinds(path: str, raw: Batch) -> Any:
    import awkward as ak  # noqa: PLC0415 - slow to import

    flags = np.stack([flat(raw[name]) != 0 for name in _FLAGS], axis=1)
    twice = flags.sum(axis=1) > 1
    if twice.any():
        raise InputError(
            f"{path} has {twice.sum()} constituents of two kinds at once ({', '.join(_FLAGS)}); "
            "check how it was written."
        )
    kind = np.where(flags.any(axis=1), flags.argmax(axis=1), -1).astype(np.int8)
    return ak.unflatten(kind, counts_of(raw[_FLAGS[0]]))


def _classes(path: str, raw: Batch) -> NDArray[np.int8]:
    labels = np.stack([np.asarray(raw[name], dtype=np.float64) for name in _LABELS], axis=1)
    one = np.isin(labels, (0.0, 1.0)).all(axis=1) & (labels.sum(axis=1) == 1)
    if not one.all():
        first = int(np.flatnonzero(~one)[0])
        raise InputError(
            f"{(~one).sum()} jets of {path} are not of exactly one class (jet {first} of its piece "
            f"has {labels[first].tolist()} for {', '.join(_LABELS)}); check the labels."
        )
    number: NDArray[np.int8] = np.argmax(labels, axis=1).astype(np.int8)
    return number


def _kind(values: Any) -> Any:
    """Return the type of a branch for uproot."""
    import awkward as ak  # noqa: PLC0415 - slow to import

    return values.dtype if isinstance(values, np.ndarray) else ak.type(values).content


def _constituent_branches(events: Events) -> dict[str, Any]:
    import awkward as ak  # noqa: PLC0415 - slow to import

    columns: dict[str, Any] = {f"constituent_{n}": events[f"constituent_{n}"] for n in FOUR_VECTOR}
    counts = counts_of(columns["constituent_px"])
    vectors = (flat(column).astype(np.float64) for column in columns.values())
    _, eta, phi, _ = pt_eta_phi_mass(*vectors)
    axis = {name: np.repeat(events[f"jet_{name}"], counts) for name in ("eta", "phi")}
    # the sign makes jets at both ends of the detector look the same, as in the public files
    deta = (eta - axis["eta"]) * np.where(axis["eta"] > 0, 1.0, -1.0)
    columns["constituent_deta"] = ak.unflatten(deta, counts)
    columns["constituent_dphi"] = ak.unflatten(delta_phi(phi, axis["phi"]), counts)
    columns |= {name: events[name] for name in CONSTITUENT if name in events.columns}
    branches = {
        name: ak.values_astype(columns[ours], np.float32)
        for ours, name in CONSTITUENT.items()
        if ours in columns
    }
    if "constituent_kind" in events.columns:
        kind = events["constituent_kind"]
        flags = {name: ak.values_astype(kind == i, np.int32) for i, name in enumerate(_FLAGS)}
        branches |= flags
    return branches


def _jet_branches(events: Events) -> dict[str, NDArray[Any]]:
    import awkward as ak  # noqa: PLC0415 - slow to import

    columns = {name: events[name] for name in ("jet_pt", "jet_eta", "jet_phi")}
    energy = events["constituent_E"]
    columns["jet_E"] = ak.to_numpy(ak.sum(ak.values_astype(energy, np.float64), axis=1))
    columns["n_constituents"] = counts_of(energy)
    columns |= {name: events[name] for name in JET if name in events.columns}
    number = np.asarray(events["jet_class"])
    if not np.isin(number, np.arange(len(CLASSES))).all():
        raise DataError(f"jet_class has to be 0 to {len(CLASSES) - 1} ({', '.join(CLASSES)}).")
    branches = {
        name: np.asarray(columns[ours], dtype=np.float32)
        for ours, name in JET.items()
        if ours in columns
    }
    for index, (name, kind) in enumerate(zip(_LABELS, _LABEL_TYPES, strict=True)):
        branches[name] = (number == index).astype(kind)
    return branches
