import subprocess
import sys

import awkward as ak
import numpy as np
import pytest

from bycatch.errors import ColumnError, ConfigError, DataError, InputError
from bycatch.kinematics import _fastjet
from bycatch.kinematics.clustering import cluster, jet_definition
from bycatch.kinematics.vectors import cartesian

pytest.importorskip("fastjet")


def make(counts, seed=1):
    rng = np.random.default_rng(seed)
    n = sum(counts)
    names = ("px", "py", "pz", "E")
    vectors = cartesian(
        rng.exponential(10, n), rng.normal(0, 1.5, n), rng.uniform(-np.pi, np.pi, n), 0.14
    )
    fields = dict(zip(names, vectors, strict=True))
    return ak.unflatten(ak.Array({**fields, "charge": np.arange(n)}), counts)


def test_every_particle_is_in_one_jet_and_jets_add_up():
    counts = [40, 0, 1, 100]
    particles = make(counts)
    jets = cluster(particles, 0.4)
    assert ak.num(jets).tolist()[1:3] == [0, 1]
    for event, found in zip(particles, jets, strict=True):
        members = ak.to_list(ak.flatten(found.constituents)) if len(found) else []
        assert sorted(members) == list(range(len(event)))
        for jet in found:
            own = event[jet.constituents]
            assert jet.pt == pytest.approx(np.hypot(ak.sum(own.px), ak.sum(own.py)), rel=1e-9)
            hardness = np.hypot(own.px, own.py)
            assert (np.diff(ak.to_numpy(hardness)) <= 0).all()
        assert (np.diff(ak.to_numpy(found.pt)) <= 0).all()


def test_positions_are_those_of_a_slice():
    particles = make([10, 30, 20])
    whole, part = cluster(particles, 0.6), cluster(particles[1:], 0.6)
    assert part.constituents.tolist() == whole.constituents.tolist()[1:]
    assert whole.constituents.type.content.content.content.primitive == "int64"


def test_soft_jets_are_left_out():
    particles = make([50] * 20)
    assert ak.all(cluster(particles, 0.4, pt_min=15.0).pt >= 15.0)
    every = cluster(particles, 0.4)
    assert ak.sum(every.pt >= 15.0) == ak.sum(ak.num(cluster(particles, 0.4, pt_min=15.0)))


def test_blocks_do_not_matter(monkeypatch):
    particles = make([20] * 30)
    whole = cluster(particles, 0.4)
    monkeypatch.setattr("bycatch.kinematics.clustering._BLOCK", 7)
    assert cluster(particles, 0.4).to_list() == whole.to_list()
    assert len(cluster(particles[:0], 0.4)) == 0


def test_winner_takes_all_points_along_a_particle():
    particles = make([60], seed=3)
    jets = cluster(particles, 0.8, recombination="WTA_pt")[0]
    directions = np.arctan2(particles.py, particles.px)[0].to_numpy()
    for jet in jets:
        assert np.abs(directions - jet.phi).min() < 1e-9


def test_errors_say_what_is_wrong():
    particles = make([3])
    with pytest.raises(ColumnError, match="'E'"):
        cluster(particles[["px", "py", "pz", "charge"]], 0.4)
    with pytest.raises(ConfigError, match="'antikt'"):
        cluster(particles, 0.4, algorithm="anti_kt")
    with pytest.raises(ConfigError, match="recombination"):
        cluster(particles, 0.4, recombination="wta")
    for radius in (0.0, -1.0, 1e4, np.nan):
        with pytest.raises(ConfigError, match="radius"):
            cluster(particles, radius)
    with pytest.raises(DataError, match="'pz'"):
        cluster(ak.with_field(particles, particles.pz * np.nan, "pz"), 0.4)


def test_the_scheme_is_the_one_asked_for():
    assert "E scheme" in jet_definition("antikt", 0.4).description()
    assert "winner-takes-all" in jet_definition("kt", 0.4, "WTA_pt").description().lower()


def test_without_fastjet_the_install_line_is_said(monkeypatch):
    monkeypatch.setitem(sys.modules, "fastjet", None)
    _fastjet.fastjet.cache_clear()
    with pytest.raises(InputError, match=r'pip install "bycatch\[simulate\]"'):
        cluster(make([2]), 0.4)
    _fastjet.fastjet.cache_clear()


def test_nothing_is_printed():
    code = (
        "import awkward as ak; from bycatch.kinematics.clustering import cluster;"
        "cluster(ak.Array([[{'px': 1.0, 'py': 0.0, 'pz': 0.0, 'E': 1.0}]]), 0.4)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
    assert done.stdout == b""
    assert done.stderr == b""
