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
from bycatch.learn.nets.velocity import Velocity, draw_velocity
from bycatch.learn.neural import Noise
from bycatch.learn.options import option

_VALIDATION_STEPS = 6
_LOG_2PI = math.log(2.0 * math.pi)


class MatchingEnsemble(NeuralDensity):
    """Densities by conditional flow matching, trained as one batched network."""

    kind = "matching"
    citation = "flow-matching"
    validation_rows = 1000

    hidden: Sequence[int] = option(
        default=(128, 128, 128),
        least=1,
        says="Units of the trunk's hidden layers, with SiLU activations.",
    )
    degree: int | None = option(
        default=None,
        least=0,
        most=10,
        says="None: the conditions enter the network like features. A number: the one condition c "
        "enters as a polynomial of this degree, v(x, t, c) = sum_p c^p H_p h(x, t) with a trunk h "
        "that does not know c. Then the density may have several heads H, each blind to some rows: "
        "given the trunk a head's loss is convex, and a polynomial cannot make a bump where it "
        "sees no events.",
    )
    batch_size = 1024
    solver: Literal["midpoint", "rk4", "adaptive"] = option(
        default="midpoint",
        says="How the differential equation is solved, in sampling and in evaluating.",
    )
    solver_steps: int = option(
        default=16,
        least=1,
        says="Steps of the fixed-step solvers from noise to data; unused by the adaptive one.",
    )
    tolerance: float = option(
        default=1e-5, least=1e-12, says="Relative and absolute error of the adaptive solver."
    )

    def check_options(self) -> None:
        """Refuse options that make no sense (ConfigError)."""
        if not self.hidden:
            raise ConfigError(
                "The option 'hidden' is empty, but the trunk needs at least one layer."
            )
        if self.solver not in SOLVERS:
            raise ConfigError(
                f"The option 'solver' is {self.solver!r}, but it must be one of {sorted(SOLVERS)}."
            )
        super().check_options()

    def _check_heads(self, n_heads: int, n_conditions: int) -> None:
        if self.degree is not None and n_conditions != 1:
            raise ConfigError(
                f"The option 'degree' is {self.degree}, which needs one condition, but there are "
                f"{n_conditions}: leave it out, and the conditions enter the network."
            )
        if n_heads > 1 and self.degree is None:
            raise ConfigError(
                "Several heads need the option 'degree': where the condition enters the network "
                "freely, a head learns from what it should be blind to. Set it to 2."
            )

    def _velocity(self) -> Velocity:
        return Velocity(self._sizes["n_features"], self.degree)

    def _initial(
        self, shape: tuple[int, ...], rngs: Sequence[np.random.Generator]
    ) -> dict[str, Tensor]:
        sizes = dict(zip(("n_features", "n_conditions", "n_heads"), shape, strict=True))
        return draw_velocity(sizes, self.hidden, self.degree, rngs, getattr(torch, self.dtype))

    def losses(
        self, parameters: Mapping[str, Tensor], columns: Mapping[str, Tensor], noise: Noise
    ) -> Tensor:
        """Return the squared error of the velocity, of shape (n_members, n_rows)."""
        end = columns["z"]
        n = end.shape[1]
        start = noise.normal(end.shape[1:], end)
        # The times of a batch are spread evenly, which quiets the loss.
        place = torch.arange(n, dtype=end.dtype, device=end.device)[:, None]
        t = (place + noise.uniform((n, 1), end)) / n
        found = self._velocity().every(parameters, start + t * (end - start), t, columns["c"])
        error = (found - (end - start).unsqueeze(2)).square().mean(dim=3)
        return (error * columns["sees"]).sum(dim=2)

    def judged(
        self,
        parameters: Mapping[str, Tensor],
        columns: Mapping[str, Tensor],
        noise: Noise,  # noqa: ARG002
    ) -> Tensor:
        """Return -log p of held-out events in nats, of shape (n_members, n_rows)."""
        solve = {"solver": "midpoint", "steps": _VALIDATION_STEPS}
        found = log_prob(
            self._velocity(), parameters, columns["z"], columns["c"], columns["head"], solve
        )
        return -(found + columns["jacobian"])

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
