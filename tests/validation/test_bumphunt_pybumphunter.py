"""BumpHunter's statistic against pyBumpHunter."""

from __future__ import annotations

import contextlib
import io
import warnings

import numpy as np
import pytest

from bycatch.hunt.statistic import make_windows, scan, toy_statistics
from bycatch.statistics.significance.global_p import binomial_interval

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    pybumphunter = pytest.importorskip("pyBumpHunter")


def _oracle(counts, background, widths, *, toys=0, mode="excess", sideband=False, step=1):
    hunter = pybumphunter.BumpHunter1D(
        width_min=min(widths),
        width_max=max(widths),
        width_step=1,
        scan_step=step,
        npe=max(toys, 1),
        nworker=1,
        seed=5,
        mode=mode,
        use_sideband=sideband,
        bins=np.arange(counts.size + 1.0),
    )
    with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        hunter.bump_scan(counts, background, is_hist=True, do_pseudo=toys > 0)
    return hunter


def _spectra():
    rng = np.random.default_rng(7)
    x = np.linspace(0.0, 1.0, 60)
    falling = 5_000.0 * np.exp(-7.0 * x) + 0.5
    flat = np.full(60, 40.0)
    bump = rng.poisson(falling)
    bump[20:24] += rng.poisson(0.4 * falling[20:24])
    rare = rng.poisson(0.2 * flat / 40.0)
    return {
        "null": (rng.poisson(falling), falling),
        "bump": (bump, falling),
        "flat": (rng.poisson(flat), flat),
        "rare": (rare, 0.2 * flat / 40.0),
        "overestimated": (rng.poisson(0.9 * falling), falling),
    }


@pytest.mark.parametrize("name", list(_spectra()))
@pytest.mark.parametrize("mode", ["excess", "deficit"])
@pytest.mark.parametrize("step", [1, "half", "full"])
def test_the_statistic_is_the_same(name: str, mode: str, step: object) -> None:
    counts, background = _spectra()[name]
    widths = range(2, 7)
    theirs = _oracle(counts, background, widths, mode=mode, step=step)
    ours = scan(counts, background, make_windows(60, widths, step=step), mode=mode)
    p = float(theirs.min_Pval_ar[0])
    if p < (1e-300 if mode == "excess" else 1e-13):
        # theirs underflows (excess), or has lost all digits in 1 - G (deficit); ours goes on
        assert np.isfinite(ours.t)
        assert ours.t > 29.0
        return
    # the deficit's 1 - G has absolute errors of some 1e-16
    tolerance = 1e-9 if mode == "excess" else 1e-9 + 1e-15 / p
    assert ours.t == pytest.approx(float(theirs.t_ar[0]), rel=1e-9, abs=tolerance)
    assert ours.windows.first[ours.best] == theirs.min_loc_ar[0]
    assert ours.windows.last[ours.best] - theirs.min_loc_ar[0] == theirs.min_width_ar[0]


def test_sideband_normalisation_is_the_same() -> None:
    counts, background = _spectra()["overestimated"]
    theirs = _oracle(counts, background, range(2, 7), sideband=True)
    ours = scan(counts, background, make_windows(60, range(2, 7)), normalise=True)
    assert ours.t == pytest.approx(float(theirs.t_ar[0]), rel=1e-9)


def test_global_p_is_compatible() -> None:
    counts, background = _spectra()["null"]
    toys = 2_000
    theirs = _oracle(counts, background, range(2, 7), toys=toys)
    windows = make_windows(60, range(2, 7))
    draws = np.random.default_rng(11).poisson(background, size=(toys, 60))
    t, _ = toy_statistics(draws, background, windows)
    exceeding = int((t >= scan(counts, background, windows).t).sum())
    low, high = binomial_interval(exceeding, toys, 0.9999)
    other_low, other_high = binomial_interval(round(theirs.global_Pval * toys), toys, 0.9999)
    assert low < other_high
    assert other_low < high
    # and all quantiles of t: two samples of the same distribution (KS at 1e-4)
    from scipy.stats import ks_2samp

    assert ks_2samp(t, theirs.t_ar[1:]).pvalue > 1e-4
