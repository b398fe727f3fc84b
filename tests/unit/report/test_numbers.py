from __future__ import annotations

import math

import pytest
from scipy.stats import norm

from bycatch.report.numbers import (
    bounds,
    count,
    interval,
    number,
    p_value,
    percent,
    percent_with_error,
    with_error,
    with_errors,
    with_total,
    z_value,
)

NBSP = "\N{NO-BREAK SPACE}"
MINUS = "\N{MINUS SIGN}"
DASH = "\N{EN DASH}"


@pytest.mark.parametrize(
    ("p", "text"),
    [
        (2.1e-4, "2.1e-4"),
        (0.00999, "1.0e-2"),
        (0.03, "0.030"),
        (0.0123, "0.012"),
        (0.43, "0.43"),
        (0.0999, "0.10"),
        (0.997, "1.00"),
        (1.0, "1.00"),
        (1.94e-87, "1.9e-87"),
        (None, DASH),
        (math.nan, DASH),
        (0.0, "below 1e-300"),
    ],
)
def test_p_values(p: float | None, text: str) -> None:
    assert p_value(p) == text


@pytest.mark.parametrize("z", [8.0, 20.0, 37.0])
def test_a_p_that_underflows_is_written_from_z(z: float) -> None:
    exact = norm.logsf(z) / math.log(10)
    mantissa, exponent = p_value(0.0, z).split("e")
    # two digits are shown, and the asymptotic series is good to 3/z^4
    assert math.log10(float(mantissa)) + int(exponent) == pytest.approx(exact, abs=0.025)


@pytest.mark.parametrize(
    ("z", "text"),
    [
        (3.46, "3.5"),
        (-0.04, "0.0"),
        (-1.25, f"{MINUS}1.2"),
        (None, DASH),
        (math.inf, "\N{INFINITY}"),
        (math.nan, DASH),
    ],
)
def test_significances(z: float | None, text: str) -> None:
    assert z_value(z) == text


@pytest.mark.parametrize(
    ("value", "error", "text"),
    [
        (0.827, 0.119, "0.83 ± 0.12"),  # the PDG's own example
        (0.827, 0.367, "0.8 ± 0.4"),  # and the second one
        (512.3, 22.8, "512 ± 23"),
        (512.3, 0.967, "512.3 ± 1.0"),
        (12345.0, 512.0, "12300 ± 500"),
        (-0.001, 0.3, "0.00 ± 0.30"),
        (-3.21, 0.3, f"{MINUS}3.21 ± 0.30"),
        (None, 1.0, DASH),
        (5.0, None, "5.00"),
        (5.0, 0.0, "5.00"),
    ],
)
def test_values_with_errors(value: float | None, error: float | None, text: str) -> None:
    assert with_error(value, error).replace(NBSP, " ") == text


@pytest.mark.parametrize(
    ("value", "errors", "text"),
    [
        (54.2, (3.1, 10.6), "54 ± 3 ± 11"),
        (612.0, (14.7, 190.0), "610 ± 10 ± 190"),
        (6.12, (1.47, 1.31), "6.1 ± 1.5 ± 1.3"),
        (512.3, (0.2, 22.8), "512.3 ± 0.2 ± 22.8"),  # the small one is still shown
        (512.3, (None, 22.8), "512 ± 23"),
        (512.3, (0.0, math.nan), "512"),
        (-3.21, (0.3, 0.2), f"{MINUS}3.21 ± 0.30 ± 0.20"),
        (None, (1.0, 2.0), DASH),
    ],
)
def test_several_errors_are_rounded_alike(
    value: float | None, errors: tuple[float | None, ...], text: str
) -> None:
    assert with_errors(value, *errors).replace(NBSP, " ") == text


def test_errors_in_quadrature() -> None:
    assert with_total(100.0, 3.0, 4.0).replace(NBSP, " ") == "100 ± 5"
    assert with_total(100.0, None, 4.0).replace(NBSP, " ") == "100 ± 4"
    assert with_total(100.0, None, None) == "100"


@pytest.mark.parametrize(
    ("fraction", "error", "text"),
    [
        (0.04, 0.09, "+4 ± 9 %"),
        (-0.021, 0.05, f"{MINUS}2 ± 5 %"),
        (0.001, 0.5, "0 ± 50 %"),
        (1.2, None, "+120 %"),
        (None, 0.1, DASH),
    ],
)
def test_signed_fractions(fraction: float | None, error: float | None, text: str) -> None:
    assert percent_with_error(fraction, error).replace(NBSP, " ") == text


def test_other_numbers() -> None:
    assert count(100_000) == "100,000"
    assert count(None) == DASH
    assert percent(0.001) == f"0.1{NBSP}%"
    assert percent(0.1) == f"10{NBSP}%"
    assert number(0.0) == "0"
    assert number(1234.5) == "1234"
    assert number(-1.5e-7, 2) == f"{MINUS}1.5e-7"
    assert number(2.5e9, 2) == "2.5e9"


@pytest.mark.parametrize(
    ("window", "text"),
    [
        ((3300.0, 3700.0), "3300-3700"),
        ((3307.5, 3692.5), "3308-3692"),
        ((0.1, 0.125), "0.1-0.125"),
        ((3300.123456789, 3700.0), "3300-3700"),
        ((9.3174, 9.5571), "9.317-9.557"),
        ((9000.2, 9000.9), "9000.2-9000.9"),
        ((1e7, 1.5e7), "10000000-15000000"),
        (None, DASH),
    ],
)
def test_intervals(window: tuple[float, float] | None, text: str) -> None:
    shown = interval(window)
    assert (shown if window is None else shown.replace(DASH, "-")) == text


def test_close_bounds_can_be_told_apart() -> None:
    low, high = bounds(9.40001, 9.40002)
    assert low != high
