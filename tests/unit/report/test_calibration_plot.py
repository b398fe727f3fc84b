"""The picture of a validation."""

from __future__ import annotations

import numpy as np
import pytest

from bycatch.report.plots.calibration import plot_calibration


@pytest.mark.parametrize("width", [8.6, 3.9])
def test_draws_a_curve_per_look_and_leaves_failures_out(width):
    rng = np.random.default_rng(1)
    z = {f"look {i}": rng.standard_normal(200) for i in range(7)}
    z["look 0"][:5] = np.nan
    figure = plot_calibration(z, width=width)
    left, right = figure.axes
    assert len(left.get_lines()) == 8
    assert left.get_lines()[1].get_xdata().size == 195
    assert right.get_xlim() == (0.0, 1.0)


def test_draws_nothing_from_nothing():
    assert len(plot_calibration({}).axes) == 2
