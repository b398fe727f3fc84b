"""N-subjettiness: how well N axes describe a jet.

tau_N^beta = sum_i pt_i min_k (Delta R_ik)^beta / (sum_i pt_i R0^beta), with axes from exclusive
clustering; Delta R in rapidity and azimuth. One clustering per jet serves all N and all beta.

What to use when: winner-takes-all axes (``wta_kt``) for beta = 1, whose minimum they nearly reach;
E-scheme axes (``kt``) for beta = 2 (and as the classic choice). Neither is minimised further.

References
----------
J. Thaler and K. Van Tilburg, "Identifying boosted objects with N-subjettiness", arXiv:1011.2268,
section 2; "Maximizing boosted top identification by minimizing N-subjettiness", arXiv:1108.2701;
A. Larkoski, D. Neill and J. Thaler, "Jet shapes with the broadening axis", arXiv:1401.2158 (WTA).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bycatch.errors import ConfigError, nearest
from bycatch.kinematics._fastjet import quiet, sequence
from bycatch.kinematics.clustering import jet_definition
from bycatch.kinematics.particles import Momenta, momenta, owners, sum_by
from bycatch.kinematics.vectors import azimuth, rapidity

AXES = {"kt": "E", "wta_kt": "WTA_pt"}
"""Recombination scheme of each kind of axes."""

# Jets at a time: the arrays of some 100 constituents each then stay in the processor's cache.
_BLOCK = 512

# Square of the distance between a constituent and the axis along it, which a small exponent beta
# would make a large number of.
_ROUNDING = 1e-26


def nsubjettiness(
    constituents: Any,
    n_max: int,
    beta: float = 1.0,
    axes: str = "kt",
    radius: float | None = None,
) -> NDArray[np.float64]:
    """Return tau_1 to tau_n_max of each jet for one exponent.

    Parameters
    ----------
    constituents : awkward array of shape (n_jets, var)
        Records with px, py, pz and E, in GeV; or `bycatch.kinematics.particles.Momenta`.
    n_max : int
        Largest number of axes.
    beta : float
        Exponent of the angle, positive.
    axes : str
        ``kt`` or ``wta_kt``, see `AXES`.
    radius : float, optional
        R0: tau is divided by R0^beta. Without it tau has no such factor.

    Returns
    -------
    ndarray of shape (n_jets, n_max)
        Without unit. 0 where the jet has at most N constituents, or none at all.

    Raises
    ------
    ConfigError
        If n_max, beta, the radius or the name of the axes makes no sense.
    ColumnError
        If a component is missing.
    DataError
        If a component is not finite.
    InputError
        If FastJet is not installed.
    """
    taus = nsubjettiness_betas(constituents, n_max, (beta,), axes, radius)
    return np.asarray(taus[0])


def nsubjettiness_betas(
    constituents: Any,
    n_max: int,
    betas: Sequence[float],
    axes: str = "kt",
    radius: float | None = None,
) -> NDArray[np.float64]:
    """Return tau_1 to tau_n_max of each jet for several exponents that share the axes.

    Parameters
    ----------
    constituents, n_max, axes, radius
        As in `nsubjettiness`.
    betas : sequence of float
        Exponents, each positive.

    Returns
    -------
    ndarray of shape (n_betas, n_jets, n_max)

    Raises
    ------
    ConfigError, ColumnError, DataError, InputError
        As in `nsubjettiness`.
    """
    _check(n_max, betas, radius)
    scale = 1.0 if radius is None else radius
    flat = constituents if isinstance(constituents, tuple) else momenta(constituents)
    out = np.zeros((len(betas), len(flat[4]), n_max))
    for rows, block in _blocks(flat):
        out[:, rows] = _taus(block, _axes(block, n_max, axes), betas)
    return out / np.power(scale, betas)[:, None, None]


def subjet_axes(constituents: Any, n_max: int, axes: str = "kt") -> list[NDArray[np.float64]]:
    """Return the axes of exclusive clustering into 1 to n_max subjets.

    Parameters
    ----------
    constituents, n_max, axes
        As in `nsubjettiness`.

    Returns
    -------
    list of ndarray of shape (n_jets, N, 2), for N = 1 to n_max
        Rapidity and azimuth; infinite where a jet has fewer than N constituents.

    Raises
    ------
    ConfigError, ColumnError, DataError, InputError
        As in `nsubjettiness`.
    """
    _check(n_max, (), None)
    blocks = [_axes(block, n_max, axes) for _, block in _blocks(momenta(constituents))]
    return [np.concatenate(parts) for parts in zip(*blocks, strict=True)]


def _blocks(flat: Momenta) -> Iterator[tuple[slice, Momenta]]:
    """Yield some jets at a time; one block without any where there are none."""
    px, py, pz, energy, counts = flat
    ends = np.concatenate([[0], np.cumsum(counts)])
    for first in range(0, max(len(counts), 1), _BLOCK):
        rows = slice(first, min(first + _BLOCK, len(counts)))
        some = slice(ends[rows.start], ends[rows.stop])
        yield rows, (px[some], py[some], pz[some], energy[some], counts[rows])


def _check(n_max: int, betas: Sequence[float], radius: float | None) -> None:
    if n_max < 1:
        raise ConfigError(
            f"n_max, the largest number of axes, must be at least 1, but it is {n_max}."
        )
    if radius is not None and not 0.0 < radius < np.inf:
        raise ConfigError(f"The radius R0 must be positive and finite, but it is {radius:g}.")
    for beta in betas:
        if not 0.0 < beta < np.inf:
            raise ConfigError(f"The exponent beta must be positive and finite, but it is {beta:g}.")


def _axes(flat: Momenta, n_max: int, axes: str) -> list[NDArray[np.float64]]:
    """Cluster each jet once and read off all its exclusive subjets."""
    if axes not in AXES:
        raise ConfigError(f"There are no axes {axes!r}; the nearest are {nearest(axes, AXES)}.")
    # With a radius far beyond the jet nothing is left to the beam: all steps merge two subjets.
    history = sequence(flat, jet_definition("kt", 1000.0, AXES[axes]))
    out = []
    for n in range(1, n_max + 1):
        with quiet():
            subjets = history.exclusive_jets_up_to(n)
        offsets = subjets.layout.offsets.data
        content = subjets.layout.content
        px, py, pz, energy = (content.content(name).data for name in ("px", "py", "pz", "E"))
        # a jet with fewer subjets has axes infinitely far away
        filled = np.full((len(subjets), n, 2), np.inf)
        present = np.arange(n) < np.diff(offsets)[:, None]
        filled[present] = np.stack([rapidity(px, py, pz, energy), azimuth(px, py)], axis=-1)
        out.append(filled)
    return out


def _taus(
    flat: Momenta,
    axes: list[NDArray[np.float64]],
    betas: Sequence[float],
) -> NDArray[np.float64]:
    """Return tau without the radius, of shape (n_betas, n_jets, n_max)."""
    px, py, pz, energy, counts = flat
    pt, y, phi = np.hypot(px, py), rapidity(px, py, pz, energy), azimuth(px, py)
    owner = owners(counts)
    total = sum_by(owner, pt, len(counts))
    out = np.zeros((len(betas), len(counts), len(axes)))
    for index, some in enumerate(axes):
        squared = np.full(len(pt), np.inf)  # the nearest axis counts
        for k in range(index + 1):
            np.minimum(squared, _squared(y, phi, some[:, k], counts), out=squared)
        # With an axis on each constituent tau is zero by definition, not by rounding.
        spread = counts > index + 1
        squared[(squared < _ROUNDING) | ~np.repeat(spread, counts)] = 0.0
        for position, beta in enumerate(betas):
            out[position, :, index] = sum_by(owner, pt * _power(squared, beta), len(counts))
    return np.asarray(out / np.where(total > 0.0, total, 1.0)[:, None])


def _squared(
    y: NDArray[np.float64],
    phi: NDArray[np.float64],
    axis: NDArray[np.float64],
    counts: NDArray[np.int64],
) -> NDArray[np.float64]:
    """Return the squared distance of each constituent from one axis of its jet."""
    # the shorter way round: azimuths are periodic
    across = np.abs(phi - np.repeat(axis[:, 1], counts))
    np.minimum(across, 2.0 * np.pi - across, out=across)
    along = y - np.repeat(axis[:, 0], counts)
    return np.asarray(across * across + along * along)


def _power(squared: NDArray[np.float64], beta: float) -> NDArray[np.float64]:
    """Return squared^(beta / 2); roots are ten times faster than the general power."""
    if beta == 2.0:
        return squared
    if beta == 1.0:
        return np.sqrt(squared)
    if beta == 0.5:
        return np.sqrt(np.sqrt(squared))
    return np.asarray(squared ** (0.5 * beta))
