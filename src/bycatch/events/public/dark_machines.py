"""Dark Machines: the anomaly score challenge, text files with a line per event.

``event ID; process ID; event weight; MET; METphi; obj1, E1, pt1, eta1, phi1; obj2, ...``, energies
in MeV, as many objects as there are: j jet, b b-jet, e- e+ electrons, m- m+ muons, g photon.

References
----------
T. Aarrestad et al., "The Dark Machines Anomaly Score Challenge", arXiv:2105.14027, section 2. The
data are at https://doi.org/10.5281/zenodo.3961917 (training) and
https://doi.org/10.5281/zenodo.4443151 (secret); 3685861 holds all processes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import ArrayLike, NDArray

from bycatch.errors import DataError, InputError
from bycatch.events.paths import PathLike, Paths, resolve_paths
from bycatch.events.public._layouts import Pieces, check_chunk, counts_of, flat, no_events, pieces
from bycatch.events.table import Events
from bycatch.kinematics.vectors import cartesian
from bycatch.tasks.files import atomic_file

OBJECTS = ("j", "b", "e-", "e+", "m-", "m+", "g")
"""The file's names of objects in the order of object_kind."""

_HEADER = 5  # event ID, process ID, weight, MET, METphi
_MEV = 1e-3  # GeV
_KINEMATICS = ("E", "pt", "eta", "phi")
_CHARGED = {"electron": (2, 3), "muon": (4, 5)}
_MASS = {"electron": 0.51099895e-3, "muon": 0.1056583755}  # GeV


def read(path: Paths) -> Events:
    """Read events into memory.

    Parameters
    ----------
    path : str, path or sequence of them
        Files such as ``background_chan1_7.79.csv``.

    Returns
    -------
    Events
        event (int64), process (text), weight, met_pt, met_phi; ragged object_kind (int8, position
        in `OBJECTS`), object_E, object_pt, object_eta, object_phi in the order of the file. GeV.
        The weight is also the events' weight. For the columns of the lepton stream see `to_stream`.

    Raises
    ------
    InputError
        If a file cannot be read, holds no events, ends in the middle of a line, or a line has too
        few fields, an unknown object, or something that is no number.
    """
    return Events.concatenate(list(scan(path)))


def scan(path: Paths, chunk: int = 50_000) -> Iterator[Events]:
    """Stream events.

    Parameters
    ----------
    path
        As in `read`.
    chunk : int
        Events at a time.

    Yields
    ------
    Events
        As in `read`.

    Raises
    ------
    InputError
        As in `read`.
    """
    check_chunk(chunk)
    for file in resolve_paths(path):
        first = 0
        try:
            with Path(file).open("rb") as stream:
                while lines := list(islice(stream, chunk)):
                    if not lines[-1].endswith(b"\n"):
                        raise InputError(
                            f"{file} ends in the middle of line {first + len(lines)}; it is "
                            "truncated: copy it again."
                        )
                    yield _events(file, lines, first)
                    first += len(lines)
        except OSError as error:
            raise InputError(f"{file} cannot be read: {error.strerror}.") from None
        if first == 0:
            raise no_events(file)


def write(path: PathLike, events: Pieces) -> None:
    """Write events, one line each, with all digits.

    Parameters
    ----------
    path : str or path
    events : Events, or iterable of Events
        The columns that `read` gives, or those of the lepton stream, see `from_stream`.

    Raises
    ------
    ColumnError
        If a column is missing.
    DataError
        If there are no events, an object has no name, or a process is empty or has a semicolon.
    StorageError
        If the file cannot be written.
    """
    rows = 0
    with atomic_file(Path(path)) as temporary, temporary.open("wb") as stream:
        for part in pieces(events):
            whole = part if "object_kind" in part.columns else from_stream(part, first=rows)
            stream.write("".join(_lines(whole)).encode())
            rows += len(whole)
        if not rows:
            raise DataError(f"There are no events to write to {path}.")


