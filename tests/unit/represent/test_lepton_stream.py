"""The 21 features against one written out per event in plain Python."""

import math

import awkward as ak
import numpy as np
import pytest

from bycatch.errors import ColumnError, DataError
from bycatch.events import Events
from bycatch.represent.lepton_stream import FEATURES, PUBLISHED_NAMES, lepton_stream_features
from bycatch.represent.leptons import trigger_lepton

FLAVOURS = {"electron": 0.000511, "muon": 0.10566}


def stream(columns):
    """Keep the events with an isolated lepton, by plain Python."""
    rows = ak.to_list(ak.zip({k: ak.Array(v) for k, v in columns.items()}, depth_limit=1))
    kept = [i for i, row in enumerate(rows) if selected(row)]
    return Events(columns).select(np.array(kept)), [rows[i] for i in kept]


def selected(row):
    found = []
    for flavour, mass in FLAVOURS.items():
        for i, pt in enumerate(row[f"{flavour}_pt"]):
            get = lambda name, i=i, flavour=flavour: row[f"{flavour}_{name}"][i]  # noqa: E731
            isolation = [get(f"iso_{part}") for part in ("charged", "photon", "neutral")]
            if sum(isolation) < 0.45:
                found.append((flavour, pt, get("eta"), get("phi"), mass, get("charge"), isolation))
    return found


def vector(pt, eta, phi, mass):
    pz = pt * math.sinh(eta)
    return np.array(
        [pt * math.cos(phi), pt * math.sin(phi), pz, math.sqrt(pt**2 + pz**2 + mass**2)]
    )


def mass_of(vectors):
    total = sum(vectors, np.zeros(4))
    return math.sqrt(max(total[3] ** 2 - (total[:3] ** 2).sum(), 0.0))


def by_hand(row):
    leptons = selected(row)
    flavour, pt, _, phi, _, charge, isolation = max(leptons, key=lambda lepton: lepton[1])
    jets = [
        i for i, jet_pt in enumerate(row["jet_pt"]) if jet_pt > 30 and abs(row["jet_eta"][i]) < 2.6
    ]
    s_t = sum(row["jet_pt"][i] for i in jets)
    s_t += sum(lep[1] for lep in leptons if lep[1] > 30 and abs(lep[2]) < 2.6)
    photons = zip(row["photon_pt"], row["photon_eta"], strict=True)
    s_t += sum(p for p, eta in photons if p > 30 and abs(eta) < 2.6)
    angle = row["met_phi"] - phi
    out = [
        s_t,
        row["met_pt"] * math.cos(angle),
        row["met_pt"] * math.sin(angle),
        math.sqrt(2 * pt * row["met_pt"] * (1 - math.cos(angle))),
        len(jets),
        sum(row["jet_b_tag"][i] for i in jets),
        mass_of(
            [vector(*(row[f"jet_{k}"][i] for k in ("pt", "eta", "phi", "mass"))) for i in jets]
        ),
        pt,
        *isolation,
        charge,
        flavour == "electron",
    ]
    for name in ("muon", "electron"):
        own = [vector(*lep[1:5]) for lep in leptons if lep[0] == name]
        total = sum(own, np.zeros(4))
        out += [len(own), mass_of(own), math.hypot(total[0], total[1])]
    return [*out, row["n_charged_hadrons"], row["n_neutral_hadrons"]]


def test_features_are_those_of_each_event_written_out(make_stream):
    events, rows = stream(make_stream(400))
    assert len(rows) > 250
    made = lepton_stream_features(events)
    want = np.array([by_hand(row) for row in rows])
    # masses of light leptons are differences of large numbers
    np.testing.assert_allclose(made.values, want, rtol=1e-5, atol=2e-3)
    assert made.values.dtype == np.float32
    assert made.mask is None


def test_names_and_order_are_the_published_ones():
    assert len(FEATURES) == 21
    assert list(PUBLISHED_NAMES.values()) == [
        "HT", "METp", "METo", "MT", "nJets", "bJets", "allJetMass", "LepPt", "LepIsoCh",
        "LepIsoGamma", "LepIsoNeu", "LepCharge", "LepIsEle", "nMu", "allMuMass", "allMuPt",
        "nEle", "allEleMass", "allElePt", "nChHad", "nNeuHad",
    ]  # fmt: skip


