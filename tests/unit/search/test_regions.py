"""Windows, sidebands and bins."""

from __future__ import annotations

import numpy as np
import pytest

from bycatch.errors import ConfigError, DataError
from bycatch.search.plan import RegionPlan, ScanPlan
from bycatch.search.regions import resolve_regions, scan_windows

MASS = np.linspace(2700.0, 6500.0, 2_000)


def plan(**changes) -> RegionPlan:
    keys = {
        "bins": 100.0,
        "fit_range": (2700.0, 6500.0),
        "windows": ((3300.0, 3700.0),),
        "sidebands": 0.12,
    }
    return RegionPlan.model_construct(**{**keys, **changes})  # without the checks of YAML


def test_the_issue_configuration():
    regions = resolve_regions(plan(), MASS)
    np.testing.assert_allclose(regions.edges, np.arange(2700.0, 6501.0, 100.0), rtol=0, atol=1e-9)
    (region,) = regions.regions
    assert region.window == (3300.0, 3700.0)
    assert region.sidebands == ((2880.0, 3300.0), (3700.0, 4120.0))
    assert np.count_nonzero(regions.window_bins(region.window)) == 4


def test_default_sidebands_are_the_rest_of_the_fit_range():
    (region,) = resolve_regions(plan(sidebands=None), MASS).regions
    assert region.sidebands == ((2700.0, 3300.0), (3700.0, 6500.0))
    inside, outside = region.in_window(MASS), region.in_sidebands(MASS)
    assert not (inside & outside).any()
    assert (inside | outside)[MASS < 6500.0].all()


def test_every_window_is_a_whole_number_of_bins():
    scan = ScanPlan(first=3000.0, last=5000.0, width=0.11, step=0.5)
    for bins in (100.0, "auto", (2700.0, 3000.0, 3333.0, 4000.0, 5000.0, 5500.0, 6500.0)):
        regions = resolve_regions(plan(windows=None, scan=scan, bins=bins), MASS)
        edges = np.asarray(regions.edges)
        assert np.all(np.diff(edges) > 0.0)
        assert (edges[0], edges[-1]) == (2700.0, 6500.0)
        for low, high in regions.windows:
            assert low in regions.edges
            assert high in regions.edges
            widths = np.diff(edges)[regions.window_bins((low, high))]
            assert widths.sum() == pytest.approx(high - low, rel=1e-12)


def test_no_slivers():
    # 0.1 * 3 is not 0.3: the window's edge and the bin's edge differ by one rounding.
    regions = resolve_regions(
        RegionPlan(bins=0.1, fit_range=(0.0, 1.0), windows=((0.3, 0.6),), sidebands=None),
        np.linspace(0.0, 1.0, 100),
    )
    assert len(regions.edges) == 11
    assert 0.3 in regions.edges


@pytest.mark.parametrize(("high", "last"), [(6540.0, 140.0), (6560.0, 60.0)])
def test_a_narrow_last_bin_joins_its_neighbour(high, last):
    edges = resolve_regions(plan(fit_range=(2700.0, high)), MASS).edges
    assert edges[-1] == high
    assert edges[-1] - edges[-2] == pytest.approx(last)


def test_scan_steps_are_fractions_of_the_width():
    windows = scan_windows(ScanPlan(first=3000.0, last=5000.0, width=0.11, step=0.5))
    centres = np.array([(low + high) / 2.0 for low, high in windows])
    widths = np.array([high - low for low, high in windows])
    assert centres[0] == pytest.approx(3000.0)
    np.testing.assert_allclose(widths, 0.11 * centres, rtol=1e-9)
    np.testing.assert_allclose(np.diff(centres), 0.5 * widths[:-1], rtol=1e-9)
    assert centres[-1] <= 5000.0 < centres[-1] + 0.5 * widths[-1]


def test_edges_do_not_follow_the_data():
    scan = ScanPlan(first=3000.0, last=5000.0, width=0.11, step=0.5)
    rng = np.random.default_rng(1)
    one = resolve_regions(plan(windows=None, scan=scan, bins="auto"), MASS)
    other = resolve_regions(
        plan(windows=None, scan=scan, bins="auto"), rng.uniform(2700.0, 6500.0, 500)
    )
    assert one == other


def test_sidebands_are_clipped_to_the_fit_range():
    (region,) = resolve_regions(plan(windows=((2800.0, 3100.0),), sidebands=0.2), MASS).regions
    assert region.sidebands == ((2700.0, 2800.0), (3100.0, 3690.0))


def test_explicit_sidebands_serve_several_windows():
    sidebands = ((2800.0, 4400.0),)
    windows = ((3000.0, 3300.0), (3600.0, 4000.0))
    regions = resolve_regions(plan(windows=windows, sidebands=sidebands), MASS).regions
    assert regions[0].sidebands == ((2800.0, 3000.0), (3300.0, 4400.0))
    assert regions[1].sidebands == ((2800.0, 3600.0), (4000.0, 4400.0))


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"windows": ((2000.0, 2400.0),)}, r"\[2000, 2400\] is outside of the fit range"),
        ({"windows": ((6300.0, 6700.0),)}, "outside of the fit range"),
        ({"windows": ((2700.0, 3000.0),)}, "touches the lower end"),
        ({"windows": ((6000.0, 6500.0),)}, "touches the upper end"),
        ({"windows": ((3700.0, 3300.0),)}, "does not ascend"),
        ({"windows": ((3300.0, 3700.0), (3300.0, 3700.0))}, "listed twice"),
        ({"windows": ()}, "There are no windows"),
        (
            {"windows": None, "scan": ScanPlan(first=2800.0, last=5000.0, width=0.11, step=0.5)},
            "move 'first' or 'last'",
        ),
        (
            {"windows": None, "scan": ScanPlan(first=3000.0, last=2000.0, width=0.11, step=0.5)},
            "first <= last",
        ),
        (
            {"windows": None, "scan": ScanPlan(first=3000.0, last=5000.0, width=0.11, step=1e-5)},
            "more than 1000",
        ),
        ({"fit_range": (6500.0, 2700.0)}, "must ascend"),
        ({"bins": 0.0}, "must be positive"),
        ({"bins": 9000.0}, "smaller than the fit range"),
        ({"bins": (1.0, 3.0, 2.0)}, "edges that do not ascend"),
        ({"bins": 1000.0}, "there are 4 bins"),
        ({"sidebands": 0.0}, "positive fraction"),
        ({"sidebands": ((3000.0, 3400.0),)}, "overlaps the window"),
        ({"sidebands": ((2800.0, 3100.0), (3000.0, 3200.0))}, "overlap: join them"),
        ({"sidebands": ((3200.0, 2800.0),)}, "does not ascend"),
        ({"sidebands": ((1000.0, 2000.0),)}, "no training sidebands inside of the fit range"),
    ],
)
def test_plans_that_make_no_sense(changes, match):
    with pytest.raises(ConfigError, match=match):
        resolve_regions(plan(**changes), MASS)


def test_empty_regions():
    with pytest.raises(DataError, match=r"holds none of the 3 events \(they lie between 2 and 4\)"):
        resolve_regions(plan(), np.array([2.0, 3.0, 4.0]))
    with pytest.raises(DataError, match="training sidebands"):
        resolve_regions(plan(), np.full(10, 3500.0))
    with pytest.raises(DataError, match="none at all"):
        resolve_regions(plan(), np.array([]))
