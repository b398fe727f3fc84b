"""Four-vectors as functions of arrays: pt, eta, phi, mass and the angles between them.

All functions take numpy or awkward arrays, or numbers, and return the same kind. Energies, momenta
and masses are in GeV, angles in radians.
"""

from __future__ import annotations

from typing import Any

import numpy as np

# Below any momentum that means something, and large enough that pz / _TINY stays finite.
_TINY = 1e-290


def azimuth(px: Any, py: Any) -> Any:
    """Return the azimuth in (-pi, pi]; 0 for a vector along the beam."""
    return np.arctan2(py + 0.0, px + 0.0)  # + 0.0 turns -0.0 into 0.0, whose azimuth would be pi


def pseudorapidity(px: Any, py: Any, pz: Any) -> Any:
    """Return eta = arcsinh(pz / pt).

    Parameters
    ----------
    px, py, pz : array

    Returns
    -------
    array
        0 for a vector of zeros; finite (about +-670) instead of infinite for one along the beam.
    """
    return np.arcsinh(pz / np.maximum(np.hypot(px, py), _TINY))


def rapidity(px: Any, py: Any, pz: Any, E: Any) -> Any:
    """Return the rapidity as arcsinh(pz / transverse mass), which loses no digits.

    Parameters
    ----------
    px, py, pz, E : array
        A negative mass squared counts as zero, as in FastJet.

    Returns
    -------
    array
        0 for a vector of zeros. The shift under a boost along the beam is the same for all masses,
        which is why distances between massive objects use y and not eta.
    """
    squared = np.square(px) + np.square(py)
    own = np.maximum(np.square(E) - squared - np.square(pz), 0.0)
    return np.arcsinh(pz / np.maximum(np.sqrt(squared + own), _TINY))


def mass(px: Any, py: Any, pz: Any, E: Any) -> Any:
    """Return sqrt(E^2 - p^2) as sqrt((E - p) (E + p)); 0 where rounding makes it negative."""
    momentum = np.sqrt(np.square(px) + np.square(py) + np.square(pz))
    # factored: E^2 - p^2 cancels for light particles
    return np.sqrt(np.maximum((E - momentum) * (E + momentum), 0.0))


def pt_eta_phi_mass(px: Any, py: Any, pz: Any, E: Any) -> tuple[Any, Any, Any, Any]:
    """Return transverse momentum, pseudorapidity, azimuth and mass.

    Parameters
    ----------
    px, py, pz, E : array, in GeV

    Returns
    -------
    pt : array, in GeV
    eta : array
        Finite everywhere, see `pseudorapidity`.
    phi : array, in (-pi, pi]
    mass : array, in GeV
        Never negative, see `mass`.
    """
    return np.hypot(px, py), pseudorapidity(px, py, pz), azimuth(px, py), mass(px, py, pz, E)


def cartesian(pt: Any, eta: Any, phi: Any, mass: Any) -> tuple[Any, Any, Any, Any]:
    """Return momenta and energy.

    Parameters
    ----------
    pt : array, in GeV
    eta, phi : array
    mass : array or float, in GeV

    Returns
    -------
    px, py, pz, E : array, in GeV
    """
    pz = pt * np.sinh(eta)
    energy = np.sqrt(np.square(pt) + np.square(pz) + np.square(mass))
    return pt * np.cos(phi), pt * np.sin(phi), pz, energy


def delta_phi(a: Any, b: Any) -> Any:
    """Return a - b, turned into (-pi, pi]; differences that lie there already are kept exactly.

    Parameters
    ----------
    a, b : array, in radians

    Returns
    -------
    array, in (-pi, pi]
    """
    difference = a - b
    turns = np.ceil((difference - np.pi) / (2.0 * np.pi))
    # A difference one rounding above -pi comes back one rounding above pi.
    return np.minimum(difference - 2.0 * np.pi * turns, np.pi)


def delta_r(eta_a: Any, phi_a: Any, eta_b: Any, phi_b: Any) -> Any:
    """Return the distance sqrt(delta_eta^2 + delta_phi^2).

    Parameters
    ----------
    eta_a, phi_a, eta_b, phi_b : array
        Rapidities in place of both pseudorapidities give the distance of the kT algorithms.

    Returns
    -------
    array
    """
    return np.hypot(eta_a - eta_b, delta_phi(phi_a, phi_b))


def invariant_mass(px: Any, py: Any, pz: Any, E: Any) -> Any:
    """Return the mass of the sum over the last axis.

    Parameters
    ----------
    px, py, pz, E : array of shape (..., n_particles), in GeV
        numpy (fill with zeros) or awkward (of variable length).

    Returns
    -------
    array of shape (...), in GeV
        0 for an empty sum.
    """
    total = (np.sum(component, axis=-1) for component in (px, py, pz, E))
    return mass(*total)
