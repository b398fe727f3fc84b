"""Rates before the score, from cross sections, fractions and simulated files."""

from __future__ import annotations

import pytest

from bycatch.errors import ConfigError
from bycatch.trigger.rates import Luminosity, Normalisation, normalisation_of, process_rates

LUMINOSITY = Luminosity(5.0)
W = Normalisation(cross_section=58e3, acceptance=0.556, trigger=0.68)
TT = Normalisation(cross_section=700.0, acceptance=0.37, trigger=0.49, uncertainty=0.1)


def info(**changes: object) -> dict:
    return {
        "process": "w",
        "mixture": {},
        "cross_section_pb": 100.0,
        "cross_section_error_pb": 3.0,
        "acceptance": 0.2,
        "acceptance_error": 0.008,
        "sum_of_weights": 1000.0,
        "counts": {"in_acceptance": [0.25, 0.01]},
        **changes,
    }


def test_a_rate_is_cross_section_times_efficiencies_times_luminosity() -> None:
    rates = process_rates({"w": W, "tt": TT}, LUMINOSITY)
    assert rates["w"].per_month == pytest.approx(58e3 * 0.556 * 0.68 * 5000)
    assert rates["w"].per_day == pytest.approx(rates["w"].per_month / 30)
    assert rates["tt"].uncertainty == 0.1


def test_5_fb_a_month_is_an_average_luminosity() -> None:
    # 5e39 / cm^2 in 30 days of 86,400 s.
    found = Luminosity.from_instantaneous(5e39 / (30 * 86_400))
    assert found.per_month == pytest.approx(5.0)
    assert Luminosity.from_instantaneous(2e34, 0.1).per_month == pytest.approx(5.184)


def test_fractions_need_a_total() -> None:
    some = {"a": Normalisation(fraction=0.6), "b": Normalisation(fraction=0.4)}
    rates = process_rates(some, LUMINOSITY, 3000.0)
    assert [rate.per_day for rate in rates.values()] == pytest.approx([60.0, 40.0])
    with pytest.raises(ConfigError, match="'a' is not known: 'cross_section', 'acceptance'"):
        process_rates(some, LUMINOSITY)


def test_fractions_share_out_what_cross_sections_sum_to() -> None:
    some = {"w": W.updated({"fraction": 0.5}), "tt": TT.updated({"fraction": 0.5})}
    rates = process_rates(some, LUMINOSITY)
    total = (58e3 * 0.556 * 0.68 + 700 * 0.37 * 0.49) * 5000
    assert [rate.per_month for rate in rates.values()] == pytest.approx([total / 2, total / 2])


def test_a_total_scales_rates_from_cross_sections() -> None:
    plain = process_rates({"w": W, "tt": TT}, LUMINOSITY)
    scaled = process_rates({"w": W, "tt": TT}, LUMINOSITY, 1e6)
    assert sum(rate.per_month for rate in scaled.values()) == pytest.approx(1e6)
    ratios = [scaled[name].per_day / plain[name].per_day for name in plain]
    assert ratios[0] == pytest.approx(ratios[1])


def test_events_per_month_of_a_process_come_first() -> None:
    rates = process_rates({"w": W.updated({"events_per_month": 300.0})}, LUMINOSITY)
    assert rates["w"].per_day == pytest.approx(10.0)


@pytest.mark.parametrize(
    ("processes", "message"),
    [
        ({"a": Normalisation(fraction=0.6), "b": W}, "'a' has a 'fraction' but 'b' has none"),
        ({"a": Normalisation(fraction=0.6), "b": Normalisation(fraction=0.5)}, "sum to 1.1"),
        ({"a": Normalisation(cross_section=1.0, acceptance=0.1)}, "'trigger' is missing"),
    ],
)
def test_what_does_not_make_a_rate(processes: dict, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        total = 1e3 if any(p.fraction for p in processes.values()) else None
        process_rates(processes, LUMINOSITY, total)


def test_simulated_files_know_their_rate() -> None:
    found = normalisation_of([info()])
    assert found.cross_section == 100.0
    assert found.acceptance == 0.25
    assert found.selected == pytest.approx(0.2)
    assert found.uncertainty == pytest.approx((0.03**2 + 0.04**2) ** 0.5)
    assert normalisation_of([info()], signal=True).uncertainty == pytest.approx(0.04)


def test_several_files_are_averaged_by_what_they_generated() -> None:
    other = info(cross_section_pb=130.0, acceptance=0.3, sum_of_weights=3000.0)
    found = normalisation_of([info(), other], signal=True)
    assert found.cross_section == pytest.approx(122.5)
    assert found.selected == pytest.approx(0.275)
    both = (0.25 * 0.008) ** 2 + (0.75 * 0.008) ** 2
    assert found.uncertainty == pytest.approx(both**0.5 / 0.275)


def test_mixtures_and_files_without_truth() -> None:
    assert normalisation_of([info(mixture={"w": 0.6})]) == Normalisation()
    plain = normalisation_of([info(counts={})])
    assert (plain.acceptance, plain.trigger) == (0.2, 1.0)
