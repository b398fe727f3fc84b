"""N-subjettiness bases: a jet as the numbers that span its M-body phase space.

What to use when: for dense networks and trees, and wherever every input should have a meaning. The
basis of M bodies has 3 M - 4 numbers; beyond M of about 5 a tagger of tops hardly gains.

References
----------
K. Datta and A. Larkoski, "How much information is in a jet?", arXiv:1704.08249, section 2.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from bycatch.errors import ConfigError
from bycatch.events.table import Events
from bycatch.kinematics.nsubjettiness import nsubjettiness_betas
from bycatch.kinematics.particles import Momenta, owners, sum_by
from bycatch.kinematics.vectors import mass
from bycatch.represent.base import Representation, as_momenta, jet_momenta

BETAS = (0.5, 1.0, 2.0)
"""Exponents of the angle; three of them per number of axes span phase space."""


def basis_names(n_bodies: int, *, full: bool = False) -> tuple[str, ...]:
    """Return the names of the basis, in its order.

    Parameters
    ----------
    n_bodies : int
        M, at least 2.
    full : bool
        All three exponents for each of the M - 1 numbers of axes, instead of only beta = 1 and 2
        for the last.

    Returns
    -------
    tuple of str
        tau1_beta05, tau1_beta1, tau1_beta2, tau2_beta05, ...; 3 M - 4 of them, or 3 M - 3.

    Raises
    ------
    ConfigError
        If n_bodies is below 2.
    """
    return tuple(
        f"tau{n}_beta{beta:g}".replace(".", "") for n, beta in _elements(n_bodies, full=full)
    )


def subjettiness_basis(
    constituents: Any,
    mask: NDArray[np.bool_] | None = None,
    *,
    n_bodies: int = 6,
    axes: str = "kt",
    radius: float | None = None,
    full: bool = False,
    jet: bool = False,
) -> Representation:
    """Return the N-subjettiness basis of M-body phase space.

    Parameters
    ----------
    constituents : awkward array of shape (n_jets, var), or ndarray of shape (n_jets, n_max, 4)
        Records of px, py, pz and E, or these along the last axis (GeV).
    mask : ndarray of bool of shape (n_jets, n_max), optional
        Of padded constituents: True where there is one. Without it, zeros are padding.
    n_bodies : int
        M: tau_N for N up to M - 1, so M = 10 for N to 9.
    axes, radius
        As in `bycatch.kinematics.nsubjettiness.nsubjettiness`.
    full : bool
        See `basis_names`.
    jet : bool
        Append the jet's pt and mass (GeV), of the sum of its constituents: tau has no scale.

    Returns
    -------
    Representation
        Values of shape (n_jets, n_names), no mask: tau_N is 0 where a jet has at most N
        constituents.

    Raises
    ------
    ConfigError
        If n_bodies, the axes or the radius make no sense.
    ColumnError
        If a component is missing.
    DataError
        If a component is not finite or the shape is another one.
    InputError
        If FastJet is not installed.
    """
    elements = _elements(n_bodies, full=full)
    names = basis_names(n_bodies, full=full)
    flat = as_momenta(constituents, mask)
    taus = nsubjettiness_betas(flat, n_bodies - 1, BETAS, axes, radius)
    columns = [taus[BETAS.index(beta), :, n - 1] for n, beta in elements]
    if jet:
        columns += _jet(flat)
        names = (*names, "jet_pt", "jet_mass")
    return Representation(np.stack(columns, axis=1, dtype=np.float32), None, names)


def represent(events: Events, **options: Any) -> Representation:
    """Return the N-subjettiness basis of the jets of an events file.

    Parameters
    ----------
    events : Events
        One jet per row, with columns constituent_px, _py, _pz and _E.
    **options
        Of `subjettiness_basis`, except mask.

    Returns
    -------
    Representation

    Raises
    ------
    ColumnError, ConfigError, DataError, InputError
        As in `subjettiness_basis`.
    """
    return subjettiness_basis(jet_momenta(events), **options)


def _elements(n_bodies: int, *, full: bool) -> list[tuple[int, float]]:
    if n_bodies < 2:
        raise ConfigError(
            f"n_bodies, the M of M-body phase space, must be at least 2, not {n_bodies}."
        )
    elements = [(n, beta) for n in range(1, n_bodies) for beta in BETAS]
    return elements if full else [pair for pair in elements if pair != (n_bodies - 1, BETAS[0])]


def _jet(flat: Momenta) -> list[NDArray[np.float64]]:
    owner = owners(flat[4])
    px, py, pz, energy = (sum_by(owner, values, len(flat[4])) for values in flat[:4])
    return [np.hypot(px, py), np.asarray(mass(px, py, pz, energy))]
