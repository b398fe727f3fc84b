"""The densities of `bycatch.learn.likelihoods` in a graph: -log p in few operations.

What to use when: where a score with these densities leaves Python (`bycatch.trigger.onnx_export`).
In Python use the densities themselves, which are in double precision; here is single precision.

At 1,000 events an operation of a graph costs about 1 us, and 0.2 us for each number of an event;
logarithms cost 2 us, and choices, softplus and gathers along the rows more. So features are the
first axis, and features of one kind are neighbours; what a kind needs is computed for all kinds at
once; choices are products; sums of logarithms are logarithms of products. With
h(s) = exp(s^2) erfc(s) / 2 and V = z / sqrt(2), every distribution function is

    Phi(z) = exp(-min(V, 0)^2) |step(V) - exp(-max(V, 0)^2) h(|V|)|,

without a difference of large numbers in the tail, where the first factor's logarithm is known. It
cancels against the density's own exponent where the mean is far below the edge of what is allowed;
there the exponents' difference is made from the distance to that edge.

References
----------
.. [1] W. J. Cody, "Rational Chebyshev approximation for the error function", Math. Comp. 23
   (1969) 631 (the form of h).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from bycatch.learn.likelihoods import CLIP, RATE_SHIFT

KINDS = (
    "clipped_log_normal",
    "gaussian",
    "truncated_gaussian",
    "discrete_gaussian",
    "poisson",
    "bernoulli",
    "charge",
)
"""Order of the features in a graph: kinds that share a formula are neighbours."""

_PARAMETERS = dict(zip(KINDS, (3, 2, 2, 2, 1, 1, 1), strict=True))
_FAR = 1e6  # from here on h is 1 / (2 sqrt(pi) s) in single precision
_STEEP = 1e30
_NO_EDGE = -1e30  # of a density without one: Phi is 1, and its edge is never the nearer place
_HALF_LOG_2PI = 0.5 * math.log(2.0 * math.pi)
_MOST_FACTORS = 100  # of at most 2 each, whose product single precision holds

# h(s) = N(s) / (D(s) + s^5) to 1.3e-7 of itself for every s >= 0, fitted by linear programming.
_NUMERATOR = (6.94951531, 9.09389821, 5.60474768, 1.84463773, 0.282094823)
_DENOMINATOR = (13.8990303, 33.8712041, 35.5295896, 20.3669053, 6.53910312)


def softplus(raw: Tensor) -> Tensor:
    """Return log(1 + exp(raw)), to single precision of itself."""
    small = torch.exp(-raw.abs())
    one_more = 1.0 + small
    # What 1 + small has lost is added again: it is all there is where small is below 1e-7.
    return torch.relu(raw) + torch.log(one_more) + (small - (one_more - 1.0))


def half_erfcx(s: Tensor) -> Tensor:
    """Return h(s) = exp(s^2) erfc(s) / 2 for s >= 0, to 1e-6 of itself."""
    s = s.clamp_max(_FAR)
    above = s * _NUMERATOR[-1] + _NUMERATOR[-2]
    for coefficient in _NUMERATOR[-3::-1]:
        above = above * s + coefficient
    below = s + _DENOMINATOR[-1]
    for coefficient in _DENOMINATOR[-2::-1]:
        below = below * s + coefficient
    return above / below


def stirling(x: Tensor) -> tuple[Tensor, Tensor]:
    """Return n = x + 3 and r(x), with which log x! = x log n - n + r(x).

    By Stirling's series for n!; r is small, so that single precision holds -log p of a count.
    """
    n = x + 3.0
    inverse = 1.0 / n
    square = inverse * inverse
    series = inverse * (1.0 / 12.0 - square * (1.0 / 360.0 - square * (1.0 / 1260.0)))
    ratio = (x + 1.0) * (x + 2.0) * square
    return n, torch.log(torch.sqrt(n) / ratio) + (series + _HALF_LOG_2PI)


@dataclass(frozen=True)
class Observed:
    """What depends on the features alone, each of shape (n_own_features, n_rows).

    Attributes
    ----------
    seen : Tensor
        All features in a graph's order, log-normal ones as logarithms.
    place : Tensor
        Those with a location, relative to centre and spread.
    above : Tensor
        Distance from the least allowed value in units of the spread, for counts that of x - 1/2.
    there : Tensor
        1 where a log-normal is above its clip, else 0.
    log_unit : Tensor
        Logarithm of a log-normal's unit, x times its spread, with the normal density's norm.
    count, shifted, rest : Tensor
        Poisson counts, and what `stirling` makes of them.
    sign : Tensor
        -1 where what happened has the probability sigmoid(logit), 1 where sigmoid(-logit).
    """

    seen: Tensor
    place: Tensor
    above: Tensor
    there: Tensor
    log_unit: Tensor
    count: Tensor
    shifted: Tensor
    rest: Tensor
    sign: Tensor


def repeated(observed: Observed, n: int) -> Observed:
    """Return all rows n times, for n outputs of a decoder for each."""
    return Observed(**{name: value.repeat(1, n) for name, value in vars(observed).items()})


class GraphDensities(torch.nn.Module):
    """-log p of all features of an event, for one member.

    Parameters
    ----------
    names : sequence of str
        Density of each column, of `bycatch.learn.likelihoods.DENSITIES`.
    centre, spread : ndarray of shape (n_features,)
    smallest : float
        Least width in units of the spread.

    Attributes
    ----------
    order : list of int
        The columns in a graph's order.
    outputs : list of int
        A decoder's outputs in a graph's order: locations, widths, rates, logits. A decoder has the
        kinds by name, and of each kind all first parameters, all second ones, and so on.
    shift : ndarray of shape (n_outputs,)
        What has to be added to a decoder's outputs in that order.
    """

    columns: Tensor
    centre: Tensor
    per_spread: Tensor
    edge: Tensor
    norm_shift: Tensor
    log_unit: Tensor
    per_count: Tensor
    rate: Tensor

    def __init__(
        self,
        names: Sequence[str],
        centre: NDArray[np.floating],
        spread: NDArray[np.floating],
        smallest: float,
    ) -> None:
        super().__init__()
        self.order = sorted(range(len(names)), key=lambda column: KINDS.index(names[column]))
        counts = [list(names).count(kind) for kind in KINDS]
        self.n = dict(zip(KINDS, counts, strict=True))
        self.clipped, self.discrete = counts[0], counts[3]
        self.dense = sum(counts[:3])
        self.located = sum(counts[:4])
        self.rates = counts[4]
        self.smallest = smallest
        self.outputs = self._outputs()
        self.shift = np.zeros(len(self.outputs))
        self.shift[2 * self.located : 2 * self.located + self.rates] = RATE_SHIFT
        self._constants(
            np.asarray(centre, dtype=np.float64)[self.order],
            np.asarray(spread, dtype=np.float64)[self.order],
        )

    def _outputs(self) -> list[int]:
        first, place = {}, 0
        for kind in sorted(KINDS):
            first[kind] = place
            place += self.n[kind] * _PARAMETERS[kind]

        def take(kind: str, parameter: int) -> list[int]:
            start = first[kind] + parameter * self.n[kind]
            return list(range(start, start + self.n[kind]))

        chosen = [(kind, parameter) for parameter in (0, 1) for kind in KINDS[:4]]
        chosen += [("poisson", 0), ("clipped_log_normal", 2), ("bernoulli", 0), ("charge", 0)]
        return [output for kind, parameter in chosen for output in take(kind, parameter)]

    def _constants(self, centre: NDArray[np.float64], spread: NDArray[np.float64]) -> None:
        clipped, normal, truncated, discrete = (self.n[kind] for kind in KINDS[:4])
        number = [clipped, normal, truncated, discrete]
        edge = np.repeat([math.log(CLIP), _NO_EDGE, 0.0, 0.0], number)
        least = np.repeat([math.log(CLIP), _NO_EDGE, 0.0, -0.5], number)
        centre_, spread_ = centre[: self.located], spread[: self.located]
        unit = np.log(spread[: self.dense]) + _HALF_LOG_2PI
        constants = {
            "centre": centre_,
            "per_spread": 1.0 / spread_,
            "edge": edge,
            "norm_shift": (centre_ - least) / spread_,
            "log_unit": unit[:clipped],
            "per_count": 0.5 / spread[self.dense : self.located],
            "rate": np.maximum(centre[self.located : self.located + self.rates], 1e-3),
        }
        for name, value in constants.items():
            self.register_buffer(name, torch.from_numpy(value[:, None]).float())
        self.register_buffer("columns", torch.tensor(self.order))
        self.constant = float(unit[clipped:].sum())

    def observed(self, x: Tensor) -> Observed:
        """Return what depends on the features alone, from rows of shape (n_rows, n_features)."""
        x = x.mT.index_select(0, self.columns)
        own, rest = x[: self.clipped], x[self.located :]
        log_x = torch.log(own.clamp_min(CLIP))
        seen = torch.cat([log_x, x[self.clipped :]]) if self.clipped else x
        located = seen[: self.located]
        there = (own > CLIP).to(x.dtype)
        count, flags = rest[: self.rates], rest[self.rates :]
        shifted, small = stirling(count)
        n_flags = self.n["bernoulli"]
        signs = [2.0 * there - 1.0, 1.0 - 2.0 * flags[:n_flags], -flags[n_flags:]]
        signs = [sign for sign in signs if len(sign)]
        return Observed(
            seen=seen,
            place=(located - self.centre) * self.per_spread,
            above=(located - self.edge) * self.per_spread,
            there=there,
            log_unit=log_x + self.log_unit,
            count=count,
            shifted=shifted,
            rest=small,
            sign=torch.cat(signs) if signs else flags,
        )

    def forward(self, observed: Observed, out: Tensor) -> Tensor:
        """Return -log p, of shape (n_rows,).

        Parameters
        ----------
        observed : Observed
        out : Tensor of shape (n_outputs, n_rows)
            A decoder's outputs in the order of `outputs`, with `shift` added.
        """
        positive = self.located + self.rates
        numbers = [self.located, positive, len(out) - self.located - positive]
        location, raw, logit = torch.split(out, numbers)
        soft = softplus(raw)
        terms = []
        if self.located:
            terms += self._located(observed, location, soft[: self.located] + self.smallest)
        if self.rates:
            terms.append(self._poisson(observed, soft[self.located :]))
        if numbers[2]:
            terms += _softplus_terms(observed.sign * logit)
        return torch.cat(terms).sum(dim=0) + self.constant

    def _poisson(self, observed: Observed, soft: Tensor) -> Tensor:
        rate = (soft * self.rate).clamp_min(1e-12)
        n = observed.shifted
        return (rate - n) + observed.count * torch.log(n / rate) + observed.rest

    def _located(self, observed: Observed, location: Tensor, width: Tensor) -> list[Tensor]:
        dense, clipped = self.dense, self.clipped
        per_width = math.sqrt(0.5) / width  # so that squares are those in the exponent
        pull = (observed.place - location) * per_width
        norm = (location + self.norm_shift) * per_width
        edge = observed.above * per_width
        cdf, below, terms = self._distributions(norm, edge, pull[dense:], per_width[dense:])
        if not dense:
            return terms
        # The smaller of both distances is that from the mean where the mean is allowed, else that
        # from the edge. A power would cost three times as much as a product.
        near = torch.minimum(pull[:dense], edge[:dense])
        found = near * (near + 2.0 * below[:dense]) + torch.log(width[:dense] * cdf[:dense])
        if clipped:
            terms.append((found[:clipped] + observed.log_unit) * observed.there)
        if dense > clipped:
            terms.append(found[clipped:])
        return terms

    def _distributions(
        self, norm: Tensor, edge: Tensor, pull: Tensor, per_width: Tensor
    ) -> tuple[Tensor, Tensor, list[Tensor]]:
        """Return Phi of `norm` without its tail, how far that is below 0, and -log p of counts."""
        n = len(norm)
        far = pull.abs()
        half = per_width * self.per_count
        v = torch.cat([norm, half - far]) if self.discrete else norm
        above = torch.relu(v)
        below = above - v
        size = torch.cat([above + below, half + far]) if self.discrete else above + below
        h = half_erfcx(size)
        decay = torch.exp(-above * above)
        positive = (v * _STEEP).clamp(0.0, 1.0)
        cdf = (positive - decay * h[: len(v)]).abs()
        if not self.discrete:
            return cdf, below, []
        first = n - self.discrete  # norms of the counts' densities
        upper = decay[n:] * torch.exp(-4.0 * half * far) * h[len(v) :]
        inside = (cdf[n:] - upper).clamp_min(1e-30)
        # That of the tails' exponents: from the mean where it is allowed, else from the edge.
        near = torch.minimum(below[n:], edge[first:] + _STEEP * above[first:n])
        exponent = near * (near + 2.0 * below[first:n])
        return cdf, below, [torch.log(cdf[first:n] / inside) + exponent]


def _softplus_terms(q: Tensor) -> list[Tensor]:
    """Return terms whose sum is that of softplus(q)."""
    groups: Sequence[Tensor] = torch.split(1.0 + torch.exp(-q.abs()), _MOST_FACTORS)
    return [torch.relu(q), *(torch.log(group.prod(dim=0, keepdim=True)) for group in groups)]
