"""Sculpting and closure: what they must see, and what they must let pass."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import kstest

from bycatch.search.closure import closure_check, closure_regions, sculpting_check
from bycatch.search.regions import Regions
from bycatch.search.result import Look, TemplateEstimate
from bycatch.search.spectra import LookKey, SelectedSpectrum
from bycatch.statistics.region import Region

WHOLE = 20_000 * np.exp(-np.arange(30) / 6.0)
INSIDE = np.zeros(30, dtype=bool)
INSIDE[8:12] = True
KEY = LookKey("cwola-trees", (3300.0, 3700.0), 0.1)


def spectrum(efficiency, rng):
    whole = rng.poisson(WHOLE).astype(float)
    kept = rng.binomial(whole.astype(int), efficiency).astype(float)
    return SelectedSpectrum(KEY, kept, kept, 0.1, 0.001), whole


def look(background_error, template=None):
    return Look(
        "cwola-trees", KEY.window, 0.1, 0.1, 0.001, 1000, 300, 290.0, background_error,
        0.0, 0.3, 0.5, 0.3, 1.0, 3, 0.5, template=template,
    )  # fmt: skip


def estimate(delta, statistical, spread=0.0):
    return TemplateEstimate(
        background=600.0,
        background_error=5.0,
        delta_sys=delta,
        delta_sys_error=float(np.hypot(statistical, spread)),
        delta_sys_statistical=statistical,
        delta_sys_spread=spread,
        n_windows=2,
    )


def test_p_of_scaled_copies_is_uniform():
    rng = np.random.default_rng(1)
    n = 300
    p = [sculpting_check(*spectrum(0.1, rng), INSIDE, 1).values["p"] for _ in range(n)]
    assert kstest(p, "uniform").pvalue > 1e-3


def test_mild_slope_passes_and_says_so():
    check = sculpting_check(
        *spectrum(np.linspace(0.09, 0.13, 30), np.random.default_rng(2)), INSIDE, 1
    )
    assert check.passed
    assert "slowly enough" in check.message
    assert check.values["p"] < 0.01


def test_efficiency_that_peaks_at_the_window_warns():
    bins = np.arange(30)
    efficiency = 0.02 + 0.25 * np.exp(-(((bins - 9.5) / 4.0) ** 2))
    check = sculpting_check(*spectrum(efficiency, np.random.default_rng(3)), INSIDE, 10)
    assert not check.passed
    assert check.values["spread"] > 0.25
    assert "features follow the resonance" in check.message


def test_bump_inside_the_window_is_not_sculpting():
    rng = np.random.default_rng(4)
    selected, whole = spectrum(0.1, rng)
    counts = selected.counts + np.where(INSIDE, 500.0, 0.0)
    bumped = SelectedSpectrum(KEY, counts, counts, 0.1, 0.001)
    assert sculpting_check(bumped, whole, INSIDE, 1).passed


def test_nothing_selected_is_no_verdict():
    empty = SelectedSpectrum(KEY, np.zeros(30), np.zeros(30), 0.0, 0.0)
    check = sculpting_check(empty, WHOLE, INSIDE, 1)
    assert check.passed
    assert "Too few" in check.message


def test_closure_warns_of_a_bias_that_matters():
    check = closure_check(look(10.0, estimate(0.3, 0.03, 0.2)))
    assert not check.passed
    assert check.values["shift"] == pytest.approx(180.0)
    assert "+30% +- 3% in 2 signal-free windows (spread between them 20%)" in check.message


@pytest.mark.parametrize(("delta", "error"), [(0.3, 200.0), (0.02, 1.0)])
def test_closure_passes_where_the_fit_or_the_sample_cannot_tell(delta, error):
    """A bias that the fit's error covers, and one within its own error."""
    check = closure_check(look(error, estimate(delta, 0.03)))
    assert check.passed
    assert check.values["delta_sys"] == delta


def test_closure_without_a_measurement_says_why():
    unknown = TemplateEstimate(background=600.0, status="no window is apart")
    assert closure_check(look(1.0, unknown)).message == "no window is apart"
    assert "not measured" in closure_check(look(1.0)).message
    assert "Without a fit" in closure_check(look(None, estimate(0.3, 0.03))).message


def test_closure_windows_avoid_the_tested_one():
    tested = Region((3300.0, 3700.0), ((2880.0, 3300.0), (3700.0, 4120.0)))
    regions = Regions(tuple(np.arange(2700.0, 6600.0, 100.0)), (tested,), (2700.0, 6500.0))
    extra = closure_regions(regions, 0.12)
    assert [region.window for region in extra] == [(2900.0, 3300.0), (3700.0, 4100.0)]
    for region in extra:
        for low, high in region.sidebands:
            assert low < high
            assert high <= 3300.0 or low >= 3700.0
        assert region.sidebands[0][0] < region.window[0]
        assert region.sidebands[-1][1] > region.window[1]


def test_scan_needs_no_extra_windows():
    windows = tuple(
        Region((low, low + 300.0), ((low - 300.0, low), (low + 300.0, low + 600.0)))
        for low in (3000.0, 3300.0, 3600.0)
    )
    regions = Regions(tuple(np.arange(2700.0, 6600.0, 100.0)), windows, (2700.0, 6500.0))
    assert closure_regions(regions, 0.12) == ()


def test_window_at_the_edge_of_the_fit_range_gets_what_fits():
    tested = Region((2800.0, 3200.0), ((2700.0, 2800.0), (3200.0, 3600.0)))
    regions = Regions(tuple(np.arange(2700.0, 6600.0, 100.0)), (tested,), (2700.0, 6500.0))
    assert [region.window for region in closure_regions(regions, None)] == [(3200.0, 3600.0)]
