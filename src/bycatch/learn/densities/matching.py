"""Conditional flow matching: a velocity field that carries noise to data.

What to use when: for one training for all windows of a scan, with a head for each that is blind to
its own window; its networks are plain perceptrons. Sampling and evaluating solve an ordinary
differential equation, so where very many events are evaluated (ANODE) an autoregressive flow is
cheaper.

The loss regresses the velocity v(x, t, c) on x_1 - x_0 along straight lines
x_t = (1 - t) x_0 + t x_1 from a normal x_0 to an event x_1 (Ref. [1]_, optimal-transport paths
with sigma_min = 0). The log-likelihood is that of the normal minus the integral of the velocity's
divergence, which is taken exactly, one derivative per feature (Ref. [2]_, theorem 1).

Weak spot: loss and likelihood say little about how good the density is. Its held-out likelihood on
LHC Olympics sidebands is the best of the densities here, but it softens the edges of features: its
template is off by 15 to 21 % at an efficiency of 10 %, that of spline flows by 2 %
(`benchmarks/RESULTS.md`). Look at delta_sys, not at the loss.

References
----------
.. [1] Lipman et al., "Flow matching for generative modeling", arXiv:2210.02747.
.. [2] Chen et al., "Neural ordinary differential equations", arXiv:1806.07366.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from bycatch.errors import ConfigError
from bycatch.learn.densities.base import NeuralDensity
from bycatch.learn.densities.ode import SOLVERS, integrate
from bycatch.learn.members import check_option
from bycatch.learn.nets.velocity import Velocity, draw_velocity
from bycatch.learn.trainer import Batch

__all__ = ["MatchingEnsemble"]

_VALIDATION_STEPS = 6
_LOG_2PI = math.log(2.0 * math.pi)


class MatchingEnsemble(NeuralDensity):
    """Densities by conditional flow matching, trained as one batched network.

    Parameters
    ----------
    members : int
    hidden : sequence of int
        Units of the trunk's hidden layers, with SiLU activations.
    degree : int, optional
        None: the conditions enter the network like features. A number: the one condition c enters
        as a polynomial of this degree, v(x, t, c) = sum_p c^p H_p h(x, t) with a trunk h that does
        not know c. Then the density may have several heads H, each blind to some rows: given the
        trunk a head's loss is convex, and a polynomial cannot make a bump where it sees no events.
    steps, rounds, batch_size, learning_rate, weight_decay, dtype, device
        See `bycatch.learn.densities.base.NeuralDensity`.
    solver : {"midpoint", "rk4", "adaptive"}
        How the differential equation is solved, in sampling and in evaluating.
    solver_steps : int
        Steps of the fixed-step solvers from noise to data; unused by the adaptive one.
    tolerance : float
        Relative and absolute error of the adaptive solver.
    """

    kind = "matching"
    citation = "flow-matching"
    validation_rows = 1000

    def __init__(
        self,
        members: int = 1,
        *,
        hidden: Sequence[int] = (128, 128, 128),
        degree: int | None = None,
        steps: int = 4000,
        rounds: int = 10,
        batch_size: int = 1024,
        learning_rate: float = 3e-3,
        weight_decay: float = 0.0,
        solver: Literal["midpoint", "rk4", "adaptive"] = "midpoint",
        solver_steps: int = 16,
        tolerance: float = 1e-5,
        dtype: Literal["float32", "float64"] = "float32",
        device: str = "cpu",
    ) -> None:
        super().__init__(
            members,
            steps=steps,
            rounds=rounds,
            batch_size=batch_size,
            learning_rate=learning_rate,
            weight_decay=weight_decay,
            dtype=dtype,
            device=device,
        )
        if not hidden:
            message = "The option 'hidden' is empty, but the trunk needs at least one layer."
            raise ConfigError(message)
        for units in hidden:
            check_option("hidden", units, 1)
        if degree is not None:
            check_option("degree", degree, 0, 10)
        if solver not in SOLVERS:
            message = f"The option 'solver' is {solver!r}, but it must be one of {sorted(SOLVERS)}."
            raise ConfigError(message)
        check_option("solver_steps", solver_steps, 1)
        check_option("tolerance", tolerance, 1e-12)
        self.hidden = tuple(hidden)
        self.degree = degree
        self.solver = solver
        self.solver_steps = solver_steps
        self.tolerance = tolerance

    def _check_heads(self, n_heads: int, n_conditions: int) -> None:
        if self.degree is not None and n_conditions != 1:
            message = (
                f"The option 'degree' is {self.degree}, which needs one condition, but there are "
                f"{n_conditions}: leave it out, and the conditions enter the network."
            )
            raise ConfigError(message)
        if n_heads > 1 and self.degree is None:
            message = (
                "Several heads need the option 'degree': where the condition enters the network "
                "freely, a head learns from what it should be blind to. Set it to 2."
            )
            raise ConfigError(message)

    def _velocity(self) -> Velocity:
        return Velocity(self._sizes["n_features"], self.degree)

    def _initial(self, rngs: Sequence[np.random.Generator]) -> dict[str, Tensor]:
        return draw_velocity(
            self._sizes, self.hidden, self.degree, rngs, getattr(torch, self.dtype)
        )

    def _model(self, seeds: Sequence[int]) -> _Matching:
        return _Matching(self._velocity(), seeds)

    def _log_prob(self, parameters: Mapping[str, Tensor], z: Tensor, c: Tensor, h: int) -> Tensor:
        head = torch.full(z.shape[:2], h, device=z.device)
        return log_prob(self._velocity(), parameters, z, c, head, self._solve())

    def _solve(self) -> dict[str, Any]:
        return {"solver": self.solver, "steps": self.solver_steps, "tolerance": self.tolerance}

    def _sample(
        self, parameters: Mapping[str, Tensor], c: Tensor, generator: torch.Generator, h: int
    ) -> Tensor:
        shape = (1, c.shape[1], self._sizes["n_features"])
        noise = torch.randn(shape, generator=generator, dtype=c.dtype).to(c.device)
        head = torch.full(shape[:2], h, device=c.device)
        velocity = self._velocity()

        def flow(t: float, state: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
            return (velocity.chosen(parameters, state[0], t, c, head),)

        return integrate(flow, (noise,), 0.0, 1.0, **self._solve())[0][0]


def log_prob(
    velocity: Velocity,
    parameters: Mapping[str, Tensor],
    z: Tensor,
    c: Tensor,
    head: Tensor,
    solve: Mapping[str, Any],
) -> Tensor:
    """Return log p(z | c), solving from data to noise; of shape (n_members, n_rows)."""

    def flow(t: float, state: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        return velocity.with_divergence(parameters, state[0], t, c, head)

    start = (z, torch.zeros(z.shape[:2], dtype=z.dtype, device=z.device))
    noise, divergence = integrate(flow, start, 1.0, 0.0, **solve)
    normal = -0.5 * (noise.square() + _LOG_2PI).sum(dim=-1)
    # The integral ran from 1 to 0, so it holds minus the integral over the path.
    return normal + divergence


class _Matching:
    """What the training loop sees: the matching loss, and -log p of held-out events."""

    def __init__(self, velocity: Velocity, seeds: Sequence[int]) -> None:
        self._velocity = velocity
        self._generators = [torch.Generator().manual_seed(seed) for seed in seeds]

    def loss(self, parameters: Mapping[str, Tensor], batch: Batch) -> Tensor:
        """Return the weighted sum of squared velocity errors, of shape (n_members,)."""
        end = batch.columns["z"]
        start, t = self._noise(end, batch.members)
        found = self._velocity.every(parameters, start + t * (end - start), t, batch.columns["c"])
        error = (found - (end - start).unsqueeze(2)).square().mean(dim=3)
        return (batch.weight * (error * batch.columns["sees"]).sum(dim=2)).sum(dim=1)

    def validation(self, parameters: Mapping[str, Tensor], batch: Batch) -> Tensor:
        """Return the weighted sum of -log p, of shape (n_members,)."""
        columns = batch.columns
        solve = {"solver": "midpoint", "steps": _VALIDATION_STEPS}
        found = log_prob(
            self._velocity, parameters, columns["z"], columns["c"], columns["head"], solve
        )
        return -(batch.weight * (found + columns["jacobian"])).sum(dim=1)

    def _noise(self, like: Tensor, members: Sequence[int]) -> tuple[Tensor, Tensor]:
        """Draw starts and times; the times of a batch are spread evenly, which quiets the loss."""
        n = like.shape[1]
        starts, times = [], []
        for member in members:
            generator = self._generators[member]
            starts.append(torch.randn(like.shape[1:], generator=generator, dtype=like.dtype))
            within = torch.rand((n, 1), generator=generator, dtype=like.dtype)
            times.append((torch.arange(n, dtype=like.dtype)[:, None] + within) / n)
        return torch.stack(starts).to(like.device), torch.stack(times).to(like.device)
