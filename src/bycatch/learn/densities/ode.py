"""Ordinary differential equations of batches of events: fixed steps, or steps that adapt."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

State = tuple[Tensor, ...]
Flow = Callable[[float, State], State]

SOLVERS = ("midpoint", "rk4", "adaptive")


def integrate(
    flow: Flow,
    state: State,
    start: float,
    stop: float,
    *,
    solver: str = "midpoint",
    steps: int = 16,
    tolerance: float = 1e-5,
) -> State:
    """Solve d state / dt = flow(t, state).

    Parameters
    ----------
    flow : callable
        Of the time and the state; returns the derivatives of the state's tensors.
    state : tuple of Tensor
    start, stop : float
        Times; `stop` may be the earlier one.
    solver : {"midpoint", "rk4", "adaptive"}
        Second and fourth order with equal steps; "adaptive": Dormand and Prince's fifth order
        (`zuko.utils.odeint`), all rows of a call with the same steps.
    steps : int
        Of the fixed-step solvers.
    tolerance : float
        Relative and absolute, of the adaptive solver.

    Returns
    -------
    tuple of Tensor
    """
    if solver == "adaptive":
        return _adaptive(flow, state, start, stop, tolerance)
    step = _midpoint if solver == "midpoint" else _rk4
    size = (stop - start) / steps
    for i in range(steps):
        state = step(flow, start + i * size, state, size)
    return state


def _moved(state: State, rates: State, size: float) -> State:
    return tuple(x + size * rate for x, rate in zip(state, rates, strict=True))


def _midpoint(flow: Flow, t: float, state: State, size: float) -> State:
    half = _moved(state, flow(t, state), 0.5 * size)
    return _moved(state, flow(t + 0.5 * size, half), size)


def _rk4(flow: Flow, t: float, state: State, size: float) -> State:
    first = flow(t, state)
    second = flow(t + 0.5 * size, _moved(state, first, 0.5 * size))
    third = flow(t + 0.5 * size, _moved(state, second, 0.5 * size))
    fourth = flow(t + size, _moved(state, third, size))
    return tuple(
        x + size / 6.0 * (a + 2.0 * b + 2.0 * c + d)
        for x, a, b, c, d in zip(state, first, second, third, fourth, strict=True)
    )


def _adaptive(flow: Flow, state: State, start: float, stop: float, tolerance: float) -> State:
    from zuko.utils import odeint  # noqa: PLC0415 - only this solver needs it

    def rates(t: Tensor, *values: Tensor) -> State:
        return flow(float(t), values)

    with torch.no_grad():
        found = odeint(rates, list(state), start, stop, atol=tolerance, rtol=tolerance)
    return tuple(found)
