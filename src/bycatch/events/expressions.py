"""Expressions over columns: ``minimum(j1_mass, j2_mass) / 1000``, ``(pt > 30) & (label == 0)``.

The text is parsed by Python's `ast` and every node is held against an allow-list; then the tree is
walked over whole columns. Nothing is ever compiled or run, so an expression from a stranger's
configuration can do arithmetic and nothing else.

Allowed are numbers, column names, ``+ - * / ** %``, comparisons (also ``1 < x < 2``), ``& | ~``
of conditions, the functions of `FUNCTIONS`, and the constants pi, inf, nan, True and False. Columns
with several values per event take ``Jet_pt[:, 0]`` (NaN where an event has too few),
``Jet_pt[:, :2]``, ``Jet_pt[Jet_eta < 2.4]`` and the reductions sum, min, max, len, any and all over
the values of each event. A column whose name is not an identifier, or is that of a constant, stands
in backticks: `` `jet mass` / 1000 ``.
"""

from __future__ import annotations

import ast
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bycatch.errors import ColumnError, ExpressionError, nearest
from bycatch.events import operations as op
from bycatch.events.grammar import Checking, check, column_of, index_of, unquote

MAX_LENGTH = 4000


@dataclass(frozen=True)
class Expression:
    """A checked expression.

    Attributes
    ----------
    text : str
        What the user wrote.
    names : frozenset of str
        The columns that it needs.
    tree : ast.expr
        The checked syntax tree.
    quoted : tuple of str
        Names that stood in backticks, by their number.
    """

    text: str
    names: frozenset[str]
    tree: ast.expr
    quoted: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return f"Expression({self.text!r})"

    def evaluate(self, columns: Mapping[str, Any], length: int | None = None) -> Any:
        """Return the values of the expression.

        Parameters
        ----------
        columns : mapping of str to ndarray or awkward.Array
        length : int, optional
            Number of events, to which a constant expression is repeated.

        Returns
        -------
        ndarray of shape (n_events,), or awkward.Array
            Numbers are 64-bit. Division by zero and the like give inf or NaN without a warning:
            whoever uses the values counts them.

        Raises
        ------
        ColumnError
            If a column is missing.
        ExpressionError
            If the operations do not fit the columns.
        """
        for name in sorted(self.names):
            if name not in columns:
                raise ColumnError(
                    f"The expression {self.text!r} needs column {name!r}, which is not there; the "
                    f"nearest are {nearest(name, columns)}."
                )
        try:
            with np.errstate(all="ignore"):
                value = op.flat(_Walk(self, columns).value(self.tree))
        except ExpressionError as error:
            raise ExpressionError(
                f"The expression {self.text!r} cannot be evaluated: {error}"
            ) from None
        except (TypeError, ValueError, OverflowError, LookupError, NotImplementedError) as error:
            # awkward and numpy explain themselves over many lines; the first says what happened
            reason = str(error).strip().splitlines()[0] if str(error) else type(error).__name__
            raise ExpressionError(
                f"The expression {self.text!r} does not fit its columns ({reason}); lists that are "
                "combined need the same number of values in each event."
            ) from None
        if op.is_nested(value):
            return value
        array = np.asarray(value)
        return np.full(length, array) if array.ndim == 0 and length is not None else array

    def vector(self, columns: Mapping[str, Any], length: int) -> NDArray[np.float64]:
        """Return one number per event.

        Parameters
        ----------
        columns : mapping of str to ndarray or awkward.Array
        length : int
            Number of events.

        Returns
        -------
        ndarray of shape (n_events,), float64

        Raises
        ------
        ColumnError
            If a column is missing.
        ExpressionError
            If the expression gives several values per event.
        """
        value = self.evaluate(columns, length)
        if op.is_nested(value):
            raise ExpressionError(
                f"The expression {self.text!r} gives several values per event; pick one with "
                "[:, 0] or reduce them with sum, min, max or len."
            )
        return np.asarray(value, dtype=np.float64)

    def mask(self, columns: Mapping[str, Any], length: int) -> NDArray[np.bool_]:
        """Return one condition per event.

        Parameters
        ----------
        columns : mapping of str to ndarray or awkward.Array
        length : int
            Number of events.

        Returns
        -------
        ndarray of shape (n_events,), bool

        Raises
        ------
        ColumnError
            If a column is missing.
        ExpressionError
            If the expression is not a condition, or gives several values per event.
        """
        value = self.evaluate(columns, length)
        if op.is_nested(value):
            raise ExpressionError(
                f"The cut {self.text!r} gives several values per event; reduce them with any() "
                "or all()."
            )
        if value.dtype != np.bool_:
            raise ExpressionError(
                f"The cut {self.text!r} is a number, not a condition; compare it, as in x != 0."
            )
        return np.asarray(value, dtype=np.bool_)

    def column(self, node: ast.Name) -> str:
        """Return the column that a name in the tree means."""
        return column_of(node.id, self.quoted)


