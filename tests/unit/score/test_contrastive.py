"""Contrastive scores: what the views are, what the representation ignores, and the heads."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from bycatch.errors import ConfigError, DataError
from bycatch.learn.augmentations import ANOMALOUS, PHYSICAL
from bycatch.learn.contrastive import anom_clr, anom_clr_plus, clr
from bycatch.learn.members import MemberRows
from bycatch.learn.neural import Noise
from bycatch.score import load_score, make_score
from bycatch.score.parts.contrastive import ContrastiveScore
from bycatch.score.parts.neural import part
from bycatch.score.parts.representation_heads import HEADS, head_score, moments

SMALL = {
    "steps": 20,
    "rounds": 2,
    "batch_size": 32,
    "width": 8,
    "heads": 2,
    "blocks": 1,
    "hidden": 8,
    "projection": 4,
    "head_steps": 20,
    "head_hidden": (8,),
    "head_latent": 2,
}
EVENTS = ("anomaly_clr", "anomaly_clr_plus")


def events(n: int = 120, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """W-like events: missing ET, one lepton, and a few jets."""
    rng = np.random.default_rng(seed)
    x, mask = np.zeros((n, 19, 3), dtype=np.float32), np.zeros((n, 19), dtype=bool)
    mask[:, 0] = mask[:, 1] = True
    mask[:, 9:] = np.arange(10) < rng.poisson(1.0, n).clip(0, 10)[:, None]
    x[..., 0] = 15.0 + rng.exponential(20.0, (n, 19))
    x[..., 1], x[..., 2] = rng.normal(0.0, 1.0, (n, 19)), rng.uniform(-3.1, 3.1, (n, 19))
    x[:, 0, 1] = 0.0
    x[:, 1, 0] += 10.0
    x[:, 9:] = np.take_along_axis(x[:, 9:], np.argsort(-x[:, 9:, :1], axis=1), axis=1)
    return np.where(mask[..., None], x, 0.0).astype(np.float32), mask


def jets(n: int = 120, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Jets as log pT and two angles."""
    rng = np.random.default_rng(seed)
    mask = np.arange(12) < rng.integers(2, 9, n)[:, None]
    x = rng.normal(0.0, 0.2, (n, 12, 3))
    x[..., 0] = np.sort(rng.normal(2.0, 1.0, (n, 12)), axis=1)[:, ::-1]
    return np.where(mask[..., None], x, 0.0).astype(np.float32), mask


def fitted(name: str, **options: Any) -> ContrastiveScore:
    score = make_score(name, **{**SMALL, **options})
    assert isinstance(score, ContrastiveScore)
    x, mask = jets() if name == "jet_clr" else events()
    return score.fit(x, mask=mask)


def jet_score(**options: Any) -> ContrastiveScore:
    return fitted("jet_clr", columns=(0, 1, 2), **options)


def columns(score: ContrastiveScore, x: np.ndarray, mask: np.ndarray) -> dict[str, torch.Tensor]:
    members = score.members
    tensors = {"x": torch.from_numpy(x), "mask": torch.from_numpy(mask)}
    tensors["weight"] = torch.ones(len(x))
    return score.prepared({k: v.expand(members, *v.shape) for k, v in tensors.items()})


@pytest.mark.parametrize("name", EVENTS)
def test_the_loss_is_the_paper_s_on_the_views(name: str) -> None:
    score = fitted(name, members=2, temperature=0.3)
    x, mask = events(30, seed=2)
    inputs = columns(score, x, mask)
    found = score.losses(score.parameters_, inputs, Noise([1, 2]))
    views = score.views(inputs, Noise([1, 2]))
    z, positive, odd = (
        score.projected(score.parameters_, score.represented(score.parameters_, v, m))
        for v, m in zip(views.x, views.mask, strict=True)
    )
    weight = inputs["weight"]
    expected = {
        "anomaly_clr": lambda: anom_clr(z, positive, odd, weight, 0.3),
        "anomaly_clr_plus": lambda: anom_clr_plus(z, positive, odd, 0.3),
    }[name]()
    assert views.changed is not None
    assert views.changed.all()
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(views.x[0], inputs["x"], rtol=0, atol=0)


def test_anomalous_jets_enter_the_loss_of_jets() -> None:
    names = ("drop_constituents", "move_prong", "reshare_pt")
    score = jet_score(anomalous=names, temperature=0.3)
    inputs = columns(score, *jets(30, seed=2))
    found = score.losses(score.parameters_, inputs, Noise([1]))
    views = score.views(inputs, Noise([1]))
    assert views.changed is not None
    assert views.changed.all()
    z, positive, odd = (
        score.projected(score.parameters_, score.represented(score.parameters_, v, m))
        for v, m in zip(views.x, views.mask, strict=True)
    )
    expected = anom_clr(z, positive, odd, inputs["weight"], 0.3)
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)
    assert len(jet_score().views(inputs, Noise([1])).x) == 2
    with pytest.raises(ConfigError, match="anomalous"):
        make_score("jet_clr", anomalous=("add_objects",))


