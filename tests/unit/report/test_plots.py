from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.container import ErrorbarContainer
from matplotlib.figure import Figure
from scipy.stats import chi2, norm

from bycatch.evaluate.separation import separation
from bycatch.report.plots.bias import plot_bias
from bycatch.report.plots.comparison import plot_comparison
from bycatch.report.plots.curves import plot_curves
from bycatch.report.plots.densities import plot_densities, served
from bycatch.report.plots.features import by_chance, plot_features, ranked
from bycatch.report.plots.pvalue_scan import global_line, log10_p, plot_pvalue_scan
from bycatch.report.plots.roc import plot_roc
from bycatch.report.plots.spectrum import garwood, plot_spectra, plot_spectrum, pulls
from bycatch.report.plots.toys import plot_toys
from bycatch.report.style import colours, figure_bytes, log_label, plain
from bycatch.search.result import FeatureComparison, Look, SearchResult, Spectrum

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


def test_chance_separation_is_the_mean_over_samples_of_the_template() -> None:
    rng = np.random.default_rng(8)
    n, bins, repeats = 400, 12, 300
    shape = rng.dirichlet(np.full(bins, 20.0))
    edges = np.linspace(-1.0, 5.0, bins + 1)
    width = edges[1] - edges[0]
    found = []
    for counts in rng.multinomial(n, shape, repeats):
        found.append(separation(counts, shape))
    error = np.std(found) / math.sqrt(repeats)
    item = FeatureComparison(
        "x", "m", (0.0, 1.0), 0.1, tuple(edges), tuple(counts / n / width), tuple(shape / width),
        tuple(np.sqrt(counts) / n / width), 0.1,
    )  # fmt: skip
    chance = by_chance(item)
    assert chance is not None
    # to leading order in 1/n: expected counts of 10 and more leave some per cent
    assert abs(chance - np.mean(found)) < 4 * error + 0.05 * chance
    assert by_chance(replace(item, selected_error=(0.0,) * bins)) is None


def _here(result: SearchResult) -> list[Look]:
    return [look for look in result.looks if look.window == result.best.window]


def _drawn(axes: Axes, gid: str) -> np.ndarray:
    return np.concatenate([line.get_xdata() for line in axes.lines if line.get_gid() == gid])


@pytest.mark.parametrize("width", [8.6, 3.9])
def test_the_comparison_shows_the_numbers_of_both_estimates(
    broken_result: SearchResult, width: float
) -> None:
    looks = _here(broken_result)
    left, right = plot_comparison(looks, width=width).axes
    assert _drawn(left, "z-fit") == pytest.approx([look.local_z for look in looks])
    templates = [x.template for x in looks if x.template and x.template.local_z is not None]
    assert _drawn(left, "z-template") == pytest.approx([x.local_z for x in templates])
    assert [text.get_text() for text in left.texts] == ["template: no number"]
    units = np.array([look.background for look in looks])
    observed = np.array([look.n_window for look in looks])
    assert _drawn(right, "observed") == pytest.approx(observed / units)
    assert _drawn(right, "expected-fit") == pytest.approx(np.ones(len(looks)))
    wanted = [x.background / u for x, u in zip(templates, units, strict=False)]
    assert _drawn(right, "expected-template") == pytest.approx(wanted)
    # bars: one of the fit, two of the template; the first look's by hand
    bars = [line.get_segments()[0][:, 0] for line in right.collections[:3]]
    first, template = looks[0], templates[0]
    sizes = [
        first.background_error / units[0],
        math.hypot(template.background_error, template.systematic) / units[0],
        template.background_error / units[0],
    ]
    assert [np.ptp(bar) / 2 for bar in bars] == pytest.approx(sizes)
    names = [label.get_text() for label in left.get_yticklabels()]
    assert names[0] == "cathode-spline-trees, 10\N{NO-BREAK SPACE}%"
    figure_bytes(left.figure, "png", dpi=30)


def test_a_comparison_survives_failed_fits_and_large_excesses(make_result: Make) -> None:
    result = make_result(n_windows=1, failed=2, signal=900)
    looks = list(result.looks)
    left, right = plot_comparison(looks).axes
    assert sum("fit: no number" in text.get_text() for text in left.texts) == 2
    assert sum("no fit" in text.get_text() for text in right.texts) == 2
    assert right.get_xscale() == "log"
    low, high = right.get_xlim()
    ratios = [look.n_window / look.background for look in looks if look.background]
    assert max(ratios) > 2.5
    assert low < min(ratios)
    assert high > max(ratios)
    assert len(plot_comparison([]).axes) == 2


