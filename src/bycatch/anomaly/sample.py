"""The events of a run: weights, masses, and who learns from whom.

What to use when: two halves (`Processes.fold` -1 and 0) where background can be had without signal;
folds where the data themselves are scored. Either way no event is scored by a model that saw it.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bycatch import events
from bycatch.anomaly.inputs import StoredInputs, write_inputs
from bycatch.anomaly.plan import SamplePlan, ScorePlan
from bycatch.errors import DataError
from bycatch.evaluate.sizes import kish
from bycatch.tasks.files import atomic_file
from bycatch.tasks.random import stream
from bycatch.tasks.store import RunFolder, Step

_WEIGHT, _MASS, _FEATURE = "weight", "mass", "feature:"


@dataclass(frozen=True)
class SampleSize:
    """How many events there are of one process.

    Attributes
    ----------
    name : str
    n_events : int
        Used.
    n_train, n_test : int
        With folds every event is both, of different models.
    n_effective : float
        Kish's effective number.
    n_dropped : int
        Left out because a value is not finite.
    sum_weights : float
    """

    name: str
    n_events: int
    n_train: int
    n_test: int
    n_effective: float
    n_dropped: int
    sum_weights: float


@dataclass(frozen=True)
class Processes:
    """Events of all processes, one after the other.

    Attributes
    ----------
    process : ndarray of shape (n_events,)
        0 for background, k for signal k.
    weight : ndarray of shape (n_events,)
        Signed weights.
    mass : ndarray of shape (n_events,) or None
    fold : ndarray of shape (n_events,)
        -1 for events of the training half, which are not scored; else the fold whose models score
        it.
    row : ndarray of shape (n_events,)
        Position in `inputs`.
    inputs : StoredInputs
    names : tuple of str
        Names of the features, or of the axes of a picture.
    sizes : tuple of SampleSize
        By process.
    """

    process: NDArray[np.int8]
    weight: NDArray[np.float64]
    mass: NDArray[np.float64] | None
    fold: NDArray[np.int8]
    row: NDArray[np.int64]
    inputs: StoredInputs
    names: tuple[str, ...]
    sizes: tuple[SampleSize, ...]

    def of(self, process: int) -> NDArray[np.bool_]:
        """Mark the events of a process."""
        return np.asarray(self.process == process)

    def tested(self, process: int, most: int, rng: np.random.Generator) -> NDArray[np.int64]:
        """Return positions of tested events of a process, of fold 0, at most so many of them."""
        rows = np.flatnonzero((self.fold == 0) & self.of(process))
        return rows if len(rows) <= most else np.sort(rng.choice(rows, size=most, replace=False))


def load_sample(plan: ScorePlan, folder: RunFolder) -> Processes:
    """Read the events of a run, or what an earlier start of the run made of them.

    Parameters
    ----------
    plan : ScorePlan
    folder : RunFolder
        Keeps the arrays under ``shared`` and ``steps``.

    Returns
    -------
    Processes

    Raises
    ------
    InputError, ColumnError, ExpressionError, ConfigError
        From reading and representing.
    DataError
        For no events, or values that are not finite and are not to be dropped.
    """
    step = folder.step("sample")
    if not step.done:
        step.save(*_read(plan, folder.path / "shared"))
    return stored_sample(folder.path)


def stored_sample(folder: Path) -> Processes:
    """Return the sample that `load_sample` stored in a run folder.

    Raises
    ------
    RunFolderError, DataError
        Where it is damaged, or gone in part.
    """
    step, shared = Step(folder / "steps" / "sample"), folder / "shared"
    arrays, document = step.load_arrays(), step.load_json()
    stored = document["inputs"]
    inputs = StoredInputs(
        str(shared / "values.npy"),
        str(shared / "mask.npy") if stored["mask"] else None,
        stored["normalise"],
    )
    for path in (inputs.values, inputs.mask):
        if path is not None and not Path(path).exists():
            raise DataError(
                f"The stored events {path} are gone; remove {folder} and run the same command "
                "again."
            )
    return Processes(
        arrays["process"],
        arrays["weight"],
        arrays.get("mass"),
        arrays["fold"],
        arrays["row"],
        inputs,
        tuple(document["names"]),
        tuple(SampleSize(**item) for item in document["sizes"]),
    )


def _read(plan: ScorePlan, shared: Path) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
    """Return the arrays of a sample and what else there is to keep."""
    expressions = {_WEIGHT: plan.weight or "1", _MASS: plan.mass or "0"}
    expressions |= {f"{_FEATURE}{name}": text for name, text in plan.inputs.features}
    parts, chosen, dropped = [], [], []
    for sample in plan.samples:
        columns, rows, lost = _columns(sample, expressions, plan)
        parts.append(columns)
        chosen.append(rows)
        dropped.append(lost)
    if plan.inputs.features:
        inputs, names = _write_features(parts, shared)
        kept = np.ones(sum(map(len, chosen)), dtype=bool)
    else:
        inputs, kept, names = write_inputs(
            plan.samples, chosen, plan.inputs, shared, drop=plan.nonfinite == "drop"
        )
    process = np.repeat(np.arange(len(parts), dtype=np.int8), [len(rows) for rows in chosen])
    lost_later = np.bincount(process[~kept], minlength=len(parts))
    arrays = {
        "process": process[kept],
        "weight": np.concatenate([part[_WEIGHT] for part in parts])[kept],
        "row": np.flatnonzero(kept),
        "fold": _folds(process[kept], plan),
    }
    if plan.mass is not None:
        arrays["mass"] = np.concatenate([part[_MASS] for part in parts])[kept]
    sizes = [
        _size(k, plan, arrays, dropped[k] + int(lost_later[k])) for k in range(len(plan.samples))
    ]
    document = {
        "names": list(names),
        "sizes": [asdict(size) for size in sizes],
        "inputs": {"mask": inputs.mask is not None, "normalise": inputs.normalise},
    }
    return arrays, document


def _columns(
    sample: SamplePlan, expressions: dict[str, str], plan: ScorePlan
) -> tuple[dict[str, NDArray[np.float64]], NDArray[np.int64], int]:
    """Return flat columns of the events to use, their positions, and how many were dropped."""
    data = events.derive(sample.path, expressions, where=sample.where)
    n_read = len(data[_WEIGHT])
    rows = np.arange(n_read)
    if sample.limit is not None and sample.limit < n_read:
        rng = stream(plan.seed, "limit", sample.name)
        rows = np.sort(rng.choice(n_read, size=sample.limit, replace=False))
    with np.errstate(over="ignore"):  # beyond float32's range is infinite to a model
        bad = {name: ~np.isfinite(data[name][rows].astype(np.float32)) for name in data}
    wrong = np.logical_or.reduce(list(bad.values()))
    if wrong.any() and plan.nonfinite == "refuse":
        listed = ", ".join(
            f"{name.removeprefix(_FEATURE)} ({expressions[name]}): {int(mask.sum())}"
            for name, mask in bad.items()
            if mask.any()
        )
        raise DataError(
            f"{int(wrong.sum())} of {len(rows)} events of '{sample.name}' have a NaN or infinite "
            f"value in {listed}; mend the expression, cut the events with 'where', or set "
            "nonfinite: drop."
        )
    rows = rows[~wrong]
    if len(rows) < 2:
        raise DataError(
            f"{', '.join(sample.path)} leaves {len(rows)} events of '{sample.name}' after the cut "
            f"{sample.where!r}, but at least 2 are needed."
        )
    return {name: column[rows] for name, column in data.items()}, rows, int(wrong.sum())


def _write_features(
    parts: list[dict[str, NDArray[np.float64]]], shared: Path
) -> tuple[StoredInputs, tuple[str, ...]]:
    names = [name for name in parts[0] if name.startswith(_FEATURE)]
    x = np.concatenate(
        [np.stack([part[name].astype(np.float32) for name in names], axis=1) for part in parts]
    )
    path = shared / "values.npy"
    with atomic_file(path) as temporary, temporary.open("wb") as target:
        np.save(target, x, allow_pickle=False)
    return StoredInputs(str(path)), tuple(name.removeprefix(_FEATURE) for name in names)


def _folds(process: NDArray[np.int8], plan: ScorePlan) -> NDArray[np.int8]:
    """Return the fold of each event: all, or -1 for the training half and 0 for the other."""
    fold = np.zeros(len(process), dtype=np.int8)
    for k, name in enumerate(plan.names):
        rows = np.flatnonzero(process == k)
        order = stream(plan.seed, "split", name).permutation(len(rows))
        if plan.folds:
            fold[rows[order]] = np.arange(len(rows)) % plan.folds
            continue
        n_test = min(max(1, round(plan.test_fraction * len(rows))), len(rows) - 1)
        fold[rows[order[n_test:]]] = -1
    return fold


def _size(k: int, plan: ScorePlan, arrays: dict[str, NDArray[Any]], dropped: int) -> SampleSize:
    there = arrays["process"] == k
    weight, fold = arrays["weight"][there], arrays["fold"][there]
    total = float(weight.sum())
    if not total > 0.0:
        raise DataError(
            f"The {len(weight)} events of '{plan.names[k]}' have a sum of weights of {total:g}; "
            "it must be positive: check 'data.weight'."
        )
    n_train = len(fold) if plan.folds else int((fold < 0).sum())
    return SampleSize(
        plan.names[k],
        len(fold),
        n_train,
        int((fold >= 0).sum()),
        kish(weight),
        dropped,
        total,
    )
