"""What a search did, in words: from the events to the p-value, as its configuration says it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import PurePath
from typing import Any

import numpy as np

from bycatch.report.methods import Recipe, recipes
from bycatch.report.numbers import count, interval, number, percent
from bycatch.search.result import SearchResult

_TEMPLATES = {
    "cwola": "learns to tell events of the window from those of its sidebands",
    "cathode": (
        "learns to tell events of the window from samples of a density that is learned from the "
        "fit range outside of the window and interpolated into it"
    ),
    "anode": (
        "takes the ratio of two densities as its score: the one of the window's events, and the "
        "one learned from the fit range outside and interpolated into the window"
    ),
    "ideal": "learns to tell events of the window from true background of the same window",
    "supervised": "learns to tell true signal from true background",
}


def _section(config: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    value = config.get(key)
    return value if isinstance(value, Mapping) else {}


def _names(value: Any) -> list[str]:
    listed = [value] if isinstance(value, str) else value
    return [str(x) for x in listed] if isinstance(listed, (list, tuple)) else []


def injection(config: Mapping[str, Any]) -> str | None:
    """Return a sentence that says that signal was injected; None where none was."""
    inject = _section(_section(config, "data"), "inject")
    if not inject:
        return None
    files = ", ".join(f"`{PurePath(name).name}`" for name in _names(inject.get("path")))
    number_of = count(inject.get("count"))
    return f"{number_of} simulated signal events ({files}) were injected into the data."


def features_of(config: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return names and expressions of the features."""
    return [(str(name), str(text)) for name, text in _section(config, "features").items()]


def design(result: SearchResult) -> list[tuple[str, list[str]]]:
    """Return what was done, step by step: a few words and sentences each.

    What the configuration does not say is left out.
    """
    config = result.config
    steps = [
        ("Events", _events(result)),
        ("Windows", _windows(result)),
        ("Methods", _methods(result)),
        ("Selection", _selection(result)),
        ("Background", _background(config)),
        ("Significance", _significance(result)),
    ]
    return [(name, sentences) for name, sentences in steps if sentences]


def _events(result: SearchResult) -> list[str]:
    data = _section(result.config, "data")
    told = [f"{count(result.n_events)} events were searched"]
    if names := _names(data.get("path")):
        told[0] += " from " + ", ".join(f"`{PurePath(name).name}`" for name in names)
    if data.get("where"):
        told[0] += f" with the cut `{data['where']}`"
    fraction = data.get("fraction")
    if isinstance(fraction, (int, float)) and fraction < 1:
        told[0] += f", of which a random {percent(fraction)} were used"
    told[0] += "."
    if data.get("weight"):
        told.append(f"Each has the weight `{data['weight']}`.")
    if (injected := injection(result.config)) is not None:
        told.append(injected)
    if result.config.get("truth"):
        told.append(
            f"Truth (`{result.config['truth']}`) is known and used for evaluation only, except by "
            "methods that are marked as yardsticks."
        )
    return told


def _windows(result: SearchResult) -> list[str]:
    windows = sorted({look.window for look in result.looks})
    regions = _section(result.config, "regions")
    if len(windows) == 1:
        told = [f"One window, {interval(windows[0])}."]
    else:
        ends = f"{interval(windows[0])} to {interval(windows[-1])}"
        told = [f"{count(len(windows))} windows, from {ends}; {_overlap(windows)}."]
    if (fit_range := regions.get("fit_range")) is not None:
        told.append(f"Spectra are fitted over {interval(fit_range)}.")
    sidebands = regions.get("sidebands")
    if isinstance(sidebands, (int, float)):
        told.append(
            f"Training sidebands reach {percent(sidebands)} of the window's centre to each side."
        )
    elif sidebands is None and regions:
        told.append("The whole fit range outside of a window is its sideband.")
    else:
        named = [interval(x) for x in sidebands] if isinstance(sidebands, (list, tuple)) else []
        told += [f"Training sidebands: {', '.join(named)}."] if named else []
    return told


def _overlap(windows: Sequence[tuple[float, float]]) -> str:
    """Say how much neighbouring windows have in common."""
    shares = [max(0.0, a[1] - b[0]) / min(a[1] - a[0], b[1] - b[0]) for a, b in pairwise(windows)]
    if max(shares) == 0:
        return "no two overlap"
    return f"neighbours share {percent(round(float(np.median(shares)), 2))} of their width"


def _methods(result: SearchResult) -> list[str]:
    known = recipes(result.config)
    told = []
    for name in dict.fromkeys(look.method for look in result.looks):
        recipe = known.get(name)
        if recipe is not None:
            told.append(_method(recipe))
    return told


def _method(recipe: Recipe) -> str:
    what = _TEMPLATES.get(recipe.template, f"uses the template `{recipe.template}`")
    classifier = f" (classifier: {recipe.classifier})" if recipe.classifier else ""
    truth = " It uses truth: a yardstick, no search." if recipe.yardstick else ""
    return f"`{recipe.name}` {what}{classifier}.{truth}"


def _selection(result: SearchResult) -> list[str]:
    config = result.config
    folds, members = config.get("folds"), config.get("members")
    told = []
    if folds == "half":
        told.append(
            "One half of the events trains, the other half is searched; counts are of that half."
        )
    elif folds is not None:
        told.append(
            f"Nested {folds}-fold: every event is scored by models that saw it neither in training "
            "nor in early stopping."
        )
    if members is not None and folds is not None:
        each = "" if folds == "half" else " of each fold"
        told.append(f"The score is the mean over {members} trainings{each}.")
    points = sorted({look.working_point for look in result.looks}, reverse=True)
    listed = " and ".join(filter(None, (", ".join(map(percent, points[:-1])), percent(points[-1]))))
    told.append(
        f"Selected are the events above a threshold at which {listed} of the template events pass, "
        "set on template events that the models have not seen: no threshold is chosen after "
        "looking."
    )
    return told


def _background(config: Mapping[str, Any]) -> list[str]:
    background = _section(config, "background")
    if not background.get("family"):
        return []
    order = background.get("order", "auto")
    chosen = (
        "its number of parameters is chosen by likelihood ratio with the window masked"
        if order == "auto"
        else f"with {number(float(order), 1)} parameters"
    )
    return [
        f"Each selected spectrum is fitted with the family `{background['family']}`; {chosen}.",
        "What other families would have made of the window is the systematic (spurious signal).",
    ]


def _significance(result: SearchResult) -> list[str]:
    local = "profile likelihood ratio of an excess in the window, the background's parameters free"
    told = [f"Local p: {local}."]
    if result.n_toys:
        told.append(
            f"Global p: {count(result.n_toys)} toys without signal go through the same fits at all "
            f"{count(result.n_looks)} looks; events that looks share are shared in the toys."
        )
    return told
