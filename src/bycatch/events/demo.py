"""The embedded sample: simulated QCD di-jets and a W' -> XY signal (see data/PROVENANCE.md)."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

from bycatch.events.io import read
from bycatch.events.table import Events

_DATA = Path(str(files("bycatch.events"))) / "data"

BACKGROUND: Path = _DATA / "dijet_qcd.parquet"
"""100,000 QCD di-jet events, label 0."""

SIGNAL: Path = _DATA / "dijet_wprime_xy.parquet"
"""2,000 events of W'(3.5 TeV) -> X(500 GeV) Y(100 GeV), label 1."""


def load_background() -> Events:
    """Return the 100,000 QCD di-jet events of the embedded sample.

    Returns
    -------
    Events
        Columns ``mjj`` and, for the lighter (jL) and the heavier jet (jH), mass (GeV), tau1 to tau3
        and n_constituents; label 0.
    """
    return read(BACKGROUND, label="label")


def load_signal() -> Events:
    """Return the 2,000 signal events of the embedded sample.

    Returns
    -------
    Events
        Columns as in `load_background`; label 1.
    """
    return read(SIGNAL, label="label")
