"""The grammar of expressions: which nodes of Python's syntax tree are allowed, and how not to."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass

from bycatch.errors import ExpressionError, nearest
from bycatch.events import operations as op

MAX_DEPTH = 200
_PLACEHOLDER = "_quoted_column_{}_"
_REFUSED = {
    ast.BoolOp: "'and' and 'or' (use & and |, with each comparison in parentheses)",
    ast.Not: "'not' (use ~ with the condition in parentheses)",
    ast.Attribute: "a dot (a column such as `jet.pt` stands in backticks)",
    ast.IfExp: "'if ... else' (use where(condition, a, b))",
    ast.Lambda: "lambda",
    ast.JoinedStr: "an f-string",
    ast.ListComp: "a comprehension",
    ast.SetComp: "a comprehension",
    ast.DictComp: "a comprehension",
    ast.GeneratorExp: "a comprehension",
    ast.NamedExpr: "':='",
    ast.Await: "await",
    ast.Yield: "yield",
    ast.YieldFrom: "yield",
    ast.FloorDiv: "// (use floor(a / b))",
    ast.MatMult: "@",
    ast.BitXor: "^ (a power is **)",
    ast.LShift: "<<",
    ast.RShift: ">>",
    ast.In: "'in'",
    ast.NotIn: "'not in'",
    ast.Is: "'is' (use ==)",
    ast.IsNot: "'is not' (use !=)",
    ast.Starred: "'*' before an argument",
    ast.Tuple: "a tuple",
    ast.List: "a list",
    ast.Set: "a set",
    ast.Dict: "a dict",
}


def unquote(text: str) -> tuple[str, tuple[str, ...]]:
    """Replace names in backticks by identifiers; return the text and the names."""
    if text.count("`") % 2:
        raise ExpressionError(f"The expression {text!r} has a backtick without a partner.")
    if "_quoted_column_" in text:
        raise ExpressionError(
            f"The expression {text!r} uses the name '_quoted_column_', which is reserved."
        )
    quoted: list[str] = []

    def placeholder(match: re.Match[str]) -> str:
        quoted.append(match.group(1))
        return _PLACEHOLDER.format(len(quoted) - 1)

    return re.sub(r"`([^`]*)`", placeholder, text), tuple(quoted)


def column_of(name: str, quoted: tuple[str, ...]) -> str:
    """Return the column that an identifier of the tree means."""
    match = re.fullmatch(r"_quoted_column_(\d+)_", name)
    return quoted[int(match.group(1))] if match and int(match.group(1)) < len(quoted) else name


@dataclass(frozen=True)
class Checking:
    """An expression while it is checked.

    Attributes
    ----------
    text : str
    quoted : tuple of str
        Names that stood in backticks.
    names : set of str
        Columns found so far.
    """

    text: str
    quoted: tuple[str, ...]
    names: set[str]

    def refused(self, what: str) -> ExpressionError:
        """Return the error that says what is not allowed."""
        return ExpressionError(f"The expression {self.text!r} uses {what}, which is not allowed.")


def check(node: ast.AST, state: Checking, depth: int = 0) -> None:
    """Refuse everything that is not allowed, by name, and collect the columns.

    Parameters
    ----------
    node : ast.AST
    state : Checking
        Its `names` receive the columns.
    depth : int
        How deep `node` is nested.

    Raises
    ------
    ExpressionError
        With what is refused and what to write instead.
    """
    if depth > MAX_DEPTH:
        raise ExpressionError(
            f"The expression {state.text[:60]!r}... is nested more than {MAX_DEPTH} deep."
        )
    if isinstance(node, ast.Name):
        if node.id not in op.CONSTANTS:
            state.names.add(column_of(node.id, state.quoted))
        return
    if isinstance(node, ast.Constant):
        _check_number(node.value, state)
        return
    if isinstance(node, ast.BinOp | ast.UnaryOp):
        if type(node.op) not in op.ARITHMETIC and type(node.op) not in op.LOGIC:
            raise state.refused(_REFUSED.get(type(node.op), type(node.op).__name__))
    elif isinstance(node, ast.Compare):
        _check_comparison(node, state)
    elif isinstance(node, ast.Call):
        _check_call(node, state)
    elif isinstance(node, ast.Subscript):
        _check_subscript(node, state, depth)
        return
    else:
        raise state.refused(_REFUSED.get(type(node), type(node).__name__))
    for child in _children(node):
        check(child, state, depth + 1)


def _children(node: ast.BinOp | ast.UnaryOp | ast.Compare | ast.Call) -> list[ast.expr]:
    if isinstance(node, ast.BinOp):
        return [node.left, node.right]
    if isinstance(node, ast.UnaryOp):
        return [node.operand]
    if isinstance(node, ast.Compare):
        return [node.left, *node.comparators]
    return list(node.args)


def _check_number(value: object, state: Checking) -> None:
    if isinstance(value, bool):
        return
    if not isinstance(value, int | float):
        what = "a text" if isinstance(value, str) else f"the constant {value!r}"
        what += " (only numbers are known)"
        raise state.refused(what)
    if isinstance(value, int) and abs(value) >= 2**63:
        raise ExpressionError(
            f"The expression {state.text[:60]!r} holds an integer beyond 64 bits; write 1e20."
        )


def _check_comparison(node: ast.Compare, state: Checking) -> None:
    for operator in node.ops:
        if type(operator) not in op.COMPARISONS:
            raise state.refused(_REFUSED.get(type(operator), type(operator).__name__))
    for side in (node.left, *node.comparators):
        if isinstance(side, ast.BinOp) and type(side.op) in op.LOGIC:
            raise ExpressionError(
                f"In the expression {state.text!r}, & and | bind more tightly than comparisons; "
                "put each comparison in parentheses, such as (a > 1) & (b < 2)."
            )


def _check_call(node: ast.Call, state: Checking) -> None:
    if not isinstance(node.func, ast.Name):
        raise state.refused(_REFUSED.get(type(node.func), "a call of something without a name"))
    name = node.func.id
    if name not in op.FUNCTIONS:
        known = nearest(name, op.FUNCTIONS)
        raise ExpressionError(
            f"The expression {state.text!r} calls {name!r}, which is not a function here; the "
            f"nearest are {known}."
        )
    if node.keywords:
        what = "named arguments"
        raise state.refused(what)
    low, high = op.FUNCTIONS[name][0]
    if not low <= len(node.args) <= high:
        hint = f" (over several columns it is {name}imum)" if name in {"min", "max"} else ""
        wanted = f"{low}" if low == high else f"{low} to {high}"
        raise ExpressionError(
            f"In the expression {state.text!r}, {name}() takes {wanted} argument(s), not "
            f"{len(node.args)}{hint}."
        )


def _check_subscript(node: ast.Subscript, state: Checking, depth: int) -> None:
    check(node.value, state, depth + 1)
    shown = f"the subscript [{ast.unparse(node.slice)}]"
    if isinstance(node.slice, ast.Tuple):
        first, *rest = node.slice.elts
        every = isinstance(first, ast.Slice) and _slice(first) == slice(None)
        if not every or not rest or any(index_of(part) is None for part in rest):
            what = f"{shown} (write [:, 0] or [:, 0:2])"
            raise state.refused(what)
    elif isinstance(node.slice, ast.Slice) or index_of(node.slice) is not None:
        what = f"{shown}, which selects events (write [:, 0])"
        raise state.refused(what)
    else:
        check(node.slice, state, depth + 1)


def _integer(node: ast.expr | None) -> int | None:
    negative = isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub)
    if isinstance(node, ast.UnaryOp) and negative:
        node = node.operand
    if isinstance(node, ast.Constant) and type(node.value) is int:
        return -node.value if negative else node.value
    return None


def _slice(node: ast.Slice) -> slice | None:
    bounds = []
    for part in (node.lower, node.upper, node.step):
        value = _integer(part)
        if part is not None and value is None:
            return None
        bounds.append(value)
    return None if bounds[2] == 0 else slice(*bounds)


def index_of(node: ast.expr) -> int | slice | None:
    """Return an index or a slice written with plain integers, else None."""
    return _slice(node) if isinstance(node, ast.Slice) else _integer(node)
