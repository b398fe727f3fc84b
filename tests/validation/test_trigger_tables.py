"""The arithmetic of the two published tables (lecture 002), and where it does not fit.

Every published number stands for all numbers that are rounded to it, so each check asks whether
some efficiency, luminosity and background within their rounding give it.
"""

from __future__ import annotations

from decimal import Decimal

import pytest

from bycatch.trigger.rates import DAYS_PER_MONTH, Luminosity, Normalisation, process_rates
from bycatch.trigger.tables import cross_section_for_events, cross_section_for_purity

Row = tuple[str, str, str]
VAE: dict[str, Row] = {
    "A -> 4l": ("2.8e-3", "7.1", "27"),
    "LQ -> b tau": ("6.5e-4", "31", "1.2e2"),
    "h0 -> tau tau": ("3.6e-4", "56", "2.2e2"),
    "h+ -> tau nu": ("1.2e-3", "17", "67"),
}
"""Efficiency at about 30 events/day; pb for 100 events/month; pb for S/B = 1/3."""
RECURRENT: dict[str, Row] = {
    "A -> 4l": ("3.3e-4", "7.2", "1.5e3"),
    "LQ -> b tau": ("5.8e-4", "4.1", "8.5e2"),
    "h0 -> tau tau": ("1.1e-3", "2.2", "4.5e2"),
    "h+ -> tau nu": ("1.4e-3", "1.7", "3.4e2"),
}
"""Efficiency at about 300 events/day; pb for 10 events/month; pb for S/B = 1/3."""
ROWS = [*((VAE, name) for name in VAE), *((RECURRENT, name) for name in RECURRENT)]
NAMES = [f"{'VAE' if table is VAE else 'recurrent'}, {name}" for table, name in ROWS]


def rounding(text: str) -> tuple[float, float]:
    """Return the interval of numbers that are rounded to `text`."""
    number = Decimal(text)
    half = Decimal(5).scaleb(int(number.as_tuple().exponent) - 1)
    return float(number - half), float(number + half)


def overlaps(one: tuple[float, float], other: tuple[float, float]) -> bool:
    return max(one[0], other[0]) <= min(one[1], other[1])


def common(intervals: list[tuple[float, float]]) -> tuple[float, float]:
    """Return what all intervals share (low above high where that is nothing)."""
    return max(low for low, _ in intervals), min(high for _, high in intervals)


def for_events(row: Row, events: float, luminosity: float) -> tuple[float, float]:
    low, high = rounding(row[0])
    month = Luminosity(luminosity)
    return (
        cross_section_for_events(events, high, month),
        cross_section_for_events(events, low, month),
    )


def for_purity(row: Row, per_month: float, luminosity: float) -> tuple[float, float]:
    low, high = rounding(row[0])
    month = Luminosity(luminosity)
    return (
        cross_section_for_purity(1 / 3, per_month, high, month),
        cross_section_for_purity(1 / 3, per_month, low, month),
    )


def luminosities(row: Row, events: float) -> tuple[float, float]:
    """Return the luminosities (1/fb per month) that a row's first cross section allows."""
    (e_low, e_high), (s_low, s_high) = rounding(row[0]), rounding(row[1])
    return events / (e_high * s_high) / 1e3, events / (e_low * s_low) / 1e3


def backgrounds(row: Row, luminosity: float) -> tuple[float, float]:
    """Return the background events per month that a row's S/B allows."""
    (e_low, e_high), (s_low, s_high) = rounding(row[0]), rounding(row[2])
    return 3e3 * luminosity * e_low * s_low, 3e3 * luminosity * e_high * s_high


def test_roundings() -> None:
    assert rounding("2.8e-3") == pytest.approx((2.75e-3, 2.85e-3))
    assert rounding("1.2e2") == (115.0, 125.0)
    assert rounding("27") == (26.5, 27.5)


@pytest.mark.parametrize("name", VAE)
def test_the_vae_table_is_5_per_fb_a_month(name: str) -> None:
    assert overlaps(for_events(VAE[name], 100.0, 5.0), rounding(VAE[name][1]))


