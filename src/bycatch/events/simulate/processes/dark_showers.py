"""Jets of a dark sector: semi-visible ones, dark showers, and QCD jets beside them.

13 TeV, anti-kT with R = 0.8, pT within 150 and 300 GeV, abs(eta) < 2. A Z' decays to two dark
quarks (SU(3), two flavours), which shower and turn into dark pions (4 GeV) and dark rho mesons
(5 GeV) in Pythia's Hidden Valley. A dark meson is stable dark matter with probability r_inv, else
it decays at once: the pion to c cbar, the heaviest that fits, the rho to u, d, s and c alike.

``semivisible_jets`` has r_inv = 0.75 and a Z' of 2 TeV, of whose jets about a quarter is seen;
``dark_jets`` has r_inv = 0 and a Z' of 500 GeV. A jet lies within 0.8 of a dark quark. The spectra
of the jets' pT differ from that of QCD: a comparison must not learn from pT alone.

Masses, r_inv and window follow the semi-visible ("Aachen") jets of the references; the numbers are
from memory of those papers, and ``dark_jets`` is a model of our own in their spirit.

References
----------
B. M. Dillon et al., "A normalized autoencoder for LHC triggers", arXiv:2206.14225; T. Buss et al.,
"What's anomalous in LHC jets?", arXiv:2202.00686; E. Bernreuther et al., "Casting a graph net to
catch dark showers", arXiv:2006.08639.
"""

from __future__ import annotations

from functools import partial

from bycatch.events.simulate.jets import (
    JET_COLUMNS,
    JetWindow,
    hard_quarks,
    hits,
    jet_columns,
    jets_in_window,
    select_background,
)
from bycatch.events.simulate.process import Batch, Process, Selection

WINDOW = JetWindow(radius=0.8, pt=(150.0, 300.0), eta_max=2.0, n_leading=2)
_DISTANCE = 0.8
_ZPRIME = 4900023
_PIONS = (4900111, 4900211)
_RHOS = (4900113, 4900213)
_REFERENCES = ("arXiv:2206.14225", "arXiv:2202.00686", "arXiv:2006.08639")

_SHOWER = (
    "Beams:eCM = 13000.",
    "HiddenValley:ffbar2Zv = on",
    "HiddenValley:Ngauge = 3",
    "HiddenValley:nFlav = 2",
    "HiddenValley:spinFv = 0",
    "HiddenValley:FSR = on",
    "HiddenValley:fragment = on",
    "HiddenValley:alphaOrder = 1",
    "HiddenValley:Lambda = 5.",
    "HiddenValley:pTminFSR = 5.5",
    "HiddenValley:probVector = 0.75",
    f"{_ZPRIME}:onMode = off",
    f"{_ZPRIME}:onIfAny = 4900101",
    f"{_ZPRIME}:doForceWidth = on",
    "4900101:m0 = 0.5",
    "51:m0 = 1.5",
)


def _mediator(mass: float) -> tuple[str, ...]:
    """Return the settings of the Z', one per cent wide, without its tail to low masses."""
    return (
        f"{_ZPRIME}:m0 = {mass:g}",
        f"{_ZPRIME}:mWidth = {0.01 * mass:g}",
        f"{_ZPRIME}:mMin = {0.5 * mass:g}",
    )


def _mesons(r_inv: float) -> tuple[str, ...]:
    """Return the settings of the dark mesons' masses and decays."""
    lines: list[str] = []
    for code in _PIONS:
        lines += [f"{code}:m0 = 4.", f"{code}:oneChannel = 1 {1.0 - r_inv:g} 91 4 -4"]
    for code in _RHOS:
        lines.append(f"{code}:m0 = 5.")
        for quark in (1, 2, 3, 4):
            verb = "oneChannel" if quark == 1 else "addChannel"
            lines.append(f"{code}:{verb} = 1 {0.25 * (1.0 - r_inv):g} 91 {quark} -{quark}")
    if r_inv > 0.0:
        lines += [f"{code}:addChannel = 1 {r_inv:g} 0 51 -51" for code in (*_PIONS, *_RHOS)]
    return tuple(lines)


def _select_dark(batch: Batch) -> Selection:
    found = jets_in_window(batch, WINDOW)
    found = found.keep(hits(found, hard_quarks(batch, (_ZPRIME,)), _DISTANCE))
    return Selection(found.event, jet_columns(found, 1))


_jets = partial(Process, columns=JET_COLUMNS, chunk=250, references=_REFERENCES)

PROCESSES = (
    _jets(
        name="dark_jets",
        title="Dark showers that decay visibly, 13 TeV, R=0.8, pT 150-300 GeV",
        settings=(*_SHOWER, *_mediator(500.0), *_mesons(0.0)),
        select=_select_dark,
        label=1,
    ),
    _jets(
        name="semivisible_jets",
        title="Semi-visible jets, r_inv 0.75, 13 TeV, R=0.8, pT 150-300 GeV",
        settings=(*_SHOWER, *_mediator(2000.0), *_mesons(0.75)),
        select=_select_dark,
        label=1,
    ),
    _jets(
        name="qcd_jets_150",
        title="Quark and gluon jets, 13 TeV, R=0.8, pT 150-300 GeV",
        settings=(
            "Beams:eCM = 13000.",
            "HardQCD:all = on",
            "PhaseSpace:pTHatMin = 90.",
            "PhaseSpace:pTHatMax = 600.",
        ),
        select=partial(select_background, window=WINDOW),
    ),
)
