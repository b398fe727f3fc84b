"""Boosted three-prong jets of R-parity violating gluinos, and QCD jets beside them.

13 TeV, anti-kT with R = 1.0, pT within 800 and 900 GeV, abs(eta) < 1. A pair of 400 GeV gluinos,
each of which decays to three light quarks. A gluino jet lies within 1.0 of a gluino and of its
three quarks.

References
----------
M. Farina, Y. Nakai and D. Shih, "Searching for new physics with deep autoencoders",
arXiv:1808.08992.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from bycatch.events.simulate.jets import (
    JET_COLUMNS,
    JetWindow,
    hard_quarks,
    jet_columns,
    jets_in_window,
    select_background,
    within,
)
from bycatch.events.simulate.process import Batch, Process, Selection

WINDOW = JetWindow(radius=1.0, pt=(800.0, 900.0), eta_max=1.0, n_leading=2)
_DISTANCE = 1.0
_GLUINO = 1000021
_SPECTRUM = Path(__file__).with_name("rpv_gluino.slha")


def _give_spectrum(pythia: Any, seed: int) -> None:  # noqa: ARG001 - the signature of a setup
    """Name the file of masses and decays here: its path must not enter the file's settings."""
    pythia.settings.word("SLHA:file", str(_SPECTRUM))


def _select_gluinos(batch: Batch) -> Selection:
    found = jets_in_window(batch, WINDOW)
    quarks = hard_quarks(batch, (_GLUINO,))
    matched = np.zeros(len(found.event), dtype=bool)
    for side in range(2):
        matched |= within(found, quarks[:, 3 * side : 3 * side + 3], _DISTANCE, 3)
    found = found.keep(matched)
    return Selection(found.event, jet_columns(found, 1))


_jets = partial(Process, columns=JET_COLUMNS, chunk=250, references=("arXiv:1808.08992",))

PROCESSES = (
    _jets(
        name="rpv_gluino",
        title="400 GeV gluinos to three quarks, 13 TeV, R=1.0, pT 800-900 GeV",
        settings=(
            "Beams:eCM = 13000.",
            "SLHA:verbose = 0",
            "SUSY:gg2gluinogluino = on",
            "SUSY:qqbar2gluinogluino = on",
            "PhaseSpace:pTHatMin = 650.",
            "PhaseSpace:pTHatMax = 1200.",
        ),
        select=_select_gluinos,
        label=1,
        setup=_give_spectrum,
    ),
    _jets(
        name="qcd_jets_800",
        title="Quark and gluon jets, 13 TeV, R=1.0, pT 800-900 GeV",
        settings=(
            "Beams:eCM = 13000.",
            "HardQCD:all = on",
            "PhaseSpace:pTHatMin = 600.",
            "PhaseSpace:pTHatMax = 1200.",
        ),
        select=partial(select_background, window=WINDOW),
    ),
)
