"""A jet's constituents as padded rows with a mask, for deep sets and transformers.

What to use when: ``relative`` for taggers (the seven numbers of the particle transformer; angles
from the jet's axis), ``momenta`` where a network makes its own invariants.

Angles are in rapidity rather than pseudorapidity: the two are equal for particles without mass,
and only rapidity, of the constituents and of the jet alike, shifts by one number under a boost
along the beam.

References
----------
H. Qu, C. Li and S. Qian, "Particle transformer for jet tagging", arXiv:2202.03772.
"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from bycatch.errors import ConfigError, DataError, nearest
from bycatch.events.table import Events
from bycatch.kinematics.particles import Momenta, order_by, owners, pad, sum_by
from bycatch.kinematics.vectors import rapidity
from bycatch.represent.base import Representation, as_momenta, jet_momenta
from bycatch.represent.frame import standard_frame

FEATURES = {
    "relative": (
        "log_pt",
        "log_E",
        "log_pt_fraction",
        "log_E_fraction",
        "delta_y",
        "delta_phi",
        "delta_r",
    ),
    "momenta": ("px", "py", "pz", "E"),
}
"""Names of the features, by the name of the set. The jet is the sum of all its constituents."""

STANDARD_ANGLES = ("frame_x", "frame_y", "frame_r")
"""What stands in the place of delta_y, delta_phi and delta_r in the standard frame."""

Vector = NDArray[np.float64]


def constituent_features(
    constituents: Any,
    mask: NDArray[np.bool_] | None = None,
    *,
    n_max: int = 128,
    features: Literal["relative", "momenta"] = "relative",
    frame: Literal["jet", "standard"] = "jet",
) -> Representation:
    """Return the hardest constituents of each jet.

    Parameters
    ----------
    constituents : awkward array of shape (n_jets, var), or ndarray of shape (n_jets, n_max, 4)
        Records of px, py, pz and E, or these along the last axis (GeV). Constituents without
        transverse momentum do not count.
    mask : ndarray of bool of shape (n_jets, n_max), optional
        Of padded constituents: True where there is one. Without it, zeros are padding.
    n_max : int
        Constituents to keep; softer ones are left out, but count in the jet's sum.
    features : {"relative", "momenta"}
        See `FEATURES`; logarithms of GeV, or GeV.
    frame : {"jet", "standard"}
        Of the angles of ``relative``: from the jet's axis, or in the frame that jet images are
        filled in (centred, turned, mirrored; see `bycatch.represent.frame`).

    Returns
    -------
    Representation
        Values of shape (n_jets, n_max, n_features), sorted by falling pt, zero where masked.

    Raises
    ------
    ConfigError
        If n_max, the name of the set or the frame makes no sense.
    ColumnError
        If a component is missing.
    DataError
        If a component is not finite, an energy not positive, or the shape is another one.
    """
    _check(n_max, features, frame)
    flat = as_momenta(constituents, mask)
    counts = flat[4]
    # before the cut at n_max: soft constituents count in the sum that angles are relative to
    columns = _relative(flat) if features == "relative" else flat[:4]
    names = FEATURES[features]
    if frame == "standard":
        _, x, y = standard_frame(flat)
        # logarithms stay, only the angles are those of the other frame
        columns, names = (*columns[:4], x, y, np.hypot(x, y)), (*names[:4], *STANDARD_ANGLES)
    order = order_by(np.hypot(flat[0], flat[1]), counts)
    values = np.stack(columns, axis=1, dtype=np.float32)
    padded, present = pad(values if order is None else values[order], counts, n_max)
    return Representation(padded, present, names)


def represent(events: Events, **options: Any) -> Representation:
    """Return the constituents of the jets of an events file.

    Parameters
    ----------
    events : Events
        One jet per row, with columns constituent_px, _py, _pz and _E.
    **options
        Of `constituent_features`, except mask.

    Returns
    -------
    Representation

    Raises
    ------
    ColumnError, ConfigError, DataError
        As in `constituent_features`.
    """
    return constituent_features(jet_momenta(events), **options)


def _check(n_max: int, features: str, frame: str) -> None:
    if n_max < 1:
        raise ConfigError(
            f"n_max, the number of constituents to keep, must be at least 1, not {n_max}."
        )
    if features not in FEATURES:
        raise ConfigError(
            f"There are no features {features!r} of constituents; the nearest are "
            f"{nearest(features, FEATURES)}."
        )
    if frame not in {"jet", "standard"}:
        raise ConfigError(f"The frame of the angles is 'jet' or 'standard', not {frame!r}.")
    if frame == "standard" and features == "momenta":
        raise ConfigError("Momenta have no frame to be turned into; use features='relative'.")


def _relative(flat: Momenta) -> tuple[Vector, ...]:
    px, py, pz, energy, counts = flat
    wrong = int(np.count_nonzero(energy <= 0.0))
    if wrong:
        raise DataError(
            f"{wrong} of {energy.size} constituents have no positive energy, so its logarithm does "
            "not exist; remove them, or use features='momenta'."
        )
    owner = owners(counts)
    jet_x, jet_y, jet_z, jet_energy = (
        sum_by(owner, values, len(counts)) for values in (px, py, pz, energy)
    )
    pt = np.hypot(px, py)
    # A jet whose momenta cancel has no direction; the floor keeps the logarithm of its pt finite.
    jet_pt = np.maximum(np.hypot(jet_x, jet_y), np.finfo(np.float64).tiny)
    delta_y = rapidity(px, py, pz, energy) - rapidity(jet_x, jet_y, jet_z, jet_energy)[owner]
    x, y = jet_x[owner], jet_y[owner]
    # The azimuth in the frame of the jet needs no turning back into (-pi, pi].
    delta_phi = np.arctan2(py * x - px * y, px * x + py * y)
    log_pt, log_energy = np.log(pt), np.log(energy)
    return (
        log_pt,
        log_energy,
        log_pt - np.log(jet_pt)[owner],
        log_energy - np.log(np.maximum(jet_energy, np.finfo(np.float64).tiny))[owner],
        delta_y,
        delta_phi,
        np.hypot(delta_y, delta_phi),
    )
