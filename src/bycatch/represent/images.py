"""Jet images: transverse momentum on a grid around the jet's axis.

What to use when: for convolutional networks and as the classic input of jet autoencoders; a
constituent's exact place is lost at the size of a pixel, so `constituents` keeps more.

Each jet is moved to its centroid, turned until its principal axis is vertical, flipped until its
upper and its left half hold more, and only then put on the grid. Constituents in one pixel are
added; those outside of the grid are counted and left out.

References
----------
T. Heimel et al., "QCD or what?", arXiv:1808.08979, section 2 (these steps and this grid);
M. Farina et al., "Searching for new physics with deep autoencoders", arXiv:1808.08992.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from bycatch.errors import ConfigError
from bycatch.events.table import Events
from bycatch.kinematics.particles import owners, sum_by
from bycatch.represent.base import Representation, as_momenta, jet_momenta
from bycatch.represent.frame import positive_inverse, standard_frame

SIZE = 40
"""Pixels along each side."""

HALF_WIDTH = (0.58, 0.70)
"""Half of the grid along the horizontal and the vertical: 40 pixels of 0.029 x 0.035."""

# Jets at a time: the arrays of some 100 constituents each then stay in the processor's cache.
_BLOCK = 1024

Vector = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class JetImages:
    """Images of jets and what they leave out.

    Attributes
    ----------
    pixels : ndarray of shape (n_jets, size, size), float32 or float64
        Row 0 is the lowest, column 0 the leftmost. In GeV, or without unit where normalised.
    inside : ndarray of shape (n_jets,), in GeV
        Sum of the weights on the grid, before normalisation.
    outside : ndarray of shape (n_jets,), in GeV
        Sum of the weights outside of the grid.
    n_outside : ndarray of int64 of shape (n_jets,)
        Constituents outside of the grid.
    """

    pixels: NDArray[np.floating]
    inside: Vector
    outside: Vector
    n_outside: NDArray[np.int64]


def jet_images(
    constituents: Any,
    mask: NDArray[np.bool_] | None = None,
    *,
    size: int = SIZE,
    half_width: tuple[float, float] = HALF_WIDTH,
    weight: Literal["pt", "E"] = "pt",
    centre: bool = True,
    rotate: bool = True,
    flip: bool = True,
    normalise: bool = True,
    power: float = 1.0,
    smear: float = 0.0,
    dtype: type[np.floating] = np.float32,
) -> JetImages:
    """Make the images of jets.

    Parameters
    ----------
    constituents : awkward array of shape (n_jets, var), or ndarray of shape (n_jets, n_max, 4)
        Records of px, py, pz and E, or these along the last axis (GeV). Constituents without
        transverse momentum do not count.
    mask : ndarray of bool of shape (n_jets, n_max), optional
        Of padded constituents: True where there is one. Without it, zeros are padding.
    size : int
        Pixels along each side.
    half_width : tuple of float
        Half of the grid, horizontal (rapidity) and vertical (azimuth).
    weight : {"pt", "E"}
        What pixels add up, and what the centroid, the axis and the flips are weighted with.
    centre, rotate, flip : bool
        Steps, each of which can be left out. Without `centre` the origin is the azimuth of the
        jet's momentum and rapidity zero.
    normalise : bool
        Divide each image by its sum; an image without any energy stays zero.
    power : float
        Exponent of the pixels; below 1 it brings out soft ones.
    smear : float
        Standard deviation, in pixels, of a Gaussian that the pixels, after the exponent, are
        smeared with; what it carries over the edge is lost before the image is normalised.
    dtype : type
        Of the pixels. In float64 their sum is the sum of the weights inside.

    Returns
    -------
    JetImages

    Raises
    ------
    ConfigError
        If the size, the width or the weight makes no sense.
    ColumnError
        If a component is missing.
    DataError
        If a component is not finite or the shape is another one.
    """
    _check(size, half_width, weight)
    check_reweighting(power, smear)
    flat = as_momenta(constituents, mask)
    counts = flat[4]
    n_jets = len(counts)
    out = JetImages(
        np.zeros((n_jets, size, size), dtype=dtype),
        np.zeros(n_jets),
        np.zeros(n_jets),
        np.zeros(n_jets, dtype=np.int64),
    )
    ends = np.concatenate([[0], np.cumsum(counts)])  # where each jet begins in the flat arrays
    for first in range(0, n_jets, _BLOCK):
        rows = slice(first, min(first + _BLOCK, n_jets))
        some = slice(ends[rows.start], ends[rows.stop])
        block = (flat[0][some], flat[1][some], flat[2][some], flat[3][some], counts[rows])
        values, x, y = standard_frame(block, weight=weight, centre=centre, rotate=rotate, flip=flip)
        _fill(out, rows, (values, x, y), half_width, normalise, counts[rows])
        if power != 1.0 or smear > 0.0:
            out.pixels[rows] = reweighted(out.pixels[rows], power, smear, normalise=normalise)
    return out


def reweighted(
    pixels: NDArray[np.floating], power: float, smear: float, *, normalise: bool = True
) -> NDArray[np.floating]:
    """Raise pixels to a power and smear them, since autoencoders are not invariant to either.

    Parameters
    ----------
    pixels : ndarray of shape (n_images, size, size)
        Not negative.
    power : float
        Positive.
    smear : float
        Standard deviation of the Gaussian in pixels, cut off at four of them.
    normalise : bool
        Divide each image by its sum again.

    Returns
    -------
    ndarray of shape (n_images, size, size)

    Raises
    ------
    ConfigError
        If the power or the width makes no sense.

    References
    ----------
    .. [1] Dillon et al., "A normalized autoencoder for LHC triggers", arXiv:2206.14225.
    """
    check_reweighting(power, smear)
    result = np.asarray(pixels, dtype=np.float64) ** power
    if smear > 0.0:
        # one jet at a time: the first axis is not smeared
        result = gaussian_filter(result, (0.0, smear, smear), mode="constant")
    if normalise:
        # smearing carries energy over the edge, so the sum has changed
        result *= positive_inverse(result.sum(axis=(1, 2)))[:, None, None]
    return result.astype(pixels.dtype)


def check_reweighting(power: float, smear: float) -> None:
    """Refuse an exponent or a width of pixels that makes no sense (ConfigError)."""
    if not 0.0 < power < np.inf:
        raise ConfigError(f"The power of the pixels must be positive, but it is {power}.")
    if not 0.0 <= smear < np.inf:
        raise ConfigError(f"The smearing of the pixels must not be negative, but it is {smear}.")


def represent(events: Events, **options: Any) -> Representation:
    """Return the images of the jets of an events file.

    Parameters
    ----------
    events : Events
        One jet per row, with columns constituent_px, _py, _pz and _E.
    **options
        Of `jet_images`, except mask and dtype.

    Returns
    -------
    Representation
        Values of shape (n_jets, size, size), no mask.

    Raises
    ------
    ColumnError, ConfigError, DataError
        As in `jet_images`.
    """
    images = jet_images(jet_momenta(events), **options)
    return Representation(images.pixels.astype(np.float32, copy=False), None, ("y", "x"))


def _fill(
    out: JetImages,
    rows: slice,
    frame: tuple[Vector, Vector, Vector],
    half_width: tuple[float, float],
    normalise: bool,
    counts: NDArray[np.int64],
) -> None:
    """Add the constituents of some jets into their pixels."""
    w, x, y = frame
    n_jets, size = rows.stop - rows.start, out.pixels.shape[1]
    owner = owners(counts)
    column = np.floor((x + half_width[0]) * (size / (2.0 * half_width[0])))
    row = np.floor((y + half_width[1]) * (size / (2.0 * half_width[1])))
    inside = (column >= 0) & (column < size) & (row >= 0) & (row < size)
    pixel = (owner * size + row.astype(np.int64)) * size + column.astype(np.int64)
    shape = (n_jets, size, size)
    pixels = sum_by(pixel[inside], w[inside], n_jets * size * size).reshape(shape)
    beyond = np.where(inside, 0.0, w)
    out.outside[rows] = sum_by(owner, beyond, n_jets)
    out.inside[rows] = sum_by(owner, w - beyond, n_jets)
    out.n_outside[rows] = sum_by(owner, ~inside, n_jets).astype(np.int64)
    if normalise:
        pixels *= positive_inverse(pixels.sum(axis=(1, 2)))[:, None, None]
    out.pixels[rows] = pixels


def _check(size: int, half_width: tuple[float, float], weight: str) -> None:
    if size < 1:
        raise ConfigError(f"An image needs at least 1 pixel along each side, but size is {size}.")
    if len(half_width) != 2 or not all(0.0 < half < np.inf for half in half_width):
        raise ConfigError(f"half_width needs two positive numbers, but it is {half_width}.")
    if weight not in {"pt", "E"}:
        raise ConfigError(f"The weight of a pixel is 'pt' or 'E', not {weight!r}.")
