"""Toys of the whole procedure: in each, every look gets what the data get.

A toy draws the spectra of all looks together (`bycatch.statistics.significance.overlaps`). Then
each look's order is chosen anew with its window masked, its background is refitted and its excess
tested with the look's own systematic. The largest r over the looks is the toy's answer; the same
maximum over the data is compared with it (`bycatch.statistics.significance.global_p`). Toys come
in blocks, each with a stream of its own, so that they are the same on any number of workers and
can be continued.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bycatch.statistics.fits.order import planned_orders
from bycatch.statistics.plan import BackgroundPlan
from bycatch.statistics.significance.local import window_bins, window_excess
from bycatch.statistics.significance.patterns import Patterns
from bycatch.tasks.random import stream

Floats = NDArray[np.float64]

BLOCK = 250
"""Toys per block; part of what names a toy, so never a matter of the machine."""
MOST_FAILED = 0.01
"""Share of failed fits in a look above which the message says so."""


@dataclass(frozen=True)
class ToyBlock:
    """Signed roots of a block of toys.

    Attributes
    ----------
    r : ndarray of shape (n_toys, n_looks)
        NaN where a fit failed.
    converged : ndarray of bool, of shape (n_toys, n_looks)
    """

    r: Floats
    converged: NDArray[np.bool_]


@dataclass(frozen=True)
class ToyMaxima:
    """What the global p-value needs of all toys.

    Attributes
    ----------
    maxima : ndarray of shape (n_toys,)
        Largest r over the looks with a fit, as in the data; -inf where none has one.
    look : ndarray of int, of shape (n_toys,)
        Which look that was.
    failed : ndarray of shape (n_looks,)
        Fraction of the toys whose fit failed.
    message : str
        ``""``, or which looks failed in more than 1 % of the toys.
    """

    maxima: Floats
    look: NDArray[np.int64]
    failed: Floats
    message: str


def toy_block(
    patterns: Patterns,
    background: BackgroundPlan,
    systematics: Sequence[float] | Floats,
    rng: np.random.Generator,
    n_toys: int,
) -> ToyBlock:
    """Draw toys and fit every look in each of them.

    Parameters
    ----------
    patterns : Patterns
    background : BackgroundPlan
        Family and order, as for the data.
    systematics : array_like of shape (n_looks,)
        Spurious signal of each look in the data, in (effective) events.
    rng : numpy.random.Generator
    n_toys : int

    Returns
    -------
    ToyBlock
    """
    counts = patterns.draw(rng, n_toys)
    smooth = background.on(patterns.edges)
    r = np.full((n_toys, patterns.n_looks), np.nan)
    for i, ends in enumerate(patterns.windows):
        window = (float(ends[0]), float(ends[1]))
        spectra = np.ascontiguousarray(counts[:, i])
        orders = planned_orders(spectra, smooth, window_bins(smooth.edges, window))
        local = window_excess(spectra, smooth, window, orders, float(systematics[i]))
        # a failed fit is no look, in toys as in the data
        r[:, i] = np.where(local.converged, local.r, np.nan)
    return ToyBlock(r, ~np.isnan(r))


def block_sizes(n_toys: int) -> list[int]:
    """Return the numbers of toys of the blocks that make up `n_toys`."""
    full, rest = divmod(n_toys, BLOCK)
    return [BLOCK] * full + ([rest] if rest else [])


def toy_task(
    patterns: dict[str, NDArray[Any]],
    background: BackgroundPlan,
    systematics: Floats,
    seed: int,
    block: int,
    n_toys: int,
) -> Floats:
    """Compute one block by its index: a task of the pool.

    Parameters
    ----------
    patterns : dict of ndarray
        `Patterns.to_arrays`.
    background : BackgroundPlan
    systematics : ndarray of shape (n_looks,)
    seed : int
        The run's seed.
    block : int
        Index of the block, which names its stream.
    n_toys : int
        Toys in the block.

    Returns
    -------
    ndarray of shape (n_toys, n_looks)
        r, NaN where a fit failed.
    """
    rng = stream(seed, "toys", block)
    return toy_block(Patterns.from_arrays(patterns), background, systematics, rng, n_toys).r


def merge_blocks(blocks: Sequence[Floats], names: Sequence[str] = ()) -> ToyMaxima:
    """Put blocks together and take each toy's largest r.

    Parameters
    ----------
    blocks : sequence of ndarray of shape (n_toys, n_looks)
        r, in the order of the blocks.
    names : sequence of str, optional
        Names of the looks for the message.

    Returns
    -------
    ToyMaxima
    """
    r = np.concatenate(blocks)
    failed = np.isnan(r)
    filled = np.where(failed, -np.inf, r)  # -inf never wins the maximum; NaN would win all
    share = failed.mean(axis=0)
    bad = np.flatnonzero(share > MOST_FAILED)
    listed = ", ".join(
        f"{names[i] if names else f'look {i}'} ({share[i]:.1%})"
        for i in bad[np.argsort(-share[bad])]
    )
    message = ""
    if bad.size:
        message = (
            f"In the toys, fits failed in {bad.size} of {share.size} looks more often than in "
            f"{MOST_FAILED:.0%}: {listed}. A look without a fit counts as none, in toys as in data."
        )
    return ToyMaxima(filled.max(axis=1), filled.argmax(axis=1), share, message)
