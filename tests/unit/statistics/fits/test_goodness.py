from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from bycatch.errors import FitError
from bycatch.statistics.background import Background
from bycatch.statistics.fits.goodness import goodness_of_fit, suggest_fit_range
from bycatch.statistics.fits.order import choose_order

EDGES = np.linspace(2700.0, 6700.0, 41)
DIJET = Background("dijet", EDGES)


def rates(total: float) -> np.ndarray:
    x = 0.5 * (EDGES[1:] + EDGES[:-1]) / 13_000.0
    shape = (1 - x) ** 7 * x ** (-4.5)
    return total * shape / shape.sum()


@pytest.mark.parametrize("total", [300.0, 20_000.0])
def test_p_is_uniform_where_the_family_is_right(total: float) -> None:
    from scipy.stats import kstest

    rng = np.random.default_rng(9)
    p = []
    for counts in rng.poisson(rates(total), size=(200, 40)):
        fit = Background("dijet", EDGES, integrate=False).fit(counts, 3)
        p.append(goodness_of_fit(counts, fit, n_toys=199, rng=rng))
    assert kstest(p, "uniform").pvalue > 1e-3


def test_p_is_small_where_the_family_is_wrong() -> None:
    counts = np.round(rates(20_000.0))
    counts[20:] += 100.0
    fit = DIJET.fit(counts, 3)
    assert goodness_of_fit(counts, fit, n_toys=199, rng=np.random.default_rng(1)) == 1 / 200


def test_masked_bins_stay_masked() -> None:
    counts = np.round(rates(20_000.0))
    counts[8] += 1000.0
    fit = DIJET.fit(counts, 3, np.arange(40) != 8)
    assert goodness_of_fit(counts, fit, n_toys=199, rng=np.random.default_rng(1)) > 0.9


def test_a_failed_fit_has_no_goodness() -> None:
    fit = DIJET.fit(np.zeros(40), 3)
    with pytest.raises(FitError, match="all used bins are empty"):
        goodness_of_fit(np.zeros(40), fit, rng=np.random.default_rng(1))
    many = DIJET.fit(np.stack([rates(100.0)] * 2), 3)
    with pytest.raises(FitError, match="one spectrum at a time"):
        goodness_of_fit(np.stack([rates(100.0)] * 2), many, rng=np.random.default_rng(1))


def test_range_is_suggested_above_an_artificial_turn_on() -> None:
    expected = rates(50_000.0) / (1.0 + np.exp(-(EDGES[:-1] - 3200.0) / 100.0))
    counts = np.random.default_rng(6).poisson(expected)
    low, high = suggest_fit_range(counts, DIJET) or (0.0, 0.0)
    assert 3200.0 <= low <= 3900.0
    assert high == 6700.0
    whole = np.random.default_rng(6).poisson(rates(20_000.0))
    assert suggest_fit_range(whole, DIJET) == (2700.0, 6700.0)


def test_no_range_is_suggested_where_none_works() -> None:
    noise = 1000.0 * (1 + np.arange(40) % 2)
    assert suggest_fit_range(noise, DIJET) is None


def test_lhco_spectrum_turns_on_below_its_suggested_range(shared_data: Path) -> None:
    import pyarrow.parquet as pq

    table = pq.read_table(shared_data / "lhco" / "rd_60k.parquet", columns=["mjj", "label"])
    mass = table["mjj"].to_numpy()[table["label"].to_numpy() == 0]
    edges = np.arange(1600.0, 6501.0, 100.0)
    counts = np.histogram(mass, edges)[0]
    low, high = suggest_fit_range(counts, Background("dijet", edges)) or (0.0, 0.0)
    assert 2400.0 <= low <= 2800.0
    assert high == 6500.0


def test_cms_dijet_spectrum_is_well_described(shared_data: Path) -> None:
    rows = np.loadtxt(shared_data / "cms" / "dijet_137fb.csv", delimiter=",", skiprows=1)
    edges = np.append(rows[:, 0], rows[-1, 1])
    counts = rows[:, 2] * np.diff(edges) / 1000.0 * 137e3  # pb/TeV x TeV x pb^-1
    order = int(choose_order(counts, Background("dijet", edges))[0])
    fit = Background("dijet", edges).fit(counts, order).require()
    assert goodness_of_fit(counts, fit, n_toys=400, rng=np.random.default_rng(1)) > 0.1