def test_without_anomalous_changes_only_symmetries_are_learned() -> None:
    score = fitted("anomaly_clr", anomalous=())
    inputs = columns(score, *events(30, seed=2))
    found = score.losses(score.parameters_, inputs, Noise([1]))
    x, positive = (
        score.projected(score.parameters_, score.represented(score.parameters_, v, m))
        for v, m in zip(
            *[getattr(score.views(inputs, Noise([1])), k) for k in ("x", "mask")], strict=True
        )
    )
    torch.testing.assert_close(found, clr(x, positive, inputs["weight"], 0.1), rtol=1e-4, atol=1e-4)
    with pytest.raises(ConfigError, match="anomalous"):
        make_score("anomaly_clr_plus", anomalous=())


def test_an_event_that_cannot_be_changed_is_not_pushed_away_from_itself() -> None:
    score = fitted("anomaly_clr_plus", anomalous=("shift_met",), physical=())
    x, mask = events(10)
    mask[:5, 0] = False
    found = score.losses(score.parameters_, columns(score, x, mask), Noise([1]))
    torch.testing.assert_close(found[0, :5], torch.full((5,), -10.0), rtol=1e-4, atol=0)
    assert (found[0, 5:] > -10.0 + 1e-6).any()


@pytest.mark.parametrize("option", [*PHYSICAL, *ANOMALOUS])
def test_each_augmentation_can_be_switched(option: str) -> None:
    known = {"physical": PHYSICAL, "anomalous": ANOMALOUS}
    ((kind, names),) = [(k, tuple(v)) for k, v in known.items() if option in v]
    whole = make_score("anomaly_clr", **SMALL)
    assert isinstance(whole, ContrastiveScore)
    less = make_score("anomaly_clr", **{**SMALL, kind: tuple(n for n in names if n != option)})
    x, mask = events(200)
    views = [s.views(columns(s, x, mask), Noise([3])) for s in (whole, less)]
    place = 1 if kind == "physical" else 2
    assert not torch.equal(views[0].x[place], views[1].x[place])
    with pytest.raises(ConfigError, match="only once"):
        make_score("anomaly_clr", **{kind: (option, option)})
    with pytest.raises(ConfigError, match=kind):
        make_score("anomaly_clr", **{kind: ("turn",)})


def test_objects_without_pt_are_not_there() -> None:
    score = fitted("anomaly_clr")
    x, mask = events(20, seed=3)
    np.testing.assert_array_equal(score.score(x), score.score(x, mask))


def test_the_full_turn_of_phi_and_the_order_of_objects_change_nothing() -> None:
    score = fitted("anomaly_clr", dtype="float64")
    x, mask = events(20, seed=3)
    expected = score.latent(x, mask)
    turned = x.astype(np.float64)
    turned[..., 2] += np.where(mask, 2.0 * math.pi, 0.0)
    np.testing.assert_allclose(score.latent(turned, mask), expected, rtol=1e-6, atol=1e-8)
    order = np.r_[0:9, 9 + np.random.default_rng(0).permutation(10)]
    np.testing.assert_allclose(score.latent(x[:, order], mask[:, order]), expected, rtol=1e-9)


def test_the_kind_of_an_object_comes_from_its_place() -> None:
    score = fitted("anomaly_clr")
    x, mask = events(20, seed=3)
    order = np.r_[0, 5:9, 1:5, 9:19]  # electrons become muons
    assert not np.allclose(score.latent(x[:, order], mask[:, order]), score.latent(x, mask))


def test_other_places_are_refused() -> None:
    x, mask = events(20)
    with pytest.raises(DataError, match="19 objects"):
        make_score("anomaly_clr", **SMALL).fit(x[:, :18], mask=mask[:, :18])
    with pytest.raises(DataError, match="column 5"):
        make_score("jet_clr", **SMALL).fit(x, mask=mask)
    for option, value in {"places": (1, 4, 4), "pt_min": (3.0,), "eta_max": (1.0,) * 4}.items():
        with pytest.raises(ConfigError, match=option):
            make_score("anomaly_clr", **{option: value})
    with pytest.raises(ConfigError, match="places"):
        make_score("anomaly_clr", places=(2, 4, 4, 9))
    with pytest.raises(ConfigError, match="columns"):
        make_score("jet_clr", columns=(0, 1))
    with pytest.raises(ConfigError, match="multiple of 'heads'"):
        make_score("jet_clr", width=30)
    with pytest.raises(ConfigError, match="augmentations"):
        make_score("jet_clr", augmentations=("smear",))


def test_a_jet_s_representation_is_infrared_safe() -> None:
    score = jet_score(dtype="float64")
    x, mask = jets(20, seed=5)
    expected = score.latent(x, mask)
    softer = []
    for log_pt in (-1.0, -5.0, -9.0):
        more, there = x.astype(np.float64), mask.copy()
        more[:, 11], there[:, 11] = (log_pt, 0.5, -0.5), True
        softer.append(float(np.abs(score.latent(more, there) - expected).max()))
    # Half of the logarithm enters between constituents: the effect falls like the root of pT.
    assert softer[1] < 0.3 * softer[0]
    assert softer[2] < 0.3 * softer[1]
    hard, there = x.astype(np.float64), mask.copy()
    hard[:, 11], there[:, 11] = (3.0, 0.5, -0.5), True
    assert np.abs(score.latent(hard, there) - expected).max() > 10.0 * softer[2]


