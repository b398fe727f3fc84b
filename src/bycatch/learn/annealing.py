"""log Omega of an energy by annealed importance sampling, with its error.

What to use when: to turn an energy into a density, -log p = E/T + log Omega, where Omega, the
integral of exp(-E/T), is unknown. Exact in the limit of many temperatures; the fewer, the larger
the variance of the weights, which `LogPartition` states. Not needed to rank events: log Omega is
one number for all of them.

References
----------
.. [1] Neal, "Annealed importance sampling", arXiv:physics/9803008, eqs. (9) to (13).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from bycatch.errors import DataError
from bycatch.learn.langevin import Draws, Energy, Langevin, langevin
from bycatch.learn.members import check_option


@dataclass(frozen=True)
class LogPartition:
    """log Omega of each member.

    Attributes
    ----------
    value : ndarray of shape (n_members,), in nats
        The mean of the weights is right on average; its logarithm is low by half the squared error.
    error : ndarray of shape (n_members,), in nats
        Standard error, from the spread of the weights; not to be trusted where `effective` is less
        than about ten.
    effective : ndarray of shape (n_members,)
        Kish's effective number of chains.
    n_chains : int
    accepted : ndarray of shape (n_members,)
        Fraction of accepted steps over all temperatures.
    """

    value: NDArray[np.float64]
    error: NDArray[np.float64]
    effective: NDArray[np.float64]
    n_chains: int
    accepted: NDArray[np.float64]


@dataclass(frozen=True)
class GaussianBase:
    """Start from independent Gaussians.

    Attributes
    ----------
    mean, width : Tensor of shape (n_members, 1, *axes)
    """

    mean: Tensor
    width: Tensor

    def sample(self, n: int, draws: Draws) -> Tensor:
        """Return n chains of each member."""
        normal = draws.normal((n, *self.mean.shape[2:]), self.mean)
        return self.mean + self.width * normal

    def energy(self, x: Tensor) -> Tensor:
        """Return -log p, of shape (n_members, n_rows)."""
        pull = (x - self.mean) / self.width
        constant = 0.5 * math.log(2.0 * math.pi) * math.prod(x.shape[2:])
        return 0.5 * pull.square().flatten(2).sum(2) + self.width.log().flatten(2).sum(2) + constant


@dataclass(frozen=True)
class BoxBase:
    """Start from a uniform distribution between bounds; chains must have the same bounds.

    Attributes
    ----------
    low, high : float
    like : Tensor of shape (n_members, 1, *axes)
        Says how many coordinates there are, and how they are stored.
    """

    low: float
    high: float
    like: Tensor

    def sample(self, n: int, draws: Draws) -> Tensor:
        """Return n chains of each member."""
        uniform = draws.uniform((n, *self.like.shape[2:]), self.like)
        return self.low + (self.high - self.low) * uniform

    def energy(self, x: Tensor) -> Tensor:
        """Return -log p, of shape (n_members, n_rows)."""
        volume = math.prod(x.shape[2:]) * math.log(self.high - self.low)
        return 0.0 * x.flatten(2).sum(dim=2) + volume


@dataclass(frozen=True)
class SphereBase:
    """Start from a uniform distribution on the unit sphere; chains must move on it.

    Attributes
    ----------
    like : Tensor of shape (n_members, 1, n_coordinates)
    """

    like: Tensor

    def sample(self, n: int, draws: Draws) -> Tensor:
        """Return n chains of each member."""
        normal = draws.normal((n, self.like.shape[2]), self.like)
        return normal / normal.square().sum(dim=2, keepdim=True).sqrt()

    def energy(self, x: Tensor) -> Tensor:
        """Return -log p, the logarithm of the sphere's area, of shape (n_members, n_rows)."""
        half = 0.5 * x.shape[2]
        area = math.log(2.0) + half * math.log(math.pi) - math.lgamma(half)
        return 0.0 * x.sum(dim=2) + area


Base = GaussianBase | BoxBase | SphereBase


def log_partition(
    energy: Energy,
    base: Base,
    draws: Draws,
    options: Langevin,
    *,
    n_chains: int = 256,
    temperatures: int = 100,
    unit: Callable[[float], Tensor] | Tensor | None = None,
) -> LogPartition:
    """Estimate log Omega, the logarithm of the integral of exp(-U), of each member.

    Chains start from a density of known normalisation, p0 = exp(-U0), and follow
    exp(-(1 - b) U0 - b U) while b rises from 0 to 1. The mean of the product of the ratios of
    these is Omega.

    Parameters
    ----------
    energy : callable
        U = E/T, see `bycatch.learn.langevin.Energy`.
    base : GaussianBase, BoxBase or SphereBase
        It must not vanish where exp(-U) does not.
    draws : Draws
    options : Langevin
        Of the chains between two temperatures; Metropolis steps are made in any case.
    n_chains : int
    temperatures : int
        Steps of b, equally long.
    unit : Tensor of shape (n_members,), or a callable from b to such, optional
        Length in units of which `options` are stated.

    Returns
    -------
    LogPartition

    Raises
    ------
    ConfigError
        Where there are less than two chains or one temperature.
    DataError
        Where all weights of a member vanish or one is not finite.
    """
    check_option("n_chains", n_chains, 2)
    check_option("temperatures", temperatures, 1)
    options = replace(options, metropolis=True)
    x = base.sample(n_chains, draws)
    log_weight = torch.zeros(x.shape[:2], dtype=torch.float64, device=x.device)
    accepted = torch.zeros(len(x), dtype=torch.float64, device=x.device)
    for step in range(temperatures):
        beta = (step + 1) / temperatures
        with torch.no_grad():
            log_weight += (base.energy(x) - energy(x)).double() / temperatures
        if step + 1 == temperatures:
            break  # where chains go after the last weight counts no more
        length = unit(beta) if callable(unit) else unit
        chains = langevin(
            lambda y, b=beta: (1.0 - b) * base.energy(y) + b * energy(y),  # type: ignore[misc]
            x,
            draws,
            options,
            unit=length,
        )
        x = chains.x
        accepted += chains.accepted.double()
    return _summary(log_weight.cpu().numpy(), accepted.cpu().numpy() / max(1, temperatures - 1))


def _summary(log_weight: NDArray[np.float64], accepted: NDArray[np.float64]) -> LogPartition:
    n_chains = log_weight.shape[1]
    highest = log_weight.max(axis=1, keepdims=True)
    if not np.isfinite(log_weight).all():
        bad = int(np.count_nonzero(~np.isfinite(log_weight)))
        raise DataError(
            f"{bad} of {log_weight.size} annealed weights are NaN or infinite; give the energy a "
            "base that covers it, or more temperatures."
        )
    weight = np.exp(log_weight - highest)
    mean = weight.mean(axis=1)
    return LogPartition(
        value=highest[:, 0] + np.log(mean),
        error=weight.std(axis=1, ddof=1) / mean / np.sqrt(n_chains),
        effective=weight.sum(axis=1) ** 2 / (weight**2).sum(axis=1),
        n_chains=n_chains,
        accepted=accepted,
    )
