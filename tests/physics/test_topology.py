"""A flat latent space cannot hold a closed manifold; a spherical one can (arXiv:2102.08380).

A circle and a sphere of radius 1 lie in four and six dimensions, such that all features have the
same spread and the root of a score is an error in radii.
"""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from bycatch.evaluate import roc
from bycatch.score import make_score
from bycatch.score.base import Score

OPTIONS = {
    "hidden": (64, 64),
    "steps": 1000,
    "rounds": 8,
    "batch_size": 128,
    "learning_rate": 3e-3,
    "seed": 1,
}
SEEDS = 4
"""Members of one batch; each has a seed of its own."""
FLAT, SPHERE = "autoencoder", "nae"
NOISE = 0.1
Points = NDArray[np.float64]


def trained(kind: str, n_latent: int, x: NDArray[np.float32], members: int = SEEDS) -> Score:
    further = {"energy_steps": 0} if kind == SPHERE else {}
    return make_score(kind, members=members, n_latent=n_latent, **OPTIONS, **further).fit(x)


def embedded(x: Points, noise: Points | float = 0.0) -> NDArray[np.float32]:
    return (np.tile(x, (1, 2)) / np.sqrt(2.0) + noise).astype(np.float32)


def on_sphere(n: int, dimension: int, rng: np.random.Generator) -> Points:
    x = rng.normal(size=(n, dimension + 1))
    return np.asarray(x / np.linalg.norm(x, axis=1, keepdims=True))


def grid(dimension: int) -> Points:
    """Points that cover all of a circle (every 0.0016 radii) or a sphere (every 0.02 or so)."""
    if dimension == 1:
        angle = 2.0 * np.pi * np.arange(4000) / 4000
        return np.column_stack([np.cos(angle), np.sin(angle)])
    place = np.arange(30_000) + 0.5
    z = 1.0 - 2.0 * place / place.size
    angle, r = np.pi * (1.0 + np.sqrt(5.0)) * place, np.sqrt(1.0 - z**2)
    return np.column_stack([r * np.cos(angle), r * np.sin(angle), z])


def best(score: Score) -> int:
    """Return the member with the lowest held-out loss, which takes no labels."""
    return int(np.argmin([min(history.validation_loss) for history in score.histories_]))


@pytest.mark.parametrize("dimension", [1, 2])
def test_a_spherical_latent_space_has_no_place_where_a_closed_manifold_is_torn(dimension):
    x = embedded(on_sphere(4000, dimension, np.random.default_rng(dimension)))
    everywhere = embedded(grid(dimension))
    flat, sphere = trained(FLAT, dimension, x), trained(SPHERE, dimension + 1, x)
    torn, whole = (np.sqrt(score.member_scores(everywhere)) for score in (flat, sphere))
    # Borsuk and Ulam: a continuous encoder gives some x and -x the same place. The decoder makes
    # one point of it, which is a radius or more away from one of the two. The features' spread,
    # measured with 4,000 rows, is the unit, hence 2 %.
    assert (torn.max(axis=1) > 0.98).all()
    # The place is small: in the mean there is nothing to see of it.
    assert (torn.mean(axis=1) < 0.1).all()
    assert whole[best(sphere)].max() < 0.1
    assert (whole.max(axis=1) < 0.1).sum() >= SEEDS // 2


@pytest.mark.parametrize("dimension", [1, 2])
def test_more_flat_dimensions_also_give_back_what_is_inside(dimension):
    rng = np.random.default_rng(10 + dimension)
    n = 2000

    def noise(rows: int) -> Points:
        return NOISE * rng.normal(size=(rows, 2 * (dimension + 1)))

    x = embedded(on_sphere(2 * n, dimension, rng), noise(2 * n))
    shrink = 0.6 * rng.uniform(size=(n, 1)) ** (1.0 / (dimension + 1))
    background = embedded(on_sphere(n, dimension, rng), noise(n))
    anomalous = embedded(shrink * on_sphere(n, dimension, rng), noise(n))
    label = np.repeat([0, 1], n)
    area = {}
    for kind in (FLAT, SPHERE):
        score = trained(kind, dimension + 1, x)
        found = zip(score.member_scores(background), score.member_scores(anomalous), strict=True)
        area[kind] = np.array([roc(np.concatenate(pair), label).auc for pair in found])
    ideal = roc(distance(np.concatenate([background, anomalous])), label).auc
    # With that many coordinates the manifold's plane, or space, is a solution, which sees no more
    # than the noise off it: 1/2. Nearer to that than to what the distance from the manifold sees.
    assert (area[FLAT] < 0.5 * (0.5 + ideal)).all()
    # The error of such an area from 2,000 and 2,000 rows is 0.001.
    assert (area[SPHERE] > ideal - 0.005).all()


def distance(x: NDArray[np.float32]) -> Points:
    """Return how far points are from the manifold."""
    first, second = np.split(x.astype(np.float64), 2, axis=1)
    inside, off = (first + second) / np.sqrt(2.0), (first - second) / np.sqrt(2.0)
    radius = np.linalg.norm(inside, axis=1)
    return np.asarray(np.hypot(radius - 1.0, np.linalg.norm(off, axis=1)))


def test_a_member_that_winds_wrongly_is_torn_and_has_a_higher_held_out_loss():
    """Of a curve that is no plane circle, most members never find the way round."""
    x = curve(np.random.default_rng(0).uniform(0.0, 2.0 * np.pi, 4000))
    score = trained(SPHERE, 2, x, 24)
    found = [resolved(score, member) for member in range(score.members)]
    turns = np.array([turn for turn, _ in found])
    worst = np.array([error for _, error in found])
    # Of an even number of turns there is an angle that is encoded as the opposite one is: let the
    # latent angle advance by g over half of the circle; g(a) + g(a + pi) is 2 pi times that number,
    # so that g is half of it somewhere, a multiple of 2 pi. Opposite points are sqrt(2) apart.
    assert (turns % 2 == 0).any()
    assert (worst[turns % 2 == 0] > 0.98 * np.sqrt(0.5)).all()
    assert abs(turns[best(score)]) == 1
    assert worst[best(score)] < 0.1


def curve(angle: Points) -> NDArray[np.float32]:
    parts = [np.cos(angle), np.sin(angle), np.cos(2 * angle), np.sin(2 * angle)]
    return (np.column_stack(parts) / np.sqrt(2.0)).astype(np.float32)


def resolved(score: Score, member: int) -> tuple[int, float]:
    """Return how often the latent angle winds around, and the worst error, in radii.

    Places where the encoder turns quickly get more points, until no step is above a radian.
    """
    angle = np.linspace(0.0, 2.0 * np.pi, 4001)
    for _ in range(10):
        latent = score.latent(curve(angle), member=member)
        step = np.diff(np.arctan2(latent[:, 1], latent[:, 0]))
        step -= 2.0 * np.pi * np.round(step / (2.0 * np.pi))
        wide = np.flatnonzero(np.abs(step) > 1.0)
        if not wide.size:
            error = score.member_scores(curve(angle), members=[member])
            return round(step.sum() / (2.0 * np.pi)), float(np.sqrt(error.max()))
        between = [np.linspace(angle[i], angle[i + 1], 12)[1:-1] for i in wide]
        angle = np.sort(np.concatenate([angle, *between]))
    message = f"The encoder of member {member} jumps."
    raise AssertionError(message)
