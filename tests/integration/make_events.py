"""Small di-jet-like samples for the integration tests: a falling spectrum, and a narrow signal."""

from __future__ import annotations

from pathlib import Path

import numpy as np

COLUMNS = ("mjj", "m_light", "tau21", "label")


def make_events(n_background=8000, n_signal=150, seed=1):
    """Return columns of a smooth background above 2 TeV and a peak at 3.5 TeV.

    The features do not depend on the mass; the signal sits in a corner of them.
    """
    rng = np.random.default_rng(seed)
    x = 2000 + rng.exponential(500, size=n_background)
    while np.any(x > 6000):
        x[x > 6000] = 2000 + rng.exponential(500, size=np.count_nonzero(x > 6000))
    mjj = np.concatenate([x, rng.normal(3000, 60, n_signal)])
    m_light = np.concatenate([rng.exponential(0.1, n_background), rng.normal(0.45, 0.03, n_signal)])
    tau21 = np.concatenate([rng.beta(6, 3, n_background), rng.beta(2, 8, n_signal)])
    label = np.concatenate([np.zeros(n_background), np.ones(n_signal)])
    order = rng.permutation(mjj.size)
    columns = (mjj, m_light, tau21, label)
    return {name: column[order] for name, column in zip(COLUMNS, columns, strict=True)}


def write_parquet(path: Path, columns) -> Path:
    """Write columns as a Parquet file."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    pq.write_table(pa.table(dict(columns)), path)
    return path


def write_root(path: Path, columns) -> Path:
    """Write columns as a tree ``Events`` of a ROOT file."""
    import uproot

    with uproot.recreate(path) as file:
        file.mktree("Events", {name: column.dtype for name, column in columns.items()})
        file["Events"].extend(dict(columns))
    return path


CONFIG = """\
data:
  path: events.parquet
resonance: mjj
features:
  m_light: m_light
  tau21: tau21
truth: label
regions:
  bins: 100
  fit_range: [2200, 5000]
  windows: [[2850, 3150]]
  sidebands: 0.15
methods:
  - {template: cwola, classifier: trees}
folds: 3
members: 2
working_points: [0.1, 0.03]
background: {family: dijet, order: 3}
toys: 20
seed: 1
output: run
"""


def write_search(folder: Path, *replacements: tuple[str, str]) -> Path:
    """Write a small configuration that runs in seconds, with pieces of its text replaced."""
    text = CONFIG
    for there, instead in replacements:
        assert there in text, there
        text = text.replace(there, instead, 1)
    path = folder / "search.yaml"
    path.write_text(text)
    return path
