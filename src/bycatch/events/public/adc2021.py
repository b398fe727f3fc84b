"""ADC2021: the anomaly detection challenge at 40 MHz, 19 objects per event, and its submissions.

Events with a lepton of at least 23 GeV at 13 TeV: the missing transverse momentum, up to 4
electrons, 4 muons and 10 jets, by falling pT within a kind, zeros where there are fewer.

References
----------
E. Govorkova et al., "LHC physics dataset for unsupervised New Physics detection at 40 MHz",
arXiv:2107.02157. The data are at https://doi.org/10.5281/zenodo.5046389 (background) and
https://doi.org/10.5281/zenodo.5046446 (A to four leptons).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bycatch.errors import DataError, InputError
from bycatch.events.formats.base import damaged
from bycatch.events.paths import PathLike, Paths, resolve_paths
from bycatch.events.public._layouts import datasets, hdf5_file, pad, unpad
from bycatch.events.table import Events

SLOTS: dict[str, slice] = {
    "met": slice(0, 1),
    "electron": slice(1, 5),
    "muon": slice(5, 9),
    "jet": slice(9, 19),
}
"""Rows of an event that belong to a kind of object."""

KINDS: NDArray[np.int8] = np.repeat(
    np.arange(1, 5, dtype=np.int8), [rows.stop - rows.start for rows in SLOTS.values()]
)
"""The file's class of each of the 19 rows: 1 MET, 2 electron, 3 muon, 4 jet."""

CLASS_NAMES = ("MET_class_1", "Four_Ele_class_2", "Four_Mu_class_3", "Ten_Jet_class_4")
_FEATURE_NAMES = ("Pt", "Eta", "Phi", "Class")
_SHAPES: dict[str, tuple[int | None, ...]] = {"Particles": (19, 4), "EvtId": ()}
_NUMBERS = ("FLOPs", "Latency", "DSP", "LUT", "FF", "BRAM")


@dataclass(frozen=True, eq=False)
class Objects:
    """Some events.

    Attributes
    ----------
    values : ndarray of shape (n_events, 19, 3), float64
        pt (GeV), eta and phi; zeros where there is no object. The eta of MET is 0.
    event : ndarray of shape (n_events,), int64, or None
        Event numbers of the black box; None in the other files, which have none.
    """

    values: NDArray[np.float64]
    event: NDArray[np.int64] | None = None

    def __post_init__(self) -> None:
        shape = self.values.shape
        if len(shape) != 3 or shape[1:] != (19, 3):
            raise DataError(f"The objects of ADC2021 have the shape (events, 19, 3), not {shape}.")
        if self.event is not None and self.event.shape != shape[:1]:
            raise DataError(f"There are {shape[0]} events but {self.event.shape} event numbers.")

    def __len__(self) -> int:
        return len(self.values)

    @property
    def present(self) -> NDArray[np.bool_]:
        """Where there is an object, shape (n_events, 19); MET always is, a NaN counts as there."""
        there: NDArray[np.bool_] = self.values[:, :, 0] != 0
        there[:, 0] = True
        return there


@dataclass(frozen=True)
class Submission:
    """What a team hands in: the selected events and what the selection costs.

    Attributes
    ----------
    events : ndarray of shape (n_selected,), int64
        Event numbers of the black box (a fraction of 1e-5 of it).
    FLOPs : float
        Operations per event.
    Device : str
        The chip for which the rest was estimated; empty where none was.
    Latency : float
        In microseconds.
    DSP, LUT, FF, BRAM : float
        Resources in per cent of the device; 0 where nothing was synthesised.
    """

    events: NDArray[np.int64]
    FLOPs: float
    Device: str = ""
    Latency: float = 0.0
    DSP: float = 0.0
    LUT: float = 0.0
    FF: float = 0.0
    BRAM: float = 0.0


