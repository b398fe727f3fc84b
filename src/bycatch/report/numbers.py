"""Numbers as text: what a physicist expects to read in a table."""

from __future__ import annotations

import math
from collections.abc import Sequence

__all__ = [
    "bounds",
    "count",
    "interval",
    "number",
    "p_value",
    "percent",
    "percent_with_error",
    "with_error",
    "with_errors",
    "with_total",
    "z_value",
]
"""Also the filters of the templates."""

MISSING = "\N{EN DASH}"
SIGMA = "\N{GREEK SMALL LETTER SIGMA}"
_MINUS = "\N{MINUS SIGN}"
_NBSP = "\N{NO-BREAK SPACE}"


def _finite(value: float | None) -> bool:
    return value is not None and math.isfinite(value)


def _signed(text: str) -> str:
    return text.replace("-", _MINUS, 1) if text.startswith("-") else text


def p_value(p: float | None, z: float | None = None) -> str:
    """Return a p-value with two digits, for example ``0.43`` or ``2.1e-4``.

    Parameters
    ----------
    p : float or None
        None or NaN gives a dash.
    z : float, optional
        Where p underflows to zero, it is written from z.
    """
    if p is None or not math.isfinite(p):
        return MISSING
    if p <= 0:
        return _p_from_z(z) if z is not None and z > 0 else "below 1e-300"
    if p >= 0.995:
        return "1.00"
    if p >= 0.01:
        return f"{p:.2f}" if p >= 0.0995 else f"{p:.3f}"
    mantissa, exponent = f"{p:.1e}".split("e")
    return f"{mantissa}e-{abs(int(exponent))}"


def _p_from_z(z: float) -> str:
    # 1 - Phi(z) = phi(z)/z (1 - 1/z^2 + ...), good to 1e-4 where p underflows (z > 37)
    log10 = (-0.5 * z * z - math.log(z * math.sqrt(2 * math.pi)) - 1 / z**2) / math.log(10)
    exponent = math.floor(log10)
    mantissa = f"{10 ** (log10 - exponent):.1f}"
    if mantissa == "10.0":
        mantissa, exponent = "1.0", exponent + 1
    return f"{mantissa}e-{abs(exponent)}"


def z_value(z: float | None) -> str:
    """Return a significance with one decimal, for example ``3.5``."""
    if z is None or math.isnan(z):
        return MISSING
    if math.isinf(z):
        return "\N{INFINITY}" if z > 0 else f"{_MINUS}\N{INFINITY}"
    text = f"{z:.1f}"
    return "0.0" if text == "-0.0" else _signed(text)


def number(value: float | None, digits: int = 3) -> str:
    """Return a number with `digits` significant digits and no exponent between 1e-4 and 1e6."""
    if value is None or not math.isfinite(value):
        return MISSING
    if value != 0 and not 1e-4 <= abs(value) < 1e6:
        mantissa, exponent = f"{value:.{digits - 1}e}".split("e")
        sign = "-" if exponent.startswith("-") else ""
        return f"{_signed(mantissa)}e{sign}{abs(int(exponent))}"
    decimals = max(0, digits - 1 - math.floor(math.log10(abs(value)))) if value else 0
    return _signed(f"{value:.{decimals}f}")


def count(value: float | None) -> str:
    """Return a number of events with thousands separated, for example ``100,000``."""
    return _signed(f"{value:,.0f}") if value is not None and math.isfinite(value) else MISSING


def percent(fraction: float | None) -> str:
    """Return a fraction in per cent, for example ``0.1 %``."""
    if fraction is None or not math.isfinite(fraction):
        return MISSING
    return f"{100 * fraction:.3g}".replace("-", _MINUS) + f"{_NBSP}%"


def _error_decimals(error: float) -> int:
    """Return the number of decimals by the PDG's rule of the three highest digits of the error."""
    exponent = math.floor(math.log10(error))
    three = round(error / 10.0 ** (exponent - 2))
    digits = 2 if three < 355 or three >= 950 else 1
    return digits - 1 - exponent - (1 if three >= 950 else 0)


def with_error(value: float | None, error: float | None) -> str:
    """Return ``value ± error`` rounded by the PDG's rule.

    Two digits of the error are kept where its three highest digits are 100 to 354, one where they
    are 355 to 949; 950 to 999 is rounded up to 1000.

    References
    ----------
    Particle Data Group, Review of Particle Physics, introduction, section 5.3 (rounding).
    """
    if value is None or not _finite(value):
        return MISSING
    if error is None or not _finite(error) or error <= 0:
        return number(value)
    decimals = _error_decimals(error)
    value, error = round(value, decimals), round(error, decimals)
    shown = max(decimals, 0)
    text = f"{value + 0.0:.{shown}f}"
    text = text.lstrip("-") if float(text) == 0 else _signed(text)
    return f"{text}{_NBSP}±{_NBSP}{error:.{shown}f}"


def with_errors(value: float | None, *errors: float | None) -> str:
    """Return a value with several errors, for example ``54 ± 3 ± 11``.

    All are rounded as `with_error` does it for the largest one, with one more digit where the
    smallest would vanish otherwise.

    Parameters
    ----------
    value : float or None
    *errors : float or None
        Missing ones are left out.
    """
    known = [error for error in errors if error is not None and _finite(error) and error > 0]
    if value is None or not _finite(value) or not known:
        return with_error(value, None)
    decimals = _error_decimals(max(known))
    if round(min(known), decimals) == 0:
        decimals += 1
    shown = max(decimals, 0)
    text = _signed(f"{round(value, decimals) + 0.0:.{shown}f}")
    for error in known:
        text += f"{_NBSP}±{_NBSP}{round(error, decimals):.{shown}f}"
    return text


def with_total(value: float | None, *errors: float | None) -> str:
    """Return a value with its errors in quadrature; missing ones are left out."""
    known = [error for error in errors if error is not None and _finite(error)]
    return with_error(value, math.hypot(*known) if known else None)


def percent_with_error(fraction: float | None, error: float | None = None) -> str:
    """Return a signed fraction with its error in per cent, for example ``+4 ± 9 %``."""
    if fraction is None or not math.isfinite(fraction):
        return MISSING
    text = with_error(100 * fraction, None if error is None else 100 * error)
    sign = "+" if text[0].isdigit() and any(c in "123456789" for c in text.split("±")[0]) else ""
    return f"{sign}{text}{_NBSP}%"


def bounds(low: float, high: float) -> tuple[str, str]:
    """Return the two ends of an interval to half a per cent of its length, at least four digits."""
    for digits in range(4, 16):
        texts = f"{low:.{digits}g}", f"{high:.{digits}g}"
        errors = (abs(float(texts[0]) - low), abs(float(texts[1]) - high))
        if max(errors) <= 5e-3 * abs(high - low):
            break
    return _signed(_long(texts[0])), _signed(_long(texts[1]))


def _long(text: str) -> str:
    value = float(text)
    return f"{value:.0f}" if "e+" in text and abs(value) < 1e9 else text


def interval(window: Sequence[float] | None) -> str:
    """Return a window as ``3300-3700`` with an en dash; a dash where there is none."""
    if window is None:
        return MISSING
    low, high = bounds(float(window[0]), float(window[1]))
    return f"{low}\N{EN DASH}{high}"