@pytest.mark.parametrize("width", [8.6, 3.9])
def test_the_bias_is_drawn_with_inner_and_outer_errors(make_result: Make, width: float) -> None:
    result = make_result(n_windows=9, methods=("cathode-spline-trees", "anode"))
    looks = _here(result)
    unknown = replace(looks[0].template, delta_sys=None)
    looks = [replace(looks[0], template=unknown), *looks[1:]]
    (axes,) = plot_bias(looks, width=width).axes
    bars = [c for c in axes.containers if isinstance(c, ErrorbarContainer)]
    assert len(bars) == 4  # two methods, total and statistical
    for method, (outer, inner) in zip(
        ("cathode-spline-trees", "anode"), (bars[:2], bars[2:]), strict=True
    ):
        mine = [
            x.template for x in looks
            if x.method == method and x.template and x.template.delta_sys is not None
        ]  # fmt: skip
        middle = np.array([100 * x.delta_sys for x in mine])
        for bar, name in ((outer, "delta_sys_error"), (inner, "delta_sys_statistical")):
            ends = np.array([segment[:, 1] for segment in bar.lines[2][0].get_segments()])
            error = np.array([100 * getattr(x, name) for x in mine])
            assert ends == pytest.approx(np.stack([middle - error, middle + error], axis=1))
    markers = [line for line in axes.lines if line.get_label() in ("cathode-spline-trees", "anode")]
    near = np.concatenate([line.get_xdata() for line in markers])
    points = [look.working_point for look in looks if look.template and look.template.delta_sys]
    assert np.abs(np.log10(near / points)).max() < 0.25  # side by side, nearer to their own point
    # at 1 %: the first method left of the second, on an axis from loose to tight
    assert near[0] > near[3]
    assert axes.get_xlim()[0] > axes.get_xlim()[1]


def test_nothing_measured_draws_an_empty_bias(make_result: Make) -> None:
    (axes,) = plot_bias(make_result(n_windows=1).looks).axes
    assert not axes.containers


@pytest.mark.parametrize("columns", [1, 2])
def test_densities_show_held_out_surprise_and_the_kept_round(
    broken_result: SearchResult, columns: int
) -> None:
    curves = broken_result.densities[:3]
    figure = plot_densities(curves, columns=columns)
    panels = [axes for axes in figure.axes if axes.get_visible()]
    assert len(panels) == 3
    for axes, curve in zip(panels, curves, strict=True):
        assert axes.lines[0].get_ydata() == pytest.approx(curve.validation_loss)
        kept = [line for line in axes.lines if line.get_gid() == "kept"]
        assert kept[0].get_xdata() == [curve.best + 1]
        assert kept[0].get_ydata() == [min(curve.validation_loss)]
        low, high = axes.get_ylim()
        assert low < min(curve.validation_loss) < high
        assert served(curve) in axes.get_title(loc="left")
    assert served(curves[0]) == "one density for 3 windows"
    assert served(curves[1]) == "one density for 1 window"


def test_a_density_without_a_curve_is_an_empty_panel(broken_result: SearchResult) -> None:
    empty = replace(broken_result.densities[0], validation_loss=(), best=0)
    (axes,) = plot_densities([empty]).axes
    assert axes.lines[0].get_ydata().size == 0
    short = replace(empty, validation_loss=(5.0, float("nan")), best=0)
    figure_bytes(plot_densities([short]), "png", dpi=30)


def test_a_ratio_of_densities_is_not_held_against_ln_2(result: SearchResult) -> None:
    first, second = result.curves[0], replace(result.curves[1], method="ratio")
    left, right = plot_curves([first, second], ratios=["ratio"]).axes
    assert len(left.lines) == 4
    assert right.lines[0].get_ydata() == pytest.approx(second.validation_loss)
    assert not any(np.allclose(line.get_ydata(), math.log(2)) for line in right.lines)
    assert "log p" in right.get_ylabel()
    assert left.get_ylabel() == "cross-entropy / nat"


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
