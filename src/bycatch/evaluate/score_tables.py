"""Tables of anomaly scores: published ones in the layouts of Dark Machines, and our own runs.

What to use when: `read_table` for a CSV, whichever of the two layouts it has; `read_run` for the
folder of `bycatch score`; `summary_csv` to write a table that others read.

References
----------
.. [1] Aarrestad et al., arXiv:2105.14027, and its repository of results,
   bostdiek/DarkMachines-UnsupervisedChallenge (the two layouts).
"""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from bycatch.errors import ColumnError, DataError, InputError, nearest
from bycatch.evaluate.improvement import EPS_B, Improvement, improvement
from bycatch.evaluate.roc import roc
from bycatch.evaluate.score_comparison import Summary

REFERENCE = "supervised"
"""Name of the method of `bycatch score` that learns from labels; its columns begin with it."""

SUMMARY_COLUMNS = ("Model", "MinSigI", "MaxSigI", "MedianSigI")
"""Minimum, maximum and median of the total significance improvement over the signals."""

_SIGNAL_COLUMNS = ("Signal", "Model")
_RUN_COLUMNS = ("process", "label", "weight", "split")
_NO_SCORES = (*_RUN_COLUMNS, "fold", "mass")


@dataclass(frozen=True)
class ScoreTable:
    """What a table holds.

    Attributes
    ----------
    improvements : tuple of Improvement
        Score by signal; empty for a table of summaries.
    summaries : tuple of Summary
        Empty for a table by signal.
    references : tuple of Improvement
        Of what learned from labels, and is no score without them.
    """

    improvements: tuple[Improvement, ...] = ()
    summaries: tuple[Summary, ...] = ()
    references: tuple[Improvement, ...] = ()


def read_table(path: Path | str, *, name: str = "") -> ScoreTable:
    """Read a CSV of scores.

    Parameters
    ----------
    path : Path or str
        With the columns Model, MinSigI, MaxSigI, MedianSigI, one row per score; or with Signal,
        Model and one column per background efficiency, named by it (1e-2, 1e-3, 1e-4), and
        optionally Chan and AUC. Further columns do not matter.
    name : str
        Put before the scores' names.

    Returns
    -------
    ScoreTable

    Raises
    ------
    InputError
        Where the file cannot be read, or a number is none.
    ColumnError
        Where its columns are those of neither layout.
    """
    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is no text file"
        raise InputError(f"The table {path} cannot be read ({reason}); give a CSV file.") from error
    reader = csv.DictReader(io.StringIO(text))
    columns = list(reader.fieldnames or [])
    rows = [(reader.line_num, row) for row in reader]
    efficiencies = {column: float(column) for column in columns if _is_efficiency(column)}
    if set(SUMMARY_COLUMNS) <= set(columns):
        table = ScoreTable(summaries=tuple(_summary(path, n, row, name) for n, row in rows))
    elif set(_SIGNAL_COLUMNS) <= set(columns) and efficiencies:
        table = ScoreTable(tuple(_cell(path, n, row, efficiencies, name) for n, row in rows))
    else:
        raise ColumnError(
            f"{path} has the columns {', '.join(map(repr, columns)) or '(none)'}, but needs "
            f"{', '.join(SUMMARY_COLUMNS)}, or Signal, Model and background efficiencies such as "
            "1e-2."
        )
    if not rows:
        raise InputError(f"{path} holds no rows; give a table with a row for each score.")
    return table


def _is_efficiency(name: str) -> bool:
    try:
        return 0.0 < float(name) < 1.0
    except ValueError:
        return False


def _number(path: Path, line: int, row: Mapping[str, str | None], name: str) -> float:
    text = row.get(name)
    try:
        value = float(text or "")
    except ValueError:
        value = float("nan")
    if not np.isfinite(value) or value < 0.0:
        raise InputError(f"{path}, line {line}: '{name}' is {text!r}, but must be a number from 0.")
    return value


def _summary(path: Path, line: int, row: Mapping[str, str | None], name: str) -> Summary:
    low, high, middle = (_number(path, line, row, column) for column in SUMMARY_COLUMNS[1:])
    if not low <= middle <= high:
        raise InputError(
            f"{path}, line {line}: the median {middle:g} does not lie between the minimum {low:g} "
            f"and the maximum {high:g}; check the columns."
        )
    return Summary(f"{name}{row['Model']}", low, middle, high)


def _cell(
    path: Path,
    line: int,
    row: Mapping[str, str | None],
    efficiencies: Mapping[str, float],
    name: str,
) -> Improvement:
    found = tuple(_number(path, line, row, column) for column in efficiencies)
    if max(found) > 1.0:
        raise InputError(f"{path}, line {line}: a signal efficiency is {max(found):g}, above 1.")
    unknown = float("nan")
    return Improvement(
        f"{name}{row['Model']}",
        str(row["Signal"]),
        row.get("Chan") or "",
        tuple(efficiencies.values()),
        found,
        (unknown,) * len(found),
        _number(path, line, row, "AUC") if row.get("AUC") else unknown,
        unknown,
        unknown,
    )


