"""Augmentations, by what they must leave alone and by what they must change."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import Tensor

from bycatch.learn.augmentations import (
    ANOMALOUS,
    ANOMALOUS_JETS,
    JETS,
    PHYSICAL,
    EventLayout,
    anomalous_event,
    anomalous_jet,
    physical_event,
    transformed_jet,
)
from bycatch.learn.augmentations.base import collinear_split, one_of, ranked, wrap
from bycatch.learn.neural import Noise

LAYOUT = EventLayout()
MEMBERS, ROWS = 2, 400
VISIBLE = slice(1, None)


def noise(seed: int = 1) -> Noise:
    return Noise([seed + m for m in range(MEMBERS)])


def events(seed: int = 0, dtype: torch.dtype = torch.float64) -> tuple[Tensor, Tensor]:
    """Balanced events with a lepton of 23 GeV or more, in their places and order."""
    rng = np.random.default_rng(seed)
    x = np.zeros((MEMBERS, ROWS, 19, 3))
    mask = np.zeros(x.shape[:3], dtype=bool)
    for kind, places in enumerate(LAYOUT.slices[1:], start=1):
        n = places.stop - places.start
        shape = (MEMBERS, ROWS, n)
        x[:, :, places, 0] = LAYOUT.pt_min[kind] + rng.exponential(25.0, shape)
        x[:, :, places, 1] = rng.uniform(-1.0, 1.0, shape) * LAYOUT.eta_max[kind]
        x[:, :, places, 2] = rng.uniform(-math.pi, math.pi, shape)
        mask[:, :, places] = np.arange(n) < rng.integers(0, n + 1, (MEMBERS, ROWS, 1))
    mask[:, :, 1] = True
    x[:, :, 1, 0] += 23.0
    x[~mask] = 0.0
    met = -(x[..., 0] * np.exp(1j * x[..., 2])).sum(-1)
    x[:, :, 0, 0], x[:, :, 0, 2] = np.abs(met), np.angle(met)
    mask[:, :, 0] = True
    return LAYOUT.ordered(torch.from_numpy(x).to(dtype), torch.from_numpy(mask))


def vector_sum(x: Tensor) -> Tensor:
    """Sum of the transverse momenta as complex numbers; what is not there is zero."""
    return torch.polar(x[..., 0].abs(), x[..., 2]).sum(-1)


def counts(mask: Tensor) -> Tensor:
    return torch.stack([mask[..., places].sum(-1) for places in LAYOUT.slices], dim=-1)


@pytest.mark.parametrize("name", [*PHYSICAL, *ANOMALOUS])
def test_events_stay_in_their_places_and_order(name: str) -> None:
    x, mask = events()
    before = x.clone()
    y, there = {**PHYSICAL, **ANOMALOUS}[name](x, mask, noise(), LAYOUT)
    torch.testing.assert_close(x, before, rtol=0, atol=0)  # the input is not touched
    assert y.shape == x.shape
    assert y.dtype == x.dtype
    assert torch.isfinite(y).all()
    assert there[..., 0].all()
    assert (y[~there] == 0.0).all()
    assert (y[..., 2] > -math.pi).all()
    assert (y[..., 2] <= math.pi).all()
    assert (y[..., 0] >= LAYOUT.per_place(LAYOUT.pt_min, x))[there].all()
    inside = y[..., 1].abs() < LAYOUT.per_place(LAYOUT.eta_max, x)
    assert (inside | ~there)[..., VISIBLE].all()
    for places in LAYOUT.slices:
        pt, here = y[..., places, 0], there[..., places]
        assert (pt.diff(dim=-1) <= 0.0).all()
        assert (here.to(torch.int8).diff(dim=-1) <= 0).all()  # no gaps


@pytest.mark.parametrize("name", [*PHYSICAL, *ANOMALOUS])
def test_each_member_has_its_own_stream_of_random_numbers(name: str) -> None:
    change = {**PHYSICAL, **ANOMALOUS}[name]
    x, mask = (t[:1].expand(MEMBERS, *t.shape[1:]) for t in events())
    both, _ = change(x, mask, noise(), LAYOUT)
    assert not torch.equal(both[0], both[1])
    alone, _ = change(x[:1], mask[:1], Noise([2]), LAYOUT)
    torch.testing.assert_close(alone[0], both[1], rtol=0, atol=0)


def test_angles_are_wrapped_by_whole_turns() -> None:
    phi = torch.tensor([-math.pi, math.pi, 3.0 * math.pi, 0.1 - 5.0 * math.pi, -1e-20, 100.0])
    for dtype in (torch.float32, torch.float64):
        found = wrap(phi.to(dtype))
        assert (found > -math.pi).all()
        assert (found <= torch.tensor(math.pi, dtype=dtype)).all()
        turns = (phi.to(dtype) - found) / (2.0 * math.pi)
        torch.testing.assert_close(turns, turns.round(), rtol=0, atol=1e-5)
    torch.testing.assert_close(wrap(torch.tensor([3.5])), torch.tensor([3.5 - 2.0 * math.pi]))


def test_a_rotation_keeps_everything_but_one_angle() -> None:
    x, mask = events()
    y, there = PHYSICAL["rotate"](x, mask, noise(), LAYOUT)
    assert torch.equal(there, mask)
    torch.testing.assert_close(y[..., :2], x[..., :2], rtol=0, atol=0)
    turned = torch.polar(torch.ones_like(x[..., 2]), y[..., 2] - x[..., 2])
    first = turned[..., :1].expand_as(turned)
    torch.testing.assert_close(turned[mask], first[mask])
    angle = torch.angle(turned[..., 0]).flatten()
    # Uniform in a full turn: the mean of n unit vectors has a length of about 1/sqrt(n).
    n = angle.numel()
    assert torch.polar(torch.ones_like(angle), angle).mean().abs() < 4.0 / math.sqrt(n)
    torch.testing.assert_close(
        vector_sum(y).abs(), torch.zeros(MEMBERS, ROWS).double(), atol=1e-9, rtol=0
    )


def test_angles_are_smeared_by_the_stated_width() -> None:
    x = torch.zeros(MEMBERS, ROWS, 19, 3, dtype=torch.float64)
    mask = torch.zeros(x.shape[:3], dtype=torch.bool)
    mask[..., [0, 1, 9, 10]] = True
    x[..., 0] = torch.where(mask, 20.0, 0.0)
    x[..., 9, 0] = 30.0  # too hard to be smeared
    x[..., 10, 2] = math.pi
    y, there = PHYSICAL["smear_angles"](x, mask, noise(), LAYOUT)
    assert torch.equal(there, mask)
    torch.testing.assert_close(y[..., [0, 9], :], x[..., [0, 9], :], atol=1e-12, rtol=0)
    torch.testing.assert_close(y[..., 0], x[..., 0], rtol=0, atol=0)
    moved = torch.cat([y[..., 1, 1:], (y - x)[..., 10, 1:2], wrap(y[..., 10, 2:] - math.pi)], -1)
    n = moved.numel()
    assert abs(float(moved.std()) / 0.028 - 1.0) < 4.0 / math.sqrt(2 * n)
    assert abs(float(moved.mean())) < 4.0 * 0.028 / math.sqrt(n)


@pytest.mark.parametrize("pt", [40.0, 200.0])
def test_jet_energies_are_smeared_by_the_stated_width(pt: float) -> None:
    sigma = math.sqrt(0.052 * pt**2 + 1.502 * pt)
    layout = EventLayout(pt_min=(0.0, 3.0, 3.0, -1e9))  # nothing is dropped
    x = torch.zeros(MEMBERS, ROWS, 19, 3, dtype=torch.float64)
    mask = torch.zeros(x.shape[:3], dtype=torch.bool)
    mask[..., [0, 1, 5, *range(9, 19)]] = True
    x[..., 0] = torch.where(mask, pt, 0.0)
    y, there = PHYSICAL["smear_energies"](x, mask, noise(), layout)
    assert torch.equal(there, mask)
    torch.testing.assert_close(y[..., :9, :], x[..., :9, :], rtol=0, atol=0)
    shift = y[..., 9:, 0] - pt
    n = shift.numel()
    assert abs(float(shift.mean())) < 4.0 * sigma / math.sqrt(n)
    assert abs(float(shift.std()) / sigma - 1.0) < 4.0 / math.sqrt(2 * n)


def test_what_leaves_the_acceptance_is_dropped() -> None:
    x, mask = events()
    x[..., 9:, 0] = torch.where(mask[..., 9:], 15.01, 0.0)
    _, there = PHYSICAL["smear_energies"](x, mask, noise(), LAYOUT)
    lost = 1.0 - float(there[..., 9:].sum() / mask[..., 9:].sum())
    assert abs(lost - 0.5) < 4.0 * 0.5 / math.sqrt(float(mask[..., 9:].sum()))
    x, mask = events(1)
    edge = torch.where(mask, LAYOUT.per_place(LAYOUT.eta_max, x) - 1e-6, 0.0)
    x = torch.stack([torch.where(mask, 20.0, 0.0).double(), edge, x[..., 2]], dim=-1)
    _, there = PHYSICAL["smear_angles"](x, mask, noise(), LAYOUT)
    n = float(mask[..., VISIBLE].sum())
    lost = 1.0 - float(there[..., VISIBLE].sum()) / n
    assert abs(lost - 0.5) < 4.0 * 0.5 / math.sqrt(n)


def test_added_objects_stand_in_free_places_and_the_missing_et_balances_them() -> None:
    x, mask = events()
    y, there = ANOMALOUS["add_objects"](x, mask, noise(), LAYOUT)
    before, after = counts(mask), counts(there)
    full = before[..., 1:].sum(-1) == sum(LAYOUT.counts[1:])
    assert ((after - before).sum(-1) > 0)[~full].all()
    assert (after >= before).all()
    # The event was balanced, and is again.
    torch.testing.assert_close(
        vector_sum(y).abs(), torch.zeros(MEMBERS, ROWS).double(), atol=1e-9, rtol=0
    )
    hardest = x[..., 0].amax(-1, keepdim=True)
    assert (y[..., VISIBLE, 0] <= hardest.clamp_min(15.0)).all()
    # All objects of before are still there.
    old = x[..., VISIBLE, 0][mask[..., VISIBLE]].sort().values
    new = y[..., VISIBLE, 0][there[..., VISIBLE]].sort().values
    assert torch.isin(old, new).all()


def test_the_number_of_added_objects_is_uniform() -> None:
    x, mask = events()
    mask[..., 5:9] = False
    x = x.masked_fill(~mask.unsqueeze(-1), 0.0)
    _, there = ANOMALOUS["add_objects"](x, mask, noise(), LAYOUT)
    found = there[..., 5:9].sum(-1).flatten()
    frequency = torch.bincount(found, minlength=5) / found.numel()
    assert (frequency - 0.2).abs().max() < 4.0 * math.sqrt(0.2 * 0.8 / found.numel())


def test_a_full_event_gets_no_more_objects() -> None:
    x, mask = events()
    mask = torch.ones_like(mask)
    x[..., 0] = x[..., 0].clamp_min(15.0)
    x, mask = LAYOUT.ordered(x, mask)
    y, there = ANOMALOUS["add_objects"](x, mask, noise(), LAYOUT)
    torch.testing.assert_close(y, x, rtol=0, atol=0)
    assert there.all()


def test_splitting_keeps_all_sums() -> None:
    x, mask = events()
    y, there = ANOMALOUS["split_objects"](x, mask, noise(), LAYOUT)
    for places in LAYOUT.slices:
        a, b = x[..., places, :], y[..., places, :]
        torch.testing.assert_close(a[..., 0].sum(-1), b[..., 0].sum(-1))
        torch.testing.assert_close(vector_sum(a), vector_sum(b))
        weighted = [(v[..., 0] * v[..., 1]).sum(-1) for v in (a, b)]
        torch.testing.assert_close(*weighted)
    torch.testing.assert_close(y[..., 0, :], x[..., 0, :], rtol=0, atol=0)
    assert (there.sum(-1) > mask.sum(-1)).float().mean() > 0.8
    assert ((y[..., 1:9, 0].amax(-1)) >= 23.0).all()


def test_only_what_can_be_split_is_split() -> None:
    x = torch.zeros(1, 3, 19, 3, dtype=torch.float64)
    mask = torch.zeros(x.shape[:3], dtype=torch.bool)
    mask[..., [0, 1]] = True
    x[..., 0, 0] = 20.0
    x[0, :, 1, 0] = torch.tensor([25.9, 26.1, 5.9])  # above 23 + 3; the last: below 2 * 3
    y, there = ANOMALOUS["split_objects"](x, mask, Noise([0]), LAYOUT)
    assert there.sum(-1).tolist()[0][0] == 2
    assert there[0, 1, 1:3].all()
    assert there.sum(-1).tolist()[0][2] == 2
    assert float(y[0, 1, 1, 0]) >= 23.0


@pytest.mark.parametrize(
    ("name", "touched", "low", "high"),
    [
        ("shift_pt", VISIBLE, 1.0, 5.0),
        ("shift_met", slice(0, 1), 0.5, 5.0),
        ("shift_all", slice(0, None), 1.0, 5.0),
    ],
)
def test_shifts_multiply_by_one_factor(name: str, touched: slice, low: float, high: float) -> None:
    x, mask = events()
    y, there = ANOMALOUS[name](x, mask, noise(), LAYOUT)
    assert torch.equal(there, mask)
    torch.testing.assert_close(y[..., 1:], x[..., 1:], rtol=0, atol=0)
    ratio = torch.where(mask, y[..., 0] / x[..., 0].clamp_min(1e-9), torch.nan)
    inside = torch.zeros(19, dtype=torch.bool)
    inside[touched] = True
    assert (ratio[..., ~inside].nan_to_num(1.0) == 1.0).all()
    factor = ratio[..., touched.start or 0 : touched.stop][..., :1]
    torch.testing.assert_close(
        ratio[..., inside].nan_to_num(0.0), torch.where(mask[..., inside], factor, 0.0)
    )
    n = factor.numel()
    mean, spread = 0.5 * (low + high), (high - low) / math.sqrt(12.0)
    assert abs(float(factor.mean()) - mean) < 4.0 * spread / math.sqrt(n)


def test_one_of_the_changes_that_change_something_is_taken() -> None:
    x, mask = events()
    y, there, changed = anomalous_event(x, mask, noise(), LAYOUT, tuple(ANOMALOUS))
    assert changed.all()
    different = (y != x).any(-1).any(-1) | (there != mask).any(-1)
    assert different.all()
    # An event without missing ET in which only that could be shifted stays as it is.
    x[..., 0, :], mask[..., 0] = 0.0, False
    y, there, changed = anomalous_event(x, mask, noise(), LAYOUT, ("shift_met",))
    assert not changed.any()
    torch.testing.assert_close(y, x, rtol=0, atol=0)


def test_no_missing_et_stays_no_missing_et() -> None:
    x, mask = events()
    x[..., 0, :], mask[..., 0] = 0.0, False
    for change in {**PHYSICAL, **ANOMALOUS}.values():
        y, there = change(x, mask, noise(), LAYOUT)
        assert not there[..., 0].any()
        assert (y[..., 0, :] == 0.0).all()


def test_no_names_change_nothing() -> None:
    x, mask = events()
    y, there = physical_event(x, mask, noise(), LAYOUT, ())
    assert y is x
    assert there is mask


def jets(dtype: torch.dtype = torch.float64) -> tuple[Tensor, Tensor]:
    rng = np.random.default_rng(4)
    pt = rng.exponential(10.0, (MEMBERS, ROWS, 20)) + 0.2
    angles = rng.normal(0.0, 0.2, (MEMBERS, ROWS, 20, 2))
    mask = torch.from_numpy(np.arange(20) < rng.integers(0, 15, (MEMBERS, ROWS, 1)))
    x = torch.from_numpy(np.concatenate([pt[..., None], angles], axis=-1)).to(dtype)
    return ranked(x, mask)


@pytest.mark.parametrize("name", JETS)
def test_jets_stay_jets(name: str) -> None:
    x, mask = jets()
    before = x.clone()
    y, there = transformed_jet(x, mask, noise(), (name,))
    torch.testing.assert_close(x, before, rtol=0, atol=0)
    assert torch.isfinite(y).all()
    assert (y[~there] == 0.0).all()
    torch.testing.assert_close(y[..., 0].sum(-1), x[..., 0].sum(-1))
    assert (there.sum(-1) >= mask.sum(-1)).all()
    assert not torch.equal(y, x)


def test_jet_symmetries_keep_distances() -> None:
    x, mask = jets()
    pairs = mask.unsqueeze(3) & mask.unsqueeze(2)
    for name in ("rotate", "translate"):
        y, _ = transformed_jet(x, mask, noise(), (name,))
        a, b = (torch.cdist(v[..., 1:], v[..., 1:])[pairs] for v in (x, y))
        torch.testing.assert_close(a, b, atol=1e-7, rtol=0)
    turned, _ = transformed_jet(x, mask, noise(), ("rotate",))
    torch.testing.assert_close(turned[..., 1:].norm(dim=-1), x[..., 1:].norm(dim=-1))
    moved, _ = transformed_jet(x, mask, noise(), ("translate",))
    shift = (moved - x)[..., 1:]
    extension = torch.stack(
        [
            x[m, i, mask[m, i], 1:].amax(0) - x[m, i, mask[m, i], 1:].amin(0)
            for m in range(MEMBERS)
            for i in range(ROWS)
            if mask[m, i].any()
        ]
    )
    found = shift[..., 0, :][mask.any(-1)]
    assert (found.abs() <= extension + 1e-12).all()
    several = mask.sum(-1)[mask.any(-1)] > 1
    assert found[several].abs().gt(0.0).all()


def test_soft_constituents_are_smeared_by_the_stated_width() -> None:
    x = torch.zeros(MEMBERS, ROWS, 3, 3, dtype=torch.float64)
    x[..., 0] = torch.tensor([50.0, 1.0, 0.01])
    mask = torch.ones(x.shape[:3], dtype=torch.bool)
    y, _ = transformed_jet(x, mask, noise(), ("smear_soft",))
    n = 2 * MEMBERS * ROWS
    for place, width in enumerate((0.1 / 50.0, 0.1, 1.0)):  # below 0.1 GeV no more
        found = float(y[..., place, 1:].std())
        assert abs(found / width - 1.0) < 4.0 / math.sqrt(2 * n)


def test_collinear_splitting_of_jets_keeps_all_energy_flow() -> None:
    x, mask = jets()
    y, there = transformed_jet(x, mask, noise(), ("split_collinear",))
    for moment in range(3):
        a, b = ((v[..., 0:1] * v[..., 1:] ** moment).sum(-2) for v in (x, y))
        torch.testing.assert_close(a, b)
    grown = (there.sum(-1) - mask.sum(-1)).double()
    expected = 0.5 * float(mask.sum(-1).double().mean())
    # Places run out for a few, so that the mean lies below a half of the constituents.
    assert 0.7 * expected < float(grown.mean()) < 1.05 * expected


def test_splitting_one_by_one() -> None:
    rng = np.random.default_rng(8)
    x = torch.from_numpy(rng.uniform(1.0, 2.0, (50, 6, 3)))
    mask = torch.from_numpy(rng.random((50, 6)) < 0.6)
    x = x.masked_fill(~mask.unsqueeze(-1), 0.0)
    chosen = torch.from_numpy(rng.random((50, 6)) < 0.5)
    child = 0.25 * x[..., 0]
    y, there = collinear_split(x, mask, chosen, child)
    for i in range(50):
        expected, free = x[i].clone(), [p for p in range(6) if not mask[i, p]]
        for p in range(6):
            if mask[i, p] and chosen[i, p] and free:
                q = free.pop(0)
                expected[q] = torch.tensor([child[i, p], x[i, p, 1], x[i, p, 2]])
                expected[p, 0] -= child[i, p]
        torch.testing.assert_close(y[i], expected)
        assert there[i].sum() == (expected[:, 0] > 0).sum()


def test_one_of_takes_one_of_the_allowed() -> None:
    allowed = torch.tensor([[False, True, True], [False, False, False], [True, True, True]])
    found = one_of(allowed, torch.tensor([[0.9, 0.1, 0.2], [0.5, 0.5, 0.5], [0.0, 0.0, 0.0]]))
    assert found.tolist() == [[False, False, True], [False] * 3, [True, False, False]]


def test_single_precision_has_the_same_places() -> None:
    x, mask = events(dtype=torch.float32)
    y, there, _ = anomalous_event(x, mask, noise(), LAYOUT, tuple(ANOMALOUS))
    assert y.dtype == torch.float32
    assert (y[..., 2].abs() <= torch.tensor(math.pi)).all()
    assert torch.isfinite(y).all()
    assert there.shape == mask.shape


@pytest.mark.parametrize("name", ANOMALOUS_JETS)
def test_anomalous_jets_keep_their_pt_and_are_changed(name: str) -> None:
    x, mask = jets()
    before = x.clone()
    y, there = ANOMALOUS_JETS[name](x, mask, noise())
    torch.testing.assert_close(x, before, rtol=0, atol=0)
    assert torch.isfinite(y).all()
    assert (y[~there] == 0.0).all()
    assert (y[..., 0][there] > 0.0).all()
    torch.testing.assert_close(y[..., 0].sum(-1), x[..., 0].sum(-1))
    assert torch.equal(there.any(-1), mask.any(-1))
    several = mask.sum(-1) > 3
    changed = (y != x).any(-1).any(-1) | (there != mask).any(-1)
    # A prong moves in all jets but those whose constituents are all behind the hardest one.
    assert changed[several].double().mean() > 0.85
    assert not changed[mask.sum(-1) == 0].any()
    alone, _ = ANOMALOUS_JETS[name](x[:1], mask[:1], Noise([1]))
    torch.testing.assert_close(alone[0], y[0], rtol=0, atol=0)


def test_dropped_constituents_are_three_of_ten_and_never_all() -> None:
    x, mask = jets()
    y, there = ANOMALOUS_JETS["drop_constituents"](x, mask, noise())
    before, after = mask.sum(-1), there.sum(-1)
    assert torch.equal(after[before == 1], before[before == 1])
    several = before > 1
    assert (after[several] < before[several]).all()
    assert (after[several] >= 1).all()
    many = before > 9  # at least one goes anyway in 0.97 of these
    n = int(before[many].sum())
    lost = 1.0 - int(after[many].sum()) / n
    assert abs(lost - 0.3) < 4.0 * math.sqrt(0.3 * 0.7 / n) + 0.7**10
    angles = {tuple(row) for row in x[0, 0][mask[0, 0]][:, 1:].tolist()}
    assert {tuple(row) for row in y[0, 0][there[0, 0]][:, 1:].tolist()} <= angles


def test_a_prong_moves_as_a_whole_and_the_hardest_constituent_stays() -> None:
    x, mask = jets()
    y, there = ANOMALOUS_JETS["move_prong"](x, mask, noise())
    assert torch.equal(there, mask)
    step = y[..., 1:] - x[..., 1:]
    length = step.norm(dim=-1)
    moved = length > 0.0
    assert (step[:, :, 0] == 0.0).all()
    assert ((length[moved] > 0.1 - 1e-9) & (length[moved] < 0.6 + 1e-9)).all()
    largest = step.abs().amax(2, keepdim=True)
    same = torch.where(moved.unsqueeze(-1), step.abs(), largest)
    torch.testing.assert_close(same, largest.expand_as(same))


def test_shares_of_pt_are_raised_to_one_of_two_powers() -> None:
    x, mask = jets()
    y, there = ANOMALOUS_JETS["reshare_pt"](x, mask, noise())
    assert torch.equal(there, mask)
    two = mask.sum(-1) > 1
    ratio = (y[..., 0, 0] / y[..., 1, 0]).log() / (x[..., 0, 0] / x[..., 1, 0]).log()
    power = ratio[two]
    harder = (power - 1.5).abs() < 1e-6
    assert (harder | ((power - 2.0 / 3.0).abs() < 1e-6)).all()
    n = harder.numel()
    assert abs(harder.double().mean() - 0.5) < 4.0 * 0.5 / math.sqrt(n)


def test_one_anomalous_change_of_a_jet_is_drawn_from_those_that_change_it() -> None:
    x, mask = jets()
    y, there, changed = anomalous_jet(x, mask, noise(), tuple(ANOMALOUS_JETS))
    assert torch.equal(changed, mask.sum(-1) > 1)
    differs = (y != x).any(-1).any(-1) | (there != mask).any(-1)
    assert torch.equal(differs, changed)
    moved = (y[..., 1:] != x[..., 1:]).any(-1).any(-1) & (there == mask).all(-1)
    dropped = (there.sum(-1) < mask.sum(-1)) & changed
    shares = [float(kind[changed].double().mean()) for kind in (moved, dropped)]
    n = int(changed.sum())
    for share in shares:
        # A third each; more for the others where no prong can move, one jet in eight or fewer.
        assert abs(share - 1.0 / 3.0) < 4.0 * math.sqrt(2.0 / 9.0 / n) + 0.07
