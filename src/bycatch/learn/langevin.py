"""Langevin chains of many members and rows at once, for any energy that is a function of tensors.

What to use when: to draw from p(x) proportional to exp(-U(x)) where only U and its slope are known.
With ``metropolis`` the chains have exactly this distribution, in a box and on the unit sphere too;
without, they are off by terms of order `noise` squared, but cheaper by the check. For densities
that can be drawn from directly, `bycatch.learn.densities.flows` is the better choice.

U is an energy in units of the temperature, U = E/T; the temperature enters nowhere else. The step
along the slope is ``noise**2 / 2`` unless stated: another one is another temperature,
T_eff = noise**2 / (2 step), for chains without Metropolis steps (see `effective_temperature`).

References
----------
.. [1] Roberts, Tweedie, "Exponential convergence of Langevin distributions and their discrete
   approximations", Bernoulli 2 (1996) 341 (acceptance with the density of the real proposal).
.. [2] Yoon, Noh, Park, "Autoencoding under normalization constraints", arXiv:2105.05735, eq. (8).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

import torch
from torch import Tensor

from bycatch.errors import ConfigError
from bycatch.learn.members import check_choice, check_option

Energy = Callable[[Tensor], Tensor]
"""From (n_members, n_rows, *axes) to U = E/T of shape (n_members, n_rows); rows do not mix."""


class Draws(Protocol):
    """Random numbers of each member."""

    def normal(self, shape: Sequence[int], like: Tensor) -> Tensor:
        """Return standard normal numbers of shape (n_members, *shape)."""
        ...

    def uniform(self, shape: Sequence[int], like: Tensor) -> Tensor:
        """Return uniform numbers in [0, 1) of shape (n_members, *shape)."""
        ...


@dataclass(frozen=True)
class Langevin:
    """How chains move.

    Attributes
    ----------
    steps : int
    noise : float
        Standard deviation, per coordinate, of the random part of a step; on the sphere in radians.
    step : float, optional
        Factor of the slope of U; ``noise**2 / 2`` by default, which samples at temperature 1.
    clip : float, optional
        Greatest length of the slope of a chain, over all its coordinates together. The clipped
        slope is part of the proposal, so that Metropolis steps stay exact.
    bounds : tuple of float, optional
        Lower and upper end of every coordinate.
    boundary : {"reflect", "refuse"}
        Whether a step over the bounds is reflected into them, or not taken.
    sphere : bool
        Chains move on the unit sphere of the last axis: along great circles, whose direction and
        length are the projections of slope and noise on the tangent space.
    metropolis : bool
        Accept each step with the probability that makes exp(-U) stationary.
    """

    steps: int
    noise: float
    step: float | None = None
    clip: float | None = None
    bounds: tuple[float, float] | None = None
    boundary: Literal["reflect", "refuse"] = "reflect"
    sphere: bool = False
    metropolis: bool = False

    def __post_init__(self) -> None:
        """Refuse what makes no sense (ConfigError)."""
        check_option("steps", self.steps, 0)
        check_option("noise", self.noise, 1e-12)
        check_choice("boundary", self.boundary, ("reflect", "refuse"))
        for name in ("step", "clip"):
            value = getattr(self, name)
            if value is not None:
                check_option(name, value, 1e-30)
        if self.bounds is not None and not self.bounds[0] < self.bounds[1]:
            raise ConfigError(
                f"The option 'bounds' is {self.bounds}; give a lower and an upper end."
            )
        if self.sphere and self.bounds is not None:
            raise ConfigError(
                "Chains on the sphere have no bounds; leave out 'bounds' or 'sphere'."
            )

    @property
    def stride(self) -> float:
        """The factor of the slope."""
        return 0.5 * self.noise**2 if self.step is None else self.step

    @property
    def effective_temperature(self) -> float:
        """Temperature, in units of the stated one, that unadjusted chains really sample at."""
        return self.noise**2 / (2.0 * self.stride)


@dataclass(frozen=True)
class Chains:
    """Where chains are after their last step.

    Attributes
    ----------
    x : Tensor of shape (n_members, n_rows, *axes)
    accepted : Tensor of shape (n_members,)
        Fraction of accepted steps; without Metropolis steps 1, less steps over refused bounds.
    """

    x: Tensor
    accepted: Tensor


def on_sphere(z: Tensor) -> Tensor:
    """Return vectors of unit length along the last axis, with finite slopes at zero too."""
    tiny = torch.finfo(z.dtype).tiny ** 0.5
    return z * z.square().sum(dim=-1, keepdim=True).clamp_min(tiny).rsqrt()


def langevin(
    energy: Energy,
    x: Tensor,
    draws: Draws,
    options: Langevin,
    *,
    unit: Tensor | None = None,
    through: int = 0,
) -> Chains:
    """Move all chains.

    Parameters
    ----------
    energy : callable
        U = E/T, see `Energy`.
    x : Tensor of shape (n_members, n_rows, *axes)
        Where they start: within the bounds, or of unit length on the sphere.
    draws : Draws
    options : Langevin
    unit : Tensor of shape (n_members,), optional
        Length, of each member, in units of which `noise`, `step` and `clip` are stated; 1 by
        default. Bounds are not in these units.
    through : int
        The last steps through which gradients flow, to the parameters of the energy too; only
        without Metropolis steps.

    Returns
    -------
    Chains
        Detached, unless `through` is positive. A chain whose slope is not finite does not move
        along it.

    Raises
    ------
    ConfigError
        Where gradients shall flow through Metropolis steps, or the noise is more than a quarter of
        the width between reflecting bounds of Metropolis steps.

    References
    ----------
    Roberts and Tweedie [1]_: a step from x to y is accepted with the probability
    min(1, exp(U(x) - U(y)) q(x|y) / q(y|x)), in which q is the density of the real proposal.
    """
    if options.metropolis and through:
        raise ConfigError(
            "Gradients do not flow through Metropolis steps; set 'metropolis' to False."
        )
    lengths = x.new_ones(len(x)) if unit is None else unit.to(x)
    motion = _Motion(options, lengths.reshape(-1, *[1] * (x.dim() - 1)))
    if options.metropolis:
        return _adjusted(energy, x.detach(), draws, motion)
    return _unadjusted(energy, x.detach(), draws, motion, through)


def _unadjusted(energy: Energy, x: Tensor, draws: Draws, motion: _Motion, through: int) -> Chains:
    steps = motion.options.steps
    refused = x.new_zeros(len(x))
    for step in range(steps):
        keep = step >= steps - through
        _, slope = _slope(energy, x, keep=keep)
        y, inside = motion.moved(x, motion.drift(x, slope), draws.normal(x.shape[1:], x))
        if inside is not None:
            y = torch.where(_over_axes(inside, x), y, x)
            refused += (~inside).to(x.dtype).mean(dim=1)
        x = y if keep else y.detach()
    return Chains(x, 1.0 - refused / max(1, steps))


def _adjusted(energy: Energy, x: Tensor, draws: Draws, motion: _Motion) -> Chains:
    motion.check_reflection()
    accepted = x.new_zeros(len(x))
    level, slope = _slope(energy, x, keep=False)
    for _ in range(motion.options.steps):
        drift = motion.drift(x, slope)
        y, inside = motion.moved(x, drift, draws.normal(x.shape[1:], x))
        new_level, new_slope = _slope(energy, y, keep=False)
        # All terms have the shape (n_members, n_rows): one decision per chain, by its own energy.
        ratio = level - new_level + motion.log_ratio(x, y, drift, motion.drift(y, new_slope))
        yes = draws.uniform(x.shape[1:2], x).log() < ratio  # a ratio that is NaN refuses
        if inside is not None:
            yes &= inside
        wide = _over_axes(yes, x)
        x, slope = torch.where(wide, y, x), torch.where(wide, new_slope, slope)
        level = torch.where(yes, new_level, level)
        accepted += yes.to(x.dtype).mean(dim=1)
    return Chains(x, accepted / max(1, motion.options.steps))


def _slope(energy: Energy, x: Tensor, *, keep: bool) -> tuple[Tensor, Tensor]:
    """Return U, and its derivative in each coordinate."""
    with torch.enable_grad():
        if not (keep and x.requires_grad):
            x = x.detach().requires_grad_()
        level = energy(x)
        (slope,) = torch.autograd.grad(level.sum(), x, create_graph=keep)
    return (level if keep else level.detach()), slope


def _over_axes(values: Tensor, like: Tensor) -> Tensor:
    """Give values of (n_members, n_rows) as many axes as `like` has."""
    return values.reshape(*values.shape, *[1] * (like.dim() - 2))


def _row_sum(values: Tensor) -> Tensor:
    """Sum over all axes of a chain, to the shape (n_members, n_rows)."""
    return values.flatten(2).sum(dim=2)


class _Motion:
    """One step of all chains, and the density of its proposal.

    Parameters
    ----------
    options : Langevin
    unit : Tensor of shape (n_members, 1, ...)
    """

    def __init__(self, options: Langevin, unit: Tensor) -> None:
        self.options = options
        self._unit = unit

    def check_reflection(self) -> None:
        """Refuse noise so large that images beyond the next ones would count (ConfigError)."""
        options = self.options
        if options.bounds is None or options.boundary == "refuse":
            return
        width = options.bounds[1] - options.bounds[0]
        noise = options.noise * float(self._unit.max())
        if noise > 0.25 * width:
            raise ConfigError(
                f"The noise of {noise:g} is more than a quarter of the {width:g} between the "
                "reflecting bounds; lower 'noise' or set 'boundary' to 'refuse'."
            )

    def drift(self, x: Tensor, slope: Tensor) -> Tensor:
        """Return the part of the step that is not random, clipped for each chain as a whole."""
        slope = slope * self._unit
        if self.options.sphere:
            slope = _tangent(x, slope)
        squared = _row_sum(slope.square())
        finite = torch.isfinite(squared)
        slope = slope.masked_fill(~_over_axes(finite, slope), 0.0)
        squared = squared.masked_fill(~finite, 0.0)
        if self.options.clip is not None:
            # At least `clip` squared below the root: no division by zero, no slope that is NaN.
            limit = self.options.clip
            slope = slope * _over_axes(limit * squared.clamp_min(limit**2).rsqrt(), slope)
        return -self.options.stride * self._unit * slope

    def moved(self, x: Tensor, drift: Tensor, normal: Tensor) -> tuple[Tensor, Tensor | None]:
        """Return where chains go, and which of them may."""
        noise = self.options.noise * self._unit * normal
        if self.options.sphere:
            v = drift + _tangent(x, noise)
            length = v.square().sum(dim=-1, keepdim=True).sqrt().clamp_min(1e-12)
            y = on_sphere(length.cos() * x + length.sin() / length * v)
            # Beyond half a circle the way would not be the shortest, and its density another.
            return y, (length < math.pi)[..., 0]
        y = x + drift + noise
        if self.options.bounds is None:
            return y, None
        low, high = self.options.bounds
        if self.options.boundary == "refuse":
            return y, ((y >= low) & (y <= high)).flatten(2).all(dim=2)
        return _folded(y, low, high), None

    def log_ratio(self, x: Tensor, y: Tensor, drift: Tensor, back: Tensor) -> Tensor:
        """Return log q(x|y) - log q(y|x), of shape (n_members, n_rows)."""
        noise = self.options.noise * self._unit
        if self.options.sphere:
            there, again = _great_circle(x, y)
            # The volume of the tangent space per volume of the sphere depends on the distance
            # alone, which is the same both ways.
            return 0.5 * _row_sum(((there - drift) / noise).square()) - 0.5 * _row_sum(
                ((again - back) / noise).square()
            )
        if self.options.bounds is None or self.options.boundary == "refuse":
            return 0.5 * _row_sum(((y - x - drift) / noise).square()) - 0.5 * _row_sum(
                ((x - y - back) / noise).square()
            )
        low, high = self.options.bounds
        return _row_sum(
            _log_folded(x, _folded(y + back, low, high), noise, low, high)
            - _log_folded(y, _folded(x + drift, low, high), noise, low, high)
        )


def _tangent(x: Tensor, v: Tensor) -> Tensor:
    """Project vectors on the tangent space of the unit sphere at x."""
    return v - (v * x).sum(dim=-1, keepdim=True) * x


def _great_circle(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """Return the tangent vectors at x that leads to y, and at y that leads to x."""
    sideways = _tangent(x, y)
    sine = sideways.square().sum(dim=-1, keepdim=True).sqrt()
    cosine = (x * y).sum(dim=-1, keepdim=True)
    angle = torch.atan2(sine, cosine)
    direction = sideways / sine.clamp_min(1e-12)
    return angle * direction, -angle * (cosine * direction - sine * x)


def _folded(y: Tensor, low: float, high: float) -> Tensor:
    """Reflect coordinates at both bounds until they lie between them."""
    width = high - low
    return low + width - (torch.remainder(y - low, 2.0 * width) - width).abs()


def _log_folded(y: Tensor, mean: Tensor, noise: Tensor, low: float, high: float) -> Tensor:
    """Return the log density, up to a constant, of a Gaussian that is reflected at both bounds.

    Images further away than the next ones add less than exp(-32) where `check_reflection` holds.
    """
    width = high - low
    images = [image + 2.0 * width * turn for image in (y, 2.0 * low - y) for turn in (-1, 0, 1)]
    exponents = [-0.5 * ((image - mean) / noise).square() for image in images]
    return torch.stack(exponents).logsumexp(dim=0)
