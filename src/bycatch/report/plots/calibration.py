"""Are p-values uniform? Local significance under the null against the normal distribution."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray
from scipy.stats import beta, norm

from bycatch.report.style import BAND, INK, MUTED, PALETTE, WIDE, beside, styled

_BINS = 20


@styled
def plot_calibration(z: Mapping[str, NDArray[np.float64]], *, width: float = WIDE) -> Figure:
    """Draw quantiles of z against the normal ones, and histograms of p.

    Parameters
    ----------
    z : mapping of str to ndarray of shape (n_experiments,)
        Signed roots (or normal quantiles of p) over null pseudo-experiments, by label; NaN
        entries are left out.
    width : float
        In inches.

    Returns
    -------
    Figure
        Left: z against expected normal quantiles, with the 95 % band of each order statistic at
        the largest number of experiments. Right: p in 20 bins, relative to uniform.
    """
    curves = {label: np.sort(values[np.isfinite(values)]) for label, values in z.items()}
    most = max((values.size for values in curves.values()), default=0)
    figure, left, right = beside(width, 3.8, 6.4)
    if most:
        rank = np.arange(1, most + 1)
        expected = norm.ppf((rank - 0.5) / most)
        low = norm.ppf(beta.ppf(0.025, rank, most - rank + 1))
        high = norm.ppf(beta.ppf(0.975, rank, most - rank + 1))
        left.fill_between(expected, low, high, color=BAND, lw=0, label="95 % band", gid="band")
        left.plot(expected, expected, color=MUTED, lw=0.8)
        error = np.sqrt(_BINS / most)
        right.axhspan(1 - error, 1 + error, color=BAND, lw=0)
    right.axhline(1.0, color=MUTED, lw=0.8)
    for i, (label, values) in enumerate(curves.items()):
        colour = PALETTE[i % len(PALETTE)]
        dashes = "-" if i < len(PALETTE) else "--"
        quantile = norm.ppf((np.arange(values.size) + 0.5) / max(values.size, 1))
        left.plot(quantile, values, dashes, color=colour, lw=1.2, label=label)
        counts, edges = np.histogram(norm.sf(values), bins=_BINS, range=(0.0, 1.0))
        density = counts * (_BINS / max(values.size, 1))
        right.stairs(density, edges, color=colour, lw=1.2, ls=dashes)
    left.set_xlabel("expected normal quantile")
    left.set_ylabel("local significance under the null", color=INK)
    if curves:
        left.legend(loc="upper left", fontsize=7)
    right.set_xlabel("local p")
    right.set_ylabel("pseudo-experiments / uniform")
    right.set_xlim(0, 1)
    right.set_ylim(bottom=0)
    return figure
