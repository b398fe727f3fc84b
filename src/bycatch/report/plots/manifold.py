"""The energy on a decoder's manifold: where on the sphere an autoencoder gives back what it makes.

What to use when: to see what a normalized autoencoder has learned. Before its energy training the
whole sphere has low energies; afterwards only the places where data are encoded should have.
"""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from bycatch.report.style import INK, WIDE, new_figure, styled


@styled
def plot_manifold(
    longitude: NDArray[np.float64],
    latitude: NDArray[np.float64],
    energy: NDArray[np.float64],
    points: NDArray[np.float64] | None = None,
    *,
    label: str = "E / T",
    width: float = WIDE,
) -> Figure:
    """Draw energies on a sphere in Mollweide's projection, which keeps areas.

    Parameters
    ----------
    longitude : ndarray of shape (n_longitudes + 1,), in radians
        Edges of the cells, from -pi to pi.
    latitude : ndarray of shape (n_latitudes + 1,), in radians
        Edges of the cells, from -pi/2 to pi/2.
    energy : ndarray of shape (n_latitudes, n_longitudes)
        In the cells; colours are those of log(1 + energy).
    points : ndarray of shape (n_points, 3), optional
        Where events are encoded: vectors whose directions count.
    label : str
        Of the colours.
    width : float
        In inches.

    Returns
    -------
    matplotlib.figure.Figure
    """
    figure = new_figure(width, 0.6 * width)
    axes = figure.add_subplot(projection="mollweide")
    cells = axes.pcolormesh(
        longitude, latitude, np.log1p(energy), cmap="viridis", shading="flat", rasterized=True
    )
    if points is not None:
        x, y, z = np.asarray(points, dtype=np.float64).T
        axes.plot(np.arctan2(y, x), np.arctan2(z, np.hypot(x, y)), ".", ms=2, color=INK, alpha=0.5)
    axes.grid(False)
    axes.set_xticklabels([])
    axes.set_yticklabels([])
    bar = figure.colorbar(cells, ax=axes, orientation="horizontal", shrink=0.6)
    bar.set_label(f"log(1 + {label})")
    return figure