def test_a_rotation_changes_nothing(make_stream, turn_stream):
    columns = make_stream(300)
    events, _ = stream(columns)
    kept = trigger_lepton(Events(columns), required=False).present
    turned = Events(turn_stream(columns, 2.3)).select(kept)
    one, two = lepton_stream_features(events).values, lepton_stream_features(turned).values
    loose = [FEATURES.index(name) for name in ("m_muons", "m_electrons")]
    sharp = [i for i in range(21) if i not in loose]
    np.testing.assert_allclose(two[:, sharp], one[:, sharp], rtol=1e-6, atol=1e-5)
    np.testing.assert_allclose(two[:, loose], one[:, loose], rtol=1e-6, atol=2e-4)


def test_a_boost_shifts_etas_and_leaves_masses(make_stream):
    columns = make_stream(200)
    for name in ("jet_mass",):
        columns[name] = columns[name] * 0  # eta shifts by one number where there is no mass
    for name in ("electron", "muon", "jet", "photon"):
        columns[f"{name}_eta"] = columns[f"{name}_eta"] * 0.3
    events, _ = stream(columns)
    shifted = {k: v + 0.4 if k.endswith("_eta") else v for k, v in events.columns.items()}
    one, two = (lepton_stream_features(e).values for e in (events, Events(shifted)))
    near = np.abs(ak.to_numpy(ak.flatten(events["jet_eta"]))).max() + 0.4 < 2.6
    kept = [FEATURES.index(n) for n in ("s_t", "m_jets", "m_t", "met_parallel", "pt_muons")]
    assert near
    np.testing.assert_allclose(two[:, kept], one[:, kept], rtol=1e-6, atol=1e-4)


def test_order_within_an_event_does_not_matter(make_stream):
    events, _ = stream(make_stream(200))
    turned_round = {
        name: values[:, ::-1] if isinstance(values, ak.Array) else values
        for name, values in events.columns.items()
    }
    np.testing.assert_allclose(
        lepton_stream_features(Events(turned_round)).values,
        lepton_stream_features(events).values,
        rtol=1e-6,
        atol=2e-4,
    )


def test_events_without_a_lepton_are_refused(make_stream):
    columns = make_stream(100)
    found = trigger_lepton(Events(columns), required=False)
    missing = int((~found.present).sum())
    assert 0 < missing < 100
    assert not found.pt[~found.present].any()
    with pytest.raises(DataError, match=f"{missing} of 100 events have no electron or muon"):
        lepton_stream_features(Events(columns))
    assert len(lepton_stream_features(Events(columns).select(found.present))) == 100 - missing


def test_isolation_decides_which_leptons_count():
    lepton = {"eta": 0.1, "phi": 0.0, "charge": -1, "iso_neutral": 0.0, "iso_photon": 0.0}
    empty = ak.Array([[]])[:, :0]
    columns = {
        **{f"electron_{k}": ak.Array([[v, v]]) for k, v in lepton.items()},
        **{f"muon_{k}": ak.values_astype(empty, np.float64) for k in [*lepton, "pt"]},
        "muon_iso_charged": ak.values_astype(empty, np.float64),
        "electron_pt": ak.Array([[50.0, 40.0]]),
        "electron_iso_charged": ak.Array([[0.46, 0.44]]),
    }
    assert trigger_lepton(Events(columns)).pt == [40.0]
    assert trigger_lepton(Events(columns), 0.5).pt == [50.0]
    assert trigger_lepton(Events(columns)).is_electron.tolist() == [True]


def test_errors_say_what_is_wrong(make_stream):
    events, _ = stream(make_stream(30))
    columns = dict(events.columns)
    with pytest.raises(ColumnError, match="jet_b_tag"):
        lepton_stream_features(Events({k: v for k, v in columns.items() if k != "jet_b_tag"}))
    with pytest.raises(DataError, match="'met_pt' are not finite"):
        lepton_stream_features(Events(columns | {"met_pt": np.full(len(events), np.nan)}))
    with pytest.raises(DataError, match="differ in length"):
        lepton_stream_features(Events(columns | {"jet_eta": columns["jet_eta"][:, 1:]}))
    with pytest.raises(DataError, match="one number per event"):
        lepton_stream_features(Events(columns | {"met_phi": columns["jet_phi"]}))
    nothing = lepton_stream_features(events.select(np.zeros(len(events), bool)))
    assert nothing.values.shape == (0, 21)
