"""Top and QCD jets as in the top-tagging reference data set.

14 TeV without multiple interactions, anti-kT with R = 0.8, pT within 550 and 650 GeV,
abs(eta) < 2. A top jet lies within 0.8 of a hadronic top and of its three quarks; QCD jets are not
matched. The leading two jets of an event are looked at; the detector is
`bycatch.events.simulate.detector.FULL` instead of Delphes.

References
----------
A. Butter et al., "The machine learning landscape of top taggers", arXiv:1902.09914.
"""

from __future__ import annotations

from functools import partial

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

WINDOW = JetWindow(radius=0.8, pt=(550.0, 650.0), eta_max=2.0, n_leading=2)
_DISTANCE = 0.8

_COMMON = ("Beams:eCM = 14000.", "PartonLevel:MPI = off")
# Jets of 550 to 650 GeV whose hard process has less than 400 GeV are 7 +- 2 % of all (two hard
# partons in one jet) and cost several times as many events; see docs/howto/simulate.md.
_PT_HAT = ("PhaseSpace:pTHatMin = 400.", "PhaseSpace:pTHatMax = 1000.")
_HADRONIC_W = ("24:onMode = off", "24:onIfAny = 1 2 3 4 5")


def _select_tops(batch: Batch) -> Selection:
    found = jets_in_window(batch, WINDOW)
    matched = np.zeros(len(found.event), dtype=bool)
    for sign in (1, -1):
        matched |= within(found, hard_quarks(batch, (6 * sign, 24 * sign)), _DISTANCE, 3)
    found = found.keep(matched)
    return Selection(found.event, jet_columns(found, 1))


_jets = partial(Process, columns=JET_COLUMNS, chunk=250, references=("arXiv:1902.09914",))

PROCESSES = (
    _jets(
        name="top_jets",
        title="Hadronic top jets, 14 TeV, R=0.8, pT 550-650 GeV (top landscape)",
        settings=(
            *_COMMON,
            "Top:gg2ttbar = on",
            "Top:qqbar2ttbar = on",
            *_PT_HAT,
            *_HADRONIC_W,
        ),
        select=_select_tops,
        label=1,
    ),
    _jets(
        name="qcd_jets",
        title="Quark and gluon jets, 14 TeV, R=0.8, pT 550-650 GeV (top landscape)",
        settings=(*_COMMON, "HardQCD:all = on", *_PT_HAT),
        select=partial(select_background, window=WINDOW),
    ),
)