@lru_cache(maxsize=512)
def parse(text: str) -> Expression:
    """Parse an expression and refuse everything that is not on the list.

    Parameters
    ----------
    text : str

    Returns
    -------
    Expression

    Raises
    ------
    ExpressionError
        If the text cannot be parsed, is too long or too deep, or uses a refused construct.
    """
    if len(text) > MAX_LENGTH:
        raise ExpressionError(
            f"An expression is {len(text)} characters long; at most {MAX_LENGTH} are read."
        )
    plain, quoted = unquote(text)
    if "#" in plain:
        raise ExpressionError(
            f"The expression {text!r} holds '#', but there are no comments here; remove it."
        )
    try:
        with warnings.catch_warnings(action="ignore"):  # about literals such as 1if
            tree = ast.parse(" ".join(plain.split("\n")).strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        reason = error.msg if isinstance(error, SyntaxError) else type(error).__name__
        raise ExpressionError(f"The expression {text!r} cannot be parsed: {reason}.") from None
    names: set[str] = set()
    check(tree, Checking(text, quoted, names))
    return Expression(text=text, names=frozenset(names), tree=tree, quoted=quoted)


class _Walk:
    """Evaluate a checked tree over columns."""

    def __init__(self, expression: Expression, columns: Mapping[str, Any]) -> None:
        self.expression = expression
        self.columns = columns

    def value(self, node: ast.expr) -> Any:
        """Return the value of a node, by its type."""
        handler = getattr(self, f"_{type(node).__name__.lower()}", None)
        if handler is None:  # the check lets nothing else through
            raise ExpressionError(f"{type(node).__name__} is not allowed.")
        return handler(node)

    def _constant(self, node: ast.Constant) -> Any:
        return node.value

    def _name(self, node: ast.Name) -> Any:
        if node.id in op.CONSTANTS:
            return op.CONSTANTS[node.id]
        name = self.expression.column(node)
        return op.promote(name, self.columns[name])

    def _binop(self, node: ast.BinOp) -> Any:
        table = op.LOGIC if type(node.op) in op.LOGIC else op.ARITHMETIC
        return table[type(node.op)][1](self.value(node.left), self.value(node.right))

    def _unaryop(self, node: ast.UnaryOp) -> Any:
        table = op.LOGIC if type(node.op) in op.LOGIC else op.ARITHMETIC
        return table[type(node.op)][1](self.value(node.operand))

    def _call(self, node: ast.Call) -> Any:
        arguments = [self.value(argument) for argument in node.args]
        return op.FUNCTIONS[ast.unparse(node.func)][1](*arguments)

    def _compare(self, node: ast.Compare) -> Any:
        values = [self.value(side) for side in (node.left, *node.comparators)]
        result: Any = None
        for operator, left, right in zip(node.ops, values[:-1], values[1:], strict=True):
            step = op.COMPARISONS[type(operator)][1](left, right)
            result = step if result is None else op.ufunc(np.logical_and)(result, step)
        return result

    def _subscript(self, node: ast.Subscript) -> Any:
        value = self.value(node.value)
        if isinstance(node.slice, ast.Tuple):
            return op.subscript(value, tuple(index_of(part) for part in node.slice.elts[1:]))
        return op.subscript(value, self.value(node.slice))