def read_run(
    folder: Path | str,
    *,
    scores: Sequence[str] | None = None,
    eps_b: Sequence[float] = EPS_B,
    split: str = "test",
    name: str = "",
    channel: str = "",
) -> ScoreTable:
    """Measure the scores of a run of `bycatch score` for each of its signals.

    Parameters
    ----------
    folder : Path or str
        Holds ``scores.parquet`` with the columns process, label (1 for signals), weight, split and
        one of floating-point numbers per score. A score that belongs to one signal is named
        ``SCORE@SIGNAL``, and is NaN for the others.
    scores : sequence of str, optional
        Columns to compare; by default all of floating-point numbers but the weight and ``mass``.
        Those of the supervised reference are kept apart in any case.
    eps_b : sequence of float
        Background efficiencies.
    split : str
        Rows to use: those that no score learned from.
    name : str
        Put before the scores' names; before those of references the folder's where it is empty,
        since they have the same name in all runs.
    channel : str

    Returns
    -------
    ScoreTable
        Each process of label 1 is a signal; all rows of label 0 are background, by weight.

    Raises
    ------
    InputError
        Where the folder holds no scores.
    ColumnError
        Where a column is missing.
    DataError
        Where there are no rows, no background or no signal.
    """
    table = _read(Path(folder) / "scores.parquet")
    names = _score_columns(table, Path(folder), scores)
    chosen = np.asarray(table["split"].to_pylist()) == split
    if not chosen.any():
        there = sorted(set(table["split"].to_pylist()))
        raise DataError(
            f"{folder}/scores.parquet has no rows of the split '{split}'; there are "
            f"{', '.join(map(repr, there)) or 'none'}."
        )
    process = np.asarray(table["process"].to_pylist())[chosen]
    label, weight = (_values(table, column)[chosen] for column in ("label", "weight"))
    signals = sorted(set(process[label == 1]))
    if not signals or not (label == 0).any():
        raise DataError(
            f"{folder}/scores.parquet has {len(signals)} signals and {int((label == 0).sum())} "
            f"background rows in the split '{split}'; a comparison needs both."
        )
    found: list[Improvement] = []
    references: list[Improvement] = []
    for column in names:
        score = _values(table, column)[chosen]
        method, _, only = column.partition("@")
        with_labels = method.startswith(f"{REFERENCE}.")
        prefix = name or (f"{Path(folder).resolve().name}: " if with_labels else "")
        for signal in signals if not only else [only]:
            rows = (label == 0) | ((label == 1) & (process == signal))
            _require_scores(folder, column, signal, score[rows])
            curve = roc(score[rows], label[rows], weight[rows])
            cell = improvement(curve, f"{prefix}{method}", str(signal), channel, eps_b)
            (references if with_labels else found).append(cell)
    return ScoreTable(tuple(found), references=tuple(references))


def _require_scores(
    folder: Path | str, column: str, signal: str, score: NDArray[np.float64]
) -> None:
    bad = int(np.isnan(score).sum())
    if bad:
        raise DataError(
            f"{folder}/scores.parquet: '{column}' is NaN for {bad} of {score.size} rows of "
            f"background and '{signal}'; leave this score out, or score these rows."
        )


def _read(path: Path) -> pa.Table:
    try:
        return pq.read_table(path)
    except (OSError, pa.ArrowException) as error:
        raise InputError(
            f"{path} cannot be read; give the folder of a finished run of `bycatch score`, or a "
            "CSV table."
        ) from error


def _score_columns(table: pa.Table, folder: Path, scores: Sequence[str] | None) -> list[str]:
    known = table.column_names
    for column in (*_RUN_COLUMNS, *(scores or ())):
        if column not in known:
            raise ColumnError(
                f"{folder}/scores.parquet has no column '{column}'; the nearest are "
                f"{nearest(column, known)}."
            )
    if scores is not None:
        return list(scores)
    found = [
        field.name
        for field in table.schema
        if field.name not in _NO_SCORES and pa.types.is_floating(field.type)
    ]
    if not found:
        raise ColumnError(
            f"{folder}/scores.parquet has no column of scores beside {', '.join(known)}."
        )
    return found


def _values(table: pa.Table, column: str) -> NDArray[np.float64]:
    return np.asarray(table[column].to_numpy(), dtype=np.float64)


def summary_csv(summaries: Sequence[Summary]) -> str:
    """Return summaries as CSV, in the columns of the published table."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(("", *SUMMARY_COLUMNS))
    for i, s in enumerate(summaries):
        writer.writerow((i, s.method, s.minimum, s.maximum, s.median))
    return stream.getvalue()
