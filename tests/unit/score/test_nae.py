"""The normalized autoencoder; most of these tests would catch a mistake of a published code."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from bycatch.errors import ConfigError, DataError
from bycatch.learn.neural import Noise
from bycatch.score import make_score
from bycatch.score.nae import Nae
from bycatch.score.parts.energy_training import EnergyTraining, Round
from bycatch.score.wnae import Wnae

QUICK = {
    "hidden": (16,),
    "n_latent": 2,
    "steps": 200,
    "rounds": 2,
    "batch_size": 64,
    "energy_steps": 60,
    "energy_rounds": 3,
    "input_steps": 4,
    "latent_steps": 3,
    "buffer": 200,
}


def circle(n: int = 600, seed: int = 0, noise: float = 0.1) -> np.ndarray:
    rng = np.random.default_rng(seed)
    angle = rng.uniform(-np.pi, np.pi, n)
    x = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    return (x + noise * rng.normal(size=x.shape)).astype(np.float32)


def images(n: int = 200, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0:12, 0:12]
    t = rng.uniform(-1, 1, (n, 1, 1))
    found = np.exp(-0.5 * ((x - 6 - 2 * t) ** 2 + (y - 6) ** 2)) * rng.uniform(
        0.5, 1.5, (n, 12, 12)
    )
    return found.astype(np.float32)


def fitted(**options: Any) -> Nae:
    return Nae(**{**QUICK, **options}).fit(circle())


def test_the_energy_training_starts_from_the_best_autoencoder() -> None:
    # With no learning rate it ends where it began: the kept state of the pre-training, whose
    # held-out error is the lowest of its learning curve.
    plain, same = fitted(energy_steps=0), fitted(energy_learning_rate=0.0)
    for name, value in plain.parameters_.items():
        torch.testing.assert_close(same.parameters_[name], value, rtol=0.0, atol=0.0)
    lowest = min(plain.histories_[0].validation_loss)
    assert float(plain.parameters_["reference"]) == pytest.approx(lowest, rel=1e-5)
    assert "no state" in plain.verdict_[0]


def test_the_temperature_is_in_units_of_the_energy() -> None:
    # Two coordinates and a circle leave one that is thermal: T/2 of the sum, which is 2 E.
    score = fitted(energy_steps=0)
    energy = float(score.parameters_["reference"])
    assert float(score.parameters_["temperature"]) == pytest.approx(2.0 * energy)
    warm = fitted(energy_steps=0, temperature=3.0)
    ratio = warm.parameters_["temperature"] / score.parameters_["temperature"]
    assert float(ratio) == pytest.approx(3.0)
    # The units of the features do not matter: the same energies for rows that are 1000 as large.
    large = Nae(**{**QUICK, "energy_steps": 20}).fit(1000.0 * circle())
    small = Nae(**{**QUICK, "energy_steps": 20}).fit(circle())
    np.testing.assert_allclose(
        large.score(1000.0 * circle(50, 1)), small.score(circle(50, 1)), rtol=2e-2
    )


def test_thermal_chains_of_an_exact_autoencoder_have_the_energy_of_the_data() -> None:
    # An energy that is a squared distance from a circle of radius 1, with the width of the data
    # around it: E-/E+ is 1 by equipartition, without any training.
    width = 0.05

    class Exact(Nae):
        def energy(self, parameters, u: Tensor) -> Tensor:
            radius = u.square().sum(dim=2).sqrt()
            return 0.5 * (radius - 1.0).square()

    rng = np.random.default_rng(0)
    angle, radius = rng.uniform(0, 2 * np.pi, 4000), 1.0 + width * rng.normal(size=4000)
    data = torch.tensor(np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1))[None]
    score = Exact(**{**QUICK, "input_steps": 60})
    positive = score.energy({}, data).mean()
    # As in `_learn`: one of the two coordinates is off the circle.
    parameters = {"temperature": 2.0 * positive.reshape(1, 1)}
    start = data[:, :2000] / data[:, :2000].square().sum(dim=2, keepdim=True).sqrt()
    samples = score.moved(parameters, start, Noise([3]))
    # A mean of 2000 chi^2 of one degree of freedom; the circle's curvature adds some 1 %.
    assert float(score.energy({}, samples).mean() / positive) == pytest.approx(
        1.0, abs=4.5 * np.sqrt(2.0 / 2000) + 0.01
    )


def test_the_loss_is_the_gradient_of_minus_log_p() -> None:
    score = fitted(energy_steps=0)
    parameters = dict(score.parameters_)
    u = torch.from_numpy(circle(64, 5))[None]
    samples = torch.from_numpy(circle(64, 6))[None]
    weight = torch.ones(1, 64)
    total, lost = score.contrast(parameters, u, weight, samples, Noise([0]))
    energy = [float(score.energy(parameters, x).sum()) for x in (u, samples)]
    reference = float(parameters["reference"])
    assert not lost.any()
    assert float(total) == pytest.approx((energy[0] - energy[1]) / reference, rel=1e-4)
    # Data against itself: nothing to learn; weights of zero take the data away.
    same, _ = score.contrast(parameters, u, weight, u, Noise([0]))
    assert abs(float(same)) < 1e-4
    none, _ = score.contrast(parameters, u, 0.0 * weight, u, Noise([0]))
    assert float(none) == pytest.approx(-energy[0] / reference, rel=1e-4)


def test_the_regulariser_pulls_the_negative_energy_to_its_own_scale() -> None:
    # d/dE (-E + gamma E^2) = 0 at E0 / (2 gamma): why E+ > E- occurs with gamma = 1.
    score = fitted(energy_steps=0, regulariser=0.25)
    reference = float(score.parameters_["reference"])

    def loss(level: float) -> float:
        class Flat(Nae):
            def energy(self, parameters, u: Tensor) -> Tensor:
                return torch.full(u.shape[:2], level)

        flat = Flat(**{**QUICK, "regulariser": 0.25})
        flat.shape_ = (2,)
        u = torch.zeros(1, 8, 2)
        total, _ = flat.contrast(score.parameters_, u, torch.zeros(1, 8), u, Noise([0]))
        return float(total)

    levels = reference * np.linspace(0.5, 3.5, 31)
    assert levels[np.argmin([loss(level) for level in levels])] == pytest.approx(2.0 * reference)


def test_lost_chains_do_not_count_and_start_anew() -> None:
    score = fitted(energy_steps=0)
    parameters = dict(score.parameters_)
    u = torch.from_numpy(circle(32, 5))[None]
    far = torch.cat([u[:, :16], 1e3 * u[:, 16:]], dim=1)
    total, lost = score.contrast(parameters, u, torch.ones(1, 32), far, Noise([0]))
    assert lost[0, 16:].all()
    assert abs(float(total)) < 1e4
    nan, lost = score.contrast(
        parameters, u, torch.ones(1, 32), torch.full_like(u, torch.nan), Noise([0])
    )
    assert lost.all()
    assert torch.isfinite(nan).all()


def test_the_buffer_is_one_tensor_on_the_device_and_its_chains_go_on() -> None:
    score = fitted(energy_steps=0, replay=0.75, buffer=64)
    training = EnergyTraining(score, [1])
    columns = {"x": torch.from_numpy(circle(32, 5))[None]}
    from bycatch.learn.trainer import Batch

    parameters = {
        name: value.requires_grad_(name.startswith(("encoder", "decoder")))
        for name, value in score.parameters_.items()
    }
    batch = Batch(columns, torch.ones(1, 32), (0,))
    training.loss(parameters, batch).sum().backward()
    buffer = training._buffer
    assert isinstance(buffer, Tensor)
    assert buffer.shape == (1, 64, 2)
    assert buffer.device == parameters["shift"].device
    assert not buffer.requires_grad
    before = buffer.clone()
    training.loss(parameters, batch)
    moved = (training._buffer != before).any(dim=2).sum()
    # 32 draws of 64 places with replacement touch 64 (1 - (1 - 1/64)^32) = 25.3 of them.
    assert 15 <= int(moved) <= 32
    # Judging a state has no side effects.
    after = training._buffer.clone()
    with torch.no_grad():
        first = training.validation(parameters, batch)
        assert torch.equal(first, training.validation(parameters, batch))
    assert torch.equal(after, training._buffer)


def test_what_is_lost_depends_on_the_degrees_of_freedom() -> None:
    # One in a million of chi^2 with 1 degree is above 23.9 times its mean; with 19 above 3.2.
    narrow = fitted(energy_steps=0)
    wide = Nae(layout="image", n_latent=6, components=24)
    wide.shape_ = (20, 20)
    positive = torch.ones(1, 10)
    for score, below, above in ((narrow, 23.0, 25.0), (wide, 3.0, 3.5)):
        assert not score.lost(positive, below * positive).any()
        assert score.lost(positive, above * positive).all()


def test_rounds_are_watched_without_labels_and_the_best_is_kept() -> None:
    score = fitted(energy_rounds=3)
    rounds = score.rounds_[0]
    assert len(rounds) == 3
    judged = [found.judged for found in rounds]
    assert score.best_round_[0] == int(np.argmin(judged))
    for found in rounds:
        assert found.distance > 0.0
        assert found.judged >= found.distance * (1.0 - 1e-6)
        assert 0.0 <= found.lost <= 1.0
    assert len(score.verdict_) == 1


@pytest.mark.parametrize(
    ("ratio", "words"), [(1.0, "holds"), (0.8, "not certified"), (1.3, "not certified")]
)
def test_a_ratio_outside_of_its_range_is_not_certified(ratio: float, words: str) -> None:
    score = fitted(energy_steps=0)
    score.rounds_ = [[Round(1.0, ratio, 0.1, 0.1, 0.0, 1e-3)]]
    score.best_round_ = [0]
    assert words in score.verdict_[0]
    assert f"{ratio:.3f}" in score.verdict_[0]


def test_a_member_that_diverges_goes_back_to_its_best_state_and_slows_down() -> None:
    # A rate that no training survives; the members' autoencoders are worth keeping.
    score = fitted(members=2, energy_learning_rate=30.0, backoffs=2, energy_rounds=6)
    assert score.backoffs_
    rates = [found.learning_rate for found in score.backoffs_ if found.member == 0]
    assert rates == sorted(rates, reverse=True)
    assert rates[0] == pytest.approx(10.0)
    assert all(len(rounds) <= 3 * 6 for rounds in score.rounds_)
    plain = fitted(members=2, energy_steps=0)
    for member, best in enumerate(score.best_round_):
        if best >= 0:
            assert score.rounds_[member][best].judged < 1e29
            continue
        for name in plain.parameters_:
            torch.testing.assert_close(
                score.parameters_[name][member], plain.parameters_[name][member]
            )
    assert np.isfinite(score.score(circle(20, 3))).all()


def test_members_do_not_depend_on_each_other() -> None:
    both, one = fitted(members=2), fitted(members=1)
    rows = circle(40, 2)
    np.testing.assert_allclose(both.member_scores(rows, members=[0])[0], one.score(rows), rtol=1e-3)


@pytest.mark.parametrize("kind", ["nae", "wnae"])
def test_images_through_convolutions(kind: str) -> None:
    options = {"network": "conv", "channels": (2,), "components": 5, "steps": 10, "rounds": 1}
    options |= {"energy_steps": 4, "energy_rounds": 1, "input_steps": 2}
    extra = {"through": 1} if kind == "wnae" else {}
    score = make_score(kind, **{**QUICK, **options, **extra}).fit(images())
    found = score.score(images(20, 1))
    assert np.isfinite(found).all()
    np.testing.assert_allclose(
        score.contributions(images(20, 1)).sum(axis=(1, 2)), found, rtol=1e-4
    )
    assert score.latent(images(20, 1)).shape == (20, 2)


def test_images_are_seen_through_their_principal_components() -> None:
    x = images()
    score = Nae(**{**QUICK, "layout": "image", "components": 4, "energy_steps": 0}).fit(x)
    parameters = score.parameters_
    flat = torch.from_numpy(x.reshape(1, len(x), -1))
    u = score.coordinates(parameters, {"x": torch.from_numpy(x)[None]})
    assert u.shape == (1, 200, 4)
    basis = parameters["basis"][0]
    torch.testing.assert_close(basis.mT @ basis, torch.eye(4), atol=1e-5, rtol=1e-5)
    # What lies outside of their span does not count.
    outside = flat - (flat - parameters["shift"]) @ basis @ basis.mT
    assert (
        float((score.coordinates(parameters, {"x": outside.reshape(1, 200, 12, 12)})).abs().max())
        < 1e-4
    )
    # The mean square of the coordinates over the training rows is 1.
    assert float(u.square().mean()) == pytest.approx(1.0, rel=0.2)
    assert Nae(layout="image").n_coordinates((20, 20)) == 36
    with pytest.raises(DataError, match="principal components"):
        Nae(layout="image", components=300).fit(x)


def test_minus_log_p_is_the_energy_over_t_plus_log_omega() -> None:
    score = fitted(annealing=30, input_steps=6, energy_steps=100)
    rows = circle(200, 4)
    energy, log_p = (score.score(rows, name=name) for name in ("energy", "negative_log_p"))
    t = float(score.parameters_["temperature"])
    np.testing.assert_allclose(log_p, energy / t + score.log_omega_.value[0], rtol=1e-4, atol=1e-4)
    # Against the integral over a grid, in the standardised coordinates of the energy.
    step = 0.02
    axis = torch.arange(-5.0, 5.0, step)
    grid = torch.cartesian_prod(axis, axis)[None]
    with torch.no_grad():
        u = score.energy(score.parameters_, grid) / t
    exact = float((-u.double()).logsumexp(dim=1)) + 2.0 * np.log(step)
    assert abs(score.log_omega_.value[0] - exact) < 4.5 * score.log_omega_.error[0] + 0.02
    assert score.log_omega_.error[0] < 0.3


def test_the_manifold_is_a_sphere_of_energies() -> None:
    x = np.concatenate([circle(300), circle(300, 1)], axis=1)
    score = Nae(**{**QUICK, "n_latent": 3}).fit(x)
    longitude, latitude, energy = score.manifold(cells=10)
    assert (len(longitude), len(latitude)) == (21, 11)
    assert energy.shape == (10, 20)
    assert (energy >= 0.0).all()
    # The cell at the equator and longitude zero is the first axis, nearly.
    z = torch.tensor([[[1.0, 0.0, 0.0]]])
    with torch.no_grad():
        u = score.decoded(score.parameters_, z)
        expected = score.energy(score.parameters_, u) / score.parameters_["temperature"]
    assert energy[4:6, 9:11].min() <= float(expected) * 1.5 + 0.1
    with pytest.raises(ConfigError, match="no sphere"):
        fitted(energy_steps=0).manifold()


def test_the_wasserstein_loss_is_the_distance_and_moves_samples_to_the_data() -> None:
    options = {**QUICK, "energy_steps": 0, "through": 2, "directions": 20, "reconstruction": 0.0}
    score = Wnae(**options).fit(circle())
    parameters = {
        k: v.clone().requires_grad_(k.startswith(("enc", "dec")))
        for k, v in score.parameters_.items()
    }
    u = torch.from_numpy(circle(64, 5))[None]
    # Batches of unlike size, and weights.
    with torch.no_grad():
        near, _ = score.contrast(parameters, u, torch.ones(1, 64), u[:, :40], Noise([0]))
        gone, _ = score.contrast(parameters, u, torch.ones(1, 64), u[:, :40] * 1.2, Noise([0]))
    assert 0.0 <= float(near) < float(gone)
    # Gradients reach the weights through the chain, and nothing else.
    samples = score.moved(parameters, u, Noise([0]), through=2)
    total, _ = score.contrast(parameters, u, torch.ones(1, 64), samples, Noise([0]))
    total.sum().backward()
    assert float(parameters["encoder.weight0"].grad.abs().sum()) > 0.0
    fixed = score.moved({k: v.detach() for k, v in parameters.items()}, u, Noise([0]))
    torch.testing.assert_close(fixed, samples.detach())


@pytest.mark.parametrize("kind", ["nae", "wnae"])
def test_losses_compute_where_their_parameters_are(kind: str) -> None:
    extra = {"through": 1} if kind == "wnae" else {}
    score = make_score(kind, **{**QUICK, "energy_steps": 0, **extra}).fit(circle(100))
    from bycatch.learn.trainer import Batch

    parameters = {
        name: value.to("meta").requires_grad_(name.startswith(("encoder", "decoder")))
        for name, value in score.parameters_.items()
    }
    columns = {"x": torch.from_numpy(circle(16))[None].to("meta")}
    batch = Batch(columns, torch.ones(1, 16, device="meta"), (0,))
    training = EnergyTraining(score, [1])
    u = score.coordinates(parameters, columns)
    start = score.on_manifold(parameters, 16, Noise([0]), u)
    through = score.gradient_steps
    samples = score.moved(parameters, start, Noise([0]), through=through)
    total, _ = score.contrast(parameters, u, batch.weight, samples, Noise([0]))
    assert total.device.type == "meta"
    assert samples.device.type == "meta"
    assert training._starts(parameters, batch, u)[1].device.type == "meta"


@pytest.mark.parametrize(
    "option",
    [
        {"n_latent": 1},
        {"temperature": 0.0},
        {"replay": 1.5},
        {"buffer": 0},
        {"input_noise": 0.0},
        {"components": 1},
        {"network": "lola"},
        {"network": "conv", "layout": "vector"},
        {"regulariser": 0.6},
        {"energy_rounds": 0},
        {"clip": 0.0},
    ],
)
def test_options_without_sense_are_refused(option: dict[str, Any]) -> None:
    with pytest.raises(ConfigError):
        make_score("nae", **option)
    with pytest.raises(ConfigError):
        make_score("wnae", through=99)
