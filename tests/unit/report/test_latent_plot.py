"""The figures of latent spaces and of compared scores show what they are given."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.patches import Ellipse, Rectangle

from bycatch.evaluate.improvement import Improvement
from bycatch.evaluate.latent import latent_view
from bycatch.evaluate.score_comparison import Comparison, Summary, compare_scores
from bycatch.report.plots.latent import plot_latent
from bycatch.report.plots.score_comparison import MOST, plot_score_boxes, plot_score_map
from bycatch.report.style import NARROW, WIDE, figure_bytes


def latent(n_latent: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(1)
    label = rng.integers(0, 2, 600)
    centre = np.zeros((600, n_latent))
    centre[:, 0] = 8.0 * label
    return centre + rng.normal(size=(600, n_latent)), np.array(["qcd", "top"])[label]


@pytest.mark.parametrize("width", [WIDE, NARROW])
@pytest.mark.parametrize("n_latent", [1, 2, 12])
def test_a_latent_space_is_drawn_with_its_clusters(n_latent: int, width: float) -> None:
    z, label = latent(n_latent)
    view = latent_view(z, n_inputs=21, label=label, replicas=5, most_clusters=3)
    figure = plot_latent(view, z, label, width=width)
    events, spectrum, bic = figure.axes
    ellipses = [patch for patch in events.patches if isinstance(patch, Ellipse)]
    assert view.clusters is not None
    assert len(ellipses) == view.clusters.n_clusters == 2
    assert abs(abs(ellipses[0].center[0] - ellipses[1].center[0]) - 8.0) < 0.5
    assert {text.get_text() for text in events.get_legend().get_texts()} == {"qcd", "top"}
    assert len(spectrum.patches) == n_latent
    chosen = next(line for line in bic.lines if line.get_gid() == "chosen")
    assert chosen.get_xdata()[0] == 2
    assert len(figure_bytes(figure, "png", dpi=40)) > 1000


def test_without_labels_and_clusters_there_are_two_panels() -> None:
    z, _ = latent(3)
    view = latent_view(z, n_inputs=21, replicas=5, most_clusters=0)
    assert len(plot_latent(view, z).axes) == 2


def comparison(n_methods: int) -> Comparison:
    rng = np.random.default_rng(2)
    cells = [
        Improvement(f"$m_{m}", signal, "", (0.01,), (rng.uniform(),), (0.01,), 0.5, 1e4, 1e3)
        for m in range(n_methods)
        for signal in ("a", "b", "c")
    ]
    return compare_scores(cells, [Summary("published", 0.0, 1.0, 50.0)])


@pytest.mark.parametrize("width", [WIDE, NARROW])
def test_boxes_and_map_of_scores(width: float) -> None:
    result = comparison(3)
    (boxes,) = plot_score_boxes(result, width=width).axes
    whiskers = [c for c in boxes.collections if c.get_gid() == "whisker"]
    assert len(whiskers) == 4
    medians = [line.get_xdata()[0] for line in boxes.lines if line.get_gid() == "median"]
    assert medians == [s.median for s in result.summaries]
    # A score of which the summary is all there is has no box.
    assert sum(patch.get_gid() == "box" for patch in boxes.patches) == 3
    figure = plot_score_map(result, width=width)
    _, totals = result.totals()
    frames = {
        (round(p.get_x() + 0.5), round(p.get_y() + 0.5))
        for p in figure.axes[0].patches
        if isinstance(p, Rectangle)
    }
    assert frames == {(j, int(np.argmax(totals[:, j]))) for j in range(3)}
    assert len(figure_bytes(figure, "png", dpi=40)) > 1000


def test_only_the_first_scores_are_drawn() -> None:
    result = comparison(MOST + 5)
    (boxes,) = plot_score_boxes(result).axes
    assert len(boxes.get_yticks()) == MOST