def read(path: Paths) -> Objects:
    """Read events into memory (0.5 kB each).

    Parameters
    ----------
    path : str, path or sequence of them
        ``background_for_training.h5``, a signal file or the black box.

    Returns
    -------
    Objects

    Raises
    ------
    InputError
        If a file cannot be read, holds no events, has another shape, other names, or an object in
        a row of another class.
    ColumnError
        If a data set is missing.
    """
    parts = list(scan(path))
    numbers = [part.event for part in parts if part.event is not None]
    return Objects(
        np.concatenate([part.values for part in parts]),
        np.concatenate(numbers) if len(numbers) == len(parts) else None,
    )


def scan(path: Paths, chunk: int = 100_000) -> Iterator[Objects]:
    """Stream events.

    Parameters
    ----------
    path
        As in `read`.
    chunk : int
        Events at a time.

    Yields
    ------
    Objects

    Raises
    ------
    InputError, ColumnError
        As in `read`.
    """
    texts = {"Particles_Names": _FEATURE_NAMES, "Particles_Classes": CLASS_NAMES}
    for file in resolve_paths(path):
        first = 0
        for raw in datasets(file, _SHAPES, chunk, texts, optional=("EvtId",)):
            particles = raw["Particles"].astype(np.float64)
            _check_classes(file, particles, first)
            first += len(particles)
            event = raw["EvtId"].astype(np.int64) if "EvtId" in raw else None
            yield Objects(np.ascontiguousarray(particles[:, :, :3]), event)


def write(path: PathLike, objects: Objects | Events | Iterable[Objects | Events]) -> None:
    """Write events as ``Particles`` with their names, compressed with gzip.

    The compressed file is built in memory.

    Parameters
    ----------
    path : str or path
    objects : Objects or Events, or iterable of them
        Events need the columns of `from_events`. With event numbers in all of them, ``EvtId`` is
        written as in the black box.

    Raises
    ------
    ColumnError
        If a column is missing.
    DataError
        If there are no events, or only some have event numbers.
    StorageError
        If the file cannot be written.
    """
    parts = [objects] if isinstance(objects, Objects | Events) else objects
    options = {"compression": "gzip", "chunks": True}
    with hdf5_file(path) as file:
        table = file.create_dataset(
            "Particles", (0, 19, 4), "f8", maxshape=(None, 19, 4), **options
        )
        numbers: list[NDArray[np.int64] | None] = []
        for part in parts:
            piece = part if isinstance(part, Objects) else from_events(part)
            classes = np.where(piece.present, KINDS, 0)[:, :, None]
            table.resize(len(table) + len(piece), axis=0)
            table[len(table) - len(piece) :] = np.concatenate([piece.values, classes], axis=2)
            numbers.append(piece.event)
        if len(table) == 0:
            raise DataError(f"There are no events to write to {path}.")
        known = [number for number in numbers if number is not None]
        if known:
            if len(known) < len(numbers):
                raise DataError(
                    f"Some of the events for {path} have event numbers and some have not."
                )
            file.create_dataset("EvtId", data=np.concatenate(known), compression="gzip")
        file.create_dataset("Particles_Names", data=np.array(_FEATURE_NAMES, dtype="S"))
        file.create_dataset("Particles_Classes", data=np.array(CLASS_NAMES, dtype="S"))


def to_events(objects: Objects) -> Events:
    """Return events with ragged columns, as in the files of the lepton stream.

    Parameters
    ----------
    objects : Objects

    Returns
    -------
    Events
        met_pt, met_phi; ragged electron_pt, _eta, _phi, the same for muon and jet; event, where
        the objects have numbers. GeV.
    """
    values, present = objects.values, objects.present
    columns: dict[str, Any] = {"met_pt": values[:, 0, 0], "met_phi": values[:, 0, 2]}
    for kind in ("electron", "muon", "jet"):
        rows = SLOTS[kind]
        for index, name in enumerate(("pt", "eta", "phi")):
            columns[f"{kind}_{name}"] = unpad(values[:, rows, index], present[:, rows])
    if objects.event is not None:
        columns["event"] = objects.event
    return Events(columns)