def test_only_the_first_constituents_are_read() -> None:
    score = jet_score(n_max=5)
    x, mask = jets(20, seed=5)
    cut = mask.copy()
    cut[:, 5:] = False
    np.testing.assert_array_equal(score.score(x, cut), score.score(x, mask))


@pytest.mark.parametrize("head", HEADS)
def test_heads_offer_their_scores_and_are_saved(head: str, tmp_path: Path) -> None:
    score = fitted("anomaly_clr_plus", head=head, members=2)
    x, mask = events(30, seed=6)
    assert score.score_names == HEADS[head]
    score.save(tmp_path / "model")
    again = load_score(tmp_path / "model")
    for name in HEADS[head]:
        np.testing.assert_array_equal(
            again.member_scores(x, mask, name=name), score.member_scores(x, mask, name=name)
        )
    heads = [name for name in score.parameters_ if name.startswith("head.")]
    assert len(heads) >= 4
    with pytest.raises(ConfigError, match="head"):
        make_score("anomaly_clr_plus", head="forest")


@pytest.mark.parametrize("signed", [False, True])
def test_moments_are_those_of_the_training_rows(signed: bool) -> None:
    rng = np.random.default_rng(0)
    z = rng.normal(size=(1, 4000, 3)) @ rng.normal(size=(3, 3)) + 2.0
    weight = rng.uniform(0.5, 1.5, 3000)
    if signed:
        weight[::10] = -0.2
    rows = MemberRows(np.arange(3000), np.arange(3000, 4000), weight, np.ones(1000))
    found = moments(z, z, [rows])
    mean = np.average(z[0, :3000], axis=0, weights=weight)
    np.testing.assert_allclose(found["shift"][0, 0], mean)
    centred = z[0, :3000] - mean
    covariance = (centred * weight[:, None]).T @ centred / weight.sum()
    distance = np.einsum("ij,jk,ik->i", z[0] - mean, np.linalg.inv(covariance), z[0] - mean)
    tensors = {name: torch.from_numpy(value) for name, value in found.items()}
    np.testing.assert_allclose(
        head_score(tensors, torch.from_numpy(z), "mahalanobis")[0].numpy(), distance, rtol=1e-8
    )


def test_the_head_learns_and_the_transformer_stays() -> None:
    few, many = (fitted("anomaly_clr", head="autoencoder", head_steps=n) for n in (2, 300))
    for name, value in few.parameters_.items():
        learned = name.startswith(("head.encoder", "head.decoder"))
        assert torch.equal(value, many.parameters_[name]) is not learned
    x, mask = events()
    losses = [float(s.score(x, mask, name="reconstruction").mean()) for s in (few, many)]
    assert losses[1] < 0.8 * losses[0]
    assert many.head_histories_[0].validation_loss[-1] < many.head_histories_[0].validation_loss[0]


def test_the_direction_is_that_of_background() -> None:
    score = fitted("anomaly_clr_plus", steps=60, learning_rate=0.01, anomalous=("add_objects",))
    x, mask = events(200, seed=8)
    usual = score.score(x, mask, name="direction")
    assert (usual >= -1e-6).all()
    inputs = columns(score, x, mask)
    odd = score.views(inputs, Noise([5]))
    unusual = score.score(odd.x[2][0].numpy(), odd.mask[2][0].numpy(), name="direction")
    better = (unusual[:, None] > usual).mean()
    # What it was trained for, on rows that it has not seen; by chance 1/2 +- 1/sqrt(6 n).
    assert better > 0.5 + 4.0 / math.sqrt(6 * 200)


def test_training_makes_the_representation_invariant_and_spreads_it() -> None:
    x, mask = events(200)
    before, after = (
        make_score("anomaly_clr", **{**SMALL, "steps": n, "learning_rate": 0.01, "anomalous": ()})
        for n in (2, 80)
    )
    found = [s.fit(x, mask=mask).monitors(x, mask) for s in (before, after)]  # type: ignore[attr-defined]
    assert found[0]["alignment"].shape == (1,)
    assert found[1]["uniformity"][0] < found[0]["uniformity"][0] - 0.2
    weight = np.ones(200)
    again = after.monitors(x, mask, weight)  # type: ignore[attr-defined]
    np.testing.assert_array_equal(again["alignment"], found[1]["alignment"])
    with pytest.raises(DataError, match="two rows"):
        after.monitors(x[:1], mask[:1])  # type: ignore[attr-defined]


def test_everything_is_computed_in_the_chosen_precision() -> None:
    score = fitted("anomaly_clr", dtype="float64", head="flow")
    assert {v.dtype for v in score.parameters_.values()} == {torch.float64}
    inputs = columns(score, *events(20))
    for result in (
        score.losses(score.parameters_, inputs, Noise([1])),
        *(score.scores(score.parameters_, inputs, name) for name in score.score_names),
    ):
        assert result.dtype == torch.float64
    assert part(score.parameters_, "head.made0.")
