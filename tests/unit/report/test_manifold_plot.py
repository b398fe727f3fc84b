"""The picture of the energy on the sphere."""

from __future__ import annotations

import numpy as np
from numpy.testing import assert_allclose

from bycatch.report.plots.manifold import plot_manifold


def test_cells_and_points_are_where_they_should_be() -> None:
    longitude = np.linspace(-np.pi, np.pi, 13)
    latitude = np.linspace(-0.5 * np.pi, 0.5 * np.pi, 7)
    energy = np.arange(72.0).reshape(6, 12)
    points = np.array([[2.0, 0.0, 0.0], [0.0, 0.0, 3.0], [0.0, 1.0, 0.0]])
    figure = plot_manifold(longitude, latitude, energy, points)
    axes = figure.axes[0]
    assert_allclose(np.asarray(axes.collections[0].get_array()).ravel(), np.log1p(energy).ravel())
    found = axes.lines[0].get_xydata()
    assert_allclose(found, [[0.0, 0.0], [0.0, 0.5 * np.pi], [0.5 * np.pi, 0.0]], atol=1e-12)
    figure.canvas.draw()