def from_events(events: Events) -> Objects:
    """Return the first 4 electrons, 4 muons and 10 jets of events, as the layout keeps them.

    Parameters
    ----------
    events : Events
        met_pt, met_phi; ragged electron_pt, _eta, _phi, the same for muon and jet, by falling pT;
        event, where there are numbers.

    Returns
    -------
    Objects

    Raises
    ------
    ColumnError
        If a column is missing.
    """
    values = np.zeros((len(events), 19, 3))
    values[:, 0, 0], values[:, 0, 2] = events["met_pt"], events["met_phi"]
    for kind in ("electron", "muon", "jet"):
        rows = SLOTS[kind]
        for index, name in enumerate(("pt", "eta", "phi")):
            width = rows.stop - rows.start
            values[:, rows, index] = pad(events[f"{kind}_{name}"], width, np.float64)
    number = np.asarray(events["event"], np.int64) if "event" in events.columns else None
    return Objects(values, number)


def write_submission(path: PathLike, submission: Submission) -> None:
    """Write a submission: ``Result`` with the event numbers, the costs as attributes.

    Parameters
    ----------
    path : str or path
        Named after the team.
    submission : Submission

    Raises
    ------
    DataError
        If the events are not different whole numbers of at least 0, or a cost is negative.
    StorageError
        If the file cannot be written.
    """
    events = _event_numbers(submission.events)
    for name in _NUMBERS:
        if not getattr(submission, name) >= 0:
            raise DataError(
                f"{name} of a submission is at least 0, not {getattr(submission, name)}."
            )
    with hdf5_file(path) as file:
        options = {"compression": "gzip"} if events.size else {}
        file.create_dataset("Result", data=events, **options)
        for name in (*_NUMBERS, "Device"):
            file.attrs[name] = getattr(submission, name)


def read_submission(path: PathLike) -> Submission:
    """Read a submission.

    Parameters
    ----------
    path : str or path

    Returns
    -------
    Submission

    Raises
    ------
    InputError
        If the file cannot be read, has no ``Result``, lacks an attribute, or the events are not
        different whole numbers of at least 0.
    """
    import h5py  # noqa: PLC0415 - only to read

    (file,) = resolve_paths(path)
    try:
        with h5py.File(file, "r") as stream:
            attributes = dict(stream.attrs)
            result = stream["Result"][()] if "Result" in stream else None
            there = list(stream)
    except (OSError, RuntimeError, LookupError, ValueError, TypeError) as error:
        raise damaged(file, "HDF5", error) from None
    missing = [name for name in (*_NUMBERS, "Device") if name not in attributes]
    if result is None or missing:
        raise InputError(
            f"{file} is no ADC2021 submission: it holds {there} with the attributes "
            f"{sorted(attributes)}, and lacks {', '.join(missing) or 'Result'}."
        )
    try:
        events = _event_numbers(result)
        numbers = {name: float(attributes[name]) for name in _NUMBERS}
    except (DataError, ValueError, TypeError) as error:
        raise InputError(f"{file} is no ADC2021 submission: {error}") from None
    return Submission(events, Device=str(attributes["Device"]), **numbers)


def _event_numbers(values: ArrayLike) -> NDArray[np.int64]:
    array = np.asarray(values)
    whole = array.dtype.kind in "iu" or array.size == 0
    if array.ndim != 1 or not whole or (array.size and array.min() < 0):
        raise DataError("The selected events are one list of whole event numbers of at least 0.")
    if len(np.unique(array)) < len(array):
        raise DataError("An event is selected twice; name each event once.")
    return array.astype(np.int64)


def _check_classes(path: str, particles: NDArray[np.float64], first: int) -> None:
    """Refuse events whose objects lie in rows of another class."""
    classes = particles[:, :, 3]
    wrong = (classes != KINDS) & ~((classes == 0) & (particles[:, :, 0] == 0))
    wrong[:, 0] &= classes[:, 0] != 0  # some programs leave the class of MET out
    if wrong.any():
        event, row = (int(values[0]) for values in np.nonzero(wrong))
        raise InputError(
            f"Event {first + event} of {path} has class {classes[event, row]:g} and pT "
            f"{particles[event, row, 0]:g} in row {row}, which is for class {KINDS[row]} (rows: "
            "MET, 4 electrons, 4 muons, 10 jets); check the order of the objects."
        )
