import awkward as ak
import numpy as np
import pytest

from bycatch.errors import ColumnError, ConfigError, DataError
from bycatch.events import Events
from bycatch.represent.base import Representation
from bycatch.represent.leptons import trigger_lepton
from bycatch.represent.particle_flow import NAMES, represent, sequence_length


@pytest.fixture
def columns(make_stream):
    columns = make_stream(200)
    kept = trigger_lepton(Events(columns), required=False).present
    return {name: values[kept] for name, values in columns.items()}


def test_candidates_by_event(columns):
    events = Events(columns)
    made = represent(events, n_max=15)
    lepton = trigger_lepton(events)
    assert made.values.shape == (len(events), 15, 9)
    assert made.names == NAMES
    for i in range(len(events)):
        parts = (columns[f"particle_{name}"][i].to_numpy() for name in ("pt", "eta", "phi", "kind"))
        pt, eta, phi, kind = (values[:15] for values in parts)
        n = len(pt)
        got = made.values[i]
        np.testing.assert_allclose(got[:n, 0], np.log(pt), rtol=1e-6)
        np.testing.assert_allclose(got[:n, 1], eta - lepton.eta[i], atol=1e-6)
        np.testing.assert_allclose(got[:n, 2], np.sin(phi - lepton.phi[i]), atol=1e-6)
        np.testing.assert_allclose(got[:n, 3], np.cos(phi - lepton.phi[i]), atol=1e-6)
        np.testing.assert_array_equal(got[:n, 4:], np.eye(5)[kind])
        assert not got[n:].any()
        assert made.mask[i].tolist() == [True] * n + [False] * (15 - n)
    counts = ak.num(columns["particle_pt"]).to_numpy()
    np.testing.assert_array_equal(sequence_length(made), np.minimum(counts, 15))


def test_relative_to_the_lepton_is_invariant(columns, turn_stream):
    events = Events(columns)
    turned = turn_stream(columns, -2.9)
    boosted = {k: v + 0.9 if k.endswith("_eta") else v for k, v in columns.items()}
    mixed = {k: v[:, ::-1] if k.startswith("particle_") else v for k, v in columns.items()}
    soft = dict(columns)
    for name in ("pt", "eta", "phi", "kind"):
        values = columns[f"particle_{name}"]
        soft[f"particle_{name}"] = ak.concatenate([values, ak.zeros_like(values[:, :1])], axis=1)
    one = represent(events, n_max=40)
    for changed in (turned, boosted, mixed, soft):
        two = represent(Events(changed), n_max=40)
        np.testing.assert_allclose(two.values, one.values, atol=1e-6)
        np.testing.assert_array_equal(two.mask, one.mask)


def test_relative_to_the_jet(make_jets):
    jets = make_jets(60, massive=True)
    kind = ak.unflatten(np.arange(len(jets.pt)) % 5, jets.counts)
    one = represent(jets.events(constituent_kind=kind), relative_to="jet", n_max=60)
    np.testing.assert_array_equal(sequence_length(one), np.minimum(jets.counts, 60))
    assert (np.diff(one.values[..., 0], axis=1)[one.mask[:, 1:]] <= 0).all()
    for changed in (jets.turned(1.9), jets.boosted(0.7)):
        two = represent(changed.events(constituent_kind=kind), relative_to="jet", n_max=60)
        np.testing.assert_allclose(two.values, one.values, atol=1e-6)
    # a jet across phi = pi is where its axis is
    assert np.abs(one.values[..., 2]).max() < 1.0
    total = (one.values[..., 3] > 0).sum()
    assert total == one.mask.sum()


def test_empty_events(columns):
    short = {k: v[:2] for k, v in columns.items()}
    empty = {k: v[:, :0] if k.startswith("particle_") else v for k, v in short.items()}
    made = represent(Events(empty), n_max=3)
    assert not made.values.any()
    assert not made.mask.any()
    none = {k: v[:0] for k, v in columns.items()}
    assert represent(Events(none), n_max=3).values.shape == (0, 3, 9)


def test_errors_say_what_is_wrong(columns):
    events = Events(columns)
    with pytest.raises(ConfigError, match="n_max"):
        represent(events, n_max=0)
    with pytest.raises(ConfigError, match="'lepton' or 'jet'"):
        represent(events, relative_to="muon")
    with pytest.raises(DataError, match="such as 7; the codes are charged_hadron"):
        represent(Events(columns | {"particle_kind": columns["particle_kind"] * 0 + 7}))
    with pytest.raises(ColumnError, match="constituent_px"):
        represent(events, relative_to="jet")
    with pytest.raises(DataError, match="without a mask"):
        sequence_length(Representation(np.zeros((2, 3)), None, NAMES))
