"""Additive attention against loops written out by hand."""

import math

import numpy as np
import pytest
import torch

from bycatch.learn.nets.attention import alignment_keys, attend, draw_attention
from bycatch.tasks.random import stream

MEMBERS, ROWS, INPUTS, STATE, NOTED, UNITS = 2, 3, 5, 4, 6, 7


@pytest.fixture
def problem():
    rngs = [stream(0, "attention", m) for m in range(MEMBERS)]
    weights = draw_attention(STATE, NOTED, UNITS, rngs, torch.float64)
    rng = np.random.default_rng(1)
    state = torch.from_numpy(rng.normal(size=(MEMBERS, ROWS, STATE)))
    annotations = torch.from_numpy(rng.normal(size=(MEMBERS, ROWS, INPUTS, NOTED)))
    mask = torch.ones((MEMBERS, ROWS, INPUTS), dtype=torch.bool)
    mask[:, 1, 3:] = mask[:, 2, 0] = False
    return weights, state, annotations, mask


def looked(weights, state, annotations, mask):
    return attend(weights, state, alignment_keys(weights, annotations), annotations, mask)


def by_hand(weights, state, annotations, mask) -> tuple[np.ndarray, np.ndarray]:
    """Eqs. of the lecture, one number at a time."""
    context = np.zeros((MEMBERS, ROWS, NOTED))
    alignment = np.zeros((MEMBERS, ROWS, INPUTS))
    w = {name: value.numpy() for name, value in weights.items()}
    for m in range(MEMBERS):
        for row in range(ROWS):
            e = {}
            for j in range(INPUTS):
                if not mask[m, row, j]:
                    continue
                score = 0.0
                for u in range(UNITS):
                    inside = w["bias"][m, 0, u]
                    for k in range(STATE):
                        inside += float(state[m, row, k]) * w["state.weight"][m, k, u]
                    for k in range(NOTED):
                        inside += float(annotations[m, row, j, k]) * w["annotation.weight"][m, k, u]
                    score += w["score.weight"][m, u, 0] * math.tanh(inside)
                e[j] = score
            total = sum(math.exp(score) for score in e.values())
            for j, score in e.items():
                alignment[m, row, j] = math.exp(score) / total
                context[m, row] += alignment[m, row, j] * annotations[m, row, j].numpy()
    return context, alignment


def test_attention_is_that_of_the_lecture(problem) -> None:
    context, alignment = looked(*problem)
    expected_context, expected_alignment = by_hand(*problem)
    np.testing.assert_allclose(context.numpy(), expected_context, rtol=1e-12)
    np.testing.assert_allclose(alignment.numpy(), expected_alignment, rtol=1e-12)


def test_weights_of_what_is_there_sum_to_one(problem) -> None:
    state, mask = problem[1], problem[3]
    _, alignment = looked(*problem)
    assert not alignment[~mask].any()
    torch.testing.assert_close(alignment.sum(dim=2), torch.ones_like(state[..., 0]))


def test_what_is_not_there_has_no_influence(problem) -> None:
    weights, state, annotations, mask = problem
    context, _ = looked(*problem)
    other = torch.where(mask.unsqueeze(3), annotations, torch.full_like(annotations, 50.0))
    torch.testing.assert_close(looked(weights, state, other, mask)[0], context)
    longer = torch.cat([other, other], dim=2)
    wider = torch.cat([mask, torch.zeros_like(mask)], dim=2)
    torch.testing.assert_close(looked(weights, state, longer, wider)[0], context)


def test_nothing_to_look_at_is_zero_with_finite_gradients(problem) -> None:
    weights, state, annotations, mask = problem
    weights = {name: value.requires_grad_() for name, value in weights.items()}
    mask[0, 0] = False
    context, alignment = looked(weights, state, annotations, mask)
    assert not context[0, 0].any()
    assert not alignment[0, 0].any()
    context.sum().backward()
    assert all(torch.isfinite(value.grad).all() for value in weights.values())


def test_the_alignment_model_learns_with_everything_else(problem) -> None:
    weights, state, annotations, mask = problem
    weights = {name: value.requires_grad_() for name, value in weights.items()}
    looked(weights, state, annotations, mask)[0].square().sum().backward()
    assert all(value.grad.abs().sum() > 0.0 for value in weights.values())


def test_huge_scores_do_not_overflow(problem) -> None:
    weights, state, annotations, mask = problem
    weights = {**weights, "score.weight": 1e6 * weights["score.weight"]}
    context, alignment = looked(weights, state, annotations, mask)
    assert torch.isfinite(context).all()
    torch.testing.assert_close(alignment.max(dim=2).values, torch.ones_like(state[..., 0]))


def test_members_do_not_mix(problem) -> None:
    weights, state, annotations, mask = problem
    alone = {name: value[1:] for name, value in weights.items()}
    found, _ = looked(alone, state[1:], annotations[1:], mask[1:])
    torch.testing.assert_close(found[0], looked(*problem)[0][1])