def to_stream(events: Events) -> Events:
    """Return the objects sorted into the columns of the lepton stream.

    Parameters
    ----------
    events : Events
        As `read` gives them.

    Returns
    -------
    Events
        event, process, weight, met_pt, met_phi; ragged electron_pt, _eta, _phi, _charge, the same
        for muon; photon_pt, _eta, _phi; jet_pt, _eta, _phi, _mass, _b_tag (int8), by falling pT.
    """
    kind = events["object_kind"]
    columns = {name: events[name] for name in ("event", "process", "weight", "met_pt", "met_phi")}
    chosen = {name: (kind == low) | (kind == high) for name, (low, high) in _CHARGED.items()}
    chosen |= {"photon": kind == OBJECTS.index("g"), "jet": kind <= OBJECTS.index("b")}
    for name, mask in chosen.items():
        values = {key: events[f"object_{key}"][mask] for key in _KINEMATICS}
        order = ak.argsort(values["pt"], axis=1, ascending=False, stable=True)
        for key in ("pt", "eta", "phi"):
            columns[f"{name}_{key}"] = values[key][order]
        kinds = kind[mask][order]
        if name in _CHARGED:
            charge = ak.where(kinds == _CHARGED[name][0], -1, 1)
            columns[f"{name}_charge"] = ak.values_astype(charge, np.int8)
        elif name == "jet":
            momentum = values["pt"][order] * np.cosh(values["eta"][order])
            energy = values["E"][order]
            squared = (energy - momentum) * (energy + momentum)  # rounding can make it negative
            columns["jet_mass"] = np.sqrt(np.maximum(squared, 0.0))
            columns["jet_b_tag"] = ak.values_astype(kinds == OBJECTS.index("b"), np.int8)
    return Events(columns, events.weight, events.label)


def from_stream(events: Events, first: int = 0) -> Events:
    """Return the objects of the lepton stream in one list per event: jets, leptons, photons.

    Parameters
    ----------
    events : Events
        The columns that `to_stream` gives. The event number counts from `first` and the process is
        ``events`` where they are absent.
    first : int

    Returns
    -------
    Events
        As `read` gives them.

    Raises
    ------
    ColumnError
        If a column is missing.
    """
    lists: dict[str, list[Any]] = {key: [] for key in ("kind", *_KINEMATICS)}
    for name in ("jet", "electron", "muon", "photon"):
        pt, eta, phi = (events[f"{name}_{key}"] for key in ("pt", "eta", "phi"))
        mass = events["jet_mass"] if name == "jet" else _MASS.get(name, 0.0)
        *_, energy = cartesian(pt, eta, phi, mass)
        if name == "jet":
            kind = ak.where(events["jet_b_tag"] != 0, OBJECTS.index("b"), OBJECTS.index("j"))
        elif name == "photon":
            kind = ak.full_like(pt, OBJECTS.index("g"), dtype=np.int8)
        else:
            kind = ak.where(events[f"{name}_charge"] < 0, *_CHARGED[name])
        for key, values in zip(lists, (kind, energy, pt, eta, phi), strict=True):
            lists[key].append(values)
    columns: dict[str, Any] = {
        "event": np.arange(first, first + len(events)),
        "process": np.full(len(events), "events"),
        "weight": events.weight,
        "met_pt": events["met_pt"],
        "met_phi": events["met_phi"],
    }
    columns |= {name: events[name] for name in ("event", "process") if name in events.columns}
    columns |= {f"object_{key}": ak.concatenate(parts, axis=1) for key, parts in lists.items()}
    columns["object_kind"] = ak.values_astype(columns["object_kind"], np.int8)
    return Events(columns, events.weight, events.label)


def _events(path: str, lines: list[bytes], first: int) -> Events:
    """Take lines apart, all at once."""
    try:
        text = pc.utf8_rtrim(pc.utf8_trim_whitespace(pa.array(lines).cast(pa.string())), ";")
    except pa.ArrowException:
        raise InputError(f"{path} is no text; it is damaged or of another format.") from None
    fields = pc.split_pattern(text, ";")
    counts = pc.list_value_length(fields).to_numpy()
    if (counts < _HEADER).any():
        line = int(np.flatnonzero(counts < _HEADER)[0])
        raise _odd_line(path, lines, first, line, f"has {counts[line]} fields, not at least 5")
    offsets = np.asarray(fields.offsets)[:-1].astype(np.int64)
    values = fields.values
    header = [pc.utf8_trim_whitespace(values.take(pa.array(offsets + i))) for i in range(_HEADER)]
    is_object = np.ones(len(values), dtype=bool)
    is_object[(offsets[:, None] + np.arange(_HEADER)).ravel()] = False
    objects = pc.split_pattern(values.filter(pa.array(is_object)), ",")
    number = counts - _HEADER
    row = np.repeat(np.arange(len(lines)), number)
    sizes = pc.list_value_length(objects).to_numpy()
    if (sizes != 5).any():
        line = int(row[sizes != 5][0])
        raise _odd_line(path, lines, first, line, "has an object that is not kind, E, pt, eta, phi")
    parts = pc.utf8_trim_whitespace(objects.flatten())
    place = np.arange(len(objects)) * 5
    where = (path, lines, first)
    columns: dict[str, Any] = {
        "event": _numbers(header[0], np.arange(len(lines)), where, pa.int64()),
        "process": np.array(header[1].to_pylist(), dtype=np.str_),
        "weight": _numbers(header[2], np.arange(len(lines)), where),
        "met_pt": _numbers(header[3], np.arange(len(lines)), where) * _MEV,
        "met_phi": _numbers(header[4], np.arange(len(lines)), where),
    }
    kind = _object_kinds(parts.take(pa.array(place)), row, where)
    columns["object_kind"] = ak.unflatten(kind, number)
    for index, name in enumerate(_KINEMATICS, start=1):
        numbers = _numbers(parts.take(pa.array(place + index)), row, where)
        scale = _MEV if name in {"E", "pt"} else 1.0
        columns[f"object_{name}"] = ak.unflatten(numbers * scale, number)
    return Events(columns, columns["weight"])


