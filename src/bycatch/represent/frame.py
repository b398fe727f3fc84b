"""The standard frame of a jet: centred, turned and mirrored, so that equal jets look equal.

Images are filled in this frame (`bycatch.represent.images`), and constituents may be given in it
(`bycatch.represent.constituents`, ``frame="standard"``), which spares a network to learn that a jet
may be turned about its axis and mirrored.

References
----------
T. Heimel et al., "QCD or what?", arXiv:1808.08979, section 2.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from bycatch.kinematics.particles import Momenta, owners, sum_by
from bycatch.kinematics.vectors import rapidity

# Coordinates are sums of numbers of order one; what is left of zero is rounding.
_ROUNDING = 1e-12

Vector = NDArray[np.float64]


def standard_frame(
    constituents: Momenta,
    *,
    weight: Literal["pt", "E"] = "pt",
    centre: bool = True,
    rotate: bool = True,
    flip: bool = True,
) -> tuple[Vector, Vector, Vector]:
    """Return weights and coordinates of constituents after the steps, before the grid.

    Parameters
    ----------
    constituents : Momenta
        With transverse momentum, see `bycatch.kinematics.particles.momenta`.
    weight, centre, rotate, flip
        As in `bycatch.represent.images.jet_images`.

    Returns
    -------
    weight : ndarray of shape (n_constituents,), in GeV
    x, y : ndarray of shape (n_constituents,)
        Along rapidity and azimuth (before the rotation).
    """
    px, py, pz, energy, counts = constituents
    owner = owners(counts)

    def total(values: Vector) -> Vector:
        return sum_by(owner, values, len(counts))

    w = np.hypot(px, py) if weight == "pt" else energy
    # Azimuths relative to the jet's momentum, so that no jet lies across pi.
    jet_x, jet_y = total(px)[owner], total(py)[owner]
    x, y = (
        rapidity(px, py, pz, energy),
        np.arctan2(py * jet_x - px * jet_y, px * jet_x + py * jet_y),
    )
    if centre:
        norm = positive_inverse(total(w))
        x -= (total(w * x) * norm)[owner]
        y -= (total(w * y) * norm)[owner]
    if rotate:
        wx, wy = w * x, w * y
        # half: an axis has no direction, so it repeats after half a turn
        angle = 0.5 * np.arctan2(2.0 * total(wx * y), total(wx * x) - total(wy * y))
        # The principal axis has this angle to the horizontal; turn it by the rest to the vertical.
        cosine, sine = np.cos(angle)[owner], np.sin(angle)[owner]
        x, y = sine * x - cosine * y, cosine * x + sine * y
    x[np.abs(x) < _ROUNDING] = 0.0  # the sign of rounding must not decide a flip
    y[np.abs(y) < _ROUNDING] = 0.0
    if flip:
        # to the left half; a tie stays as it is
        x *= np.where(total(w * np.sign(x)) > 0.0, -1.0, 1.0)[owner]
        y *= np.where(total(w * np.sign(y)) < 0.0, -1.0, 1.0)[owner]
    return w, x, y


def positive_inverse(values: Vector) -> Vector:
    """Return 1 / values, 0 where a value is 0."""
    return np.divide(1.0, values, out=np.zeros_like(values), where=values > 0.0)
