"""The samples of the sensitivity studies: events, features, injections and training sets.

``lhco``    LHC Olympics R&D (`rd_60k.parquet`), the published four features.
``pythia``  the embedded 100,000 QCD di-jet events, signal from the 20,000 events beside them.

A variant changes the features: ``shift`` adds 0.1 mjj to both mass features, ``deltar`` adds the
distance of the two jets in (eta, phi) as a fifth feature. Both follow the resonance.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bycatch.tasks.random import child_seed, stream
from bycatch.template import Region, Template, TrainingSet, get_template

__all__ = [
    "SPAN",
    "VARIANTS",
    "WINDOW",
    "Table",
    "inject",
    "is_half",
    "read_sample",
    "region_of",
    "template_of",
    "training_set",
]

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
WINDOW = (3300.0, 3700.0)
SPAN = (2700.0, 6500.0)
"""Range that a density learns from, and that is fitted in a search."""
SIDE = 0.12
"""Width of each training sideband of cwola as a fraction of the window's centre."""
SHIFT = 0.1
VARIANTS = ("plain", "shift", "deltar")
LHCO_FEATURES = {
    "m_light": "minimum(j1_mass, j2_mass) / 1000",
    "delta_m": "abs(j1_mass - j2_mass) / 1000",
    "tau21_light": (
        "where(j1_mass < j2_mass, j1_tau2 / (j1_tau1 + 1e-5), j2_tau2 / (j2_tau1 + 1e-5))"
    ),
    "tau21_heavy": (
        "where(j1_mass < j2_mass, j2_tau2 / (j2_tau1 + 1e-5), j1_tau2 / (j1_tau1 + 1e-5))"
    ),
}
PYTHIA_FEATURES = {
    "m_light": "jL_mass / 1000",
    "delta_m": "(jH_mass - jL_mass) / 1000",
    "tau21_light": "jL_tau2 / (jL_tau1 + 1e-5)",
    "tau21_heavy": "jH_tau2 / (jH_tau1 + 1e-5)",
}


@dataclass(frozen=True)
class Table:
    """Mass, features and truth of a sample."""

    mass: np.ndarray
    X: np.ndarray
    label: np.ndarray
    features: tuple[str, ...]

    @property
    def inside(self) -> np.ndarray:
        return region_of().in_window(self.mass)


def read_sample(name: str, variant: str = "plain") -> Table:
    """Return a sample of `lhco` or `pythia` with the features of a variant."""
    if name == "lhco":
        parts = [_derive(DATA / "lhco" / "rd_60k.parquet", LHCO_FEATURES, ("j1", "j2"), variant)]
    else:
        from bycatch.events.demo import BACKGROUND

        # The embedded columns are a part of those of the file that has the jets' directions.
        directed = DATA / "pythia" / "dijet_qcd.parquet"
        background = directed if variant == "deltar" else BACKGROUND
        signal = DATA / "pythia" / "dijet_wprime_xy.parquet"
        parts = [
            _derive(path, PYTHIA_FEATURES, ("jL", "jH"), variant) for path in (background, signal)
        ]
    return Table(
        np.concatenate([part.mass for part in parts]),
        np.concatenate([part.X for part in parts]),
        np.concatenate([part.label for part in parts]),
        parts[0].features,
    )


def _derive(path: Path, features: dict[str, str], jets: tuple[str, str], variant: str) -> Table:
    from bycatch.events import derive

    columns = {"mjj": "mjj", **features, "label": "label"}
    if variant == "deltar":
        columns |= {f"d{name}": f"{jets[0]}_{name} - {jets[1]}_{name}" for name in ("eta", "phi")}
    found = derive(path, columns)
    X = [found[name] for name in features]
    names = tuple(features)
    if variant == "shift":
        X[0], X[1] = (values + SHIFT * found["mjj"] / 1000.0 for values in X[:2])
    elif variant == "deltar":
        dphi = np.abs(found["dphi"])
        X.append(np.hypot(found["deta"], np.minimum(dphi, 2.0 * np.pi - dphi)))
        names = (*names, "delta_r")
    stacked = np.stack(X, axis=1).astype(np.float32)
    return Table(found["mjj"], stacked, found["label"].astype(np.int8), names)


def region_of(window: tuple[float, float] = WINDOW) -> Region:
    """Return a window with the training sidebands of cwola and the range of a density."""
    side = SIDE * sum(window) / 2.0
    return Region(window, ((window[0] - side, window[0]), (window[1], window[1] + side)), SPAN)


def inject(table: Table, n_signal: int, seed: int) -> np.ndarray:
    """Mark background and a random injection with `n_signal` signal events in the window."""
    rng = stream(seed, "inject", n_signal)
    inside = table.inside
    there = np.flatnonzero((table.label == 1) & inside)
    elsewhere = np.flatnonzero((table.label == 1) & ~inside)
    used = table.label == 0
    used[rng.choice(there, n_signal, replace=False)] = True
    n_elsewhere = round(n_signal * elsewhere.size / there.size)
    used[rng.choice(elsewhere, n_elsewhere, replace=False)] = True
    return used


def is_half(method: str) -> bool:
    """Say whether half of the window's background is taken away: what `ideal` needs."""
    return method == "ideal" or method.endswith("(half)")


def template_of(method: str, **options: object) -> Template:
    """Return the template of a method: its first word, up to a density's name."""
    name = method.split(maxsplit=1)[0].partition("-")[0]
    return get_template("cwola" if name == "ideal" else name, **options)


def training_set(
    method: str, template: Template, table: Table, used: np.ndarray, seed: int
) -> TrainingSet:
    """Return a training set whose rows are indices of `table`, -1 for synthetic events.

    ``(half)`` leaves half of the window's background out, and, for the sidebands of cwola, as many
    events as that half has stand for the background. ``ideal`` takes the other half for background.
    """
    region = region_of()
    rows = np.arange(table.mass.size) if method == "supervised" else np.flatnonzero(used)
    dropped: Sequence[int] | np.ndarray = ()
    if is_half(method):
        inside = np.flatnonzero(region.in_window(table.mass) & (table.label == 0))
        dropped = stream(seed, "half").permutation(inside)[: inside.size // 2]
        keep = np.ones(table.mass.size, dtype=bool)
        keep[dropped] = False
        if method == "cwola (half)":
            sidebands = np.flatnonzero(region.in_sidebands(table.mass) & used)
            too_many = stream(seed, "sidebands").permutation(sidebands)[len(dropped) :]
            keep[too_many] = False
        rows = rows[keep[rows]]
    if method == "ideal":
        data = rows[region.in_window(table.mass[rows])]
        row = np.concatenate([data, dropped])
        y = np.repeat(np.array([1, 0], dtype=np.int8), [data.size, len(dropped)])
        return TrainingSet(table.X[row], y, np.ones(row.size), row)
    local = template.training_set(
        table.mass[rows],
        table.X[rows],
        np.ones(rows.size),
        region,
        label=table.label[rows],
        seed=child_seed(seed, "template", method),
    )
    row = np.where(local.row >= 0, rows[local.row], -1)
    return TrainingSet(local.X, local.y, local.weight, row)
