"""What an expression may do: the operators, functions and constants, on flat and nested columns.

Numbers are promoted before they are used: every integer to 64 bits and every float to double, so
that a square of an int16 column cannot overflow and a cut on a float32 column is not rounded.
"""

from __future__ import annotations

import ast
from collections.abc import Callable
from typing import Any

import numpy as np

from bycatch.errors import ExpressionError

CONSTANTS: dict[str, float | bool] = {
    "pi": float(np.pi),
    "inf": float("inf"),
    "nan": float("nan"),
    "True": True,
    "False": False,
}


def promote(name: str, values: Any) -> Any:
    """Return a column with 64-bit numbers (booleans stay).

    Parameters
    ----------
    name : str
        The column, for the message.
    values : ndarray or awkward.Array

    Raises
    ------
    ExpressionError
        If the column does not hold numbers.
    """
    if not isinstance(values, np.ndarray):
        return _promote_nested(name, values)
    kind = values.dtype.kind
    if kind == "b":
        return values
    if kind == "i":
        return values.astype(np.int64, copy=False)
    if kind == "u":
        fits = values.dtype.itemsize < 8 or not values.size or values.max() < 2**63
        return values.astype(np.int64 if fits else np.float64)
    if kind == "f":
        return values.astype(np.float64, copy=False)
    raise ExpressionError(f"Column {name!r} does not hold numbers (its type is {values.dtype}).")


def _promote_nested(name: str, values: Any) -> Any:
    import awkward as ak  # noqa: PLC0415 - slow to import, and most columns are flat

    kind = str(ak.type(values).content)
    if any(word in kind for word in ("string", "bytes", "{", "union", "datetime", "unknown")):
        if "unknown" in kind and "{" not in kind:
            return ak.values_astype(values, np.float64)  # every event is empty
        raise ExpressionError(
            f"Column {name!r} does not hold lists of numbers (its type is {kind})."
        )
    if "?" in kind or "option" in kind:
        values = ak.fill_none(values, np.nan, axis=None)
    if kind.endswith("bool"):
        return values
    integral = "int" in kind and "float" not in kind and "?" not in kind
    return ak.values_astype(values, np.int64 if integral else np.float64)


def _nested(value: Any) -> Any:
    """Turn a fixed number of values per event into lists, which broadcast against events."""
    if isinstance(value, np.ndarray) and value.ndim > 1:
        import awkward as ak  # noqa: PLC0415

        return ak.from_regular(ak.from_numpy(value), axis=None)
    return value


def flat(value: Any) -> Any:
    """Return an awkward array with one number per event as numpy; leave the rest alone."""
    if getattr(value, "layout", None) is not None and value.ndim == 1:
        import awkward as ak  # noqa: PLC0415

        return ak.to_numpy(value, allow_missing=False)
    return value


def is_nested(value: Any) -> bool:
    """Whether `value` has several values per event."""
    if isinstance(value, np.ndarray):
        return value.ndim > 1
    return getattr(value, "layout", None) is not None


def ufunc(function: Callable[..., Any]) -> Callable[..., Any]:
    """Wrap a numpy ufunc so that flat columns meet lists event by event."""

    def apply(*values: Any) -> Any:
        if any(is_nested(value) for value in values):
            values = tuple(_nested(value) for value in values)
        return function(*values)

    return apply


def _number(value: Any) -> Any:
    """Turn conditions into 0 and 1: numpy would add two of them to True."""
    if not is_condition(value):
        return value
    if getattr(value, "layout", None) is not None:
        import awkward as ak  # noqa: PLC0415

        return ak.values_astype(value, np.int64)
    return np.asarray(value, dtype=np.int64)


def _arithmetic(function: Callable[..., Any]) -> Callable[..., Any]:
    def apply(*values: Any) -> Any:
        return ufunc(function)(*(_number(value) for value in values))

    return apply


def power(base: Any, exponent: Any) -> Any:
    """Raise to a power in double precision: integer powers would overflow without a word."""
    return _arithmetic(np.float_power)(base, exponent)


def remainder(value: Any, divisor: Any) -> Any:
    """Return the remainder; by zero it is NaN, for integers too."""
    if not is_nested(divisor) and np.any(np.equal(divisor, 0)):
        divisor = np.asarray(divisor, dtype=np.float64)
    return _arithmetic(np.remainder)(value, divisor)


