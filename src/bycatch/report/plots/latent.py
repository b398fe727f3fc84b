"""A latent space on one figure: where classes lie, its spectrum, and what its clusters hold."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Ellipse
from numpy.typing import NDArray

from bycatch.evaluate.clusters import Clusters
from bycatch.evaluate.latent import LatentView
from bycatch.report.numbers import number, with_error
from bycatch.report.style import (
    BAND,
    INK,
    MUTED,
    PALETTE,
    TEMPLATE,
    WIDE,
    colours,
    new_figure,
    plain,
    roomy,
    styled,
)

_POINTS = 3000
"""Events that are drawn at most, the same fraction of each class."""
_CLASSES = 6
"""Classes that have a colour of their own, the most frequent ones."""


@styled
def plot_latent(
    view: LatentView,
    latent: NDArray[np.floating],
    label: NDArray[np.generic] | None = None,
    *,
    width: float = WIDE,
) -> Figure:
    """Draw a latent space.

    Parameters
    ----------
    view : LatentView
        Of these coordinates.
    latent : ndarray of shape (n_rows, n_latent)
    label : ndarray of shape (n_rows,), optional
        Classes.
    width : float
        In inches.

    Returns
    -------
    matplotlib.figure.Figure
        Events along the two leading principal components, with the 68 % ellipses of the clusters;
        the spectrum; and the BIC, where there are clusters.
    """
    z = np.asarray(latent, dtype=np.float64)
    side = roomy(width)
    panels = 2 if view.clusters is None else 3
    figure = new_figure(width, 3.4 if side else 2.9 * panels)
    axes = np.ravel(
        figure.subplots(1, panels, width_ratios=(1.6, 1.0, 1.0)[:panels])
        if side
        else figure.subplots(panels, 1)
    )
    mean, components = _principal(z)
    _events(axes[0], (z - mean) @ components, label)
    if view.clusters is not None:
        _ellipses(axes[0], view.clusters, mean, components)
        _bic(axes[2], view.clusters)
    _spectrum(axes[1], view)
    return figure


def _principal(z: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the mean, and the two leading components as columns (one of zeros where k is 1)."""
    mean = z.mean(axis=0)
    _, vectors = np.linalg.eigh(np.cov(z.T).reshape(z.shape[1], z.shape[1]))
    two = vectors[:, ::-1][:, :2]
    return mean, two if two.shape[1] == 2 else np.column_stack([two, np.zeros(len(two))])


def _events(axes: Axes, points: NDArray[np.float64], label: NDArray[np.generic] | None) -> None:
    step = max(1, len(points) // _POINTS)
    if label is None:
        axes.plot(*points[::step].T, ".", ms=2, color=PALETTE[0], alpha=0.5, rasterized=True)
    else:
        names, counts = np.unique(np.asarray(label).astype(str), return_counts=True)
        order = [str(name) for name in names[np.argsort(-counts, kind="stable")]]
        colour = colours(order[:_CLASSES])
        for name in order:
            rows = np.flatnonzero(np.asarray(label).astype(str) == name)[::step]
            known = name in colour
            axes.plot(
                *points[rows].T,
                ".",
                ms=2,
                color=colour.get(name, TEMPLATE),
                alpha=0.6,
                rasterized=True,
                label=plain(name, 16) if known else None,
                zorder=2 if known else 1,
            )
        axes.legend(markerscale=4, fontsize=8, loc="best")
    axes.set_xlabel("first principal component")
    axes.set_ylabel("second")


def _ellipses(
    axes: Axes,
    clusters: Clusters,
    mean: NDArray[np.float64],
    components: NDArray[np.float64],
) -> None:
    """Draw the curve that holds 68 % of a Gaussian in two dimensions."""
    radius = np.sqrt(-2.0 * np.log(1.0 - 0.6827))
    for centre, covariance in zip(clusters.means, clusters.covariances, strict=True):
        flat = components.T @ np.asarray(covariance) @ components
        values, vectors = np.linalg.eigh(flat)
        lengths = 2.0 * radius * np.sqrt(np.maximum(values, 0.0))
        x, y = (np.asarray(centre) - mean) @ components
        angle = float(np.degrees(np.arctan2(vectors[1, 1], vectors[0, 1])))
        axes.add_patch(
            Ellipse(
                (float(x), float(y)),
                float(lengths[1]),
                float(lengths[0]),
                angle=angle,
                fill=False,
                ec=INK,
                lw=1.1,
                zorder=4,
            )
        )


def _spectrum(axes: Axes, view: LatentView) -> None:
    place = np.arange(1, view.n_latent + 1)
    axes.bar(place, view.spectrum, yerr=view.spectrum_error, color=BAND, ecolor=MUTED, width=0.8)
    axes.plot(place, np.cumsum(view.spectrum), ".-", color=PALETTE[0], ms=4, lw=1)
    axes.set_ylim(0.0, 1.12)
    axes.set_xlabel("principal component")
    axes.set_ylabel("fraction of variance")
    rank = with_error(view.effective_rank.value, view.effective_rank.error)
    text = f"effective rank {rank}\nof {view.n_latent}, reduction {number(view.reduction)}"
    axes.text(
        0.96, 0.5, text, transform=axes.transAxes, ha="right", va="center", fontsize=8, color=INK
    )
    if view.n_latent < 10:
        axes.set_xticks(place)
        axes.minorticks_off()


def _bic(axes: Axes, clusters: Clusters) -> None:
    bic = np.asarray(clusters.bic) - min(clusters.bic)
    place = np.arange(1, bic.size + 1)
    axes.plot(place, bic, "o-", color=PALETTE[0], ms=4, lw=1)
    axes.plot([clusters.n_clusters], [0.0], "o", color=PALETTE[1], ms=7, gid="chosen")
    axes.set_xticks(place)
    axes.minorticks_off()
    axes.set_xlabel("clusters")
    axes.set_ylabel("BIC above the lowest")
    if clusters.purity is not None and clusters.mutual_information is not None:
        pure = with_error(clusters.purity.value, clusters.purity.error)
        shared = with_error(clusters.mutual_information.value, clusters.mutual_information.error)
        text = f"purity {pure}\n(by chance {number(clusters.purity_by_chance)})\nNMI {shared}"
        axes.text(
            0.96, 0.95, text, transform=axes.transAxes, ha="right", va="top", fontsize=8, color=INK
        )
