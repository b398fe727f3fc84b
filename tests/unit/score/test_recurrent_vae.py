"""The recurrent autoencoder: what its decoder sees, what its scores are, and how it is trained."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from sklearn.metrics import roc_auc_score

from bycatch.errors import ConfigError, DataError
from bycatch.learn.neural import Noise
from bycatch.score import make_score
from bycatch.score.parts.candidates import Layout, first_candidates, mean_candidate, surprises
from bycatch.score.recurrent_vae import RecurrentVae

QUICK = {"steps": 30, "rounds": 2, "batch_size": 64, "hidden": 8, "alignment": 4, "n_latent": 3}
LENGTH, KINDS = 6, 2


def events(n: int, seed: int = 0, *, kink: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    """Lists of up to 9 candidates on a line through each event; a kink bends it."""
    rng = np.random.default_rng(seed)
    mask = np.arange(9) < rng.integers(0, 10, n)[:, None]
    start, slope = rng.normal(size=(2, n, 1))
    step = np.arange(9) / 3.0
    line = start + slope * step + kink * np.where(step > 1.0, step - 1.0, 0.0)
    x = np.stack([5.0 - step + 0.1 * rng.normal(size=(n, 9)), line], axis=2)
    one_hot = np.eye(KINDS)[(line > 0.0).astype(int)]
    x = np.concatenate([x + 0.05 * rng.normal(size=x.shape), one_hot], axis=2)
    return np.where(mask[..., None], x, 0.0).astype(np.float32), mask


def score(**options: object) -> RecurrentVae:
    made = make_score("recurrent_vae", **{**QUICK, "length": LENGTH, "kinds": KINDS, **options})
    assert isinstance(made, RecurrentVae)
    return made


@pytest.fixture(scope="module", params=[True, False], ids=["attention", "bottleneck"])
def fitted(request) -> RecurrentVae:
    x, mask = events(300)
    return score(attention=request.param, members=2, dtype="float64").fit(x, mask=mask)


def columns(model: RecurrentVae, x: np.ndarray, mask: np.ndarray) -> dict[str, torch.Tensor]:
    members = model.members
    found = {"x": torch.from_numpy(x), "mask": torch.from_numpy(mask)}
    return model.prepared({k: v.expand(members, *v.shape) for k, v in found.items()})


def decoded(model: RecurrentVae, z, x, mask, *, forced: bool, read: torch.Tensor | None = None):
    """Predictions for given latent numbers, with the annotations of `read`."""
    annotations = model._posterior(model.parameters_, x if read is None else read, mask)[0]
    return model._decoded(model.parameters_, z, annotations, x, mask, torch.full_like(mask, forced))


def test_first_candidates_close_gaps_and_keep_their_order() -> None:
    x = torch.arange(10.0).reshape(2, 5, 1)
    mask = torch.tensor([[False, True, False, True, True], [False, False, False, True, False]])
    found, there = first_candidates(x, mask, 2)
    assert found[..., 0].tolist() == [[1.0, 3.0], [8.0, 0.0]]
    assert there.tolist() == [[True, True], [True, False]]
    longer, there = first_candidates(x, mask, 9)
    assert longer[..., 0].tolist() == [[1.0, 3.0, 4.0, 0.0, 0.0], [8.0, 0.0, 0.0, 0.0, 0.0]]
    assert there.sum().item() == 4


def test_surprises_by_hand() -> None:
    layout = Layout(2, 3, 0.1)
    rng = np.random.default_rng(0)
    outputs = torch.from_numpy(rng.normal(size=(4, 5, layout.outputs)))
    counts = [0, 2, 4, 5]
    mask = torch.arange(5) < torch.tensor(counts)[:, None]
    x = torch.from_numpy(rng.normal(size=(4, 5, 5)))
    x[..., 2:] = torch.eye(3, dtype=x.dtype)[torch.from_numpy(rng.integers(0, 3, (4, 5)))]
    candidates, length = surprises(outputs, x.masked_fill(~mask[..., None], 0.0), mask, layout)
    for row, count in enumerate(counts):
        expected = [0.0, 0.0]
        for step in range(count):
            out, true = outputs[row, step].tolist(), x[row, step].tolist()
            for j in range(2):
                width = 0.1 + math.log1p(math.exp(out[2 + j]))
                pull = (true[j] - out[j]) / width
                expected[0] += 0.5 * pull**2 + math.log(width * math.sqrt(2 * math.pi))
            kind = true[2:].index(1.0)
            expected[0] -= math.log(math.exp(out[4 + kind]) / sum(map(math.exp, out[4:7])))
            expected[1] -= math.log(1.0 / (1.0 + math.exp(out[7])))
        if count < 5:
            expected[1] -= math.log(1.0 / (1.0 + math.exp(-outputs[row, count, 7].item())))
        assert candidates[row].sum().item() == pytest.approx(expected[0])
        assert length[row].sum().item() == pytest.approx(expected[1])


def test_probabilities_of_all_lengths_sum_to_one() -> None:
    layout = Layout(1, 0, 0.1)
    outputs = torch.randn((1, 6, 3), generator=torch.Generator().manual_seed(1)).double() * 2.0
    mask = torch.arange(6) < torch.arange(7)[:, None]
    x = torch.zeros((7, 6, 1), dtype=torch.float64)
    _, length = surprises(outputs.expand(7, -1, -1), x, mask, layout)
    assert torch.exp(-length.sum(dim=1)).sum().item() == pytest.approx(1.0)


def test_the_density_of_a_candidate_integrates_to_one() -> None:
    layout = Layout(1, 2, 0.1)
    grid = torch.linspace(-12.0, 12.0, 4801, dtype=torch.float64)
    outputs = torch.tensor([0.4, -0.3, 0.8, -0.2, 0.1], dtype=torch.float64)
    total = 0.0
    for kind in torch.eye(2, dtype=torch.float64):
        x = torch.cat([grid[:, None], kind.expand(len(grid), 2)], dim=1)[:, None]
        there = torch.ones((len(grid), 1), dtype=torch.bool)
        found, _ = surprises(outputs.expand(len(grid), 1, -1), x, there, layout)
        total += torch.trapezoid(torch.exp(-found[:, 0]), grid).item()
    assert total == pytest.approx(1.0, abs=1e-6)


def test_the_mean_of_a_candidate_has_probabilities_of_its_kinds() -> None:
    outputs = torch.tensor([0.5, 1.0, 0.0, math.log(3.0), 7.0])
    torch.testing.assert_close(
        mean_candidate(outputs, Layout(1, 2, 0.1)), torch.tensor([0.5, 0.25, 0.75])
    )
    assert mean_candidate(outputs, Layout(2, 0, 0.1)).tolist() == [0.5, 1.0]


def test_teacher_forced_steps_see_what_came_before_and_no_more(fitted) -> None:
    c = columns(fitted, *events(20, seed=1))
    x, mask = c["x"], torch.ones_like(c["mask"])
    z = torch.zeros((*x.shape[:2], fitted.n_latent), dtype=x.dtype)
    whole = decoded(fitted, z, x, mask, forced=True)
    changed = x.clone()
    changed[:, :, 3] += 1.0
    other = decoded(fitted, z, changed, mask, forced=True, read=x)
    torch.testing.assert_close(other[:, :, :4], whole[:, :, :4])
    assert not torch.isclose(other[:, :, 4], whole[:, :, 4]).all(dim=-1).any()


def test_free_running_steps_see_no_candidate_but_through_attention(fitted) -> None:
    c = columns(fitted, *events(20, seed=1))
    x, mask = c["x"], torch.ones_like(c["mask"])
    z = torch.zeros((*x.shape[:2], fitted.n_latent), dtype=x.dtype)
    whole = decoded(fitted, z, x, mask, forced=False)
    torch.testing.assert_close(decoded(fitted, z, x + 1.0, mask, forced=False, read=x), whole)
    same = torch.isclose(decoded(fitted, z, x + 1.0, mask, forced=False), whole).all()
    assert same.item() is not fitted.attention


def test_teacher_forced_and_free_running_scores_differ_and_repeat(fitted) -> None:
    x, mask = events(60, seed=2)
    found = {name: fitted.score(x, mask, name=name) for name in fitted.score_names}
    several = mask.sum(axis=1) > 1
    assert (found["teacher_forced"] != found["free_running"])[several].all()
    np.testing.assert_allclose(  # nothing comes before the first candidate
        found["teacher_forced"][mask.sum(axis=1) == 0], found["free_running"][mask.sum(axis=1) == 0]
    )
    for name, scores in found.items():
        np.testing.assert_array_equal(fitted.score(x, mask, name=name), scores)
        alone = np.concatenate(
            [fitted.score(x[[i]], mask[[i]], name=name) for i in range(0, 60, 7)]
        )
        np.testing.assert_allclose(alone, scores[::7], rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(found["total"], found["free_running"] + found["kl"])
    count = np.maximum(np.minimum(mask.sum(axis=1), LENGTH), 1)
    np.testing.assert_allclose(found["per_candidate"], found["free_running"] / count)


def test_only_the_first_candidates_count_and_gaps_do_not(fitted) -> None:
    x, mask = events(40, seed=3)
    before = fitted.score(x, mask)
    softer = x.copy()
    softer[:, LENGTH:] *= np.array([3.0, 3.0, 1.0, 1.0], dtype=np.float32)
    full = mask.sum(axis=1) >= LENGTH
    assert full.any()
    np.testing.assert_array_equal(fitted.score(softer, mask)[full], before[full])
    few = mask.sum(axis=1) <= 4
    spread, holes = np.zeros_like(x), np.zeros_like(mask)
    spread[:, 1::2], holes[:, 1::2] = x[:, :4], mask[:, :4]
    np.testing.assert_allclose(fitted.score(spread, holes)[few], before[few], rtol=1e-12)


def test_forcing_decays_and_the_divergence_warms_up(fitted) -> None:
    c = columns(fitted, *events(30, seed=4))
    x = c["mask"]
    fixed = {"warm_up": 0.5, "beta": 2.0}
    model = score(attention=fitted.attention, members=2, dtype="float64", **fixed)
    at = {
        p: model.losses_at(p, fitted.parameters_, c, Noise([1, 2])) for p in (0.0, 0.25, 0.5, 1.0)
    }
    kl = fitted.scores(fitted.parameters_, c, "kl")
    always = score(attention=fitted.attention, members=2, dtype="float64", forcing=(1.0, 1.0))
    never = score(attention=fitted.attention, members=2, dtype="float64", forcing=(0.0, 0.0))
    always.beta = never.beta = 0.0
    forced, free = (m.losses(fitted.parameters_, c, Noise([1, 2])) for m in (always, never))
    torch.testing.assert_close(at[0.0], forced)
    torch.testing.assert_close(at[1.0], free + 2.0 * kl)
    torch.testing.assert_close(model.losses(fitted.parameters_, c, Noise([1, 2])), at[1.0])
    some = at[0.25] - kl
    several = x.sum(dim=2) > 2
    assert ((some != forced) & (some != free))[several].double().mean() > 0.5


def test_training_goes_from_the_first_probability_to_the_last(monkeypatch) -> None:
    seen = []
    plain = RecurrentVae.losses_at

    def watched(self, progress, *rest):
        seen.append(progress)
        return plain(self, progress, *rest)

    monkeypatch.setattr(RecurrentVae, "losses_at", watched)
    x, mask = events(80)
    score(steps=9, rounds=2, validation=0.2).fit(x, mask=mask)
    np.testing.assert_allclose(
        seen, [*np.linspace(0, 1, 8)[:4], 1.0, *np.linspace(0, 1, 8)[4:], 1.0]
    )


def test_a_member_is_what_it_is_alone() -> None:
    x, mask = events(200)
    two = score(members=2).fit(x, mask=mask)
    one = score(members=1).fit(x, mask=mask)
    found = two.member_scores(x[:40], mask[:40], members=[0])
    np.testing.assert_allclose(one.member_scores(x[:40], mask[:40]), found, rtol=1e-4)


@pytest.mark.parametrize("attention", [True, False])
def test_everything_learns(attention: bool) -> None:
    x, mask = events(50)
    model = score(attention=attention).fit(x, mask=mask)
    weights = model._initial(model.shape_, [np.random.default_rng(0)])
    weights = {name: value.requires_grad_() for name, value in weights.items()}
    fixed = {name: model.parameters_[name] for name in ("shift", "scale")}
    loss = model.losses_at(0.5, {**weights, **fixed}, columns(model, x, mask), Noise([0]))
    loss.sum().backward()
    assert any(name.startswith("attention.") for name in weights) is attention
    for name, value in weights.items():
        assert value.grad is not None, name
        assert value.grad.abs().sum() > 0.0, name


@pytest.mark.parametrize("attention", [True, False])
def test_bent_lines_are_anomalous(attention: bool) -> None:
    x, mask = events(1500)
    options = {"steps": 150, "rounds": 3, "hidden": 16, "learning_rate": 1e-2}
    model = score(attention=attention, **options).fit(x, mask=mask)
    plain, bent = events(500, seed=8), events(500, seed=9, kink=6.0)
    for name in ("free_running", "teacher_forced"):
        both = [model.score(*rows, name=name) for rows in (plain, bent)]
        long = [rows[1].sum(axis=1) >= LENGTH for rows in (plain, bent)]
        chosen = [s[keep] for s, keep in zip(both, long, strict=True)]
        truth = np.repeat([0, 1], [len(s) for s in chosen])
        # About 200 rows of each: an AUC without information is 0.50 +- 0.03.
        assert roc_auc_score(truth, np.concatenate(chosen)) > 0.9


def test_everything_stays_on_its_device() -> None:
    model = score()
    weights = model._initial((9, 4), [np.random.default_rng(0)])
    like = torch.empty((1, 1, 4))
    parameters = {**weights, "shift": like, "scale": like}
    parameters = {name: value.to("meta") for name, value in parameters.items()}
    x = torch.empty((1, 12, 9, 4), device="meta")
    found = model.prepared({"x": x, "mask": torch.empty((1, 12, 9), dtype=bool, device="meta")})
    assert model.losses_at(0.3, parameters, found, Noise([0])).device.type == "meta"
    assert model.encoded(parameters, found).shape == (1, 12, 3)
    for name in model.score_names:
        assert model.scores(parameters, found, name).shape == (1, 12)


def test_huge_candidates_have_finite_scores(fitted) -> None:
    x, mask = events(20, seed=5)
    x[..., :2] *= 1e6
    for name in fitted.score_names:
        assert np.isfinite(fitted.score(x, mask, name=name)).all()


def test_kinds_that_are_not_one_hot_are_refused() -> None:
    x, mask = events(30)
    several = np.flatnonzero(mask.any(axis=1))[:2]
    x[several, 0, -2:] = 1.0
    with pytest.raises(DataError, match="in 2 of 30 rows they do not"):
        score().fit(x, mask=mask)
    with pytest.raises(DataError, match="at least one must be continuous"):
        score(kinds=4).fit(x, mask=mask)
    score(kinds=0).fit(x, mask=mask)


@pytest.mark.parametrize(
    "option",
    [
        {"length": 0},
        {"kinds": -1},
        {"n_latent": 0},
        {"beta": -1.0},
        {"warm_up": 1.5},
        {"forcing": (1.0,)},
        {"forcing": (1.0, -0.1)},
        {"smallest_width": 0.0},
    ],
    ids=lambda option: next(iter(option)),
)
def test_options_that_make_no_sense_are_refused(option) -> None:
    with pytest.raises(ConfigError, match=next(iter(option))):
        score(**option)
