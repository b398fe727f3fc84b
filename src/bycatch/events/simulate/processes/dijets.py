"""Di-jets as in the project's sample: QCD, W' -> XY and Z' -> top pairs.

Made with the recipe of ``pythia/dijet_qcd.parquet`` and ``pythia/dijet_wprime_xy.parquet``: 13 TeV,
particles smeared (`bycatch.events.simulate.detector.SMEARED`), anti-kT with R = 1.0, leading jet
pT > 1200 GeV, the two leading jets within abs(eta) < 2.5.

References
----------
G. Kasieczka et al., "The LHC Olympics 2020", arXiv:2101.08320, after whose R&D data set it is made.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from bycatch.events.simulate.detector import SMEARED, detect
from bycatch.events.simulate.particles import final_state
from bycatch.events.simulate.process import Batch, Process, Selection
from bycatch.kinematics.clustering import cluster
from bycatch.kinematics.nsubjettiness import nsubjettiness
from bycatch.kinematics.vectors import cartesian, invariant_mass

_RADIUS = 1.0
_PT_MIN = 1200.0
_ETA_MAX = 2.5
_N_TAU = 4

_JET = {
    "mass": "GeV",
    "pt": "GeV",
    "eta": "pseudorapidity",
    "phi": "azimuth in [0, 2 pi)",
    **{f"tau{n}": f"tau_{n}, beta 1, exclusive-kT axes, over sum of pT" for n in range(1, 5)},
    "n_constituents": "candidates in the jet",
}

DIJET_COLUMNS = {
    "mjj": "mass of the two leading jets, GeV",
    **{f"jL_{name}": f"lighter jet: {text}" for name, text in _JET.items()},
    **{f"jH_{name}": f"heavier jet: {text}" for name, text in _JET.items()},
    "label": "1 signal, 0 background",
}
"""Columns of the di-jet files."""


def dijet_selection(batch: Batch, label: int) -> Selection:
    """Cluster, select the two leading jets and describe them.

    Parameters
    ----------
    batch : Batch
    label : int
        Value of the column ``label``.
    """
    import awkward as ak  # noqa: PLC0415 - slow to import

    candidates = detect(final_state(batch), SMEARED, batch.rng)
    jets = ak.pad_none(cluster(candidates, _RADIUS, pt_min=20.0)[:, :2], 2)
    leading = ak.to_numpy(ak.fill_none(jets.pt, 0.0))
    eta = ak.to_numpy(ak.fill_none(jets.eta, 99.0))
    event = np.flatnonzero((leading[:, 0] > _PT_MIN) & np.all(np.abs(eta) < _ETA_MAX, axis=1))
    jets = ak.drop_none(jets[event])
    heavier_first = np.asarray(jets.mass[:, 0] > jets.mass[:, 1])
    columns: dict[str, Any] = {"mjj": _mjj(jets)}
    for side, index in (("jL", heavier_first.astype(int)), ("jH", 1 - heavier_first.astype(int))):
        jet = jets[np.arange(len(event)), index]
        inside = candidates[event][jet.constituents]
        columns.update({f"{side}_{k}": v for k, v in _describe(jet, inside).items()})
    columns["label"] = np.full(len(event), label, dtype=np.int8)
    return Selection(event, columns)


def _mjj(jets: Any) -> NDArray[np.float32]:
    four = cartesian(jets.pt, jets.eta, jets.phi, jets.mass)
    return np.asarray(invariant_mass(*four), dtype=np.float32)


def _describe(jet: Any, inside: Any) -> dict[str, NDArray[Any]]:
    """Return the columns of one jet per event."""
    import awkward as ak  # noqa: PLC0415 - slow to import

    tau = nsubjettiness(inside, _N_TAU).astype(np.float32)
    out: dict[str, NDArray[Any]] = {
        name: np.asarray(jet[name], dtype=np.float32) for name in ("mass", "pt", "eta", "phi")
    }
    out["phi"] = np.where(out["phi"] < 0.0, out["phi"] + np.float32(2.0 * np.pi), out["phi"])
    out.update({f"tau{n + 1}": tau[:, n] for n in range(_N_TAU)})
    out["n_constituents"] = np.asarray(ak.num(inside, axis=1), dtype=np.int16)
    return out


def _select_qcd(batch: Batch) -> Selection:
    return dijet_selection(batch, 0)


def _select_signal(batch: Batch) -> Selection:
    return dijet_selection(batch, 1)


# Pythia knows no decay of the W' to new particles: X and Y are made up here, with flat decays, and
# the width is forced since Pythia would compute that of a Standard-Model-like W'.
_WPRIME_XY = (
    "Beams:eCM = 13000.",
    "NewGaugeBoson:ffbar2Wprime = on",
    "9000001:new = X+ X- 3 3 0 500. 5. 400. 600. 0.",
    "9000001:isResonance = true",
    "9000001:oneChannel = 1 1.0 100 2 -1",
    "9000002:new = Y0 void 3 0 0 100. 1. 80. 120. 0.",
    "9000002:isResonance = true",
    "9000002:oneChannel = 1 0.25 100 1 -1",
    "9000002:addChannel = 1 0.25 100 2 -2",
    "9000002:addChannel = 1 0.25 100 3 -3",
    "9000002:addChannel = 1 0.25 100 4 -4",
    "34:m0 = 3500.",
    "34:mWidth = 35.",
    "34:mMin = 3000.",
    "34:doForceWidth = on",
    "34:oneChannel = 1 1.0 100 9000001 9000002",
)
_ZPRIME_TT = (
    "Beams:eCM = 13000.",
    "NewGaugeBoson:ffbar2gmZZprime = on",
    "Zprime:gmZmode = 3",
    "32:m0 = 3500.",
    "32:mWidth = 35.",
    "32:mMin = 3000.",
    "32:doForceWidth = on",
    "32:onMode = off",
    "32:onIfAny = 6",
    "24:onMode = off",
    "24:onIfAny = 1 2 3 4 5",
)


PROCESSES = (
    Process(
        name="dijet",
        title="QCD di-jets, 13 TeV, R=1.0, leading pT > 1200 GeV",
        settings=("Beams:eCM = 13000.", "HardQCD:all = on", "PhaseSpace:pTHatMin = 1000."),
        select=_select_qcd,
        columns=DIJET_COLUMNS,
        references=("arXiv:2101.08320",),
    ),
    Process(
        name="wprime_xy",
        title="W' (3.5 TeV) -> X (500) Y (100) -> 4 quarks, selected as dijet",
        settings=_WPRIME_XY,
        select=_select_signal,
        columns=DIJET_COLUMNS,
        label=1,
        references=("arXiv:2101.08320",),
    ),
    Process(
        name="zprime_tt",
        title="Z' (3.5 TeV) -> top pairs that decay to hadrons, selected as dijet",
        settings=_ZPRIME_TT,
        select=_select_signal,
        columns=DIJET_COLUMNS,
        label=1,
        references=("arXiv:2101.08320",),
    ),
)
