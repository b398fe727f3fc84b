"""What the selected events are: their features beside the template's, and the list itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from bycatch.evaluate.separation import separation
from bycatch.search.result import FeatureComparison
from bycatch.search.sample import Sample
from bycatch.statistics.region import Region
from bycatch.tasks.files import atomic_file

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]
FEATURE_BINS = 25


def compare_features(
    sample: Sample,
    region: Region,
    selected: Mask,
    *,
    method: str,
    working_point: float,
) -> tuple[FeatureComparison, ...]:
    """Compare the selected events of a signal region with all of its events, per feature.

    The events of the region before the selection are nearly all background, so they are the
    template that every method shares.

    Parameters
    ----------
    sample : Sample
    region : Region
    selected : ndarray of shape (n_events,)
        Events that the look keeps.
    method : str
    working_point : float

    Returns
    -------
    tuple of FeatureComparison
        Ranked by separation, the largest first; empty where the window selects no event.
    """
    inside = region.in_window(sample.mass)
    chosen = inside & selected
    rest = inside & ~selected
    if not chosen.any() or not rest.any():
        return ()
    comparisons = [
        _compare(
            sample.X[:, column].astype(np.float64),
            sample.weight,
            chosen,
            rest,
            FeatureComparison(
                name, method, region.window, working_point, (), (), (), (), float("nan")
            ),
        )
        for column, name in enumerate(sample.features)
    ]
    return tuple(sorted(comparisons, key=lambda item: -item.separation))


def _compare(
    values: Floats, weight: Floats, chosen: Mask, rest: Mask, blank: FeatureComparison
) -> FeatureComparison:
    both = values[chosen | rest]
    # a few outliers must not squeeze all others into one bin
    low, high = np.quantile(both, [0.001, 0.999])
    if low == high:  # nearly all values are equal: the whole range then
        low, high = both.min(), both.max()
    edges = np.linspace(low, high, FEATURE_BINS + 1)
    inside = np.clip(values, low, high)  # overflow belongs to the outermost bins
    kept, _ = np.histogram(inside[chosen], edges, weights=weight[chosen])
    squares, _ = np.histogram(inside[chosen], edges, weights=weight[chosen] ** 2)
    other, _ = np.histogram(inside[rest], edges, weights=weight[rest])
    width = edges[1] - edges[0]
    area = kept.sum() * width
    return FeatureComparison(
        feature=blank.feature,
        method=blank.method,
        window=blank.window,
        working_point=blank.working_point,
        edges=tuple(edges.tolist()),
        selected=tuple((kept / area).tolist()),
        template=tuple((other / (other.sum() * width)).tolist()),
        selected_error=tuple((np.sqrt(squares) / area).tolist()),
        separation=float(separation(kept, other)),
    )


def write_scores(
    path: Path,
    sample: Sample,
    scores: Mapping[tuple[str, tuple[float, float]], NDArray[np.float32]],
) -> None:
    """Write every event's scores as Parquet: one column per method and window.

    Parameters
    ----------
    path : Path
    sample : Sample
    scores : mapping
        (method, window) -> ndarray of shape (n_events,).

    Raises
    ------
    StorageError
        Where the file cannot be written.
    """
    columns: dict[str, NDArray[np.generic]] = {"mass": sample.mass, "weight": sample.weight}
    for (method, window), score in scores.items():
        columns[f"{method}/{window[0]:g}-{window[1]:g}"] = score
    _write(path, columns)


def write_selected(
    path: Path, sample: Sample, rows: NDArray[np.int64], score: NDArray[np.float32]
) -> None:
    """Write the selected events in the window as Parquet, the most anomalous first.

    Parameters
    ----------
    path : Path
    sample : Sample
    rows : ndarray of shape (n_selected,)
        Their positions in the searched sample (data in file order, then injected events).
    score : ndarray of shape (n_events,)

    Raises
    ------
    StorageError
        Where the file cannot be written.
    """
    order: Sequence[int] | NDArray[np.int64] = rows[np.argsort(-score[rows], kind="stable")]
    columns: dict[str, NDArray[np.generic]] = {
        "event": np.asarray(order, dtype=np.int64),
        "mass": sample.mass[order],
        "score": score[order],
        "weight": sample.weight[order],
    }
    for column, name in enumerate(sample.features):
        columns[name] = sample.X[order, column]
    _write(path, columns)


def _write(path: Path, columns: Mapping[str, NDArray[np.generic]]) -> None:
    table = pa.table(dict(columns))
    with atomic_file(path) as temporary:
        pq.write_table(table, temporary, compression="zstd")
