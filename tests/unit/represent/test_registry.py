import subprocess
import sys

import awkward as ak
import numpy as np
import pytest

from bycatch.errors import ConfigError
from bycatch.events import Events
from bycatch.represent import REPRESENTATIONS, represent
from bycatch.represent.base import Representation
from bycatch.represent.leptons import trigger_lepton

JETS = {"images", "constituents", "substructure"}


@pytest.mark.parametrize("name", REPRESENTATIONS)
def test_every_representation_is_one(name, make_jets, make_stream):
    if name == "substructure":
        pytest.importorskip("fastjet")
    if name in JETS:
        jets = make_jets(30)
        kind = ak.unflatten(np.zeros(len(jets.pt), np.int8), jets.counts)
        events = jets.events(constituent_kind=kind)
    else:
        events = Events(make_stream(60))
        events = events.select(trigger_lepton(events, required=False).present)
    made = represent(name, events)
    assert isinstance(made, Representation)
    assert len(made) == len(events)
    assert made.values.dtype == np.float32
    assert np.isfinite(made.values).all()
    if made.mask is not None:
        assert made.mask.dtype == np.bool_
        assert made.mask.shape == made.values.shape[:-1]
        assert not made.values[~made.mask].any()
    if name != "images":
        assert made.values.shape[-1] == len(made.names)
    np.testing.assert_array_equal(REPRESENTATIONS[name](events).values, made.values)
    # one event alone gives what it gives among others
    alone = represent(name, events.select(np.array([7])))
    np.testing.assert_allclose(alone.values[0], made.values[7], rtol=1e-6, atol=1e-7)


def test_unknown_names_and_options(make_jets):
    with pytest.raises(ConfigError, match="'images'"):
        represent("image", make_jets(1).events())
    with pytest.raises(TypeError, match="colour"):
        represent("images", make_jets(1).events(), colour=3)


def test_nothing_heavy_is_imported_before_it_is_used():
    code = (
        "import sys, bycatch.represent;"
        "print([m for m in ('awkward', 'fastjet', 'torch', 'pyarrow') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
