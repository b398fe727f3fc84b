from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.container import ErrorbarContainer
from matplotlib.figure import Figure
from scipy.stats import chi2, norm

from bycatch.report.plots.curves import plot_curves
from bycatch.report.plots.features import plot_features, ranked
from bycatch.report.plots.pvalue_scan import global_line, log10_p, plot_pvalue_scan
from bycatch.report.plots.roc import plot_roc
from bycatch.report.plots.spectrum import garwood, plot_spectra, plot_spectrum, pulls
from bycatch.report.plots.toys import plot_toys
from bycatch.report.style import colours, figure_bytes, log_label, plain
from bycatch.search.result import SearchResult, Spectrum

Make = Callable[..., SearchResult]


@pytest.fixture(scope="module")
def result(make_result: Make) -> SearchResult:
    return make_result(n_windows=3, signal=60)


def _points(figure: Figure, panel: int) -> np.ndarray:
    bars = [c for c in figure.axes[panel].containers if isinstance(c, ErrorbarContainer)]
    return np.asarray(bars[0].lines[0].get_xydata())


def test_the_window_is_shaded_at_its_edges(result: SearchResult) -> None:
    spectrum = next(x for x in result.spectra if x.window is not None)
    figure = plot_spectrum(spectrum, "mjj", "title")
    assert len(figure.axes) == 2
    assert figure.axes[0].get_yscale() == "log"
    assert figure.axes[1].get_xlabel() == "mjj"
    for axes in figure.axes:
        boxes = [
            (p.get_x(), p.get_x() + p.get_width()) for p in axes.patches if hasattr(p, "get_x")
        ]
        assert boxes == [pytest.approx(spectrum.window)]


def test_points_and_fit_are_the_numbers(result: SearchResult) -> None:
    spectrum = result.spectra[0]
    figure = plot_spectrum(spectrum, "mjj")
    counts = np.asarray(spectrum.counts)
    assert _points(figure, 0)[:, 1] == pytest.approx(counts[counts > 0])
    stairs = [p.get_data() for p in figure.axes[0].patches if hasattr(p, "get_data")]
    assert any(np.allclose(data.values, spectrum.fit) for data in stairs)
    assert figure.axes[0].get_ylabel() == "Events per 100"


def test_unequal_bins_are_scaled_to_one_width() -> None:
    spectrum = Spectrum("m", None, 1.0, (0.0, 1.0, 2.0, 4.0), (10.0, 10.0, 10.0),
                        (math.sqrt(10),) * 3, (9.0, 9.0, 9.0), None)  # fmt: skip
    figure = plot_spectrum(spectrum, "m")
    assert _points(figure, 0)[:, 1] == pytest.approx([10.0, 10.0, 5.0])


def test_poisson_intervals_are_garwoods() -> None:
    counts = np.array([0.0, 1.0, 7.0, 400.0])
    low, high = garwood(counts, np.sqrt(counts))
    tail = norm.sf(1)
    assert low[1:] == pytest.approx(chi2.ppf(tail, 2 * counts[1:]) / 2, rel=1e-4)
    assert high[1:] == pytest.approx(chi2.isf(tail, 2 * counts[1:] + 2) / 2, rel=1e-4)
    scaled_low, scaled_high = garwood(2.5 * counts, 2.5 * np.sqrt(counts))
    assert scaled_low[1:] == pytest.approx(2.5 * low[1:])
    assert scaled_high[1:] == pytest.approx(2.5 * high[1:])


def test_pulls_are_normal_for_many_events_and_modest_for_few() -> None:
    counts, fit = np.array([10_100.0, 9_900.0]), np.array([10_000.0, 10_000.0])
    assert pulls(counts, np.sqrt(counts), fit) == pytest.approx([1.0, -1.0], abs=0.01)
    one = pulls(np.array([1.0, 0.0]), np.array([1.0, 0.0]), np.array([0.01, 0.5]))
    # sqrt(2 (ln 100 - 0.99)) and -sqrt(2 * 0.5) in closed form
    assert one == pytest.approx([math.sqrt(2 * (math.log(100) - 0.99)), -1.0])
    weighted = pulls(2 * counts, 2 * np.sqrt(counts), 2 * fit)
    assert weighted == pytest.approx([1.0, -1.0], abs=0.01)


def test_small_multiples_have_one_panel_per_look(result: SearchResult) -> None:
    figure = plot_spectra(result.spectra[1:6], "mjj", [f"note {i}" for i in range(5)], columns=3)
    shown = [axes for axes in figure.axes if axes.get_visible()]
    assert len(shown) == 5
    assert "note 4" in shown[4].get_title(loc="left")