def _numbers(
    texts: Any, row: NDArray[np.int64], where: tuple[str, list[bytes], int], kind: Any = None
) -> NDArray[Any]:
    try:
        return np.asarray(texts.cast(kind or pa.float64()).to_numpy())
    except pa.ArrowException:
        bad = next(i for i, item in enumerate(texts.to_pylist()) if not _is_number(item, kind))
        reason = f"has {texts[bad].as_py()!r} where a number should be"
        path, lines, first = where
        raise _odd_line(path, lines, first, int(row[bad]), reason) from None


def _is_number(text: str, kind: Any) -> bool:
    try:
        pa.scalar(text).cast(kind or pa.float64())
    except pa.ArrowException:
        return False
    return True


def _object_kinds(
    texts: Any, row: NDArray[np.int64], where: tuple[str, list[bytes], int]
) -> NDArray[np.int8]:
    known = pc.index_in(texts, value_set=pa.array(OBJECTS))
    kind = pc.fill_null(known, -1).to_numpy(zero_copy_only=False)
    if (kind < 0).any():
        bad = int(np.flatnonzero(kind < 0)[0])
        reason = f"has an object {texts[bad].as_py()!r}, which is none of {', '.join(OBJECTS)}"
        path, lines, first = where
        raise _odd_line(path, lines, first, int(row[bad]), reason)
    return np.asarray(kind, dtype=np.int8)


def _odd_line(path: str, lines: list[bytes], first: int, line: int, reason: str) -> InputError:
    start = lines[line][:60].decode(errors="replace").strip()
    return InputError(
        f"Line {first + line + 1} of {path} ({start!r}) {reason}; a Dark Machines file has event; "
        "process; weight; MET; METphi; object,E,pt,eta,phi; ..."
    )


def _lines(events: Events) -> list[str]:
    process = np.asarray(events["process"]).astype(np.str_)
    if any(not name or ";" in name or "\n" in name for name in np.unique(process)):
        raise DataError("A process needs a name without semicolons and line breaks.")
    kind = flat(events["object_kind"])
    if not np.isin(kind, np.arange(len(OBJECTS))).all():
        raise DataError(f"object_kind has to be 0 to {len(OBJECTS) - 1} ({', '.join(OBJECTS)}).")
    values: Mapping[str, Any] = {name: flat(events[f"object_{name}"]) for name in _KINEMATICS}
    names = pa.array(np.array(OBJECTS)[kind])
    numbers = [_text(values[key] / (_MEV if key in {"E", "pt"} else 1.0)) for key in _KINEMATICS]
    objects = pc.binary_join_element_wise(names, *numbers, ",")
    counts = counts_of(events["object_kind"])
    offsets = pa.array(np.concatenate([[0], np.cumsum(counts)]).astype(np.int32))
    joined = pc.binary_join(pa.ListArray.from_arrays(offsets, objects), ";")
    header = [
        pa.array(np.asarray(events["event"], dtype=np.int64)).cast(pa.string()),
        pa.array(process),
        _text(events["weight"]),
        _text(np.asarray(events["met_pt"]) / _MEV),
        _text(events["met_phi"]),
    ]
    lines = pc.binary_join_element_wise(*header, joined, ";").to_pylist()
    return [f"{line.rstrip(';')}\n" for line in lines]


def _text(values: ArrayLike) -> Any:
    """Return numbers as the shortest texts that mean them exactly."""
    return pa.array(np.asarray(values, dtype=np.float64)).cast(pa.string())
