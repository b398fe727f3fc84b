"""The normalized autoencoder: a density on a ring that integrates to one, and what it reports."""

from __future__ import annotations

import numpy as np
import pytest

from bycatch.errors import ConfigError
from bycatch.evaluate import roc
from bycatch.score import load_score, make_score

OPTIONS = {
    "hidden": (64, 32),
    "n_latent": 2,
    "steps": 800,
    "rounds": 4,
    "energy_steps": 400,
    "energy_rounds": 4,
    "buffer": 1000,
    "annealing": 100,
}


def ring(n, seed=0):
    rng = np.random.default_rng(seed)
    phi = rng.uniform(-np.pi, np.pi, n)
    radius = 1.0 + 0.1 * rng.normal(size=n)
    return np.stack([radius * np.cos(phi), radius * np.sin(phi)], axis=1).astype(np.float32)


@pytest.fixture(scope="module")
def trained():
    return make_score("nae", **OPTIONS).fit(ring(3000))


def test_the_density_integrates_to_one(trained):
    side = np.linspace(-6.0, 6.0, 401)
    grid = np.stack(np.meshgrid(side, side), axis=-1).reshape(-1, 2).astype(np.float32)
    log_p = -trained.score(grid, name="negative_log_p")
    scale = trained.parameters_["scale"].double().numpy().ravel()
    cell = (side[1] - side[0]) ** 2 / scale.prod()  # in standardised coordinates
    total = float(np.exp(log_p).sum() * cell)
    error = float(trained.log_omega_.error[0])
    assert abs(np.log(total)) < 4.0 * error + 0.02
    assert error < 0.2


def test_the_middle_of_the_ring_is_anomalous(trained):
    rng = np.random.default_rng(1)
    middle = (0.25 * rng.normal(size=(500, 2))).astype(np.float32)
    score = trained.score(np.concatenate([ring(500, seed=2), middle]))
    curve = roc(score, np.repeat([0, 1], 500))
    assert curve.auc - 3.0 * curve.auc_error > 0.9


def test_rounds_and_verdicts_are_told(trained, tmp_path):
    assert len(trained.rounds_[0]) >= 4
    best = trained.rounds_[0][trained.best_round_[0]]
    assert best.ratio == pytest.approx(best.negative / best.positive)
    certified = 0.9 <= best.ratio <= 1.1
    assert ("holds" in trained.verdict_[0]) == certified
    trained.save(tmp_path / "model")
    assert load_score(tmp_path / "model").verdict_ == trained.verdict_


def test_without_energy_training_it_is_an_autoencoder():
    plain = make_score("nae", **{**OPTIONS, "energy_steps": 0, "annealing": 0}).fit(ring(1000))
    assert plain.best_round_ == [-1]
    assert "no density" in plain.verdict_[0]
    assert plain.score_names == ("energy",)
    found = plain.latent(ring(50))
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1.0, rtol=1e-5)


def test_options_that_make_no_sense_are_refused():
    for wrong in ({"n_latent": 1}, {"replay": 1.5}, {"regulariser": 0.7}, {"temperature": 0.0}):
        with pytest.raises(ConfigError, match=next(iter(wrong))):
            make_score("nae", **wrong)
