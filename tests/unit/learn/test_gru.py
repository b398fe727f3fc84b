"""Gated recurrent units against torch's own, with padding that must not matter."""

import numpy as np
import pytest
import torch

from bycatch.learn.nets.gru import bidirectional_gru, cell, draw_gru, gru
from bycatch.tasks.random import stream

MEMBERS, ROWS, STEPS, FEATURES, UNITS = 3, 5, 7, 4, 6


def drawn(seed: int = 0) -> dict[str, torch.Tensor]:
    rngs = [stream(seed, "gru", m) for m in range(MEMBERS)]
    return draw_gru(FEATURES, UNITS, rngs, torch.float64)


def two_ways() -> dict[str, torch.Tensor]:
    return {
        f"{at}.{name}": value
        for at, seed in (("forward", 1), ("backward", 2))
        for name, value in drawn(seed).items()
    }


@pytest.fixture
def sequences() -> tuple[torch.Tensor, torch.Tensor]:
    rng = np.random.default_rng(3)
    x = torch.from_numpy(rng.normal(size=(MEMBERS, ROWS, STEPS, FEATURES)))
    lengths = torch.tensor([7, 1, 4, 3, 6])
    mask = (torch.arange(STEPS) < lengths[:, None]).expand(MEMBERS, ROWS, STEPS)
    return x.masked_fill(~mask.unsqueeze(3), 0.0), mask


def torchs_own(member: int, *, both: bool = False) -> torch.nn.GRU:
    theirs = torch.nn.GRU(
        FEATURES, UNITS, batch_first=True, bidirectional=both, dtype=torch.float64
    )
    weights = two_ways() if both else {f"forward.{name}": v for name, v in drawn().items()}
    suffixes = {"forward": "", "backward": "_reverse"}
    for name, value in weights.items():
        direction, side, what = name.split(".")
        theirs_name = f"{what}_{side[0]}h_l0{suffixes[direction]}"
        getattr(theirs, theirs_name).data.copy_(value[member].T.squeeze(1))
    return theirs


def test_whole_sequences_agree_with_torch(sequences) -> None:
    x, mask = sequences
    found = gru(drawn(), x, torch.ones_like(mask))
    for member in range(MEMBERS):
        expected, _ = torchs_own(member)(x[member])
        torch.testing.assert_close(found[member], expected)


def test_padded_sequences_of_both_directions_agree_with_packed_ones_of_torch(sequences) -> None:
    x, mask = sequences
    annotations, last = bidirectional_gru(two_ways(), x, mask)
    for member in range(MEMBERS):
        packed = torch.nn.utils.rnn.pack_padded_sequence(
            x[member], mask[member].sum(dim=1), batch_first=True, enforce_sorted=False
        )
        states, end = torchs_own(member, both=True)(packed)
        expected, _ = torch.nn.utils.rnn.pad_packed_sequence(states, batch_first=True)
        there = mask[member]
        torch.testing.assert_close(annotations[member][there], expected[there])
        torch.testing.assert_close(last[member], torch.cat([end[0], end[1]], dim=1))


def test_gradients_agree_with_torch(sequences) -> None:
    x, mask = sequences
    weights = {name: value.requires_grad_() for name, value in drawn().items()}
    gru(weights, x, torch.ones_like(mask)).square().sum().backward()
    theirs = torchs_own(1)
    theirs(x[1])[0].square().sum().backward()
    torch.testing.assert_close(weights["hidden.weight"].grad[1].T, theirs.weight_hh_l0.grad)
    torch.testing.assert_close(weights["input.weight"].grad[1].T, theirs.weight_ih_l0.grad)
    torch.testing.assert_close(weights["hidden.bias"].grad[1, 0], theirs.bias_hh_l0.grad)


@pytest.mark.parametrize("more", [0, 1, 5])
def test_padding_has_no_influence(sequences, more: int) -> None:
    x, mask = sequences
    weights = two_ways()
    annotations, last = bidirectional_gru(weights, x, mask)
    rubbish = torch.where(mask.unsqueeze(3), x, torch.full_like(x, 1e3))
    longer = torch.cat([rubbish, x.new_full((MEMBERS, ROWS, more, FEATURES), -7.0)], dim=2)
    wider = torch.nn.functional.pad(mask, (0, more), value=False)
    other, other_last = bidirectional_gru(weights, longer, wider)
    torch.testing.assert_close(other_last, last, rtol=0.0, atol=1e-14)
    torch.testing.assert_close(other[:, :, :STEPS][mask], annotations[mask], rtol=0.0, atol=1e-14)


def test_a_gap_is_as_if_it_were_not_there(sequences) -> None:
    x, _ = sequences
    keep = [0, 2, 3, 6]
    mask = torch.zeros((MEMBERS, ROWS, STEPS), dtype=torch.bool)
    mask[..., keep] = True
    _, last = bidirectional_gru(two_ways(), x, mask)
    _, expected = bidirectional_gru(two_ways(), x[:, :, keep], mask[:, :, keep])
    torch.testing.assert_close(last, expected)


def test_an_empty_sequence_leaves_nothing(sequences) -> None:
    x, mask = sequences
    annotations, last = bidirectional_gru(two_ways(), x, torch.zeros_like(mask))
    assert not annotations.any()
    assert not last.any()


def test_members_do_not_mix(sequences) -> None:
    x, mask = sequences
    weights = drawn()
    alone = {name: value[1:2] for name, value in weights.items()}
    torch.testing.assert_close(gru(alone, x[1:2], mask[1:2])[0], gru(weights, x, mask)[1])


def test_one_cell_by_hand() -> None:
    weights = drawn()
    rng = np.random.default_rng(4)
    state = torch.from_numpy(rng.normal(size=(MEMBERS, ROWS, UNITS)))
    projected = torch.from_numpy(rng.normal(size=(MEMBERS, ROWS, 3 * UNITS)))
    found = cell(weights, projected, state)[2, 3].numpy()
    h, gates = state[2, 3].numpy(), projected[2, 3].numpy()
    recurrent = h @ weights["hidden.weight"][2].numpy() + weights["hidden.bias"][2, 0].numpy()
    sigmoid = lambda v: 1.0 / (1.0 + np.exp(-v))  # noqa: E731
    reset, update = (sigmoid(gates[s] + recurrent[s]) for s in (slice(0, 6), slice(6, 12)))
    new = np.tanh(gates[12:] + reset * recurrent[12:])
    np.testing.assert_allclose(found, (1.0 - update) * new + update * h, rtol=1e-12)


def test_weights_come_from_the_stream_of_their_member() -> None:
    rngs = [stream(0, "gru", 1)]
    (alone,) = draw_gru(FEATURES, UNITS, rngs, torch.float64)["hidden.weight"]
    torch.testing.assert_close(alone, drawn()["hidden.weight"][1])
    assert alone.abs().max() <= UNITS**-0.5
