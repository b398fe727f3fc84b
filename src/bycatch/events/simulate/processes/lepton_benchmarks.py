"""The four new physics benchmarks of the lepton stream.

The productions are those whose acceptance comes closest to the published one: all that Pythia has
for a charged scalar (c s -> h+ and b g -> h+ t) and for a scalar of the standard model's couplings.

References
----------
O. Cerri et al., "Variational autoencoders for new physics mining at the Large Hadron Collider",
arXiv:1811.10276, section 2 and table 2.
"""

from __future__ import annotations

from functools import partial

from bycatch.events.simulate.leptons import LEPTON_COLUMNS, PARTICLE_COLUMNS, select_leptons
from bycatch.events.simulate.leptons_table import acceptance_table
from bycatch.events.simulate.process import Process

# A narrow scalar far below its mass in the standard model: Pythia would compute a width for it.
_SETTINGS = {
    "a_4l": (
        "HiggsSM:gg2H = on",
        "25:m0 = 50.",
        "25:mWidth = 0.01",
        "25:doForceWidth = on",
        "25:mMin = 40.",
        "25:onMode = off",
        "25:onIfMatch = 23 23",
        "HiggsH1:parity = 2",
        "23:mMin = 1.",
        "23:onMode = off",
        "23:onIfAny = 11 13 15",
    ),
    "lq_btau": (
        "LeptoQuark:gg2LQLQbar = on",
        "LeptoQuark:qqbar2LQLQbar = on",
        "42:m0 = 80.",
        "42:mMin = 60.",
        "42:0:products = 5 -15",
    ),
    "h0_tautau": ("HiggsSM:all = on", "25:m0 = 60.", "25:onMode = off", "25:onIfAny = 15"),
    "hplus_taunu": (
        "Higgs:useBSM = on",
        "HiggsBSM:allH+- = on",
        "37:m0 = 60.",
        "37:mMin = 40.",
        "37:onMode = off",
        "37:onIfAny = 15",
    ),
}
_TITLES = {
    "a_4l": "A(50 GeV) -> Z*Z* -> 4l",
    "lq_btau": "pairs of LQ(80 GeV) -> b tau",
    "h0_tautau": "h0(60 GeV) -> tau tau",
    "hplus_taunu": "h+(60 GeV) -> tau nu",
}


def _make(name: str, code: int, *, particles: bool) -> Process:
    return Process(
        name=f"{name}_particles" if particles else name,
        title=f"{_TITLES[name]}, isolated e or mu above 23 GeV"
        + (", with candidates" if particles else ""),
        settings=("Beams:eCM = 13000.", *_SETTINGS[name]),
        select=partial(select_leptons, code=code, label=1, particles=particles),
        columns=LEPTON_COLUMNS | (PARTICLE_COLUMNS if particles else {}),
        label=1,
        references=("arXiv:1811.10276",),
        chunk=250,
        batch=200,
        table=acceptance_table,
    )


PROCESSES = tuple(
    _make(name, code, particles=particles)
    for particles in (False, True)
    for code, name in enumerate(_SETTINGS, start=4)
)