@pytest.mark.parametrize("name", RECURRENT)
def test_the_recurrent_table_is_not(name: str) -> None:
    """It needs 20 % more cross section than 5/fb would: another luminosity was used."""
    assert for_events(RECURRENT[name], 10.0, 5.0)[1] < rounding(RECURRENT[name][1])[0]


def test_the_recurrent_table_is_one_luminosity_of_4_2() -> None:
    low, high = common([luminosities(row, 10.0) for row in RECURRENT.values()])
    assert low < high
    assert (low, high) == pytest.approx((4.12, 4.29), abs=0.01)
    assert low < 4.2 < high


def test_the_vae_s_purity_is_39_events_a_day() -> None:
    """All four rows share one background, which is not the 30 (nor 1,000/30) of the heading."""
    low, high = common([backgrounds(row, 5.0) for row in VAE.values()])
    assert low < high
    assert low / DAYS_PER_MONTH == pytest.approx(38.2, abs=0.1)
    assert high / DAYS_PER_MONTH == pytest.approx(39.2, abs=0.1)


def test_the_recurrent_purity_is_208_or_247_events_a_day() -> None:
    """All four rows share one background; neither luminosity makes it 300 a day."""
    for luminosity, (first, last) in ((4.2, (204.1, 210.1)), (5.0, (242.9, 250.1))):
        low, high = common([backgrounds(row, luminosity) for row in RECURRENT.values()])
        assert low < high
        assert (low / DAYS_PER_MONTH, high / DAYS_PER_MONTH) == pytest.approx(
            (first, last), abs=0.1
        )


@pytest.mark.parametrize(("table", "name"), ROWS, ids=NAMES)
def test_all_eight_rows_follow_from_their_efficiencies(table: dict[str, Row], name: str) -> None:
    events, luminosity = (100.0, 5.0) if table is VAE else (10.0, 4.2)
    per_month = 1160.0 if table is VAE else 6200.0
    row = table[name]
    assert overlaps(for_events(row, events, luminosity), rounding(row[1]))
    assert overlaps(for_purity(row, per_month, luminosity), rounding(row[2]))


@pytest.mark.parametrize(
    ("acceptance", "trigger", "femtobarn"),
    [("9e-2", "70e-2", "335"), ("18e-2", "69e-2", "163"), ("19e-2", "62e-2", "166"),
     ("5e-2", "98e-2", "436")],
)  # fmt: skip
def test_before_any_score(acceptance: str, trigger: str, femtobarn: str) -> None:
    """The table of the benchmarks: 100 events a month with acceptance and trigger alone."""
    (a_low, a_high), (t_low, t_high) = rounding(acceptance), rounding(trigger)
    month = Luminosity(5.0)
    ours = (
        1e3 * cross_section_for_events(100.0, a_high * t_high, month),
        1e3 * cross_section_for_events(100.0, a_low * t_low, month),
    )
    assert overlaps(ours, rounding(femtobarn))


def test_the_mixture_of_the_standard_model() -> None:
    """Events per month (110, 63, 12, 0.6 million) from cross sections, to their rounding."""
    published = {
        "w": (58e3, 0.556, 0.68, "110e6", "59.2"),
        "qcd": (1.6e8, 0.0008, 0.096, "63e6", "33.8"),
        "z": (20e3, 0.16, 0.77, "12e6", "6.7"),
        "tt": (700.0, 0.37, 0.49, "0.6e6", "0.3"),
    }
    known = {
        name: Normalisation(cross_section=s, acceptance=a, trigger=t)
        for name, (s, a, t, _, _) in published.items()
    }
    rates = process_rates(known, Luminosity(5.0))
    total = sum(rate.per_month for rate in rates.values())
    # Of QCD the acceptance of 0.08 % alone is rounded by 6 %.
    tolerance = {"w": 0.02, "qcd": 0.07, "z": 0.05, "tt": 0.1}
    for name, (*_, month, fraction) in published.items():
        assert rates[name].per_month == pytest.approx(float(month), rel=tolerance[name])
        assert 100 * rates[name].per_month / total == pytest.approx(
            float(fraction), rel=tolerance[name] + 0.1 * (name == "tt")
        )
    # 30 events a day are then a false-positive rate of 5e-6.
    assert 30 * DAYS_PER_MONTH / total == pytest.approx(4.9e-6, rel=0.02)