def test_the_scan_shows_every_look_and_the_global_lines(result: SearchResult) -> None:
    figure = plot_pvalue_scan(result.looks, result.toy_maxima, "mjj")
    assert len(figure.axes) == 3
    for axes, point in zip(figure.axes, (0.1, 0.01, 0.001), strict=True):
        looks = [look for look in result.looks if look.working_point == point]
        markers = [line for line in axes.lines if line.get_marker() in {"o", "s"}]
        drawn = np.sort(np.concatenate([line.get_ydata() for line in markers]))
        wanted = np.sort([norm.logsf(look.local_z) / math.log(10) for look in looks])
        assert drawn == pytest.approx(wanted, rel=1e-9)
        lines = {line.get_gid(): line.get_ydata()[0] for line in axes.lines if line.get_gid()}
        for k in (1, 2, 3):
            z = global_line(result.toy_maxima, k)
            assert z is not None
            assert lines[f"global-{k}"] == pytest.approx(float(log10_p(z)))


def test_a_huge_significance_does_not_underflow(make_result: Make) -> None:
    assert log10_p(50.0) == pytest.approx(norm.logsf(50.0) / math.log(10))
    result = make_result(n_windows=2, signal=900)
    assert max(look.local_z or 0 for look in result.looks) > 40
    figure_bytes(plot_pvalue_scan(result.looks, result.toy_maxima, "mjj"), "png", dpi=40)


def test_the_global_line_is_where_the_counted_p_reaches_the_level() -> None:
    maxima = np.random.default_rng(5).normal(3, 1, 2000)
    for k in (1.0, 2.0, 3.0):
        line = global_line(maxima.tolist(), k)
        assert line is not None
        above, below = line + 1e-9, line - 1e-9
        counted = [((maxima >= z).sum() + 1) / 2001 for z in (above, below)]
        assert counted[0] <= norm.sf(k) < counted[1]
    assert global_line(maxima[:100].tolist(), 3.0) is None
    assert global_line([], 1.0) is None
    assert global_line([math.nan], 1.0) is None


def test_the_observed_line_stands_among_the_toys() -> None:
    maxima = np.random.default_rng(1).normal(2, 0.5, 500).tolist()
    (axes,) = plot_toys(maxima, 3.4).axes
    observed = [line for line in axes.lines if line.get_gid() == "observed"]
    assert observed[0].get_xdata()[0] == 3.4
    stairs = next(p for p in axes.patches if hasattr(p, "get_data"))
    assert stairs.get_data().values.sum() == 500
    (far,) = plot_toys(maxima, 60.0).axes
    assert far.get_xlim()[1] < 20
    assert any("observed: 60.0" in text.get_text() for text in far.texts)
    assert plot_toys([math.nan], None).axes


def test_features_are_ranked(result: SearchResult) -> None:
    some = [f for f in result.features if f.method == result.best.method][:4]
    figure = plot_features(some[::-1])
    titles = [axes.get_title(loc="left") for axes in figure.axes]
    assert [f.feature in t for f, t in zip(ranked(some), titles, strict=True)] == [True] * 4
    separations = [f.separation for f in ranked(some)]
    assert separations == sorted(separations, reverse=True)


def test_learning_curves_show_both_losses(result: SearchResult) -> None:
    curve = result.curves[0]
    (axes,) = plot_curves([curve]).axes
    assert axes.lines[0].get_ydata() == pytest.approx(curve.train_loss)
    assert axes.lines[1].get_ydata() == pytest.approx(curve.validation_loss)
    assert sorted(axes.lines[3].get_xdata()) == sorted(b + 1 for b in curve.best)


def test_roc_is_cut_where_the_background_efficiency_is_unknown(result: SearchResult) -> None:
    item = replace(result.evaluation[0], n_background=2500)
    left, right = plot_roc([item]).axes
    rejection = left.lines[0].get_ydata()
    assert rejection.max() < 2500 / 25
    sic = right.lines[0].get_ydata()
    assert sic == pytest.approx(left.lines[0].get_xdata() * np.sqrt(rejection))


def test_the_global_style_is_left_alone(result: SearchResult) -> None:
    before = dict(mpl.rcParams)
    figure_bytes(plot_spectrum(result.spectra[0], "mjj"), "png", dpi=30)
    assert dict(mpl.rcParams) == before


@pytest.mark.parametrize("kind", ["pdf", "png"])
def test_files_are_reproducible(result: SearchResult, kind: str) -> None:
    files = [figure_bytes(plot_spectrum(result.spectra[0], "mjj"), kind) for _ in range(2)]
    assert files[0] == files[1]
    assert b"CreationDate" not in files[0]


def test_names_with_odd_characters_can_be_drawn(result: SearchResult) -> None:
    name = "m_$\\frac{x}$ \N{GREEK SMALL LETTER ETA} \N{CJK UNIFIED IDEOGRAPH-8CEA}"
    figure_bytes(plot_spectrum(result.spectra[0], name, name), "png", dpi=40)


def test_small_helpers() -> None:
    assert log_label(100.0) == "100"
    assert log_label(0.01) == "0.01"
    assert log_label(1e5) == "10\N{SUPERSCRIPT FIVE}"
    assert log_label(30.0) == ""
    assert len(plain("x" * 100)) == 40
    assert list(colours(["b", "a", "b"])) == ["b", "a"]
