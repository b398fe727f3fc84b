"""The lepton stream: W, QCD, Z and tt as a trigger on one isolated lepton takes them.

Cross sections of the lecture, and what reproduces them: Z of 20 nb is Z and gamma* above 10 GeV;
QCD of 1.6e5 nb is what Pythia gives above pTHat = 30 GeV.

References
----------
O. Cerri et al., "Variational autoencoders for new physics mining at the Large Hadron Collider",
arXiv:1811.10276, table 1.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from bycatch.events.simulate import objects
from bycatch.events.simulate.leptons import (
    LEPTON_COLUMNS,
    LEPTON_PT,
    PARTICLE_COLUMNS,
    lepton_columns,
    reconstruct,
    select_leptons,
    true_leptons,
    truth_columns,
)
from bycatch.events.simulate.leptons_redecay import (
    STABLE,
    pick_versions,
    redecay,
    start_decays,
)
from bycatch.events.simulate.leptons_table import acceptance_table
from bycatch.events.simulate.prescale import Prescale
from bycatch.events.simulate.process import Batch, Process, Selection

FRACTIONS = {"w_lepton": 0.592, "z_lepton": 0.067, "tt_lepton": 0.003, "qcd_lepton": 0.338}
"""Of the accepted events."""

QCD_SETTINGS = (
    "Beams:eCM = 13000.",
    "HardQCD:all = on",
    "PhaseSpace:pTHatMin = 30.",
    "PhaseSpace:bias2Selection = on",
    "PhaseSpace:bias2SelectionPow = 2.",
    "PhaseSpace:bias2SelectionRef = 30.",
    *STABLE,
)

_COPIES = 1500
# Brings the weights of rows near 1: of a small run, later ones had 1.4e-3 and 1.8e-3. A constant,
# so that a row does not depend on its chunk.
_MEAN_WEIGHT = 1.2e-3

_LEPTONS = "onIfAny = 11 13 15"
_SETTINGS = {
    "w_lepton": ("WeakSingleBoson:ffbar2W = on", "24:onMode = off", f"24:{_LEPTONS}"),
    "z_lepton": (
        "WeakSingleBoson:ffbar2gmZ = on",
        "PhaseSpace:mHatMin = 10.",
        "23:onMode = off",
        f"23:{_LEPTONS}",
    ),
    "tt_lepton": ("Top:gg2ttbar = on", "Top:qqbar2ttbar = on"),
}
_TITLES = {
    "w_lepton": "W -> l nu",
    "z_lepton": "Z, gamma* -> l l above 10 GeV",
    "tt_lepton": "tt",
    "qcd_lepton": "QCD above pTHat = 30 GeV, weighted",
}
_PRESCALES = {
    "w_lepton": Prescale(100.0),
    "z_lepton": Prescale(100.0),
    # Events with a hard b or c quark, one in eight, have nine tenths of the accepted weight.
    "qcd_lepton": Prescale(
        4.0, partons=400.0, partons_power=2.0, charm=4.0, beauty=4.0, no_trigger=1.0
    ),
}
_CODES = {"w_lepton": 0, "qcd_lepton": 1, "z_lepton": 2, "tt_lepton": 3}


def select_qcd(batch: Batch, *, copies: int = _COPIES, particles: bool = False) -> Selection:
    """Select QCD events of weighted generation with repeated decays.

    Parameters
    ----------
    batch : Batch
        See `redecay`.
    copies : int
        Decays of an event, see `redecay`.
    particles : bool
        Add `PARTICLE_COLUMNS`.

    Returns
    -------
    Selection
        As `select_leptons`; the column weight is the event's times its accepted share.
    """
    versions = redecay(batch, copies)
    inside = true_leptons(versions.particles, LEPTON_PT)
    stream = reconstruct(versions.particles, batch.rng)
    rows = pick_versions(versions, stream.triggered, batch.rng)
    event = versions.event[rows]
    hadrons = objects.heavy_hadrons(batch)[event]
    columns = lepton_columns(stream[rows], hadrons, batch.rng, particles=particles)
    share = versions.share(stream.triggered)
    weight = batch.weight[event] * share[event] / _MEAN_WEIGHT
    columns.update(truth_columns(weight, code=_CODES["qcd_lepton"], label=0))
    counts = {
        "in_acceptance": versions.share(inside),
        "triggered_in_acceptance": versions.share(inside & stream.triggered),
    }
    return Selection(event, columns, counts, share)


def _make(name: str, *, particles: bool) -> Process:
    qcd = name == "qcd_lepton"
    settings = QCD_SETTINGS if qcd else ("Beams:eCM = 13000.", *_SETTINGS[name])
    return Process(
        name=f"{name}_particles" if particles else name,
        title=f"{_TITLES[name]}, isolated e or mu above 23 GeV"
        + (", with candidates" if particles else ""),
        settings=settings,
        select=partial(select_qcd, particles=particles)
        if qcd
        else partial(select_leptons, code=_CODES[name], label=0, particles=particles),
        setup=start_decays if qcd else None,
        columns=LEPTON_COLUMNS | (PARTICLE_COLUMNS if particles else {}),
        references=("arXiv:1811.10276",),
        chunk=250,
        batch=200,
        table=acceptance_table,
    )


def _mix(*, particles: bool) -> Process:
    suffix = "_particles" if particles else ""
    return Process(
        name=f"lepton_stream{suffix}",
        title="W, QCD, Z, tt at 59.2/33.8/6.7/0.3 %, isolated e or mu above 23 GeV"
        + (", with candidates" if particles else ""),
        columns=LEPTON_COLUMNS | (PARTICLE_COLUMNS if particles else {}),
        references=("arXiv:1811.10276",),
        chunk=500,
        table=acceptance_table,
        mixture={f"{name}{suffix}": part for name, part in FRACTIONS.items()},
    )


def _make_tail(name: str, prescale: Prescale, *, particles: bool) -> Process:
    """Return a process whose common events are prescaled."""
    plain = _make(name, particles=particles)
    return replace(
        plain,
        name=plain.name.replace("lepton", "lepton_tail"),
        title=plain.title + ", weighted: hard and heavy-flavoured events preferred",
        prescale=prescale,
        columns={**plain.columns, "weight": "of the event, the smaller the more it was preferred"},
        chunk=500,
    )


PROCESSES = (
    *(_make(name, particles=particles) for particles in (False, True) for name in FRACTIONS),
    *(
        _make_tail(name, prescale, particles=particles)
        for particles in (False, True)
        for name, prescale in _PRESCALES.items()
    ),
    *(_mix(particles=particles) for particles in (False, True)),
)
