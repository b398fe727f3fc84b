"""Top pairs with partons beside the detector: one leptonic W, or six quarks.

Partons are those before radiation: the tops after the recoil against initial-state radiation, and
their decay products, which sum to them exactly. Both selections ask for jets above 25 GeV within
abs(eta) < 2.4, two of them with a b-tag: four and one isolated lepton above 25 GeV, or six.

References
----------
A. Butter, T. Plehn and R. Winterhalder, "How to GAN LHC events", arXiv:1907.03764 (six quarks);
M. Bellagente et al., "Invertible networks or partons to detector and back again",
arXiv:2006.06685 (partons beside the detector).
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from bycatch.events.candidates import ELECTRON, MUON
from bycatch.events.simulate import objects
from bycatch.events.simulate.detector import FULL, detect
from bycatch.events.simulate.particles import final_state
from bycatch.events.simulate.partons import (
    by_code,
    decay_products,
    into_frame,
    parton_columns,
    parton_text,
    resonance,
)
from bycatch.events.simulate.process import Batch, Process, Selection

_PT_MIN = 25.0
_ETA_MAX = 2.4
_N_B = 2

_JETS = {
    "jet_pt": "anti-kT jets R=0.4 above 25 GeV: GeV, hardest first",
    "jet_eta": "anti-kT jets: pseudorapidity",
    "jet_phi": "anti-kT jets: azimuth in (-pi, pi]",
    "jet_mass": "anti-kT jets: GeV",
    "jet_b_tag": "anti-kT jets: 1 if tagged as a b jet",
    "jet_flavour": "anti-kT jets: truth, 5 b, 4 c, 0 others",
    "met_pt": "missing transverse momentum, GeV",
    "met_phi": "its azimuth in (-pi, pi]",
}
SEMILEPTONIC = {
    **parton_text(
        {
            "t_had": "top whose W decays to quarks",
            "w_had": "its W",
            "b_had": "its b quark",
            "q": "quark of the W",
            "qbar": "antiquark of the W",
            "t_lep": "top whose W decays to leptons",
            "w_lep": "its W",
            "b_lep": "its b quark",
            "lepton": "electron or muon of the W",
            "neutrino": "neutrino of the W",
        }
    ),
    "lepton_pt": "isolated lepton, GeV",
    "lepton_eta": "isolated lepton: pseudorapidity",
    "lepton_phi": "isolated lepton: azimuth in (-pi, pi]",
    "lepton_charge": "in e",
    "lepton_is_muon": "1 muon, 0 electron",
    **_JETS,
}
"""Columns of ``ttbar_semileptonic``."""

HADRONIC = {
    **parton_text(
        {
            "t": "top",
            "w_plus": "its W",
            "b": "its b quark",
            "q_plus": "quark of that W",
            "qbar_plus": "antiquark of that W",
            "tbar": "antitop",
            "w_minus": "its W",
            "bbar": "its b antiquark",
            "q_minus": "quark of that W",
            "qbar_minus": "antiquark of that W",
        }
    ),
    **_JETS,
}
"""Columns of ``ttbar_6q``."""


def select_semileptonic(batch: Batch, *, sign: int) -> Selection:
    """Select events in which the W of charge `sign` decays to an electron or muon.

    Parameters
    ----------
    batch : Batch
    sign : int
        1 or -1: the leptonic W's charge.
    """
    import awkward as ak  # noqa: PLC0415 - slow to import

    candidates = detect(final_state(batch, visible=True), FULL, batch.rng)
    found = [objects.leptons(candidates, kind, batch.rng) for kind in (ELECTRON, MUON)]
    for kind, some in enumerate(found):
        some["is_muon"] = ak.full_like(some.charge, kind)
    leptons = ak.concatenate(found, axis=1)
    leptons = leptons[(leptons.pt > _PT_MIN) & (abs(leptons.eta) < _ETA_MAX)]
    columns, mask = _jets(batch, candidates, leptons, 4)
    event = np.flatnonzero(mask & ak.to_numpy(ak.num(leptons) == 1))
    lepton = leptons[event][:, 0]
    columns = {name: values[event] for name, values in columns.items()}
    for name in ("pt", "eta", "phi"):
        columns[f"lepton_{name}"] = ak.to_numpy(lepton[name]).astype(np.float32)
    for name in ("charge", "is_muon"):
        columns[f"lepton_{name}"] = ak.to_numpy(lepton[name]).astype(np.int8)
    leptonic = _top(batch, sign, (11, 12, 13, 14))
    # A W+ gives (neutrino, l+) and a W- (l-, antineutrino), particles first.
    first, second = ("neutrino", "lepton") if sign > 0 else ("lepton", "neutrino")
    hadronic = _top(batch, -sign, (1, 2, 3, 4, 5))
    names = {"t": "t_lep", "w": "w_lep", "b": "b_lep", "first": first, "second": second}
    partons = {names[key]: values[event] for key, values in leptonic.items()}
    names = {"t": "t_had", "w": "w_had", "b": "b_had", "first": "q", "second": "qbar"}
    partons.update({names[key]: values[event] for key, values in hadronic.items()})
    return Selection(event, parton_columns(partons) | columns)


def select_hadronic(batch: Batch) -> Selection:
    """Select events in which both W decay to quarks."""
    candidates = detect(final_state(batch, visible=True), FULL, batch.rng)
    columns, mask = _jets(batch, candidates, None, 6)
    event = np.flatnonzero(mask)
    partons = {}
    for sign, names in (
        (1, ("t", "w_plus", "b", "q_plus", "qbar_plus")),
        (-1, ("tbar", "w_minus", "bbar", "q_minus", "qbar_minus")),
    ):
        top = _top(batch, sign, (1, 2, 3, 4, 5))
        partons.update({name: top[key][event] for name, key in zip(names, top, strict=True)})
    columns = {name: values[event] for name, values in columns.items()}
    return Selection(event, parton_columns(partons) | columns)


def _top(batch: Batch, sign: int, codes: tuple[int, ...]) -> dict[str, Any]:
    """Return t, w, b and the W's two products (particle first) as (n_events, 4)."""
    w = resonance(batch, 24 * sign)
    products = by_code(decay_products(batch, 24 * sign, codes), 2)
    products = into_frame(products, products.sum(axis=1), w)
    b = by_code(decay_products(batch, 6 * sign), 1)[:, 0]
    top = resonance(batch, 6 * sign, last=True)
    return {"t": top, "w": w, "b": b, "first": products[:, 0], "second": products[:, 1]}


