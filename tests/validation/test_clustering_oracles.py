"""Clustering against the algorithm written out, and invariances that jets must have."""

import awkward as ak
import numpy as np
import pytest

from bycatch.kinematics.clustering import cluster
from bycatch.kinematics.vectors import cartesian, delta_phi, rapidity

pytest.importorskip("fastjet")
POWER = {"kt": 1.0, "cambridge": 0.0, "antikt": -1.0}


def event(n, seed):
    rng = np.random.default_rng(seed)
    return np.stack(
        cartesian(
            rng.exponential(10, n) + 0.1,
            rng.normal(0, 1.2, n),
            rng.uniform(-np.pi, np.pi, n),
            0.14,
        ),
        axis=1,
    )


def particles(events):
    counts = [len(rows) for rows in events]
    flat = np.concatenate(events)
    fields = {name: flat[:, i] for i, name in enumerate(("px", "py", "pz", "E"))}
    return ak.unflatten(ak.Array(fields), counts)


def by_hand(rows, radius, power):
    """Merge the closest pair, or end a jet, until nothing is left; each jet with its members."""
    objects = [(row, (index,)) for index, row in enumerate(rows)]
    jets = []
    while objects:
        momenta = np.array([row for row, _ in objects])
        hardness = np.hypot(momenta[:, 0], momenta[:, 1]) ** (2 * power)
        y, phi = rapidity(*momenta.T), np.arctan2(momenta[:, 1], momenta[:, 0])
        squared = (y[:, None] - y) ** 2 + delta_phi(phi[:, None], phi) ** 2
        pairs = np.minimum(hardness[:, None], hardness) * squared / radius**2
        np.fill_diagonal(pairs, hardness)
        i, j = np.unravel_index(np.argmin(pairs), pairs.shape)
        if i == j:
            jets.append(objects.pop(i))
        else:
            (a, of_a), (b, of_b) = objects[i], objects[j]
            objects = [other for k, other in enumerate(objects) if k not in {i, j}]
            objects.append((a + b, of_a + of_b))
    return sorted(jets, key=lambda jet: -np.hypot(*jet[0][:2]))


@pytest.mark.parametrize("algorithm", POWER)
@pytest.mark.parametrize("radius", [0.4, 1.0])
def test_jets_are_those_of_the_algorithm_written_out(algorithm, radius):
    events = [event(n, seed) for seed, n in enumerate([1, 2, 10, 40])]
    found = cluster(particles(events), radius, algorithm=algorithm)
    for rows, jets in zip(events, found, strict=True):
        want = by_hand(rows, radius, POWER[algorithm])
        assert len(jets) == len(want)
        for jet, (total, members) in zip(jets, want, strict=True):
            assert sorted(jet.constituents.to_list()) == sorted(members)
            assert jet.pt == pytest.approx(np.hypot(*total[:2]), rel=1e-12)
            squared = total[3] ** 2 - total[:3] @ total[:3]
            assert jet.mass**2 == pytest.approx(squared, abs=1e-11 * total[3] ** 2)


@pytest.mark.parametrize("algorithm", POWER)
def test_jets_do_not_depend_on_what_they_must_not(algorithm):
    rng = np.random.default_rng(5)
    rows = event(60, 7)
    px, py, pz, E = rows.T
    base = cluster(particles([rows]), 0.6, algorithm=algorithm)[0]
    c, s, ch, sh = np.cos(2.0), np.sin(2.0), np.cosh(0.7), np.sinh(0.7)
    soft = rows[:5] * 1e-30
    for changed in (
        np.stack([c * px - s * py, s * px + c * py, pz, E], axis=1),
        np.stack([px, py, ch * pz + sh * E, ch * E + sh * pz], axis=1),
        np.stack([px, -py, -pz, E], axis=1),
        rows[rng.permutation(60)],
        np.concatenate([0.3 * rows, 0.7 * rows]),
        np.concatenate([rows, soft]),
    ):
        jets = cluster(particles([changed]), 0.6, algorithm=algorithm, pt_min=1e-3)[0]
        np.testing.assert_allclose(jets.pt.to_numpy(), base.pt.to_numpy(), rtol=1e-9)
        np.testing.assert_allclose(jets.mass.to_numpy(), base.mass.to_numpy(), atol=1e-5)
