"""The hunt's procedure: background, masking, toys, windows."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from bycatch.errors import ConfigError, FitError
from bycatch.hunt.histogram import Histogram, make_histogram
from bycatch.hunt.hunt import HuntPlan, analyse, hunt
from bycatch.hunt.plan import parse_widths
from bycatch.hunt.smooth import Smooth, choose_family
from bycatch.hunt.statistic import make_windows, toy_statistics
from bycatch.hunt.task import read_options
from bycatch.hunt.windows import local_excess
from bycatch.statistics.background import Background

EDGES = np.linspace(10.0, 20.0, 41)
CENTRES = 0.5 * (EDGES[1:] + EDGES[:-1])
SMOOTH = 400.0 * np.exp(-0.25 * (CENTRES - 10.0))
PLAN = HuntPlan(toys=100, family="exppoly")


def _histogram(signal: float = 0.0, seed: int = 1, sigma: float = 0.2) -> Histogram:
    peak = np.exp(-0.5 * ((CENTRES - 14.0) / sigma) ** 2)
    rate = SMOOTH + signal * peak / peak.sum()
    return make_histogram(EDGES, np.random.default_rng(seed).poisson(rate))


def test_a_bump_is_found_and_masked() -> None:
    result = hunt(_histogram(400.0), PLAN)
    low, high = result.best.window
    assert low < 14.0 < high
    assert high - low < 1.6
    assert result.best.local_z > 7
    assert result.global_p.p == pytest.approx(1 / 101)
    assert any(a < 14.0 < b for a, b in result.fit.masked)
    inside = (EDGES[:-1] >= low - 1e-9) & (EDGES[1:] <= high + 1e-9)
    # the background under the peak is the smooth one, within its error
    assert abs(result.best.background - SMOOTH[inside].sum()) < 4 * result.best.background_error


def test_masking_keeps_the_peak_out_of_the_background() -> None:
    inside = np.abs(CENTRES - 14.0) < 0.5
    bent = hunt(_histogram(1_500.0), replace(PLAN, mask_level=0.0, order=6))
    clean = hunt(_histogram(1_500.0), replace(PLAN, order=6))
    truth = SMOOTH[inside].sum()
    assert bent.rate[inside].sum() > truth + 100
    assert abs(clean.rate[inside].sum() - truth) < 60


def test_two_peaks_are_listed_apart() -> None:
    histogram = _histogram(400.0)
    counts = histogram.counts.copy()
    counts[32:34] += 80
    result = hunt(replace(histogram, counts=counts), PLAN)
    assert len(result.windows) >= 2
    low, high = result.windows[1].window
    assert low < EDGES[33] < high


def test_the_users_mask_is_neither_fitted_nor_scanned() -> None:
    result = hunt(_histogram(1_000.0), replace(PLAN, mask=((13.0, 15.0),)))
    windows = result.scan.windows
    assert not ((EDGES[windows.last] > 13.0 + 1e-9) & (EDGES[windows.first] < 15.0 - 1e-9)).any()
    assert result.fit.masked[0] == (13.0, 15.0)
    assert result.global_p.p > 0.01
    inside = np.abs(CENTRES - 14.0) < 1.0
    assert abs(result.rate[inside].sum() / SMOOTH[inside].sum() - 1) < 0.1


def test_same_seed_same_numbers_and_another_seed_others() -> None:
    first, again = hunt(_histogram(), PLAN), hunt(_histogram(), PLAN)
    np.testing.assert_array_equal(first.toys, again.toys)
    assert first.to_json() == again.to_json()
    other = hunt(_histogram(), replace(PLAN, seed=2))
    assert (first.toys != other.toys).any()


def test_more_toys_begin_with_the_same_ones() -> None:
    few, many = hunt(_histogram(), replace(PLAN, toys=60)), hunt(_histogram(), PLAN)
    np.testing.assert_allclose(few.toys, many.toys[:60], rtol=1e-9)  # batches round differently


def test_toys_go_through_the_data_s_procedure() -> None:
    # a toy analysed in a batch equals the same counts analysed alone as data
    rng = np.random.default_rng(4)
    toys = rng.poisson(SMOOTH, size=(30, 40)).astype(float)
    toys[::3, 20:22] += 40  # some need masks
    smooth = Smooth.of(Background("exppoly", EDGES, order="auto"))
    windows, used = make_windows(40, range(2, 6)), np.ones(40, dtype=bool)
    together = analyse(toys, smooth, windows, used, PLAN)
    assert (~together.used).any(axis=1).sum() >= 10
    for index, toy in enumerate(toys):
        alone = analyse(toy[None], smooth, windows, used, PLAN)
        assert together.t[index] == pytest.approx(alone.t[0], rel=1e-6)
        assert together.order[index] == alone.order[0]
        np.testing.assert_array_equal(together.used[index], alone.used[0])


def test_without_masking_t_is_that_of_the_plain_fit() -> None:
    toys = np.random.default_rng(4).poisson(SMOOTH, size=(20, 40)).astype(float)
    smooth = Smooth.of(Background("exppoly", EDGES, order=3))
    windows, used = make_windows(40, range(2, 6)), np.ones(40, dtype=bool)
    outcome = analyse(toys, smooth, windows, used, replace(PLAN, mask_level=0.0))
    rate = smooth.fit(toys, np.ones((20, 40), dtype=bool)).rate
    np.testing.assert_allclose(outcome.t, toy_statistics(toys, rate, windows)[0], rtol=1e-12)


def test_local_excess_agrees_with_window_excess() -> None:
    from bycatch.statistics.significance.local import window_excess

    counts, inside = _histogram(60.0).counts, (CENTRES > 13.6) & (CENTRES < 14.4)
    window = (float(EDGES[:-1][inside][0]), float(EDGES[1:][inside][-1]))
    p, z, _, _ = local_excess(
        counts, Smooth.of(Background("exppoly", EDGES, order=3)), 3, np.ones(40, dtype=bool), inside
    )
    reference = window_excess(counts, Background("exppoly", EDGES, integrate=False), window, 3)
    assert z == pytest.approx(reference.z[0], abs=1e-6)
    assert p == pytest.approx(reference.p[0], rel=1e-5)


def test_an_empty_window_is_a_deficit_with_a_number() -> None:
    counts = np.full(40, 3.0)
    inside = np.zeros(40, dtype=bool)
    inside[18:22] = True
    counts[inside] = 0.0
    smooth = Smooth.of(Background("exppoly", EDGES, order=1))
    _, z, background, _ = local_excess(counts, smooth, 1, ~inside, inside)
    assert background == pytest.approx(12.0)
    # closed form: the null rate is the mean over all bins
    mean = counts.mean()
    filled = 36 * (3.0 * np.log(3.0 / mean) - 3.0 + mean)
    assert z == pytest.approx(-np.sqrt(2 * (filled + 4 * mean)), rel=1e-9)


def test_deficits() -> None:
    counts = _histogram().counts.copy()
    counts[15:18] -= np.rint(0.5 * counts[15:18])
    result = hunt(make_histogram(EDGES, counts), replace(PLAN, mode="deficit"))
    assert result.best.window[0] < EDGES[17] < result.best.window[1]
    assert result.best.local_z > 5
    assert result.best.local_p < 1e-6


def test_wide_bins_are_integrated() -> None:
    # a steep density in four wide bins per decade: the centre of a bin misses the integral by 10 %
    edges = np.geomspace(1_000.0, 8_000.0, 16)
    fine = np.linspace(0.0, 1.0, 2_001)
    x = (edges[:-1, None] + np.diff(edges)[:, None] * fine) / 13_000.0
    density = (1 - x) ** 9 * x**-6.0
    truth = np.trapezoid(density, axis=1) * np.diff(edges)
    truth *= 3e6 / truth.sum()
    plan = HuntPlan(toys=50, family="dijet", order=3, widths=(2,))
    result = hunt(make_histogram(edges, np.random.default_rng(1).poisson(truth)), plan)
    assert result.fit.goodness_p > 0.01
    np.testing.assert_allclose(result.rate[:8], truth[:8], rtol=0.01)


def test_global_p_is_uniform_without_signal() -> None:
    # 80 null data sets, 99 toys each: mean of a uniform, with its standard error
    p = [
        hunt(_histogram(seed=seed), replace(PLAN, toys=99, seed=seed, n_windows=0)).global_p.p
        for seed in range(80)
    ]
    assert abs(np.mean(p) - 0.505) < 4 * np.sqrt(1 / 12 / 80)
    assert np.mean(np.array(p) <= 0.1) < 0.1 + 4 * np.sqrt(0.09 / 80)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"family": "dijt"}, "no background family 'dijt'; the nearest are 'dijet'"),
        ({"order": 12}, "has 1 to 8 parameters, so order 12"),
        ({"mask": ((30.0, 40.0),)}, "covers no bin of 10 to 20"),
        ({"mask": ((15.0, 12.0),)}, "covers no bin"),
        ({"widths": (30,)}, "between 1 and half of the 40 bins"),
        ({"toys": 0}, "at least one toy"),
    ],
)
def test_senseless_plans(change: dict, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        hunt(_histogram(), replace(PLAN, **change))


def test_a_fit_without_solution_is_an_error() -> None:
    counts = np.zeros(40)
    counts[3] = 2
    with pytest.raises(FitError, match=r"fewer populated bins|unbounded"):
        hunt(make_histogram(EDGES, counts), replace(PLAN, order=4))


def test_a_mask_that_leaves_too_few_bins_is_an_error() -> None:
    with pytest.raises(FitError, match="cannot determine 6 background parameters"):
        hunt(_histogram(), replace(PLAN, order=6, mask=((10.0, 18.9),), widths=(1,)))


def test_the_default_family_follows_the_spectrum() -> None:
    steep = np.geomspace(1_000, 8_000, 41)
    falling = 1e9 * (steep[1:] / 1_000) ** -7.0
    assert choose_family(steep, falling) == "dijet"
    assert choose_family(steep / 1_000, falling) == "exppoly"  # in TeV: x = m / 13000 is no x
    assert choose_family(steep / 1_000, falling, sqrt_s=13.0) == "dijet"
    assert choose_family(steep, np.full(40, 100.0)) == "exppoly"
    assert choose_family(EDGES, SMOOTH) == "exppoly"


def test_widths_as_text() -> None:
    assert parse_widths("2-4,8") == (2, 3, 4, 8)
    assert parse_widths("2:3") == (2, 3)
    for text in ("", "a", "4-2", "0", "2-"):
        with pytest.raises(ConfigError, match="idths"):
            parse_widths(text)


def test_the_command_that_repeats_the_hunt() -> None:
    options = {
        "column": "m", "window": (8.0, 12.0), "bins": None, "where": "a > 1", "weight": None,
        "luminosity": None, "unit_scale": None, "background": "auto", "order": "3", "sqrt_s": None,
        "widths": None, "toys": 500, "masks": ((9.2, 9.7), (10.0, 10.4)), "deficit": True,
        "veto": None, "normalise": False, "seed": 1,
    }  # fmt: skip
    task = read_options("e.parquet", options)
    assert task.plan.order == 3
    assert task.plan.mode == "deficit"
    assert task.command == (
        "bycatch hunt e.parquet --column m --range 8 12 --where 'a > 1' --order 3 --toys 500"
        " --mask 9.2 9.7 --mask 10 10.4 --deficit"
    )
    with pytest.raises(ConfigError, match="--order must be"):
        read_options("e.parquet", {**options, "order": "many"})
    with pytest.raises(ConfigError, match="--veto is a p-value"):
        read_options("e.parquet", {**options, "veto": 2.0})