def logical(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    """Wrap a logical ufunc; it takes conditions only.

    ``label == 0 & mjj > 3`` means ``label == (0 & mjj) > 3`` in Python, so numbers are refused.
    """

    def apply(*values: Any) -> Any:
        if not all(is_condition(value) for value in values):
            raise ExpressionError(
                f"{name} joins conditions, but one side is a number; put each comparison in "
                "parentheses, such as (a > 1) & (b < 2), and compare a flag with == 1."
            )
        return ufunc(function)(*values)

    return apply


def is_condition(value: Any) -> bool:
    """Whether `value` is boolean."""
    if getattr(value, "layout", None) is not None:
        return "bool" in str(value.type) or "unknown" in str(value.type)
    return np.asarray(value).dtype == np.bool_


def _where(condition: Any, yes: Any, no: Any) -> Any:
    if not is_condition(condition):
        raise ExpressionError("The first argument of where() must be a condition such as a < b.")
    if not any(is_nested(value) for value in (condition, yes, no)):
        return np.where(condition, yes, no)
    import awkward as ak  # noqa: PLC0415

    return ak.where(*(_nested(value) for value in (condition, yes, no)))


def _clip(value: Any, low: Any, high: Any) -> Any:
    return ufunc(np.minimum)(ufunc(np.maximum)(value, low), high)


def _fold(function: Callable[..., Any]) -> Callable[..., Any]:
    """Extend a binary ufunc to two or more arguments."""

    def apply(first: Any, *others: Any) -> Any:
        for other in others:
            first = ufunc(function)(first, other)
        return first

    return apply


def _reduce(name: str) -> Callable[..., Any]:
    """Return a reduction over the values of each event."""

    def apply(value: Any) -> Any:
        if not is_nested(value):
            hint = {"min": "; use minimum(a, b)", "max": "; use maximum(a, b)"}.get(name, "")
            raise ExpressionError(
                f"{name}() works on the values of each event, but its argument has one value "
                f"per event{hint}."
            )
        import awkward as ak  # noqa: PLC0415

        value = _nested(value)
        if name == "len":
            return flat(ak.num(value, axis=-1))
        result = getattr(ak, name)(value, axis=-1)
        return flat(ak.fill_none(result, np.nan) if name in {"min", "max"} else result)

    return apply


def subscript(value: Any, index: tuple[int | slice, ...] | Any) -> Any:
    """Select values inside each event.

    Parameters
    ----------
    value : ndarray or awkward.Array with several values per event
    index : tuple of int or slice, or a condition on the same lists
        What follows the leading ``:`` of ``x[:, 0]``, or the condition of ``x[x > 30]``.

    Returns
    -------
    ndarray or awkward.Array
        NaN where an event of variable length has too few values.
    """
    if not is_nested(value):
        raise ExpressionError("Only columns with several values per event take a subscript.")
    if not isinstance(index, tuple):
        if not (is_nested(index) and is_condition(index)):
            raise ExpressionError(
                "A subscript is [:, 0], [:, 0:2] or a condition on the same lists."
            )
        return _nested(value)[_nested(index)]
    if isinstance(value, np.ndarray):
        try:
            return value[(slice(None), *index)]
        except IndexError as error:
            raise ExpressionError(f"A subscript does not fit: {error}.") from None
    for part in index:
        value = value[:, part] if isinstance(part, slice) else _pick(value, part)
    return value


def _pick(value: Any, position: int) -> Any:
    import awkward as ak  # noqa: PLC0415

    if not is_nested(value):
        raise ExpressionError("A subscript has more indices than the column has dimensions.")
    if value.ndim > 2:
        raise ExpressionError(
            "[:, k] needs lists of numbers, not lists of lists; reduce the inner lists first."
        )
    count = ak.to_numpy(ak.num(value, axis=1))
    enough = count > position if position >= 0 else count >= -position
    result = np.full(len(count), np.nan)
    result[enough] = ak.to_numpy(value[enough][:, position])
    return result


ARITHMETIC: dict[type[ast.AST], tuple[str, Callable[..., Any]]] = {
    ast.Add: ("+", _arithmetic(np.add)),
    ast.Sub: ("-", _arithmetic(np.subtract)),
    ast.Mult: ("*", _arithmetic(np.multiply)),
    ast.Div: ("/", _arithmetic(np.true_divide)),
    ast.Mod: ("%", remainder),
    ast.Pow: ("**", power),
    ast.USub: ("-", _arithmetic(np.negative)),
    ast.UAdd: ("+", _arithmetic(np.positive)),
}

LOGIC: dict[type[ast.AST], tuple[str, Callable[..., Any]]] = {
    ast.BitAnd: ("&", logical("&", np.logical_and)),
    ast.BitOr: ("|", logical("|", np.logical_or)),
    ast.Invert: ("~", logical("~", np.logical_not)),
}

COMPARISONS: dict[type[ast.AST], tuple[str, Callable[..., Any]]] = {
    ast.Lt: ("<", ufunc(np.less)),
    ast.LtE: ("<=", ufunc(np.less_equal)),
    ast.Gt: (">", ufunc(np.greater)),
    ast.GtE: (">=", ufunc(np.greater_equal)),
    ast.Eq: ("==", ufunc(np.equal)),
    ast.NotEq: ("!=", ufunc(np.not_equal)),
}

_UFUNCS = (
    *("abs", "sign", "floor", "ceil", "sqrt", "isfinite", "isnan"),
    *("exp", "expm1", "log", "log10", "log2", "log1p"),
    *("sin", "cos", "tan", "arcsin", "arccos", "arctan"),
    *("sinh", "cosh", "tanh", "arcsinh", "arccosh", "arctanh"),
)

FUNCTIONS: dict[str, tuple[tuple[int, int], Callable[..., Any]]] = {
    **{name: ((1, 1), _arithmetic(getattr(np, name))) for name in _UFUNCS},
    "arctan2": ((2, 2), _arithmetic(np.arctan2)),
    "hypot": ((2, 2), _arithmetic(np.hypot)),
    "minimum": ((2, 20), _fold(np.minimum)),
    "maximum": ((2, 20), _fold(np.maximum)),
    "where": ((3, 3), _where),
    "clip": ((3, 3), _clip),
    **{name: ((1, 1), _reduce(name)) for name in ("sum", "min", "max", "len", "any", "all")},
}
"""Name to (fewest and most arguments, function)."""
