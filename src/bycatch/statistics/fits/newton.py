"""Newton's method for many small maximisations at once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Objective = Callable[[Array, NDArray[np.intp]], tuple[Array, Array, Array]]
"""(parameters of the active problems, their indices) -> value, gradient, minus the Hessian."""

TOLERANCE = 1e-12
"""Newton decrement (expected gain of the log-likelihood) at which a problem counts as solved."""

MAX_ITERATIONS = 100
_HALVINGS = 40


@dataclass(frozen=True)
class Maximum:
    """Where a batch of maximisations ended.

    Attributes
    ----------
    point : ndarray of shape (n_problems, n_parameters)
    value : ndarray of shape (n_problems,)
    curvature : ndarray of shape (n_problems, n_parameters, n_parameters)
        Minus the (expected) Hessian at `point`.
    decrement : ndarray of shape (n_problems,)
        Estimated distance to the maximum, in units of the value.
    converged : ndarray of bool, of shape (n_problems,)
    iterations : int
    """

    point: Array
    value: Array
    curvature: Array
    decrement: Array
    converged: NDArray[np.bool_]
    iterations: int


def _solve(curvature: Array, gradient: Array) -> Array:
    """Solve for the Newton step; a ridge of rounding size keeps a singular problem harmless."""
    diagonal = np.einsum("tii->ti", curvature)
    ridge = 1e-14 * np.nan_to_num(diagonal.max(axis=1), nan=1.0, posinf=1.0) + 1e-100
    # a toy that overflowed gets a useless step, which halving then refuses
    safe = np.where(np.isfinite(curvature), curvature, 0.0)
    safe += ridge[:, None, None] * np.eye(curvature.shape[1])
    return np.asarray(np.linalg.solve(safe, gradient[..., None])[..., 0])


def _advance(
    objective: Objective,
    index: NDArray[np.intp],
    state: tuple[Array, Array, Array, Array],
    step: Array,
    rounding: Array,
) -> tuple[tuple[Array, Array, Array, Array], NDArray[np.bool_]]:
    """Take the step, halved where the value would fall; also say where no step was left."""
    point, value, gradient, curvature = state
    # near the maximum a good step may lower the value by rounding alone
    floor = value - 1e-13 * (1.0 + np.abs(value)) - rounding
    new_point = point + step
    new_value, new_gradient, new_curvature = objective(new_point, index)
    bad = np.flatnonzero(~(new_value >= floor))  # not `<`: a NaN is bad as well
    scale = 1.0
    for _ in range(_HALVINGS):
        if bad.size == 0:
            break
        scale *= 0.5
        trial = point[bad] + scale * step[bad]
        trial_value, trial_gradient, trial_curvature = objective(trial, index[bad])
        good = trial_value >= floor[bad]
        where = bad[good]
        new_point[where] = trial[good]
        new_value[where] = trial_value[good]
        new_gradient[where] = trial_gradient[good]
        new_curvature[where] = trial_curvature[good]
        bad = bad[~good]
    # no step was short enough: these stay where they were
    new_point[bad], new_value[bad] = point[bad], value[bad]
    new_gradient[bad], new_curvature[bad] = gradient[bad], curvature[bad]
    stuck = np.zeros(len(index), dtype=np.bool_)
    stuck[bad] = True
    return (new_point, new_value, new_gradient, new_curvature), stuck


def maximise(
    objective: Objective,
    start: Array,
    *,
    rounding: float | Array = 0.0,
    tolerance: float = TOLERANCE,
    max_iterations: int = MAX_ITERATIONS,
) -> Maximum:
    """Maximise many functions of the same few parameters, dropping each when it is done.

    Parameters
    ----------
    objective : callable
        Takes parameters (n_active, n_parameters) and the indices of the active problems; returns
        values, gradients and minus the (observed or expected) Hessians.
    start : ndarray of shape (n_problems, n_parameters)
        The value must be finite there.
    rounding : float or ndarray of shape (n_problems,)
        Numerical noise of the value: a step may lower the value by as much.
    tolerance : float
        Newton decrement 1/2 g H^-1 g below which the next step is the last one.
    max_iterations : int

    Returns
    -------
    Maximum
    """
    n_problems, _ = start.shape
    noise = np.broadcast_to(np.asarray(rounding, dtype=np.float64), (n_problems,))
    index: NDArray[np.intp] = np.arange(n_problems)
    with np.errstate(all="ignore"):
        point = start.astype(np.float64, copy=True)
        value, gradient, curvature = objective(point, index)
        result = Maximum(
            point.copy(),
            value.copy(),
            curvature.copy(),
            np.full(n_problems, np.inf),
            np.zeros(n_problems, dtype=np.bool_),
            0,
        )
        state = (point, value, gradient, curvature)
        iteration = 0
        while index.size and iteration < max_iterations:
            iteration += 1
            step = _solve(state[3], state[2])
            decrement = 0.5 * np.einsum("tp,tp->t", state[2], step)
            before = state[1]
            state, stuck = _advance(objective, index, state, step, noise[index])
            # a step that rounding refuses, or that gains less than rounding (a strong prior makes
            # the gradient that noisy), is harmless where nothing was left to gain
            idle = stuck | (state[1] - before <= noise[index])
            done = (decrement < tolerance) | (idle & (decrement < 1e-9 + noise[index]))
            # what is stuck will be stuck again, and what is NaN stays NaN
            ended = done | stuck | ~np.isfinite(decrement)
            result.point[index], result.value[index] = state[0], state[1]
            result.curvature[index] = state[3]
            result.decrement[index] = decrement
            # a negative decrement is a saddle or a minimum, which no rounding explains
            result.converged[index] = done & (decrement > -tolerance)
            keep = ~ended
            index = index[keep]  # solved problems leave the batch: the last, slow ones are few
            state = (state[0][keep], state[1][keep], state[2][keep], state[3][keep])
    return Maximum(
        result.point,
        result.value,
        result.curvature,
        result.decrement,
        result.converged,
        iteration,
    )