def _jets(
    batch: Batch, candidates: Any, leptons: Any | None, number: int
) -> tuple[dict[str, Any], Any]:
    """Return the columns of jets and missing momentum, and which events have enough jets."""
    import awkward as ak  # noqa: PLC0415 - slow to import

    removed = () if leptons is None else (leptons,)
    jets = objects.jets(candidates, *removed, pt_min=_PT_MIN, eta_max=_ETA_MAX)
    tag, flavour = objects.b_tags(jets, objects.heavy_hadrons(batch), batch.rng)
    columns = {
        f"jet_{name}": ak.values_astype(jets[name], np.float32)
        for name in ("pt", "eta", "phi", "mass")
    }
    columns["jet_b_tag"], columns["jet_flavour"] = tag, flavour
    met_pt, met_phi = objects.missing_momentum(candidates)
    columns["met_pt"], columns["met_phi"] = met_pt.astype(np.float32), met_phi.astype(np.float32)
    mask = (ak.num(jets) >= number) & (ak.sum(tag, axis=1) >= _N_B)
    return columns, ak.to_numpy(mask)


_COMMON = ("Beams:eCM = 13000.", "Top:gg2ttbar = on", "Top:qqbar2ttbar = on", "24:onMode = off")
_QUARKS = "IfAny = 1 2 3 4 5"
_LEPTONS = "IfAny = 11 13"


def _semileptonic(name: str, sign: int) -> Process:
    plus, minus = (_LEPTONS, _QUARKS) if sign > 0 else (_QUARKS, _LEPTONS)
    return Process(
        name=name,
        title=f"tt, W{'+' if sign > 0 else '-'} to e or mu: partons, lepton, 4 jets, missing pT",
        settings=(*_COMMON, f"24:onPos{plus}", f"24:onNeg{minus}"),
        select=partial(select_semileptonic, sign=sign),
        columns=SEMILEPTONIC,
        references=("arXiv:2006.06685",),
        chunk=250,
        batch=200,
    )


PROCESSES = (
    _semileptonic("ttbar_semileptonic_plus", 1),
    _semileptonic("ttbar_semileptonic_minus", -1),
    Process(
        name="ttbar_semileptonic",
        title="tt, one W to e or mu: partons, lepton, 4 jets, missing pT",
        columns=SEMILEPTONIC,
        references=("arXiv:2006.06685",),
        mixture={"ttbar_semileptonic_plus": 0.5, "ttbar_semileptonic_minus": 0.5},
    ),
    Process(
        name="ttbar_6q",
        title="tt to six quarks: partons and 6 jets",
        settings=(*_COMMON, f"24:on{_QUARKS}"),
        select=select_hadronic,
        columns=HADRONIC,
        references=("arXiv:1907.03764",),
        chunk=250,
        batch=200,
    ),
)
