"""Jets without mass-carrying constituents, and what can be done to them."""

import awkward as ak
import numpy as np
import pytest

from bycatch.events import Events


class Jets:
    """Ragged constituents: pt, rapidity, azimuth, mass and the number in each jet."""

    def __init__(self, pt, y, phi, mass, counts):
        self.pt, self.y, self.phi, self.mass = (np.asarray(v, float) for v in (pt, y, phi, mass))
        self.counts = np.asarray(counts)
        self.owner = np.repeat(np.arange(len(self.counts)), self.counts)

    def components(self):
        mt = np.hypot(self.pt, self.mass)
        return {
            "px": self.pt * np.cos(self.phi),
            "py": self.pt * np.sin(self.phi),
            "pz": mt * np.sinh(self.y),
            "E": mt * np.cosh(self.y),
        }

    def ragged(self):
        return ak.unflatten(ak.Array(self.components()), self.counts)

    def padded(self, dtype=np.float64):
        n_max = int(self.counts.max(initial=1))
        mask = np.arange(n_max) < self.counts[:, None]
        out = np.zeros((len(self.counts), n_max, 4), dtype)
        out[mask] = np.stack(list(self.components().values()), axis=1)
        return out, mask

    def events(self, **extra):
        parts = {
            f"constituent_{name}": ak.unflatten(values, self.counts)
            for name, values in self.components().items()
        }
        return Events({**parts, **extra})

    def turned(self, angle):
        """Rotate each jet about the beam."""
        turn = np.asarray(angle)[self.owner] if np.ndim(angle) else angle
        return Jets(self.pt, self.y, self.phi + turn, self.mass, self.counts)

    def boosted(self, y):
        """Boost along the beam."""
        return Jets(self.pt, self.y + y, self.phi, self.mass, self.counts)

    def reflected(self):
        """Mirror the azimuth and the beam."""
        return Jets(self.pt, -self.y, -self.phi, self.mass, self.counts)

    def permuted(self, rng):
        order = np.lexsort((rng.random(len(self.pt)), self.owner))
        return Jets(self.pt[order], self.y[order], self.phi[order], self.mass[order], self.counts)

    def split(self, rng):
        """Split each constituent into two collinear ones; without mass."""
        share = rng.uniform(0.1, 0.9, len(self.pt))
        pt = np.stack([share * self.pt, (1 - share) * self.pt], axis=1).ravel()
        y, phi = np.repeat(self.y, 2), np.repeat(self.phi, 2)
        return Jets(pt, y, phi, np.zeros(len(pt)), 2 * self.counts)

    def with_soft(self):
        """Add to each jet one constituent of zero energy."""
        at = np.cumsum(self.counts)
        put = [
            np.insert(values, at, new)
            for values, new in ((self.pt, 0.0), (self.y, 1.7), (self.phi, 0.3), (self.mass, 0.0))
        ]
        return Jets(*put, self.counts + 1)


@pytest.fixture
def make_jets():
    """Return a function that makes jets of falling spectrum around axes anywhere in azimuth."""

    def make(n_jets, n_mean=30, *, seed=1, massive=False, spread=0.15):
        rng = np.random.default_rng(seed)
        counts = rng.poisson(n_mean, n_jets) + 2
        total = counts.sum()
        owner = np.repeat(np.arange(n_jets), counts)
        pt = rng.exponential(20.0, total) + 0.5
        y = rng.uniform(-1.5, 1.5, n_jets)[owner] + rng.normal(0, spread, total)
        phi = rng.uniform(-np.pi, np.pi, n_jets)[owner] + rng.normal(0, spread, total)
        mass = rng.choice([0.0, 0.14, 0.94], total) if massive else np.zeros(total)
        return Jets(pt, y, phi, mass, counts)

    make.of = Jets
    return make


def _kind(rng, name, counts, fields, columns):
    total = int(np.sum(counts))
    pt = ak.unflatten(rng.exponential(25.0, total) + 3.0, counts)
    columns[f"{name}_pt"] = ak.sort(pt, axis=1, ascending=False)
    draws = {
        "eta": lambda: rng.normal(0, 1.4, total),
        "phi": lambda: rng.uniform(-np.pi, np.pi, total),
        "charge": lambda: rng.choice(np.array([-1, 1], np.int8), total),
        "mass": lambda: rng.exponential(5.0, total),
        "b_tag": lambda: rng.integers(0, 2, total).astype(np.int8),
        "kind": lambda: rng.integers(0, 5, total).astype(np.int8),
    }
    for field in fields:
        values = draws[field]() if field in draws else rng.exponential(0.08, total)
        columns[f"{name}_{field}"] = ak.unflatten(values, counts)


@pytest.fixture
def make_stream():
    """Return a function that makes columns of the lepton stream, without any physics in them."""

    def make(n_events, seed=1):
        rng = np.random.default_rng(seed)
        lepton = ("eta", "phi", "charge", "iso_charged", "iso_neutral", "iso_photon")
        columns = {
            "met_pt": rng.exponential(30.0, n_events),
            "met_phi": rng.uniform(-np.pi, np.pi, n_events),
            "n_charged_hadrons": rng.poisson(60, n_events),
            "n_neutral_hadrons": rng.poisson(15, n_events),
        }
        _kind(rng, "electron", rng.poisson(1.0, n_events), lepton, columns)
        _kind(rng, "muon", rng.poisson(1.0, n_events), lepton, columns)
        _kind(rng, "photon", rng.poisson(0.5, n_events), ("eta", "phi"), columns)
        _kind(rng, "jet", rng.poisson(4.0, n_events), ("eta", "phi", "mass", "b_tag"), columns)
        fields = ("eta", "phi", "kind", "charge")
        _kind(rng, "particle", rng.poisson(20.0, n_events), fields, columns)
        return columns

    return make


@pytest.fixture
def turn_stream():
    """Return a function that rotates events of the lepton stream about the beam."""

    def turn(columns, angle):
        return {
            name: values + angle if name.endswith("_phi") else values
            for name, values in columns.items()
        }

    return turn
