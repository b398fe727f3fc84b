import awkward as ak
import numpy as np
import pytest

from bycatch.errors import ColumnError, DataError
from bycatch.events import Events
from bycatch.represent.base import Representation
from bycatch.represent.objects import PLACES, ScaleObjects, event_objects

ROWS = {"electron": (1, 4, 3.0, 3.0), "muon": (5, 4, 3.0, 2.1), "jet": (9, 10, 15.0, 4.0)}


def test_objects_are_those_of_each_event_written_out(make_stream):
    columns = make_stream(300)
    made = event_objects(Events(columns))
    assert made.values.shape == (300, 19, 3)
    assert made.names == ("pt", "eta", "phi")
    assert {p.kind: (p.count, p.pt_min, p.eta_max) for p in PLACES} == {
        kind: row[1:] for kind, row in ROWS.items()
    }
    for i in range(300):
        want, mask = np.zeros((19, 3), np.float32), np.zeros(19, bool)
        want[0] = columns["met_pt"][i], 0.0, columns["met_phi"][i]
        mask[0] = True
        for kind, (first, count, pt_min, eta_max) in ROWS.items():
            triples = zip(*(columns[f"{kind}_{name}"][i] for name in made.names), strict=True)
            kept = sorted(
                (t for t in triples if t[0] >= pt_min and abs(t[1]) < eta_max), reverse=True
            )[:count]
            want[first : first + len(kept)] = np.array(kept).reshape(-1, 3)
            mask[first : first + len(kept)] = True
        np.testing.assert_array_equal(made.values[i], want)
        np.testing.assert_array_equal(made.mask[i], mask)


def test_more_objects_than_places():
    many = ak.Array([np.linspace(100, 20, 14)])
    none = ak.values_astype(ak.Array([[]]), np.float64)
    columns = {"met_pt": np.ones(1), "met_phi": np.zeros(1)}
    for kind in ROWS:
        for name in ("pt", "eta", "phi"):
            columns[f"{kind}_{name}"] = none if kind != "jet" else many * (name == "pt")
    made = event_objects(Events(columns))
    np.testing.assert_allclose(made.values[0, 9:, 0], np.linspace(100, 20, 14)[:10], rtol=1e-6)
    assert made.mask.sum() == 11


def test_order_within_an_event_does_not_matter(make_stream):
    columns = make_stream(100)
    turned_round = {
        name: values[:, ::-1] if isinstance(values, ak.Array) else values
        for name, values in columns.items()
    }
    one, two = (event_objects(Events(some)) for some in (columns, turned_round))
    np.testing.assert_array_equal(two.values, one.values)
    np.testing.assert_array_equal(two.mask, one.mask)


def test_sine_and_cosine_hold_the_angle(make_stream, turn_stream):
    columns = make_stream(100)
    plain, turned = event_objects(Events(columns)), event_objects(Events(columns), sin_cos=True)
    assert turned.names == ("pt", "eta", "sin_phi", "cos_phi")
    angle = np.arctan2(turned.values[..., 2], turned.values[..., 3])
    np.testing.assert_allclose(angle[plain.mask], plain.values[..., 2][plain.mask], atol=1e-6)
    assert not turned.values[~turned.mask].any()
    # a whole turn is no turn, which phi itself does not know
    around = event_objects(Events(turn_stream(columns, 2 * np.pi)), sin_cos=True)
    np.testing.assert_allclose(around.values, turned.values, atol=1e-6)


def test_scaling_is_that_of_the_background_and_keeps_empty_places(make_stream):
    background, other = (event_objects(Events(make_stream(400, seed))) for seed in (1, 2))
    scaling = ScaleObjects.fit(background, np.zeros(400, np.int8))
    scaled = scaling.transform(background)
    for rows in (slice(0, 1), slice(1, 5), slice(5, 9), slice(9, 19)):
        inside = scaled.mask[:, rows]
        pt = scaled.values[:, rows, 0][inside]
        assert pt.mean() == pytest.approx(0, abs=1e-5)
        assert pt.std() == pytest.approx(1, abs=1e-5)
    np.testing.assert_array_equal(scaled.values[..., 2], background.values[..., 2])
    assert not scaled.values[~scaled.mask].any()
    assert not scaled.values[:, 0, 1].any()
    moved = scaling.transform(other)
    want = (other.values[:, 9, 0] - scaling.mean[9, 0]) / scaling.scale[9, 0]
    there = other.mask[:, 9]
    np.testing.assert_allclose(moved.values[there, 9, 0], want[there], rtol=1e-5)


def test_scaling_refuses_what_it_must(make_stream):
    objects = event_objects(Events(make_stream(50)))
    with pytest.raises(DataError, match="3 of 50 events have label 1"):
        ScaleObjects.fit(objects, np.array([1] * 3 + [0] * 47, np.int8))
    empty = Representation(objects.values, objects.mask & (np.arange(19) < 9), objects.names)
    with pytest.raises(DataError, match="no jet"):
        ScaleObjects.fit(empty)
    turned = event_objects(Events(make_stream(50)), sin_cos=True)
    with pytest.raises(DataError, match="fitted on"):
        ScaleObjects.fit(objects).transform(turned)
    with pytest.raises(DataError, match="not 19 objects"):
        ScaleObjects.fit(Representation(objects.values[:, :5], objects.mask[:, :5], objects.names))


def test_errors_say_what_is_wrong(make_stream):
    columns = make_stream(10)
    with pytest.raises(ColumnError, match="muon_eta"):
        event_objects(Events({k: v for k, v in columns.items() if k != "muon_eta"}))
    with pytest.raises(DataError, match="jet_pt"):
        event_objects(Events(columns | {"jet_pt": columns["jet_pt"] * np.nan}))
    assert event_objects(Events({k: v[:0] for k, v in columns.items()})).values.shape == (0, 19, 3)
