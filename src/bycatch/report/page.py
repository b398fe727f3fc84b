"""The page of a search: one self-contained HTML file, its figures and its numbers."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bycatch.report import bias, comparison, design, trials, words
from bycatch.report.figures import Figures
from bycatch.report.plots.densities import served
from bycatch.report.plots.features import by_chance, ranked
from bycatch.report.truth import with_truth
from bycatch.report.write import write_page
from bycatch.search.result import Check, FeatureComparison, Look, SearchResult
from bycatch.tasks import atomic_write, plain

LONG_TABLE = 24
TOP_EVENTS = 10


def _write_json(path: Path, value: Any) -> None:
    text = json.dumps(plain(value), indent=1, allow_nan=False)
    atomic_write(path, (text + "\n").encode())


def _write_numbers(result: SearchResult, folder: Path) -> None:
    _write_json(folder / "spectra.json", result.spectra)
    _write_json(folder / "features.json", result.features)
    _write_json(folder / "curves.json", result.curves)
    _write_json(folder / "densities.json", result.densities)
    _write_json(folder / "comparison.json", comparison.as_json(result))
    toys = {
        "observed": result.best.local_z,
        "maxima": list(result.toy_maxima),
        "n_toys": result.n_toys,
        "global_p": result.global_p,
        "global_p_interval": result.global_p_interval,
    }
    _write_json(folder / "toys.json", toys)


def _ranking(features: Sequence[FeatureComparison], best: Look) -> dict[str, Any]:
    """Return separations of the best window at the best working point: feature x method."""
    here = [
        item
        for item in features
        if item.window == best.window and item.working_point == best.working_point
    ]
    methods = sorted({item.method for item in here}, key=lambda name: (name != best.method, name))
    order = list(dict.fromkeys(item.feature for item in ranked(here)))
    if any(item.method == best.method for item in here):
        first = [item.feature for item in ranked(here) if item.method == best.method]
        order = [*first, *(name for name in order if name not in first)]
    table = {(x.feature, x.method): (x.separation, by_chance(x)) for x in here}
    rows = [
        (name, [table.get((name, method), (None, None)) for method in methods]) for name in order
    ]
    return {"methods": methods, "rows": rows}


@dataclass(frozen=True)
class Beyond:
    """A global p-value that is extrapolated."""

    name: str
    p: float
    interval: Sequence[float] | None
    message: str


_EXTRAPOLATIONS = {
    "bonferroni": ("Bonferroni", "Upper bound: number of looks times the smallest local p."),
    "tail": ("fitted tail", "Exponential tail fitted to the toys' maxima."),
    "gross_vitells": ("Gross and Vitells", "Mean number of upcrossings of a mass scan."),
}


def _beyond(result: SearchResult) -> list[Beyond]:
    found = []
    for key, value in result.extrapolation.items():
        fields = value if isinstance(value, Mapping) else {"p": value}
        p = fields.get("p", fields.get("global_p"))
        if not isinstance(p, (int, float)) or isinstance(p, bool):
            continue
        name, meaning = _EXTRAPOLATIONS.get(
            key.replace("-", "_"), (key.replace("_", " "), "Extrapolation.")
        )
        message = str(fields.get("message") or meaning)
        found.append(Beyond(name, float(p), fields.get("interval"), message))
    return found


_LISTS = {
    "selected.parquet": "the selected events of the best look with their features",
    "scores.parquet": "the score of every event, one column per method and window",
}


def _top_events(folder: Path) -> tuple[list[dict[str, Any]], int | None]:
    """Return the first rows and the length of the list of selected events, if there is one."""
    path = folder / "selected.parquet"
    if not path.exists():
        return [], None
    import pyarrow.parquet as pq  # noqa: PLC0415 (only where there is a list)

    table = pq.read_table(path)
    rows: list[dict[str, Any]] = table.slice(0, TOP_EVENTS).to_pylist()
    return rows, table.num_rows


def _cited(result: SearchResult) -> list[str]:
    keys = list(result.citations)
    if any(x.template is not None and x.template.delta_sys is not None for x in result.looks):
        keys.append("template-bias")
    return keys


def _checks(result: SearchResult) -> list[Check]:
    """Return the checks: failed ones first, among these those of the best look first."""
    best = result.best

    def place(check: Check) -> tuple[bool, int]:
        away = (check.window not in (None, best.window)) + (check.method not in (None, best.method))
        return check.passed, 0 if check.passed else away

    return sorted(result.checks, key=place)


def _told(result: SearchResult) -> dict[str, Any]:
    """Return what the page says about the result alone."""
    best = result.best
    biases = bias.bias_rows(result)
    return {
        "methods": comparison.compare(result),
        "agreement": comparison.agreement(result),
        "paid": trials.paid(result),
        "overlap": trials.overlap(result),
        "design": design.design(result),
        "features_used": design.features_of(result.config),
        "injection": design.injection(result.config),
        "biases": biases,
        "bias_words": bias.bias_words(biases),
        "unmeasured": bias.unmeasured(result),
        "densities": [(curve, served(curve)) for curve in result.densities],
        "truths": [with_truth(item) for item in result.evaluation],
        "checks": _checks(result),
        "best": best,
        "resonance": words.resonance_name(result),
        "answer": words.answer(result),
        "warnings": words.warnings_of(result),
        "calibration": words.calibration(result) if words.shown_down_to(result) else None,
        "toys_beyond": words.toys_beyond(result) if result.n_toys else None,
        "ranking": _ranking(result.features, best),
        "beyond": _beyond(result),
        "others": [look for look in result.looks if look.window != best.window],
        "long_table": len(result.looks) > LONG_TABLE,
    }


def write_report(
    result: SearchResult,
    folder: Path,
    *,
    versions: Mapping[str, str] | None = None,
    command: str = "bycatch search config.yaml",
    top_events: Sequence[Mapping[str, float]] | None = None,
) -> Path:
    """Write ``report.html`` with figures and numbers beside it.

    Parameters
    ----------
    result : SearchResult
    folder : Path
        Gets ``report.html``, ``figures/*.pdf`` and ``*.png``, ``comparison.json``,
        ``spectra.json``, ``features.json``, ``curves.json``, ``densities.json`` and ``toys.json``.
        Equal results give equal bytes.
    versions : mapping, optional
        Versions of Python and packages to print; by default those that are installed.
    command : str
        The command that repeats the search from inside `folder`.
    top_events : sequence of mapping, optional
        The most anomalous events to list, one mapping of column name to value each; by default
        the first rows of ``selected.parquet`` in `folder`.

    Returns
    -------
    Path
        Of the page: one self-contained file of at most 5 MB.

    Raises
    ------
    StorageError
        Where a file cannot be written; an earlier report stays whole.
    """
    folder = Path(folder)
    _write_numbers(result, folder)
    listed, n_listed = _top_events(folder) if top_events is None else (list(top_events), None)
    return write_page(
        "search.html.j2",
        result,
        folder,
        command,
        cited=_cited(result),
        printed_versions=versions,
        figures=Figures(result, folder),
        lists=[(name, text) for name, text in _LISTS.items() if (folder / name).exists()],
        top_events=listed,
        n_listed=n_listed,
        **_told(result),
    )
